//! Keys that votes are signed with: of the command line, or passkeys. The secret stays with its person; here is what checks it.
//! Never: a second key that counts before the first has vouched for it; a passkey that its person has not said is for votes.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use legator_engine::vote::{self, Algorithm};
use legator_protocol::VoteKeyId;

use super::{ApprovalFault, Approvals, store};
use crate::audit::Draft;
use crate::identity::passkey::SignRefusal;
use crate::identity::passkey::proof::{Place, Proof};
use crate::identity::{Caller, EnrollVoteKey, Identity, Permit, Person};

/// Keys of one person that may wait for a voucher.
const MOST_WAITING: usize = 5;

/// A key of somebody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteKey {
    pub id: VoteKeyId,
    pub person: String,
    pub name: String,
    pub algorithm: Algorithm,
    /// Base 64; of a passkey it is the COSE key.
    pub public_key: String,
    pub passkey: Option<ForPasskey>,
    /// It counts only once a key that is enrolled vouches for it.
    pub waits: bool,
    pub created_at: i64,
    pub revoked_at: Option<i64>,
}

/// Which passkey it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForPasskey {
    /// Its id as browsers write it.
    pub id: String,
    /// The host that it was made for.
    pub rp_id: String,
}

/// A key of the command line that is to be enrolled.
pub struct NewVoteKey {
    pub name: String,
    pub algorithm: Algorithm,
    pub public_key: String,
    /// Its own signature over the enrollment.
    pub proof: String,
    /// The signature of a key that is enrolled already, where there is one.
    pub vouched: Option<String>,
}

/// What a signature is made with.
pub enum Means {
    /// Base 64, of a key of the command line.
    Key(String),
    /// What a passkey shows, and where it was shown.
    Passkey(Box<Proof>, Place),
}

impl VoteKey {
    fn live(&self, identity: &Identity) -> bool {
        let there = |passkey: &ForPasskey| identity.has_passkey(&self.person, &passkey.id);
        self.revoked_at.is_none() && !self.waits && self.passkey.as_ref().is_none_or(there)
    }
}

impl Approvals {
    /// The keys of a person that count, or of everybody.
    pub fn vote_keys(&self, identity: &Identity, person: Option<&str>) -> Vec<VoteKey> {
        let keys = self.0.keys.lock();
        let of = |key: &&VoteKey| person.is_none_or(|person| key.person == person) && key.live(identity);
        keys.iter().filter(of).cloned().collect()
    }

    /// The keys of a person that somebody has to vouch for before they count.
    pub fn waiting_keys(&self, person: &str) -> Vec<VoteKey> {
        let keys = self.0.keys.lock();
        let of = |key: &&VoteKey| key.person == person && key.waits && key.revoked_at.is_none();
        keys.iter().filter(of).cloned().collect()
    }

    /// Whether this person has a key that votes are signed with.
    pub fn is_enrolled(&self, identity: &Identity, person: &str) -> bool {
        !self.vote_keys(identity, Some(person)).is_empty()
    }

    /// Takes up a key of the command line, which signs that it is its person's.
    pub async fn enroll_key(
        &self,
        identity: &Identity,
        permit: Permit<EnrollVoteKey>,
        new: NewVoteKey,
    ) -> Result<VoteKey, ApprovalFault> {
        let NewVoteKey { name, algorithm, public_key, proof, vouched } = new;
        if name.trim().is_empty() || name.len() > 64 {
            return Err(ApprovalFault::Invalid("a key's name has 1 to 64 bytes".to_owned()));
        }
        let person = Arc::clone(&permit.caller().person);
        let text = vote::enrollment(&person.id.to_string(), &public_key);
        vote::check(algorithm, &public_key, &text, &proof)?;
        let by = match vouched {
            Some(vouched) => Some(self.voucher(identity, permit.caller(), &text, &Means::Key(vouched)).await?),
            None => None,
        };
        self.take_up(identity, &person, (name, algorithm, public_key, None), by).await
    }

    /// Takes up a passkey of the caller's for votes; it signs that as it will sign them.
    pub async fn enroll_passkey(
        &self,
        identity: &Identity,
        permit: Permit<EnrollVoteKey>,
        proof: &Proof,
        place: &Place,
    ) -> Result<VoteKey, ApprovalFault> {
        let person = Arc::clone(&permit.caller().person);
        let passkey = identity.own_passkey(permit.caller(), &proof.id).ok_or(SignRefusal::Unknown)?;
        let public_key = STANDARD.encode(passkey.public());
        let text = vote::enrollment(&person.id.to_string(), &public_key);
        let passkey = identity.signed_by_passkey(permit.caller(), proof, &text, place).await??;
        let of = ForPasskey { id: passkey.word(), rp_id: place.rp_id.clone() };
        self.take_up(identity, &person, (passkey.name, Algorithm::WebAuthn, public_key, Some(of)), None).await
    }

