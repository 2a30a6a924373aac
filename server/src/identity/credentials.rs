//! What people sign in with: passwords, one-time links to choose them, second factors and recovery codes.
//! Never: a password that somebody else chose; a second factor that was not shown to work.

use std::sync::Arc;

use legator_protocol::UserId;

use super::directory::{Credentials, Totp};
use super::link::{self, Link, Purpose};
use super::people::NewPerson;
use super::sign_in::{Attempt, Change};
use super::{Caller, Credential, Identity, IdentityFault, Kind, Opened, Visitor, name, password, store, totp};
use crate::audit::Draft;
use crate::tenant::Tenant;
use crate::vault::{Secret, write_private};

/// Who may choose a password by a link.
pub struct Chosen {
    pub link: String,
    /// The first administrator's name; everybody else has one already.
    pub name: Option<String>,
    pub password: Secret<String>,
    pub from: Visitor,
}

/// A second factor that waits to be confirmed.
pub struct Begun {
    pub secret: Secret<String>,
    pub uri: Secret<String>,
}

impl Identity {
    /// Whether nobody can sign in with a password yet.
    pub fn needs_setup(&self) -> bool {
        let directory = self.0.directory.load();
        !directory
            .credentials
            .iter()
            .any(|(id, it)| it.password.is_some() && directory.people.get(id).is_some_and(|person| !person.disabled))
    }

    /// The first administrator's link, for as long as nobody has a password. It stands in a file of the data folder,
    /// so that a restart shows the same one.
    pub async fn setup_link(&self) -> Result<Option<Secret<String>>, IdentityFault> {
        let path = &self.0.setup_file;
        if !self.needs_setup() {
            // Whoever has a password needs no link, so an old file is only something to be found.
            let _ = std::fs::remove_file(path);
            return Ok(None);
        }
        if let Ok(kept) = std::fs::read_to_string(path)
            && let Some(hash) = link::hash_of(&kept)
            && store::link(&self.0.db, hash).await?.is_some_and(|link| link.purpose == Purpose::Setup)
        {
            return Ok(Some(Secret::new(kept.trim().to_owned())));
        }
        let (text, link) = Link::mint(&self.0.clock, Purpose::Setup, None, None);
        self.0
            .ledger
            .write(self.0.clock.now(), move |batch| {
                Box::pin(async move {
                    let connection = batch.connection().await?;
                    store::drop_links(connection, None).await?;
                    store::insert_link(connection, &link).await?;
                    batch.entry(Draft::new("link.made", "setup", "setup"))?;
                    Ok(())
                })
            })
            .await?;
        write_private(path, text.expose().as_bytes()).map_err(|source| crate::vault::VaultFault::Unreadable {
            what: "write",
            path: path.clone(),
            source,
        })?;
        Ok(Some(text))
    }

    /// A link for an administrator who is locked out. Whoever can run this owns the data folder already.
    pub async fn recover(&self, name: &str) -> Result<Secret<String>, IdentityFault> {
        let directory = self.0.directory.load_full();
        let person = match directory.find(name) {
            Some(person) => person,
            None => self.admit("recover", NewPerson::user(name, Default::default())).await?,
        };
        if person.kind != Kind::User {
            return Err(IdentityFault::Invalid(format!("`{name}` is a machine account; recover a person")));
        }
        let mut after = super::Person::clone(&person);
        after.roles.insert("administrator".to_owned());
        after.disabled = false;
        if !after.reach.has(&Tenant::default()) {
            after.grants.insert(format!("tenant:{}", Tenant::default().as_str()));
        }
        let (id, at) = (person.id, self.0.clock.now());
        let (text, link) = Link::mint(&self.0.clock, Purpose::Recover, Some(id), Some(link::RESET_MS));
        let draft = Draft::new("person.recovered", "recover", id.to_string())
            .body(serde_json::json!({ "name": after.name, "roles": after.roles, "expires_at": link.expires_at }));
        let row = after.clone();
        self.0
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    let connection = batch.connection().await?;
                    store::update_person(connection, &row).await?;
                    store::put_credentials(connection, id, &Credentials::default(), at).await?;
                    store::put_recovery_codes(connection, id, &[]).await?;
                    store::drop_links(connection, Some(id)).await?;
                    store::insert_link(connection, &link).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        let next = self.0.directory.load().with_person(Arc::new(after)).with_credentials(id, Credentials::default());
        self.0.directory.store(Arc::new(next));
        Ok(text)
    }

