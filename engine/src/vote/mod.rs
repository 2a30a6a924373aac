//! What a voter signs, as text, and whether a signature is theirs. Both the server and whoever checks the log offline ask here.
//! Never: signs, or takes an algorithm that it does not know.
//!
//! The text is what a person could read aloud; every field is on a line of its own, so none can run into another.

pub mod passkey;
mod ring;

pub use passkey::Assertion;
pub use ring::{Ring, RingFault};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::webauthn::proof::ProofFault;

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    Ed25519,
    /// A passkey: what it signs names a hash of the same text.
    WebAuthn,
}

impl Algorithm {
    pub const ALL: [Self; 2] = [Self::Ed25519, Self::WebAuthn];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::WebAuthn => "webauthn",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }
}

/// What one vote says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<'s> {
    /// The request's id.
    pub request: &'s str,
    /// Over exactly what will run.
    pub digest: &'s str,
    /// `approve` or `deny`.
    pub choice: &'s str,
    /// The voter's id.
    pub person: &'s str,
    /// In whose place they vote.
    pub stands_for: Option<&'s str>,
    pub reason: Option<&'s str>,
    /// When it was signed, in UTC milliseconds.
    pub at_ms: i64,
    /// Hex; the same vote is not signed twice with one.
    pub nonce: &'s str,
}

/// A signature with what is needed to check it by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedBy {
    /// The key's id on the server.
    pub key: String,
    pub algorithm: Algorithm,
    /// Base 64; of a passkey it is the COSE key.
    pub public_key: String,
    pub at_ms: i64,
    pub nonce: String,
    /// Base 64.
    pub signature: String,
    /// What a passkey's signature is over, beside the vote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<Assertion>,
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    #[error("the public key is not one of Ed25519 in base 64")]
    Key,
    #[error("the signature is not 64 bytes in base 64")]
    Shape,
    #[error("the signature is not that key's over this vote")]
    Wrong,
    #[error("the signature is not that passkey's over this vote: {0}")]
    Passkey(ProofFault),
    #[error("the passkey signed without a finger, a face or a PIN")]
    Unverified,
}

impl SignedBy {
    /// Whether it is over exactly this vote; of a passkey's, the host that the passkey is for.
    pub fn check(&self, statement: &Statement<'_>) -> Result<Option<String>, SignatureFault> {
        let text = statement.text();
        match (self.algorithm, &self.passkey) {
            (Algorithm::Ed25519, None) => {
                check(self.algorithm, &self.public_key, &text, &self.signature).map(|()| None)
            }
            (Algorithm::WebAuthn, Some(assertion)) => {
                passkey::check(&self.public_key, &text, assertion, &self.signature).map(Some)
            }
            (Algorithm::Ed25519, Some(_)) | (Algorithm::WebAuthn, None) => Err(SignatureFault::Shape),
        }
    }
}

impl Statement<'_> {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let Self { request, digest, choice, person, stands_for, reason, at_ms, nonce } = self;
        let hashed = |text: &str| hex::encode(Sha256::digest(text));
        let reason = reason.map_or_else(|| "none".to_owned(), hashed);
        let stands_for = stands_for.unwrap_or("nobody");
        format!(
            "legator vote v1\nrequest {request}\ndigest {digest}\nchoice {choice}\nperson {person}\n\
             stands-for {stands_for}\nreason {reason}\nat {at_ms}\nnonce {nonce}\n"
        )
    }

    /// Whether this signature is over exactly this vote.
    pub fn check(&self, algorithm: Algorithm, public_key: &str, signature: &str) -> Result<(), SignatureFault> {
        check(algorithm, public_key, &self.text(), signature)
    }
}

/// The text by which somebody shows that a key is theirs when they enroll it.
pub fn enrollment(person: &str, public_key: &str) -> String {
    format!("legator vote key v1\nperson {person}\nkey {public_key}\n")
}

/// Whether a signature is a key's over a text. A passkey's takes more than that: [`passkey::check`].
pub fn check(algorithm: Algorithm, public_key: &str, text: &str, signature: &str) -> Result<(), SignatureFault> {
    match algorithm {
        Algorithm::Ed25519 => {
            let key = STANDARD.decode(public_key).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            let key = key.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok()).ok_or(SignatureFault::Key)?;
            let bytes = STANDARD.decode(signature).ok().and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
            let signature = Signature::from_bytes(&bytes.ok_or(SignatureFault::Shape)?);
            // Strict: a weak key, or another encoding of the same signature, is refused.
            key.verify_strict(text.as_bytes(), &signature).map_err(|_| SignatureFault::Wrong)
        }
        Algorithm::WebAuthn => Err(SignatureFault::Shape),
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    fn statement() -> Statement<'static> {
        Statement {
            request: "apr_1",
            digest: "00ff",
            choice: "approve",
            person: "usr_1",
            stands_for: None,
            reason: Some("looks right"),
            at_ms: 7,
            nonce: "0a",
        }
    }

    #[test]
    fn a_signature_is_over_every_field() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = STANDARD.encode(key.verifying_key().as_bytes());
        let signature = STANDARD.encode(key.sign(statement().text().as_bytes()).to_bytes());
        let checked = |statement: Statement<'_>| statement.check(Algorithm::Ed25519, &public, &signature);
        assert_eq!(checked(statement()), Ok(()));
        for other in [
            Statement { request: "apr_2", ..statement() },
            Statement { digest: "00fe", ..statement() },
            Statement { choice: "deny", ..statement() },
            Statement { person: "usr_2", ..statement() },
            Statement { stands_for: Some("usr_3"), ..statement() },
            Statement { reason: None, ..statement() },
            Statement { reason: Some("looks wrong"), ..statement() },
            Statement { at_ms: 8, ..statement() },
            Statement { nonce: "0b", ..statement() },
        ] {
            assert_eq!(checked(other), Err(SignatureFault::Wrong));
        }
    }

    #[test]
    fn what_is_no_key_or_no_signature_is_refused() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = STANDARD.encode(key.verifying_key().as_bytes());
        let signature = STANDARD.encode(key.sign(b"something else").to_bytes());
        let checked = |public: &str, signature: &str| statement().check(Algorithm::Ed25519, public, signature);
        assert_eq!(checked("", &signature), Err(SignatureFault::Key));
        assert_eq!(checked("é", &signature), Err(SignatureFault::Key));
        assert_eq!(checked(&public, ""), Err(SignatureFault::Shape));
        assert_eq!(checked(&public, &signature), Err(SignatureFault::Wrong));
        // The neutral element is a key for which everything would be signed.
        let weak = STANDARD.encode({
            let mut bytes = [0; 32];
            bytes[0] = 1;
            bytes
        });
        assert!(checked(&weak, &STANDARD.encode([0; 64])).is_err());
    }

    /// The pages of the server make the same text, and have the same test.
    #[test]
    fn the_text_has_every_field_on_a_line_of_its_own() {
        assert_eq!(
            statement().text(),
            "legator vote v1\nrequest apr_1\ndigest 00ff\nchoice approve\nperson usr_1\nstands-for nobody\n\
             reason 52725cf8d307a5d339a7dcd0dbbbf37dc021be0d6402b84a91ecb14ecc00136f\nat 7\nnonce 0a\n"
        );
        assert_eq!(enrollment("usr_1", "AA=="), "legator vote key v1\nperson usr_1\nkey AA==\n");
    }

    #[test]
    fn no_field_runs_into_another() {
        let odd = Statement { reason: Some("x\nat 9\nnonce 00"), ..statement() };
        assert_eq!(odd.text().lines().count(), statement().text().lines().count());
    }
}
