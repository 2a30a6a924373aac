//! The road from an ask to its end: allowed, denied, asked twice, asked of many, canceled, lost and found.

use legator_protocol::{End, RefusedBy};
use legator_server::command::State;
use serde_json::json;
use testkit::{Act, World};

use crate::{RESTART, WIPE, text};

#[tokio::test]
async fn runs_an_allowed_command_and_tells_what_it_wrote() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &["web"]).await;
    let probe = host.serve(|_| Act::Print("up 3 days\n", 0)).await;
    let command = ana.run("web-1", &["uptime"]).await.is(200);
    assert_eq!(command["state"], "succeeded");
    assert_eq!(command["stdout"], "up 3 days\n");
    assert_eq!(command["exit_code"], 0);
    assert_eq!(command["level"], "observe");
    assert_eq!(command["requester_name"], "ana");
    assert_eq!(command["decision"]["outcome"]["kind"], "allow", "{command}");
    assert_eq!(probe.ran(), ["uptime"]);
    world.end().await;
}

#[tokio::test]
async fn a_command_that_fails_on_the_host_is_failed_with_its_code() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let _probe = host.serve(|_| Act::Print("no such unit\n", 5)).await;
    let command = ana.run("web-1", &["uptime"]).await.is(200);
    assert_eq!((text(&command, "state"), command["exit_code"].as_i64()), ("failed", Some(5)));
    world.end().await;
}

#[tokio::test]
async fn a_host_whose_own_rules_forbid_it_refuses_and_the_command_ends_as_refused() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let _probe = host.serve(|_| Act::Refuse(RefusedBy::Floor)).await;
    let command = ana.run("web-1", &["uptime"]).await.is(200);
    assert_eq!(command["state"], "refused");
    assert_eq!(command["result"]["refused_by"], "floor");
    world.end().await;
}

#[tokio::test]
async fn denies_a_wipe_of_a_database_and_names_the_policy_that_forbids_it() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("db-1", &["db"]).await;
    let probe = host.obey().await;
    let problem = ana.ask("db-1", WIPE).await.problem("denied");
    let decision = &problem["decision"];
    assert_eq!(decision["outcome"]["kind"], "deny", "{problem}");
    let policies = decision["rationale"]["policies"].as_array().unwrap();
    let forbid = policies.iter().find(|policy| policy["id"] == "databases-are-never-wiped-from-here").unwrap();
    assert_eq!(forbid["effect"], "forbid");
    assert!(!forbid["clauses"].as_array().unwrap().is_empty(), "{forbid}");
    assert!(forbid["span"]["line"].as_u64().unwrap() > 1, "{forbid}");
    let id = text(decision, "command");
    assert_eq!(ana.command(id).await["state"], "denied");
    assert!(probe.ran().is_empty());
    world.end().await;
}

#[tokio::test]
async fn denies_who_has_no_role_for_it_and_says_what_would_have_to_be_otherwise() {
    let world = World::start().await;
    let eve = world.person("eve", &["viewer"]).await;
    let host = world.host("web-1", &[]).await;
    let probe = host.obey().await;
    let problem = eve.ask("web-1", &["uptime"]).await.problem("denied");
    let rationale = &problem["decision"]["rationale"];
    assert!(rationale["nearest"]["clauses"].as_array().is_some_and(|clauses| !clauses.is_empty()), "{rationale}");
    assert!(!rationale["counterfactual"].is_null(), "{rationale}");
    assert!(!text(&problem, "help").is_empty());
    assert!(probe.ran().is_empty());
    world.end().await;
}

#[tokio::test]
async fn simulating_tells_the_decision_and_does_nothing() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("db-1", &["db", "prod"]).await;
    let probe = host.obey().await;
    let before = world.app().ledger.head().size;
    for (argv, outcome) in [(&["uptime"][..], "allow"), (RESTART, "hold"), (WIPE, "deny")] {
        let answer = ana.post("/api/v1/probes/db-1/command/simulate", json!({ "argv": argv })).await.is(200);
        assert_eq!(answer["outcome"], outcome, "{answer}");
    }
    assert_eq!(world.app().ledger.head().size, before);
    assert_eq!(ana.get("/api/v1/commands").await.is(200)["commands"], json!([]));
    assert_eq!(ana.get("/api/v1/approvals").await.is(200)["pending_count"], 0);
    assert!(probe.ran().is_empty());
    world.end().await;
}

