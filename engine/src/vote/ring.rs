//! Signed votes in the audit log, checked entry by entry, in order: each has to be by a key that its voter had enrolled
//! and not revoked, over exactly what the entry says.
//! Never: asks a server. What is needed stands in the log.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Algorithm, SignatureFault, SignedBy, Statement};

/// The keys that the log has spoken of so far.
#[derive(Clone, Debug, Default)]
pub struct Ring {
    /// By public key.
    keys: BTreeMap<String, Enrolled>,
    /// What was signed with, each once.
    nonces: BTreeSet<String>,
    /// Votes that were signed, and the signature was good.
    pub good: u64,
    /// Those of them that a passkey signed.
    pub by_passkey: u64,
    /// Signed votes of keys whose enrollment is not among the entries.
    pub unknown: u64,
    /// Votes that were not signed.
    pub unsigned: u64,
}

#[derive(Clone, Debug)]
struct Enrolled {
    person: String,
    counts: bool,
    /// The host that a passkey was made for.
    rp_id: Option<String>,
}

/// Why a vote in the log is not what its voter signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RingFault {
    #[error("entry {0} has a vote whose signature cannot be read")]
    Unreadable(u64),
    #[error("entry {index}: {fault}")]
    Signature { index: u64, fault: SignatureFault },
    #[error("entry {0} has a vote that is signed with another person's key")]
    Foreign(u64),
    #[error("entry {0} has a vote that is signed with a key which was revoked before")]
    Revoked(u64),
    #[error("entry {0} has a vote that was signed by a passkey for another host than it is enrolled for")]
    Elsewhere(u64),
    #[error("entry {0} has a vote whose signature was there before")]
    Repeated(u64),
}

