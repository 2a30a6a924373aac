//! A probe's key is turned without enrolling it anew: what either side loses on the way, and that the old key goes.

use legator_protocol::{End, Exchange, KeyShare, ProbeKey, ToProbe, ToServer};
use legator_server::fault::PROBE_KEY_POINTS;
use serde_json::{Value, json};
use testkit::program::Programs;
use testkit::{Host, Link, Person, World, look_back};

use crate::text;

/// The probe's half of the exchange.
const OWN: [u8; 32] = [5; 32];

async fn state(admin: &Person, probe: &str) -> (String, String) {
    let key = admin.get(&format!("/api/v1/probes/{probe}/key")).await.is(200);
    (text(&key, "state").to_owned(), key["why"].as_str().unwrap_or_default().to_owned())
}

async fn ask(admin: &Person, probe: &str) -> Value {
    admin.post(&format!("/api/v1/probes/{probe}/rotate-key"), json!({})).await.is(200)
}

/// Waits for the offer, and answers it as a probe does that keeps the next key.
async fn keep(host: &Host, link: &mut Link) -> ProbeKey {
    let (turn, server) = offered(link).await;
    let (next, said) = half(host, turn, &server);
    link.say(&said).await;
    next
}

async fn offered(link: &mut Link) -> (String, String) {
    loop {
        if let ToProbe::RotateKey { turn, public } = link.hear().await.unwrap() {
            return (turn, public);
        }
    }
}

fn half(host: &Host, turn: String, server: &str) -> (ProbeKey, ToServer) {
    let share = KeyShare::new(OWN);
    let (public, probe) = (share.public(), host.id.to_string());
    let exchange = Exchange { probe: &probe, turn: &turn, server, own: &public };
    let next = share.agree(&host.key, exchange, server).unwrap();
    let proof = exchange.prove(&next);
    (next, ToServer::KeyKept { turn, public, proof })
}

/// A session of a probe that holds both keys, or of one that is of before if `keys` are none.
async fn session(host: &Host, keys: &[&ProbeKey], proved: &ProbeKey) -> Result<Link, String> {
    let mut link = Link::open_with(&host.base(), host.id, keys, proved).await?;
    link.say(&ToServer::Heartbeat(testkit::well())).await;
    Ok(link)
}

#[tokio::test]
async fn the_key_is_turned_in_the_session_and_the_old_one_is_nothing_after() {
    let world = World::start().await;
    let (host, admin) = (world.host("web-1", &[]).await, world.admin());
    let mut link = session(&host, &[&host.key], &host.key).await.unwrap();
    assert_eq!(state(&admin, "web-1").await.0, "settled");
    assert_eq!(text(&ask(&admin, "web-1").await, "state"), "asked");
    let next = keep(&host, &mut link).await;
    assert_eq!(link.closed().await, "dropped", "it is to prove the new key");
    assert_eq!(state(&admin, "web-1").await.0, "kept");
    // Either key opens a session until the new one is proved.
    session(&host, &[&host.key], &host.key).await.unwrap();
    assert_eq!(state(&admin, "web-1").await.0, "kept");
    let mut link = session(&host, &[&next, &host.key], &next).await.unwrap();
    assert_eq!(state(&admin, "web-1").await, ("settled".into(), String::new()));
    assert!(admin.get("/api/v1/probes/web-1/key").await.is(200)["turned_at"].is_string());
    // Orders come with the seal of the new key.
    let asked = admin.ask("web-1", &["uptime"]).await.is(202);
    let (order, _) = link.order().await;
    assert_eq!(order.command.to_string(), text(&asked, "id"));
    link.accept(order.command).await;
    link.finish(order.command, 0, End::Exited { code: 0 }).await;
    admin.ended(text(&asked, "id")).await;
    // With the old key nobody gets in, whether they say so or not; and the one who is in stays.
    let refused = session(&host, &[&host.key], &host.key).await.err().unwrap();
    assert!(refused.contains("none of the probe's keys"), "{refused}");
    assert!(session(&host, &[], &host.key).await.is_err());
    link.flush().await;
    let told = world.entries("probe.").await;
    let told: Vec<_> = told.iter().map(|entry| text(entry, "kind")).filter(|kind| kind.contains("key")).collect();
    assert_eq!(told, ["probe.key_asked", "probe.key_kept", "probe.key_turned"]);
    world.end().await;
}

