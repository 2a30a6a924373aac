//! Passkeys as second factor and as sign-in, shown by an authenticator in software.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::World;

use crate::identity_sessions::{Browser, PASSWORD, signed_in, with_app};

/// An authenticator with one key.
pub struct Authenticator {
    pub pair: EcdsaKeyPair,
    pub id: Vec<u8>,
    pub counter: u32,
    pub flags: u8,
    pub origin: String,
    pub rp_id: String,
    /// Whether the page that asks is in a frame of another site.
    pub framed: bool,
}

impl Authenticator {
    pub fn new(world: &World, id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let (origin, rp_id) = (world.base(), "127.0.0.1".to_owned());
        Self { pair, id: id.as_bytes().to_vec(), counter: 0, flags: 0x05, origin, rp_id, framed: false }
    }

    fn client(&self, kind: &str, challenge: &Value) -> String {
        let framed = self.framed;
        json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": framed }).to_string()
    }

    fn data(&mut self, more: u8) -> Vec<u8> {
        self.counter += 1;
        [&Sha256::digest(&self.rp_id)[..], &[self.flags | more], &self.counter.to_be_bytes()].concat()
    }

    fn make(&mut self, begun: &Value, name: &str) -> Value {
        assert_eq!(begun["rp_id"], "127.0.0.1");
        let point = self.pair.public_key().as_ref().to_vec();
        let key = [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32][..], &point[1..33], &[0x22, 0x58, 32], &point[33..]];
        let length = u16::try_from(self.id.len()).unwrap().to_be_bytes();
        let data = [&self.data(0x40)[..], &[0; 16], &length, &self.id, &key.concat()].concat();
        let size = u8::try_from(data.len()).unwrap();
        let head = [0xa3, 0x63].iter().chain(b"fmt").chain(&[0x64]).chain(b"none").chain(&[0x67]).chain(b"attStmt");
        let mut object: Vec<u8> = head.chain(&[0xa0, 0x68]).chain(b"authData").chain(&[0x58, size]).copied().collect();
        object.extend(data);
        let client = self.client("webauthn.create", &begun["challenge"]);
        json!({ "name": name, "client_data": BASE64.encode(client), "attestation": BASE64.encode(object) })
    }

    pub fn show(&mut self, challenge: &Value) -> Value {
        let (client, data) = (self.client("webauthn.get", challenge), self.data(0));
        let message = [&data[..], &Sha256::digest(&client)].concat();
        let signature = self.pair.sign(&SystemRandom::new(), &message).unwrap();
        json!({ "id": BASE64.encode(&self.id), "client_data": BASE64.encode(client),
                "authenticator_data": BASE64.encode(data), "signature": BASE64.encode(signature) })
    }
}

async fn challenge(browser: &mut Browser) -> Value {
    browser.post("/api/v1/auth/passkeys/challenge", json!({})).await.is(200)["challenge"].clone()
}

pub async fn add(browser: &mut Browser, authenticator: &mut Authenticator, name: &str) -> Value {
    let begun = browser.post("/api/v1/auth/passkeys", json!({})).await.is(200);
    browser.post("/api/v1/auth/passkeys/confirm", authenticator.make(&begun, name)).await.is(200)
}

