//! Tenants, and who is granted what of them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::{Authenticated, Created, Room};
use crate::error::{Problem, at};
use crate::identity::{Change, House, Identity, ManageTenants, ManageUsers, NewTenant, Person, ViewFleet};
use legator_engine::Resource;

/// A tenant: hosts, tokens, commands, approvals and entries of the log that are nobody else's.
#[derive(Object)]
pub struct TenantOut {
    name: String,
    /// What people call it.
    #[oai(skip_serializing_if_is_none)]
    title: Option<String>,
    /// The organization that it is of.
    #[oai(skip_serializing_if_is_none)]
    org: Option<String>,
    created_at: DateTime<Utc>,
}

#[derive(Object)]
pub struct TenantList {
    tenants: Vec<TenantOut>,
}

/// A tenant to be made.
#[derive(Object)]
pub struct TenantIn {
    /// 1 to 40 small letters, digits or `-`. It stays.
    name: String,
    title: Option<String>,
    /// Written as a name is; `house` is the organization of all.
    org: Option<String>,
}

/// What is to be different about a tenant. An empty text takes away.
#[derive(Object)]
pub struct TenantChange {
    title: Option<String>,
    org: Option<String>,
}

/// What somebody was granted, and what it comes to.
#[derive(Object)]
pub struct GrantsOut {
    grants: Vec<String>,
    /// The tenants that they reach.
    tenants: Vec<String>,
}

/// What somebody is to be granted, and nothing else.
#[derive(Object)]
pub struct GrantsIn {
    /// `tenant:…`, `org:…` or `scope:…`; `org:house` is every tenant. None is the default tenant.
    grants: Vec<String>,
}

pub struct TenantsApi(pub Identity);

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Identity")]
impl TenantsApi {
    /// Lists the tenants that the caller reaches. Any other operation takes `?tenant=` to look at one of them alone.
    #[oai(path = "/tenants", method = "get", operation_id = "list_tenants")]
    async fn list(&self, caller: Authenticated) -> Result<Json<TenantList>, Problem> {
        let permit = self.0.permit::<ViewFleet>(&caller.0, Resource::control_plane()).await?;
        let tenants = self.0.tenants(&permit.caller().reach).iter().map(|house| house.as_ref().into()).collect();
        Ok(Json(TenantList { tenants }))
    }

    /// Makes a tenant. It is there for good: the log speaks of it.
    #[oai(path = "/tenants", method = "post", operation_id = "create_tenant")]
    async fn make(&self, caller: Authenticated, body: Json<TenantIn>) -> Result<Created<TenantOut>, Problem> {
        let permit = self.0.permit::<ManageTenants>(&caller.0, Resource::control_plane()).await?;
        let TenantIn { name, title, org } = body.0;
        let house = self.0.make_tenant(permit, NewTenant { name, title, org }).await?;
        Ok(Created::Created(Json(house.as_ref().into())))
    }

    /// One tenant.
    #[oai(path = "/tenants/:name", method = "get", operation_id = "get_tenant")]
    async fn get(&self, caller: Authenticated, name: Path<String>) -> Result<Json<TenantOut>, Problem> {
        let permit = self.0.permit::<ViewFleet>(&caller.0, Resource::control_plane()).await?;
        Ok(Json(self.0.tenant(&permit.caller().reach, &name.0)?.as_ref().into()))
    }

    /// Says what a tenant is called, and which organization it is of. Who is granted the organization follows at once.
    #[oai(path = "/tenants/:name", method = "patch", operation_id = "change_tenant")]
    async fn change(
        &self,
        caller: Authenticated,
        name: Path<String>,
        body: Json<TenantChange>,
    ) -> Result<Json<TenantOut>, Problem> {
        let permit = self.0.permit::<ManageTenants>(&caller.0, Resource::control_plane()).await?;
        let wish = |text: Option<String>| text.map(|text| Some(text).filter(|text| !text.is_empty()));
        let TenantChange { title, org } = body.0;
        Ok(Json(self.0.change_tenant(permit, &name.0, wish(title), wish(org)).await?.as_ref().into()))
    }

    /// What somebody was granted, and which tenants that comes to.
    #[oai(path = "/users/:id/grants", method = "get", operation_id = "get_user_grants")]
    async fn grants(&self, caller: Authenticated, id: Path<String>) -> Result<Json<GrantsOut>, Problem> {
        let permit = self.0.permit::<ManageUsers>(&caller.0, Resource::control_plane()).await?;
        let person = self.0.find(&permit, &id.0)?;
        Ok(Json(self.shown(&person)))
    }

    /// Says what somebody is granted. It counts from the next request on.
    #[oai(path = "/users/:id/grants", method = "put", operation_id = "set_user_grants")]
    async fn grant(
        &self,
        caller: Authenticated,
        id: Path<String>,
        body: Json<GrantsIn>,
    ) -> Result<Json<GrantsOut>, Problem> {
        let permit = self.0.permit::<ManageUsers>(&caller.0, Resource::control_plane()).await?;
        let person = self.0.find(&permit, &id.0)?;
        let change = Change { grants: Some(BTreeSet::from_iter(body.0.grants)), ..Change::default() };
        let person = self.0.change_person(permit, person.id, change).await?;
        Ok(Json(self.shown(&person)))
    }
}

impl TenantsApi {
    fn shown(&self, person: &Person) -> GrantsOut {
        let tenants = self.0.tenants(&person.reach);
        GrantsOut {
            grants: person.grants.iter().cloned().collect(),
            tenants: tenants.iter().map(|house| house.tenant.as_str().to_owned()).collect(),
        }
    }
}

impl From<&House> for TenantOut {
    fn from(house: &House) -> Self {
        Self {
            name: house.tenant.as_str().to_owned(),
            title: house.title.clone(),
            org: house.org.clone(),
            created_at: at(house.created_at),
        }
    }
}
