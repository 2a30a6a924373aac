//! The room's API: people and keys here, sessions in `sessions.rs`, roles and groups in `rights.rs`.

pub mod asked;
pub mod devices;
pub mod logout;
pub mod passkeys;
pub mod providers;
pub mod rights;
pub mod sessions;
pub mod tenants;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, Tags};

pub use super::caller::Authenticated;

use super::{Certified, Change, Identity, IdentityFault, Key, Kind, ManageKeys, ManageUsers, NewPerson, Person};
use crate::error::{Problem, at};
use legator_engine::Resource;

#[derive(Tags)]
pub(super) enum Room {
    /// People, keys and sign-in.
    Identity,
}

/// A person.
#[derive(Object)]
pub struct PersonOut {
    id: String,
    name: String,
    roles: Vec<String>,
    groups: Vec<String>,
    /// What of the server they were granted: `tenant:…`, `org:…`, `scope:…`. Without a tenant or an organization, the
    /// default tenant.
    #[oai(skip_serializing_if_is_none)]
    grants: Option<Vec<String>>,
    /// `user`, `service` or `agent`.
    kind: String,
    /// Whose rights bound a service or an agent.
    #[oai(skip_serializing_if_is_none)]
    owner: Option<String>,
    created_at: DateTime<Utc>,
    #[oai(skip_serializing_if_is_none)]
    last_sign_in_at: Option<DateTime<Utc>>,
    /// Whether they can sign in with a password, and whether that takes a second factor.
    has_password: bool,
    second_factor: bool,
    disabled: bool,
}

#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub enum KindIn {
    /// A person, who can sign in.
    User,
    /// A program, with keys of its own and never more rights than its owner.
    Service,
    /// A language model, with keys of its own and never more rights than its owner.
    Agent,
}

/// A person to be added.
#[derive(Object)]
#[oai(rename = "NewPerson")]
pub struct PersonIn {
    /// 1 to 64 letters of one script, digits, spaces or `-_.@+`; no name that can be taken for another's.
    name: String,
    /// Roles that the policies speak of; `GET /api/v1/roles` lists them.
    roles: Vec<String>,
    #[oai(default)]
    groups: Vec<String>,
    /// `tenant:…`, `org:…` or `scope:…`, within what you reach yourself; your own, if absent.
    grants: Option<Vec<String>>,
    /// `user`, if absent.
    kind: Option<KindIn>,
    /// Whose a service or an agent is, by id or name.
    owner: Option<String>,
    /// Give a one-time link by which they choose a password.
    #[oai(default)]
    invite: bool,
}

/// A person that was added.
#[derive(Object)]
pub struct AddedPerson {
    #[oai(flatten)]
    person: PersonOut,
    #[oai(skip_serializing_if_is_none)]
    link: Option<LinkOut>,
}

/// A one-time link. It is shown this once.
#[derive(Object)]
pub struct LinkOut {
    /// Goes behind the server's address: `/setup#…`.
    path: String,
    /// What the link carries, for `POST /api/v1/auth/setup`.
    token: String,
}

/// What is to be different about a person.
#[derive(Object)]
pub struct PersonChange {
    roles: Option<Vec<String>>,
    groups: Option<Vec<String>>,
    /// Nobody comes in under this name, and what waits in their name is denied when it is judged again.
    disabled: Option<bool>,
}

#[derive(Object)]
pub struct People {
    users: Vec<PersonOut>,
}

/// An API key, without its secret.
#[derive(Object)]
pub struct KeyOut {
    id: String,
    user: String,
    name: String,
    created_at: DateTime<Utc>,
    #[oai(skip_serializing_if_is_none)]
    expires_at: Option<DateTime<Utc>>,
    #[oai(skip_serializing_if_is_none)]
    revoked_at: Option<DateTime<Utc>>,
    /// The actions that it is for; all that its owner may, if absent.
    #[oai(skip_serializing_if_is_none)]
    scopes: Option<Vec<String>>,
    /// The URI of the client's certificate that is this key; absent for a key that is a text.
    #[oai(skip_serializing_if_is_none)]
    certificate: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    last_used_at: Option<DateTime<Utc>>,
    #[oai(skip_serializing_if_is_none)]
    last_used_from: Option<String>,
}

