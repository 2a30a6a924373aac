//! People, keys and who I am.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::Request;
use poem_openapi::auth::Bearer;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi, SecurityScheme, Tags};

use super::{Caller, Identity, IdentityFault, Key, ManageKeys, ManageUsers, Person};
use crate::error::{Problem, at};
use legator_engine::Resource;

/// The credential of a request: `Authorization: Bearer lgk_…`.
#[derive(SecurityScheme)]
#[oai(rename = "key", ty = "bearer", bearer_format = "API key (`lgk_…`)", checker = "recognize")]
pub struct Authenticated(pub Caller);

async fn recognize(request: &Request, bearer: Bearer) -> Option<Caller> {
    request.data::<Identity>()?.recognize(&bearer.token)
}

#[derive(Tags)]
enum Room {
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
    created_at: DateTime<Utc>,
    disabled: bool,
}

/// A person to be added.
#[derive(Object)]
pub struct NewPerson {
    /// 1 to 64 ASCII letters, digits, spaces or `-_.@+`.
    name: String,
    /// Roles of the bundle: `viewer`, `operator`, `approver`, `auditor`, `policy-author`, `administrator`.
    roles: Vec<String>,
    #[oai(default)]
    groups: Vec<String>,
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
}

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
    /// Who I am.
    #[oai(path = "/me", method = "get", operation_id = "get_me")]
    async fn me(&self, caller: Authenticated) -> Result<Json<PersonOut>, Problem> {
        Ok(Json(caller.0.person.as_ref().into()))
    }

    /// Lists people.
    #[oai(path = "/users", method = "get", operation_id = "list_users")]
    async fn users(&self, caller: Authenticated) -> Result<Json<People>, Problem> {
        let permit = self.0.permit::<ManageUsers>(&caller.0, Resource::control_plane()).await?;
        Ok(Json(People { users: self.0.people(&permit).iter().map(|person| person.as_ref().into()).collect() }))
    }

    /// Adds a person.
    #[oai(path = "/users", method = "post", operation_id = "create_user")]
    async fn add_user(&self, caller: Authenticated, body: Json<NewPerson>) -> Result<Created<PersonOut>, Problem> {
        let permit = self.0.permit::<ManageUsers>(&caller.0, Resource::control_plane()).await?;
        let NewPerson { name, roles, groups } = body.0;
        let (roles, groups) = (BTreeSet::from_iter(roles), BTreeSet::from_iter(groups));
        let person = self.0.add_person(permit, &name, roles, groups).await?;
        Ok(Created::Created(Json(person.as_ref().into())))
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
        let minted = self.0.mint_key(permit, &body.user, &body.name, expires_at).await?;
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

impl From<&Person> for PersonOut {
    fn from(person: &Person) -> Self {
        Self {
            id: person.id.to_string(),
            name: person.name.clone(),
            roles: person.roles.iter().cloned().collect(),
            groups: person.groups.iter().cloned().collect(),
            created_at: at(person.created_at),
            disabled: person.disabled,
        }
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
            IdentityFault::NoPerson(_) | IdentityFault::NoKey(_) => Problem::new("not-found", detail),
            IdentityFault::NameTaken(_) | IdentityFault::LastAdministrator => Problem::new("conflict", detail),
            IdentityFault::Invalid(_) => Problem::new("invalid", detail),
            IdentityFault::Write(fault) => fault.into(),
            IdentityFault::Read(fault) => Problem::internal(fault),
        }
    }
}
