//! The time machine: what was decided, decided again; what a candidate would have changed, by whom and by which rule.

use std::collections::BTreeMap;

use legator_engine::Bundle;
use legator_engine::replay::{Blind, Kept, Line, Tally, replay, replay_masked};
use serde_json::{Value, json};
use testkit::{Person, World, soon};

use crate::{RESTART, WIPE, text};

/// The shipped bundle's files as a request carries them, with this policy beside.
pub fn with_policy(policy: &str) -> BTreeMap<String, String> {
    let files = Bundle::shipped().into_iter().map(|(path, bytes)| (path, String::from_utf8(bytes).unwrap()));
    let own = ("policies/own.cedar".to_owned(), policy.to_owned());
    files.filter(|(path, _)| !path.ends_with(".cases.toml")).chain([own]).collect()
}

/// Nobody restarts anything in the lab.
pub const FROZEN_LAB: &str = "@id(\"the-lab-is-frozen\")\n@rationale(\"The lab is frozen.\")\n\
                              forbid (principal, action == Action::\"remediate\", resource in Tag::\"lab\");\n";

/// A world in which ana asked for two things that are allowed, and for two that are held.
async fn busy_world() -> (World, Person) {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let lab = world.host("lab-1", &["lab"]).await;
    let prod = world.host("prod-1", &["prod"]).await;
    let (lab, prod) = (lab.obey().await, prod.obey().await);
    ana.run("lab-1", &["uptime"]).await.is(200);
    ana.run("lab-1", RESTART).await.is(200);
    ana.ask("prod-1", RESTART).await.is(202);
    ana.ask("prod-1", &["mkfs.ext4", "/dev/sdb"]).await;
    drop((lab, prod));
    (world, ana)
}

/// More judgements of the first command: the same facts and decision, many times.
async fn multiply(world: &World, times: u32) {
    let mut database = world.database().await;
    database
        .run(&format!(
            "WITH RECURSIVE more(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM more WHERE k < {times}) \
             INSERT INTO command_decision (command, n, at, revision, outcome, facts, decision) \
             SELECT command, n + k, at, revision, outcome, facts, decision FROM more, \
             (SELECT * FROM command_decision ORDER BY command LIMIT 1)"
        ))
        .await;
}

async fn ended(world: &World, started: &Value) -> Value {
    let id = text(started, "id").to_owned();
    world.entry("replay.", |entry| entry["subject"] == id && entry["kind"] != "replay.started").await;
    let replay = world.admin().get(&format!("/api/v1/replays/{id}")).await.is(200);
    assert_eq!(replay["ended"], true, "{replay}");
    replay
}

#[tokio::test]
async fn under_the_revision_that_made_it_every_decision_comes_out_the_same() {
    let (world, _) = busy_world().await;
    let started = world.admin().post("/api/v1/bundles/live/replay", json!({ "of": "commands" })).await.is(202);
    assert_eq!(started["total"], 4);
    let replay = ended(&world, &started).await;
    assert_eq!(replay["state"], "done");
    let tally = &replay["tally"];
    assert_eq!((&tally["decisions"], &tally["own"], &tally["identical"]), (&json!(4), &json!(4), &json!(4)), "{tally}");
    assert_eq!(tally["kinds"], json!({ "same": 4 }));
    assert_eq!(tally["by_principal"], json!({ "ana": { "same": 4 } }));
    let findings = world.admin().get(&format!("/api/v1/replays/{}/findings", text(&started, "id"))).await.is(200);
    assert_eq!(findings, json!({ "differences": [], "not_replayable": [] }));
    world.end().await;
}

