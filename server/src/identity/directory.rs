//! People and keys as they stand in memory, and what a key's text looks like.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use legator_protocol::{KeyId, UserId};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::grant::{self, House};
use super::name;
use super::passkey::Passkey;
use crate::clock::Clock;
use crate::tenant::{Reach, Tenant};
use crate::vault::Secret;

/// What somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person, who can sign in.
    User,
    /// A program with keys of its own.
    Service,
    /// A language model.
    Agent,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::User, Self::Service, Self::Agent];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
            Self::Agent => "agent",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Somebody who can ask for things.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: UserId,
    pub name: String,
    pub kind: Kind,
    /// The person whose rights bound a service or an agent.
    pub owner: Option<UserId>,
    pub roles: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    /// `tenant:…`, `org:…`, `scope:…`, as they were given.
    pub grants: BTreeSet<String>,
    /// What they come to, with the tenants that there are. The directory keeps it so.
    pub reach: Reach,
    pub created_at: i64,
    pub last_sign_in_at: Option<i64>,
    pub disabled: bool,
}

/// What somebody signs in with.
#[derive(Clone, Debug, Default)]
pub(super) struct Credentials {
    /// Argon2id, as a PHC string.
    pub password: Option<Secret<String>>,
    pub totp: Option<Totp>,
    pub passkeys: Vec<Passkey>,
}

/// The secret of an authenticator app.
#[derive(Clone, Debug)]
pub(super) struct Totp {
    pub sealed: Vec<u8>,
    /// Counts only when its owner has shown that the app has it.
    pub confirmed_at: Option<i64>,
    pub step: i64,
}

impl Credentials {
    /// The authenticator app, if it is in use.
    pub fn app(&self) -> Option<&Totp> {
        self.totp.as_ref().filter(|totp| totp.confirmed_at.is_some())
    }

    pub fn has_second_factor(&self) -> bool {
        self.app().is_some() || !self.passkeys.is_empty()
    }
}

/// An API key, without its secret.
#[derive(Clone, Debug)]
pub struct Key {
    pub id: KeyId,
    pub person: UserId,
    pub name: String,
    pub hash: [u8; 32],
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
    /// The actions that it is for; all of its owner's, if absent.
    pub scopes: Option<Arc<BTreeSet<String>>>,
    /// The URI of the client's certificate that is this key: it has no text, and is shown by TLS.
    pub certificate: Option<String>,
    pub used: Arc<Used>,
}

/// When and from where a key was used.
#[derive(Debug, Default)]
pub struct Used {
    pub(super) at: AtomicI64,
    /// Newest last.
    pub(super) addresses: Mutex<Vec<IpAddr>>,
}

/// Addresses of a key that are kept in mind.
const KNOWN_ADDRESSES: usize = 16;

impl Used {
    pub fn last_at(&self) -> Option<i64> {
        Some(self.at.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    pub fn last_from(&self) -> Option<IpAddr> {
        self.addresses.lock().last().copied()
    }

    /// Notes a use, and says whether it came from where none came before.
    pub(super) fn note(&self, address: IpAddr, now: i64) -> bool {
        self.at.fetch_max(now, Ordering::Relaxed);
        let mut known = self.addresses.lock();
        if known.last() == Some(&address) {
            return false;
        }
        let before = known.iter().position(|known| *known == address);
        if let Some(at) = before {
            known.remove(at);
        }
        known.push(address);
        if known.len() > KNOWN_ADDRESSES {
            known.remove(0);
        }
        before.is_none()
    }
}

impl Key {
    pub(super) fn opens_for(&self, text: &KeyText, now: i64) -> bool {
        let same: bool = self.hash.ct_eq(&text.hash).into();
        same && self.certificate.is_none() && self.live(now)
    }

    pub fn live(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| at > now)
    }
}

/// `lgk_<id>_<secret>`, as read from a request: the id, and the secret's hash.
pub(super) struct KeyText {
    pub id: KeyId,
    hash: [u8; 32],
}

impl KeyText {
    pub fn read(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix("lgk_")?.split_once('_')?;
        let id = format!("{}_{id}", KeyId::KIND).parse().ok()?;
        let secret: [u8; 32] = BASE64.decode(secret).ok()?.try_into().ok()?;
        // A key has 256 bits of chance, so one hash is enough; there is nothing to guess.
        Some(Self { id, hash: Sha256::digest(secret).into() })
    }

