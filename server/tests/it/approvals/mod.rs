//! What waits for people: who may agree, what their agreement binds to, and every way in which the waiting ends.

mod glass;
mod grants;
mod passkeys;
mod signing;
mod talk;

pub use self::signing::enrolled as enroll;

use legator_server::command::State;
use serde_json::json;
use testkit::World;

use crate::{RESTART, WIPE, text};

#[tokio::test]
async fn holds_a_change_to_production_until_another_person_approves() {
    let world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator", "approver"]).await, world.person("ben", &["approver"]).await);
    let host = world.host("db-1", &["db", "prod"]).await;
    let probe = host.obey().await;
    let held = ana.ask("db-1", RESTART).await.is(202);
    assert_eq!(held["state"], "held");
    let id = text(&held, "approval");

    let seen = ben.get(&format!("/api/v1/approvals/{id}")).await.is(200);
    assert_eq!((text(&seen, "state"), text(&seen, "line")), ("pending", "systemctl restart nginx"));
    assert_eq!((seen["needed"].as_u64(), seen["can_decide"].as_bool()), (Some(1), Some(true)));
    let own = ana.get(&format!("/api/v1/approvals/{id}")).await.is(200);
    assert_eq!(own["can_decide"], false);
    assert!(text(&own, "why_not").contains("Nobody approves what they asked for"), "{own}");

    let refused = ana.vote(id, "approve").await.problem("forbidden");
    assert_eq!(refused["decision"]["rationale"]["policies"][0]["id"], "no-self-approval", "{refused}");
    assert!(probe.ran().is_empty());
    let vote = json!({ "decision": "approve", "reason": "looks right", "digest": seen["digest"] });
    let voted = ben.post(&format!("/api/v1/approvals/{id}/decide"), vote).await.is(200);
    assert_eq!(voted["votes"][0]["name"], "ben");
    assert_eq!(ana.ended(text(&held, "id")).await["state"], "succeeded");
    assert_eq!(probe.ran(), ["systemctl restart nginx"]);
    assert_eq!(ben.get(&format!("/api/v1/approvals/{id}")).await.is(200)["state"], "approved");
    ben.vote(id, "approve").await.problem("conflict");
    world.end().await;
}

#[tokio::test]
async fn holds_a_wipe_until_two_people_approve() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let host = world.host("web-1", &[]).await;
    let probe = host.obey().await;
    let held = ana.ask("web-1", WIPE).await.is(202);
    let id = text(&held, "approval");
    assert_eq!(ben.get(&format!("/api/v1/approvals/{id}")).await.is(200)["needed"], 2);
    ben.vote(id, "approve").await.is(200);
    ben.vote(id, "approve").await.problem("already-voted");
    let judged = world.entry("command.decided", |entry| entry["body"]["outcome"]["approvals"] == 1).await;
    assert_eq!(judged["body"]["state"], "held", "{judged}");
    assert!(probe.ran().is_empty());
    cleo.vote(id, "approve").await.is(200);
    assert_eq!(ana.ended(text(&held, "id")).await["state"], "succeeded");
    assert_eq!(probe.ran(), ["rm -rf /srv/old"]);
    world.end().await;
}