#[tokio::test]
async fn each_changed_decision_is_listed_with_what_changed_it_and_both_reasons() {
    let (world, _) = busy_world().await;
    let admin = world.admin();
    let mut files = with_policy(FROZEN_LAB);
    let guardrails = files.get_mut("policies/guardrails.cedar").unwrap();
    *guardrails = guardrails.replace("resource in Tag::\"prod\"", "resource in Tag::\"nowhere\"");
    let started = admin.post("/api/v1/replays", json!({ "of": "commands", "files": files })).await.is(202);
    let replay = ended(&world, &started).await;
    let tally = &replay["tally"];
    assert_eq!(tally["decisions"], 4, "{replay}");
    assert_eq!((&tally["kinds"]["newly-denied"], &tally["kinds"]["newly-allowed"]), (&json!(1), &json!(1)), "{tally}");
    assert_eq!(tally["by_policy"]["the-lab-is-frozen"], json!({ "newly-denied": 1 }));
    assert_eq!(tally["by_tag"]["prod"]["newly-allowed"], 1);
    assert_eq!(tally["by_action"]["remediate"], json!({ "newly-allowed": 1, "newly-denied": 1 }));
    assert_eq!((&tally["own"], &replay["seen"]), (&json!(0), &replay["total"]));

    let at = format!("/api/v1/replays/{}/findings", text(&started, "id"));
    let denied = admin.get(&format!("{at}?kind=newly-denied")).await.is(200);
    let denied = &denied["differences"][0];
    assert_eq!((text(denied, "outcome_before"), text(denied, "outcome_after")), ("allow", "deny"));
    assert_eq!((text(denied, "principal"), text(denied, "probe")), ("ana", "lab-1"));
    assert_eq!(denied["policies"], json!(["the-lab-is-frozen"]));
    assert_eq!(text(denied, "line"), RESTART.join(" "));
    admin.get(text(denied, "command_url")).await.is(200);
    for (narrow, found) in
        [("tag=lab", 1), ("tag=web", 0), ("policy=the-lab-is-frozen", 1), ("principal=ben", 0), ("limit=1", 1)]
    {
        let page = admin.get(&format!("{at}?{narrow}")).await.is(200);
        assert_eq!(page["differences"].as_array().unwrap().len(), found, "{narrow}: {page}");
    }
    let page = admin.get(&format!("{at}?limit=1")).await.is(200);
    let next = admin.get(&format!("{at}?limit=1&cursor={}", page["next_cursor"])).await.is(200);
    assert_ne!(page["differences"], next["differences"]);

    let both = admin.get(&format!("{at}/{}/{}", text(denied, "command"), denied["judgement"])).await.is(200);
    assert_eq!(both["before"]["outcome"]["kind"], "allow");
    assert_eq!(both["after"]["rationale"]["policies"][0]["id"], "the-lab-is-frozen");
    assert_eq!(both["after"]["revision"], replay["candidate"]);
    world.end().await;
}

#[tokio::test]
async fn a_selection_narrows_what_is_decided_again() {
    let (world, _) = busy_world().await;
    let count = async |mut selection: Value| {
        selection["of"] = json!("commands");
        let started = world.admin().post("/api/v1/bundles/live/replay", selection).await.is(202);
        ended(&world, &started).await["tally"]["decisions"].clone()
    };
    assert_eq!(count(json!({ "tag": "prod" })).await, 2);
    assert_eq!(count(json!({ "action": "observe" })).await, 1);
    assert_eq!(count(json!({ "outcome": "hold" })).await, 2);
    assert_eq!(count(json!({ "principal": "nobody" })).await, 0);
    assert_eq!(count(json!({ "until": "2001-01-01T00:00:00Z" })).await, 0);
    world.end().await;
}

#[tokio::test]
async fn what_cannot_be_decided_again_is_counted_and_named() {
    let (world, _) = busy_world().await;
    let admin = world.admin();
    let mut database = world.database().await;
    let trigger = "CREATE TRIGGER command_decision_kept BEFORE UPDATE ON command_decision \
                   BEGIN SELECT raise(ABORT, 'a decision does not change'); END;";
    let kept = database.texts("SELECT facts FROM command_decision ORDER BY command, n").await;
    let change = |from: &str, to: &str, n: u32| {
        format!(
            "UPDATE command_decision SET facts = replace(facts, '{from}', '{to}') WHERE command = \
             (SELECT command FROM command_decision ORDER BY command LIMIT 1 OFFSET {n})"
        )
    };
    database.run("DROP TRIGGER command_decision_kept").await;
    database.run(&change("\"mfa\"", "\"second_factor\"", 0)).await;
    database.run(&change("\"tainted\":false", "\"tainted\":true", 1)).await;
    let started = admin.post("/api/v1/bundles/live/replay", json!({ "of": "commands" })).await.is(202);
    let replay = ended(&world, &started).await;
    assert_eq!(replay["tally"]["decisions"], 2, "{replay}");
    assert_eq!(replay["tally"]["not_replayable"], json!({ "unreadable-facts": 1, "digest-mismatch": 1 }));
    let found = admin.get(&format!("/api/v1/replays/{}/findings", text(&started, "id"))).await.is(200);
    let named = found["not_replayable"].as_array().unwrap();
    assert_eq!(named.len(), 2);
    assert!(text(&named[0], "detail").contains("second_factor"), "{found}");
    // Everything as it was, for the look back at the end.
    for (n, facts) in kept.iter().enumerate() {
        let facts = facts.replace('\'', "''");
        let which = format!("(SELECT command FROM command_decision ORDER BY command LIMIT 1 OFFSET {n})");
        database.run(&format!("UPDATE command_decision SET facts = '{facts}' WHERE command = {which}")).await;
    }
    database.run(trigger).await;
    world.end().await;
}