#[tokio::test]
async fn the_same_key_and_body_give_the_first_answer_again() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let probe = host.obey().await;
    let ask = |key: &'static str, argv: &'static str| {
        let request = ana.request(testkit::reqwest::Method::POST, "/api/v1/probes/web-1/command?wait=true");
        ana.send(request.header("Idempotency-Key", key).json(&json!({ "argv": [argv] })))
    };
    let first = ask("k1", "uptime").await.is(200);
    let again = ask("k1", "uptime").await.is(200);
    assert_eq!((text(&first, "id"), false), (text(&again, "id"), first["repeated"].as_bool().unwrap()));
    assert_eq!(again["repeated"], true);
    ask("k1", "hostname").await.problem("idempotency-key-reused");
    let other = ask("k2", "uptime").await.is(200);
    assert_ne!(text(&first, "id"), text(&other, "id"));
    ask("", "uptime").await.problem("invalid");
    assert_eq!(probe.ran(), ["uptime", "uptime"]);
    world.end().await;
}

#[tokio::test]
async fn the_same_key_from_another_person_is_another_command() {
    let world = World::start().await;
    let people = [world.person("ana", &["operator"]).await, world.person("ben", &["operator"]).await];
    let host = world.host("web-1", &[]).await;
    let probe = host.obey().await;
    for person in &people {
        let request = person.request(testkit::reqwest::Method::POST, "/api/v1/probes/web-1/command?wait=true");
        let answer = person.send(request.header("Idempotency-Key", "k").json(&json!({ "argv": ["uptime"] }))).await;
        assert_eq!(answer.is(200)["repeated"], false);
    }
    assert_eq!(probe.ran().len(), 2);
    world.end().await;
}

#[tokio::test]
async fn many_asks_at_once_with_one_key_make_one_command() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let probe = host.obey().await;
    let asks = (0..12).map(|_| {
        let request = ana.request(testkit::reqwest::Method::POST, "/api/v1/probes/web-1/command?wait=true");
        ana.send(request.header("Idempotency-Key", "once").json(&json!({ "argv": ["uptime"] })))
    });
    let answers = futures_util::future::join_all(asks).await;
    let (answered, busy): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status < 300);
    assert!(!answered.is_empty());
    let ids: std::collections::BTreeSet<_> =
        answered.iter().map(|answer| text(&answer.body, "id").to_owned()).collect();
    assert_eq!(ids.len(), 1);
    for answer in busy {
        answer.problem("conflict");
    }
    assert_eq!(ana.get("/api/v1/commands").await.is(200)["commands"].as_array().unwrap().len(), 1);
    assert_eq!(probe.ran().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn one_ask_to_a_tag_is_one_command_a_probe_each_decided_by_itself() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let (web, prod) = (world.host("web-1", &["web"]).await, world.host("web-2", &["web", "prod"]).await);
    let db = world.host("db-1", &["db"]).await;
    let probes = [web.obey().await, prod.obey().await, db.obey().await];
    let group = ana.post("/api/v1/fleet/by-tag/web/command", json!({ "argv": RESTART })).await.is(200);
    assert_eq!(group["total"], 2);
    assert_eq!(group["counts"], json!({ "dispatched": 1, "held": 1 }));
    let states: Vec<_> = group["results"].as_array().unwrap().iter().collect();
    assert_eq!((text(states[0], "probe_name"), text(states[0], "state")), ("web-1", "dispatched"));
    assert_eq!((text(states[1], "probe_name"), text(states[1], "state")), ("web-2", "held"));
    assert!(states[1]["approval"].is_string());
    ana.ended(text(states[0], "command")).await;
    let page = ana.get(&format!("/api/v1/commands?group={}", text(&group, "group"))).await.is(200);
    assert_eq!(page["commands"].as_array().unwrap().len(), 2);
    assert_eq!(probes.each_ref().map(|probe| probe.ran().len()), [1, 0, 0]);
    ana.post("/api/v1/fleet/by-tag/nobody/command", json!({ "argv": RESTART })).await.problem("not-found");
    world.end().await;
}

#[tokio::test]
async fn a_command_to_a_probe_that_is_away_waits_and_runs_when_it_comes() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let asked = ana.ask("web-1", &["uptime"]).await.is(202);
    assert_eq!(asked["state"], "dispatched");
    let probe = host.obey().await;
    assert_eq!(ana.ended(text(&asked, "id")).await["state"], "succeeded");
    assert_eq!(probe.ran(), ["uptime"]);
    world.end().await;
}

#[tokio::test]
async fn a_probe_that_comes_back_is_told_of_its_open_command_again_and_of_the_output_that_is_kept() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let mut link = host.connect().await;
    let asked = ana.ask("web-1", &["uptime"]).await.is(202);
    let (order, next) = link.order().await;
    assert_eq!(next, 0);
    link.accept(order.command).await;
    link.output(order.command, 0, "one ").await;
    link.flush().await;
    drop(link);
    let mut link = host.connect().await;
    let (again, next) = link.order().await;
    assert_eq!((again, next), (order.clone(), 1));
    link.output(order.command, 0, "one ").await; // said again: it does not count twice
    link.output(order.command, 1, "two").await;
    link.finish(order.command, 2, End::Exited { code: 0 }).await;
    link.settled(order.command).await;
    let command = ana.command(text(&asked, "id")).await;
    assert_eq!((text(&command, "state"), text(&command, "stdout")), ("succeeded", "one two"));
    world.end().await;
}

