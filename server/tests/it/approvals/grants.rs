//! What people agreed to ahead.

use serde_json::{Value, json};
use testkit::{Person, World};

use crate::{RESTART, WIPE, text};

fn restarts(tag: &str) -> Value {
    json!({
        "tag": tag, "level": "remediate", "programs": ["systemctl"], "line": "systemctl restart *", "for_s": 3_600,
        "reason": "the certificate is renewed every day",
    })
}

async fn agree(world: &World, voters: &[&Person], grant: &Value) {
    for voter in voters {
        voter.vote(text(grant, "approval"), "approve").await.is(200);
    }
    world.entry("grant.agreed", |entry| entry["subject"] == grant["id"]).await;
    // The log is first; what decides follows it, and closes the request when it has.
    let path = format!("/api/v1/approvals/{}", text(grant, "approval"));
    while world.admin().get(&path).await.is(200)["state"] == "pending" {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_two_people_agreed_to_ahead_runs_without_asking_until_its_time_is_over() {
    let mut world = World::plan().with_manual_clock().start().await;
    let (ana, eva) = (world.person("ana", &["operator"]).await, world.person("eva", &["operator"]).await);
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let host = world.host("web-1", &["prod"]).await;
    let grant = ana.post("/api/v1/grants", restarts("prod")).await.is(202);
    assert_eq!((text(&grant, "state"), grant["until"].is_null()), ("pending", true));
    let seen = ben.get(&format!("/api/v1/approvals/{}", text(&grant, "approval"))).await.is(200);
    assert_eq!((text(&seen, "kind"), &seen["needed"], &seen["grant"]), ("grant", &json!(2), &grant["id"]));
    assert!(text(&seen, "line").contains("let ana run systemctl as `systemctl restart *`"), "{seen}");
    // Nothing counts before people have agreed, and nobody agrees to their own.
    assert_eq!(ana.ask("web-1", RESTART).await.is(202)["state"], "held");
    ana.vote(text(&grant, "approval"), "approve").await.problem("forbidden");
    world.clock().advance(600_000);
    agree(&world, &[&ben, &cleo], &grant).await;

    world.restart().await;
    let probe = host.obey().await;
    let ran = ana.run("web-1", RESTART).await.is(200);
    assert_eq!((text(&ran, "state"), &ran["decision"]["grant"]), ("succeeded", &grant["id"]), "{ran}");
    assert!(text(&ran["decision"]["rationale"], "summary").contains("as agreed to ahead"), "{ran}");
    assert_eq!(probe.ran().len(), 1);
    let id = text(&grant, "id");
    let now = cleo.get(&format!("/api/v1/grants/{id}")).await.is(200);
    assert_eq!((text(&now, "state"), &now["used"], &now["agreed"]), ("active", &json!(1), &json!(["ben", "cleo"])));
    assert_eq!(world.counted("legator_grant_uses_total").await, 1);
    // Not for another, not for another command, and not for what cannot be taken back.
    assert_eq!(eva.ask("web-1", RESTART).await.is(202)["state"], "held");
    assert_eq!(ana.ask("web-1", &["systemctl", "stop", "nginx"]).await.is(202)["state"], "held");
    assert_eq!(ana.ask("web-1", WIPE).await.is(202)["state"], "held");
    // Its clock started when people agreed, not when it was asked for.
    world.clock().advance(3_599_000);
    assert_eq!(ana.run("web-1", RESTART).await.is(200)["state"], "succeeded");
    world.clock().advance(1_000);
    assert_eq!(ana.ask("web-1", RESTART).await.is(202)["state"], "held");
    assert_eq!(cleo.get(&format!("/api/v1/grants/{id}")).await.is(200)["state"], "expired");
    world.end().await;
}

#[tokio::test]
async fn a_grant_is_used_as_often_as_it_says_also_when_everything_is_asked_at_once() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    for n in 1..=4 {
        world.host(&format!("web-{n}"), &["prod"]).await;
    }
    let mut wish = restarts("prod");
    wish["uses"] = 2.into();
    let grant = ana.post("/api/v1/grants", wish).await.is(202);
    agree(&world, &[&ben, &cleo], &grant).await;
    let group = ana.post("/api/v1/fleet/by-tag/prod/command", json!({ "argv": RESTART })).await.is(200);
    assert_eq!(group["counts"]["held"], 2, "{group}");
    let now = ana.get(&format!("/api/v1/grants/{}", text(&grant, "id"))).await.is(200);
    assert_eq!(text(&now, "state"), "used-up", "{now}");
    world.end().await;
}

#[tokio::test]
async fn a_grant_ends_when_somebody_ends_it_and_counts_no_voice_of_who_is_gone() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    world.host("web-1", &["prod"]).await;
    let first = ana.post("/api/v1/grants", restarts("prod")).await.is(202);
    agree(&world, &[&ben, &cleo], &first).await;
    let path = format!("/api/v1/grants/{}/revoke", text(&first, "id"));
    ana.post(&path, json!({ "reason": "over" })).await.problem("forbidden");
    ben.post(&path, json!({ "reason": " " })).await.problem("invalid");
    let ended = ben.post(&path, json!({ "reason": "the job is gone" })).await.is(200);
    assert_eq!((text(&ended, "state"), text(&ended, "ended_by")), ("revoked", "ben"));
    ben.post(&path, json!({ "reason": "again" })).await.problem("invalid");
    assert_eq!(ana.ask("web-1", RESTART).await.is(202)["state"], "held");

    let second = ana.post("/api/v1/grants", restarts("prod")).await.is(202);
    agree(&world, &[&ben, &cleo], &second).await;
    for gone in [&ben, &cleo] {
        let path = format!("/api/v1/users/{}", gone.id);
        world.admin().patch(&path, json!({ "disabled": true })).await.is(200);
    }
    assert_eq!(ana.ask("web-1", RESTART).await.is(202)["state"], "held");
    world.end().await;
}

