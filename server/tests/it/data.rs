//! What is kept: over a restart, against a second server, and against an older one.

use legator_protocol::End;
use legator_server::command::State;
use serde_json::json;
use testkit::{Host, World};

use crate::{RESTART, text};

#[tokio::test]
async fn a_database_of_a_newer_server_is_refused_and_left_as_it_is() {
    let mut world = World::start().await;
    world.stop().await;
    let mut database = world.database().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'newer', 1, x'00', 0)";
    database.run(newer).await;
    let fault = world.begin().await.unwrap_err();
    assert!(fault.contains("newer") && fault.contains("9999"), "{fault}");
    assert_eq!(database.number("SELECT max(version) FROM _sqlx_migrations").await, 9999);
    database.run("DELETE FROM _sqlx_migrations WHERE version = 9999").await;
    world.begin().await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_does_not_start() {
    let world = World::start().await;
    let second = legator_server::app::App::build(world.config(), legator_server::clock::Clock::system()).await;
    let fault = second.err().unwrap().to_string();
    assert!(fault.contains("another server") || fault.contains("in use") || fault.contains("running"), "{fault}");
    world.stranger().get("/healthz").await.is(200);
    world.end().await;
}

#[tokio::test]
async fn a_key_file_of_another_server_opens_no_probes_key() {
    let mut world = World::start().await;
    let host = world.host("web-1", &[]).await;
    world.stop().await;
    let path = world.data().join("server.key");
    let own = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, "00".repeat(32)).unwrap();
    world.begin().await.unwrap();
    let refused =
        testkit::Link::greet(&host.base(), host.id, &host.key, legator_protocol::VERSIONS).await.err().unwrap();
    assert!(refused.contains("server failed"), "{refused}");
    world.stop().await;
    std::fs::write(&path, own).unwrap();
    world.begin().await.unwrap();
    host.connect().await.flush().await;
    world.end().await;
}

#[tokio::test]
async fn a_restart_keeps_every_open_command_and_each_reaches_its_end() {
    let mut world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    let (web, db) = (world.host("web-1", &["web"]).await, world.host("db-1", &["prod"]).await);
    let away = world.host("away-1", &[]).await;
    let mut link = web.connect().await;
    link.flush().await;
    let running = ana.ask("web-1", RESTART).await.is(202);
    let (order, _) = link.order().await;
    link.accept(order.command).await;
    link.output(order.command, 0, "before ").await;
    world.until(text(&running, "id"), State::Running).await;
    link.flush().await;
    let queued = ana.ask("web-1", RESTART).await.is(202);
    let held = ana.ask("db-1", RESTART).await.is(202);
    let dispatched = ana.ask("away-1", &["uptime"]).await.is(202);
    drop(link);

    world.restart().await;
    let states = [(&running, "running"), (&queued, "queued"), (&held, "held"), (&dispatched, "dispatched")];
    for (asked, state) in states {
        assert_eq!(ana.command(text(asked, "id")).await["state"], state);
    }
    let capacity = ana.get("/api/v1/capacity").await.is(200);
    assert_eq!(capacity["fleet"], json!({ "running": 2, "queued": 1, "running_changes": 1 }));

    let mut link = web.connect().await;
    let (again, next) = link.order().await;
    assert_eq!((&again, next), (&order, 1));
    link.output(order.command, 1, "after").await;
    link.finish(order.command, 2, End::Exited { code: 0 }).await;
    let (second, _) = link.order().await;
    link.accept(second.command).await;
    link.finish(second.command, 0, End::Exited { code: 0 }).await;
    let _probes = [db.obey().await, away.obey().await];
    ben.vote(text(&held, "approval"), "approve").await.is(200);
    for (asked, _) in states {
        assert_eq!(ana.ended(text(asked, "id")).await["state"], "succeeded");
    }
    assert_eq!(ana.command(text(&running, "id")).await["stdout"], "before after");
    world.end().await;
}

#[tokio::test]
async fn an_idempotency_key_is_remembered_over_a_restart() {
    let mut world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let ask = || {
        let request = ana.request(testkit::reqwest::Method::POST, "/api/v1/probes/web-1/command");
        ana.send(request.header("Idempotency-Key", "k").json(&json!({ "argv": ["uptime"] })))
    };
    let first = ask().await.is(202);
    world.restart().await;
    let again = ask().await.is(202);
    assert_eq!((text(&first, "id"), again["repeated"].as_bool()), (text(&again, "id"), Some(true)));
    let probe = host.obey().await;
    ana.ended(text(&first, "id")).await;
    assert_eq!(probe.ran().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn inventory_is_kept_by_section_and_asked_for_anew_when_it_does_not_fit() {
    let mut world = World::start().await;
    let ana = world.person("ana", &["viewer"]).await;
    let host: Host = world.host("web-1", &[]).await;
    let mut link = host.connect().await;
    let inventory = |digest: &str, base: Option<&str>, sections: serde_json::Value| {
        legator_protocol::ToServer::Inventory(legator_protocol::Inventory {
            digest: digest.repeat(64),
            base: base.map(|base| base.repeat(64)),
            collected_at_ms: 1,
            sections: serde_json::from_value(sections).unwrap(),
        })
    };
    link.say(&inventory("1", None, json!({ "system": { "kernel": "6.1" }, "users": ["ana"] }))).await;
    link.say(&inventory("2", Some("1"), json!({ "users": ["ana", "ben"] }))).await;
    link.flush().await;
    let sections = json!({ "system": { "kernel": "6.1" }, "users": ["ana", "ben"] });
    assert_eq!(ana.get("/api/v1/probes/web-1/inventory").await.is(200)["sections"], sections);
    link.say(&inventory("9", Some("8"), json!({ "users": [] }))).await;
    let asked = loop {
        match link.hear().await.unwrap() {
            legator_protocol::ToProbe::Policy { inventory, .. } => break inventory,
            _ => continue,
        }
    };
    assert_eq!(asked, None);
    world.restart().await;
    assert_eq!(ana.get("/api/v1/probes/web-1/inventory").await.is(200)["sections"], sections);
    world.end().await;
}