#[tokio::test]
async fn a_passkey_lets_its_owner_in_and_its_proofs_count_once() {
    let mut world = World::start().await;
    let mut ana = signed_in(&world, "ana", &["viewer"]).await;
    let elsewhere = ana.copy();
    let mut key = Authenticator::new(&world, "key-1");
    let added = add(&mut ana, &mut key, "laptop").await;
    assert_eq!(added["recovery_codes"].as_array().unwrap().len(), 10);
    assert_eq!(ana.get("/api/v1/me").await.is(200)["mfa"], true);
    elsewhere.copy().get("/api/v1/me").await.problem("unauthenticated");
    let listed = ana.get("/api/v1/auth/passkeys").await.is(200);
    assert_eq!(listed["passkeys"][0]["name"], "laptop");
    world.restart().await;
    key.origin = world.base();
    let mut browser = Browser::new(&world);
    let asked = challenge(&mut browser).await;
    let proof = key.show(&asked);
    let opened = browser.post("/api/v1/auth/passkeys/sign-in", proof.clone()).await.is(200);
    assert_eq!((&opened["person"]["name"], &opened["mfa"]), (&json!("ana"), &json!(true)));
    Browser::new(&world).post("/api/v1/auth/passkeys/sign-in", proof).await.problem("sign-in-refused");
    // The password alone is not enough any more; with the passkey it is.
    Browser::new(&world).sign_in("ana", PASSWORD, None).await.problem("second-factor-needed");
    let mut both = Browser::new(&world);
    let asked = challenge(&mut both).await;
    key.flags = 0x01;
    let body = json!({ "name": "ana", "password": PASSWORD, "passkey": key.show(&asked) });
    assert_eq!(both.post("/api/v1/auth/sign-in", body).await.is(200)["mfa"], true);
    let by: Vec<Value> =
        world.entries("session.opened").await.iter().map(|entry| entry["body"]["by"].clone()).collect();
    assert_eq!(by[by.len() - 2..], [json!("passkey"), json!("password and passkey")]);
    // A recovery code still opens, once; and taking the passkey away takes it and the codes.
    let code = added["recovery_codes"][0].as_str().unwrap();
    let mut again = Browser::new(&world);
    again.sign_in("ana", PASSWORD, Some(code)).await.is(200);
    Browser::new(&world).sign_in("ana", PASSWORD, Some(code)).await.problem("sign-in-refused");
    let id = added["passkey"]["id"].as_str().unwrap();
    again.delete("/api/v1/auth/passkeys/nothing").await.problem("not-found");
    assert_eq!(again.delete(&format!("/api/v1/auth/passkeys/{id}")).await.is(200)["mfa"], false);
    Browser::new(&world).sign_in("ana", PASSWORD, None).await.is(200);
    world.end().await;
}

#[tokio::test]
async fn every_bad_proof_is_refused_alike_and_the_log_says_why() {
    let world = World::start().await;
    let mut ana = signed_in(&world, "ana", &["viewer"]).await;
    let mut key = Authenticator::new(&world, "key-1");
    add(&mut ana, &mut key, "laptop").await;
    let mut refused = Vec::new();
    type Bend = fn(&mut Authenticator, &Value) -> Value;
    let bends: [(&str, Bend); 10] = [
        ("passkey counter went back", |key, asked| {
            key.counter -= 1;
            key.show(asked)
        }),
        ("passkey of another site", |key, asked| {
            key.origin = "https://evil.example".to_owned();
            key.show(asked)
        }),
        ("passkey of another site", |key, asked| {
            key.rp_id = "evil.example".to_owned();
            key.show(asked)
        }),
        ("passkey of another site", |key, asked| {
            key.framed = true;
            let shown = key.show(asked);
            key.framed = false;
            shown
        }),
        ("passkey without a touch", |key, asked| {
            key.flags = 0x04;
            key.show(asked)
        }),
        ("passkey without a finger or a PIN", |key, asked| {
            key.flags = 0x01;
            key.show(asked)
        }),
        ("passkey signature", |key, asked| {
            key.pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
            key.show(asked)
        }),
        ("passkey unknown", |key, asked| {
            key.id = b"other".to_vec();
            key.show(asked)
        }),
        ("passkey challenge", |key, _| key.show(&json!(BASE64.encode([7; 32])))),
        (
            "passkey challenge",
            |_, _| json!({ "id": BASE64.encode("key-1"), "client_data": "", "authenticator_data": "", "signature": "" }),
        ),
    ];
    for (why, bend) in bends {
        let mut browser = Browser::new(&world);
        let asked = challenge(&mut browser).await;
        let (origin, rp_id, flags, id) = (key.origin.clone(), key.rp_id.clone(), key.flags, key.id.clone());
        let proof = bend(&mut key, &asked);
        let mut problem = browser.post("/api/v1/auth/passkeys/sign-in", proof).await.problem("sign-in-refused");
        problem["request_id"] = Value::Null;
        refused.push(problem);
        (key.origin, key.rp_id, key.flags, key.id) = (origin, rp_id, flags, id);
        let entries = world.entries("session.refused").await;
        assert_eq!(entries.last().unwrap()["body"]["why"], why);
        ana.get("/api/v1/me").await.is(200);
    }
    assert!(refused.windows(2).all(|pair| pair[0] == pair[1]));
    world.end().await;
}