#[tokio::test]
async fn a_wish_that_is_denied_expires_or_is_taken_back_counts_for_nothing() {
    let world = World::plan().with_manual_clock().start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    world.host("web-1", &["prod"]).await;
    let denied = ana.post("/api/v1/grants", restarts("prod")).await.is(202);
    ben.vote(text(&denied, "approval"), "deny").await.is(200);
    world.entry("grant.refused", |entry| entry["subject"] == denied["id"]).await;
    world.clock().advance(1);
    let taken_back = ana.post("/api/v1/grants", restarts("prod")).await.is(202);
    let path = format!("/api/v1/grants/{}/revoke", text(&taken_back, "id"));
    ben.post(&path, json!({ "reason": "not now" })).await.is(200);
    world.clock().advance(1);
    let late = ana.post("/api/v1/grants", restarts("prod")).await.is(202);
    world.clock().advance(24 * 3_600_000);
    world.entry("grant.refused", |entry| entry["subject"] == late["id"]).await;
    let list = ana.get("/api/v1/grants").await.is(200);
    let states: Vec<&str> = list["grants"].as_array().unwrap().iter().map(|one| text(one, "state")).collect();
    assert_eq!(states, ["refused", "revoked", "refused"]);
    let states = ["expired", "withdrawn", "denied"];
    for (grant, state) in list["grants"].as_array().unwrap().iter().zip(states) {
        let request = ben.get(&format!("/api/v1/approvals/{}", text(grant, "approval"))).await.is(200);
        assert_eq!(text(&request, "state"), state);
    }
    assert_eq!(ana.ask("web-1", RESTART).await.is(202)["state"], "held");
    world.end().await;
}

#[tokio::test]
async fn what_makes_no_sense_to_agree_to_is_refused() {
    let world = World::start().await;
    let (ana, vera) = (world.person("ana", &["operator"]).await, world.person("vera", &["viewer"]).await);
    let with = |field: &str, value: Value| {
        let mut wish = restarts("prod");
        wish[field] = value;
        wish
    };
    for wish in [
        with("programs", json!([])),
        with("level", json!("everything")),
        with("for_s", json!(0)),
        with("for_s", json!(i64::MAX)),
        with("reason", json!(" ")),
        with("uses", json!(0)),
        with("probe", json!("web-1")),
        with("tag", Value::Null),
        with("principal", json!("nobody")),
        with("line", json!("x".repeat(3_000))),
    ] {
        ana.post("/api/v1/grants", wish).await.problem("invalid");
    }
    let mut wish = with("tag", Value::Null);
    wish["probe"] = json!("no-such-host");
    ana.post("/api/v1/grants", wish).await.problem("not-found");
    vera.post("/api/v1/grants", restarts("prod")).await.problem("forbidden");
    vera.get("/api/v1/grants/grt_x").await.problem("not-found");
    world.end().await;
}

#[tokio::test]
async fn what_a_wish_would_come_to_is_shown_and_asks_nobody() {
    let world = World::start().await;
    let (ana, vera) = (world.person("ana", &["operator"]).await, world.person("vera", &["viewer"]).await);
    world.host("web-1", &["prod"]).await;
    world.host("web-2", &["prod"]).await;
    world.host("db-1", &["db"]).await;
    let seen = ana.post("/api/v1/grants/preview", restarts("prod")).await.is(200);
    assert_eq!((&seen["n_hosts"], &seen["approvals"]), (&json!(2), &json!(2)), "{seen}");
    let names: Vec<&str> = seen["hosts"].as_array().unwrap().iter().map(|host| text(host, "name")).collect();
    assert_eq!(names, ["web-1", "web-2"]);
    assert!(text(&seen, "line").contains("let ana run systemctl as `systemctl restart *`"), "{seen}");
    // Whom policy would refuse is told why, and no refusal is written down for a look.
    let refused = vera.post("/api/v1/grants/preview", restarts("prod")).await.is(200);
    assert!(refused["approvals"].is_null() && !text(&refused, "why").is_empty(), "{refused}");
    vera.post("/api/v1/grants", restarts("prod")).await.problem("forbidden");
    assert_eq!(world.entries("access.refused").await.len(), 1, "the asking alone");
    let mut wrong = restarts("prod");
    wrong["programs"] = json!([]);
    ana.post("/api/v1/grants/preview", wrong.clone()).await.problem("invalid");
    wrong = restarts("prod");
    wrong["probe"] = "web-1".into();
    ana.post("/api/v1/grants/preview", wrong).await.problem("invalid");
    assert_eq!(ana.get("/api/v1/grants").await.is(200)["grants"], json!([]));
    assert_eq!(ana.get("/api/v1/approvals").await.is(200)["pending_count"], 0);
    // It is what people are asked then, to the letter.
    let asked = ana.post("/api/v1/grants", restarts("prod")).await.is(202);
    assert_eq!(asked["policy"], seen["policy"]);
    world.end().await;
}
