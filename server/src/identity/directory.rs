//! People and keys as they stand in memory, and what a key's text looks like.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use legator_protocol::{KeyId, UserId};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::clock::Clock;
use crate::vault::Secret;

/// Somebody who can ask for things.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: UserId,
    pub name: String,
    pub roles: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    pub created_at: i64,
    pub disabled: bool,
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
}

impl Key {
    pub(super) fn opens_for(&self, text: &KeyText, now: i64) -> bool {
        let same: bool = self.hash.ct_eq(&text.hash).into();
        same && self.live(now)
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

    pub fn mint(clock: &Clock, person: UserId, name: &str, now: i64, expires_at: Option<i64>) -> (Secret<String>, Key) {
        let id = clock.born(KeyId::born);
        let secret = clock.secret();
        let tail = id.to_string();
        let tail = tail.trim_start_matches(KeyId::KIND).trim_start_matches('_');
        let text = format!("lgk_{tail}_{}", BASE64.encode(secret));
        let hash = Sha256::digest(secret).into();
        let key = Key { id, person, name: name.to_owned(), hash, created_at: now, expires_at, revoked_at: None };
        (Secret::new(text), key)
    }
}

/// Everybody, at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    pub people: BTreeMap<UserId, Arc<Person>>,
    pub keys: BTreeMap<KeyId, Arc<Key>>,
}

impl Directory {
    pub fn find(&self, id_or_name: &str) -> Option<Arc<Person>> {
        let by_id = id_or_name.parse().ok().and_then(|id: UserId| self.people.get(&id));
        by_id.or_else(|| self.people.values().find(|person| person.name == id_or_name)).cloned()
    }

    pub fn with_person(&self, person: Arc<Person>) -> Self {
        let mut next = self.clone();
        next.people.insert(person.id, person);
        next
    }

    pub fn with_key(&self, key: Key) -> Self {
        let mut next = self.clone();
        next.keys.insert(key.id, Arc::new(key));
        next
    }

    /// Whether nobody could administer any more without `key`.
    pub fn is_last_way_in(&self, key: &Key, now: i64) -> bool {
        let administers = |id: UserId| {
            self.people.get(&id).is_some_and(|person| !person.disabled && person.roles.contains("administrator"))
        };
        administers(key.person)
            && key.live(now)
            && !self.keys.values().any(|other| other.id != key.id && other.live(now) && administers(other.person))
    }
}

/// Names are shown, logged and compared, so they are plain.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || " -_.@+".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) || name.trim() != name {
        return Err(format!("`{what}` has to be 1 to 64 ASCII letters, digits, spaces or `-_.@+`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_with_its_text_until_it_ends() {
        let clock = Clock::manual(1_000);
        let person = clock.born(UserId::born);
        let (text, key) = KeyText::mint(&clock, person, "laptop", 1_000, Some(5_000));
        let read = KeyText::read(text.expose()).unwrap();
        assert_eq!(read.id, key.id);
        assert!(key.opens_for(&read, 4_999));
        assert!(!key.opens_for(&read, 5_000));
        assert!(!Key { revoked_at: Some(1), ..key.clone() }.opens_for(&read, 1_000));
        let (other, _) = KeyText::mint(&clock, person, "other", 1_000, None);
        assert!(!key.opens_for(&KeyText::read(other.expose()).unwrap(), 1_000));
        assert!(!format!("{text:?}").contains("lgk_"));
    }

    #[test]
    fn garbage_is_no_key() {
        for text in ["", "lgk_", "lgk_a_b", "Bearer x", "lgk_01ARZ3NDEKTSV4RRFFQ69G5FAV_short"] {
            assert!(KeyText::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn names_are_plain() {
        assert!(check_name("name", "ana.b@example").is_ok());
        for bad in ["", " ana", "a\u{202e}b", "аna", &"x".repeat(65), "a\nb"] {
            assert!(check_name("name", bad).is_err(), "{bad:?}");
        }
    }
}
