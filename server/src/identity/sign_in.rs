//! Signing in and out, and the sessions that come of it.
//! Never: tells an unknown name from a wrong password, by words or by time; a session id that was there before.

use std::sync::Arc;

use legator_protocol::{SessionId, UserId};

use super::directory::{Credentials, Directory, Totp};
use super::passkey::proof::{Place, Proof};
use super::session::SessionText;
use super::throttle::Wait;
use super::{
    Caller, Credential, Identity, IdentityFault, Kind, Person, Session, Visitor, name, oidc, passkey, store, totp,
};
use crate::audit::Draft;
use crate::vault::Secret;

/// Sessions that one person may have open; the one that was used longest ago makes room.
const MOST_SESSIONS: usize = 50;

/// What somebody comes with.
pub struct Attempt {
    pub name: String,
    pub password: Secret<String>,
    pub factor: Option<Factor>,
    pub from: Visitor,
    /// The cookie of a session that this browser had; it ends.
    pub old: Option<String>,
}

/// A second factor that somebody shows.
pub enum Factor {
    /// Digits of the authenticator app, or a recovery code.
    Code(Secret<String>),
    /// A passkey, and where it was shown.
    Passkey(Box<Proof>, Place),
}

/// A session that begins, with the text for its cookie.
pub struct Opened {
    pub person: Arc<Person>,
    pub session: Arc<Session>,
    pub text: Secret<String>,
}

/// What a right second factor uses up.
pub(super) enum Used {
    Step(i64),
    Code([u8; 32]),
    Passkey { id: Vec<u8>, counter: u32 },
}

impl Used {
    /// What is kept once it was used.
    pub(super) fn after(&self, mut credentials: Credentials, at: i64) -> Credentials {
        match self {
            Self::Step(step) => credentials.totp = credentials.totp.map(|totp| Totp { step: *step, ..totp }),
            Self::Passkey { id, counter } => {
                for passkey in credentials.passkeys.iter_mut().filter(|passkey| passkey.id == *id) {
                    (passkey.counter, passkey.last_used_at) = (*counter, Some(at));
                }
            }
            Self::Code(_) => {}
        }
        credentials
    }

    const fn code(&self) -> Option<[u8; 32]> {
        match self {
            Self::Code(hash) => Some(*hash),
            Self::Step(_) | Self::Passkey { .. } => None,
        }
    }
}

impl Identity {
    /// Lets somebody in by name, password and, where there is one, second factor.
    pub async fn sign_in(&self, attempt: Attempt) -> Result<Opened, IdentityFault> {
        let Attempt { name, password, factor, from, old } = attempt;
        let folded = name::folded(&name);
        self.charge(&folded, &from).await?;
        let directory = self.0.directory.load_full();
        let person = directory.named(&folded).cloned();
        let credentials = person.as_ref().and_then(|person| directory.credentials(person.id)).cloned();
        let kept = credentials.as_ref().and_then(|it| it.password.clone());
        let right = self.0.mill.verify(password, kept).await.map_err(|_| IdentityFault::Throttled { seconds: 1 })?;
        let (Some(person), Some(credentials)) = (person.as_ref(), credentials.as_ref()) else {
            let why = if person.is_some() { "no password" } else { "unknown" };
            return Err(self.refuse(person.as_deref(), &from, why).await);
        };
        if !right || person.disabled || person.kind != Kind::User {
            let why = if right { "disabled" } else { "password" };
            return Err(self.refuse(Some(person), &from, why).await);
        }
        let used = match (credentials.has_second_factor(), factor) {
            (false, _) => None,
            (true, None) => {
                self.0.throttle.give_back(&folded, from.address);
                return Err(IdentityFault::SecondFactorNeeded);
            }
            (true, Some(factor)) => match self.prove(person.id, credentials, &factor)? {
                Ok(used) => Some(used),
                Err(why) => return Err(self.refuse(Some(person), &from, why).await),
            },
        };
        let by = match used {
            None => "password",
            Some(Used::Step(_)) => "password and app",
            Some(Used::Code(_)) => "password and recovery code",
            Some(Used::Passkey { .. }) => "password and passkey",
        };
        let opened = self.open_session(person.id, credentials, used, by, &from, old.as_deref()).await;
        match opened {
            Ok(opened) => {
                self.0.throttle.forgive(&folded, from.address);
                Ok(opened)
            }
            Err(IdentityFault::SignInRefused) => Err(self.refuse(Some(person), &from, "code").await),
            Err(fault) => Err(fault),
        }
    }