#[tokio::test]
async fn a_challenge_is_for_whom_and_what_it_was_made_and_not_for_long() {
    let world = World::plan().with_manual_clock().start().await;
    let mut ana = signed_in(&world, "ana", &["viewer"]).await;
    let mut ben = signed_in(&world, "ben", &["viewer"]).await;
    let mut key = Authenticator::new(&world, "key-1");
    let begun = ana.post("/api/v1/auth/passkeys", json!({})).await.is(200);
    // Another person's, one for showing, one that waited too long: none makes a key.
    ben.post("/api/v1/auth/passkeys/confirm", key.make(&begun, "x")).await.problem("invalid");
    ana.post("/api/v1/auth/passkeys/confirm", key.make(&begun, "x")).await.problem("invalid");
    let asked = json!({ "challenge": challenge(&mut ana).await, "rp_id": "127.0.0.1" });
    ana.post("/api/v1/auth/passkeys/confirm", key.make(&asked, "x")).await.problem("invalid");
    let begun = ana.post("/api/v1/auth/passkeys", json!({})).await.is(200);
    world.clock().advance(5 * 60_000);
    ana.post("/api/v1/auth/passkeys/confirm", key.make(&begun, "x")).await.problem("invalid");
    let begun = ana.post("/api/v1/auth/passkeys", json!({})).await.is(200);
    let bad = json!({ "name": "x", "client_data": "!", "attestation": "" });
    ana.post("/api/v1/auth/passkeys/confirm", bad).await.problem("invalid");
    let made = key.make(&begun, "x");
    ana.post("/api/v1/auth/passkeys/confirm", made.clone()).await.is(200);
    ana.post("/api/v1/auth/passkeys/confirm", made).await.problem("invalid");
    // The same authenticator's key is nobody else's; and a program has no passkey.
    let begun = ben.post("/api/v1/auth/passkeys", json!({})).await.is(200);
    ben.post("/api/v1/auth/passkeys/confirm", key.make(&begun, "x")).await.problem("conflict");
    world.admin().post("/api/v1/auth/passkeys", json!({})).await.problem("forbidden");
    world.end().await;
}

#[tokio::test]
async fn who_has_a_factor_shows_it_before_another_is_added() {
    let world = World::start().await;
    let mut ana = signed_in(&world, "ana", &["viewer"]).await;
    ana.post("/api/v1/auth/step-up", json!({ "code": "000000" })).await.problem("conflict");
    let (_, codes) = with_app(&world, &mut ana).await;
    let mut key = Authenticator::new(&world, "key-1");
    let added = add(&mut ana, &mut key, "laptop").await;
    assert_eq!(added["recovery_codes"], json!([]), "there are some already");
    // One factor is taken away, and the other goes on.
    assert_eq!(ana.delete("/api/v1/auth/totp").await.is(200)["mfa"], true);
    let mut again = Browser::new(&world);
    again.sign_in("ana", PASSWORD, Some(&codes[1])).await.is(200);
    let state = again.get("/api/v1/auth/totp").await.is(200);
    assert_eq!(
        (&state["second_factor"], &state["app"], &state["recovery_codes_left"]),
        (&json!(true), &json!(false), &json!(9))
    );
    let before = again.cookie.clone();
    let asked = challenge(&mut again).await;
    assert_eq!(again.post("/api/v1/auth/step-up", json!({ "passkey": key.show(&asked) })).await.is(200)["mfa"], true);
    assert_ne!(again.cookie, before, "another id");
    again.post("/api/v1/auth/step-up", json!({})).await.problem("invalid");
    again.post("/api/v1/auth/step-up", json!({ "code": &codes[1] })).await.problem("sign-in-refused");
    again.post("/api/v1/auth/step-up", json!({ "code": &codes[2] })).await.is(200);
    // Who is reset has none of it left.
    let id = again.get("/api/v1/me").await.is(200)["id"].as_str().unwrap().to_owned();
    world.admin().post(&format!("/api/v1/users/{id}/reset"), json!({})).await.is(200);
    let mut gone = Browser::new(&world);
    let asked = challenge(&mut gone).await;
    gone.post("/api/v1/auth/passkeys/sign-in", key.show(&asked)).await.problem("sign-in-refused");
    world.end().await;
}