    pub fn mint(
        clock: &Clock,
        person: UserId,
        name: &str,
        expires_at: Option<i64>,
        scopes: Option<BTreeSet<String>>,
    ) -> (Secret<String>, Key) {
        let now = clock.now();
        let id = clock.born(KeyId::born);
        let secret = clock.secret();
        let tail = id.to_string();
        let tail = tail.trim_start_matches(KeyId::KIND).trim_start_matches('_');
        let text = format!("lgk_{tail}_{}", BASE64.encode(secret));
        let hash = Sha256::digest(secret).into();
        let (name, scopes, used) = (name.to_owned(), scopes.map(Arc::new), Arc::default());
        let certificate = None;
        let key =
            Key { id, person, name, hash, created_at: now, expires_at, revoked_at: None, scopes, certificate, used };
        (Secret::new(text), key)
    }
}

/// Everybody, at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    pub people: BTreeMap<UserId, Arc<Person>>,
    pub keys: BTreeMap<KeyId, Arc<Key>>,
    pub credentials: BTreeMap<UserId, Arc<Credentials>>,
    /// By name.
    pub tenants: BTreeMap<Tenant, Arc<House>>,
}

impl Directory {
    pub fn find(&self, id_or_name: &str) -> Option<Arc<Person>> {
        let by_id = id_or_name.parse().ok().and_then(|id: UserId| self.people.get(&id));
        by_id.or_else(|| self.people.values().find(|person| person.name == id_or_name)).cloned()
    }

    /// The key that a certificate of this URI is. There is one at most that is good.
    pub fn certified(&self, uri: &str, now: i64) -> Option<&Arc<Key>> {
        self.keys.values().find(|key| key.certificate.as_deref() == Some(uri) && key.live(now))
    }

    /// The tenant that what somebody does is written down for.
    pub fn home(&self, person: UserId) -> Tenant {
        self.people.get(&person).map(|person| person.home()).unwrap_or_default()
    }

    /// By the name that somebody types to sign in.
    pub fn named(&self, folded: &str) -> Option<&Arc<Person>> {
        self.people.values().find(|person| name::folded(&person.name) == folded)
    }

    pub fn credentials(&self, id: UserId) -> Option<&Arc<Credentials>> {
        self.credentials.get(&id)
    }

    /// Whose passkey this is.
    pub fn passkey(&self, id: &[u8]) -> Option<(UserId, &Passkey)> {
        let mut all =
            self.credentials.iter().flat_map(|(person, it)| it.passkeys.iter().map(move |one| (*person, one)));
        all.find(|(_, passkey)| passkey.id == id)
    }

    pub fn with_credentials(&self, id: UserId, credentials: Credentials) -> Self {
        let mut next = self.clone();
        next.credentials.insert(id, Arc::new(credentials));
        next
    }

    pub fn with_person(&self, person: Arc<Person>) -> Self {
        let mut next = self.clone();
        next.put_person(person);
        next
    }

    pub fn put_person(&mut self, mut person: Arc<Person>) {
        let reach = grant::reach(&person.grants, &self.tenants);
        if person.reach != reach {
            Arc::make_mut(&mut person).reach = reach;
        }
        self.people.insert(person.id, person);
    }

    /// With another tenant, or one that is of another organization now: what grants come to changes with it.
    pub fn with_tenant(&self, house: House) -> Self {
        let mut next = self.clone();
        next.tenants.insert(house.tenant.clone(), Arc::new(house));
        for person in self.people.values() {
            next.put_person(Arc::clone(person));
        }
        next
    }

    pub fn with_key(&self, key: Key) -> Self {
        let mut next = self.clone();
        next.keys.insert(key.id, Arc::new(key));
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_with_its_text_until_it_ends() {
        let clock = Clock::manual(1_000);
        let person = clock.born(UserId::born);
        let (text, key) = KeyText::mint(&clock, person, "laptop", Some(5_000), None);
        let read = KeyText::read(text.expose()).unwrap();
        assert_eq!(read.id, key.id);
        assert!(key.opens_for(&read, 4_999));
        assert!(!key.opens_for(&read, 5_000));
        assert!(!Key { revoked_at: Some(1), ..key.clone() }.opens_for(&read, 1_000));
        let (other, _) = KeyText::mint(&clock, person, "other", None, None);
        assert!(!key.opens_for(&KeyText::read(other.expose()).unwrap(), 1_000));
        assert!(!format!("{text:?}").contains("lgk_"));
    }

    #[test]
    fn a_key_is_at_a_new_address_once() {
        let used = Used::default();
        let at = |n: u8| IpAddr::from([10, 0, 0, n]);
        assert!(used.note(at(1), 5) && !used.note(at(1), 6) && used.note(at(2), 7) && !used.note(at(1), 8));
        assert_eq!((used.last_at(), used.last_from()), (Some(8), Some(at(1))));
        for n in 3..40 {
            assert!(used.note(at(n), 9));
        }
        assert_eq!(used.addresses.lock().len(), KNOWN_ADDRESSES);
    }

    #[test]
    fn garbage_is_no_key() {
        for text in ["", "lgk_", "lgk_a_b", "Bearer x", "lgk_01ARZ3NDEKTSV4RRFFQ69G5FAV_short"] {
            assert!(KeyText::read(text).is_none(), "{text}");
        }
    }
}
