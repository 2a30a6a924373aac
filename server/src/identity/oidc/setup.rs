//! Describing providers: from the server's options at the start, and by administrators while it runs.
//! Never: a secret that is shown again, or a provider of the options that the API changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::arrival::Outside;
use super::provider::{Provider, Settings, check_id};
use super::{OutsideFault, discovery, store};
use crate::audit::Draft;
use crate::identity::{Caller, Identity, IdentityFault, ManageProviders, ManageUsers, Permit, Person, grant};
use crate::tenant::Reach;
use crate::vault::Secret;

/// How a provider answers now.
#[derive(Debug)]
pub struct Checked {
    pub authorization_endpoint: String,
    pub signs_out: bool,
    pub pkce: bool,
}

impl Identity {
    /// Loads the providers that are kept; those of the options go before.
    pub(in crate::identity) async fn load_providers(&self, fixed: Vec<Provider>) -> Result<(), IdentityFault> {
        let mut all = BTreeMap::new();
        for kept in store::providers(&self.0.db).await? {
            let secret = match &kept.sealed {
                None => None,
                Some(sealed) => {
                    let plain = self.0.vault.unseal(&label(&kept.id), sealed)?;
                    Some(Secret::new(String::from_utf8_lossy(&plain).into_owned()))
                }
            };
            let provider = Provider { id: kept.id.clone(), settings: kept.settings, secret, fixed: false };
            all.insert(kept.id, Arc::new(provider));
        }
        for provider in fixed {
            check_id(&provider.id).and_then(|()| provider.settings.check()).map_err(IdentityFault::Invalid)?;
            // What there is not reaches nothing; it may come yet, so it is no reason not to start.
            if let Err(fault) = self.check_given(&provider.settings, &Reach::everything()) {
                tracing::warn!(%fault, provider = %provider.id, "the provider's options give grants of what there is not");
            }
            all.insert(provider.id.clone(), Arc::new(provider));
        }
        self.0.providers.all.store(Arc::new(all));
        Ok(())
    }

    /// All of them; of what they give, what the caller governs.
    pub fn providers(&self, permit: &Permit<ManageProviders>) -> Vec<Provider> {
        let (governed, tenants) = (self.governs(permit.caller()), &self.0.directory.load().tenants);
        let known = |grant: &String| grant::check(&BTreeSet::from([grant.clone()]), tenants, &governed).is_ok();
        let shown = |provider: &Arc<Provider>| {
            let mut provider = Provider::clone(provider);
            provider.settings.default_grants.retain(known);
            provider.settings.grants.retain(|_, grants| grants.iter().all(known));
            provider
        };
        self.0.providers.all.load().values().map(shown).collect()
    }

    /// A mapping gives nothing that whoever sets it could not give by hand, and nothing that there is not.
    fn check_given(&self, settings: &Settings, governed: &Reach) -> Result<(), IdentityFault> {
        let tenants = &self.0.directory.load().tenants;
        for grants in settings.given_grants() {
            grant::check(grants, tenants, governed)?;
            if grant::names_a_tenant(grants) && !grant::reach(grants, tenants).is_within(governed) {
                return Err(IdentityFault::Invalid("a mapping gives no more than you reach yourself".to_owned()));
            }
        }
        Ok(())
    }

    /// Adds a provider, or describes one differently. Without a secret the old one stays, if there is one and it goes
    /// to the same issuer.
    pub async fn put_provider(
        &self,
        permit: Permit<ManageProviders>,
        id: &str,
        settings: Settings,
        secret: Option<Secret<String>>,
    ) -> Result<Arc<Provider>, IdentityFault> {
        check_id(id).and_then(|()| settings.check()).map_err(IdentityFault::Invalid)?;
        self.check_roles(&settings.roles.values().chain(&settings.default_roles).cloned().collect())?;
        let _changing = self.0.changing.lock().await;
        let before = self.0.providers.all.load().get(id).cloned();
        refuse_fixed(before.as_deref())?;
        let governed = self.governs(permit.caller());
        self.check_given(&settings, &governed)?;
        if before.as_ref().is_some_and(|before| self.check_given(&before.settings, &governed).is_err()) {
            let why = format!("`{id}` gives grants that you do not govern, so somebody who does has to change it");
            return Err(IdentityFault::Conflict(why));
        }
        let kept = before.as_ref().filter(|before| before.settings.issuer == settings.issuer);
        let secret = secret.or_else(|| kept.and_then(|before| before.secret.clone()));
        let sealed = match &secret {
            None => None,
            Some(secret) => Some(self.0.vault.seal(&self.0.clock, &label(id), secret.expose().as_bytes())?),
        };
        let at = self.0.clock.now();
        let row = store::Kept { id: id.to_owned(), settings: settings.clone(), sealed };
        let kind = if before.is_some() { "provider.changed" } else { "provider.added" };
        let draft = Draft::new(kind, permit.caller().person.name.clone(), id.to_owned())
            .body(serde_json::json!({ "settings": settings, "has_secret": secret.is_some() }));
        self.0
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    store::put_provider(batch.connection().await?, &row, at).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        let provider = Arc::new(Provider { id: id.to_owned(), settings, secret, fixed: false });
        let mut all = BTreeMap::clone(&self.0.providers.all.load());
        all.insert(id.to_owned(), Arc::clone(&provider));
        self.0.providers.all.store(Arc::new(all));
        self.0.providers.discovery.forget(&provider.settings.issuer);
        Ok(provider)
    }