#[tokio::test]
async fn goes_on_after_a_restart_where_it_was() {
    let (mut world, _) = busy_world().await;
    multiply(&world, 3_500).await;
    let mut live = world.app().events.watch(None).live;
    let started = world.admin().post("/api/v1/bundles/live/replay", json!({ "of": "commands" })).await.is(202);
    assert_eq!(started["total"], 3_504);
    soon("progress", async { while live.recv().await.unwrap().topic != "replay.progress" {} }).await;
    drop(live);
    world.restart().await;
    let replay = ended(&world, &started).await;
    assert_eq!((&replay["state"], &replay["seen"]), (&json!("done"), &json!(3_504)));
    assert_eq!(replay["tally"]["identical"], 3_504, "{replay}");
    assert_eq!(world.entries("replay.ended").await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn can_be_canceled_and_keeps_what_it_found() {
    let (world, _) = busy_world().await;
    multiply(&world, 6_000).await;
    let admin = world.admin();
    let first = admin.post("/api/v1/bundles/live/replay", json!({ "of": "commands" })).await.is(202);
    let second = admin.post("/api/v1/bundles/live/replay", json!({ "of": "commands" })).await.is(202);
    for started in [&second, &first] {
        let at = format!("/api/v1/replays/{}/cancel", text(started, "id"));
        let canceled = admin.post(&at, json!(null)).await.is(200);
        assert_eq!((text(&canceled, "state"), &canceled["ended"]), ("canceled", &json!(true)));
        admin.post(&at, json!(null)).await.problem("conflict");
    }
    assert_eq!(world.entries("replay.canceled").await.len(), 2);
    // The next one is not kept waiting.
    let third = admin.post("/api/v1/bundles/live/replay", json!({ "until": "2001-01-01T00:00:00Z" })).await.is(202);
    assert_eq!(ended(&world, &third).await["state"], "done");
    let list = admin.get("/api/v1/replays").await.is(200);
    let states: Vec<&str> = list["replays"].as_array().unwrap().iter().map(|replay| text(replay, "state")).collect();
    assert_eq!(states, ["done", "canceled", "canceled"]);
    world.end().await;
}

#[tokio::test]
async fn refuses_what_is_no_candidate_and_who_may_not() {
    let (world, ana) = busy_world().await;
    let (admin, author) = (world.admin(), world.person("cara", &["policy-author"]).await);
    admin.post("/api/v1/bundles/nothing/replay", json!({})).await.problem("not-found");
    admin.post("/api/v1/replays", json!({})).await.problem("invalid");
    admin.post("/api/v1/replays", json!({ "revision": "live", "files": {} })).await.problem("invalid");
    let broken = admin.post("/api/v1/replays", json!({ "files": with_policy("permit (") })).await;
    assert_eq!(text(&broken.problem("bundle-refused")["faults"][0], "file"), "policies/own.cedar");
    admin.get("/api/v1/replays/nothing").await.problem("not-found");
    ana.post("/api/v1/bundles/live/replay", json!({})).await.problem("forbidden");
    let started = author.post("/api/v1/bundles/live/replay", json!({ "of": "commands" })).await.is(202);
    // What it finds speaks of who did what, which takes the right to read the log.
    author.get(&format!("/api/v1/replays/{}", text(&started, "id"))).await.problem("forbidden");
    let auditor = world.person("dora", &["auditor"]).await;
    ended(&world, &started).await;
    let at = format!("/api/v1/replays/{}/findings", text(&started, "id"));
    auditor.get(&at).await.is(200);
    auditor.get(&format!("{at}?kind=nonsense")).await.problem("invalid");
    auditor.get(&format!("{at}/cmd_nothing/1")).await.problem("not-found");
    world.end().await;
}

#[tokio::test]
async fn a_replay_does_nothing_on_any_host() {
    let (world, ana) = busy_world().await;
    let asked = ana.ask("prod-1", WIPE).await;
    assert!(asked.status == 202 || asked.status == 403, "{}", asked.text);
    let before = world.entries("command.").await.len();
    let started = world
        .admin()
        .post("/api/v1/replays", json!({ "of": "commands", "files": with_policy(FROZEN_LAB) }))
        .await
        .is(202);
    ended(&world, &started).await;
    assert_eq!(world.entries("command.").await.len(), before, "a replay did something");
    world.end().await;
}

/// The decisions of an export, what a mask keeps, and how many lines it says it has.
fn lines(text: &str) -> (Vec<legator_engine::replay::Record>, Option<Kept>, u64) {
    let (mut records, mut kept, mut end) = (Vec::new(), None, 0);
    for line in text.lines() {
        match Line::parse(line).unwrap() {
            Line::Decision(record) => records.push(*record),
            Line::Masked(mask) => kept = Some(*mask),
            Line::Stopped(stopped) => panic!("{stopped:?}"),
            Line::End(n) => end = n,
        }
    }
    (records, kept, end)
}

#[tokio::test]
async fn an_export_replays_elsewhere_to_the_byte() {
    let (world, ana) = busy_world().await;
    ana.get("/api/v1/decisions/export?of=commands").await.problem("forbidden");
    let answer = world.admin().get("/api/v1/decisions/export?of=commands").await;
    assert_eq!((answer.status, answer.kind.as_str()), (200, "application/jsonl"));
    let (records, kept, end) = lines(&answer.text);
    assert_eq!((records.len(), kept, end), (4, None, 4));
    let shipped = Bundle::load(&Bundle::shipped()).unwrap();
    let mut tally = Tally::default();
    for record in &records {
        tally.add(record, &replay(&shipped, record).unwrap());
    }
    assert_eq!((tally.own, tally.identical), (4, 4));
    let narrowed = world.admin().get("/api/v1/decisions/export?of=commands&tag=lab&action=observe").await.text;
    assert_eq!(lines(&narrowed).0.len(), 1);
    assert_eq!(world.entries("decisions.exported").await.len(), 2);
    world.end().await;
}

#[tokio::test]
async fn a_masked_export_names_nobody_and_replays_to_the_same_outcomes() {
    let (world, _) = busy_world().await;
    let open = lines(&world.admin().get("/api/v1/decisions/export?of=commands").await.text).0;
    let text = world.admin().get("/api/v1/decisions/export?of=commands&masked=true").await.text;
    let (masked, kept, end) = lines(&text);
    let kept = kept.unwrap();
    assert_eq!((masked.len(), end), (4, 4));
    for line in text.lines().skip(1) {
        for name in ["\"ana\"", "lab-1", "prod-1", "usr_", "prb_", "cmd_", "sdb"] {
            assert!(!line.contains(name), "`{name}` in {line}");
        }
    }
    let files = with_policy(FROZEN_LAB).into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    let candidate = Bundle::load(&files).unwrap();
    let blind = Blind::new(&candidate, &kept);
    for (open, masked) in open.iter().zip(&masked) {
        let (open, masked) = (replay(&candidate, open).unwrap(), replay_masked(&candidate, &blind, masked).unwrap());
        assert_eq!((open.kind, open.decision.outcome), (masked.kind, masked.decision.outcome));
    }
    // The same names have the same pseudonyms next time.
    assert_eq!(world.admin().get("/api/v1/decisions/export?of=commands&masked=true").await.text, text);
    world.end().await;
}
