//! What people arrange around votes: reasons, comments, standing in for each other, and who hears of silence.

use serde_json::{Value, json};
use testkit::{Person, World};

use crate::{RESTART, WIPE, text};

/// A world whose rules hold changes to production the way `annotations` say.
async fn world_with(annotations: &str) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let rules = legator_engine::Bundle::shipped().into_iter().filter(|(path, _)| !path.ends_with(".cases.toml"));
    for (path, bytes) in rules {
        let file = folder.path().join(&path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let mut text = String::from_utf8(bytes).unwrap();
        if path == "policies/guardrails.cedar" {
            text = text.replacen(
                "@id(\"prod-changes-need-a-second-pair-of-eyes\")",
                &format!("@id(\"prod-changes-need-a-second-pair-of-eyes\")\n{annotations}"),
                1,
            );
        }
        std::fs::write(file, text).unwrap();
    }
    (World::plan().with_manual_clock().with_bundle(folder.path()).start().await, folder)
}

#[tokio::test]
async fn where_policy_asks_for_a_reason_a_vote_without_one_is_refused() {
    let (world, _folder) = world_with("@reason(\"required\")").await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    let host = world.host("web-1", &["prod"]).await;
    let _probe = host.obey().await;
    let held = ana.ask("web-1", RESTART).await.is(202);
    let id = text(&held, "approval");
    assert_eq!(ben.get(&format!("/api/v1/approvals/{id}")).await.is(200)["reason_required"], true);
    ben.vote(id, "approve").await.problem("reason-required");
    let path = format!("/api/v1/approvals/{id}/decide");
    ben.post(&path, json!({ "decision": "approve", "reason": "  " })).await.problem("reason-required");
    ben.post(&path, json!({ "decision": "approve", "reason": "the certificate is new" })).await.is(200);
    assert_eq!(ana.ended(text(&held, "id")).await["state"], "succeeded");
    world.end().await;
}

#[tokio::test]
async fn a_request_expires_when_policy_gives_people_less_time_than_the_command_has() {
    let (world, _folder) = world_with("@approve_within(\"1m\")").await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    world.host("web-1", &["prod"]).await;
    let held = ana.ask("web-1", RESTART).await.is(202);
    world.clock().advance(60_000);
    ben.vote(text(&held, "approval"), "approve").await.problem("conflict");
    assert_eq!(ana.ended(text(&held, "id")).await["state"], "expired");
    world.end().await;
}

