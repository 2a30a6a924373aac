//! The log from outside: it verifies, it proves, it tells each command's story, and where it cannot be written nothing is done.

use legator_engine::tlog::{Checkpoint, Hash, Ticket, Verifier, leaf_hash, verify_consistency};
use legator_server::audit::WriteFault;
use legator_server::command::State;
use serde_json::{Value, json};
use testkit::{World, soon};

use crate::{RESTART, text};

#[tokio::test]
async fn an_entry_is_proved_without_the_server() {
    let world = World::start().await;
    let host = world.host("web-1", &[]).await;
    let _probe = host.obey().await;
    let ana = world.person("ana", &["operator"]).await;
    ana.run("web-1", &["uptime"]).await.is(200);
    let cleo = world.person("cleo", &["auditor"]).await;
    let size = cleo.get("/api/v1/audit/checkpoint").await.is(200)["size"].as_u64().unwrap();
    assert!(size > 5);
    for index in 0..size {
        let proof = cleo.get(&format!("/api/v1/audit/entries/{index}/proof")).await.is(200);
        let verifier = Verifier::parse(text(&proof, "verifier")).unwrap();
        let ticket = Ticket::parse(text(&proof, "proof")).unwrap();
        let entry = text(&proof, "entry");
        let checkpoint = ticket.verify(entry.as_bytes(), &verifier).unwrap();
        assert!(checkpoint.size >= size);
        assert_eq!(leaf_hash(entry.as_bytes()).to_base64(), text(&proof, "leaf_hash"));
        assert!(ticket.verify(entry.replace("\"v\":1", "\"v\":2").as_bytes(), &verifier).is_err());
    }
    cleo.get(&format!("/api/v1/audit/entries/{}/proof", size + 1000)).await.problem("not-found");
    world.end().await;
}

#[tokio::test]
async fn the_log_of_today_begins_with_the_log_of_any_day_before() {
    let world = World::start().await;
    let cleo = world.person("cleo", &["auditor"]).await;
    let kept = cleo.get("/api/v1/audit/checkpoint").await.is(200);
    for n in 0..5 {
        world.person(&format!("guest-{n}"), &[]).await;
    }
    let from = kept["size"].as_u64().unwrap();
    let proof = cleo.get(&format!("/api/v1/audit/consistency?from={from}")).await.is(200);
    let verifier = Verifier::parse(text(&proof, "verifier")).unwrap();
    let now = Checkpoint::open(text(&proof, "note"), &verifier).unwrap();
    let then = Checkpoint::open(text(&kept, "note"), &verifier).unwrap();
    let path: Vec<Hash> = proof["path"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hash| Hash::from_base64(hash.as_str().unwrap()).unwrap())
        .collect();
    assert!(now.size > then.size);
    verify_consistency(then.size, then.root, now.size, now.root, &path).unwrap();
    assert!(verify_consistency(then.size, leaf_hash(b"another log"), now.size, now.root, &path).is_err());
    cleo.get("/api/v1/audit/consistency?from=1000000").await.problem("invalid");
    world.end().await;
}

#[tokio::test]
async fn a_commands_story_stands_in_the_log_in_order() {
    let world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    let host = world.host("web-1", &["prod"]).await;
    let _probe = host.obey().await;
    let held = ana.ask("web-1", RESTART).await.is(202);
    ben.vote(text(&held, "approval"), "approve").await.is(200);
    ana.ended(text(&held, "id")).await;
    let cleo = world.person("cleo", &["auditor"]).await;
    let page = cleo.get(&format!("/api/v1/audit?command={}", text(&held, "id"))).await.is(200);
    let mut entries = page["entries"].as_array().unwrap().clone();
    entries.reverse();
    let kinds: Vec<_> = entries.iter().map(|entry| text(entry, "kind")).collect();
    assert_eq!(kinds, ["command.decided", "approval.voted", "command.decided", "command.started", "command.settled"]);
    let actors: Vec<_> = entries.iter().map(|entry| text(entry, "actor")).collect();
    let probe = host.id.to_string();
    assert_eq!(actors, ["ana", "ben", "ana", &probe, &probe]);
    assert_eq!(entries[2]["body"]["line"], "systemctl restart nginx");
    world.end().await;
}