    /// Counts a try, and refuses where there were too many.
    pub(super) async fn charge(&self, folded: &str, from: &Visitor) -> Result<(), IdentityFault> {
        let Err(Wait { seconds, begins }) = self.0.throttle.charge(folded, from.address, self.0.clock.now()) else {
            return Ok(());
        };
        // Once for each wait, so that nobody fills the log by trying.
        if begins {
            let known = self.0.directory.load().named(folded).cloned();
            self.note_refusal(known.as_deref(), from, "throttled").await?;
        }
        Err(IdentityFault::Throttled { seconds })
    }

    /// The refusal that everybody gets, whatever the reason, with the reason in the log.
    pub(super) async fn refuse(&self, person: Option<&Person>, from: &Visitor, why: &'static str) -> IdentityFault {
        match self.note_refusal(person, from, why).await {
            Ok(()) => IdentityFault::SignInRefused,
            Err(fault) => fault,
        }
    }

    async fn note_refusal(&self, person: Option<&Person>, from: &Visitor, why: &str) -> Result<(), IdentityFault> {
        // What a stranger typed is not written down: it may be a password in the wrong field.
        let (actor, subject) = match person {
            Some(person) => (person.name.clone(), person.id.to_string()),
            None if !self.0.strangers.lets_through(self.0.clock.now()) => return Ok(()),
            None => ("stranger".to_owned(), "stranger".to_owned()),
        };
        let body = serde_json::json!({ "why": why, "address": from.address.to_string(), "agent": from.agent });
        let home = person.map(Person::home).unwrap_or_default();
        let draft = Draft::new("session.refused", actor, subject).tenant(&home).body(body);
        self.0.ledger.append(self.0.clock.now(), draft).await?;
        Ok(())
    }

    /// Shows a second factor for a session that came without one, which goes on under another id.
    pub async fn step_up(&self, caller: &Caller, factor: Factor, from: &Visitor) -> Result<Opened, IdentityFault> {
        self.by_session(caller)?;
        let folded = name::folded(&caller.person.name);
        self.charge(&folded, from).await?;
        let changing = self.0.changing.lock().await;
        let (directory, looked_at) = (self.0.directory.load_full(), self.credentials_of(caller));
        if !looked_at.has_second_factor() {
            self.0.throttle.give_back(&folded, from.address);
            return Err(IdentityFault::Conflict("there is no second factor; add one first".to_owned()));
        }
        let used = match self.prove(caller.person.id, &looked_at, &factor)? {
            Ok(used) => used,
            Err(why) => {
                drop(changing);
                return Err(self.refuse(Some(&caller.person), from, why).await);
            }
        };
        let credentials = used.after(Credentials::clone(&looked_at), self.0.clock.now());
        let (kind, uses) = ("session.raised", used.code());
        let change = Change { kind, from, ends_others: false, mfa: Some(true), codes: None, uses };
        match self.change_credentials(caller, &directory, credentials, change).await {
            Ok(opened) => {
                self.0.throttle.forgive(&folded, from.address);
                Ok(opened)
            }
            Err(IdentityFault::SignInRefused) => {
                drop(changing);
                Err(self.refuse(Some(&caller.person), from, "code").await)
            }
            Err(fault) => Err(fault),
        }
    }

