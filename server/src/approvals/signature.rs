//! The signature that comes with a vote: is it a live key's of the voter's, over exactly this vote, and made just now?
//! Never: a signature that counts twice. The vote itself looks whether its nonce was there before.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use legator_engine::vote::{Algorithm, Assertion, SignedBy, Statement};

use super::request::{Choice, Request};
use super::signing::{Means, VoteKey};
use super::{ApprovalFault, Approvals};
use crate::identity::{Caller, Identity};

/// How far the signer's clock may be from the server's.
const SKEW_MS: i64 = 5 * 60 * 1000;

/// A signature as it comes with a vote.
pub struct Signature {
    pub key: String,
    pub at_ms: i64,
    pub nonce: String,
    pub means: Means,
}

/// What a vote says, for the signature over it.
pub struct Said<'s> {
    pub choice: Choice,
    pub reason: Option<&'s str>,
    pub stands_for: Option<&'s str>,
}

impl Approvals {
    /// Whether the signature is a live key's of the caller's, over exactly this vote, and fresh.
    pub async fn check_signature(
        &self,
        identity: &Identity,
        caller: &Caller,
        request: &Request,
        said: &Said<'_>,
        given: Signature,
    ) -> Result<SignedBy, ApprovalFault> {
        let Signature { key, at_ms, nonce, means } = given;
        let person = caller.person.id.to_string();
        let VoteKey { algorithm, public_key, passkey, .. } = self.signing_key(identity, &person, &key)?;
        if self.0.clock.now().saturating_sub(at_ms).saturating_abs() > SKEW_MS {
            return Err(ApprovalFault::BadSignature("it was signed more than five minutes ago, or in the future"));
        }
        if nonce.len() != 32 || !nonce.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ApprovalFault::BadSignature("its nonce is not 16 bytes in hex"));
        }
        let id = request.id.to_string();
        let statement = Statement {
            request: &id,
            digest: &request.digest,
            choice: said.choice.as_str(),
            person: &person,
            stands_for: said.stands_for,
            reason: said.reason,
            at_ms,
            nonce: &nonce,
        };
        let (signature, assertion) = match (algorithm, means) {
            (Algorithm::Ed25519, Means::Key(signature)) => {
                statement.check(algorithm, &public_key, &signature)?;
                (signature, None)
            }
            (Algorithm::WebAuthn, Means::Passkey(proof, place)) => {
                let shown = identity.signed_by_passkey(caller, &proof, &statement.text(), &place).await??;
                if passkey.is_none_or(|of| of.id != shown.word() || of.rp_id != place.rp_id) {
                    return Err(ApprovalFault::BadSignature("it is another passkey's than the one it names"));
                }
                let assertion = Assertion {
                    authenticator_data: STANDARD.encode(&proof.authenticator_data),
                    client_data: STANDARD.encode(&proof.client_data),
                };
                (STANDARD.encode(&proof.signature), Some(assertion))
            }
            (Algorithm::Ed25519 | Algorithm::WebAuthn, _) => {
                return Err(ApprovalFault::BadSignature("the key is of another kind than the signature"));
            }
        };
        let signed =
            SignedBy { key, algorithm, public_key, at_ms, nonce: nonce.clone(), signature, passkey: assertion };
        // As whoever checks the log will do it: what they would refuse does not get into it.
        signed.check(&statement)?;
        Ok(signed)
    }

    fn signing_key(&self, identity: &Identity, person: &str, key: &str) -> Result<VoteKey, ApprovalFault> {
        let named = |it: &VoteKey| it.id.to_string() == key;
        if let Some(found) = self.vote_keys(identity, Some(person)).into_iter().find(named) {
            return Ok(found);
        }
        let waits = self.waiting_keys(person).iter().any(named);
        Err(ApprovalFault::BadSignature(if waits {
            "the key waits until another one of yours vouches for it"
        } else {
            "the key is not one of yours that counts"
        }))
    }
}
