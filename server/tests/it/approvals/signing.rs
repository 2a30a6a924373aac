//! Votes that are signed with a key of the voter's own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use legator_engine::vote::{Algorithm, Statement, enrollment};
use serde_json::{Value, json};
use testkit::{Person, World};

use crate::{RESTART, text};

struct Key {
    secret: SigningKey,
    id: String,
}

fn public(secret: &SigningKey) -> String {
    STANDARD.encode(secret.verifying_key().as_bytes())
}

fn sign(secret: &SigningKey, text: &str) -> String {
    STANDARD.encode(secret.sign(text.as_bytes()).to_bytes())
}

fn wish(person: &Person, secret: &SigningKey) -> Value {
    let proof = sign(secret, &enrollment(&person.id, &public(secret)));
    json!({ "name": "laptop", "algorithm": "ed25519", "public_key": public(secret), "proof": proof })
}

/// Enrolls a key for votes; its id.
pub async fn enrolled(person: &Person, seed: u8) -> String {
    enroll(person, seed).await.id
}

async fn enroll(person: &Person, seed: u8) -> Key {
    let secret = SigningKey::from_bytes(&[seed; 32]);
    let made = person.post("/api/v1/approvals/keys", wish(person, &secret)).await.is(201);
    Key { secret, id: text(&made, "id").to_owned() }
}

fn ballot(world: &World, person: &Person, key: &Key, request: &Value, nonce: &str) -> Value {
    ballot_of(person, key, request, nonce, world.clock().now())
}

fn ballot_of(person: &Person, key: &Key, request: &Value, nonce: &str, at_ms: i64) -> Value {
    let statement = Statement {
        request: text(request, "id"),
        digest: text(request, "digest"),
        choice: "approve",
        person: &person.id,
        stands_for: None,
        reason: Some("looks right"),
        at_ms,
        nonce,
    };
    let signature = sign(&key.secret, &statement.text());
    json!({
        "decision": "approve", "reason": "looks right", "digest": request["digest"],
        "signature": { "key": key.id, "at_ms": at_ms, "nonce": nonce, "signature": signature },
    })
}

const NONCE: &str = "00112233445566778899aabbccddeeff";

#[tokio::test]
async fn a_host_that_wants_signed_votes_gets_them_and_the_log_can_be_checked_without_the_server() {
    let mut world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let host = world.host("web-1", &["signed"]).await;
    let probe = host.obey().await;
    let key = enroll(&ben, 7).await;
    let held = ana.ask("web-1", RESTART).await.is(202);
    let id = text(&held, "approval").to_owned();
    let path = format!("/api/v1/approvals/{id}/decide");
    // A vote that is not signed counts for nothing here, and spoils nothing once it is withdrawn.
    cleo.vote(&id, "approve").await.is(200);
    assert_eq!(ana.ended(text(&held, "id")).await["state"], "denied");
    let held = ana.ask("web-1", RESTART).await.is(202);
    let request = ben.get(&format!("/api/v1/approvals/{}", text(&held, "approval"))).await.is(200);
    world.restart().await;
    ben.post(&path, ballot(&world, &ben, &key, &request, NONCE)).await.problem("vote-signature");
    let path = format!("/api/v1/approvals/{}/decide", text(&held, "approval"));
    let voted = ben.post(&path, ballot(&world, &ben, &key, &request, NONCE)).await.is(200);
    assert_eq!(text(&voted["votes"][0], "signed_with"), key.id);
    let probe_again = host.obey().await;
    assert_eq!(ana.ended(text(&held, "id")).await["state"], "succeeded");
    // An order may be delivered twice, and a real probe runs it once; what counts here is that nothing went out unsigned.
    let ran = probe_again.ran();
    assert!(probe.ran().is_empty() && !ran.is_empty() && ran.iter().all(|line| *line == RESTART.join(" ")), "{ran:?}");

    let entry = world.entry("approval.voted", |entry| entry["body"]["signed"].is_object()).await;
    let signed = &entry["body"]["signed"];
    let statement = Statement {
        request: text(&entry, "subject"),
        digest: text(&entry["body"], "digest"),
        choice: text(&entry["body"], "choice"),
        person: text(&entry["body"], "person"),
        stands_for: None,
        reason: entry["body"]["reason"].as_str(),
        at_ms: signed["at_ms"].as_i64().unwrap(),
        nonce: text(signed, "nonce"),
    };
    statement.check(Algorithm::Ed25519, text(signed, "public_key"), text(signed, "signature")).unwrap();
    let enrolled = world.entry("vote-key.enrolled", |_| true).await;
    assert_eq!(enrolled["body"]["public_key"], signed["public_key"]);
    world.end().await;
}

