//! The log's key, turned while the server runs: everybody who kept something goes on, and a thief of the old key does not.

use ed25519_dalek::SigningKey;
use legator_engine::evidence;
use legator_engine::tlog::{Checkpoint, Keys, Signer, Ticket, Turn, Verifier, verify_consistency};
use legator_protocol::ToProbe;
use legator_server::fault::LOG_KEY_POINTS;
use serde_json::{Value, json};
use testkit::program::Programs;
use testkit::{Person, World, look_back, soon};

use crate::text;

const ROTATE: &str = "/api/v1/server/log-key/rotate";

async fn key_of(auditor: &Person) -> Verifier {
    Verifier::parse(text(&auditor.get("/api/v1/audit/checkpoint").await.is(200), "verifier")).unwrap()
}

/// The turns that the server tells of, each with its entry.
async fn turns(auditor: &Person) -> Vec<(Turn, Value)> {
    let told = auditor.get("/api/v1/audit/keys").await.is(200);
    let turns = told["keys"].as_array().unwrap().iter().map(|key| &key["turn"]).filter(|turn| turn.is_object());
    turns.map(|turn| (Turn::read(text(turn, "entry")).unwrap().unwrap(), turn.clone())).collect()
}

/// What whoever trusts `known` believes after a look at the server.
async fn follow(auditor: &Person, known: &Verifier) -> Keys {
    let told = turns(auditor).await;
    let turns: Vec<_> = told.iter().map(|(turn, _)| turn.clone()).collect();
    let keys = Keys::trusting(known, &turns).unwrap();
    for (turn, told) in &told {
        let ticket = Ticket::parse(text(told, "proof")).unwrap();
        assert_eq!(ticket.index, turn.index);
        ticket.verify_under(text(told, "entry").as_bytes(), &keys).unwrap();
        for key in [&turn.old, &turn.new] {
            assert_eq!(Checkpoint::open(text(told, "note"), key).unwrap().size, turn.index + 1);
        }
    }
    keys
}

/// The private half, as it stands in the data folder.
fn secret(world: &World) -> SigningKey {
    let text = std::fs::read_to_string(world.data().join("log.key")).unwrap();
    SigningKey::from_bytes(&hex::decode(text.trim()).unwrap().try_into().unwrap())
}

#[tokio::test]
async fn whoever_kept_a_key_or_a_checkpoint_follows_over_turns_and_restarts() {
    let mut world = World::start().await;
    let cleo = world.person("cleo", &["auditor"]).await;
    let first = key_of(&cleo).await;
    let mut kept = vec![text(&cleo.get("/api/v1/audit/checkpoint").await.is(200), "note").to_owned()];
    let early = cleo.get("/api/v1/audit/entries/0/proof").await.is(200);
    for n in 0..2 {
        let seen = key_of(&cleo).await.to_string();
        let turned = world.admin().post(ROTATE, json!({ "expect": seen })).await.is(200);
        assert!(text(&turned, "verifier") != seen);
        kept.push(text(&turned, "note").to_owned());
        world.person(&format!("guest-{n}"), &[]).await;
        kept.push(text(&cleo.get("/api/v1/audit/checkpoint").await.is(200), "note").to_owned());
        world.restart().await;
    }
    let keys = follow(&cleo, &first).await;
    assert_eq!((keys.n_turns(), keys.now()), (2, &key_of(&cleo).await));
    // The log is one tree: every kept head of any key is a beginning of it.
    for note in &kept {
        let then = keys.open(note).unwrap();
        let proof = cleo.get(&format!("/api/v1/audit/consistency?from={}", then.size)).await.is(200);
        let now = keys.open(text(&proof, "note")).unwrap();
        let path = proof["path"].as_array().unwrap().iter();
        let path: Vec<_> =
            path.map(|hash| legator_engine::tlog::Hash::from_base64(hash.as_str().unwrap()).unwrap()).collect();
        verify_consistency(then.size, then.root, now.size, now.root, &path).unwrap();
    }
    // A proof of before, checked by who knows the key of now; one of now, by who knows the first.
    let late = cleo.get("/api/v1/audit/entries/0/proof").await.is(200);
    let by_last = follow(&cleo, &key_of(&cleo).await).await;
    for (proof, keys) in [(&early, &by_last), (&late, &keys)] {
        let ticket = Ticket::parse(text(proof, "proof")).unwrap();
        ticket.verify_under(text(proof, "entry").as_bytes(), keys).unwrap();
    }
    let report = cleo.get("/api/v1/audit/verify").await.is(200);
    assert_eq!((&report["ok"], &report["turns"]), (&json!(true), &json!(2)));
    world.end().await;
}