impl Ring {
    /// Takes the next entry of the log, as JSON. What is no entry is left to whoever checks the log itself.
    pub fn take(&mut self, line: &str) -> Result<(), RingFault> {
        let about_votes = ["\"approval.voted\"", "\"vote-key.enrolled\"", "\"vote-key.revoked\""];
        if !about_votes.iter().any(|kind| line.contains(kind)) {
            return Ok(());
        }
        let Ok(entry) = serde_json::from_str::<Value>(line) else { return Ok(()) };
        let (body, index) = (&entry["body"], entry["index"].as_u64().unwrap_or_default());
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        match entry["kind"].as_str() {
            Some("vote-key.enrolled") => {
                let rp_id = body["rp_id"].as_str().map(str::to_owned);
                let key = Enrolled { person: text("person").to_owned(), counts: true, rp_id };
                self.keys.insert(text("public_key").to_owned(), key);
            }
            Some("vote-key.revoked") => {
                if let Some(key) = self.keys.get_mut(text("public_key")) {
                    key.counts = false;
                }
            }
            Some("approval.voted") if body["signed"].is_null() => self.unsigned += 1,
            Some("approval.voted") => {
                let signed: SignedBy =
                    serde_json::from_value(body["signed"].clone()).map_err(|_| RingFault::Unreadable(index))?;
                let statement = Statement {
                    request: entry["subject"].as_str().unwrap_or_default(),
                    digest: text("digest"),
                    choice: text("choice"),
                    person: text("person"),
                    stands_for: body["stands_for"].as_str(),
                    reason: body["reason"].as_str(),
                    at_ms: signed.at_ms,
                    nonce: &signed.nonce,
                };
                let place = signed.check(&statement).map_err(|fault| RingFault::Signature { index, fault })?;
                match self.keys.get(&signed.public_key) {
                    Some(key) if key.person != text("person") => return Err(RingFault::Foreign(index)),
                    Some(key) if !key.counts => return Err(RingFault::Revoked(index)),
                    Some(key) if key.rp_id != place => return Err(RingFault::Elsewhere(index)),
                    _ if !self.nonces.insert(format!("{} {}", signed.public_key, signed.nonce)) => {
                        return Err(RingFault::Repeated(index));
                    }
                    Some(_) => {
                        self.good += 1;
                        self.by_passkey += u64::from(signed.algorithm == Algorithm::WebAuthn);
                    }
                    None => self.unknown += 1,
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use ed25519_dalek::{Signer as _, SigningKey};
    use serde_json::json;

    use super::*;

    fn key(seed: u8) -> (SigningKey, String) {
        let secret = SigningKey::from_bytes(&[seed; 32]);
        let public = STANDARD.encode(secret.verifying_key().as_bytes());
        (secret, public)
    }

    fn enrolled(person: &str, public: &str) -> String {
        json!({ "index": 0, "kind": "vote-key.enrolled", "body": { "person": person, "public_key": public } })
            .to_string()
    }

    fn vote(index: u64, person: &str, secret: &SigningKey, public: &str) -> Value {
        let statement = Statement {
            request: "apr_1",
            digest: "00",
            choice: "approve",
            person,
            stands_for: None,
            reason: Some("looks right"),
            at_ms: 7,
            nonce: "0a",
        };
        let signature = STANDARD.encode(secret.sign(statement.text().as_bytes()).to_bytes());
        json!({
            "index": index, "kind": "approval.voted", "subject": "apr_1",
            "body": {
                "choice": "approve", "reason": "looks right", "digest": "00", "person": person, "stands_for": null,
                "signed": {
                    "key": "vkey_1", "algorithm": "ed25519", "public_key": public, "at_ms": 7, "nonce": "0a",
                    "signature": signature,
                },
            },
        })
    }

    #[test]
    fn a_vote_that_its_voter_signed_is_good_and_an_altered_one_is_not() {
        let ((secret, public), mut ring) = (key(7), Ring::default());
        ring.take(&enrolled("usr_1", &public)).unwrap();
        let good = vote(3, "usr_1", &secret, &public);
        ring.take(&good.to_string()).unwrap();
        assert_eq!((ring.good, ring.unknown, ring.unsigned), (1, 0, 0));
        for (field, value) in [("choice", "deny"), ("reason", "no"), ("digest", "01"), ("person", "usr_2")] {
            let mut altered = good.clone();
            altered["body"][field] = value.into();
            let fault = ring.take(&altered.to_string()).unwrap_err();
            assert!(matches!(fault, RingFault::Signature { index: 3, .. }), "{field}: {fault}");
        }
        let mut odd = good;
        odd["body"]["signed"] = "yes".into();
        assert_eq!(ring.take(&odd.to_string()), Err(RingFault::Unreadable(3)));
    }

    #[test]
    fn a_key_of_another_or_one_that_was_revoked_signs_nothing() {
        let ((secret, public), mut ring) = (key(7), Ring::default());
        ring.take(&enrolled("usr_1", &public)).unwrap();
        let foreign = vote(4, "usr_2", &secret, &public).to_string();
        assert_eq!(ring.take(&foreign), Err(RingFault::Foreign(4)));
        let revoked = json!({ "kind": "vote-key.revoked", "body": { "public_key": public } }).to_string();
        ring.take(&revoked).unwrap();
        assert_eq!(ring.take(&vote(5, "usr_1", &secret, &public).to_string()), Err(RingFault::Revoked(5)));
    }

    /// A vote that a passkey has signed, and its enrollment.
    fn by_passkey(index: u64, rp_id: &str, origin: &str, flags: u8) -> (String, Value) {
        let (pair, public) = crate::vote::passkey::tests::pair();
        let statement = Statement {
            request: "apr_1",
            digest: "00",
            choice: "approve",
            person: "usr_1",
            stands_for: None,
            reason: None,
            at_ms: 7,
            nonce: "0b",
        };
        let (assertion, signature) =
            crate::vote::passkey::tests::signed(&pair, &statement.text(), rp_id, origin, flags);
        let enrolled = json!({
            "index": 0, "kind": "vote-key.enrolled",
            "body": { "person": "usr_1", "public_key": public, "algorithm": "webauthn", "rp_id": "legator.example" },
        });
        let vote = json!({
            "index": index, "kind": "approval.voted", "subject": "apr_1",
            "body": {
                "choice": "approve", "reason": null, "digest": "00", "person": "usr_1", "stands_for": null,
                "signed": {
                    "key": "vkey_1", "algorithm": "webauthn", "public_key": public, "at_ms": 7, "nonce": "0b",
                    "signature": signature, "passkey": assertion,
                },
            },
        });
        (enrolled.to_string(), vote)
    }

    #[test]
    fn a_vote_that_a_passkey_signed_is_good_once_and_an_altered_one_is_not() {
        let mut ring = Ring::default();
        let (enrolled, good) = by_passkey(3, "legator.example", "https://legator.example:8443", 0x05);
        ring.take(&enrolled).unwrap();
        for (at, value) in [
            ("/body/choice", json!("deny")),
            ("/body/reason", json!("because")),
            ("/body/digest", json!("01")),
            ("/body/person", json!("usr_2")),
            ("/body/stands_for", json!("usr_3")),
            ("/subject", json!("apr_2")),
            ("/body/signed/at_ms", json!(8)),
            ("/body/signed/nonce", json!("0c")),
            ("/body/signed/signature", json!(STANDARD.encode([0; 70]))),
            ("/body/signed/passkey/client_data", json!(STANDARD.encode("{}"))),
            ("/body/signed/passkey/authenticator_data", json!(STANDARD.encode([0; 37]))),
            ("/body/signed/passkey", Value::Null),
            ("/body/signed/algorithm", json!("ed25519")),
            ("/body/signed/public_key", json!(crate::vote::passkey::tests::pair().1)),
        ] {
            let mut altered = good.clone();
            *altered.pointer_mut(at).unwrap() = value;
            let fault = ring.take(&altered.to_string()).unwrap_err();
            assert!(matches!(fault, RingFault::Signature { index: 3, .. }), "{at}: {fault}");
        }
        ring.take(&good.to_string()).unwrap();
        assert_eq!((ring.good, ring.by_passkey, ring.unknown), (1, 1, 0));
        let mut again = good;
        again["index"] = 4.into();
        assert_eq!(ring.take(&again.to_string()), Err(RingFault::Repeated(4)));
    }

    #[test]
    fn a_passkey_signs_with_a_finger_and_for_the_host_that_it_is_enrolled_for() {
        let taken = |(enrolled, vote): (String, Value)| {
            let mut ring = Ring::default();
            ring.take(&enrolled).unwrap();
            ring.take(&vote.to_string())
        };
        assert_eq!(taken(by_passkey(1, "legator.example", "https://legator.example", 0x05)), Ok(()));
        let unverified = by_passkey(1, "legator.example", "https://legator.example", 0x01);
        assert_eq!(taken(unverified), Err(RingFault::Signature { index: 1, fault: SignatureFault::Unverified }));
        let elsewhere = by_passkey(1, "evil.example", "https://evil.example", 0x05);
        assert_eq!(taken(elsewhere), Err(RingFault::Elsewhere(1)));
        // The browser names one host and the authenticator was asked for another.
        let torn = taken(by_passkey(1, "evil.example", "https://legator.example", 0x05));
        assert!(matches!(torn, Err(RingFault::Signature { index: 1, fault: SignatureFault::Passkey(_) })), "{torn:?}");
        let revoked = |public: &Value| json!({ "kind": "vote-key.revoked", "body": { "public_key": public } });
        let (enrolled, vote) = by_passkey(2, "legator.example", "https://legator.example", 0x05);
        let mut ring = Ring::default();
        ring.take(&enrolled).unwrap();
        ring.take(&revoked(&vote["body"]["signed"]["public_key"]).to_string()).unwrap();
        assert_eq!(ring.take(&vote.to_string()), Err(RingFault::Revoked(2)));
        // Without the enrollment it is whole, and nobody knows whose.
        let mut ring = Ring::default();
        ring.take(&vote.to_string()).unwrap();
        assert_eq!((ring.good, ring.unknown), (0, 1));
    }

    #[test]
    fn a_key_that_the_entries_do_not_tell_of_is_counted_as_unknown_and_an_unsigned_vote_as_that() {
        let ((secret, public), mut ring) = (key(7), Ring::default());
        ring.take(&vote(1, "usr_1", &secret, &public).to_string()).unwrap();
        ring.take(&json!({ "kind": "approval.voted", "body": { "signed": null } }).to_string()).unwrap();
        ring.take("null").unwrap();
        ring.take("{\"approval.voted\"").unwrap();
        assert_eq!((ring.good, ring.unknown, ring.unsigned), (0, 1, 1));
    }
}