    /// Vouches for a key of one's own that waits for it; from then on it counts.
    pub async fn vouch_for_key(
        &self,
        identity: &Identity,
        permit: Permit<EnrollVoteKey>,
        id: VoteKeyId,
        means: &Means,
    ) -> Result<VoteKey, ApprovalFault> {
        let person = Arc::clone(&permit.caller().person);
        let waiting = || {
            let mine = self.waiting_keys(&person.id.to_string());
            mine.into_iter().find(|key| key.id == id).ok_or(ApprovalFault::NoKey(id))
        };
        let text = vote::enrollment(&person.id.to_string(), &waiting()?.public_key);
        let by = self.voucher(identity, permit.caller(), &text, means).await?;
        let _voting = self.0.voting.lock().await;
        let key = VoteKey { waits: false, ..waiting()? };
        let draft = about(&key, &person, Some(by));
        let now = self.0.clock.now();
        self.0
            .ledger
            .write(now, move |batch| {
                Box::pin(async move {
                    store::keys::vouch(batch.connection().await?, id).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        for kept in self.0.keys.lock().iter_mut().filter(|kept| kept.id == id) {
            kept.waits = false;
        }
        self.tell(&key, &person);
        Ok(key)
    }

    /// The key of the caller's that has signed this text.
    async fn voucher(
        &self,
        identity: &Identity,
        caller: &Caller,
        text: &str,
        means: &Means,
    ) -> Result<VoteKeyId, ApprovalFault> {
        let mine = self.vote_keys(identity, Some(&caller.person.id.to_string()));
        match means {
            Means::Key(signature) => {
                let signed = |key: &&VoteKey| vote::check(key.algorithm, &key.public_key, text, signature).is_ok();
                mine.iter().find(signed).map(|key| key.id).ok_or(ApprovalFault::Unvouched)
            }
            Means::Passkey(proof, place) => {
                let passkey = identity.signed_by_passkey(caller, proof, text, place).await??;
                let is_it = |key: &&VoteKey| key.passkey.as_ref().is_some_and(|of| of.id == passkey.word());
                mine.iter().find(is_it).map(|key| key.id).ok_or(ApprovalFault::Unvouched)
            }
        }
    }

    async fn take_up(
        &self,
        identity: &Identity,
        person: &Person,
        (name, algorithm, public_key, passkey): (String, Algorithm, String, Option<ForPasskey>),
        vouched_by: Option<VoteKeyId>,
    ) -> Result<VoteKey, ApprovalFault> {
        let _voting = self.0.voting.lock().await;
        if self.0.keys.lock().iter().any(|key| key.public_key == public_key) {
            return Err(ApprovalFault::Invalid("this key is, or was, enrolled already; make another one".to_owned()));
        }
        let id = person.id.to_string();
        let waits = self.is_enrolled(identity, &id) && vouched_by.is_none();
        if waits && self.waiting_keys(&id).len() >= MOST_WAITING {
            let many = format!("{MOST_WAITING} keys of yours wait to be vouched for; vouch for one, or revoke it");
            return Err(ApprovalFault::Invalid(many));
        }
        let now = self.0.clock.now();
        let key = VoteKey {
            id: self.0.clock.born(VoteKeyId::born),
            person: id,
            name,
            algorithm,
            public_key,
            passkey,
            waits,
            created_at: now,
            revoked_at: None,
        };
        let (draft, row) = (about(&key, person, vouched_by), key.clone());
        self.0
            .ledger
            .write(now, move |batch| {
                Box::pin(async move {
                    store::keys::insert(batch.connection().await?, &row).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.keys.lock().push(key.clone());
        self.tell(&key, person);
        Ok(key)
    }

    fn tell(&self, key: &VoteKey, person: &Person) {
        let (kind, body) = (said(key), serde_json::json!({ "by": person.name }));
        self.0.events.publish(self.0.clock.now(), &person.home(), kind, key.id.to_string(), body);
    }

    /// Ends a key of one's own. What it signed stays signed.
    pub async fn revoke_vote_key(&self, permit: Permit<EnrollVoteKey>, id: VoteKeyId) -> Result<(), ApprovalFault> {
        let person = Arc::clone(&permit.caller().person);
        let mine = |key: &&VoteKey| key.id == id && key.person == person.id.to_string() && key.revoked_at.is_none();
        let key = self.0.keys.lock().iter().find(mine).cloned().ok_or(ApprovalFault::NoKey(id))?;
        let draft = Draft::new("vote-key.revoked", person.name.clone(), id.to_string())
            .tenant(&person.home())
            .body(serde_json::json!({ "person": key.person, "public_key": key.public_key }));
        self.revoke(&key, draft).await
    }

    pub(super) async fn revoke(&self, key: &VoteKey, draft: Draft) -> Result<(), ApprovalFault> {
        let (id, now) = (key.id, self.0.clock.now());
        self.0
            .ledger
            .write(now, move |batch| {
                Box::pin(async move {
                    store::keys::revoke(batch.connection().await?, id, now).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        for kept in self.0.keys.lock().iter_mut().filter(|kept| kept.id == id) {
            kept.revoked_at = Some(now);
        }
        Ok(())
    }
}

const fn said(key: &VoteKey) -> &'static str {
    if key.waits { "vote-key.offered" } else { "vote-key.enrolled" }
}

/// The entry about a key. What is needed to check votes without the server stands in the log.
fn about(key: &VoteKey, person: &Person, vouched_by: Option<VoteKeyId>) -> Draft {
    Draft::new(said(key), person.name.clone(), key.id.to_string()).tenant(&person.home()).body(serde_json::json!({
        "person": key.person, "name": key.name, "algorithm": key.algorithm, "public_key": key.public_key,
        "passkey": key.passkey.as_ref().map(|of| &of.id), "rp_id": key.passkey.as_ref().map(|of| &of.rp_id),
        "vouched_by": vouched_by.map(|id| id.to_string()),
    }))
}