#[tokio::test]
async fn the_export_is_enough_to_compute_the_root_elsewhere() {
    let world = World::start().await;
    let cleo = world.person("cleo", &["auditor"]).await;
    let checkpoint = cleo.get("/api/v1/audit/checkpoint").await.is(200);
    let export = cleo.get("/api/v1/audit/export").await.text;
    let lines: Vec<&str> =
        export.lines().take(usize::try_from(checkpoint["size"].as_u64().unwrap()).unwrap()).collect();
    let mut tree = legator_engine::tlog::Tree::default();
    for line in &lines {
        tree.append(leaf_hash(line.as_bytes()), |_, _| {});
    }
    assert_eq!(tree.root().to_base64(), text(&checkpoint, "root"));
    world.end().await;
}

#[tokio::test]
async fn a_body_that_was_altered_behind_the_servers_back_is_found() {
    let world = World::start().await;
    let cleo = world.person("cleo", &["auditor"]).await;
    let mut database = world.database().await;
    database.run("DROP TRIGGER audit_body_update; UPDATE audit_body SET json = replace(json, 'cleo', 'eve') WHERE json LIKE '%cleo%'").await;
    let report = cleo.get("/api/v1/audit/verify").await.is(200);
    assert_eq!(report["ok"], false, "{report}");
    assert!(!text(&report, "first_bad").is_empty());
}

/// Lets the database grow no further, as a full disk would, and fills it.
pub async fn fill(world: &World) {
    testkit::full::bound(world).await;
    testkit::full::fill_up(world).await;
}

/// Gives the disk its room back, and waits until the log has noticed.
pub async fn make_room(world: &World) {
    testkit::full::unbound(world).await;
}

#[tokio::test]
async fn while_the_log_cannot_be_written_nothing_is_done_and_reading_goes_on() {
    let world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    let host = world.host("web-1", &[]).await;
    world.host("db-1", &["prod"]).await;
    let probe = host.obey().await;
    let before = ana.run("web-1", &["uptime"]).await.is(200);
    let held = ana.ask("db-1", RESTART).await.is(202);
    fill(&world).await;

    for argv in [&["uptime"][..], RESTART] {
        ana.ask("web-1", argv).await.problem("log-unavailable");
    }
    ben.vote(text(&held, "approval"), "approve").await.problem("log-unavailable");
    ana.cancel(text(&held, "id")).await.problem("log-unavailable");
    assert_eq!(probe.ran(), ["uptime"]);
    assert_eq!(ana.command(text(&before, "id")).await["state"], "succeeded");
    assert_eq!(ana.get("/api/v1/probes").await.is(200)["total"], 2);
    let health = world.stranger().get("/healthz").await;
    assert_eq!((health.status, text(&health.body, "status")), (503, "degraded"));
    assert!(health.text.contains("the audit log cannot be written"), "{}", health.text);
    assert_eq!(world.counted("legator_log_writable").await, 0);

    make_room(&world).await;
    assert_eq!(world.stranger().get("/healthz").await.is(200)["status"], "ok");
    assert_eq!(ana.run("web-1", &["hostname"]).await.is(200)["state"], "succeeded");
    assert_eq!(probe.ran(), ["uptime", "hostname"]);
    ben.vote(text(&held, "approval"), "approve").await.is(200);
    world.until(text(&held, "id"), State::Dispatched).await;
    world.end().await;
}

#[tokio::test]
async fn what_a_probe_says_while_the_log_cannot_be_written_is_said_again_and_then_kept() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let mut link = host.connect().await;
    let asked = ana.ask("web-1", &["uptime"]).await.is(202);
    let (order, _) = link.order().await;
    fill(&world).await;
    link.accept(order.command).await;
    assert_eq!(link.closed().await, "dropped");
    assert_eq!(ana.command(text(&asked, "id")).await["state"], "dispatched");
    make_room(&world).await;
    let mut link = host.connect().await;
    let (again, _) = link.order().await;
    assert_eq!(again, order);
    link.accept(order.command).await;
    link.finish(order.command, 0, legator_protocol::End::Exited { code: 0 }).await;
    let command: Value = ana.ended(text(&asked, "id")).await;
    assert_eq!(command["state"], "succeeded");
    assert!(command["started_at"].is_string(), "{command}");
    world.end().await;
}

#[tokio::test]
async fn a_part_that_fails_is_undone_and_hurts_nobody_else() {
    let world = World::start().await;
    let ledger = world.app().ledger.clone();
    let failing = ledger.write::<(), _>(0, |_| Box::pin(async { Err(WriteFault::Panicked) }));
    assert!(soon("the fault", failing).await.is_err());
    world.person("ana", &["viewer"]).await.get("/api/v1/me").await.is(200);
    assert_eq!(world.admin().get("/api/v1/audit/verify").await.is(200)["ok"], json!(true));
    world.end().await;
}
