//! API keys: made for somebody, bound to what they are for, ended at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use legator_protocol::{KeyId, Level};

use super::directory::KeyText;
use super::{ACTIONS, Identity, IdentityFault, Key, Kind, ManageKeys, Permit, Person, name, store};
use crate::audit::Draft;
use crate::vault::Secret;

/// A fresh key: its record, and the text that is shown once.
pub struct Minted {
    pub key: Key,
    pub text: Secret<String>,
}

/// A client's certificate that is to be a program's key.
pub struct Certified {
    /// The program, by id or name.
    pub person: String,
    pub name: String,
    pub uri: String,
    pub expires_at: Option<i64>,
    pub scopes: Option<BTreeSet<String>>,
}

impl Identity {
    pub fn keys(&self, permit: &Permit<ManageKeys>) -> Vec<Arc<Key>> {
        let (directory, reach) = (self.0.directory.load(), self.governs(permit.caller()));
        let theirs =
            |key: &&Arc<Key>| directory.people.get(&key.person).is_some_and(|person| person.reach.is_within(&reach));
        directory.keys.values().filter(theirs).cloned().collect()
    }

    /// Makes a key for `person` (an id or a name), good for `scopes`, or for all that its owner may.
    pub async fn mint_key(
        &self,
        permit: Permit<ManageKeys>,
        person: &str,
        name: &str,
        expires_at: Option<i64>,
        scopes: Option<BTreeSet<String>>,
    ) -> Result<Minted, IdentityFault> {
        let found = self.find_within(permit.caller(), person)?;
        if expires_at.is_some_and(|at| at <= self.0.clock.now()) {
            return Err(IdentityFault::Invalid("`expires_at` is in the past".to_owned()));
        }
        refuse_unknown(scopes.as_ref())?;
        refuse_wider(&permit, scopes.as_ref())?;
        self.issue(&permit.caller().person.name, &found, name, expires_at, scopes, None).await
    }

    /// Takes a client's certificate as a key of a program: whoever shows one of this URI, of the authority that the server
    /// asks for, is that program. Both have to agree, the authority and who registers it.
    pub async fn certify(&self, permit: Permit<ManageKeys>, new: Certified) -> Result<Key, IdentityFault> {
        let Certified { person, name, uri, expires_at, scopes } = new;
        let found = self.find_within(permit.caller(), &person)?;
        if found.kind == Kind::User {
            return Err(IdentityFault::Invalid(
                "a certificate is a program's: make a service account for it".to_owned(),
            ));
        }
        if !is_uri(&uri) {
            return Err(IdentityFault::Invalid(
                "`uri` has to be the URI of the certificate, as `spiffe://example/ci`".to_owned(),
            ));
        }
        if expires_at.is_some_and(|at| at <= self.0.clock.now()) {
            return Err(IdentityFault::Invalid("`expires_at` is in the past".to_owned()));
        }
        refuse_unknown(scopes.as_ref())?;
        refuse_wider(&permit, scopes.as_ref())?;
        let minted = self.issue(&permit.caller().person.name, &found, &name, expires_at, scopes, Some(uri)).await?;
        Ok(minted.key)
    }

