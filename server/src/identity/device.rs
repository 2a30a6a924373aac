//! Signing in a program that has no browser (after RFC 8628): it shows a code, and somebody who is signed in agrees.
//! Never: a code that agrees by being opened, or that counts twice.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use legator_protocol::{SessionId, UserId};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::{Caller, Credential, Identity, IdentityFault, Opened, Session, Visitor, store};
use crate::audit::Draft;
use crate::vault::Secret;

pub const LIVES_MS: i64 = 10 * 60_000;
/// How often a program may ask.
pub const INTERVAL_MS: i64 = 2_000;
const KEPT: usize = 1_000;
const LONGEST_CLIENT: usize = 100;
/// Without vowels, so that it spells nothing, and without letters that are read as others.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Programs that wait, by the hash of the code that only they know.
#[derive(Default)]
pub(super) struct Devices(Mutex<HashMap<[u8; 32], Asked>>);

/// A program that asks to be signed in.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What it says it is.
    pub client: String,
    pub from: Visitor,
    pub asked_at: i64,
    user_code: String,
    polled_at: i64,
    answer: Option<Agreed>,
}

#[derive(Clone, Copy, Debug)]
enum Agreed {
    No,
    Yes { person: UserId, session: SessionId },
}

/// What a program shows, and what it keeps to itself.
pub struct Begun {
    pub device_code: Secret<String>,
    pub user_code: String,
}