#[tokio::test]
async fn two_approvals_at_the_same_moment_both_count() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let host = world.host("web-1", &[]).await;
    let probe = host.obey().await;
    let held = ana.ask("web-1", WIPE).await.is(202);
    let id = text(&held, "approval");
    let (one, two) = tokio::join!(ben.vote(id, "approve"), cleo.vote(id, "approve"));
    one.is(200);
    two.is(200);
    assert_eq!(ana.ended(text(&held, "id")).await["state"], "succeeded");
    assert_eq!(probe.ran().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_request_names_who_may_still_vote_and_forgets_them_when_they_have() {
    let world = World::start().await;
    let (ana, vera) = (world.person("ana", &["operator", "approver"]).await, world.person("vera", &["viewer"]).await);
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let host = world.host("web-1", &[]).await;
    let probe = host.obey().await;
    let held = ana.ask("web-1", WIPE).await.is(202);
    let path = format!("/api/v1/approvals/{}", text(&held, "approval"));
    let open = async || vera.get(&path).await.is(200)["may_vote"].clone();
    let said = open().await;
    let names: Vec<&str> = said.as_array().unwrap().iter().filter_map(serde_json::Value::as_str).collect();
    assert!(names.contains(&"ben") && names.contains(&"cleo"), "{names:?}");
    assert!(!names.contains(&"ana") && !names.contains(&"vera"), "neither who asked nor who may not: {names:?}");
    ben.vote(text(&held, "approval"), "approve").await.is(200);
    assert!(!open().await.as_array().unwrap().contains(&json!("ben")));
    cleo.vote(text(&held, "approval"), "approve").await.is(200);
    assert_eq!(ana.ended(text(&held, "id")).await["state"], "succeeded");
    assert!(open().await.is_null(), "nobody votes on what is closed");
    assert_eq!(probe.ran().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn one_vote_against_it_ends_it() {
    let world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    let host = world.host("web-1", &["prod"]).await;
    let probe = host.obey().await;
    let held = ana.ask("web-1", RESTART).await.is(202);
    ben.vote(text(&held, "approval"), "deny").await.is(200);
    let command = ana.ended(text(&held, "id")).await;
    assert_eq!(command["state"], "denied");
    assert!(text(&command["result"], "reason").contains("denied by ben"), "{command}");
    let approval = ben.get(&format!("/api/v1/approvals/{}", text(&held, "approval"))).await.is(200);
    assert_eq!(approval["state"], "denied");
    assert!(probe.ran().is_empty());
    world.end().await;
}

#[tokio::test]
async fn what_nobody_approves_in_time_expires() {
    let world = World::plan().with_manual_clock().start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    let host = world.host("web-1", &["prod"]).await;
    let probe = host.obey().await;
    let ask = json!({ "argv": RESTART, "expires_in_s": 60 });
    let held = ana.post("/api/v1/probes/web-1/command", ask).await.is(202);
    world.clock().advance(60_000);
    assert_eq!(ana.ended(text(&held, "id")).await["state"], "expired");
    ben.vote(text(&held, "approval"), "approve").await.problem("conflict");
    let list = ben.get("/api/v1/approvals?status=expired").await.is(200);
    assert_eq!(list["approvals"][0]["command"], held["id"]);
    assert!(probe.ran().is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_vote_on_something_else_than_what_waits_does_not_count() {
    let world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    world.host("web-1", &["prod"]).await;
    let held = ana.ask("web-1", RESTART).await.is(202);
    let path = format!("/api/v1/approvals/{}/decide", text(&held, "approval"));
    let stale = json!({ "decision": "approve", "digest": "0".repeat(64) });
    ben.post(&path, stale).await.problem("stale-approval");
    let approval = ben.get(&format!("/api/v1/approvals/{}", text(&held, "approval"))).await.is(200);
    assert_eq!((text(&approval, "state"), &approval["votes"]), ("pending", &json!([])));
    world.end().await;
}

#[tokio::test]
async fn an_approval_does_not_cover_a_command_whose_bytes_were_altered_since() {
    let world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    let host = world.host("web-1", &["prod"]).await;
    let probe = host.obey().await;
    let held = ana.ask("web-1", RESTART).await.is(202);
    let mut database = world.database().await;
    database
        .run("DROP TRIGGER command_immutable; UPDATE command_command SET spec = replace(spec, 'nginx', 'sshd')")
        .await;
    ben.vote(text(&held, "approval"), "approve").await.is(200);
    assert_eq!(ana.ended(text(&held, "id")).await["state"], "denied");
    assert!(probe.ran().is_empty());
    world.end().await;
}

#[tokio::test]
async fn an_approval_does_not_cover_altered_bytes_over_a_restart_either() {
    let mut world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    let host = world.host("web-1", &["prod"]).await;
    let held = ana.ask("web-1", RESTART).await.is(202);
    world.stop().await;
    let mut database = world.database().await;
    database
        .run("DROP TRIGGER command_immutable; UPDATE command_command SET spec = replace(spec, 'nginx', 'sshd')")
        .await;
    drop(database);
    world.begin().await.unwrap();
    let probe = host.obey().await;
    ben.vote(text(&held, "approval"), "approve").await.is(200);
    assert_eq!(ana.ended(text(&held, "id")).await["state"], "denied");
    assert!(probe.ran().is_empty());
    world.end().await;
}

#[tokio::test]
async fn who_lost_their_role_while_their_command_waited_is_denied() {
    let mut world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    let host = world.host("web-1", &["prod"]).await;
    let held = ana.ask("web-1", RESTART).await.is(202);
    world.stop().await;
    let mut database = world.database().await;
    database.run("UPDATE identity_person SET roles = '[\"viewer\"]' WHERE name = 'ana'").await;
    drop(database);
    world.begin().await.unwrap();
    let probe = host.obey().await;
    ben.vote(text(&held, "approval"), "approve").await.is(200);
    let command = ana.ended(text(&held, "id")).await;
    assert_eq!(command["state"], "denied");
    assert_eq!(command["decision"]["outcome"]["kind"], "deny");
    assert!(probe.ran().is_empty());
    let approval = ben.get(&format!("/api/v1/approvals/{}", text(&held, "approval"))).await.is(200);
    assert_eq!(approval["state"], "denied");
    world.end().await;
}

#[tokio::test]
async fn a_probe_that_became_production_while_its_change_was_queued_needs_a_person_after_all() {
    let world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    let host = world.host("web-1", &["web"]).await;
    let mut link = host.connect().await;
    link.flush().await;
    let first = ana.ask("web-1", RESTART).await.is(202);
    let second = ana.ask("web-1", RESTART).await.is(202);
    assert_eq!(second["state"], "queued");
    world.admin().put("/api/v1/probes/web-1/tags", json!({ "tags": ["web", "prod"] })).await.is(200);
    let (order, _) = link.order().await;
    link.finish(order.command, 0, legator_protocol::End::Exited { code: 0 }).await;
    ana.ended(text(&first, "id")).await;
    world.until(text(&second, "id"), State::Held).await;
    let held = ana.command(text(&second, "id")).await;
    assert_eq!(held["state"], "held", "{held}");
    ben.vote(text(&held, "approval"), "deny").await.is(200);
    assert_eq!(ana.ended(text(&second, "id")).await["state"], "denied");
    world.end().await;
}

#[tokio::test]
async fn approvals_outlive_a_restart() {
    let mut world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let host = world.host("web-1", &[]).await;
    let held = ana.ask("web-1", WIPE).await.is(202);
    let id = text(&held, "approval");
    ben.vote(id, "approve").await.is(200);
    world.restart().await;
    ben.vote(id, "approve").await.problem("already-voted");
    let probe = host.obey().await;
    cleo.vote(id, "approve").await.is(200);
    assert_eq!(ana.ended(text(&held, "id")).await["state"], "succeeded");
    assert_eq!(probe.ran().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn lists_what_waits_and_counts_it() {
    let world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    world.host("web-1", &["prod"]).await;
    for _ in 0..3 {
        ana.ask("web-1", RESTART).await.is(202);
    }
    let first = ben.get("/api/v1/approvals?limit=2").await.is(200);
    assert_eq!(first["pending_count"], 3);
    assert_eq!(first["approvals"].as_array().unwrap().len(), 2);
    let rest = ben.get(&format!("/api/v1/approvals?limit=2&cursor={}", text(&first, "next_cursor"))).await.is(200);
    assert_eq!(rest["approvals"].as_array().unwrap().len(), 1);
    assert!(rest["next_cursor"].is_null());
    ben.get("/api/v1/approvals?cursor=nonsense").await.problem("invalid");
    ben.get("/api/v1/approvals/apr_nonsense").await.problem("not-found");
    world.end().await;
}

#[tokio::test]
async fn a_vote_that_is_withdrawn_counts_no_more_and_may_be_cast_again() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let host = world.host("web-1", &[]).await;
    let probe = host.obey().await;
    let held = ana.ask("web-1", WIPE).await.is(202);
    let id = text(&held, "approval");
    let withdraw = format!("/api/v1/approvals/{id}/withdraw");
    ben.post(&withdraw, json!({})).await.problem("conflict");
    ben.vote(id, "approve").await.is(200);
    world.entry("command.decided", |entry| entry["body"]["outcome"]["approvals"] == 1).await;
    let after = ben.post(&withdraw, json!({ "reason": "read it again" })).await.is(200);
    assert_eq!((&after["votes"], after["can_decide"].as_bool()), (&json!([]), Some(true)));
    // It is judged again without it, so that of the next vote there are two missing still.
    let withdrawn = world.entry("approval.vote-withdrawn", |_| true).await["index"].as_u64();
    let again =
        |entry: &serde_json::Value| entry["body"]["outcome"]["approvals"] == 2 && entry["index"].as_u64() > withdrawn;
    world.entry("command.decided", again).await;
    cleo.vote(id, "approve").await.is(200);
    assert!(probe.ran().is_empty());
    ben.vote(id, "approve").await.is(200);
    assert_eq!(ana.ended(text(&held, "id")).await["state"], "succeeded");
    ben.post(&withdraw, json!({})).await.problem("conflict");
    let seen = ana.get(&format!("/api/v1/approvals/{id}")).await.is(200);
    assert_eq!((text(&seen["withdrawn"][0], "name"), text(&seen["withdrawn"][0], "why")), ("ben", "read it again"));
    assert_eq!(world.entries("approval.vote-withdrawn").await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn whose_requester_is_gone_while_it_is_held_is_judged_again_and_denied() {
    let world = World::start().await;
    let (ana, eva) = (world.person("ana", &["operator"]).await, world.person("eva", &["operator"]).await);
    let host = world.host("web-1", &["prod"]).await;
    let probe = host.obey().await;
    let (one, two) = (ana.ask("web-1", RESTART).await.is(202), eva.ask("web-1", RESTART).await.is(202));
    let admin = world.admin();
    admin.patch(&format!("/api/v1/users/{}", ana.id), json!({ "disabled": true })).await.is(200);
    admin.delete(&format!("/api/v1/users/{}", eva.id)).await.is(204);
    for held in [one, two] {
        let command = admin.ended(text(&held, "id")).await;
        assert_eq!((text(&command, "state"), &command["decision"]["outcome"]["kind"]), ("denied", &json!("deny")));
    }
    assert!(probe.ran().is_empty());
    world.end().await;
}

#[tokio::test]
async fn the_voice_of_who_is_gone_since_counts_no_more() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let host = world.host("web-1", &[]).await;
    let probe = host.obey().await;
    let held = ana.ask("web-1", WIPE).await.is(202);
    let id = text(&held, "approval");
    ben.vote(id, "approve").await.is(200);
    world.entry("command.decided", |entry| entry["body"]["outcome"]["approvals"] == 1).await;
    world.admin().patch(&format!("/api/v1/users/{}", ben.id), json!({ "disabled": true })).await.is(200);
    cleo.vote(id, "approve").await.is(200);
    world.entry("command.decided", |entry| entry["body"]["outcome"]["approvals"] == 1).await;
    let seen = cleo.get(&format!("/api/v1/approvals/{id}")).await.is(200);
    assert_eq!(seen["state"], "pending");
    assert!(probe.ran().is_empty());
    world.end().await;
}

#[tokio::test]
async fn history_is_narrowed_by_who_asked_who_voted_what_and_when() {
    let world = World::plan().with_manual_clock().start().await;
    let (ana, eva) = (world.person("ana", &["operator"]).await, world.person("eva", &["operator"]).await);
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    world.host("web-1", &["prod"]).await;
    let one = ana.ask("web-1", RESTART).await.is(202);
    ben.vote(text(&one, "approval"), "deny").await.is(200);
    ana.ended(text(&one, "id")).await;
    world.clock().advance(3_600_000);
    let two = eva.ask("web-1", &["systemctl", "stop", "nginx"]).await.is(202);
    cleo.vote(text(&two, "approval"), "deny").await.is(200);
    eva.ended(text(&two, "id")).await;
    let found = async |query: &str| {
        let list = cleo.get(&format!("/api/v1/approvals?status=all&{query}")).await.is(200);
        let ids = list["approvals"].as_array().unwrap().iter().map(|one| text(one, "id").to_owned());
        ids.collect::<Vec<_>>()
    };
    let (first, second) = (text(&one, "approval"), text(&two, "approval"));
    assert_eq!(found("").await, [second, first]);
    assert_eq!(found("by=ben").await, [first]);
    assert_eq!(found(&format!("by={}", cleo.id)).await, [second]);
    assert_eq!(found("requester=ana").await, [first]);
    assert_eq!(found("q=STOP").await, [second]);
    assert_eq!(found("kind=grant").await, Vec::<String>::new());
    assert_eq!(found("kind=command").await.len(), 2);
    let between = chrono::DateTime::from_timestamp_millis(world.clock().now() - 1_000).unwrap();
    let between = between.format("%Y-%m-%dT%H:%M:%SZ");
    assert_eq!(found(&format!("since={between}")).await, [second]);
    assert_eq!(found(&format!("until={between}")).await, [first]);
    assert_eq!(found("by=nobody").await, Vec::<String>::new());
    cleo.get("/api/v1/approvals?probe=web-1").await.problem("invalid");
    world.end().await;
}