#[derive(Object)]
pub struct Keys {
    keys: Vec<KeyOut>,
}

/// A key to be made.
#[derive(Object)]
pub struct NewKey {
    /// The person, by id or name.
    user: String,
    name: String,
    /// When it ends; never, if absent.
    expires_at: Option<DateTime<Utc>>,
    /// The actions that it is for; all that its owner may, if absent.
    scopes: Option<Vec<String>>,
}

/// A client's certificate that is to be a program's key.
#[derive(Object)]
pub struct NewCertificate {
    /// The service account or agent, by id or name.
    user: String,
    name: String,
    /// The one URI of the certificate: `spiffe://example/ci`.
    uri: String,
    /// When it counts no more; as long as the certificate is good, if absent.
    expires_at: Option<DateTime<Utc>>,
    /// The actions that it is for; all that its owner may, if absent.
    scopes: Option<Vec<String>>,
}

/// How a key is replaced.
#[derive(Object)]
pub struct KeyRotation {
    /// Seconds for which the old one goes on; a day, if absent.
    overlap_s: Option<u32>,
}

const DAY_S: u32 = 24 * 60 * 60;

/// A fresh key. The text is shown this once.
#[derive(Object)]
pub struct MintedKey {
    #[oai(flatten)]
    key: KeyOut,
    /// Put it into `Authorization: Bearer`.
    plain_key: String,
}

#[derive(ApiResponse)]
pub enum Created<T: poem_openapi::types::ToJSON + Send + Sync> {
    /// It was made.
    #[oai(status = 201)]
    Created(Json<T>),
}

#[derive(ApiResponse)]
pub enum Done {
    /// It is done; there is nothing to say.
    #[oai(status = 204)]
    Done,
}

pub struct IdentityApi(pub Identity);

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Identity")]
impl IdentityApi {
    /// Lists people.
    #[oai(path = "/users", method = "get", operation_id = "list_users")]
    async fn users(&self, caller: Authenticated) -> Result<Json<People>, Problem> {
        let permit = self.0.permit::<ManageUsers>(&caller.0, Resource::control_plane()).await?;
        Ok(Json(People { users: self.0.people(&permit).iter().map(|person| shown(&self.0, person)).collect() }))
    }

    /// Adds a person, a service or an agent.
    #[oai(path = "/users", method = "post", operation_id = "create_user")]
    async fn add_user(&self, caller: Authenticated, body: Json<PersonIn>) -> Result<Created<AddedPerson>, Problem> {
        let permit = self.0.permit::<ManageUsers>(&caller.0, Resource::control_plane()).await?;
        let PersonIn { name, roles, groups, grants, kind, owner, invite } = body.0;
        let (roles, groups) = (BTreeSet::from_iter(roles), BTreeSet::from_iter(groups));
        let grants = grants.map(BTreeSet::from_iter);
        let new = NewPerson { name, kind: kind.map_or(Kind::User, Kind::from), owner, roles, groups, grants };
        let (person, link) = self.0.add_person(permit, new, invite).await?;
        let link = link.map(|link| LinkOut::of(link.expose()));
        Ok(Created::Created(Json(AddedPerson { person: shown(&self.0, &person), link })))
    }

    /// One person, by id or name.
    #[oai(path = "/users/:id", method = "get", operation_id = "get_user")]
    async fn user(&self, caller: Authenticated, id: Path<String>) -> Result<Json<PersonOut>, Problem> {
        let permit = self.0.permit::<ManageUsers>(&caller.0, Resource::control_plane()).await?;
        let person = self.0.find(&permit, &id.0)?;
        Ok(Json(shown(&self.0, &person)))
    }

    /// Changes a person's roles or groups, or disables them. It counts from the next request on.
    #[oai(path = "/users/:id", method = "patch", operation_id = "change_user")]
    async fn change_user(
        &self,
        caller: Authenticated,
        id: Path<String>,
        body: Json<PersonChange>,
    ) -> Result<Json<PersonOut>, Problem> {
        let permit = self.0.permit::<ManageUsers>(&caller.0, Resource::control_plane()).await?;
        let person = self.0.find(&permit, &id.0)?;
        let set = |words: Option<Vec<String>>| words.map(BTreeSet::from_iter);
        let PersonChange { roles, groups, disabled } = body.0;
        let change = Change { roles: set(roles), groups: set(groups), disabled, ..Change::default() };
        let person = self.0.change_person(permit, person.id, change).await?;
        Ok(Json(shown(&self.0, &person)))
    }