#[tokio::test]
async fn an_answer_that_is_lost_leaves_the_turn_asked_for_and_it_is_offered_anew() {
    let mut world = World::start().await;
    let (host, admin) = (world.host("web-1", &[]).await, world.admin());
    let mut link = session(&host, &[&host.key], &host.key).await.unwrap();
    ask(&admin, "web-1").await;
    let (first, server) = offered(&mut link).await;
    let (lost, said) = half(&host, first.clone(), &server);
    drop(link);
    // The server restarts before the answer could come; the probe has both keys, the server the old one.
    world.restart().await;
    let mut link = session(&host, &[&lost, &host.key], &host.key).await.unwrap();
    let (turn, _) = offered(&mut link).await;
    assert_eq!(turn, first, "it is the same turn");
    // The late answer is to an offer that nobody remembers; it counts for nothing.
    link.say(&said).await;
    link.flush().await;
    let (state, why) = state(&admin, "web-1").await;
    assert_eq!(state, "asked", "{why}");
    drop(link);
    let mut link = session(&host, &[&lost, &host.key], &host.key).await.unwrap();
    let next = keep(&host, &mut link).await;
    link.closed().await;
    session(&host, &[&next, &host.key], &next).await.unwrap();
    assert_eq!(self::state(&admin, "web-1").await.0, "settled");
    world.end().await;
}

#[tokio::test]
async fn who_asks_twice_in_a_session_has_one_offer_made_and_its_answer_counts() {
    let world = World::start().await;
    let (host, admin) = (world.host("web-1", &[]).await, world.admin());
    let mut link = session(&host, &[&host.key], &host.key).await.unwrap();
    ask(&admin, "web-1").await;
    ask(&admin, "web-1").await;
    // A second half of the exchange would make the answer to the first one worth nothing.
    let (turn, server) = offered(&mut link).await;
    let (next, said) = half(&host, turn, &server);
    link.say(&said).await;
    link.closed().await;
    session(&host, &[&next, &host.key], &next).await.unwrap();
    assert_eq!(state(&admin, "web-1").await.0, "settled");
    world.end().await;
}

#[tokio::test]
async fn both_keys_outlive_a_restart_and_a_turn_of_the_seal_key() {
    let mut world = World::plan().with_manual_clock().start().await;
    let (host, admin) = (world.host("web-1", &[]).await, world.admin());
    let mut link = session(&host, &[&host.key], &host.key).await.unwrap();
    ask(&admin, "web-1").await;
    let next = keep(&host, &mut link).await;
    link.closed().await;
    world.restart().await;
    let turn = admin.post("/api/v1/server/seal-key/rotate", json!({})).await.is(200);
    assert_eq!(turn["sealed_anew"], 2, "the key of now and the next one");
    world.clock().advance(60_000);
    let turn = admin.post("/api/v1/server/seal-key/rotate", json!({})).await.is(200);
    assert_eq!((&turn["turning"], &turn["sealed_anew"]), (&json!(false), &json!(0)));
    world.restart().await;
    session(&host, &[&host.key], &host.key).await.unwrap();
    // A probe that forgot the old key already, because it died right after it was told: the next one alone.
    session(&host, &[&next], &next).await.unwrap();
    assert_eq!(state(&admin, "web-1").await.0, "settled");
    assert!(session(&host, &[&host.key], &host.key).await.is_err());
    world.end().await;
}

