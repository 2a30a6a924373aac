//! Signing in by an outside provider, describing providers, and who somebody is there.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use poem::Request;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::{Authenticated, Done, Room};
use crate::error::{Problem, at};
use crate::identity::caller::{cookie, leaving_cookie, origin, remember, remember_leaving, visitor};
use crate::identity::oidc::arrival::Outside;
use crate::identity::oidc::provider::{Provider, Settings};
use crate::identity::oidc::{Answer, Going, OutsideFault};
use crate::identity::{Identity, IdentityFault, ManageProviders, ManageUsers};
use crate::vault::Secret;
use legator_engine::Resource;

/// A provider, without its secret.
#[derive(Object)]
pub struct ProviderOut {
    /// The word in addresses.
    id: String,
    /// What the button says.
    name: String,
    issuer: String,
    client_id: String,
    has_secret: bool,
    /// It comes from the server's options and is changed there.
    fixed: bool,
    #[oai(skip_serializing_if_is_none)]
    redirect_url: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    signed_out_url: Option<String>,
    scopes: Vec<String>,
    groups_claim: String,
    name_claim: String,
    /// A claim's value to a role.
    roles: BTreeMap<String, String>,
    /// A claim's value to a group; `*` takes every value as it is.
    groups: BTreeMap<String, String>,
    default_roles: Vec<String>,
    /// A claim's value to grants: what of them the caller governs.
    grants: BTreeMap<String, Vec<String>>,
    /// What somebody has besides to whom the values give no tenant and no organization.
    default_grants: Vec<String>,
    makes_people: bool,
    mfa_values: Vec<String>,
    #[oai(skip_serializing_if_is_none)]
    acr_values: Option<String>,
}

/// How a provider is to be.
#[derive(Object)]
pub struct ProviderIn {
    /// What the button says.
    name: String,
    /// Exactly as the provider writes it in its own description; HTTPS, or this machine.
    issuer: String,
    client_id: String,
    /// Kept sealed and never shown. Without it the old one stays, while the issuer is the same.
    client_secret: Option<String>,
    /// Where browsers come back to, if not `/api/v1/auth/oidc/callback` of the address that they use.
    redirect_url: Option<String>,
    /// Where the provider sends browsers after signing out there; it has to know the address.
    signed_out_url: Option<String>,
    /// `openid email profile`, if absent.
    scopes: Option<Vec<String>>,
    /// The claim whose values `roles` and `groups` map; `groups`, if absent. A path with dots leads into objects.
    groups_claim: Option<String>,
    /// The claim that says what to call somebody new; `preferred_username`, if absent.
    name_claim: Option<String>,
    #[oai(default)]
    roles: BTreeMap<String, String>,
    #[oai(default)]
    groups: BTreeMap<String, String>,
    /// What everybody from there has.
    #[oai(default)]
    default_roles: Vec<String>,
    /// A claim's value to grants (`tenant:…`, `org:…`, `scope:…`), within what the caller governs. They are given and taken
    /// back at every sign-in.
    #[oai(default)]
    grants: BTreeMap<String, Vec<String>>,
    /// What somebody has besides to whom the values give no tenant and no organization. `tenant:-` is nobody's tenant.
    #[oai(default)]
    default_grants: Vec<String>,
    /// Whether somebody new is made at their first sign-in; yes, if absent.
    makes_people: Option<bool>,
    /// Values of `amr` or `acr` that tell of a second factor; `mfa`, if absent.
    mfa_values: Option<Vec<String>>,
    acr_values: Option<String>,
}

#[derive(Object)]
pub struct ProviderList {
    providers: Vec<ProviderOut>,
}

/// How a provider answered.
#[derive(Object)]
pub struct ProviderCheck {
    /// Whether somebody could sign in by it.
    good: bool,
    /// What is wrong, if something is.
    #[oai(skip_serializing_if_is_none)]
    fault: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    authorization_endpoint: Option<String>,
    /// Whether it offers signing out there.
    #[oai(skip_serializing_if_is_none)]
    signs_out: Option<bool>,
    /// Whether it says that it takes PKCE; it is used in any case.
    #[oai(skip_serializing_if_is_none)]
    pkce: Option<bool>,
}

/// Who somebody is at a provider.
#[derive(Object)]
pub struct ConnectionOut {
    issuer: String,
    subject: String,
    /// What the provider gave at the last sign-in.
    roles: Vec<String>,
    groups: Vec<String>,
    grants: Vec<String>,
    connected_at: DateTime<Utc>,
    #[oai(skip_serializing_if_is_none)]
    last_used_at: Option<DateTime<Utc>>,
}

#[derive(Object)]
pub struct Connections {
    connections: Vec<ConnectionOut>,
}

