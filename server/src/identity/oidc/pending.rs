//! Sign-ins that are under way at a provider: what was asked, by which browser, and until when.
//! Never: answered twice, by another browser, or kept without end.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use legator_protocol::SessionId;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::clock::Clock;
use crate::vault::Secret;

/// How long somebody may take at the provider.
pub const LIVES_MS: i64 = 10 * 60_000;
/// Sign-ins under way, of everybody.
const KEPT: usize = 10_000;

/// What a sign-in at a provider is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    SignIn,
    /// Somebody who is signed in connects who they are at the provider.
    Connect(SessionId),
}

/// A sign-in that is under way.
#[derive(Clone, Debug)]
pub struct Pending {
    pub provider: String,
    pub purpose: Purpose,
    pub nonce: String,
    /// The half of PKCE (RFC 7636) that stays here.
    pub verifier: Secret<String>,
    pub redirect_url: String,
    /// Where to go on in the interface.
    pub next: String,
    browser: [u8; 32],
    until: i64,
}

/// Everything that is under way, by the hash of its `state`.
#[derive(Default)]
pub struct Waiting(Mutex<HashMap<[u8; 32], Pending>>);

/// What a new sign-in has to say.
pub struct Wish {
    pub provider: String,
    pub purpose: Purpose,
    pub redirect_url: String,
    pub next: String,
}

/// What goes to the provider, and what stays in the browser.
pub struct Begun {
    pub state: String,
    pub nonce: String,
    pub challenge: String,
    /// For a cookie; the answer has to come from the same browser.
    pub browser: Secret<String>,
}

impl Waiting {
    /// Begins one. A browser that has a cookie already keeps it, so that two tabs do not disturb each other.
    pub fn begin(&self, clock: &Clock, wish: Wish, cookie: Option<&str>) -> Begun {
        let word = || BASE64.encode(clock.secret());
        let (state, nonce, verifier) = (word(), word(), word());
        let browser = cookie.filter(|cookie| is_word(cookie)).map_or_else(word, str::to_owned);
        let challenge = BASE64.encode(Sha256::digest(&verifier));
        let Wish { provider, purpose, redirect_url, next } = wish;
        let now = clock.now();
        let pending = Pending {
            provider,
            purpose,
            nonce: nonce.clone(),
            verifier: Secret::new(verifier),
            redirect_url,
            next,
            browser: Sha256::digest(&browser).into(),
            until: now.saturating_add(LIVES_MS),
        };
        let mut all = self.0.lock();
        if all.len() >= KEPT {
            all.retain(|_, one| one.until > now);
        }
        // Whoever began first has had the longest time.
        if all.len() >= KEPT
            && let Some(first) = all.iter().min_by_key(|(_, one)| one.until).map(|(state, _)| *state)
        {
            all.remove(&first);
        }
        all.insert(Sha256::digest(&state).into(), pending);
        Begun { state, nonce, challenge, browser: Secret::new(browser) }
    }

    /// Takes the sign-in that this is the answer to; there is none the second time. One that another browser began is
    /// gone too: somebody has its `state` who should not.
    pub fn take(&self, state: &str, cookie: Option<&str>, now: i64) -> Option<Pending> {
        let key: [u8; 32] = Sha256::digest(state).into();
        let pending = self.0.lock().remove(&key)?;
        let browser: [u8; 32] = Sha256::digest(cookie?).into();
        let same: bool = browser.ct_eq(&pending.browser).into();
        (same && pending.until > now).then_some(pending)
    }
}

fn is_word(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// An address of this interface to go on at; another one is not followed.
pub fn own_page(next: &str) -> String {
    let plain = next.len() <= 512 && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let own = plain && next.starts_with('/') && !next.starts_with("//") && !next.starts_with("/sign-in");
    if own { next.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish() -> Wish {
        Wish {
            provider: "corp".to_owned(),
            purpose: Purpose::SignIn,
            redirect_url: "https://x/callback".to_owned(),
            next: "/".to_owned(),
        }
    }

    #[test]
    fn an_answer_counts_once_from_the_same_browser_and_in_time() {
        let (clock, waiting) = (Clock::manual(1_000), Waiting::default());
        let begun = waiting.begin(&clock, wish(), None);
        let browser = Some(begun.browser.expose().as_str());
        assert!(waiting.take("other", browser, 1_000).is_none());
        let pending = waiting.take(&begun.state, browser, 1_000).unwrap();
        assert_eq!((pending.nonce, pending.provider.as_str()), (begun.nonce, "corp"));
        assert!(waiting.take(&begun.state, browser, 1_000).is_none(), "used");
        for (cookie, now) in [(None, 1_000), (Some("other"), 1_000), (browser, 1_000 + LIVES_MS)] {
            let begun = waiting.begin(&clock, wish(), browser);
            assert!(waiting.take(&begun.state, cookie, now).is_none());
            assert!(waiting.take(&begun.state, browser, 1_000).is_none(), "gone after a wrong try");
        }
    }

    #[test]
    fn two_tabs_of_one_browser_do_not_disturb_each_other() {
        let (clock, waiting) = (Clock::manual(1_000), Waiting::default());
        let one = waiting.begin(&clock, wish(), None);
        let two = waiting.begin(&clock, wish(), Some(one.browser.expose()));
        assert_eq!(one.browser.expose(), two.browser.expose());
        assert!(one.state != two.state && one.nonce != two.nonce && one.challenge != two.challenge);
        let cookie = Some(one.browser.expose().as_str());
        assert!(waiting.take(&one.state, cookie, 1_000).is_some() && waiting.take(&two.state, cookie, 1_000).is_some());
        for planted in ["", "x", &"a".repeat(1000), &"ü".repeat(43)] {
            assert_ne!(waiting.begin(&clock, wish(), Some(planted)).browser.expose(), planted);
        }
    }

    #[test]
    fn what_waits_is_bounded() {
        let (clock, waiting) = (Clock::manual(1_000), Waiting::default());
        for _ in 0..KEPT + 50 {
            waiting.begin(&clock, wish(), None);
        }
        assert_eq!(waiting.0.lock().len(), KEPT);
    }

    #[test]
    fn goes_on_at_pages_of_this_interface_only() {
        for good in ["/", "/fleet?q=a%20b", "/approvals/apr_1"] {
            assert_eq!(own_page(good), good);
        }
        for bad in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "evil", "/a b", "/\n", "/sign-in?x"]
        {
            assert_eq!(own_page(bad), "/", "{bad}");
        }
    }
}