    /// Makes a key in place of another: for the same, of the same owner. The old one goes on for a while, so that what
    /// uses it can change over.
    pub async fn rotate_key(
        &self,
        permit: Permit<ManageKeys>,
        id: KeyId,
        overlap_ms: i64,
    ) -> Result<Minted, IdentityFault> {
        let now = self.0.clock.now();
        let directory = self.0.directory.load_full();
        let no_key = || IdentityFault::NoKey(id.to_string());
        let old = directory.keys.get(&id).ok_or_else(no_key)?;
        let owner = self.find_within(permit.caller(), &old.person.to_string()).map_err(|_| no_key())?;
        if old.certificate.is_some() {
            return Err(IdentityFault::Conflict(
                "this key is a certificate: its authority renews it, and nothing changes here".to_owned(),
            ));
        }
        if !old.live(now) {
            return Err(IdentityFault::Conflict("this key has ended; make another".to_owned()));
        }
        let scopes = old.scopes.as_deref().cloned();
        refuse_wider(&permit, scopes.as_ref())?;
        // It lives for as long again as the old one was made for.
        let lives_ms = old.expires_at.map(|at| at.saturating_sub(old.created_at));
        let expires_at = lives_ms.map(|ms| now.saturating_add(ms));
        let actor = permit.caller().person.name.clone();
        let minted = self.issue(&actor, &owner, &old.name, expires_at, scopes, None).await?;
        let changing = self.0.changing.lock().await;
        let directory = self.0.directory.load_full();
        let old = directory.keys.get(&id).ok_or_else(no_key)?;
        if !old.live(now) {
            // It was revoked meanwhile, and so is what was to take its place; nobody has seen its text.
            drop(changing);
            self.revoke_key(permit, minted.key.id).await?;
            return Err(IdentityFault::Conflict("this key was revoked meanwhile; make another".to_owned()));
        }
        let ends_at = now.saturating_add(overlap_ms.max(0));
        let ends_at = old.expires_at.map_or(ends_at, |at| at.min(ends_at));
        let next = directory.with_key(Key { expires_at: Some(ends_at), ..Key::clone(old) });
        let draft = Draft::new("key.rotated", actor, id.to_string()).tenant(&owner.home()).body(serde_json::json!({
            "person": old.person, "name": old.name, "instead": minted.key.id, "ends_at": ends_at,
        }));
        self.0
            .ledger
            .write(now, move |batch| {
                Box::pin(async move {
                    store::expire_key(batch.connection().await?, id, ends_at).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.directory.store(Arc::new(next));
        Ok(minted)
    }

    /// Ends a key at once.
    pub async fn revoke_key(&self, permit: Permit<ManageKeys>, id: KeyId) -> Result<(), IdentityFault> {
        let _changing = self.0.changing.lock().await;
        let directory = self.0.directory.load_full();
        let no_key = || IdentityFault::NoKey(id.to_string());
        let key = directory.keys.get(&id).ok_or_else(no_key)?;
        let owner = self.find_within(permit.caller(), &key.person.to_string()).map_err(|_| no_key())?;
        let at = self.0.clock.now();
        let next = directory.with_key(Key { revoked_at: Some(key.revoked_at.unwrap_or(at)), ..Key::clone(key) });
        self.refuse_lockout(&directory, &next)?;
        let draft = Draft::new("key.revoked", permit.caller().person.name.clone(), id.to_string())
            .tenant(&owner.home())
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
        self.0.directory.store(Arc::new(next));
        Ok(())
    }

    pub(super) async fn issue(
        &self,
        actor: &str,
        person: &Person,
        name: &str,
        expires_at: Option<i64>,
        scopes: Option<BTreeSet<String>>,
        certificate: Option<String>,
    ) -> Result<Minted, IdentityFault> {
        name::check_word("name", name).map_err(IdentityFault::Invalid)?;
        let _changing = self.0.changing.lock().await;
        let mut body = serde_json::json!({ "person": person.id, "name": name, "expires_at": expires_at });
        if let Some(scopes) = &scopes {
            body["scopes"] = scopes.iter().cloned().collect();
        }
        if let Some(uri) = &certificate {
            if self.0.directory.load().certified(uri, self.0.clock.now()).is_some() {
                return Err(IdentityFault::Conflict("a certificate of this URI is a program's already".to_owned()));
            }
            body["certificate"] = uri.as_str().into();
        }
        let (text, key) = KeyText::mint(&self.0.clock, person.id, name, expires_at, scopes);
        let key = Key { certificate, ..key };
        let row = key.clone();
        let draft = Draft::new("key.minted", actor, key.id.to_string()).tenant(&person.home()).body(body);
        self.0
            .ledger
            .write(self.0.clock.now(), move |batch| {
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

fn refuse_unknown(scopes: Option<&BTreeSet<String>>) -> Result<(), IdentityFault> {
    let known = |scope: &String| ACTIONS.contains(&scope.as_str()) || scope.parse::<Level>().is_ok();
    if let Some(unknown) = scopes.into_iter().flatten().find(|scope| !known(scope)) {
        return Err(IdentityFault::Invalid(format!(
            "`{unknown}` is no action; `GET /api/v1/auth/permissions` lists what there is"
        )));
    }
    if scopes.is_some_and(BTreeSet::is_empty) {
        return Err(IdentityFault::Invalid("a key without any scope would be for nothing".to_owned()));
    }
    Ok(())
}

/// A scheme, and something behind it, in plain characters.
fn is_uri(text: &str) -> bool {
    let scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    text.len() <= 2048
        && text.chars().all(|c| c.is_ascii_graphic())
        && text.split_once(':').is_some_and(|(before, after)| scheme(before) && !after.is_empty())
}

/// A bounded key that makes an unbounded one would be no bound.
fn refuse_wider(permit: &Permit<ManageKeys>, scopes: Option<&BTreeSet<String>>) -> Result<(), IdentityFault> {
    match &permit.caller().scopes {
        Some(own) if scopes.is_none_or(|wanted| !wanted.is_subset(own)) => {
            Err(IdentityFault::Invalid("a key makes no key that is for more than itself".to_owned()))
        }
        _ => Ok(()),
    }
}
