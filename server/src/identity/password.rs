//! Passwords: which are taken, and their slow hashes.
//! Never: more hashing at once than the machine can bear; a hash of an unknown person is as slow as that of a known one.

use std::sync::Arc;
use std::sync::LazyLock;

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;

use super::name;
use crate::vault::Secret;

const SHORTEST: usize = 12;
const LONGEST: usize = 256;
/// Each hash takes 19 MiB and a whole core.
const AT_ONCE: usize = 2;
/// Who comes after these is asked to come again.
const WAITING: usize = 32;

/// Bounds how many passwords are hashed at once, and how many wait for it.
pub(super) struct Mill {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// Too many people are signing in at this moment.
#[derive(Debug)]
pub(super) struct Busy;

impl Default for Mill {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), places: Arc::new(Semaphore::new(AT_ONCE + WAITING)) }
    }
}

impl Mill {
    /// Runs slow work on a thread of its own, when it is its turn.
    async fn grind<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            // Held until the work ends, also where whoever asked has gone away.
            drop((turn, place));
            done
        });
        done.await.map_err(|_| Busy)
    }

    /// The PHC string to keep.
    pub async fn hash(&self, password: Secret<String>, salt: [u8; 16]) -> Result<Option<String>, Busy> {
        self.grind(move || hash(&password, &salt)).await
    }

    /// Whether the password is the one of `kept`. Without one it takes as long, and is never right.
    pub async fn verify(&self, password: Secret<String>, kept: Option<Secret<String>>) -> Result<bool, Busy> {
        let known = kept.is_some();
        let right = self.grind(move || match &kept {
            Some(kept) => verify(&password, kept.expose()),
            None => verify(&password, &NOBODY),
        });
        Ok(right.await? && known)
    }
}

/// The hash of a password that nobody has, with the costs of those that people have.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| hash(&Secret::new("nobody's password".to_owned()), &[0; 16]).unwrap_or_default());

/// Argon2id with the library's costs: 19 MiB, two passes, one lane.
fn hash(password: &Secret<String>, salt: &[u8; 16]) -> Option<String> {
    let hashed = Argon2::default().hash_password_with_salt(spelled(password).as_bytes(), salt);
    hashed.ok().map(|hashed| hashed.to_string())
}

fn verify(password: &Secret<String>, kept: &str) -> bool {
    Argon2::default().verify_password(spelled(password).as_bytes(), kept).is_ok()
}

/// Keyboards differ in how they compose a letter; the password is the same.
fn spelled(password: &Secret<String>) -> zeroize::Zeroizing<String> {
    zeroize::Zeroizing::new(password.expose().nfkc().collect())
}

/// Whether a password may be taken: long enough, and not what anybody tries first. No rules on its letters.
pub(super) fn check(password: &Secret<String>, name: &str) -> Result<(), String> {
    let text = password.expose();
    if text.len() > LONGEST {
        return Err(format!("a password has at most {LONGEST} bytes"));
    }
    if text.chars().count() < SHORTEST {
        return Err(format!("a password has at least {SHORTEST} characters; a few words in a row are good ones"));
    }
    let small = name::folded(text);
    let name = name::folded(name);
    if name.chars().count() >= 3 && small.replace(&name, "").chars().count() < SHORTEST / 2 {
        return Err("this password is little more than the name".to_owned());
    }
    let distinct: std::collections::BTreeSet<char> = small.chars().collect();
    let steps = |by: i32| small.chars().zip(small.chars().skip(1)).all(|(a, b)| b as i32 - a as i32 == by);
    let rest = EASY.iter().fold(small.clone(), |rest, easy| rest.replace(easy, ""));
    if distinct.len() < 5 || steps(1) || steps(-1) || rest.chars().count() < SHORTEST / 2 {
        return Err("this password is among the first that anybody would try".to_owned());
    }
    Ok(())
}

/// What long passwords are made of by people who do not want one.
const EASY: &[&str] =
    &["password", "passwort", "qwerty", "1234567890", "12345678", "123456", "letmein", "welcome", "legator", "admin"];

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_right_or_wrong_and_nobodys_is_never_right() {
        let mill = Mill::default();
        let kept = mill.hash(secret("correct horse battery"), [7; 16]).await.unwrap().unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(mill.verify(secret("correct horse battery"), Some(secret(&kept))).await.unwrap());
        assert!(!mill.verify(secret("correct horse batterz"), Some(secret(&kept))).await.unwrap());
        assert!(!mill.verify(secret("nobody's password"), None).await.unwrap());
        // What is compared for a name that is nobody's costs what everybody's does.
        assert!(NOBODY.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", *NOBODY);
        let took = |kept: Option<&str>| {
            let kept = kept.map(secret);
            let mill = &mill;
            async move {
                let begun = std::time::Instant::now();
                mill.verify(secret("wrong horse battery"), kept).await.unwrap();
                begun.elapsed()
            }
        };
        let mut quickest = [std::time::Duration::MAX; 2];
        for _ in 0..3 {
            quickest[0] = quickest[0].min(took(None).await);
            quickest[1] = quickest[1].min(took(Some(&kept)).await);
        }
        assert!(quickest[0] * 2 > quickest[1], "nobody's takes {:?}, somebody's {:?}", quickest[0], quickest[1]);
        assert!(!mill.verify(secret("x"), Some(secret("$argon2id$broken"))).await.unwrap());
    }

    #[tokio::test]
    async fn the_same_letters_from_another_keyboard_are_the_same_password() {
        let mill = Mill::default();
        let kept = mill.hash(secret("sommerfläche am see"), [7; 16]).await.unwrap().unwrap();
        assert!(mill.verify(secret("sommerfla\u{308}che am see"), Some(secret(&kept))).await.unwrap());
    }

    #[tokio::test]
    async fn who_comes_to_a_full_mill_is_sent_away() {
        let mill = Mill::default();
        let _all = mill.places.acquire_many(34).await.unwrap();
        assert!(mill.hash(secret("correct horse battery"), [7; 16]).await.is_err());
    }

    #[test]
    fn takes_long_passwords_and_refuses_what_is_tried_first() {
        assert_eq!(check(&secret("correct horse battery"), "ana"), Ok(()));
        assert_eq!(check(&secret("ein Satz über Züge"), "ana"), Ok(()));
        let long = "x".repeat(257);
        for bad in [
            "",
            "short",
            "aaaaaaaaaaaaaaaa",
            "anastasia123",
            "password12345",
            "abcdefghijklmnop",
            "adminadmin123",
            &long,
        ] {
            assert!(check(&secret(bad), "anastasia").is_err(), "{bad}");
        }
    }
}