#[tokio::test]
async fn a_thief_of_the_old_key_signs_no_log_of_today() {
    let world = World::start().await;
    let cleo = world.person("cleo", &["auditor"]).await;
    let (known, stolen) = (key_of(&cleo).await, secret(&world));
    world.admin().post(ROTATE, json!({})).await.is(200);
    world.person("guest", &[]).await;
    assert_ne!(secret(&world).to_bytes(), stolen.to_bytes());
    let keys = follow(&cleo, &known).await;
    let head = keys.open(text(&cleo.get("/api/v1/audit/checkpoint").await.is(200), "note")).unwrap();
    let thief = Signer::new(known.name(), stolen).unwrap();
    let refused = keys.open(&Checkpoint::sign(head.size, head.root, &thief)).unwrap_err();
    assert!(refused.to_string().contains("its key was turned"), "{refused}");
    assert!(world.app().ledger.agree(&Checkpoint::sign(head.size, head.root, &thief)).await.is_err());
    // The thief's own turn, to a key of theirs, is none of the log.
    let other = Signer::new(known.name(), SigningKey::from_bytes(&[9; 32])).unwrap();
    let body = Turn::body(head.size, head.root, &thief, &other);
    let forged = json!({ "index": head.size, "kind": "log-key.turned", "body": body }).to_string();
    let forged = Turn::read(&forged).unwrap().unwrap();
    assert!(keys.clone().turn(&forged).is_err(), "it turns a key that had gone");
    world.end().await;
}

#[tokio::test]
async fn the_turn_asks_for_its_right_and_for_the_key_that_was_looked_at() {
    let world = World::start().await;
    let (ana, cleo) = (world.person("ana", &["operator"]).await, world.person("cleo", &["auditor"]).await);
    for person in [&ana, &cleo] {
        person.post(ROTATE, json!({})).await.problem("forbidden");
    }
    ana.get("/api/v1/audit/keys").await.problem("forbidden");
    let seen = key_of(&cleo).await.to_string();
    let admin = world.admin();
    let (one, two) =
        tokio::join!(admin.post(ROTATE, json!({ "expect": seen })), admin.post(ROTATE, json!({ "expect": seen })));
    let mut told = [one.status, two.status];
    told.sort_unstable();
    assert_eq!(told, [200, 409], "of two at once one turns it");
    admin.post(ROTATE, json!({ "expect": seen })).await.problem("conflict");
    let turned = world.entries("log-key.turned").await;
    assert_eq!((turned.len(), text(&turned[0], "actor"), &turned[0]["body"]["old"]), (1, "admin", &json!(seen)));
    world.end().await;
}

#[tokio::test]
async fn every_connected_probe_witnesses_the_turn() {
    let world = World::start().await;
    let mut link = world.host("web-1", &[]).await.connect().await;
    let old = key_of(&world.admin()).await;
    let turned = world.admin().post(ROTATE, json!({})).await.is(200);
    let new = Verifier::parse(text(&turned, "verifier")).unwrap();
    loop {
        let Ok(ToProbe::Checkpoint { note }) = link.hear().await else { continue };
        if note == text(&turned, "note") {
            assert!(Checkpoint::open(&note, &old).is_ok() && Checkpoint::open(&note, &new).is_ok());
            break;
        }
    }
    world.end().await;
}

