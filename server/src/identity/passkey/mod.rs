//! Passkeys: made by somebody who is signed in, shown instead of a password, or beside it.
//! Never: a challenge that counts twice; a way past the provider that vouches for somebody.

pub mod store;
mod vote;

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
pub use legator_engine::webauthn::{cbor, proof};
use legator_protocol::UserId;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

pub use self::vote::SignRefusal;

use self::proof::{Place, Proof, ProofFault};
use super::directory::Credentials;
use super::sign_in::{Change, Used};
use super::{Caller, Identity, IdentityFault, Kind, Opened, Visitor, name, totp};
use crate::clock::Clock;
use crate::vault::Secret;

/// How long somebody may take with their authenticator.
pub const LIVES_MS: i64 = 5 * 60_000;
const KEPT: usize = 10_000;
const MOST_OF_ONE: usize = 20;

/// A passkey, without anything secret: that never leaves the authenticator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    pub(super) id: Vec<u8>,
    pub name: String,
    pub(super) public: Vec<u8>,
    pub(super) counter: u32,
    pub created_at: i64,
    pub last_used_at: Option<i64>,
}

impl Passkey {
    /// Its id as addresses and browsers write it.
    pub fn word(&self) -> String {
        BASE64.encode(&self.id)
    }
}

/// Challenges that wait to be answered, by their hash.
#[derive(Default)]
pub(super) struct Challenges(Mutex<HashMap<[u8; 32], (Use, i64)>>);

/// What a challenge is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Making(UserId),
    Showing,
}

impl Challenges {
    fn mint(&self, clock: &Clock, what: Use) -> [u8; 32] {
        let (challenge, now) = (clock.secret(), clock.now());
        let mut all = self.0.lock();
        if all.len() >= KEPT {
            all.retain(|_, (_, until)| *until > now);
        }
        if all.len() >= KEPT
            && let Some(first) = all.iter().min_by_key(|(_, (_, until))| *until).map(|(key, _)| *key)
        {
            all.remove(&first);
        }
        all.insert(Sha256::digest(challenge).into(), (what, now.saturating_add(LIVES_MS)));
        challenge
    }

    /// The challenge that was answered, if it waits for this. It waits no longer, whatever comes of it.
    fn take(&self, client_data: &[u8], what: Use, now: i64) -> Option<Vec<u8>> {
        let challenge = proof::challenge_of(client_data)?;
        let key: [u8; 32] = Sha256::digest(&challenge).into();
        let (minted, until) = self.0.lock().remove(&key)?;
        (minted == what && until > now).then_some(challenge)
    }
}

/// What a browser needs to make a passkey.
pub struct Making {
    pub challenge: String,
    pub person: UserId,
    /// Passkeys that are there already; the same authenticator makes no second one.
    pub there: Vec<String>,
}

/// A key that a browser says was made.
pub struct Offer {
    pub name: String,
    pub client_data: Vec<u8>,
    pub attestation: Vec<u8>,
}

impl Identity {
    pub fn passkeys(&self, caller: &Caller) -> Vec<Passkey> {
        self.credentials_of(caller).passkeys.clone()
    }

    /// Begins to make a passkey. Who has a second factor shows it first.
    pub fn begin_passkey(&self, caller: &Caller) -> Result<Making, IdentityFault> {
        self.may_add_a_factor(caller)?;
        let there = self.passkeys(caller);
        if there.len() >= MOST_OF_ONE {
            return Err(IdentityFault::Conflict(format!("there are {MOST_OF_ONE} passkeys already; remove one first")));
        }
        let challenge = self.0.challenges.mint(&self.0.clock, Use::Making(caller.person.id));
        let there = there.iter().map(Passkey::word).collect();
        Ok(Making { challenge: BASE64.encode(challenge), person: caller.person.id, there })
    }

    /// Takes a passkey into use. With somebody's first second factor come the recovery codes, once.
    pub async fn add_passkey(
        &self,
        caller: &Caller,
        offer: Offer,
        place: &Place,
        from: &Visitor,
    ) -> Result<(Opened, Passkey, Vec<Secret<String>>), IdentityFault> {
        self.may_add_a_factor(caller)?;
        name::check_word("name", &offer.name).map_err(IdentityFault::Invalid)?;
        let (id, at) = (caller.person.id, self.0.clock.now());
        let challenge = self.0.challenges.take(&offer.client_data, Use::Making(id), at);
        let challenge =
            challenge.ok_or_else(|| IdentityFault::Invalid("the passkey took too long; begin again".to_owned()))?;
        let made = proof::made(&offer.client_data, &offer.attestation, &challenge, place)
            .map_err(|fault| IdentityFault::Invalid(format!("the passkey is not taken: {fault}")))?;
        let _changing = self.0.changing.lock().await;
        let directory = self.0.directory.load_full();
        if directory.passkey(&made.id).is_some() {
            return Err(IdentityFault::Conflict("this passkey is in use already".to_owned()));
        }
        let looked_at = self.credentials_of(caller);
        let first = !looked_at.has_second_factor();
        let mut credentials = Credentials::clone(&looked_at);
        let passkey = Passkey {
            id: made.id,
            name: offer.name,
            public: made.public,
            counter: made.counter,
            created_at: at,
            last_used_at: None,
        };
        credentials.passkeys.push(passkey.clone());
        let codes = if first { totp::recovery_codes(&self.0.clock) } else { Vec::new() };
        let hashes = first.then(|| codes.iter().filter_map(|code| totp::recovery_hash(code.expose())).collect());
        let change =
            Change { kind: "passkey.added", from, ends_others: first, mfa: Some(true), codes: hashes, uses: None };
        let opened = self.change_credentials(caller, &directory, credentials, change).await?;
        Ok((opened, passkey, codes))
    }

