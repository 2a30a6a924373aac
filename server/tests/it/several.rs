//! One ask to several probes by name, each decided by itself; and what large answers weigh.

use serde_json::json;
use testkit::World;

use crate::{RESTART, text};

#[tokio::test]
async fn several_probes_are_asked_by_name_and_each_is_decided_by_itself() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let web = world.host("web-1", &["web"]).await.obey().await;
    let prod = world.host("prod-1", &["prod"]).await.obey().await;
    let ask = json!({ "probes": ["web-1", "prod-1", "web-1"], "argv": RESTART });

    let forecast = ana.post("/api/v1/commands/simulate", ask.clone()).await.is(200);
    assert_eq!((&forecast["total"], text(&forecast, "line")), (&json!(2), RESTART.join(" ").as_str()));
    assert_eq!(forecast["counts"], json!({ "allow": 1, "hold": 1 }));
    let places = ["web-1", "prod-1"].map(|name| json!(name));
    assert_eq!(
        [&forecast["results"][0]["probe_name"], &forecast["results"][1]["probe_name"]],
        [&places[0], &places[1]]
    );
    assert_eq!(forecast["results"][0]["level"], "remediate");
    assert_eq!(ana.get("/api/v1/commands").await.is(200)["commands"], json!([]));

    let asked = ana.post("/api/v1/commands", ask).await.is(200);
    assert_eq!((&asked["total"], &asked["counts"]["held"]), (&json!(2), &json!(1)), "{asked}");
    let of_group = ana.get(&format!("/api/v1/commands?group={}", text(&asked, "group"))).await.is(200);
    assert_eq!(of_group["commands"].as_array().unwrap().len(), 2);
    drop((web, prod));
    world.end().await;
}

#[tokio::test]
async fn one_unknown_name_and_nothing_is_asked() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let web = world.host("web-1", &["web"]).await.obey().await;
    for (probes, problem) in [(json!(["web-1", "web-2"]), "not-found"), (json!([]), "invalid")] {
        for path in ["/api/v1/commands", "/api/v1/commands/simulate"] {
            ana.post(path, json!({ "probes": probes.clone(), "argv": ["uptime"] })).await.problem(problem);
        }
    }
    ana.post("/api/v1/commands", json!({ "probes": ["web-1"] })).await.problem("bad-command");
    assert_eq!(ana.get("/api/v1/commands").await.is(200)["commands"], json!([]));
    let viewer = world.person("vera", &["viewer"]).await;
    viewer.post("/api/v1/commands/simulate", json!({ "probes": ["web-1"], "argv": ["uptime"] })).await;
    let asked = viewer.post("/api/v1/commands", json!({ "probes": ["web-1"], "argv": ["uptime"] })).await.is(200);
    assert_eq!(asked["counts"], json!({ "denied": 1 }), "{asked}");
    drop(web);
    world.end().await;
}