#[tokio::test]
async fn a_signature_that_is_forged_old_used_or_of_another_key_is_refused() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    world.host("web-1", &[]).await;
    let (key, other) = (enroll(&ben, 7).await, enroll(&cleo, 8).await);
    let held = ana.ask("web-1", crate::WIPE).await.is(202);
    let request = ben.get(&format!("/api/v1/approvals/{}", text(&held, "approval"))).await.is(200);
    let path = format!("/api/v1/approvals/{}/decide", text(&held, "approval"));
    let good = ballot(&world, &ben, &key, &request, NONCE);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body);
        body
    };
    let bad = [
        with(&|body| body["decision"] = "deny".into()),
        with(&|body| body["reason"] = "looks wrong".into()),
        with(&|body| body["signature"]["at_ms"] = (world.clock().now() - 600_000).into()),
        with(&|body| body["signature"]["at_ms"] = i64::MIN.into()),
        with(&|body| body["signature"]["nonce"] = "00".into()),
        with(&|body| body["signature"]["nonce"] = "é".repeat(16).into()),
        with(&|body| body["signature"]["key"] = other.id.as_str().into()),
        with(&|body| body["signature"]["key"] = "vkey_x".into()),
        with(&|body| body["signature"]["signature"] = "".into()),
        with(&|body| body["signature"]["signature"] = STANDARD.encode([0; 64]).into()),
    ];
    for body in bad {
        ben.post(&path, body).await.problem("vote-signature");
    }
    // These are signed as they stand: by a key that is somebody else's, at another time, with a nonce that is none.
    let now = world.clock().now();
    for body in [
        ballot(&world, &ben, &other, &request, NONCE),
        ballot_of(&ben, &key, &request, NONCE, now - 600_000),
        ballot_of(&ben, &key, &request, NONCE, now + 600_000),
        ballot(&world, &ben, &key, &request, "00"),
        ballot(&world, &ben, &key, &request, &"é".repeat(16)),
    ] {
        ben.post(&path, body).await.problem("vote-signature");
    }
    cleo.post(&path, good.clone()).await.problem("vote-signature");
    ben.post(&path, good.clone()).await.is(200);
    let withdraw = format!("/api/v1/approvals/{}/withdraw", text(&held, "approval"));
    ben.post(&withdraw, json!({})).await.is(200);
    // The same signed vote does not come to life again.
    ben.post(&path, good).await.problem("vote-signature");
    let gone = ballot(&world, &ben, &key, &request, "ff112233445566778899aabbccddeeff");
    ben.delete(&format!("/api/v1/approvals/keys/{}", key.id)).await.is(204);
    ben.post(&path, gone).await.problem("vote-signature");
    world.end().await;
}

#[tokio::test]
async fn where_policy_wants_it_who_has_a_key_signs() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let ben = world.person("ben", &["approver"]).await;
    world.host("web-1", &["critical"]).await;
    let ask = json!({ "argv": RESTART, "reason": "new certificate" });
    let held = ana.post("/api/v1/probes/web-1/command", ask).await.is(202);
    let path = format!("/api/v1/approvals/{}", text(&held, "approval"));
    // An API key has no second factor, and a critical host wants one; the rule about keys is the other one of both.
    enroll(&ben, 7).await;
    let refused = ben.vote(text(&held, "approval"), "approve").await.problem("forbidden");
    let policies = refused["decision"]["rationale"]["policies"].to_string();
    assert!(policies.contains("critical-votes-are-signed-where-a-key-is"), "{refused}");
    let seen = ben.get(&path).await.is(200);
    assert_eq!((seen["can_decide"].as_bool(), seen["signature_required"].as_bool()), (Some(false), Some(false)));
    world.end().await;
}

