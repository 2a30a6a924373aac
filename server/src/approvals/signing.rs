//! Keys that votes are signed with. The secret stays with its person; here is what checks it.
//! Never: a second key without a signature of the first, or a signature that counts twice.
//!
//! A passkey would be another [`Algorithm`]: it enrolls here, and its answer is checked in `legator_engine::vote`.

use std::sync::Arc;

use legator_engine::vote::{self, Algorithm, SignedBy, Statement};
use legator_protocol::VoteKeyId;

use super::request::{Choice, Request};
use super::{ApprovalFault, Approvals, store};
use crate::audit::Draft;
use crate::identity::{EnrollVoteKey, Permit};

/// How far the signer's clock may be from the server's.
const SKEW_MS: i64 = 5 * 60 * 1000;

/// A key of somebody's.
#[derive(Clone, Debug)]
pub struct VoteKey {
    pub id: VoteKeyId,
    pub person: String,
    pub name: String,
    pub algorithm: Algorithm,
    /// Base 64.
    pub public_key: String,
    pub created_at: i64,
    pub revoked_at: Option<i64>,
}

/// A key that is to be enrolled.
pub struct NewVoteKey {
    pub name: String,
    pub algorithm: Algorithm,
    pub public_key: String,
    /// Its own signature over the enrollment.
    pub proof: String,
    /// The signature of a key that is enrolled already, where there is one.
    pub vouched: Option<String>,
}

/// A signature as it comes with a vote.
#[derive(Clone, Debug)]
pub struct Signature {
    pub key: String,
    pub at_ms: i64,
    pub nonce: String,
    pub signature: String,
}

/// What a vote says, for the signature over it.
pub struct Said<'s> {
    pub choice: Choice,
    pub reason: Option<&'s str>,
    pub stands_for: Option<&'s str>,
}

impl Approvals {
    /// The keys of a person that count, or of everybody.
    pub fn vote_keys(&self, person: Option<&str>) -> Vec<VoteKey> {
        let keys = self.0.keys.lock();
        let of = |key: &&VoteKey| key.revoked_at.is_none() && person.is_none_or(|person| key.person == person);
        keys.iter().filter(of).cloned().collect()
    }

    /// Whether this person has a key that votes are signed with.
    pub fn is_enrolled(&self, person: &str) -> bool {
        !self.vote_keys(Some(person)).is_empty()
    }

    /// Takes up a key, which signs that it is its person's; a further one is vouched for by one that is there.
    pub async fn enroll_key(&self, permit: Permit<EnrollVoteKey>, new: NewVoteKey) -> Result<VoteKey, ApprovalFault> {
        let person = Arc::clone(&permit.caller().person);
        let id = person.id.to_string();
        if new.name.trim().is_empty() || new.name.len() > 64 {
            return Err(ApprovalFault::Invalid("a key's name has 1 to 64 bytes".to_owned()));
        }
        let text = vote::enrollment(&id, &new.public_key);
        vote::check(new.algorithm, &new.public_key, &text, &new.proof)?;
        let _voting = self.0.voting.lock().await;
        if self.0.keys.lock().iter().any(|key| key.public_key == new.public_key) {
            return Err(ApprovalFault::Invalid("this key is, or was, enrolled already; make another one".to_owned()));
        }
        let there = self.vote_keys(Some(&id));
        let vouched = |key: &VoteKey| {
            let signature = new.vouched.as_deref().unwrap_or_default();
            vote::check(key.algorithm, &key.public_key, &text, signature).is_ok()
        };
        if !there.is_empty() && !there.iter().any(vouched) {
            return Err(ApprovalFault::Unvouched);
        }
        let now = self.0.clock.now();
        let key = VoteKey {
            id: self.0.clock.born(VoteKeyId::born),
            person: id,
            name: new.name,
            algorithm: new.algorithm,
            public_key: new.public_key,
            created_at: now,
            revoked_at: None,
        };
        // What is needed to check votes without the server stands in the log.
        let draft = Draft::new("vote-key.enrolled", person.name.clone(), key.id.to_string())
            .tenant(&person.home())
            .body(serde_json::json!({
                "person": key.person, "name": key.name, "algorithm": key.algorithm, "public_key": key.public_key,
            }));
        let row = key.clone();
        self.0
            .ledger
            .write(now, move |batch| {
                Box::pin(async move {
                    store::arranged::insert_key(batch.connection().await?, &row).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.keys.lock().push(key.clone());
        self.0.events.publish(
            now,
            &person.home(),
            "vote-key.enrolled",
            key.id.to_string(),
            serde_json::json!({ "by": person.name }),
        );
        Ok(key)
    }

    /// Ends a key of one's own. What it signed stays signed.
    pub async fn revoke_vote_key(&self, permit: Permit<EnrollVoteKey>, id: VoteKeyId) -> Result<(), ApprovalFault> {
        let person = Arc::clone(&permit.caller().person);
        let mine = self.vote_keys(Some(&person.id.to_string()));
        let key = mine.into_iter().find(|key| key.id == id).ok_or(ApprovalFault::NoKey(id))?;
        let now = self.0.clock.now();
        let draft = Draft::new("vote-key.revoked", person.name.clone(), id.to_string())
            .tenant(&person.home())
            .body(serde_json::json!({ "person": key.person, "public_key": key.public_key }));
        self.0
            .ledger
            .write(now, move |batch| {
                Box::pin(async move {
                    store::arranged::revoke_key(batch.connection().await?, id, now).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        let mut keys = self.0.keys.lock();
        for key in keys.iter_mut().filter(|key| key.id == id) {
            key.revoked_at = Some(now);
        }
        Ok(())
    }

    /// Whether the signature is a live key's of that person, over exactly this vote, now and for the first time.
    pub async fn check_signature(
        &self,
        person: &str,
        request: &Request,
        said: &Said<'_>,
        given: &Signature,
    ) -> Result<SignedBy, ApprovalFault> {
        let key = self.vote_keys(Some(person)).into_iter().find(|key| key.id.to_string() == given.key);
        let key = key.ok_or(ApprovalFault::BadSignature("the key is not one of yours that counts"))?;
        if self.0.clock.now().saturating_sub(given.at_ms).saturating_abs() > SKEW_MS {
            return Err(ApprovalFault::BadSignature("it was signed more than five minutes ago, or in the future"));
        }
        let hex = given.nonce.len() == 32 && given.nonce.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !hex || store::votes::nonce_used(&self.0.db, &given.nonce).await? {
            return Err(ApprovalFault::BadSignature("its nonce is not 16 new bytes in hex"));
        }
        let id = request.id.to_string();
        let statement = Statement {
            request: &id,
            digest: &request.digest,
            choice: said.choice.as_str(),
            person,
            stands_for: said.stands_for,
            reason: said.reason,
            at_ms: given.at_ms,
            nonce: &given.nonce,
        };
        statement.check(key.algorithm, &key.public_key, &given.signature)?;
        Ok(SignedBy {
            key: given.key.clone(),
            algorithm: key.algorithm,
            public_key: key.public_key,
            at_ms: given.at_ms,
            nonce: given.nonce.clone(),
            signature: given.signature.clone(),
        })
    }
}
