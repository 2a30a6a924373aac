//! Broken glass: loud, reasoned, limited, and looked back at.

use serde_json::{Value, json};
use testkit::{Person, World};

use crate::{RESTART, text};

/// A world where the second factor is not asked for, since an API key has none.
async fn world() -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let rules = legator_engine::Bundle::shipped().into_iter().filter(|(path, _)| !path.ends_with(".cases.toml"));
    for (path, bytes) in rules {
        let file = folder.path().join(&path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let text = if path == "policies/guardrails.cedar" { text.replace("context.mfa &&", "") } else { text };
        std::fs::write(file, text).unwrap();
    }
    (World::plan().with_bundle(folder.path()).start().await, folder)
}

fn broken(why: &str) -> Value {
    json!({ "argv": RESTART, "breakglass": why })
}

const PATH: &str = "/api/v1/probes/web-1/command";

async fn break_it(person: &Person) -> Value {
    person.post(PATH, broken("the site is down and nobody answers")).await.is(202)
}

#[tokio::test]
async fn glass_that_broke_in_one_tenant_is_whole_in_another() {
    let (world, _folder) = world().await;
    let admin = world.admin();
    let house = text(&admin.get("/api/v1/me").await.is(200), "id").to_owned();
    admin.put(&format!("/api/v1/users/{house}/grants"), json!({ "grants": ["org:house"] })).await.is(200);
    for tenant in ["red", "blue"] {
        world.tenant(tenant).await;
    }
    let host = world.host_with("web-1", json!({ "name": "first", "tags": ["prod"], "tenant": "red" })).await;
    let _probe = host.obey().await;
    let kim = world.granted("kim", &["administrator"], &["tenant:red"]).await;
    let command = break_it(&kim).await;
    let id = text(&command, "id");
    kim.ended(id).await;
    assert_eq!(kim.get("/api/v1/breakglass").await.is(200)["unreviewed"], 1);

    let ana = world.granted("ana", &["administrator", "approver"], &["tenant:blue"]).await;
    for query in ["", "?unreviewed=true", "?limit=1"] {
        let list = ana.get(&format!("/api/v1/breakglass{query}")).await.is(200);
        assert_eq!((&list["breaks"], &list["unreviewed"], list.get("next_cursor")), (&json!([]), &json!(0), None));
    }
    let verdict = json!({ "verdict": "justified", "note": "the page of the incident says so" });
    for id in [id, "cmd_7ZZZZZZZZZ0000000000000000"] {
        ana.get(&format!("/api/v1/breakglass/{id}")).await.problem("not-found");
        ana.post(&format!("/api/v1/breakglass/{id}/review"), verdict.clone()).await.problem("not-found");
    }
    assert_eq!(kim.get("/api/v1/breakglass").await.is(200)["unreviewed"], 1);
    world.end().await;
}

