//! Keys that votes are signed with, on this machine: made, waiting for another one, and vouching for one.

use legator_engine::vote::{Algorithm, check, enrollment};
use serde_json::{Value, json};

use crate::fake::{Fake, Reply, json as answer, problem};

/// Another key of the same person.
const OTHER: &str = "b3RoZXI=";

fn server(waits: bool) -> Fake {
    let key = |id: &str, public: &Value, waits: bool| json!({ "id": id, "person": "usr_1", "name": "laptop", "algorithm": "ed25519", "public_key": public, "waits": waits });
    Fake::start(move |request| -> Reply {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/api/v1/me") => answer(200, json!({ "id": "usr_1", "name": "ana" })),
            ("POST", "/api/v1/approvals/keys") => {
                let sent: Value = serde_json::from_str(&request.body).unwrap();
                answer(201, key("vkey_1", &sent["public_key"], waits))
            }
            ("GET", "/api/v1/approvals/keys?mine=true") => {
                answer(200, json!({ "keys": [key("vkey_2", &json!(OTHER), true), key("vkey_3", &json!("x"), false)] }))
            }
            ("POST", "/api/v1/approvals/keys/vkey_2/vouch") => answer(200, key("vkey_2", &json!(OTHER), false)),
            _ => problem(404, "not-found", "there is nothing"),
        }
    })
}

fn sent(fake: &Fake, path: &str) -> Value {
    let heard = fake.heard.lock().unwrap();
    serde_json::from_str(&heard.iter().find(|asked| asked.is("POST", path)).unwrap().body).unwrap()
}

#[test]
fn a_key_that_waits_says_where_it_is_vouched_for() {
    let (home, fake) = (tempfile::tempdir().unwrap(), server(true));
    let ended = fake.run(home.path(), &["approvals", "key", "enroll"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "vkey_1\n"), "{ended:?}");
    assert!(ended.stderr.contains("legatorctl approvals key vouch vkey_1"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("votes from here are signed"), "{}", ended.stderr);
}

#[test]
fn the_key_of_this_machine_vouches_for_another_one_that_waits() {
    let (home, fake) = (tempfile::tempdir().unwrap(), server(false));
    let none = fake.run(home.path(), &["approvals", "key", "vouch", "vkey_2"]);
    assert_eq!(none.code, 2, "{none:?}");
    assert!(none.stderr.contains("approvals key enroll"), "{}", none.stderr);
    assert_eq!(fake.run(home.path(), &["approvals", "key", "enroll"]).code, 0);
    let mine = sent(&fake, "/api/v1/approvals/keys");
    // One that does not wait, and one that there is not.
    for id in ["vkey_3", "vkey_9"] {
        assert_eq!(fake.run(home.path(), &["approvals", "key", "vouch", id]).code, 2, "{id}");
    }
    let ended = fake.run(home.path(), &["approvals", "key", "vouch", "vkey_2"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("signs votes from now on"), "{}", ended.stderr);
    let vouched = sent(&fake, "/api/v1/approvals/keys/vkey_2/vouch");
    let (public, signature) = (mine["public_key"].as_str().unwrap(), vouched["signature"].as_str().unwrap());
    check(Algorithm::Ed25519, public, &enrollment("usr_1", OTHER), signature).unwrap();
    let json = fake.run(home.path(), &["--output", "json", "approvals", "key", "vouch", "vkey_2"]).json();
    assert_eq!(json["waits"], false);
}