    /// Takes a passkey away; only who came with a second factor may.
    pub async fn drop_passkey(&self, caller: &Caller, word: &str, from: &Visitor) -> Result<Opened, IdentityFault> {
        self.with_second_factor(caller)?;
        let _changing = self.0.changing.lock().await;
        let directory = self.0.directory.load_full();
        let mut credentials = Credentials::clone(&self.credentials_of(caller));
        let before = credentials.passkeys.len();
        credentials.passkeys.retain(|passkey| passkey.word() != word);
        if credentials.passkeys.len() == before {
            return Err(IdentityFault::NoKey(word.to_owned()));
        }
        let left = credentials.has_second_factor();
        let codes = (!left).then(Vec::new);
        let change = Change { kind: "passkey.dropped", from, ends_others: true, mfa: Some(left), codes, uses: None };
        self.change_credentials(caller, &directory, credentials, change).await
    }

    /// A challenge for whoever wants to show a passkey.
    pub fn passkey_challenge(&self) -> String {
        BASE64.encode(self.0.challenges.mint(&self.0.clock, Use::Showing))
    }

    /// Lets somebody in by a passkey alone: they have it, and it asked for a finger, a face or a PIN.
    pub async fn sign_in_by_passkey(
        &self,
        proof: Proof,
        place: &Place,
        from: &Visitor,
        old: Option<&str>,
    ) -> Result<Opened, IdentityFault> {
        self.charge("", from).await?;
        let directory = self.0.directory.load_full();
        let known = directory.passkey(&proof.id).map(|(id, _)| id);
        let person = known.and_then(|id| directory.people.get(&id).cloned());
        let credentials = known.and_then(|id| directory.credentials(id).cloned());
        let (Some(person), Some(credentials)) = (person, credentials) else {
            return Err(self.refuse(None, from, "passkey unknown").await);
        };
        let shown = match self.prove_passkey(&credentials, &proof, place) {
            Ok(shown) => shown,
            Err(fault) => return Err(self.refuse(Some(&person), from, why(fault)).await),
        };
        if !shown.1 {
            return Err(self.refuse(Some(&person), from, "passkey without a finger or a PIN").await);
        }
        // Somebody without a password comes in by their provider, which may have sent them away since.
        if person.disabled || person.kind != Kind::User || credentials.password.is_none() {
            let why = if person.disabled { "disabled" } else { "passkey without a password" };
            return Err(self.refuse(Some(&person), from, why).await);
        }
        let opened = self.open_session(person.id, &credentials, Some(shown.0), "passkey", from, old).await;
        match opened {
            Ok(opened) => {
                self.0.throttle.forgive("", from.address);
                Ok(opened)
            }
            Err(IdentityFault::SignInRefused) => Err(self.refuse(Some(&person), from, "passkey").await),
            Err(fault) => Err(fault),
        }
    }

    /// What a right proof uses up, and whether the authenticator asked for more than a touch.
    pub(super) fn prove_passkey(
        &self,
        credentials: &Arc<Credentials>,
        proof: &Proof,
        place: &Place,
    ) -> Result<(Used, bool), ProofFault> {
        let challenge = self.0.challenges.take(&proof.client_data, Use::Showing, self.0.clock.now());
        let challenge = challenge.ok_or(ProofFault::Challenge)?;
        let passkey =
            credentials.passkeys.iter().find(|passkey| passkey.id == proof.id).ok_or(ProofFault::Signature)?;
        let shown = proof::shown(proof, &passkey.public, passkey.counter, &challenge, place)?;
        Ok((Used::Passkey { id: passkey.id.clone(), counter: shown.counter }, shown.verified))
    }

    fn may_add_a_factor(&self, caller: &Caller) -> Result<(), IdentityFault> {
        self.by_session(caller)?;
        if self.credentials_of(caller).has_second_factor() { self.with_second_factor(caller) } else { Ok(()) }
    }
}

/// Why a proof is refused, for the log.
pub(super) const fn why(fault: ProofFault) -> &'static str {
    match fault {
        ProofFault::Malformed => "passkey unreadable",
        ProofFault::Challenge => "passkey challenge",
        ProofFault::Place => "passkey of another site",
        ProofFault::Absent => "passkey without a touch",
        ProofFault::Kind => "passkey kind",
        ProofFault::Signature => "passkey signature",
        ProofFault::Copy => "passkey counter went back",
    }
}
