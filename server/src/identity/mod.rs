//! Who is asking, and whether the access policies let them.
//! Every operation of the API asks here with its literal action and resource, and gets a [`Permit`] or a refusal.
//! Never: knows what a role may do. That is Cedar, in `policies/roles.cedar`.

mod acts;
pub mod api;
mod directory;
mod store;

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use legator_engine::{Ask, Bundle, Context, Decision, Facts, Origin, Outcome, Principal, PrincipalKind, Resource};
use legator_protocol::{KeyId, UserId};
use tokio::sync::watch;

pub use self::acts::*;
pub use self::directory::{Key, Person};

use self::directory::{Directory, KeyText};
use crate::audit::{Draft, Ledger, WriteFault};
use crate::clock::Clock;
use crate::db::{Db, DbFault};
use crate::vault::Secret;

/// Knows the people and asks the access policies. Cheap to clone.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    clock: Clock,
    ledger: Ledger,
    bundle: watch::Receiver<Arc<Bundle>>,
    directory: ArcSwap<Directory>,
    /// One change of the directory at a time, so that none is lost.
    changing: tokio::sync::Mutex<()>,
}

/// Somebody whose credential was good.
#[derive(Clone, Debug)]
pub struct Caller {
    pub person: Arc<Person>,
    /// The key that they used.
    pub key: KeyId,
}

impl Caller {
    /// The caller as Cedar sees them.
    pub fn principal(&self) -> Principal {
        Principal {
            kind: PrincipalKind::User,
            id: self.person.id.to_string(),
            name: self.person.name.clone(),
            roles: self.person.roles.clone(),
            groups: self.person.groups.clone(),
            tenant: None,
            acts_for: None,
        }
    }
}

