//! Votes that a passkey signs: taken where everything fits, refused where anything does not, and checked from the log alone.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use legator_engine::vote::passkey::challenge;
use legator_engine::vote::{Ring, RingFault, Statement, enrollment};
use serde_json::{Value, json};
use testkit::{Person, World, soon};

use crate::identity_sessions::{Browser, signed_in};
use crate::passkeys::{Authenticator, add};
use crate::{RESTART, text};

const KEYS: &str = "/api/v1/approvals/keys";

/// Somebody in a browser, with a passkey.
struct Voter {
    browser: Browser,
    person: String,
    key: Authenticator,
    passkey: Value,
}

impl Voter {
    async fn new(world: &World, name: &str, id: &str) -> Self {
        let mut browser = signed_in(world, name, &["approver"]).await;
        let mut key = Authenticator::new(world, id);
        let passkey = add(&mut browser, &mut key, "laptop").await["passkey"].clone();
        let person = text(&browser.get("/api/v1/me").await.is(200), "id").to_owned();
        Self { browser, person, key, passkey }
    }

    fn shown(&mut self, text: &str) -> Value {
        self.key.show(&json!(URL_SAFE_NO_PAD.encode(challenge(text))))
    }

    fn wish(&mut self) -> Value {
        let text = enrollment(&self.person, text(&self.passkey, "public_key"));
        json!({ "passkey": self.shown(&text) })
    }

    /// Says that the passkey is for votes; gives the key's id.
    async fn enroll(&mut self) -> String {
        let wish = self.wish();
        let made = self.browser.post(&format!("{KEYS}/passkeys"), wish).await.is(201);
        assert_eq!((text(&made, "algorithm"), made["waits"].as_bool()), ("webauthn", Some(false)));
        text(&made, "id").to_owned()
    }

    fn ballot(&mut self, world: &World, key: &str, request: &Value, nonce: &str) -> Value {
        let at_ms = world.clock().now();
        let person = self.person.clone();
        let statement = Statement {
            request: text(request, "id"),
            digest: text(request, "digest"),
            choice: "approve",
            person: &person,
            stands_for: None,
            reason: Some("looks right"),
            at_ms,
            nonce,
        };
        let passkey = self.shown(&statement.text());
        json!({
            "decision": "approve", "reason": "looks right", "digest": request["digest"],
            "signature": { "key": key, "at_ms": at_ms, "nonce": nonce, "passkey": passkey },
        })
    }
}

const fn nonce(n: u8) -> &'static str {
    ["00112233445566778899aabbccddee00", "00112233445566778899aabbccddee01"][n as usize]
}

fn decide(request: &Value) -> String {
    format!("/api/v1/approvals/{}/decide", text(request, "id"))
}

async fn held(world: &World, ana: &Person, voter: &mut Voter) -> Value {
    let _ = world;
    let held = ana.ask("web-1", RESTART).await.is(202);
    voter.browser.get(&format!("/api/v1/approvals/{}", text(&held, "approval"))).await.is(200)
}

/// What the log says of keys and votes, as whoever checks it reads it.
async fn checked(world: &World, change: impl Fn(&mut Value)) -> Result<Ring, RingFault> {
    let mut ring = Ring::default();
    let mut entries = world.entries("vote-key.enrolled").await;
    entries.extend(world.entries("approval.voted").await);
    for mut entry in entries {
        change(&mut entry);
        ring.take(&entry.to_string())?;
    }
    Ok(ring)
}

