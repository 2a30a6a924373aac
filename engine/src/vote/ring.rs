//! Signed votes in the audit log, checked entry by entry, in order: each has to be by a key that its voter had enrolled
//! and not revoked, over exactly what the entry says.
//! Never: asks a server. What is needed stands in the log.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{SignatureFault, SignedBy, Statement};

/// The keys that the log has spoken of so far.
#[derive(Clone, Debug, Default)]
pub struct Ring {
    /// By public key: whose it is, and whether it counts.
    keys: BTreeMap<String, (String, bool)>,
    /// Votes that were signed, and the signature was good.
    pub good: u64,
    /// Signed votes of keys whose enrollment is not among the entries.
    pub unknown: u64,
    /// Votes that were not signed.
    pub unsigned: u64,
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
                self.keys.insert(text("public_key").to_owned(), (text("person").to_owned(), true));
            }
            Some("vote-key.revoked") => {
                if let Some(key) = self.keys.get_mut(text("public_key")) {
                    key.1 = false;
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
                let checked = statement.check(signed.algorithm, &signed.public_key, &signed.signature);
                checked.map_err(|fault| RingFault::Signature { index, fault })?;
                match self.keys.get(&signed.public_key) {
                    Some((person, _)) if person != text("person") => return Err(RingFault::Foreign(index)),
                    Some((_, false)) => return Err(RingFault::Revoked(index)),
                    Some(_) => self.good += 1,
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