    /// Sends a person away for good: no role, no key, no session. Their name stays theirs, since the log speaks of it.
    #[oai(path = "/users/:id", method = "delete", operation_id = "delete_user")]
    async fn remove_user(&self, caller: Authenticated, id: Path<String>) -> Result<Done, Problem> {
        let permit = self.0.permit::<ManageUsers>(&caller.0, Resource::control_plane()).await?;
        let person = self.0.find(&permit, &id.0)?;
        self.0.remove_person(permit, person.id).await?;
        Ok(Done::Done)
    }

    /// Takes away a person's password, second factor and sessions, and gives a link to choose a new password.
    #[oai(path = "/users/:id/reset", method = "post", operation_id = "reset_user")]
    async fn reset_user(&self, caller: Authenticated, id: Path<String>) -> Result<Json<LinkOut>, Problem> {
        let permit = self.0.permit::<ManageUsers>(&caller.0, Resource::control_plane()).await?;
        let person = self.0.find(&permit, &id.0)?;
        let link = self.0.reset_person(permit, person.id).await?;
        Ok(Json(LinkOut::of(link.expose())))
    }

    /// Lists API keys, without their secrets.
    #[oai(path = "/auth/keys", method = "get", operation_id = "list_keys")]
    async fn keys(&self, caller: Authenticated) -> Result<Json<Keys>, Problem> {
        let permit = self.0.permit::<ManageKeys>(&caller.0, Resource::control_plane()).await?;
        Ok(Json(Keys { keys: self.0.keys(&permit).iter().map(|key: &Arc<Key>| key.as_ref().into()).collect() }))
    }

    /// Makes an API key. Its text is shown once.
    #[oai(path = "/auth/keys", method = "post", operation_id = "create_key")]
    async fn mint(&self, caller: Authenticated, body: Json<NewKey>) -> Result<Created<MintedKey>, Problem> {
        let permit = self.0.permit::<ManageKeys>(&caller.0, Resource::control_plane()).await?;
        let expires_at = body.expires_at.map(|at| at.timestamp_millis());
        let scopes = body.0.scopes.map(BTreeSet::from_iter);
        let minted = self.0.mint_key(permit, &body.0.user, &body.0.name, expires_at, scopes).await?;
        Ok(Created::Created(Json(MintedKey { key: (&minted.key).into(), plain_key: minted.text.expose().clone() })))
    }

    /// Takes a client's certificate as a key of a program (mutual TLS). It is listed, used and revoked like one.
    #[oai(path = "/auth/certificates", method = "post", operation_id = "create_certificate")]
    async fn certify(&self, caller: Authenticated, body: Json<NewCertificate>) -> Result<Created<KeyOut>, Problem> {
        let permit = self.0.permit::<ManageKeys>(&caller.0, Resource::control_plane()).await?;
        let NewCertificate { user: person, name, uri, expires_at, scopes } = body.0;
        let (expires_at, scopes) = (expires_at.map(|at| at.timestamp_millis()), scopes.map(BTreeSet::from_iter));
        let key = self.0.certify(permit, Certified { person, name, uri, expires_at, scopes }).await?;
        Ok(Created::Created(Json((&key).into())))
    }

    /// Makes a key in place of another, for the same. The old one goes on for as long as you say, so that what uses it
    /// can change over.
    #[oai(path = "/auth/keys/:id/rotate", method = "post", operation_id = "rotate_key")]
    async fn rotate(
        &self,
        caller: Authenticated,
        id: Path<String>,
        body: Json<KeyRotation>,
    ) -> Result<Created<MintedKey>, Problem> {
        let permit = self.0.permit::<ManageKeys>(&caller.0, Resource::control_plane()).await?;
        let id = id.0.parse().map_err(|_| Problem::not_found("key", &id.0))?;
        let minted = self.0.rotate_key(permit, id, i64::from(body.0.overlap_s.unwrap_or(DAY_S)) * 1000).await?;
        Ok(Created::Created(Json(MintedKey { key: (&minted.key).into(), plain_key: minted.text.expose().clone() })))
    }