    /// What a second factor uses up, or why it is not right.
    fn prove(
        &self,
        person: UserId,
        credentials: &Arc<Credentials>,
        factor: &Factor,
    ) -> Result<Result<Used, &'static str>, IdentityFault> {
        let code = match factor {
            Factor::Code(code) => code,
            Factor::Passkey(proof, place) => {
                let shown = self.prove_passkey(credentials, proof, place);
                return Ok(shown.map(|(used, _)| used).map_err(passkey::why));
            }
        };
        let step = match credentials.app() {
            None => None,
            Some(app) => {
                let secret = self.unseal_totp(person, app)?;
                totp::step_of(&secret, code.expose(), self.0.clock.now(), app.step)
            }
        };
        let used = step.map(Used::Step).or_else(|| totp::recovery_hash(code.expose()).map(Used::Code));
        Ok(used.ok_or("code"))
    }

    pub(super) fn unseal_totp(
        &self,
        person: UserId,
        factor: &Totp,
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, IdentityFault> {
        Ok(self.0.vault.unseal(&format!("totp {person}"), &factor.sealed)?)
    }

    pub(super) async fn open_session(
        &self,
        id: UserId,
        looked_at: &Arc<Credentials>,
        used: Option<Used>,
        by: &'static str,
        from: &Visitor,
        old: Option<&str>,
    ) -> Result<Opened, IdentityFault> {
        let _changing = self.0.changing.lock().await;
        let directory = self.0.directory.load_full();
        let person = directory.people.get(&id).filter(|person| !person.disabled).ok_or(IdentityFault::SignInRefused)?;
        // What was changed while the password was looked at would be right no longer.
        if !directory.credentials(id).is_some_and(|now| Arc::ptr_eq(now, looked_at)) {
            return Err(IdentityFault::SignInRefused);
        }
        let at = self.0.clock.now();
        let mut next = directory.with_person(Arc::new(Person { last_sign_in_at: Some(at), ..Person::clone(person) }));
        let mut credentials = Credentials::clone(looked_at);
        if let Some(used) = &used {
            credentials = used.after(credentials, at);
            next = next.with_credentials(id, credentials.clone());
        }
        let code = used.as_ref().and_then(Used::code);
        let mfa = used.is_some();
        let (text, session) = Session::mint(&self.0.clock, id, mfa, from, self.0.limits);
        let session = Arc::new(session);
        let mut ended = self.too_many(id);
        ended.extend(old.and_then(|old| self.session_of_cookie(old)).map(|session| session.id));
        let draft = Draft::new("session.opened", person.name.clone(), session.id.to_string()).tenant(&person.home());
        let draft = draft.body(serde_json::json!({
            "person": id, "by": by, "mfa": mfa, "address": session.address, "agent": session.agent,
        }));
        let (row, person, gone) = (Arc::clone(&session), next.people.get(&id).cloned(), ended.clone());
        let after = person.clone();
        self.0
            .ledger
            .attempt(at, move |batch| {
                Box::pin(async move {
                    let connection = batch.connection().await?;
                    if let Some(hash) = code
                        && !store::use_recovery_code(connection, id, hash, at).await?
                    {
                        return Err(IdentityFault::SignInRefused);
                    }
                    store::put_credentials(connection, id, &credentials, at).await?;
                    if let Some(person) = &after {
                        store::update_person(connection, person).await?;
                    }
                    store::end_sessions(connection, &gone).await?;
                    store::insert_session(connection, &row).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.directory.store(Arc::new(next));
        self.0.sessions.end(&ended);
        self.0.sessions.add(Arc::clone(&session));
        let person = person.ok_or(IdentityFault::SignInRefused)?;
        Ok(Opened { person, session, text })
    }

    /// Another session in place of the caller's, after a change of what it may do; `others` says whether the person's
    /// other sessions end. `change` is what stands in the log, and `credentials` what is kept from now on.
    pub(super) async fn change_credentials(
        &self,
        caller: &Caller,
        directory: &Directory,
        credentials: Credentials,
        change: Change<'_>,
    ) -> Result<Opened, IdentityFault> {
        let Credential::Session(own) = caller.by else { return Err(IdentityFault::SessionOnly) };
        let old = self.0.sessions.get(own).ok_or(IdentityFault::SessionOnly)?;
        let (id, at) = (caller.person.id, self.0.clock.now());
        let mfa = change.mfa.unwrap_or(old.mfa);
        let (text, mut session) = Session::mint(&self.0.clock, id, mfa, change.from, self.0.limits);
        // A new id is no new lease.
        session.expires_at = old.expires_at;
        let session = Arc::new(session);
        // Who came by a provider still did.
        let came = self.came_along(own, session.id).await?;
        let ended = if change.ends_others { self.sessions_of(id) } else { vec![own] };
        let draft = Draft::new(change.kind, caller.person.name.clone(), id.to_string()).tenant(&caller.person.home());
        let draft = draft.body(serde_json::json!({
            "session": session.id, "instead_of": own, "address": session.address, "sessions_ended": ended.len(),
        }));
        let next = directory.with_credentials(id, credentials.clone());
        let (row, gone, codes, uses) = (Arc::clone(&session), ended.clone(), change.codes, change.uses);
        self.0
            .ledger
            .attempt(at, move |batch| {
                Box::pin(async move {
                    let connection = batch.connection().await?;
                    if let Some(hash) = uses
                        && !store::use_recovery_code(connection, id, hash, at).await?
                    {
                        return Err(IdentityFault::SignInRefused);
                    }
                    store::put_credentials(connection, id, &credentials, at).await?;
                    if let Some(codes) = codes {
                        store::put_recovery_codes(connection, id, &codes).await?;
                    }
                    store::end_sessions(connection, &gone).await?;
                    store::insert_session(connection, &row).await?;
                    if let Some(came) = &came {
                        oidc::store::put_session(connection, row.id, came).await?;
                    }
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.directory.store(Arc::new(next));
        self.0.sessions.end(&ended);
        self.0.sessions.add(Arc::clone(&session));
        Ok(Opened { person: Arc::clone(&caller.person), session, text })
    }

    /// The live session that a cookie is for.
    pub fn session_of_cookie(&self, cookie: &str) -> Option<Arc<Session>> {
        self.0.sessions.open(&SessionText::read(cookie)?, self.0.clock.now(), self.0.limits)
    }

    /// The session that a caller came with, if they came with one, and when it ends.
    pub fn session(&self, caller: &Caller) -> Option<(Arc<Session>, i64)> {
        let Credential::Session(id) = caller.by else { return None };
        let session = self.0.sessions.get(id)?;
        let ends_at = session.ends_at(self.0.limits);
        Some((session, ends_at))
    }

    /// The caller's own sessions, with when each ends.
    pub fn sessions(&self, caller: &Caller) -> Vec<(Arc<Session>, i64)> {
        let now = self.0.clock.now();
        let live = self.0.sessions.of(caller.person.id).into_iter().filter(|it| it.live(now, self.0.limits));
        live.map(|session| (Arc::clone(&session), session.ends_at(self.0.limits))).collect()
    }

    /// Ends one of the caller's own sessions; another person's is as unknown as none.
    pub async fn end_session(&self, caller: &Caller, id: SessionId) -> Result<(), IdentityFault> {
        let session = self.0.sessions.get(id).filter(|session| session.person == caller.person.id);
        let session = session.ok_or_else(|| IdentityFault::NoSession(id.to_string()))?;
        self.end(&caller.person.name, session.person, vec![session.id]).await
    }

    /// Ends every session of the caller's but the one that they come with.
    pub async fn end_other_sessions(&self, caller: &Caller) -> Result<usize, IdentityFault> {
        let mut others = self.sessions_of(caller.person.id);
        others.retain(|id| caller.by != Credential::Session(*id));
        let n_ended = others.len();
        if n_ended > 0 {
            self.end(&caller.person.name, caller.person.id, others).await?;
        }
        Ok(n_ended)
    }

    /// Signs out: the session of this cookie ends, if there is one.
    pub async fn sign_out(&self, cookie: &str) -> Result<(), IdentityFault> {
        let Some(session) = self.session_of_cookie(cookie) else { return Ok(()) };
        let name = self.0.directory.load().people.get(&session.person).map(|person| person.name.clone());
        self.end(&name.unwrap_or_default(), session.person, vec![session.id]).await
    }

    async fn end(&self, actor: &str, person: UserId, ended: Vec<SessionId>) -> Result<(), IdentityFault> {
        let draft = Draft::new("session.ended", actor, person.to_string())
            .tenant(&self.0.directory.load().home(person))
            .body(serde_json::json!({ "sessions": ended }));
        let gone = ended.clone();
        self.0
            .ledger
            .write(self.0.clock.now(), move |batch| {
                Box::pin(async move {
                    store::end_sessions(batch.connection().await?, &gone).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.sessions.end(&ended);
        Ok(())
    }

    pub(super) fn sessions_of(&self, person: UserId) -> Vec<SessionId> {
        self.0.sessions.of(person).iter().map(|session| session.id).collect()
    }

    pub(super) fn too_many(&self, person: UserId) -> Vec<SessionId> {
        let mut all = self.0.sessions.of(person);
        all.sort_by_key(|session| std::cmp::Reverse(session.seen_at()));
        all.iter().skip(MOST_SESSIONS - 1).map(|session| session.id).collect()
    }
}

/// A change of what somebody signs in with.
pub(super) struct Change<'c> {
    pub kind: &'static str,
    pub from: &'c Visitor,
    pub ends_others: bool,
    /// What the session's second factor is from now on, where that changes.
    pub mfa: Option<bool>,
    /// Recovery codes in place of those that there were.
    pub codes: Option<Vec<[u8; 32]>>,
    /// A recovery code that it uses up.
    pub uses: Option<[u8; 32]>,
}