#[tokio::test]
async fn a_probe_that_is_away_is_waited_for_and_an_old_program_is_named() {
    let world = World::start().await;
    let (host, admin) = (world.host("web-1", &[]).await, world.admin());
    ask(&admin, "web-1").await;
    let (known, why) = state(&admin, "web-1").await;
    assert!(known == "asked" && why.contains("away"), "{known}: {why}");
    // A program from before says nothing of its keys; it is not offered what it would not understand.
    let mut old = session(&host, &[], &host.key).await.unwrap();
    old.flush().await;
    let (known, why) = state(&admin, "web-1").await;
    assert!(known == "asked" && why.contains("(0.1.0) is too old"), "{known}: {why}");
    let asked = admin.ask("web-1", &["uptime"]).await.is(202);
    let (order, _) = old.order().await;
    assert_eq!(order.command.to_string(), text(&asked, "id"), "it goes on as before");
    old.accept(order.command).await;
    old.finish(order.command, 0, End::Exited { code: 0 }).await;
    admin.ended(text(&asked, "id")).await;
    // After its upgrade it is offered the key at once.
    let mut link = session(&host, &[&host.key], &host.key).await.unwrap();
    let next = keep(&host, &mut link).await;
    link.closed().await;
    session(&host, &[&next, &host.key], &next).await.unwrap();
    // Enrolled anew in the middle of a turn, it has the key of that enrollment and no turn.
    ask(&admin, "web-1").await;
    let token = world.token(json!({ "probe": "web-1" })).await;
    let again = testkit::registration(&token["token"], "web-1");
    let registered = world.stranger().post("/api/v1/register", again).await.is(201);
    assert_eq!(state(&admin, "web-1").await.0, "settled");
    let host = host.again(&registered);
    session(&host, &[&host.key], &host.key).await.unwrap();
    assert!(session(&host, &[&next], &next).await.is_err());
    world.end().await;
}

#[tokio::test]
async fn an_answer_that_proves_nothing_and_a_probe_that_cannot_are_said() {
    let world = World::start().await;
    let (host, admin) = (world.host("web-1", &[]).await, world.admin());
    let mut link = session(&host, &[&host.key], &host.key).await.unwrap();
    ask(&admin, "web-1").await;
    let (turn, server) = offered(&mut link).await;
    let (_, said) = half(&host, turn.clone(), &server);
    let ToServer::KeyKept { public, proof, .. } = said else { unreachable!() };
    let forged = proof.replace(&proof[..4], "AAAA");
    link.say(&ToServer::KeyKept { turn: turn.clone(), public, proof: forged }).await;
    link.flush().await;
    let (known, why) = state(&admin, "web-1").await;
    assert!(known == "asked" && why.contains("does not hold the same new key"), "{known}: {why}");
    let why = "cannot write `/etc/legator/probe.toml`: read-only file system".to_owned();
    link.say(&ToServer::KeyNotKept { turn, why: why.clone() }).await;
    link.flush().await;
    assert_eq!(state(&admin, "web-1").await, ("asked".into(), why.clone()));
    let failed = world.entry("probe.key_failed", |entry| entry["body"]["why"] == why).await;
    assert_eq!(text(&failed, "actor"), host.id.to_string());
    // Asked again, it is the same turn, and the next session takes it up.
    ask(&admin, "web-1").await;
    drop(link);
    let mut link = session(&host, &[&host.key], &host.key).await.unwrap();
    let next = keep(&host, &mut link).await;
    link.closed().await;
    session(&host, &[&next, &host.key], &next).await.unwrap();
    assert_eq!(state(&admin, "web-1").await, ("settled".into(), String::new()));
    world.end().await;
}

