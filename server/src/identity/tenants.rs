//! Tenants: making them, saying which organization they are of, and what of them somebody governs.
//! Never: takes one away. What was done in it stands in the log under its name.

use std::sync::Arc;

use legator_engine::Resource;

use super::grant::{self, House};
use super::{Caller, Identity, IdentityFault, ManageTenants, Permit, store};
use crate::audit::Draft;
use crate::tenant::{Reach, Tenant};

/// A tenant to be made.
#[derive(Clone, Debug)]
pub struct NewTenant {
    pub name: String,
    pub title: Option<String>,
    pub org: Option<String>,
}

impl Identity {
    /// The tenants that a caller reaches, by name.
    pub fn tenants(&self, reach: &Reach) -> Vec<Arc<House>> {
        self.0.directory.load().tenants.values().filter(|house| reach.has(&house.tenant)).cloned().collect()
    }

    /// One of them; another is as unknown as none.
    pub fn tenant(&self, reach: &Reach, name: &str) -> Result<Arc<House>, IdentityFault> {
        let directory = self.0.directory.load();
        let found = directory.tenants.get(name).filter(|house| reach.has(&house.tenant));
        found.cloned().ok_or_else(|| IdentityFault::NoTenant(name.chars().take(80).collect()))
    }

    /// Which tenants' people, keys and grants a caller governs. Who makes tenants looks after the people of all.
    pub fn governs(&self, caller: &Caller) -> Reach {
        let everywhere = caller.reach.is_every_tenant()
            || self.0.directory.load().people.get(&caller.person.id).is_some_and(|person| person.reach == caller.reach)
                && self.may::<ManageTenants>(caller, Resource::control_plane());
        if everywhere && !caller.reach.has_scopes() { Reach::everything() } else { caller.reach.clone() }
    }

    pub async fn make_tenant(
        &self,
        permit: Permit<ManageTenants>,
        new: NewTenant,
    ) -> Result<Arc<House>, IdentityFault> {
        grant::check_slug("name", &new.name)?;
        check_words(new.title.as_deref(), new.org.as_deref())?;
        let tenant = Tenant::named(&new.name);
        let _changing = self.0.changing.lock().await;
        if self.0.directory.load().tenants.contains_key(&tenant) {
            return Err(IdentityFault::TenantTaken(new.name));
        }
        let house = House { tenant, title: new.title, org: new.org, created_at: self.0.clock.now() };
        self.keep_tenant("tenant.made", &permit, house, None).await
    }

    /// Says what a tenant is called, and which organization it is of. Grants of organizations follow at once.
    pub async fn change_tenant(
        &self,
        permit: Permit<ManageTenants>,
        name: &str,
        title: Option<Option<String>>,
        org: Option<Option<String>>,
    ) -> Result<Arc<House>, IdentityFault> {
        let given = |wish: &Option<Option<String>>| wish.clone().flatten();
        check_words(given(&title).as_deref(), given(&org).as_deref())?;
        let _changing = self.0.changing.lock().await;
        let before = self.tenant(&Reach::everything(), name)?;
        let mut after = House::clone(&before);
        after.title = title.unwrap_or(after.title);
        after.org = org.unwrap_or(after.org);
        self.keep_tenant("tenant.changed", &permit, after, Some(&before)).await
    }

    async fn keep_tenant(
        &self,
        kind: &'static str,
        permit: &Permit<ManageTenants>,
        house: House,
        before: Option<&House>,
    ) -> Result<Arc<House>, IdentityFault> {
        let directory = self.0.directory.load_full();
        let next = directory.with_tenant(house.clone());
        self.refuse_lockout(&directory, &next)?;
        let mut body = serde_json::json!({ "title": house.title, "org": house.org });
        if let Some(before) = before {
            body["before"] = serde_json::json!({ "title": before.title, "org": before.org });
        }
        let draft = Draft::new(kind, permit.caller().person.name.clone(), house.tenant.as_str()).body(body);
        let row = house.clone();
        self.0
            .ledger
            .write(self.0.clock.now(), move |batch| {
                Box::pin(async move {
                    store::put_tenant(batch.connection().await?, &row).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.directory.store(Arc::new(next));
        Ok(Arc::new(house))
    }

    /// The resource with the organization that its tenant is of, which only the directory knows.
    pub fn placed(&self, mut resource: Resource) -> Resource {
        let (tenant, org) = match &mut resource {
            Resource::Probe(probe) => (&probe.tenant, &mut probe.org),
            Resource::Approval(approval) => (&approval.tenant, &mut approval.org),
            Resource::Other(_) => return resource,
        };
        let directory = self.0.directory.load();
        let house = directory.tenants.get(tenant.as_deref().unwrap_or(legator_engine::DEFAULT_TENANT));
        *org = house.and_then(|house| house.org.clone());
        resource
    }
}

fn check_words(title: Option<&str>, org: Option<&str>) -> Result<(), IdentityFault> {
    title.map_or(Ok(()), grant::check_title)?;
    org.map_or(Ok(()), |org| grant::check_slug("org", org))
}