/// A browser is sent on.
#[derive(ApiResponse)]
pub enum SentOn {
    #[oai(status = 303)]
    To(#[oai(header = "Location")] String, #[oai(header = "Set-Cookie")] Option<String>),
}

pub struct ProvidersApi(pub Identity);

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Identity")]
impl ProvidersApi {
    /// Sends a browser to a provider. With `connect` it does not sign in: who is signed in connects who they are there.
    #[oai(path = "/auth/oidc/:id/start", method = "get", operation_id = "start_provider_sign_in")]
    async fn start(
        &self,
        request: &Request,
        id: Path<String>,
        /// The page to go on at.
        next: Query<Option<String>>,
        connect: Query<Option<bool>>,
    ) -> Result<SentOn, Problem> {
        self.0.spend_address(visitor(request).address)?;
        let connects = match connect.0 {
            Some(true) => match cookie(request).and_then(|cookie| self.0.recognize_session(cookie)) {
                Some(caller) => Some(caller),
                None => return Ok(refused(&OutsideFault::State)),
            },
            _ => None,
        };
        let going = Going {
            provider: id.0,
            origin: origin(request, &self.0),
            next: next.0.unwrap_or_default(),
            cookie: leaving_cookie(request).map(str::to_owned),
            connects,
        };
        match self.0.leave_for(going).await {
            Ok(leaving) => Ok(SentOn::To(leaving.address, Some(remember_leaving(request, leaving.browser.expose())))),
            Err(fault) => {
                tracing::warn!(%fault, "nobody can be sent to a provider");
                Ok(refused(&fault))
            }
        }
    }

    /// Takes a browser that comes back from a provider. Whatever was not right, it learns little; the log has the reason.
    #[oai(path = "/auth/oidc/callback", method = "get", operation_id = "finish_provider_sign_in")]
    async fn finish(
        &self,
        request: &Request,
        code: Query<Option<String>>,
        state: Query<Option<String>>,
        error: Query<Option<String>>,
        /// Who answers (RFC 9207).
        iss: Query<Option<String>>,
    ) -> Result<SentOn, Problem> {
        self.0.spend_address(visitor(request).address)?;
        let answer = Answer {
            code: code.0,
            state: state.0,
            error: error.0,
            issuer: iss.0,
            cookie: leaving_cookie(request).map(str::to_owned),
            old: cookie(request).map(str::to_owned),
            from: visitor(request),
        };
        match self.0.come_back(answer).await {
            Ok(back) => Ok(SentOn::To(back.next, back.opened.map(|opened| remember(request, &opened)))),
            Err(OutsideFault::Identity(fault)) if !matches!(fault, IdentityFault::SignInRefused) => Err(fault.into()),
            Err(fault) => Ok(refused(&fault)),
        }
    }

    /// Lists providers.
    #[oai(path = "/auth/providers", method = "get", operation_id = "list_providers")]
    async fn list(&self, caller: Authenticated) -> Result<Json<ProviderList>, Problem> {
        let permit = self.0.permit::<ManageProviders>(&caller.0, Resource::control_plane()).await?;
        let providers = self.0.providers(&permit).iter().map(ProviderOut::from).collect();
        Ok(Json(ProviderList { providers }))
    }

    /// Adds a provider, or describes one differently.
    #[oai(path = "/auth/providers/:id", method = "put", operation_id = "put_provider")]
    async fn put(
        &self,
        caller: Authenticated,
        id: Path<String>,
        body: Json<ProviderIn>,
    ) -> Result<Json<ProviderOut>, Problem> {
        let permit = self.0.permit::<ManageProviders>(&caller.0, Resource::control_plane()).await?;
        let (settings, secret) = body.0.into_settings();
        let provider = self.0.put_provider(permit, &id.0, settings, secret).await?;
        Ok(Json(provider.as_ref().into()))
    }

    /// Takes a provider away. People stay, and stay connected with its issuer.
    #[oai(path = "/auth/providers/:id", method = "delete", operation_id = "delete_provider")]
    async fn remove(&self, caller: Authenticated, id: Path<String>) -> Result<Done, Problem> {
        let permit = self.0.permit::<ManageProviders>(&caller.0, Resource::control_plane()).await?;
        self.0.drop_provider(permit, &id.0).await?;
        Ok(Done::Done)
    }

    /// Asks a provider to describe itself.
    #[oai(path = "/auth/providers/:id/check", method = "post", operation_id = "check_provider")]
    async fn check(&self, caller: Authenticated, id: Path<String>) -> Result<Json<ProviderCheck>, Problem> {
        let permit = self.0.permit::<ManageProviders>(&caller.0, Resource::control_plane()).await?;
        let (good, fault, found) = match self.0.check_provider(permit, &id.0).await {
            Ok(found) => (true, None, Some(found)),
            Err(OutsideFault::NoProvider(id)) => return Err(Problem::not_found("provider", id)),
            Err(fault) => (false, Some(fault.to_string()), None),
        };
        Ok(Json(ProviderCheck {
            good,
            fault,
            signs_out: found.as_ref().map(|found| found.signs_out),
            pkce: found.as_ref().map(|found| found.pkce),
            authorization_endpoint: found.map(|found| found.authorization_endpoint),
        }))
    }

