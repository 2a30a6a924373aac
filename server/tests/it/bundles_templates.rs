//! Policies for people without git: templates applied to probes and tags, and policies written over the API.

use std::fs;

use serde_json::{Value, json};
use testkit::World;

use crate::bundle::shipped;
use crate::bundles::FROZEN;
use crate::{RESTART, text};

async fn ceiling(world: &World, probe: &str) -> String {
    text(&world.admin().get(&format!("/api/v1/probes/{probe}")).await.is(200), "ceiling").to_owned()
}

fn applied<'v>(list: &'v Value, template: &str) -> Vec<&'v str> {
    let found = list["templates"].as_array().unwrap().iter().find(|one| one["id"] == template).unwrap();
    found["applied"].as_array().unwrap().iter().map(|one| text(one, "resource")).collect()
}

#[tokio::test]
async fn a_template_that_is_applied_decides_at_once_and_the_ceiling_follows() {
    let world = World::start().await;
    let (admin, ana) = (world.admin(), world.person("ana", &["operator"]).await);
    let host = world.host("lab-1", &["lab"]).await;
    let _probe = host.obey().await;
    ana.run("lab-1", RESTART).await.is(200);
    let done = admin.post("/api/v1/probes/lab-1/apply-policy/observe-only?reason=audit", json!(null)).await.is(200);
    assert_eq!(done["reason"], "audit");
    assert_eq!(ceiling(&world, "lab-1").await, "observe");
    let denied = ana.ask("lab-1", RESTART).await.problem("denied");
    let id = format!("observe-only.probe.{}", host.id);
    assert_eq!(denied["decision"]["rationale"]["policies"][0]["id"], id);
    ana.run("lab-1", &["uptime"]).await.is(200);
    let list = ana.get("/api/v1/policies/templates").await.is(200);
    assert_eq!(applied(&list, "observe-only"), [format!("Probe::{}", host.id)]);
    let entry = world.entry("probe.ceiling_changed", |_| true).await;
    assert_eq!((&entry["body"]["after"], &entry["body"]["why"]["link"]), (&json!("observe"), &json!(id)));

    // One level at a time: the next takes its place.
    admin.post("/api/v1/probes/lab-1/apply-policy/remediate", json!(null)).await.is(200);
    assert_eq!(ceiling(&world, "lab-1").await, "remediate");
    assert_eq!(applied(&ana.get("/api/v1/policies/templates").await.is(200), "observe-only"), Vec::<&str>::new());
    ana.run("lab-1", RESTART).await.is(200);
    let bundle = admin.get("/api/v1/bundles/active").await.is(200);
    assert_eq!((text(&bundle["origin"], "kind"), &bundle["passed"]), ("template", &json!(true)));
    admin.delete("/api/v1/probes/lab-1/apply-policy/observe-only").await.problem("not-found");
    admin.delete("/api/v1/probes/lab-1/apply-policy/remediate").await.is(200);
    assert_eq!(ceiling(&world, "lab-1").await, "destroy");

    ana.post("/api/v1/probes/lab-1/apply-policy/diagnose", json!(null)).await.problem("forbidden");
    admin.post("/api/v1/probes/lab-1/apply-policy/nothing", json!(null)).await.problem("not-found");
    admin.post("/api/v1/probes/nobody/apply-policy/diagnose", json!(null)).await.problem("not-found");
    world.end().await;
}

#[tokio::test]
async fn a_template_on_a_tag_holds_for_every_probe_that_has_it_and_a_rollback_takes_it_back() {
    let world = World::start().await;
    let admin = world.admin();
    world.host("lab-1", &["lab"]).await;
    world.host("web-1", &["web"]).await;
    admin.post("/api/v1/tags/lab/apply-policy/diagnose", json!(null)).await.is(200);
    assert_eq!((ceiling(&world, "lab-1").await, ceiling(&world, "web-1").await), ("diagnose".into(), "destroy".into()));
    admin.put("/api/v1/probes/web-1/tags", json!({ "tags": ["lab"] })).await.is(200);
    world.entry("probe.ceiling_changed", |entry| entry["subject"] == "web-1").await;
    admin.post("/api/v1/bundles/rollback", json!({})).await.is(200);
    world.entry("probe.ceiling_changed", |entry| entry["body"]["after"] == "destroy").await;
    admin.delete("/api/v1/tags/lab/apply-policy/diagnose").await.problem("not-found");
    world.end().await;
}

#[tokio::test]
async fn what_the_api_wrote_stays_when_the_source_changes_and_over_a_restart() {
    let folder = shipped();
    let mut world = World::plan().with_bundle(folder.path()).start().await;
    world.host("lab-1", &["lab"]).await;
    world.admin().post("/api/v1/tags/lab/apply-policy/diagnose", json!(null)).await.is(200);
    assert!(world.admin().get("/api/v1/bundles/source").await.is(200)["pin"].is_null());
    fs::write(folder.path().join("policies/own.cedar"), FROZEN).unwrap();
    world.entry("bundle.activated", |entry| entry["body"]["how"] == "source").await;
    world.restart().await;
    let list = world.admin().get("/api/v1/policies/templates").await.is(200);
    assert_eq!(applied(&list, "diagnose"), ["Tag::lab"]);
    world.admin().get("/api/v1/policies/the-lab-is-frozen").await.is(200);
    assert_eq!(ceiling(&world, "lab-1").await, "diagnose");
    world.end().await;
}

#[tokio::test]
async fn a_policy_is_written_replaced_and_taken_away_over_the_api() {
    let world = World::start().await;
    let (admin, ana) = (world.admin(), world.person("ana", &["operator"]).await);
    let _probe = world.host("lab-1", &["lab"]).await.obey().await;
    admin.post("/api/v1/policies", json!({ "name": "lab", "source": FROZEN })).await.is(200);
    ana.ask("lab-1", RESTART).await.problem("denied");
    admin.post("/api/v1/policies", json!({ "name": "lab", "source": "permit (" })).await.problem("bundle-refused");
    admin.post("/api/v1/policies", json!({ "name": "../lab", "source": FROZEN })).await.problem("invalid");
    let template = FROZEN.replace("Tag::\"lab\"", "?resource");
    admin.post("/api/v1/policies", json!({ "name": "lab", "source": template })).await.is(200);
    ana.run("lab-1", RESTART).await.is(200);
    admin.post("/api/v1/tags/lab/apply-policy/the-lab-is-frozen", json!(null)).await.is(200);
    ana.ask("lab-1", RESTART).await.problem("denied");
    // A template that is applied is not taken away from under its links.
    admin.delete("/api/v1/policies/lab").await.problem("bundle-refused");
    admin.delete("/api/v1/tags/lab/apply-policy/the-lab-is-frozen").await.is(200);
    admin.delete("/api/v1/policies/lab").await.is(200);
    admin.delete("/api/v1/policies/lab").await.problem("not-found");
    admin.delete("/api/v1/policies/no-self-approval").await.problem("not-found");
    ana.post("/api/v1/policies", json!({ "name": "lab", "source": FROZEN })).await.problem("forbidden");
    world.end().await;
}
