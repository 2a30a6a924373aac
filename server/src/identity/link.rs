//! One-time links: the first administrator's, an invitation, a new password for somebody who lost theirs.
//! Never: a link that works twice, or whose text is kept anywhere but in the setup file.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use legator_protocol::UserId;
use sha2::{Digest as _, Sha256};

use crate::clock::Clock;
use crate::vault::Secret;

/// How long an invitation waits.
pub(super) const INVITED_MS: i64 = 3 * 24 * 60 * 60 * 1000;
/// How long a reset waits.
pub(super) const RESET_MS: i64 = 24 * 60 * 60 * 1000;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Makes the first administrator.
    Setup,
    /// Lets somebody new choose a password.
    Invite,
    /// Lets somebody choose another password.
    Reset,
    /// The same for an administrator, made on the host.
    Recover,
}

impl Purpose {
    pub const ALL: [Self; 4] = [Self::Setup, Self::Invite, Self::Reset, Self::Recover];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Invite => "invite",
            Self::Reset => "reset",
            Self::Recover => "recover",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// A link, without its text.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub hash: [u8; 32],
    pub purpose: Purpose,
    pub person: Option<UserId>,
    pub created_at: i64,
    pub expires_at: Option<i64>,
}

impl Link {
    pub fn live(&self, now: i64) -> bool {
        self.expires_at.is_none_or(|at| at > now)
    }

    pub fn mint(
        clock: &Clock,
        purpose: Purpose,
        person: Option<UserId>,
        lives_ms: Option<i64>,
    ) -> (Secret<String>, Self) {
        let (secret, now) = (clock.secret(), clock.now());
        let text = format!("lgl_{}", BASE64.encode(secret));
        let hash = Sha256::digest(secret).into();
        let expires_at = lives_ms.map(|ms| now.saturating_add(ms));
        (Secret::new(text), Self { hash, purpose, person, created_at: now, expires_at })
    }
}

/// The hash that a link is looked up by; 256 bits of chance leave nothing to guess.
pub(super) fn hash_of(text: &str) -> Option<[u8; 32]> {
    let secret: [u8; 32] = BASE64.decode(text.trim().strip_prefix("lgl_")?).ok()?.try_into().ok()?;
    Some(Sha256::digest(secret).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_found_by_its_text_until_it_expires() {
        let clock = Clock::manual(1_000);
        let (text, link) = Link::mint(&clock, Purpose::Invite, None, Some(10));
        assert_eq!(hash_of(text.expose()), Some(link.hash));
        assert!(link.live(1_009) && !link.live(1_010));
        for bad in ["", "lgl_", "lgl_short", "lgk_x", "\u{202e}"] {
            assert_eq!(hash_of(bad), None);
        }
        assert!(Purpose::ALL.into_iter().all(|purpose| Purpose::read(purpose.as_str()) == Some(purpose)));
    }
}