    /// Lists who I am at providers.
    #[oai(path = "/auth/connections", method = "get", operation_id = "list_connections")]
    async fn mine(&self, caller: Authenticated) -> Result<Json<Connections>, Problem> {
        Ok(Json(Connections::of(self.0.my_outsides(&caller.0).await?)))
    }

    /// Ends a connection of mine, where another way in is left.
    #[oai(path = "/auth/connections", method = "delete", operation_id = "delete_connection")]
    async fn disconnect(
        &self,
        caller: Authenticated,
        issuer: Query<String>,
        subject: Query<String>,
    ) -> Result<Done, Problem> {
        self.0.disconnect_myself(&caller.0, &issuer.0, &subject.0).await?;
        Ok(Done::Done)
    }

    /// Lists who somebody is at providers.
    #[oai(path = "/users/:id/connections", method = "get", operation_id = "list_user_connections")]
    async fn theirs(&self, caller: Authenticated, id: Path<String>) -> Result<Json<Connections>, Problem> {
        let permit = self.0.permit::<ManageUsers>(&caller.0, Resource::control_plane()).await?;
        let person = self.0.find(&permit, &id.0)?;
        Ok(Json(Connections::of(self.0.outside_of(&permit, &person).await?)))
    }

    /// Ends somebody's connection; what the provider gave goes with it.
    #[oai(path = "/users/:id/connections", method = "delete", operation_id = "delete_user_connection")]
    async fn cut(
        &self,
        caller: Authenticated,
        id: Path<String>,
        issuer: Query<String>,
        subject: Query<String>,
    ) -> Result<Done, Problem> {
        let permit = self.0.permit::<ManageUsers>(&caller.0, Resource::control_plane()).await?;
        let person = self.0.find(&permit, &id.0)?;
        self.0.disconnect(permit, &person, &issuer.0, &subject.0).await?;
        Ok(Done::Done)
    }
}

/// The page to sign in at, with a word for what went wrong.
fn refused(fault: &OutsideFault) -> SentOn {
    SentOn::To(format!("/sign-in?refused={}", fault.code()), None)
}

impl ProviderIn {
    fn into_settings(self) -> (Settings, Option<Secret<String>>) {
        let secret = self.client_secret.filter(|secret| !secret.is_empty()).map(Secret::new);
        let usual = Settings::new(&self.name, &self.issuer, &self.client_id);
        let settings = Settings {
            redirect_url: self.redirect_url,
            signed_out_url: self.signed_out_url,
            scopes: self.scopes.unwrap_or(usual.scopes),
            groups_claim: self.groups_claim.unwrap_or(usual.groups_claim),
            name_claim: self.name_claim.unwrap_or(usual.name_claim),
            roles: self.roles,
            groups: self.groups,
            default_roles: BTreeSet::from_iter(self.default_roles),
            grants: self.grants.into_iter().map(|(value, grants)| (value, BTreeSet::from_iter(grants))).collect(),
            default_grants: BTreeSet::from_iter(self.default_grants),
            makes_people: self.makes_people.unwrap_or(usual.makes_people),
            mfa_values: self.mfa_values.map_or(usual.mfa_values, BTreeSet::from_iter),
            acr_values: self.acr_values,
            ..usual
        };
        (settings, secret)
    }
}

impl From<&Provider> for ProviderOut {
    fn from(provider: &Provider) -> Self {
        let settings = provider.settings.clone();
        Self {
            id: provider.id.clone(),
            has_secret: provider.secret.is_some(),
            fixed: provider.fixed,
            name: settings.name,
            issuer: settings.issuer,
            client_id: settings.client_id,
            redirect_url: settings.redirect_url,
            signed_out_url: settings.signed_out_url,
            scopes: settings.scopes,
            groups_claim: settings.groups_claim,
            name_claim: settings.name_claim,
            roles: settings.roles,
            groups: settings.groups,
            default_roles: Vec::from_iter(settings.default_roles),
            grants: settings.grants.into_iter().map(|(value, grants)| (value, Vec::from_iter(grants))).collect(),
            default_grants: Vec::from_iter(settings.default_grants),
            makes_people: settings.makes_people,
            mfa_values: Vec::from_iter(settings.mfa_values),
            acr_values: settings.acr_values,
        }
    }
}

impl Connections {
    fn of(all: Vec<Outside>) -> Self {
        let shown = |one: Outside| ConnectionOut {
            issuer: one.issuer,
            subject: one.subject,
            roles: Vec::from_iter(one.roles),
            groups: Vec::from_iter(one.groups),
            grants: Vec::from_iter(one.grants),
            connected_at: at(one.linked_at),
            last_used_at: one.last_at.map(at),
        };
        Self { connections: all.into_iter().map(shown).collect() }
    }
}