#[tokio::test]
async fn broken_glass_is_loud_and_waits_for_another_person_to_look() {
    let (mut world, _folder) = world().await;
    let host = world.host("web-1", &["prod"]).await;
    let (kim, ben) = (world.person("kim", &["administrator"]).await, world.person("ben", &["approver"]).await);
    let probe = host.obey().await;
    let command = break_it(&kim).await;
    let id = text(&command, "id");
    kim.ended(id).await;
    assert_eq!(probe.ran(), ["systemctl restart nginx"]);
    let entry = world.entry("breakglass.used", |entry| entry["command"] == command["id"]).await;
    assert_eq!(entry["body"]["reason"], "the site is down and nobody answers");
    assert_eq!(world.counted("legator_breakglass_total").await, 1);
    assert_eq!(world.counted("legator_breakglass_unreviewed").await, 1);
    world.restart().await;
    assert_eq!(world.counted("legator_breakglass_unreviewed").await, 1);

    let list = ben.get("/api/v1/breakglass?unreviewed=true").await.is(200);
    assert_eq!((&list["unreviewed"], &list["breaks"][0]["can_review"]), (&json!(1), &json!(true)), "{list}");
    assert_eq!(kim.get("/api/v1/breakglass").await.is(200)["breaks"][0]["can_review"], false);
    let path = format!("/api/v1/breakglass/{id}/review");
    let verdict = json!({ "verdict": "justified", "note": "the page of the incident says so" });
    let refused = kim.post(&path, verdict.clone()).await.problem("forbidden");
    assert_eq!(refused["decision"]["rationale"]["policies"][0]["id"], "nobody-reviews-themselves");
    ben.post(&path, json!({ "verdict": "justified", "note": " " })).await.problem("invalid");
    let reviewed = ben.post(&path, verdict.clone()).await.is(200);
    assert_eq!((text(&reviewed["review"], "name"), text(&reviewed["review"], "verdict")), ("ben", "justified"));
    ben.post(&path, verdict).await.problem("invalid");
    assert_eq!(ben.get("/api/v1/breakglass?unreviewed=true").await.is(200)["breaks"], json!([]));
    assert_eq!(world.counted("legator_breakglass_unreviewed").await, 0);
    ben.post("/api/v1/breakglass/cmd_x/review", json!({ "verdict": "justified", "note": "x" }))
        .await
        .problem("not-found");
    world.end().await;
}

#[tokio::test]
async fn the_glass_is_not_broken_a_fourth_time_before_somebody_has_looked() {
    let (mut world, _folder) = world().await;
    let (kim, ben) = (world.person("kim", &["administrator"]).await, world.person("ben", &["approver"]).await);
    for n in 1..=5 {
        world.host(&format!("web-{n}"), &["prod"]).await;
    }
    // Asked at once they are counted one by one.
    let wish = broken("the site is down and nobody answers");
    let group = kim.post("/api/v1/fleet/by-tag/prod/command", wish).await.is(200);
    assert_eq!((&group["counts"]["dispatched"], &group["counts"]["held"]), (&json!(3), &json!(2)), "{group}");
    world.restart().await;
    assert_eq!(break_it(&kim).await["state"], "held");
    let list = ben.get("/api/v1/breakglass").await.is(200);
    for one in list["breaks"].as_array().unwrap() {
        let path = format!("/api/v1/breakglass/{}/review", text(one, "command"));
        ben.post(&path, json!({ "verdict": "unjustified", "note": "nothing was down" })).await.is(200);
    }
    assert_ne!(break_it(&kim).await["state"], "held");
    world.end().await;
}

#[tokio::test]
async fn glass_that_was_not_needed_was_not_broken() {
    let (world, _folder) = world().await;
    let host = world.host("web-1", &["prod"]).await;
    let _probe = host.obey().await;
    let kim = world.person("kim", &["administrator"]).await;
    let look = json!({ "argv": ["uptime"], "breakglass": "the site is down and nobody answers" });
    let done = kim.post(&format!("{PATH}?wait=true"), look).await.is(200);
    assert_eq!(done["state"], "succeeded");
    assert_eq!(kim.get("/api/v1/breakglass").await.is(200)["breaks"], json!([]));
    assert_eq!(world.entries("breakglass.").await.len(), 0);
    world.end().await;
}

#[tokio::test]
async fn who_may_not_or_says_nothing_or_wants_it_later_breaks_no_glass() {
    let (world, _folder) = world().await;
    world.host("web-1", &["prod"]).await;
    let (kim, ana) = (world.person("kim", &["administrator"]).await, world.person("ana", &["operator"]).await);
    assert_eq!(break_it(&ana).await["state"], "held");
    kim.post(PATH, broken("")).await.problem("invalid");
    kim.post(PATH, broken("       x")).await.problem("invalid");
    let later = json!({ "argv": RESTART, "breakglass": "the site is down", "expires_in_s": 901 });
    kim.post(PATH, later).await.problem("invalid");
    assert_eq!(kim.get("/api/v1/breakglass").await.is(200)["breaks"], json!([]));
    world.end().await;
}