#[tokio::test]
async fn cancels_what_waits_for_people_at_once() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &["prod"]).await;
    let probe = host.obey().await;
    let held = ana.ask("web-1", RESTART).await.is(202);
    assert_eq!(held["state"], "held");
    assert_eq!(ana.cancel(text(&held, "id")).await.is(200)["state"], "canceled");
    let approval = ana.get(&format!("/api/v1/approvals/{}", text(&held, "approval"))).await.is(200);
    assert_eq!(approval["state"], "withdrawn");
    let ben = world.person("ben", &["approver"]).await;
    ben.vote(text(&held, "approval"), "approve").await.problem("conflict");
    ana.cancel(text(&held, "id")).await.problem("conflict");
    assert!(probe.ran().is_empty());
    world.end().await;
}

#[tokio::test]
async fn cancels_what_waits_for_room_at_once() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let probe = host.serve(|_| Act::Hang).await;
    let first = ana.ask("web-1", RESTART).await.is(202);
    let second = ana.ask("web-1", RESTART).await.is(202);
    assert_eq!(second["state"], "queued");
    assert_eq!(ana.cancel(text(&second, "id")).await.is(200)["state"], "canceled");
    ana.cancel(text(&first, "id")).await.is(200);
    assert_eq!(ana.ended(text(&first, "id")).await["state"], "canceled");
    assert_eq!(probe.ran().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn cancels_what_runs_through_its_probe() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let _probe = host.serve(|_| Act::Hang).await;
    let asked = ana.ask("web-1", &["uptime"]).await.is(202);
    world.until(text(&asked, "id"), State::Running).await;
    assert_eq!(ana.cancel(text(&asked, "id")).await.is(200)["state"], "running");
    assert_eq!(ana.ended(text(&asked, "id")).await["state"], "canceled");
    let entries = world.entries("command.cancel_requested").await;
    assert_eq!(entries.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_command_that_was_canceled_while_its_probe_was_away_is_never_handed_over() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let asked = ana.ask("web-1", &["uptime"]).await.is(202);
    assert_eq!(ana.cancel(text(&asked, "id")).await.is(200)["state"], "dispatched");
    let probe = host.obey().await;
    assert_eq!(ana.ended(text(&asked, "id")).await["state"], "canceled");
    assert!(probe.ran().is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_command_whose_probe_stays_away_is_lost_and_its_late_result_is_still_taken() {
    let world = World::plan().with_manual_clock().start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let mut link = host.connect().await;
    let asked = ana.ask("web-1", &["uptime"]).await.is(202);
    let (order, _) = link.order().await;
    link.accept(order.command).await;
    world.until(text(&asked, "id"), State::Running).await;
    drop(link);
    world.entry("probe.disconnected", |_| true).await;
    world.clock().advance(30_000 + 61_000);
    assert_eq!(ana.ended(text(&asked, "id")).await["state"], "lost");
    let mut link = host.connect().await;
    link.finish(order.command, 0, End::Exited { code: 0 }).await;
    link.settled(order.command).await;
    assert_eq!(ana.command(text(&asked, "id")).await["state"], "succeeded");
    assert_eq!(world.entries("command.found").await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn waiting_ends_after_the_time_that_was_given_and_the_command_goes_on() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let mut link = host.connect().await;
    let asked = ana.post("/api/v1/probes/web-1/command?wait=true&wait_s=0", json!({ "argv": ["uptime"] })).await;
    let asked = asked.is(202);
    let (order, _) = link.order().await;
    link.accept(order.command).await;
    link.finish(order.command, 0, End::Exited { code: 0 }).await;
    assert_eq!(ana.ended(text(&asked, "id")).await["state"], "succeeded");
    world.end().await;
}

#[tokio::test]
async fn explains_every_judgement_with_the_facts_that_it_read() {
    let world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    let host = world.host("web-1", &["prod"]).await;
    let _probe = host.obey().await;
    let held = ana.ask("web-1", RESTART).await.is(202);
    ben.vote(text(&held, "approval"), "approve").await.is(200);
    ana.ended(text(&held, "id")).await;
    let explained = ana.get(&format!("/api/v1/commands/{}/explain", text(&held, "id"))).await.is(200);
    let judgements = explained["decisions"].as_array().unwrap();
    let outcomes: Vec<_> = judgements.iter().map(|judgement| text(judgement, "outcome")).collect();
    assert_eq!(outcomes, ["hold", "allow"]);
    assert_eq!(judgements[0]["facts"]["context"]["approvals"]["by"], json!([]));
    assert_eq!(judgements[1]["facts"]["context"]["approvals"]["by"], json!([ben.id]));
    world.end().await;
}