    /// Chooses a password by a one-time link, and signs in with it.
    pub async fn choose_password(&self, chosen: Chosen) -> Result<Opened, IdentityFault> {
        let Chosen { link: text, name, password, from } = chosen;
        // Links cannot be guessed; the count keeps strangers from the database and the mill.
        self.charge("", &from).await?;
        let hash = link::hash_of(&text).ok_or(IdentityFault::BadLink)?;
        let found = store::link(&self.0.db, hash).await?.filter(|link| link.live(self.0.clock.now()));
        let found = found.ok_or(IdentityFault::BadLink)?;
        let directory = self.0.directory.load_full();
        let named = found.person.and_then(|id| directory.people.get(&id).cloned());
        let wanted = match (&named, name) {
            (Some(person), None) => person.name.clone(),
            (Some(person), Some(name)) if name::folded(&name) == name::folded(&person.name) => person.name.clone(),
            (Some(_), Some(_)) => return Err(IdentityFault::Invalid("this link is for somebody else".to_owned())),
            (None, Some(name)) => name,
            (None, None) => return Err(IdentityFault::Invalid("say what to call you with `name`".to_owned())),
        };
        password::check(&password, &wanted).map_err(IdentityFault::Invalid)?;
        name::check_person(&wanted).map_err(IdentityFault::Invalid)?;
        let person = match named {
            Some(person) => person,
            None => self.first_administrator(&wanted, hash).await?,
        };
        if person.disabled {
            return Err(IdentityFault::BadLink);
        }
        let kept = self.hash(password.clone()).await?;
        self.keep_password(person.id, &person.name, kept, hash, found.purpose).await?;
        let _ = std::fs::remove_file(&self.0.setup_file);
        self.0.throttle.forgive("", from.address);
        self.sign_in(Attempt { name: person.name.clone(), password, factor: None, from, old: None }).await
    }

    /// The bootstrap's own record where the name is its, else somebody new.
    async fn first_administrator(&self, name: &str, hash: [u8; 32]) -> Result<Arc<super::Person>, IdentityFault> {
        if !self.needs_setup() || store::link(&self.0.db, hash).await?.is_none() {
            return Err(IdentityFault::BadLink);
        }
        let there = self.0.directory.load().named(&name::folded(name)).cloned();
        match there {
            Some(person) if person.kind == Kind::User && self.could_administer(&person, false) => Ok(person),
            Some(_) => Err(IdentityFault::NameTaken(name.to_owned())),
            None => {
                let roles = std::collections::BTreeSet::from(["administrator".to_owned()]);
                self.admit("setup", NewPerson::user(name, roles)).await
            }
        }
    }

    async fn hash(&self, password: Secret<String>) -> Result<Secret<String>, IdentityFault> {
        let mut salt = [0; 16];
        salt.copy_from_slice(&self.0.clock.secret()[..16]);
        let hashed = self.0.mill.hash(password, salt).await.map_err(|_| IdentityFault::Throttled { seconds: 1 })?;
        hashed.map(Secret::new).ok_or_else(|| IdentityFault::Invalid("this password cannot be kept".to_owned()))
    }