#[tokio::test]
async fn a_further_key_is_vouched_for_by_the_first_and_every_key_signs_for_itself() {
    let mut world = World::start().await;
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let vera = world.person("vera", &["viewer"]).await;
    let path = "/api/v1/approvals/keys";
    let first = enroll(&ben, 7).await;
    let second = SigningKey::from_bytes(&[9; 32]);
    let mut forged = wish(&ben, &second);
    forged["vouched"] = sign(&second, &enrollment(&ben.id, &public(&second))).into();
    ben.post(path, forged).await.problem("vote-signature");
    let mut vouched = wish(&ben, &second);
    vouched["vouched"] = sign(&first.secret, &enrollment(&ben.id, &public(&second))).into();
    ben.post(path, vouched.clone()).await.is(201);
    ben.post(path, vouched).await.problem("invalid");
    // Without a voucher it waits, and nobody else sees it.
    let third = SigningKey::from_bytes(&[13; 32]);
    let waits = ben.post(path, wish(&ben, &third)).await.is(201);
    assert_eq!(waits["waits"], true);
    let vouch = format!("{path}/{}/vouch", text(&waits, "id"));
    let by = |secret: &SigningKey| json!({ "signature": sign(secret, &enrollment(&ben.id, &public(&third))) });
    ben.post(&vouch, by(&third)).await.problem("vote-signature");
    ben.post(&vouch, json!({})).await.problem("invalid");
    cleo.post(&vouch, by(&first.secret)).await.problem("not-found");
    world.restart().await;
    assert_eq!(vera.get(path).await.is(200)["keys"].as_array().unwrap().len(), 2);
    assert_eq!(ben.get(path).await.is(200)["keys"].as_array().unwrap().len(), 3);
    assert_eq!(ben.post(&vouch, by(&first.secret)).await.is(200)["waits"], false);
    ben.post(&vouch, by(&first.secret)).await.problem("not-found");
    let entry = world.entry("vote-key.enrolled", |entry| entry["subject"] == waits["id"]).await;
    assert_eq!(entry["body"]["vouched_by"], first.id.as_str());
    ben.delete(&format!("{path}/{}", text(&waits, "id"))).await.is(204);
    for seed in 20..25 {
        ben.post(path, wish(&ben, &SigningKey::from_bytes(&[seed; 32]))).await.is(201);
    }
    ben.post(path, wish(&ben, &SigningKey::from_bytes(&[25; 32]))).await.problem("invalid");
    // Another's key, or one that is nobody's to give.
    cleo.post(path, wish(&ben, &SigningKey::from_bytes(&[10; 32]))).await.problem("vote-signature");
    cleo.post(path, wish(&cleo, &first.secret)).await.problem("invalid");
    let mut odd = wish(&cleo, &SigningKey::from_bytes(&[11; 32]));
    odd["algorithm"] = "none".into();
    cleo.post(path, odd).await.problem("vote-signature");
    vera.post(path, wish(&vera, &SigningKey::from_bytes(&[12; 32]))).await.problem("forbidden");
    world.restart().await;
    assert_eq!(vera.get(path).await.is(200)["keys"].as_array().unwrap().len(), 2);
    assert_eq!(cleo.get(&format!("{path}?mine=true")).await.is(200)["keys"], json!([]));
    cleo.delete(&format!("{path}/{}", first.id)).await.problem("not-found");
    ben.delete(&format!("{path}/{}", first.id)).await.is(204);
    assert_eq!(vera.get(path).await.is(200)["keys"].as_array().unwrap().len(), 1);
    world.end().await;
}