    /// Ends an API key at once.
    #[oai(path = "/auth/keys/:id", method = "delete", operation_id = "revoke_key")]
    async fn revoke(&self, caller: Authenticated, id: Path<String>) -> Result<Done, Problem> {
        let permit = self.0.permit::<ManageKeys>(&caller.0, Resource::control_plane()).await?;
        let id = id.0.parse().map_err(|_| Problem::not_found("key", &id.0))?;
        self.0.revoke_key(permit, id).await?;
        Ok(Done::Done)
    }
}

impl LinkOut {
    fn of(text: &str) -> Self {
        Self { path: format!("/setup#{text}"), token: text.to_owned() }
    }
}

impl From<KindIn> for Kind {
    fn from(kind: KindIn) -> Self {
        match kind {
            KindIn::User => Self::User,
            KindIn::Service => Self::Service,
            KindIn::Agent => Self::Agent,
        }
    }
}

pub(super) fn shown(identity: &Identity, person: &Person) -> PersonOut {
    let (has_password, second_factor) = identity.signs_in_with(person);
    PersonOut {
        id: person.id.to_string(),
        name: person.name.clone(),
        roles: person.roles.iter().cloned().collect(),
        groups: person.groups.iter().cloned().collect(),
        grants: (!person.grants.is_empty()).then(|| person.grants.iter().cloned().collect()),
        kind: person.kind.as_str().to_owned(),
        owner: person.owner.map(|owner| owner.to_string()),
        created_at: at(person.created_at),
        last_sign_in_at: person.last_sign_in_at.map(at),
        has_password,
        second_factor,
        disabled: person.disabled,
    }
}

impl From<&Key> for KeyOut {
    fn from(key: &Key) -> Self {
        Self {
            id: key.id.to_string(),
            user: key.person.to_string(),
            name: key.name.clone(),
            created_at: at(key.created_at),
            expires_at: key.expires_at.map(at),
            revoked_at: key.revoked_at.map(at),
            scopes: key.scopes.as_ref().map(|scopes| scopes.iter().cloned().collect()),
            certificate: key.certificate.clone(),
            last_used_at: key.used.last_at().map(at),
            last_used_from: key.used.last_from().map(|address| address.to_string()),
        }
    }
}

impl From<IdentityFault> for Problem {
    fn from(fault: IdentityFault) -> Self {
        let detail = fault.to_string();
        match fault {
            IdentityFault::Forbidden { decision, .. } => {
                let summary = decision.rationale.summary.clone();
                Problem::new("forbidden", detail).help(summary).decision(crate::error::json(&*decision))
            }
            IdentityFault::NoPerson(_)
            | IdentityFault::NoKey(_)
            | IdentityFault::NoSession(_)
            | IdentityFault::NotAsked(_)
            | IdentityFault::NoTenant(_)
            | IdentityFault::NoProvider(_)
            | IdentityFault::NoConnection(_) => Problem::new("not-found", detail),
            IdentityFault::NameTaken(_)
            | IdentityFault::TenantTaken(_)
            | IdentityFault::LooksLike { .. }
            | IdentityFault::Conflict(_)
            | IdentityFault::LastAdministrator => Problem::new("conflict", detail),
            IdentityFault::Invalid(_) => Problem::new("invalid", detail),
            IdentityFault::SignInRefused => Problem::new("sign-in-refused", detail),
            IdentityFault::SecondFactorNeeded => Problem::new("second-factor-needed", detail),
            IdentityFault::Throttled { seconds } | IdentityFault::Busy { seconds } => {
                Problem::new("too-many-requests", detail).retry_after(seconds)
            }
            IdentityFault::BadLink => {
                Problem::new("bad-link", detail).help("ask for another, or run `legator recover` on the server's host")
            }
            IdentityFault::SessionOnly => Problem::new("forbidden", detail).help("sign in with your password"),
            IdentityFault::Vault(fault) => Problem::internal(fault),
            IdentityFault::Write(fault) => fault.into(),
            IdentityFault::Read(fault) => Problem::internal(fault),
        }
    }
}