#[tokio::test]
async fn a_host_that_wants_signed_votes_takes_one_that_a_passkey_signed() {
    let mut world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &["signed"]).await;
    let mut ben = Voter::new(&world, "ben", "key-1").await;
    let request = held(&world, &ana, &mut ben).await;
    // A passkey for signing in is no key for votes: it takes its owner's word.
    assert_eq!(ben.browser.get(KEYS).await.is(200)["keys"], json!([]));
    let not_yet = ben.ballot(&world, "vkey_x", &request, nonce(0));
    ben.browser.post(&decide(&request), not_yet).await.problem("vote-signature");
    let key = ben.enroll().await;
    let listed = ben.browser.get(KEYS).await.is(200);
    assert_eq!(listed["keys"][0]["passkey"], ben.passkey["id"]);
    assert_eq!(ana.get(KEYS).await.is(200)["keys"][0]["passkey"], Value::Null, "its id is its owner's");
    world.restart().await;
    ben.key.origin = world.base();
    let ballot = ben.ballot(&world, &key, &request, nonce(0));
    let voted = ben.browser.post(&decide(&request), ballot).await.is(200);
    assert_eq!((&voted["votes"][0]["signed_with"], &voted["votes"][0]["signed_by"]), (&json!(key), &json!("webauthn")));
    let probe = host.obey().await;
    assert_eq!(ana.ended(text(&request, "command")).await["state"], "succeeded");
    // An order may be delivered twice, and a real probe runs it once.
    let ran = probe.ran();
    assert!(!ran.is_empty() && ran.iter().all(|line| *line == RESTART.join(" ")), "{ran:?}");

    let ring = checked(&world, |_| {}).await.unwrap();
    assert_eq!((ring.good, ring.by_passkey, ring.unknown), (1, 1, 0));
    // One letter of what was voted on, by whom or how, and the log does not hold.
    for (kind, at, value) in [
        ("approval.voted", "/body/choice", json!("deny")),
        ("approval.voted", "/body/reason", json!("looks wrong")),
        ("approval.voted", "/body/digest", json!("00")),
        ("approval.voted", "/body/person", json!("usr_x")),
        ("approval.voted", "/body/signed/nonce", json!(nonce(1))),
        ("approval.voted", "/body/signed/passkey/client_data", json!(STANDARD.encode("{}"))),
        ("vote-key.enrolled", "/body/person", json!("usr_x")),
        ("vote-key.enrolled", "/body/rp_id", json!("elsewhere.example")),
    ] {
        let tampered = checked(&world, |entry| {
            if entry["kind"] == kind {
                *entry.pointer_mut(at).unwrap() = value.clone();
            }
        });
        assert!(tampered.await.is_err(), "{kind} {at}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_passkeys_signature_that_is_not_exactly_this_vote_here_and_now_is_refused() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    world.host("web-1", &["prod"]).await;
    let mut ben = Voter::new(&world, "ben", "key-1").await;
    let mut cleo = Voter::new(&world, "cleo", "key-2").await;
    let (key, other) = (ben.enroll().await, cleo.enroll().await);
    let request = held(&world, &ana, &mut ben).await;
    let path = decide(&request);
    type Bend = fn(&mut Voter, &World, &str, &Value) -> Value;
    let bends: [(&str, Bend); 12] = [
        ("passkey signature", |ben, world, key, request| {
            let mut ballot = ben.ballot(world, key, request, nonce(0));
            ballot["signature"]["passkey"]["signature"] = URL_SAFE_NO_PAD.encode([0; 70]).into();
            ballot
        }),
        ("passkey challenge", |ben, world, key, request| {
            let mut ballot = ben.ballot(world, key, request, nonce(0));
            ballot["signature"]["passkey"] = ben.shown("another text");
            ballot
        }),
        ("passkey challenge", |ben, world, key, request| {
            let mut ballot = ben.ballot(world, key, request, nonce(0));
            ballot["reason"] = "looks wrong".into();
            ballot
        }),
        ("passkey challenge", |ben, world, key, request| {
            let mut ballot = ben.ballot(world, key, request, nonce(0));
            ballot["decision"] = "deny".into();
            ballot
        }),
        ("passkey challenge", |ben, world, key, request| {
            let mut ballot = ben.ballot(world, key, request, nonce(0));
            ballot["signature"]["nonce"] = nonce(1).into();
            ballot
        }),
        ("passkey of another site", |ben, world, key, request| {
            ben.key.origin = "https://evil.example".to_owned();
            ben.ballot(world, key, request, nonce(0))
        }),
        ("passkey of another site", |ben, world, key, request| {
            ben.key.rp_id = "evil.example".to_owned();
            ben.ballot(world, key, request, nonce(0))
        }),
        ("a finger, a face or a PIN", |ben, world, key, request| {
            ben.key.flags = 0x01;
            ben.ballot(world, key, request, nonce(0))
        }),
        ("passkey without a touch", |ben, world, key, request| {
            ben.key.flags = 0x04;
            ben.ballot(world, key, request, nonce(0))
        }),
        ("five minutes ago", |ben, world, key, request| {
            let mut ballot = ben.ballot(world, key, request, nonce(0));
            ballot["signature"]["at_ms"] = (world.clock().now() - 300_001).into();
            ballot
        }),
        ("its nonce", |ben, world, key, request| ben.ballot(world, key, request, "00")),
        ("passkey counter went back", |ben, world, key, request| {
            ben.key.counter -= 1;
            ben.ballot(world, key, request, nonce(0))
        }),
    ];
    for (why, bend) in bends {
        let (origin, rp_id, flags) = (ben.key.origin.clone(), ben.key.rp_id.clone(), ben.key.flags);
        if why.contains("counter") {
            // The newest use is known to the server, so that the next one with its number is a copy's.
            let asked = ben.browser.post("/api/v1/auth/passkeys/challenge", json!({})).await.is(200);
            let known = ben.key.show(&asked["challenge"]);
            ben.browser.post("/api/v1/auth/step-up", json!({ "passkey": known })).await.is(200);
        }
        let ballot = bend(&mut ben, &world, &key, &request);
        let refused = ben.browser.post(&path, ballot).await.problem("vote-signature");
        assert!(text(&refused, "detail").contains(why), "{why}: {refused}");
        (ben.key.origin, ben.key.rp_id, ben.key.flags) = (origin, rp_id, flags);
    }
    let copied = world.entry("passkey.refused", |_| true).await;
    assert_eq!(copied["body"]["why"], "passkey counter went back");
    // Somebody else's passkey, under either name, and a signature of the wrong kind.
    ben.key.counter += 1;
    let person = ben.person.clone();
    let borrowed = |cleo: &mut Voter, key: &str| {
        let own = std::mem::replace(&mut cleo.person, person.clone());
        let ballot = cleo.ballot(&world, key, &request, nonce(0));
        cleo.person = own;
        ballot
    };
    for ballot in [borrowed(&mut cleo, &key), borrowed(&mut cleo, &other)] {
        ben.browser.post(&path, ballot).await.problem("vote-signature");
    }
    let mut ballot = ben.ballot(&world, &key, &request, nonce(0));
    ballot["signature"]["signature"] = STANDARD.encode([0; 64]).into();
    ben.browser.post(&path, ballot.clone()).await.problem("invalid");
    ballot["signature"]["passkey"] = Value::Null;
    ben.browser.post(&path, ballot).await.problem("vote-signature");
    let seen = ben.browser.get(&format!("/api/v1/approvals/{}", text(&request, "id"))).await.is(200);
    assert_eq!((&seen["state"], &seen["votes"]), (&json!("pending"), &json!([])), "nothing of it counted");
    world.end().await;
}

#[tokio::test]
async fn a_signed_vote_counts_once_also_from_an_authenticator_that_does_not_count() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    world.host("web-1", &[]).await;
    let mut ben = Voter::new(&world, "ben", "key-1").await;
    let key = ben.enroll().await;
    let held = ana.ask("web-1", crate::WIPE).await.is(202);
    let request = ben.browser.get(&format!("/api/v1/approvals/{}", text(&held, "approval"))).await.is(200);
    let ballot = ben.ballot(&world, &key, &request, nonce(0));
    ben.browser.post(&decide(&request), ballot.clone()).await.is(200);
    let withdraw = format!("/api/v1/approvals/{}/withdraw", text(&request, "id"));
    ben.browser.post(&withdraw, json!({})).await.is(200);
    let refused = ben.browser.post(&decide(&request), ballot).await.problem("vote-signature");
    assert!(text(&refused, "detail").contains("counter went back"), "{refused}");
    // The same nonce again, however fresh the passkey's own number is.
    let again = ben.ballot(&world, &key, &request, nonce(0));
    let refused = ben.browser.post(&decide(&request), again).await.problem("vote-signature");
    assert!(text(&refused, "detail").contains("nonce"), "{refused}");
    let fresh = ben.ballot(&world, &key, &request, nonce(1));
    ben.browser.post(&decide(&request), fresh).await.is(200);
    world.end().await;
}