/// Why a caller was not let through.
#[derive(Debug, thiserror::Error)]
pub enum IdentityFault {
    #[error("policy does not let `{name}` do `{action}`")]
    Forbidden { name: String, action: &'static str, decision: Box<Decision> },
    #[error("there is no person `{0}`")]
    NoPerson(String),
    #[error("there is no key `{0}`")]
    NoKey(String),
    #[error("there is a person named `{0}` already")]
    NameTaken(String),
    #[error("{0}")]
    Invalid(String),
    #[error("this is the last key of the last administrator; make another first")]
    LastAdministrator,
    #[error(transparent)]
    Write(#[from] WriteFault),
    #[error(transparent)]
    Read(#[from] DbFault),
}

/// What the access policies say to something that can wait for people.
#[derive(Debug)]
pub enum Judged<A> {
    Permitted(Permit<A>),
    /// It waits for this many approvals more.
    Held {
        approvals: u32,
        decision: Box<Decision>,
    },
}

/// A fresh key: its record, and the text that is shown once.
pub struct Minted {
    pub key: Key,
    pub text: Secret<String>,
}

impl Identity {
    pub async fn open(
        db: &Db,
        ledger: Ledger,
        clock: Clock,
        bundle: watch::Receiver<Arc<Bundle>>,
    ) -> Result<Self, IdentityFault> {
        let directory = store::load(db).await?;
        let inner = Inner {
            clock,
            ledger,
            bundle,
            directory: ArcSwap::from_pointee(directory),
            changing: tokio::sync::Mutex::default(),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// The first administrator with a key, if nobody is there yet.
    pub async fn bootstrap(&self) -> Result<Option<Minted>, IdentityFault> {
        if !self.0.directory.load().people.is_empty() {
            return Ok(None);
        }
        let roles = BTreeSet::from(["administrator".to_owned()]);
        let admin = self.admit("setup", "admin", roles, BTreeSet::new()).await?;
        self.issue("setup", &admin, "first key", None).await.map(Some)
    }

    /// Whose credential this is. `None` says nothing about why.
    pub fn recognize(&self, bearer: &str) -> Option<Caller> {
        let text = KeyText::read(bearer)?;
        let directory = self.0.directory.load();
        let key = directory.keys.get(&text.id)?;
        let person = directory.people.get(&key.person)?;
        (key.opens_for(&text, self.0.clock.now()) && !person.disabled)
            .then(|| Caller { person: Arc::clone(person), key: key.id })
    }

    /// Asks the access policies; the permit is what the verbs of the rooms demand.
    pub async fn permit<A: Act>(&self, caller: &Caller, resource: Resource) -> Result<Permit<A>, IdentityFault> {
        let decision = self.ask(A::ACTION, caller, resource.clone());
        if matches!(decision.outcome, Outcome::Allow) {
            return Ok(Permit::new(caller.clone()));
        }
        Err(self.refuse(A::ACTION, caller, resource, decision).await?)
    }

    /// The refusal, when it is on record.
    async fn refuse(
        &self,
        action: &'static str,
        caller: &Caller,
        resource: Resource,
        decision: Decision,
    ) -> Result<IdentityFault, IdentityFault> {
        let body = serde_json::json!({
            "action": action,
            "resource": resource,
            "decision": decision,
        });
        let draft = Draft::new("access.refused", caller.person.name.clone(), action).body(body);
        self.0.ledger.append(self.0.clock.now(), draft).await?;
        let name = caller.person.name.clone();
        Ok(IdentityFault::Forbidden { name, action, decision: Box::new(decision) })
    }

    /// Asks the access policies about something that can wait for people.
    pub async fn judge<A: Act>(
        &self,
        caller: &Caller,
        resource: Resource,
        context: Context,
    ) -> Result<Judged<A>, IdentityFault> {
        let decision = self.ask_in(A::ACTION, caller, resource.clone(), context);
        match decision.outcome {
            Outcome::Allow => Ok(Judged::Permitted(Permit::new(caller.clone()))),
            Outcome::Hold { approvals } => Ok(Judged::Held { approvals, decision: Box::new(decision) }),
            _ => Err(self.refuse(A::ACTION, caller, resource, decision).await?),
        }
    }

    /// Somebody who asked for something that waits, as they are now, if their key still opens.
    pub fn recall(&self, person: &str, key: &str) -> Option<Caller> {
        let (person, key) = (self.person(person)?, key.parse::<KeyId>().ok()?);
        let directory = self.0.directory.load();
        let known = directory.keys.get(&key).filter(|known| known.person == person.id)?;
        let now = self.0.clock.now();
        let open = known.revoked_at.is_none() && known.expires_at.is_none_or(|end| end > now);
        open.then_some(Caller { person, key })
    }

    /// Whether a list shows this to the caller.
    pub fn may<A: Act>(&self, caller: &Caller, resource: Resource) -> bool {
        matches!(self.ask(A::ACTION, caller, resource).outcome, Outcome::Allow)
    }

    /// Why the caller would be refused, in a sentence; `None` if they would not.
    pub fn why_not<A: Act>(&self, caller: &Caller, resource: Resource) -> Option<String> {
        let decision = self.ask(A::ACTION, caller, resource);
        (!matches!(decision.outcome, Outcome::Allow)).then_some(decision.rationale.summary)
    }

    fn ask(&self, action: &str, caller: &Caller, resource: Resource) -> Decision {
        self.ask_in(action, caller, resource, Context::new(Origin::Api))
    }

    fn ask_in(&self, action: &str, caller: &Caller, resource: Resource, context: Context) -> Decision {
        let facts = Facts {
            at_ms: self.0.clock.now().max(0).cast_unsigned(),
            principal: caller.principal(),
            ask: Ask::Operation(action.to_owned()),
            resource,
            context,
            capacity: None,
        };
        let bundle = Arc::clone(&self.0.bundle.borrow());
        legator_engine::decide(&bundle, &facts)
    }

    /// A person as a command's re-judgement needs them: as they are now, not as they were.
    pub fn person(&self, id: &str) -> Option<Arc<Person>> {
        let id: UserId = id.parse().ok()?;
        self.0.directory.load().people.get(&id).filter(|person| !person.disabled).cloned()
    }

    pub fn people(&self, _: &Permit<ManageUsers>) -> Vec<Arc<Person>> {
        self.0.directory.load().people.values().cloned().collect()
    }

    pub fn keys(&self, _: &Permit<ManageKeys>) -> Vec<Arc<Key>> {
        self.0.directory.load().keys.values().cloned().collect()
    }

    /// Adds a person.
    pub async fn add_person(
        &self,
        permit: Permit<ManageUsers>,
        name: &str,
        roles: BTreeSet<String>,
        groups: BTreeSet<String>,
    ) -> Result<Arc<Person>, IdentityFault> {
        self.admit(&permit.caller().person.name, name, roles, groups).await
    }

    /// Makes a key for `person` (an id or a name).
    pub async fn mint_key(
        &self,
        permit: Permit<ManageKeys>,
        person: &str,
        name: &str,
        expires_at: Option<i64>,
    ) -> Result<Minted, IdentityFault> {
        let found = self.0.directory.load().find(person).ok_or_else(|| IdentityFault::NoPerson(person.to_owned()))?;
        if expires_at.is_some_and(|at| at <= self.0.clock.now()) {
            return Err(IdentityFault::Invalid("`expires_at` is in the past".to_owned()));
        }
        self.issue(&permit.caller().person.name, &found, name, expires_at).await
    }

    /// Ends a key at once.
    pub async fn revoke_key(&self, permit: Permit<ManageKeys>, id: KeyId) -> Result<(), IdentityFault> {
        let _changing = self.0.changing.lock().await;
        let directory = self.0.directory.load_full();
        let key = directory.keys.get(&id).ok_or_else(|| IdentityFault::NoKey(id.to_string()))?;
        if directory.is_last_way_in(key, self.0.clock.now()) {
            return Err(IdentityFault::LastAdministrator);
        }
        let at = self.0.clock.now();
        let draft = Draft::new("key.revoked", permit.caller().person.name.clone(), id.to_string())
            .body(serde_json::json!({ "person": key.person, "name": key.name }));
        self.0
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    store::revoke_key(batch.connection().await?, id, at).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        let revoked = Key { revoked_at: Some(at), ..Key::clone(key) };
        self.0.directory.store(Arc::new(directory.with_key(revoked)));
        Ok(())
    }

    async fn admit(
        &self,
        actor: &str,
        name: &str,
        roles: BTreeSet<String>,
        groups: BTreeSet<String>,
    ) -> Result<Arc<Person>, IdentityFault> {
        directory::check_name("name", name).map_err(IdentityFault::Invalid)?;
        for word in roles.iter().chain(&groups) {
            directory::check_name("role or group", word).map_err(IdentityFault::Invalid)?;
        }
        let _changing = self.0.changing.lock().await;
        let directory = self.0.directory.load_full();
        if directory.people.values().any(|person| person.name.eq_ignore_ascii_case(name)) {
            return Err(IdentityFault::NameTaken(name.to_owned()));
        }
        let at = self.0.clock.now();
        let id = self.0.clock.born(UserId::born);
        let person = Person { id, name: name.to_owned(), roles, groups, created_at: at, disabled: false };
        let row = person.clone();
        let draft = Draft::new("person.added", actor, id.to_string())
            .body(serde_json::json!({ "name": row.name, "roles": row.roles, "groups": row.groups }));
        self.0
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    store::insert_person(batch.connection().await?, &row).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        let person = Arc::new(person);
        self.0.directory.store(Arc::new(directory.with_person(Arc::clone(&person))));
        Ok(person)
    }

    async fn issue(
        &self,
        actor: &str,
        person: &Person,
        name: &str,
        expires_at: Option<i64>,
    ) -> Result<Minted, IdentityFault> {
        directory::check_name("name", name).map_err(IdentityFault::Invalid)?;
        let _changing = self.0.changing.lock().await;
        let at = self.0.clock.now();
        let (text, key) = KeyText::mint(&self.0.clock, person.id, name, at, expires_at);
        let row = key.clone();
        let draft = Draft::new("key.minted", actor, key.id.to_string())
            .body(serde_json::json!({ "person": person.id, "name": name, "expires_at": expires_at }));
        self.0
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    store::insert_key(batch.connection().await?, &row).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        let directory = self.0.directory.load_full();
        self.0.directory.store(Arc::new(directory.with_key(key.clone())));
        Ok(Minted { key, text })
    }
}
