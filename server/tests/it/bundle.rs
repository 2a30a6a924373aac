//! The rules as files: what is wrong with them is said with its place, and the last good ones go on deciding.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{World, soon};

use crate::{RESTART, text};

/// A folder with the shipped bundle.
pub fn shipped() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in legator_engine::Bundle::shipped() {
        let path: PathBuf = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// Each way in which a bundle can be broken: the file, what is written into it, and the line that the fault names.
const BROKEN: &[(&str, &str, u64)] = &[
    ("policies/own.cedar", "@id(\"a\")\n@rationale(\"b\")\npermit (principal, action\n", 3),
    (
        "policies/own.cedar",
        "@id(\"a\")\n@rationale(\"b.\")\nforbid (principal, action == Action::\"destroy\", resource)\nwhen { resource.colour == \"red\" };\n",
        4,
    ),
    ("scripts/admission/own.rhai", "fn admit(request, capacity) {\n    allow(\n}\n", 3),
    ("policies/commands/own.toml", "[frobnicate]\nlevel = \"dangerous\"\n", 2),
];

fn fault_of(problem: &Value, file: &str, line: u64) {
    let fault = &problem["faults"][0];
    assert_eq!((text(fault, "file"), fault["line"].as_u64()), (file, Some(line)), "{problem}");
    assert!(fault["column"].as_u64().unwrap() >= 1, "{problem}");
    assert!(!text(fault, "message").is_empty());
}

#[tokio::test]
async fn a_bundle_with_a_fault_is_refused_with_its_place_and_the_old_one_goes_on() {
    let folder = shipped();
    let world = World::plan().with_bundle(folder.path()).start().await;
    let admin = world.admin();
    let host = world.host("web-1", &["prod"]).await;
    let _probe = host.obey().await;
    let revision = admin.get("/version").await.is(200)["revision"].clone();
    for (file, content, line) in BROKEN {
        fs::write(folder.path().join(file), content).unwrap();
        let problem = admin.post("/api/v1/policies/reload", json!(null)).await.problem("bundle-refused");
        fault_of(&problem, file, *line);
        let bundle = admin.get("/api/v1/policies").await.is(200);
        assert_eq!(bundle["revision"], revision);
        assert_eq!(bundle["faults"][0]["file"], *file, "{}", bundle["faults"]);
        let health = world.stranger().get("/healthz").await.is(200);
        assert_eq!(health["status"], "degraded");
        assert_eq!(admin.ask("web-1", RESTART).await.is(202)["state"], "held");
        fs::remove_file(folder.path().join(file)).unwrap();
    }
    assert_eq!(admin.post("/api/v1/policies/reload", json!(null)).await.is(200)["changed"], false);
    assert_eq!(world.stranger().get("/healthz").await.is(200)["status"], "ok");
    assert!(!world.entries("bundle.refused").await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn the_watcher_refuses_what_is_broken_and_the_last_good_bundle_goes_on_over_a_restart() {
    let folder = shipped();
    let mut world = World::plan().with_bundle(folder.path()).start().await;
    let revision = world.admin().get("/version").await.is(200)["revision"].clone();
    let (file, content, line) = BROKEN[0];
    fs::write(folder.path().join(file), content).unwrap();
    let entry = world.entry("bundle.refused", |_| true).await;
    assert!(entry["body"]["faults"][0].as_str().unwrap().contains(&format!("{file}:{line}:")), "{entry}");
    world.restart().await;
    let bundle = world.admin().get("/api/v1/policies").await.is(200);
    assert_eq!(bundle["revision"], revision);
    assert_eq!(bundle["faults"][0]["file"], file);
    world.end().await;
}

#[tokio::test]
async fn a_server_without_any_good_bundle_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("policies")).unwrap();
    fs::write(folder.path().join("policies/own.cedar"), "permit (").unwrap();
    let data = tempfile::tempdir().unwrap();
    let config = legator_server::config::Config {
        bundle: Some(folder.path().to_owned()),
        ..legator_server::config::Config::on_loopback(data.path())
    };
    let fault = legator_server::app::App::build(&config, legator_server::clock::Clock::system()).await.err().unwrap();
    assert!(fault.to_string().contains("policies/own.cedar:1:"), "{fault}");
}

async fn watched(world: &World, kind: &str) {
    world.entry(kind, |entry| entry["actor"] == "server" && entry["index"].as_u64().unwrap() > 5).await;
}

/// Lets nobody restart anything on hosts of the lab.
fn frozen_lab(folder: &Path) {
    let policy = "@id(\"the-lab-is-frozen\")\n@rationale(\"The lab is frozen.\")\n\
                  forbid (principal, action == Action::\"remediate\", resource in Tag::\"lab\");\n";
    fs::write(folder.join("policies/lab.cedar"), policy).unwrap();
}

#[tokio::test]
async fn a_good_change_is_taken_up_by_itself_and_changes_the_next_decision() {
    let folder = shipped();
    let world = World::plan().with_bundle(folder.path()).start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("lab-1", &["lab"]).await;
    let probe = host.obey().await;
    let before = ana.run("lab-1", RESTART).await.is(200);
    frozen_lab(folder.path());
    watched(&world, "bundle.activated").await;
    soon("the change to count", async {
        while world.admin().get("/version").await.is(200)["revision"] == before["decision"]["revision"] {}
    })
    .await;
    let denied = ana.ask("lab-1", RESTART).await.problem("denied");
    assert_eq!(denied["decision"]["rationale"]["policies"][0]["id"], "the-lab-is-frozen");
    assert_ne!(denied["decision"]["revision"], before["decision"]["revision"]);
    assert_eq!(probe.ran().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn what_was_held_under_old_rules_is_judged_by_the_rules_of_the_moment_of_its_approval() {
    let folder = shipped();
    let world = World::plan().with_bundle(folder.path()).start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    let host = world.host("lab-1", &["lab", "prod"]).await;
    let probe = host.obey().await;
    let held = ana.ask("lab-1", RESTART).await.is(202);
    frozen_lab(folder.path());
    world.admin().post("/api/v1/policies/reload", json!(null)).await.is(200);
    ben.vote(text(&held, "approval"), "approve").await.is(200);
    let command = ana.ended(text(&held, "id")).await;
    assert_eq!(command["state"], "denied");
    assert!(command["decision"]["rationale"]["policies"].to_string().contains("the-lab-is-frozen"), "{command}");
    assert!(probe.ran().is_empty());
    world.end().await;
}

#[tokio::test]
async fn the_rules_can_be_read() {
    let world = World::start().await;
    let ana = world.person("ana", &["viewer"]).await;
    let bundle = ana.get("/api/v1/policies").await.is(200);
    assert_eq!(bundle["source"], "shipped");
    assert!(bundle["policies"].as_array().unwrap().len() > 10);
    let policy = ana.get("/api/v1/policies/no-self-approval").await.is(200);
    assert_eq!((text(&policy, "effect"), text(&policy, "file")), ("forbid", "policies/guardrails.cedar"));
    assert!(text(&policy, "source").contains("resource.requester == principal.id"));
    ana.get("/api/v1/policies/nothing").await.problem("not-found");
    world.end().await;
}