    /// Nobody signs in by it any more. Sessions that came by it go on; people stay, and stay connected with its issuer.
    pub async fn drop_provider(&self, permit: Permit<ManageProviders>, id: &str) -> Result<(), IdentityFault> {
        let _changing = self.0.changing.lock().await;
        let mut all = BTreeMap::clone(&self.0.providers.all.load());
        let gone = all.remove(id).ok_or_else(|| IdentityFault::NoProvider(id.to_owned()))?;
        refuse_fixed(Some(&gone))?;
        let draft = Draft::new("provider.removed", permit.caller().person.name.clone(), id.to_owned())
            .body(serde_json::json!({ "issuer": gone.settings.issuer }));
        let word = id.to_owned();
        self.0
            .ledger
            .write(self.0.clock.now(), move |batch| {
                Box::pin(async move {
                    store::drop_provider(batch.connection().await?, &word).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.providers.all.store(Arc::new(all));
        self.0.providers.discovery.forget(&gone.settings.issuer);
        Ok(())
    }

    /// Asks a provider to describe itself, so that a slip shows before somebody wants to sign in.
    pub async fn check_provider(&self, _: Permit<ManageProviders>, id: &str) -> Result<Checked, OutsideFault> {
        let provider = self.provider(id)?;
        let found = discovery::describe(self.0.providers.discovery.fetch(), &provider.settings.issuer).await?;
        Ok(Checked {
            authorization_endpoint: found.authorization_endpoint,
            signs_out: found.end_session_endpoint.is_some(),
            pkce: found.code_challenge_methods_supported.iter().any(|method| method == "S256"),
        })
    }

    /// Who somebody is at providers.
    pub async fn outside_of(&self, _: &Permit<ManageUsers>, person: &Person) -> Result<Vec<Outside>, IdentityFault> {
        Ok(store::outside_of(&self.0.db, person.id).await?)
    }

    /// Who I am at providers.
    pub async fn my_outsides(&self, caller: &Caller) -> Result<Vec<Outside>, IdentityFault> {
        Ok(store::outside_of(&self.0.db, caller.person.id).await?)
    }

    /// Somebody is not found by this any more when they come from there.
    pub async fn disconnect(
        &self,
        permit: Permit<ManageUsers>,
        person: &Person,
        issuer: &str,
        subject: &str,
    ) -> Result<(), IdentityFault> {
        self.cut(&permit.caller().person.name, person, issuer, subject).await
    }

    /// The same for oneself, where another way in is left.
    pub async fn disconnect_myself(&self, caller: &Caller, issuer: &str, subject: &str) -> Result<(), IdentityFault> {
        let all = store::outside_of(&self.0.db, caller.person.id).await?;
        let (has_password, _) = self.signs_in_with(&caller.person);
        if !has_password && all.len() < 2 {
            return Err(IdentityFault::Conflict("you could not sign in any more; choose a password first".to_owned()));
        }
        self.cut(&caller.person.name, &caller.person, issuer, subject).await
    }

    /// What the provider gave goes with it.
    async fn cut(&self, actor: &str, person: &Person, issuer: &str, subject: &str) -> Result<(), IdentityFault> {
        let _changing = self.0.changing.lock().await;
        let directory = self.0.directory.load_full();
        let person = directory.people.get(&person.id).ok_or_else(|| IdentityFault::NoPerson(person.id.to_string()))?;
        let found = store::outside(&self.0.db, issuer, subject).await?.filter(|one| one.person == person.id);
        let found = found.ok_or_else(|| IdentityFault::NoConnection(subject.to_owned()))?;
        let mut after = Person::clone(person);
        after.roles.retain(|role| !found.roles.contains(role));
        after.groups.retain(|group| !found.groups.contains(group));
        after.grants = grant::turned(&after.grants, &found.grants, &BTreeSet::new());
        after.reach = grant::reach(&after.grants, &directory.tenants);
        let next = directory.with_person(Arc::new(after.clone()));
        self.refuse_lockout(&directory, &next)?;
        let draft = Draft::new("person.disconnected", actor.to_owned(), person.id.to_string()).tenant(&person.home());
        let draft = draft
            .body(serde_json::json!({ "name": person.name, "issuer": issuer, "subject": subject, "roles": after.roles,
                                "grants": after.grants }));
        self.0
            .ledger
            .write(self.0.clock.now(), move |batch| {
                Box::pin(async move {
                    let connection = batch.connection().await?;
                    store::drop_outside(connection, &found).await?;
                    crate::identity::store::update_person(connection, &after).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.directory.store(Arc::new(next));
        Ok(())
    }
}

fn refuse_fixed(provider: Option<&Provider>) -> Result<(), IdentityFault> {
    match provider {
        Some(provider) if provider.fixed => {
            Err(IdentityFault::Conflict(format!("`{}` comes from the server's options; change it there", provider.id)))
        }
        _ => Ok(()),
    }
}

/// What a provider's secret is sealed under.
pub(in crate::identity) fn label(id: &str) -> String {
    format!("provider {id}")
}