impl Identity {
    /// Begins: gives a code to show and one to ask with.
    pub fn begin_device(&self, client: &str, from: Visitor) -> Begun {
        let now = self.0.clock.now();
        let (device_code, chance) = (BASE64.encode(self.0.clock.secret()), self.0.clock.secret());
        let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]);
        let user_code: String = chance.iter().take(8).map(letter).collect();
        let client = client.chars().filter(|c| !c.is_control()).take(LONGEST_CLIENT).collect();
        let mut all = self.0.devices.0.lock();
        all.retain(|_, asked| asked.asked_at + LIVES_MS > now);
        if all.len() >= KEPT
            && let Some(first) = all.iter().min_by_key(|(_, asked)| asked.asked_at).map(|(key, _)| *key)
        {
            all.remove(&first);
        }
        let asked =
            Asked { client, from, asked_at: now, user_code: user_code.clone(), polled_at: i64::MIN, answer: None };
        all.insert(Sha256::digest(&device_code).into(), asked);
        Begun { device_code: Secret::new(device_code), user_code: format!("{}-{}", &user_code[..4], &user_code[4..]) }
    }

    /// What waits under a code that somebody reads off a screen.
    pub async fn device(&self, caller: &Caller, user_code: &str, from: &Visitor) -> Result<Asked, IdentityFault> {
        self.by_session(caller)?;
        // Codes are short, so guesses are counted like those of passwords.
        self.charge("", from).await?;
        let (wanted, now) = (plain(user_code), self.0.clock.now());
        let all = self.0.devices.0.lock();
        let found = all.values().find(|asked| asked.user_code == wanted && asked.waits(now)).cloned();
        if found.is_some() {
            self.0.throttle.give_back("", from.address);
        }
        found.ok_or(IdentityFault::BadLink)
    }

    /// Agrees that the program is signed in as the caller, or says no.
    pub async fn answer_device(
        &self,
        caller: &Caller,
        user_code: &str,
        agrees: bool,
        from: &Visitor,
    ) -> Result<(), IdentityFault> {
        let asked = self.device(caller, user_code, from).await?;
        let Credential::Session(session) = caller.by else { return Err(IdentityFault::SessionOnly) };
        let kind = if agrees { "device.approved" } else { "device.denied" };
        let draft = Draft::new(kind, caller.person.name.clone(), caller.person.id.to_string());
        let draft = draft.tenant(&caller.person.home()).body(
            serde_json::json!({ "client": asked.client, "address": asked.from.address.to_string(), "session": session }),
        );
        self.0.ledger.append(self.0.clock.now(), draft).await?;
        let now = self.0.clock.now();
        let mut all = self.0.devices.0.lock();
        let waits = all.values_mut().find(|one| one.user_code == asked.user_code && one.waits(now));
        let waits = waits.ok_or(IdentityFault::BadLink)?;
        let person = caller.person.id;
        waits.answer = Some(if agrees { Agreed::Yes { person, session } } else { Agreed::No });
        Ok(())
    }

    /// What a program is told that asks whether somebody agreed: nothing yet, or its session, once.
    pub async fn ask_device(&self, device_code: &str, from: &Visitor) -> Result<Option<Opened>, IdentityFault> {
        let (key, now): ([u8; 32], i64) = (Sha256::digest(device_code).into(), self.0.clock.now());
        let answer = {
            let mut all = self.0.devices.0.lock();
            let asked = all.get_mut(&key).filter(|asked| asked.asked_at + LIVES_MS > now);
            let asked = asked.ok_or(IdentityFault::BadLink)?;
            let too_soon = now.saturating_sub(asked.polled_at) < INTERVAL_MS;
            asked.polled_at = now;
            match asked.answer {
                None if too_soon => return Err(IdentityFault::Throttled { seconds: 5 }),
                None => return Ok(None),
                Some(answer) => {
                    all.remove(&key);
                    answer
                }
            }
        };
        match answer {
            Agreed::No => Err(self.refuse(None, from, "device denied").await),
            Agreed::Yes { person, session } => self.open_device_session(person, session, from).await.map(Some),
        }
    }

    /// A session with the second factor of the one that agreed, if that is still there.
    async fn open_device_session(
        &self,
        person: UserId,
        by: SessionId,
        from: &Visitor,
    ) -> Result<Opened, IdentityFault> {
        let _changing = self.0.changing.lock().await;
        let (directory, at) = (self.0.directory.load_full(), self.0.clock.now());
        let person = directory.people.get(&person).filter(|person| !person.disabled).cloned();
        let agreed = self.0.sessions.get(by).filter(|session| session.live(at, self.0.limits));
        let (Some(person), Some(agreed)) = (person, agreed) else {
            return Err(self.refuse(None, from, "device: who agreed is gone").await);
        };
        let (text, session) = Session::mint(&self.0.clock, person.id, agreed.mfa, from, self.0.limits);
        let session = Arc::new(session);
        // What a provider ends of the session that agreed, it ends of this one.
        let came = self.came_along(by, session.id).await?;
        let ended = self.too_many(person.id);
        let draft = Draft::new("session.opened", person.name.clone(), session.id.to_string()).tenant(&person.home());
        let draft = draft.body(serde_json::json!({
            "person": person.id, "by": "device", "agreed": by, "mfa": session.mfa,
            "address": session.address, "agent": session.agent,
        }));
        let (row, gone) = (Arc::clone(&session), ended.clone());
        self.0
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    let connection = batch.connection().await?;
                    store::end_sessions(connection, &gone).await?;
                    store::insert_session(connection, &row).await?;
                    if let Some(came) = &came {
                        super::oidc::store::put_session(connection, row.id, came).await?;
                    }
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.sessions.end(&ended);
        self.0.sessions.add(Arc::clone(&session));
        Ok(Opened { person, session, text })
    }
}

impl Asked {
    fn waits(&self, now: i64) -> bool {
        self.answer.is_none() && self.asked_at + LIVES_MS > now
    }
}

/// A code however it is typed.
pub(super) fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphabetic).take(16).map(|c| c.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        for typed in ["BCDF-GHJK", "bcdfghjk", " bcdf ghjk "] {
            assert_eq!(plain(typed), "BCDFGHJK");
        }
        assert_eq!(plain(&"b".repeat(1_000_000)).len(), 16);
    }
}