#[tokio::test]
async fn when_too_few_answer_more_people_hear_of_it_once_and_nothing_is_approved() {
    let (mut world, _folder) = world_with("@escalate_after(\"5m\")\n@escalate_to(\"on-call\")").await;
    let ana = world.person("ana", &["operator"]).await;
    let (ben, _cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let host = world.host("web-1", &["prod"]).await;
    let probe = host.obey().await;
    let held = ana.ask("web-1", RESTART).await.is(202);
    let id = text(&held, "approval").to_owned();
    assert!(ben.get(&format!("/api/v1/approvals/{id}")).await.is(200)["escalated_at"].is_null());
    world.clock().advance(5 * 60_000);
    let entry = world.entry("approval.escalated", |_| true).await;
    let names: Vec<&str> = entry["body"]["names"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(names.contains(&"ben") && names.contains(&"cleo") && !names.contains(&"ana"), "{entry}");
    assert_eq!(entry["body"]["groups"], json!(["on-call"]));
    world.restart().await;
    world.clock().advance(5 * 60_000);
    let seen = ben.get(&format!("/api/v1/approvals/{id}")).await.is(200);
    assert!(seen["escalated_at"].is_string());
    assert_eq!((text(&seen, "state"), &seen["votes"]), ("pending", &json!([])));
    world.clock().advance(6 * 60_000);
    assert_eq!(ana.ended(text(&held, "id")).await["state"], "expired");
    assert_eq!(world.entries("approval.escalated").await.len(), 1);
    assert!(probe.ran().is_empty());
    world.end().await;
}

#[tokio::test]
async fn people_talk_about_a_request_and_it_counts_for_nothing() {
    let world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    let vera = world.person("vera", &["viewer"]).await;
    world.host("web-1", &["prod"]).await;
    let held = ana.ask("web-1", RESTART).await.is(202);
    let id = text(&held, "approval");
    let path = format!("/api/v1/approvals/{id}/comments");
    let asked = ben.post(&path, json!({ "text": "Does it drain first?" })).await.is(201);
    let answer = json!({ "text": "It does.", "reply_to": asked["id"] });
    ana.post(&path, answer).await.is(201);
    let list = vera.get(&path).await.is(200);
    let said: Vec<&str> = list["comments"].as_array().unwrap().iter().map(|one| text(one, "text")).collect();
    assert_eq!(said, ["Does it drain first?", "It does."]);
    assert_eq!(list["comments"][1]["reply_to"], asked["id"]);
    vera.post(&path, json!({ "text": "hello" })).await.problem("forbidden");
    ben.post(&path, json!({ "text": " " })).await.problem("invalid");
    ben.post(&path, json!({ "text": "x".repeat(4_001) })).await.problem("invalid");
    ben.post(&path, json!({ "text": "x", "reply_to": "cmt_x" })).await.problem("invalid");
    let seen = ben.get(&format!("/api/v1/approvals/{id}")).await.is(200);
    assert_eq!((text(&seen, "state"), &seen["votes"]), ("pending", &json!([])));
    ben.vote(id, "deny").await.is(200);
    ana.ended(text(&held, "id")).await;
    ben.post(&path, json!({ "text": "Next week, please." })).await.is(201);
    assert_eq!(world.entries("approval.commented").await.len(), 3);
    world.end().await;
}

fn in_an_hour(world: &World) -> String {
    let at = chrono::DateTime::from_timestamp_millis(world.clock().now() + 3_600_000).unwrap();
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

async fn hand_on(world: &World, from: &Person, to: &str) -> Value {
    let body = json!({ "to": to, "until": in_an_hour(world), "reason": "on leave" });
    from.post("/api/v1/approvals/delegations", body).await.is(201)
}

#[tokio::test]
async fn who_stands_in_adds_no_voice_to_their_own() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let host = world.host("web-1", &[]).await;
    let probe = host.obey().await;
    hand_on(&world, &ben, "cleo").await;
    let held = ana.ask("web-1", WIPE).await.is(202);
    let id = text(&held, "approval");
    let seen = cleo.get(&format!("/api/v1/approvals/{id}")).await.is(200);
    assert_eq!(seen["stands_in_for"], json!(["ben"]));
    let path = format!("/api/v1/approvals/{id}/decide");
    let voted = cleo.post(&path, json!({ "decision": "approve", "stands_for": "ben" })).await.is(200);
    assert_eq!((text(&voted["votes"][0], "name"), text(&voted["votes"][0], "stands_for")), ("cleo", "ben"));
    // One of both has spoken for both.
    cleo.vote(id, "approve").await.problem("already-voted");
    ben.vote(id, "approve").await.problem("already-voted");
    let judged = world.entry("command.decided", |entry| entry["body"]["outcome"]["approvals"] == 1).await;
    assert_eq!(judged["body"]["state"], "held", "{judged}");
    assert!(probe.ran().is_empty());
    let dora = world.person("dora", &["approver"]).await;
    dora.vote(id, "approve").await.is(200);
    assert_eq!(ana.ended(text(&held, "id")).await["state"], "succeeded");
    let entry = world.entry("approval.voted", |entry| entry["body"]["stands_for"] == json!(ben.id)).await;
    assert_eq!(entry["body"]["person"], json!(cleo.id));
    world.end().await;
}

#[tokio::test]
async fn nobody_stands_in_for_a_requester_or_without_a_delegation_or_after_its_time() {
    let world = World::plan().with_manual_clock().start().await;
    let ana = world.person("ana", &["operator", "approver"]).await;
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    world.host("web-1", &["prod"]).await;
    let body = json!({ "argv": RESTART, "expires_in_s": 86_400 });
    let held = ana.post("/api/v1/probes/web-1/command", body).await.is(202);
    let path = format!("/api/v1/approvals/{}/decide", text(&held, "approval"));
    let for_whom = |name: &str| json!({ "decision": "approve", "stands_for": name });
    cleo.post(&path, for_whom("ben")).await.problem("invalid");
    cleo.post(&path, for_whom("nobody")).await.problem("invalid");
    hand_on(&world, &ana, "cleo").await;
    cleo.post(&path, for_whom("ana")).await.problem("invalid");
    let made = hand_on(&world, &ben, "cleo").await;
    // Who hands on has to be somebody who could vote themselves.
    world.admin().patch(&format!("/api/v1/users/{}", ben.id), json!({ "roles": ["viewer"] })).await.is(200);
    cleo.post(&path, for_whom("ben")).await.problem("forbidden");
    world.admin().patch(&format!("/api/v1/users/{}", ben.id), json!({ "roles": ["approver"] })).await.is(200);
    world.clock().advance(3_600_000);
    cleo.post(&path, for_whom("ben")).await.problem("invalid");
    assert_eq!(cleo.get("/api/v1/approvals/delegations").await.is(200)["delegations"], json!([]));
    let all = cleo.get("/api/v1/approvals/delegations?all=true").await.is(200);
    assert!(all["delegations"].as_array().unwrap().iter().any(|one| one["id"] == made["id"]), "{all}");
    world.end().await;
}

#[tokio::test]
async fn votes_are_handed_on_to_who_may_vote_and_ended_by_either() {
    let mut world = World::start().await;
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let vera = world.person("vera", &["viewer"]).await;
    let path = "/api/v1/approvals/delegations";
    let to = |name: &str| json!({ "to": name, "until": in_an_hour(&world) });
    ben.post(path, to("vera")).await.problem("invalid");
    ben.post(path, to("ben")).await.problem("invalid");
    ben.post(path, to("nobody")).await.problem("invalid");
    vera.post(path, to("ben")).await.problem("forbidden");
    ben.post(path, json!({ "to": "cleo", "until": "2001-01-01T00:00:00Z" })).await.problem("invalid");
    ben.post(path, json!({ "to": "cleo", "until": "2101-01-01T00:00:00Z" })).await.problem("invalid");
    let made = hand_on(&world, &ben, "cleo").await;
    world.restart().await;
    assert_eq!(vera.get(path).await.is(200)["delegations"][0]["id"], made["id"]);
    let dora = world.person("dora", &["approver"]).await;
    let one = format!("{path}/{}", text(&made, "id"));
    dora.delete(&one).await.problem("invalid");
    cleo.delete(&one).await.is(204);
    cleo.delete(&one).await.problem("not-found");
    assert_eq!(vera.get(path).await.is(200)["delegations"], json!([]));
    assert_eq!(world.entries("votes.").await.len(), 2);
    world.end().await;
}

#[tokio::test]
async fn figures_tell_how_long_votes_took_and_which_were_not_read() {
    let world = World::plan().with_manual_clock().start().await;
    let ana = world.person("ana", &["operator"]).await;
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let host = world.host("web-1", &[]).await;
    let _probe = host.obey().await;
    let held = ana.ask("web-1", WIPE).await.is(202);
    let id = text(&held, "approval");
    ben.get(&format!("/api/v1/approvals/{id}")).await.is(200);
    world.clock().advance(10_000);
    ben.vote(id, "approve").await.is(200);
    cleo.get(&format!("/api/v1/approvals/{id}")).await.is(200);
    world.clock().advance(2_000);
    cleo.vote(id, "approve").await.is(200);
    ana.ended(text(&held, "id")).await;
    let other = ana.ask("web-1", WIPE).await.is(202);
    world.clock().advance(1_000);
    ben.vote(text(&other, "approval"), "deny").await.is(200);
    ana.ended(text(&other, "id")).await;
    let figures = ana.get("/api/v1/approvals/figures").await.is(200);
    let all = &figures["all"];
    assert_eq!((&all["votes"], &all["approvals"], &all["denials"]), (&json!(3), &json!(2), &json!(1)), "{figures}");
    assert_eq!((&all["p50_ms"], &all["p90_ms"]), (&json!(10_000), &json!(12_000)), "{figures}");
    assert_eq!((&all["hasty"], &all["unseen"]), (&json!(1), &json!(1)), "{figures}");
    let first = &figures["voters"][0];
    assert_eq!((text(first, "name"), &first["figures"]["votes"]), ("ben", &json!(2)), "{figures}");
    assert_eq!(world.counted("legator_hasty_votes_total").await, 2);
    let none = ana.get("/api/v1/approvals/figures?since=2100-01-01T00:00:00Z").await.is(200);
    assert_eq!((&none["all"]["votes"], &none["voters"]), (&json!(0), &json!([])));
    world.end().await;
}
