//! Who is asking, and whether the access policies let them.
//! Every operation of the API asks here with its literal action and resource, and gets a [`Permit`] or a refusal.
//! Never: knows what a role may do. That is Cedar, in `policies/roles.cedar`.

mod acts;
pub mod api;
mod asked;
pub mod caller;
mod credentials;
pub mod device;
mod directory;
mod grant;
#[cfg(any(test, fuzzing))]
pub mod hostile;
mod keys;
mod lasting;
mod link;
mod name;
pub mod oidc;
pub mod passkey;
mod password;
mod people;
mod rate;
mod reseal;
mod rights;
mod session;
mod sign_in;
mod store;
mod tenants;
mod throttle;
mod totp;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use legator_engine::{Bundle, Context, Decision, Origin, Principal, PrincipalKind};
use legator_protocol::{KeyId, SessionId, UserId};
use tokio::sync::watch;

pub use self::acts::*;
pub use self::asked::{Asked, Narrow, keep_asked};
pub use self::credentials::{Begun, Chosen};
pub use self::directory::{Key, Kind, Person};
pub use self::grant::{HOUSE, House};
pub use self::keys::{Certified, Minted};
pub use self::lasting::Lasting;
pub use self::people::{Change, NewPerson};
pub use self::rate::Rate;
pub use self::rights::Judged;
pub use self::session::{Session, SessionLimits, Visitor};
pub use self::sign_in::{Attempt, Factor, Opened};
pub use self::tenants::NewTenant;
pub use self::throttle::Trickle;

use self::directory::{Directory, KeyText};
use self::password::Mill;
use self::session::{SessionText, Sessions};
use self::throttle::Throttle;
use crate::audit::{Draft, Ledger, WriteFault};
use crate::clock::Clock;
use crate::config::Network;
use crate::db::{Db, DbFault};
use crate::telemetry::{By, Metrics};
use crate::tenant::{Reach, Tenant};
use crate::vault::{Vault, VaultFault};

/// Knows the people and asks the access policies. Cheap to clone.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    clock: Clock,
    db: Db,
    ledger: Ledger,
    vault: Vault,
    bundle: watch::Receiver<Arc<Bundle>>,
    notebook: asked::Notebook,
    limits: SessionLimits,
    /// Where the first administrator's link stands until it is used.
    setup_file: PathBuf,
    directory: ArcSwap<Directory>,
    sessions: Sessions,
    throttle: Throttle,
    strangers: Trickle,
    mill: Mill,
    providers: oidc::Providers,
    challenges: passkey::Challenges,
    devices: device::Devices,
    limits_of_rate: Rates,
    by_person: rate::Buckets<UserId>,
    by_address: rate::Buckets<IpAddr>,
    metrics: Metrics,
    proxies: Vec<Network>,
    /// This server's own address, where the one that a browser uses is not it.
    public_url: Option<String>,
    /// One change of the directory at a time, so that none is lost.
    changing: tokio::sync::Mutex<()>,
    /// Uses up to here are on disk.
    remembered: AtomicI64,
}

/// Somebody whose credential was good.
#[derive(Clone, Debug)]
pub struct Caller {
    pub person: Arc<Person>,
    /// The person whose rights bound a service or an agent.
    pub owner: Option<Arc<Person>>,
    pub by: Credential,
    /// Whether a second factor was given.
    pub mfa: bool,
    /// The actions that their key is for; all, if absent.
    pub scopes: Option<Arc<BTreeSet<String>>>,
    /// How far they reach: what their own and their owner's grants come to, narrowed by what they asked for.
    pub reach: Reach,
}

/// How somebody showed who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    Key(KeyId),
    Session(SessionId),
}

impl Credential {
    /// What is written down of it where its bearer's wish waits.
    pub fn remembered(self, mfa: bool) -> String {
        match self {
            Self::Key(id) => id.to_string(),
            Self::Session(id) => format!("{id} {}", if mfa { "mfa" } else { "plain" }),
        }
    }
}

impl Caller {
    /// The caller as Cedar sees them.
    pub fn principal(&self) -> Principal {
        let scopes = self.scopes.as_deref().cloned();
        Principal { acts_for: self.owner.as_ref().map(|owner| owner.id.to_string()), scopes, ..self.person.principal() }
    }

    /// The circumstances of what they ask, as far as it is not theirs to say.
    pub fn context(&self) -> Context {
        Context { mfa: self.mfa, ..Context::new(Origin::Api) }
    }
}