    async fn keep_password(
        &self,
        id: UserId,
        name: &str,
        kept: Secret<String>,
        link: [u8; 32],
        purpose: Purpose,
    ) -> Result<(), IdentityFault> {
        let _changing = self.0.changing.lock().await;
        let directory = self.0.directory.load_full();
        let credentials = Credentials { password: Some(kept), ..Credentials::default() };
        let (at, ended) = (self.0.clock.now(), self.sessions_of(id));
        let draft = Draft::new("password.chosen", name, id.to_string())
            .tenant(&directory.home(id))
            .body(serde_json::json!({ "by": purpose.as_str(), "sessions_ended": ended.len() }));
        let (row, gone) = (credentials.clone(), ended.clone());
        self.0
            .ledger
            .attempt(at, move |batch| {
                Box::pin(async move {
                    let connection = batch.connection().await?;
                    // Of two who come at once with the same link, one is late.
                    if !store::use_link(connection, link).await? {
                        return Err(IdentityFault::BadLink);
                    }
                    store::put_credentials(connection, id, &row, at).await?;
                    store::put_recovery_codes(connection, id, &[]).await?;
                    store::end_sessions(connection, &gone).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.sessions.end(&ended);
        self.0.directory.store(Arc::new(directory.with_credentials(id, credentials)));
        Ok(())
    }

    /// Changes one's own password. Every other session ends, and this one goes on under another id.
    pub async fn change_password(
        &self,
        caller: &Caller,
        old: Secret<String>,
        new: Secret<String>,
        from: &Visitor,
    ) -> Result<Opened, IdentityFault> {
        self.by_session(caller)?;
        let folded = name::folded(&caller.person.name);
        self.charge(&folded, from).await?;
        let looked_at = self.credentials_of(caller);
        let kept = looked_at.password.clone();
        let right = self.0.mill.verify(old, kept).await.map_err(|_| IdentityFault::Throttled { seconds: 1 })?;
        if !right {
            return Err(self.refuse(Some(&caller.person), from, "password").await);
        }
        self.0.throttle.forgive(&folded, from.address);
        password::check(&new, &caller.person.name).map_err(IdentityFault::Invalid)?;
        let kept = self.hash(new).await?;
        let _changing = self.0.changing.lock().await;
        let directory = self.0.directory.load_full();
        let credentials = Credentials { password: Some(kept), ..Credentials::clone(&*self.credentials_of(caller)) };
        let change = Change { kind: "password.changed", from, ends_others: true, mfa: None, codes: None, uses: None };
        self.change_credentials(caller, &directory, credentials, change).await
    }

    /// Gives the secret for an authenticator app. Nothing changes until a code of it is shown.
    pub async fn begin_totp(&self, caller: &Caller) -> Result<Begun, IdentityFault> {
        self.by_session(caller)?;
        let _changing = self.0.changing.lock().await;
        let directory = self.0.directory.load_full();
        let looked_at = self.credentials_of(caller);
        if looked_at.app().is_some() {
            return Err(IdentityFault::Conflict(
                "there is an authenticator app already; take it away first".to_owned(),
            ));
        }
        if looked_at.has_second_factor() {
            self.with_second_factor(caller)?;
        }
        let (id, at) = (caller.person.id, self.0.clock.now());
        let secret = zeroize::Zeroizing::new(self.0.clock.secret());
        let secret = secret.get(..totp::SECRET_BYTES).unwrap_or_default();
        let sealed = self.0.vault.seal(&self.0.clock, &format!("totp {id}"), secret)?;
        let totp = Some(Totp { sealed, confirmed_at: None, step: 0 });
        let credentials = Credentials { totp, ..Credentials::clone(&looked_at) };
        let draft = Draft::new("totp.begun", caller.person.name.clone(), id.to_string()).tenant(&caller.person.home());
        let row = credentials.clone();
        self.0
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    store::put_credentials(batch.connection().await?, id, &row, at).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.directory.store(Arc::new(directory.with_credentials(id, credentials)));
        let uri = Secret::new(totp::uri(secret, &caller.person.name));
        Ok(Begun { secret: Secret::new(totp::base32(secret)), uri })
    }

    /// Takes the second factor into use, by a code that shows that the app has it. Gives the recovery codes, once.
    pub async fn confirm_totp(
        &self,
        caller: &Caller,
        code: Secret<String>,
        from: &Visitor,
    ) -> Result<(Opened, Vec<Secret<String>>), IdentityFault> {
        self.by_session(caller)?;
        let folded = name::folded(&caller.person.name);
        self.charge(&folded, from).await?;
        let changing = self.0.changing.lock().await;
        let directory = self.0.directory.load_full();
        let looked_at = self.credentials_of(caller);
        let waits = looked_at.totp.as_ref().filter(|totp| totp.confirmed_at.is_none());
        let Some(waits) = waits else {
            self.0.throttle.give_back(&folded, from.address);
            return Err(IdentityFault::Conflict("no second factor waits to be confirmed".to_owned()));
        };
        let (secret, at) = (self.unseal_totp(caller.person.id, waits)?, self.0.clock.now());
        let Some(step) = totp::step_of(&secret, code.expose(), at, 0) else {
            drop(changing);
            return Err(self.refuse(Some(&caller.person), from, "code").await);
        };
        self.0.throttle.forgive(&folded, from.address);
        let totp = Some(Totp { sealed: waits.sealed.clone(), confirmed_at: Some(at), step });
        let credentials = Credentials { totp, ..Credentials::clone(&looked_at) };
        let codes = totp::recovery_codes(&self.0.clock);
        let hashes = codes.iter().filter_map(|code| totp::recovery_hash(code.expose())).collect();
        let change = Change {
            kind: "totp.confirmed",
            from,
            ends_others: true,
            mfa: Some(true),
            codes: Some(hashes),
            uses: None,
        };
        let opened = self.change_credentials(caller, &directory, credentials, change).await?;
        Ok((opened, codes))
    }

    /// Takes the second factor away; only who came with it may.
    pub async fn drop_totp(&self, caller: &Caller, from: &Visitor) -> Result<Opened, IdentityFault> {
        self.with_second_factor(caller)?;
        let _changing = self.0.changing.lock().await;
        let directory = self.0.directory.load_full();
        let credentials = Credentials { totp: None, ..Credentials::clone(&*self.credentials_of(caller)) };
        let left = credentials.has_second_factor();
        let codes = (!left).then(Vec::new);
        let change = Change { kind: "totp.dropped", from, ends_others: true, mfa: Some(left), codes, uses: None };
        self.change_credentials(caller, &directory, credentials, change).await
    }

    /// Makes new recovery codes in place of the old ones.
    pub async fn renew_recovery_codes(&self, caller: &Caller) -> Result<Vec<Secret<String>>, IdentityFault> {
        self.with_second_factor(caller)?;
        let codes = totp::recovery_codes(&self.0.clock);
        let hashes: Vec<[u8; 32]> = codes.iter().filter_map(|code| totp::recovery_hash(code.expose())).collect();
        let id = caller.person.id;
        let draft = Draft::new("recovery-codes.made", caller.person.name.clone(), id.to_string());
        let draft = draft.tenant(&caller.person.home());
        self.0
            .ledger
            .write(self.0.clock.now(), move |batch| {
                Box::pin(async move {
                    store::put_recovery_codes(batch.connection().await?, id, &hashes).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        Ok(codes)
    }

    /// Recovery codes that are left.
    pub async fn n_recovery_codes(&self, caller: &Caller) -> Result<u64, IdentityFault> {
        Ok(store::n_recovery_codes(&self.0.db, caller.person.id).await?)
    }

    /// Who comes in by a provider alone has none, which are as good as empty ones.
    pub(super) fn credentials_of(&self, caller: &Caller) -> Arc<Credentials> {
        self.0.directory.load().credentials(caller.person.id).cloned().unwrap_or_default()
    }

    pub(super) fn by_session(&self, caller: &Caller) -> Result<(), IdentityFault> {
        matches!(caller.by, Credential::Session(_)).then_some(()).ok_or(IdentityFault::SessionOnly)
    }

    pub(super) fn with_second_factor(&self, caller: &Caller) -> Result<(), IdentityFault> {
        self.by_session(caller)?;
        if caller.mfa { Ok(()) } else { Err(IdentityFault::SecondFactorNeeded) }
    }
}