#[tokio::test]
async fn keys_are_turned_by_tag_by_those_who_manage_the_probes() {
    let world = World::start().await;
    for (name, tags) in [("web-1", &["web"][..]), ("web-2", &["web"]), ("db-1", &["db"])] {
        world.host(name, tags).await;
    }
    let (admin, ana) = (world.admin(), world.person("ana", &["operator"]).await);
    ana.post("/api/v1/probes/web-1/rotate-key", json!({})).await.problem("forbidden");
    admin.post("/api/v1/probes/nothing/rotate-key", json!({})).await.problem("not-found");
    let several = "/api/v1/fleet/rotate-keys";
    for wrong in [json!({}), json!({ "tag": "web", "all": true })] {
        admin.post(several, wrong).await.problem("invalid");
    }
    assert_eq!(ana.post(several, json!({ "all": true })).await.is(200)["probes"], json!([]));
    let asked = admin.post(several, json!({ "tag": "web" })).await.is(200);
    let names: Vec<_> = asked["probes"].as_array().unwrap().iter().map(|probe| text(probe, "name")).collect();
    assert_eq!((names, &asked["counts"]), (vec!["web-1", "web-2"], &json!({ "asked": 2 })));
    assert_eq!(state(&admin, "db-1").await.0, "settled");
    let asked = admin.post(several, json!({ "all": true })).await.is(200);
    assert_eq!(asked["counts"], json!({ "asked": 3 }));
    assert_eq!(world.entries("probe.key_asked").await.len(), 3, "a turn under way is not begun twice");
    world.end().await;
}

/// Waits until the turn is over.
async fn turned(programs: &Programs) {
    let mut told = String::new();
    for _ in 0..20_000 {
        let key = programs.admin().get("/api/v1/probes/host-1/key").await.is(200);
        if key["state"] == "settled" {
            return;
        }
        told = key.to_string();
        tokio::task::yield_now().await;
    }
    panic!("the turn does not end: {told}\n{}", programs.told());
}

fn probe_key(programs: &Programs) -> String {
    std::fs::read_to_string(programs.folder.path().join("etc/probe.toml")).unwrap()
}

#[tokio::test]
async fn a_server_that_dies_at_any_step_of_a_turn_and_a_probe_that_does_converge() {
    let mut programs = Programs::new(env!("CARGO_BIN_EXE_legator"));
    programs.start_server(None);
    assert!(programs.server_answers().await, "{}", programs.told());
    programs.enroll("host-1").await;
    for point in PROBE_KEY_POINTS {
        let before = probe_key(&programs);
        programs.start_server(Some(point));
        assert!(programs.server_answers().await, "{point}: {}", programs.told());
        // A fresh one, because a probe that loses its server again and again waits longer each time.
        programs.start_probe();
        // A command that is under way when the key is turned.
        let gate = programs.folder.path().join(point);
        let waits = json!({ "argv": ["/bin/sh", "-c", format!("mkfifo {0}; cat {0}", gate.display())] });
        let under_way = programs.admin().post("/api/v1/probes/host-1/command", waits).await.is(202);
        let path = "/api/v1/probes/host-1/rotate-key";
        // The answer may be lost with the server; the turn is a row before the probe hears of it.
        let _ = programs.admin().request(testkit::reqwest::Method::POST, path).json(&json!({})).send().await;
        assert!(!programs.server_ends().await.success(), "{point}");
        programs.start_server(None);
        assert!(programs.server_answers().await, "{point}: {}", programs.told());
        turned(&programs).await;
        tokio::task::spawn_blocking(move || std::fs::write(gate, "through the gate\n").unwrap()).await.unwrap();
        let ended = programs.admin().ended(text(&under_way, "id")).await;
        assert_eq!(ended["state"], "succeeded", "{point}: {ended}\n{}", programs.told());
        let after = probe_key(&programs);
        assert!(after != before && !after.contains("next_key"), "{point}: {}", programs.told());
        // And the probe that has one key comes back with it.
        programs.start_probe();
        let asked = json!({ "argv": ["/bin/echo", "here"] });
        let asked = programs.admin().post("/api/v1/probes/host-1/command", asked).await.is(202);
        assert_eq!(programs.admin().ended(text(&asked, "id")).await["state"], "succeeded", "{point}");
        look_back(&programs.data(), Some(&programs.admin())).await;
    }
}