#[tokio::test]
async fn evidence_of_before_and_after_is_good_to_whoever_knows_either_key() {
    let world = World::start().await;
    let cleo = world.person("cleo", &["auditor"]).await;
    let download = async || {
        let request = cleo.request(testkit::reqwest::Method::GET, "/api/v1/audit/download?form=evidence");
        request.send().await.unwrap().bytes().await.unwrap().to_vec()
    };
    let (old, before) = (key_of(&cleo).await, download().await);
    world.admin().post(ROTATE, json!({})).await.is(200);
    let (new, after) = (key_of(&cleo).await, download().await);
    assert_eq!(evidence::verify(&before, Some(&old)).unwrap().turns, 0);
    for key in [&old, &new] {
        let shown = evidence::verify(&after, Some(key)).unwrap();
        assert_eq!((shown.turns, shown.verifier), (1, key.to_string()));
    }
    let stranger = Signer::new(old.name(), SigningKey::from_bytes(&[9; 32])).unwrap().verifier();
    assert!(matches!(evidence::verify(&after, Some(&stranger)), Err(evidence::EvidenceFault::OtherKey)));
    // One letter of the turn is enough to be no evidence any more.
    let at = after.windows(9).position(|window| window == b"next-key ").unwrap();
    let mut forged = after.clone();
    forged[at] = b'N';
    assert!(evidence::verify(&forged, Some(&old)).is_err());
    world.end().await;
}

#[tokio::test]
async fn a_backup_goes_on_with_the_key_that_belongs_to_it_and_with_no_other() {
    let mut world = World::start().await;
    let cleo = world.person("cleo", &["auditor"]).await;
    let old_key = std::fs::read_to_string(world.data().join("log.key")).unwrap();
    let backup = world.folder().join("backup.db");
    let mut database = world.database().await;
    database.run(&format!("VACUUM INTO '{}'", backup.display())).await;
    drop(database);
    let known = key_of(&cleo).await;
    let turned = world.admin().post(ROTATE, json!({})).await.is(200);
    let witnessed = text(&turned, "note").to_owned();
    world.stop().await;
    for beside in ["legator.db-wal", "legator.db-shm"] {
        let _ = std::fs::remove_file(world.data().join(beside));
    }
    std::fs::copy(&backup, world.data().join("legator.db")).unwrap();
    let refused = world.begin().await.unwrap_err();
    assert!(refused.contains("`log.key`"), "{refused}");
    std::fs::write(world.data().join("log.key"), &old_key).unwrap();
    world.begin().await.unwrap();
    assert_eq!(key_of(&cleo).await, known);
    // What was cut by the restore, a kept checkpoint shows.
    assert!(world.app().ledger.agree(&witnessed).await.is_err());
    world.end().await;
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_of_a_turn_has_one_key_and_a_log_that_verifies() {
    let mut programs = Programs::new(env!("CARGO_BIN_EXE_legator"));
    programs.start_server(None);
    assert!(programs.server_answers().await, "{}", programs.told());
    let first = key_of(&programs.admin()).await;
    let mut n_turns = 0;
    for point in LOG_KEY_POINTS {
        let before = key_of(&programs.admin()).await;
        programs.start_server(Some(point));
        assert!(programs.server_answers().await, "{point}: {}", programs.told());
        let asked = programs.admin().request(testkit::reqwest::Method::POST, ROTATE).json(&json!({})).send();
        assert!(soon("an answer or a death", asked).await.is_err(), "{point}");
        assert!(!programs.server_ends().await.success(), "{point}");

        programs.start_server(None);
        assert!(programs.server_answers().await, "{point}: {}", programs.told());
        // Before the log says so the old key signs; from then on the new one. In the file there is one.
        let after = key_of(&programs.admin()).await;
        assert_eq!(after == before, *point == "log-key.prepared", "{point}");
        n_turns += usize::from(after != before);
        let file = std::fs::read_to_string(programs.data().join("log.key")).unwrap();
        assert_eq!(file.trim().lines().count(), 1, "{point}");
        programs.admin().post("/api/v1/users", json!({ "name": format!("after-{n_turns}-{}", file.len()) })).await;
        let keys = follow(&programs.admin(), &first).await;
        assert_eq!((keys.n_turns(), keys.now()), (n_turns, &after), "{point}");
        look_back(&programs.data(), Some(&programs.admin())).await;
    }
    assert_eq!(n_turns, 2);
}