impl Person {
    /// The person as Cedar sees them.
    pub fn principal(&self) -> Principal {
        let kind = match self.kind {
            Kind::User => PrincipalKind::User,
            Kind::Service => PrincipalKind::ServiceAccount,
            Kind::Agent => PrincipalKind::Agent,
        };
        let mut principal = Principal::new(kind, self.id.to_string());
        principal.name.clone_from(&self.name);
        principal.roles.clone_from(&self.roles);
        principal.groups.clone_from(&self.groups);
        principal.grants = grant::said(&self.grants, &self.reach);
        principal
    }

    /// The tenant that what they do is written down for: their only one, or the default one.
    pub fn home(&self) -> Tenant {
        self.reach.only().cloned().unwrap_or_default()
    }
}

/// Why a caller was not let through, or a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum IdentityFault {
    #[error("policy does not let `{name}` do `{action}`")]
    Forbidden { name: String, action: &'static str, decision: Box<Decision> },
    #[error("there is no person `{0}`")]
    NoPerson(String),
    #[error("there is no key `{0}`")]
    NoKey(String),
    #[error("there is no session `{0}`")]
    NoSession(String),
    #[error("no operation `{0}` is on record")]
    NotAsked(String),
    #[error("there is no tenant `{0}`")]
    NoTenant(String),
    #[error("there is a tenant `{0}` already")]
    TenantTaken(String),
    #[error("there is no provider `{0}`")]
    NoProvider(String),
    #[error("nobody is connected as `{0}`")]
    NoConnection(String),
    #[error("there is a person named `{0}` already")]
    NameTaken(String),
    #[error("`{wanted}` could be taken for `{there}`, who is there already")]
    LooksLike { wanted: String, there: String },
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Conflict(String),
    #[error("nobody could administer Legator any more after this; give somebody else the right and a way in first")]
    LastAdministrator,
    #[error("the name, the password or the code is not right, or this person may not sign in")]
    SignInRefused,
    #[error("a code from the authenticator app, or a recovery code, is needed as well")]
    SecondFactorNeeded,
    #[error("too many tries; come again in {seconds} s")]
    Throttled { seconds: u64 },
    #[error("too many requests; there is room again in {seconds} s")]
    Busy { seconds: u64 },
    #[error("this link is unknown, was used, or is too old")]
    BadLink,
    #[error("this is done by a person who signed in, not with an API key")]
    SessionOnly,
    #[error(transparent)]
    Vault(#[from] VaultFault),
    #[error(transparent)]
    Write(#[from] WriteFault),
    #[error(transparent)]
    Read(#[from] DbFault),
}

/// What the room is built with.
pub struct Needs {
    pub clock: Clock,
    pub db: Db,
    pub ledger: Ledger,
    pub vault: Vault,
    pub bundle: watch::Receiver<Arc<Bundle>>,
    pub limits: SessionLimits,
    /// Providers of the server's options.
    pub providers: Vec<oidc::provider::Provider>,
    pub public_url: Option<String>,
    pub rates: Rates,
    pub metrics: Metrics,
    /// Proxies that are believed about who comes through them.
    pub proxies: Vec<Network>,
}

/// How many requests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of one person, program or model, with all their keys and sessions together.
    pub person: Rate,
    /// Of one address, without a credential that is good.
    pub stranger: Rate,
}

impl Identity {
    /// Loads everybody. `data` is the folder in which the setup link stands until it is used.
    pub async fn open(needs: Needs, data: &Path) -> Result<Self, IdentityFault> {
        let Needs { clock, db, ledger, vault, bundle, limits, providers, public_url, rates, metrics, proxies } = needs;
        let directory = store::load(&db).await?;
        let sessions = Sessions::new(store::sessions(&db).await?);
        let inner = Inner {
            remembered: AtomicI64::new(clock.now()),
            clock,
            db,
            ledger,
            vault,
            bundle,
            notebook: asked::Notebook::default(),
            limits,
            setup_file: data.join("setup.link"),
            directory: ArcSwap::from_pointee(directory),
            sessions,
            throttle: Throttle::default(),
            strangers: Trickle::default(),
            mill: Mill::default(),
            providers: oidc::Providers::default(),
            challenges: passkey::Challenges::default(),
            devices: device::Devices::default(),
            limits_of_rate: rates,
            by_person: rate::Buckets::default(),
            by_address: rate::Buckets::default(),
            metrics,
            proxies,
            public_url,
            changing: tokio::sync::Mutex::default(),
        };
        let identity = Self(Arc::new(inner));
        identity.load_providers(providers).await?;
        Ok(identity)
    }

    /// Counts a request of somebody whose credential was good.
    pub fn spend(&self, caller: &Caller) -> Result<(), IdentityFault> {
        let taken = self.0.by_person.take(&caller.person.id, self.0.limits_of_rate.person, self.0.clock.now());
        self.bounded("person", taken)
    }

    /// Counts a request of a stranger.
    pub fn spend_address(&self, address: IpAddr) -> Result<(), IdentityFault> {
        let address = throttle::network(address);
        let taken = self.0.by_address.take(&address, self.0.limits_of_rate.stranger, self.0.clock.now());
        self.bounded("address", taken)
    }

    fn bounded(&self, by: &'static str, taken: Result<(), u64>) -> Result<(), IdentityFault> {
        taken.map_err(|seconds| {
            self.0.metrics.requests_limited.get_or_create(&By { name: by }).inc();
            IdentityFault::Busy { seconds }
        })
    }

    /// Who comes, where a trusted proxy says who came to it.
    pub fn behind(&self, peer: IpAddr, forwarded: Option<&str>) -> IpAddr {
        caller::behind(&self.0.proxies, peer, forwarded)
    }

    /// This server's own address, where it was told one.
    pub fn public_url(&self) -> Option<&str> {
        self.0.public_url.as_deref()
    }

    /// The first administrator with a key, if nobody is there yet.
    pub async fn bootstrap(&self) -> Result<Option<Minted>, IdentityFault> {
        if !self.0.directory.load().people.is_empty() {
            return Ok(None);
        }
        let roles = BTreeSet::from(["administrator".to_owned()]);
        let admin = self.admit("setup", NewPerson::user("admin", roles)).await?;
        self.issue("setup", &admin, "first key", None, None, None).await.map(Some)
    }

    /// Whose API key this is. `None` says nothing about why.
    pub async fn recognize_key(&self, bearer: &str, from: IpAddr) -> Result<Option<Caller>, IdentityFault> {
        let Some(text) = KeyText::read(bearer) else { return Ok(None) };
        let (directory, now) = (self.0.directory.load(), self.0.clock.now());
        let Some(key) = directory.keys.get(&text.id).filter(|key| key.opens_for(&text, now)) else { return Ok(None) };
        self.used(&directory, key, from).await
    }

    /// Which program shows a certificate of this URI. `None` says nothing about why.
    pub async fn recognize_certificate(&self, uri: &str, from: IpAddr) -> Result<Option<Caller>, IdentityFault> {
        let directory = self.0.directory.load();
        match directory.certified(uri, self.0.clock.now()) {
            Some(key) => self.used(&directory, key, from).await,
            None => Ok(None),
        }
    }

    async fn used(&self, directory: &Directory, key: &Key, from: IpAddr) -> Result<Option<Caller>, IdentityFault> {
        let now = self.0.clock.now();
        let caller = self.caller(directory, key.person, Credential::Key(key.id), false, key.scopes.clone());
        let first = key.used.last_from().is_none();
        if let Some(caller) = caller.as_ref().filter(|_| key.used.note(from, now) && !first) {
            let draft = Draft::new("key.used-elsewhere", caller.person.name.clone(), key.id.to_string())
                .tenant(&caller.person.home())
                .body(serde_json::json!({ "address": from.to_string(), "person": caller.person.id }));
            self.0.ledger.append(now, draft).await?;
        }
        Ok(caller)
    }

    /// Whether this is a good API key, for what is asked before anything is done with it.
    pub fn opens(&self, bearer: &str) -> bool {
        let Some(text) = KeyText::read(bearer) else { return false };
        self.0.directory.load().keys.get(&text.id).is_some_and(|key| key.opens_for(&text, self.0.clock.now()))
    }

    /// The same for a certificate.
    pub fn knows(&self, uri: &str) -> bool {
        self.0.directory.load().certified(uri, self.0.clock.now()).is_some()
    }

    /// Whose session this cookie is for, which goes on by being used. `None` says nothing about why.
    pub fn recognize_session(&self, cookie: &str) -> Option<Caller> {
        let (text, now) = (SessionText::read(cookie)?, self.0.clock.now());
        let session = self.0.sessions.open(&text, now, self.0.limits)?;
        let by = Credential::Session(session.id);
        let caller = self.caller(&self.0.directory.load(), session.person, by, session.mfa, None)?;
        session.seen.fetch_max(now, Ordering::Relaxed);
        Some(caller)
    }

    fn caller(
        &self,
        directory: &Directory,
        person: UserId,
        by: Credential,
        mfa: bool,
        scopes: Option<Arc<BTreeSet<String>>>,
    ) -> Option<Caller> {
        let person = Arc::clone(directory.people.get(&person).filter(|person| !person.disabled)?);
        // A machine account is as good as its owner: without one it is nobody.
        let owner = match (person.kind, person.owner) {
            (Kind::User, _) => None,
            (_, owner) => Some(Arc::clone(directory.people.get(&owner?).filter(|owner| !owner.disabled)?)),
        };
        let reach = owner.as_ref().map_or_else(|| person.reach.clone(), |owner| person.reach.and(&owner.reach));
        Some(Caller { person, owner, by, mfa, scopes, reach })
    }

    /// How far a caller reaches by now, and no further than when they came.
    pub fn reach_now(&self, caller: &Caller) -> Reach {
        let directory = self.0.directory.load();
        let people = std::iter::once(caller.person.id).chain(caller.owner.as_ref().map(|owner| owner.id));
        people.filter_map(|id| directory.people.get(&id)).fold(caller.reach.clone(), |reach, it| reach.and(&it.reach))
    }

    /// Whether what a caller came with is still good. What goes on for long asks now and then.
    pub fn still(&self, caller: &Caller) -> bool {
        let (directory, now) = (self.0.directory.load(), self.0.clock.now());
        let good = match caller.by {
            Credential::Key(id) => directory.keys.get(&id).is_some_and(|key| key.live(now)),
            Credential::Session(id) => self.0.sessions.get(id).is_some_and(|session| session.live(now, self.0.limits)),
        };
        good && self.caller(&directory, caller.person.id, caller.by, false, None).is_some()
    }

    /// A caller with the roles of now, reaching no further than they did; nobody, where they may not come any more.
    pub(super) fn as_of_now(&self, caller: &Caller) -> Option<Caller> {
        let directory = self.0.directory.load();
        let now = self.caller(&directory, caller.person.id, caller.by, caller.mfa, caller.scopes.clone())?;
        Some(Caller { reach: self.reach_now(caller), ..now })
    }

    /// Whether somebody took back what was [remembered](Credential::remembered): a key that was revoked. That a key ran
    /// out or a session ended is how they end, and takes nothing back.
    pub fn taken_back(&self, remembered: &str) -> bool {
        let Ok(id) = remembered.parse::<KeyId>() else { return false };
        self.0.directory.load().keys.get(&id).is_none_or(|key| key.revoked_at.is_some())
    }

    /// Somebody who asked for something that waits, as they are now, by what was [remembered](Credential::remembered).
    /// A key has to be good still; a session may have ended meanwhile, as sessions do.
    pub fn recall(&self, person: &str, remembered: &str) -> Option<Caller> {
        let (directory, now) = (self.0.directory.load(), self.0.clock.now());
        let person: UserId = person.parse().ok()?;
        match remembered.split_once(' ') {
            Some((session, mfa)) => {
                self.caller(&directory, person, Credential::Session(session.parse().ok()?), mfa == "mfa", None)
            }
            None => {
                let id: KeyId = remembered.parse().ok()?;
                let key = directory.keys.get(&id).filter(|key| key.person == person && key.live(now))?;
                self.caller(&directory, person, Credential::Key(id), false, key.scopes.clone())
            }
        }
    }

    /// A person as a command's re-judgement needs them: as they are now, not as they were.
    pub fn person(&self, id: &str) -> Option<Arc<Person>> {
        let id: UserId = id.parse().ok()?;
        self.0.directory.load().people.get(&id).filter(|person| !person.disabled).cloned()
    }

    /// Writes down when sessions and keys were last used, and forgets the sessions that are over.
    pub async fn remember(&self) -> Result<(), IdentityFault> {
        let now = self.0.clock.now();
        let since = self.0.remembered.load(Ordering::Relaxed);
        let (seen, over) = (self.0.sessions.seen_after(since - 1), self.0.sessions.ended(now, self.0.limits));
        let directory = self.0.directory.load_full();
        let used = directory.keys.values().filter(|key| key.used.last_at().is_some_and(|at| at >= since));
        let used: Vec<_> = used.map(|key| (key.id, Arc::clone(&key.used))).collect();
        if seen.is_empty() && over.is_empty() && used.is_empty() {
            return Ok(());
        }
        let ended = over.clone();
        self.0
            .ledger
            .write(now, move |batch| {
                Box::pin(async move {
                    let connection = batch.connection().await?;
                    store::see_sessions(connection, &seen).await?;
                    store::end_sessions(connection, &ended).await?;
                    for (id, used) in &used {
                        store::see_key(connection, *id, used).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        self.0.sessions.end(&over);
        self.0.remembered.store(now, Ordering::Relaxed);
        Ok(())
    }
}
