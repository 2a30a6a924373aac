//! A candidate in the shadow: it decides what was decided, and the live decision does not know.

use serde_json::{Value, json};
use testkit::{World, soon};

use crate::replay::{FROZEN_LAB, with_policy};
use crate::{RESTART, text};

/// The shadow, once it has looked at so many judgements.
async fn after(world: &World, judgements: u64) -> Value {
    let seen = async {
        loop {
            let shadow = world.admin().get("/api/v1/bundles/shadow").await.is(200);
            let n = |field: &Value| field.as_u64().unwrap();
            if n(&shadow["tally"]["decisions"]) + n(&shadow["gave_up"]) + n(&shadow["dropped"]) >= judgements {
                return shadow;
            }
        }
    };
    soon("the shadow to decide", seen).await
}

#[tokio::test]
async fn decides_beside_the_live_bundle_and_lists_where_it_differs() {
    let world = World::start().await;
    let (admin, ana) = (world.admin(), world.person("ana", &["operator"]).await);
    let probe = world.host("lab-1", &["lab"]).await.obey().await;
    admin.get("/api/v1/bundles/shadow").await.problem("not-found");
    let started = admin
        .post("/api/v1/bundles/shadow", json!({ "of": "commands", "files": with_policy(FROZEN_LAB) }))
        .await
        .is(200);
    assert_eq!(started["tally"]["decisions"], 0);
    ana.run("lab-1", &["uptime"]).await.is(200);
    let live = ana.run("lab-1", RESTART).await.is(200);
    assert_eq!(live["state"], "succeeded", "the shadow changed a live decision");
    assert_eq!(probe.ran().len(), 2);

    let shadow = after(&world, 2).await;
    assert_eq!(shadow["candidate"], started["candidate"]);
    assert_eq!(shadow["tally"]["kinds"], json!({ "newly-denied": 1, "same": 1 }), "{shadow}");
    assert_eq!(shadow["tally"]["by_policy"]["the-lab-is-frozen"]["newly-denied"], 1);
    let difference = &shadow["differences"][0];
    assert_eq!((text(difference, "command"), text(difference, "outcome_after")), (text(&live, "id"), "deny"));
    let at = format!("/api/v1/bundles/shadow/{}/{}", text(difference, "command"), difference["judgement"]);
    let both = admin.get(&at).await.is(200);
    assert_eq!(both["after"]["rationale"]["policies"][0]["id"], "the-lab-is-frozen");
    let none = admin.get("/api/v1/bundles/shadow?kind=newly-allowed").await.is(200);
    assert_eq!(none["differences"], json!([]));
    assert_eq!(world.counted("legator_shadow_decisions_total{name=\"newly-denied\"}").await, 1);
    assert_eq!(world.counted("legator_shadow_on").await, 1);

    assert_eq!(admin.delete("/api/v1/bundles/shadow").await.status, 204);
    admin.delete("/api/v1/bundles/shadow").await.problem("not-found");
    let entry = world.entry("shadow.stopped", |_| true).await;
    assert_eq!(entry["body"]["kinds"]["newly-denied"], 1, "{entry}");
    ana.run("lab-1", RESTART).await.is(200);
    assert_eq!(world.counted("legator_shadow_decisions_total{name=\"newly-denied\"}").await, 1);
    assert_eq!(world.counted("legator_shadow_on").await, 0);
    world.end().await;
}

#[tokio::test]
async fn goes_on_after_a_restart_with_what_it_had_counted() {
    let mut world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("lab-1", &["lab"]).await;
    let probe = host.obey().await;
    world
        .admin()
        .post("/api/v1/bundles/shadow", json!({ "of": "commands", "files": with_policy(FROZEN_LAB) }))
        .await
        .is(200);
    ana.run("lab-1", RESTART).await.is(200);
    after(&world, 1).await;
    drop(probe);
    world.restart().await;
    let shadow = after(&world, 1).await;
    assert_eq!(shadow["tally"]["kinds"], json!({ "newly-denied": 1 }));
    let _probe = host.obey().await;
    ana.run("lab-1", RESTART).await.is(200);
    let shadow = after(&world, 2).await;
    assert_eq!(shadow["tally"]["kinds"], json!({ "newly-denied": 2 }));
    assert_eq!(shadow["differences"].as_array().unwrap().len(), 2);
    world.end().await;
}

#[tokio::test]
async fn a_candidate_that_is_too_slow_is_given_up_and_no_difference() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let _probe = world.host("lab-1", &["lab"]).await.obey().await;
    let mut files = with_policy("");
    files.remove("policies/own.cedar");
    let manifest = files.keys().find(|path| path.ends_with("bundle.toml")).unwrap().clone();
    files.insert(manifest, "[admission]\noperations = 10000000\n".to_owned());
    let slow =
        "fn admit(request, capacity) {\n    if request.line.contains(\"systemctl\") { loop { } }\n    allow()\n}\n";
    files.insert("scripts/admission/slow.rhai".to_owned(), slow.to_owned());
    world.admin().post("/api/v1/bundles/shadow", json!({ "of": "commands", "files": files })).await.is(200);
    assert_eq!(ana.run("lab-1", RESTART).await.is(200)["state"], "succeeded");
    let shadow = after(&world, 1).await;
    assert_eq!((&shadow["gave_up"], &shadow["tally"]["decisions"]), (&json!(1), &json!(0)), "{shadow}");
    assert_eq!(shadow["differences"], json!([]));
    assert_eq!(world.counted("legator_shadow_missed_total{name=\"too-slow\"}").await, 1);
    world.end().await;
}

#[tokio::test]
async fn what_the_shadow_has_no_time_for_is_dropped_and_the_live_decision_does_not_wait() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let _probe = world.host("lab-1", &["lab"]).await.obey().await;
    // A listener that never listens, with room for one.
    let (ear, mut heard) = tokio::sync::mpsc::channel(1);
    let tap = world.app().road.tap();
    tap.listen(ear);
    for _ in 0..3 {
        ana.run("lab-1", &["uptime"]).await.is(200);
    }
    assert_eq!(tap.take_dropped(), 2);
    let first = heard.recv().await.unwrap();
    assert_eq!((first.n, first.decision.outcome.as_str()), (1, "allow"));
    tap.stop();
    assert!(heard.recv().await.is_none());
    world.end().await;
}

#[tokio::test]
async fn only_who_may_lets_a_bundle_decide_in_the_shadow() {
    let world = World::start().await;
    let admin = world.admin();
    let ana = world.person("ana", &["operator"]).await;
    ana.post("/api/v1/bundles/live/shadow", json!(null)).await.problem("forbidden");
    admin.post("/api/v1/bundles/nothing/shadow", json!(null)).await.problem("not-found");
    admin
        .post("/api/v1/bundles/shadow", json!({ "of": "commands", "files": with_policy("permit (") }))
        .await
        .problem("bundle-refused");
    let author = world.person("cara", &["policy-author"]).await;
    author.post("/api/v1/bundles/live/shadow", json!(null)).await.is(200);
    author.get("/api/v1/bundles/shadow").await.problem("forbidden");
    assert_eq!(world.entries("shadow.started").await.len(), 1);
    assert_eq!(author.delete("/api/v1/bundles/shadow").await.status, 204);
    world.end().await;
}