#[tokio::test]
async fn a_passkey_that_was_taken_away_signs_nothing_and_binds_nobody() {
    let mut world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    world.host("web-1", &["prod"]).await;
    let mut ben = Voter::new(&world, "ben", "key-1").await;
    let key = ben.enroll().await;
    let request = held(&world, &ana, &mut ben).await;
    let ballot = ben.ballot(&world, &key, &request, nonce(0));
    let word = text(&ben.passkey, "id").to_owned();
    ben.browser.delete(&format!("/api/v1/auth/passkeys/{word}")).await.is(200);
    ben.browser.post(&decide(&request), ballot).await.problem("vote-signature");
    assert_eq!(ben.browser.get(KEYS).await.is(200)["keys"], json!([]));
    let revoked = soon("the revocation", world.entry("vote-key.revoked", |_| true)).await;
    assert_eq!((&revoked["subject"], &revoked["actor"]), (&json!(key), &json!("server")));
    world.restart().await;
    let wish = json!({ "decision": "approve", "reason": "looks right", "digest": request["digest"] });
    ben.browser.post(&decide(&request), wish).await.is(200);
    world.end().await;
}

#[tokio::test]
async fn a_passkey_is_taken_up_by_its_owner_alone_and_a_further_key_is_vouched_for() {
    let world = World::start().await;
    let mut ben = Voter::new(&world, "ben", "key-1").await;
    let mut cleo = Voter::new(&world, "cleo", "key-2").await;
    let path = format!("{KEYS}/passkeys");
    // Another's; over another text; without a finger.
    let foreign = cleo.wish();
    ben.browser.post(&path, foreign).await.problem("vote-signature");
    let other = json!({ "passkey": ben.shown("another text") });
    ben.browser.post(&path, other).await.problem("vote-signature");
    ben.key.flags = 0x01;
    let untouched = ben.wish();
    ben.browser.post(&path, untouched).await.problem("vote-signature");
    ben.key.flags = 0x05;
    ben.enroll().await;
    let twice = ben.wish();
    ben.browser.post(&path, twice).await.problem("invalid");
    // The second passkey waits for the first.
    let mut second = Authenticator::new(&world, "key-3");
    let added = add(&mut ben.browser, &mut second, "phone").await["passkey"].clone();
    let mut first = std::mem::replace(&mut ben.key, second);
    let passkey = std::mem::replace(&mut ben.passkey, added);
    let wish = ben.wish();
    let waits = ben.browser.post(&path, wish).await.is(201);
    assert_eq!(waits["waits"], true);
    let words = enrollment(&ben.person, text(&ben.passkey, "public_key"));
    let vouch = format!("{KEYS}/{}/vouch", text(&waits, "id"));
    let by_itself = json!({ "passkey": ben.shown(&words) });
    ben.browser.post(&vouch, by_itself).await.problem("vote-signature");
    std::mem::swap(&mut ben.key, &mut first);
    let by_the_first = json!({ "passkey": ben.shown(&words) });
    assert_eq!(ben.browser.post(&vouch, by_the_first).await.is(200)["waits"], false);
    let keys = ben.browser.get(&format!("{KEYS}?mine=true")).await.is(200);
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
    assert_eq!(keys["keys"][0]["passkey"], passkey["id"]);
    // A viewer has no votes, and so no key for them.
    let mut vera = signed_in(&world, "vera", &["viewer"]).await;
    let nothing = json!({ "id": "", "client_data": "", "authenticator_data": "", "signature": "" });
    vera.post(&path, json!({ "passkey": nothing })).await.problem("forbidden");
    world.end().await;
}
