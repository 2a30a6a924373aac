//! A session: somebody signed in on one browser, known by the secret in its cookie.
//! Never: the secret itself is kept, or lives on after a change of what the session may do.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use legator_protocol::{SessionId, UserId};
use parking_lot::RwLock;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::clock::Clock;
use crate::vault::Secret;

/// How long a session lives.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// Without a request.
    pub idle_ms: i64,
    /// Whatever happens.
    pub longest_ms: i64,
}

/// Who comes, as far as a connection tells.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub address: IpAddr,
    /// What the browser calls itself, shortened.
    pub agent: String,
}

/// Somebody signed in on one browser.
#[derive(Debug)]
pub struct Session {
    pub id: SessionId,
    pub person: UserId,
    pub(super) hash: [u8; 32],
    /// Whether a second factor was given.
    pub mfa: bool,
    pub address: String,
    pub agent: String,
    pub created_at: i64,
    pub expires_at: i64,
    pub(super) seen: AtomicI64,
}

impl Session {
    pub fn seen_at(&self) -> i64 {
        self.seen.load(Ordering::Relaxed)
    }

    pub fn live(&self, now: i64, limits: SessionLimits) -> bool {
        self.ends_at(limits) > now
    }

    /// When it ends if nothing more is asked.
    pub fn ends_at(&self, limits: SessionLimits) -> i64 {
        self.expires_at.min(self.seen_at().saturating_add(limits.idle_ms))
    }

    pub(super) fn mint(
        clock: &Clock,
        person: UserId,
        mfa: bool,
        from: &Visitor,
        limits: SessionLimits,
    ) -> (Secret<String>, Self) {
        let (id, secret, now) = (clock.born(SessionId::born), clock.secret(), clock.now());
        let tail = id.to_string();
        let tail = tail.trim_start_matches(SessionId::KIND).trim_start_matches('_');
        let text = format!("lgs_{tail}_{}", BASE64.encode(secret));
        let session = Self {
            id,
            person,
            hash: Sha256::digest(secret).into(),
            mfa,
            address: from.address.to_string(),
            agent: from.agent.clone(),
            created_at: now,
            expires_at: now.saturating_add(limits.longest_ms),
            seen: AtomicI64::new(now),
        };
        (Secret::new(text), session)
    }
}

/// `lgs_<id>_<secret>`, as read from a cookie.
pub(super) struct SessionText {
    pub id: SessionId,
    hash: [u8; 32],
}

impl SessionText {
    pub fn read(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix("lgs_")?.split_once('_')?;
        let id = format!("{}_{id}", SessionId::KIND).parse().ok()?;
        let secret: [u8; 32] = BASE64.decode(secret).ok()?.try_into().ok()?;
        Some(Self { id, hash: Sha256::digest(secret).into() })
    }
}

/// Every session that has not ended.
#[derive(Default)]
pub(super) struct Sessions(RwLock<BTreeMap<SessionId, Arc<Session>>>);

impl Sessions {
    pub fn new(all: impl IntoIterator<Item = Session>) -> Self {
        Self(RwLock::new(all.into_iter().map(|session| (session.id, Arc::new(session))).collect()))
    }

    /// The session that a cookie is for.
    pub fn open(&self, text: &SessionText, now: i64, limits: SessionLimits) -> Option<Arc<Session>> {
        let session = self.get(text.id)?;
        let same: bool = session.hash.ct_eq(&text.hash).into();
        (same && session.live(now, limits)).then_some(session)
    }

    pub fn get(&self, id: SessionId) -> Option<Arc<Session>> {
        self.0.read().get(&id).cloned()
    }

    pub fn of(&self, person: UserId) -> Vec<Arc<Session>> {
        self.0.read().values().filter(|session| session.person == person).cloned().collect()
    }

    pub fn add(&self, session: Arc<Session>) {
        self.0.write().insert(session.id, session);
    }

    pub fn end(&self, ended: &[SessionId]) {
        let mut all = self.0.write();
        for id in ended {
            all.remove(id);
        }
    }

    pub fn ended(&self, now: i64, limits: SessionLimits) -> Vec<SessionId> {
        self.0.read().values().filter(|session| !session.live(now, limits)).map(|session| session.id).collect()
    }

    /// Those that were used after `since`, with when.
    pub fn seen_after(&self, since: i64) -> Vec<(SessionId, i64)> {
        let all = self.0.read();
        all.values().map(|session| (session.id, session.seen_at())).filter(|(_, at)| *at > since).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: SessionLimits = SessionLimits { idle_ms: 100, longest_ms: 250 };

    fn visitor() -> Visitor {
        Visitor { address: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), agent: "test".to_owned() }
    }

    #[test]
    fn a_session_ends_when_nobody_uses_it_and_at_the_latest_after_its_time() {
        let clock = Clock::manual(1_000);
        let (text, session) = Session::mint(&clock, clock.born(UserId::born), false, &visitor(), LIMITS);
        let text = SessionText::read(text.expose()).unwrap();
        let sessions = Sessions::new([session]);
        let used = sessions.open(&text, 1_099, LIMITS).unwrap();
        assert!(sessions.open(&text, 1_100, LIMITS).is_none(), "idle");
        used.seen.store(1_099, Ordering::Relaxed);
        assert!(sessions.open(&text, 1_198, LIMITS).is_some());
        used.seen.store(1_198, Ordering::Relaxed);
        assert!(sessions.open(&text, 1_249, LIMITS).is_some());
        assert!(sessions.open(&text, 1_250, LIMITS).is_none(), "over");
        assert_eq!(sessions.ended(1_250, LIMITS), [text.id]);
    }

    #[test]
    fn a_session_opens_with_its_own_secret_only() {
        let clock = Clock::manual(1_000);
        let person = clock.born(UserId::born);
        let (one, first) = Session::mint(&clock, person, false, &visitor(), LIMITS);
        let (other, second) = Session::mint(&clock, person, false, &visitor(), LIMITS);
        let (first_id, second_id) = (first.id, second.id);
        let sessions = Sessions::new([first, second]);
        let crossed = format!("{}_{}", &one.expose()[..30], &other.expose()[31..]);
        let crossed = SessionText::read(&crossed).unwrap();
        assert_eq!(crossed.id, first_id);
        assert!(sessions.open(&crossed, 1_000, LIMITS).is_none());
        let text = SessionText::read(other.expose()).unwrap();
        assert_eq!(sessions.open(&text, 1_000, LIMITS).unwrap().id, second_id);
        sessions.end(&[second_id]);
        assert!(sessions.open(&text, 1_000, LIMITS).is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in ".*", tail in "[A-Za-z0-9_-]{0,80}") {
            let _ = SessionText::read(&text);
            let _ = SessionText::read(&format!("lgs_{tail}"));
            let _ = super::super::directory::KeyText::read(&format!("lgk_{tail}"));
            let _ = super::super::link::hash_of(&text);
        }
    }
}
