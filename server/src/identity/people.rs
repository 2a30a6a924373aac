//! People, machine accounts and groups: adding them, changing what they may do, sending them away.
//! Never: a change after which nobody could administer any more.

use std::collections::BTreeSet;
use std::sync::Arc;

use legator_engine::Bundle;
use legator_protocol::{KeyId, UserId};

use super::directory::{Credentials, Directory};
use super::link::{INVITED_MS, Link, Purpose, RESET_MS};
use super::{Caller, Identity, IdentityFault, Key, Kind, ManageUsers, Permit, Person, grant, name, store};
use crate::audit::Draft;
use crate::tenant::Reach;
use crate::vault::Secret;

/// Somebody to be added.
#[derive(Clone, Debug)]
pub struct NewPerson {
    pub name: String,
    pub kind: Kind,
    /// The owner of a service or an agent, by id or name.
    pub owner: Option<String>,
    pub roles: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    /// Those of who adds them, if absent.
    pub grants: Option<BTreeSet<String>>,
}

impl NewPerson {
    pub(super) fn user(name: &str, roles: BTreeSet<String>) -> Self {
        Self { name: name.to_owned(), kind: Kind::User, owner: None, roles, groups: BTreeSet::new(), grants: None }
    }
}

/// What is to be different about somebody.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub roles: Option<BTreeSet<String>>,
    pub groups: Option<BTreeSet<String>>,
    pub grants: Option<BTreeSet<String>>,
    pub disabled: Option<bool>,
}

impl Person {
    /// Nobody, to be filled in.
    pub(super) fn nobody() -> Self {
        Self {
            id: UserId::born(0, 0),
            name: String::new(),
            kind: Kind::User,
            owner: None,
            roles: BTreeSet::new(),
            groups: BTreeSet::new(),
            grants: BTreeSet::new(),
            reach: Reach::everything(),
            created_at: 0,
            last_sign_in_at: None,
            disabled: false,
        }
    }
}

impl Identity {
    pub fn people(&self, permit: &Permit<ManageUsers>) -> Vec<Arc<Person>> {
        let reach = self.governs(permit.caller());
        self.0.directory.load().people.values().filter(|person| person.reach.is_within(&reach)).cloned().collect()
    }

    /// Whether somebody has a password, and a second factor.
    pub fn signs_in_with(&self, person: &Person) -> (bool, bool) {
        let directory = self.0.directory.load();
        let credentials = directory.credentials(person.id);
        credentials.map_or((false, false), |it| (it.password.is_some(), it.has_second_factor()))
    }

    /// Whether somebody has an authenticator app in use.
    pub fn has_app(&self, person: &Person) -> bool {
        self.0.directory.load().credentials(person.id).is_some_and(|it| it.app().is_some())
    }

    pub fn find(&self, permit: &Permit<ManageUsers>, id_or_name: &str) -> Result<Arc<Person>, IdentityFault> {
        self.find_within(permit.caller(), id_or_name)
    }

    /// Somebody whom the caller governs; anybody else is as unknown as nobody.
    pub(super) fn find_within(&self, caller: &Caller, id_or_name: &str) -> Result<Arc<Person>, IdentityFault> {
        let person = self.find_person(id_or_name)?;
        let known = person.reach.is_within(&self.governs(caller));
        if known { Ok(person) } else { Err(IdentityFault::NoPerson(id_or_name.to_owned())) }
    }

    pub(super) fn find_person(&self, id_or_name: &str) -> Result<Arc<Person>, IdentityFault> {
        self.0.directory.load().find(id_or_name).ok_or_else(|| IdentityFault::NoPerson(id_or_name.to_owned()))
    }

    /// Adds somebody; with `invited` there is a link by which they choose a password.
    pub async fn add_person(
        &self,
        permit: Permit<ManageUsers>,
        new: NewPerson,
        invited: bool,
    ) -> Result<(Arc<Person>, Option<Secret<String>>), IdentityFault> {
        if invited && new.kind != Kind::User {
            return Err(IdentityFault::Invalid("only people are invited; a machine account has keys".to_owned()));
        }
        self.check_roles(&new.roles)?;
        let actor = permit.caller().person.name.clone();
        let new = self.within_reach(permit.caller(), new)?;
        let person = self.admit(&actor, new).await?;
        if !invited {
            return Ok((person, None));
        }
        let link = self.offer(&actor, &person, Purpose::Invite, INVITED_MS).await?;
        Ok((person, Some(link)))
    }

    /// Changes roles, groups, or whether somebody is let in at all.
    pub async fn change_person(
        &self,
        permit: Permit<ManageUsers>,
        id: UserId,
        change: Change,
    ) -> Result<Arc<Person>, IdentityFault> {
        for word in change.roles.iter().chain(&change.groups).flatten() {
            name::check_word("role or group", word).map_err(IdentityFault::Invalid)?;
        }
        let _changing = self.0.changing.lock().await;
        let directory = self.0.directory.load_full();
        let before = directory.people.get(&id).ok_or_else(|| IdentityFault::NoPerson(id.to_string()))?;
        let governed = self.governs(permit.caller());
        if let Some(grants) = &change.grants {
            grant::check(grants, &directory.tenants, &governed)?;
            if !grant::reach(grants, &directory.tenants).is_within(&governed) {
                return Err(IdentityFault::Invalid("they would reach further than you do".to_owned()));
            }
        }
        if let Some(roles) = &change.roles {
            self.check_roles(&roles.difference(&before.roles).cloned().collect())?;
        }
        let mut after = Person::clone(before);
        after.roles = change.roles.unwrap_or(after.roles);
        after.groups = change.groups.unwrap_or(after.groups);
        after.grants = change.grants.unwrap_or(after.grants);
        after.disabled = change.disabled.unwrap_or(after.disabled);
        let next = directory.with_person(Arc::new(after.clone()));
        self.refuse_lockout(&directory, &next)?;
        let ended = if after.disabled { self.sessions_of(id) } else { Vec::new() };
        let draft =
            Draft::new("person.changed", permit.caller().person.name.clone(), id.to_string()).tenant(&before.home());
        let draft = draft.body(serde_json::json!({
            "name": after.name, "roles": after.roles, "groups": after.groups, "grants": after.grants,
            "disabled": after.disabled,
            "before": {
                "roles": before.roles, "groups": before.groups, "grants": before.grants, "disabled": before.disabled,
            },
            "sessions_ended": ended.len(),
        }));
        let (row, gone, at) = (after.clone(), ended.clone(), self.0.clock.now());
        self.0
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    let connection = batch.connection().await?;
                    store::update_person(connection, &row).await?;
                    store::end_sessions(connection, &gone).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.sessions.end(&ended);
        let after = next.people.get(&id).cloned().unwrap_or_else(|| Arc::new(after));
        self.0.directory.store(Arc::new(next));
        Ok(after)
    }

    /// Takes away every way in that somebody has, and gives a link to choose a new password.
    pub async fn reset_person(&self, permit: Permit<ManageUsers>, id: UserId) -> Result<Secret<String>, IdentityFault> {
        let person = self.find_person(&id.to_string())?;
        if person.kind != Kind::User {
            return Err(IdentityFault::Invalid("a machine account has no password; revoke its keys".to_owned()));
        }
        self.strip(&permit.caller().person.name, &person, false).await?;
        self.offer(&permit.caller().person.name, &person, Purpose::Reset, RESET_MS).await
    }

    /// Sends somebody away for good: no role, no way in. The name stays theirs, since the log speaks of it.
    pub async fn remove_person(&self, permit: Permit<ManageUsers>, id: UserId) -> Result<(), IdentityFault> {
        let person = self.find_person(&id.to_string())?;
        self.strip(&permit.caller().person.name, &person, true).await
    }

    async fn strip(&self, actor: &str, person: &Person, for_good: bool) -> Result<(), IdentityFault> {
        let _changing = self.0.changing.lock().await;
        let directory = self.0.directory.load_full();
        let (id, at) = (person.id, self.0.clock.now());
        let mut next = directory.with_credentials(id, Credentials::default());
        let mut after = next.people.get(&id).map(|person| Person::clone(person)).unwrap_or_else(|| person.clone());
        let mut keys: Vec<KeyId> = Vec::new();
        if for_good {
            keys = next.keys.values().filter(|key| key.person == id && key.live(at)).map(|key| key.id).collect();
            for key in &keys {
                if let Some(key) = directory.keys.get(key) {
                    next = next.with_key(Key { revoked_at: Some(at), ..Key::clone(key) });
                }
            }
            // Their grants stay, so that whoever reaches them sees that they are gone.
            after = Person { disabled: true, roles: BTreeSet::new(), groups: BTreeSet::new(), ..after };
            next = next.with_person(Arc::new(after.clone()));
        }
        self.refuse_lockout(&directory, &next)?;
        let ended = self.sessions_of(id);
        let kind = if for_good { "person.removed" } else { "person.reset" };
        let draft = Draft::new(kind, actor, id.to_string()).tenant(&person.home()).body(serde_json::json!({
            "name": person.name, "keys_revoked": keys, "sessions_ended": ended.len(),
        }));
        let gone = ended.clone();
        self.0
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    let connection = batch.connection().await?;
                    store::update_person(connection, &after).await?;
                    store::put_credentials(connection, id, &Credentials::default(), at).await?;
                    store::put_recovery_codes(connection, id, &[]).await?;
                    store::drop_links(connection, Some(id)).await?;
                    store::end_sessions(connection, &gone).await?;
                    for key in &keys {
                        store::revoke_key(connection, *key, at).await?;
                    }
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.sessions.end(&ended);
        self.0.directory.store(Arc::new(next));
        Ok(())
    }

    /// Makes a one-time link for somebody; older ones of theirs end.
    pub(super) async fn offer(
        &self,
        actor: &str,
        person: &Person,
        purpose: Purpose,
        lives_ms: i64,
    ) -> Result<Secret<String>, IdentityFault> {
        let (text, link) = Link::mint(&self.0.clock, purpose, Some(person.id), Some(lives_ms));
        let draft = Draft::new("link.made", actor, person.id.to_string()).tenant(&person.home());
        let draft = draft.body(serde_json::json!({
            "name": person.name, "purpose": purpose.as_str(), "expires_at": link.expires_at,
        }));
        self.0
            .ledger
            .write(self.0.clock.now(), move |batch| {
                Box::pin(async move {
                    let connection = batch.connection().await?;
                    store::drop_links(connection, link.person).await?;
                    store::insert_link(connection, &link).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        Ok(text)
    }

    pub(super) async fn admit(&self, actor: &str, new: NewPerson) -> Result<Arc<Person>, IdentityFault> {
        let NewPerson { name, kind, owner, roles, groups, grants } = new;
        name::check_person(&name).map_err(IdentityFault::Invalid)?;
        for word in roles.iter().chain(&groups) {
            name::check_word("role or group", word).map_err(IdentityFault::Invalid)?;
        }
        let _changing = self.0.changing.lock().await;
        let directory = self.0.directory.load_full();
        let owner = match (kind, owner) {
            (Kind::User, Some(_)) => return Err(IdentityFault::Invalid("a person has no owner".to_owned())),
            (Kind::User, None) => None,
            (_, None) => return Err(IdentityFault::Invalid("say whose it is with `owner`".to_owned())),
            (_, Some(owner)) => {
                Some(directory.find(&owner).filter(|it| it.kind == Kind::User).ok_or(IdentityFault::NoPerson(owner))?)
            }
        };
        refuse_look_alikes(&directory, &name)?;
        let (at, id) = (self.0.clock.now(), self.0.clock.born(UserId::born));
        let owner = owner.map(|owner| owner.id);
        let grants = grants.unwrap_or_default();
        let person = Person { id, name, kind, owner, roles, groups, grants, created_at: at, ..Person::nobody() };
        let next = directory.with_person(Arc::new(person));
        let person = next.people.get(&id).cloned().ok_or_else(|| IdentityFault::NoPerson(id.to_string()))?;
        let row = Arc::clone(&person);
        let mut body = serde_json::json!({ "name": row.name, "roles": row.roles, "groups": row.groups });
        if !row.grants.is_empty() {
            body["grants"] = row.grants.iter().cloned().collect();
        }
        if let Some(owner) = owner {
            (body["kind"], body["owner"]) = (kind.as_str().into(), owner.to_string().into());
        }
        let draft = Draft::new("person.added", actor, id.to_string()).tenant(&person.home()).body(body);
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
        self.0.directory.store(Arc::new(next));
        Ok(person)
    }

    /// Somebody new reaches no further than who adds them, and nobody says so of themselves.
    fn within_reach(&self, caller: &Caller, new: NewPerson) -> Result<NewPerson, IdentityFault> {
        let directory = self.0.directory.load();
        if let Some(owner) = &new.owner {
            self.find_within(caller, owner)?;
        }
        let grants = new.grants.unwrap_or_else(|| caller.person.grants.clone());
        grant::check(&grants, &directory.tenants, &self.governs(caller))?;
        if !grant::reach(&grants, &directory.tenants).is_within(&self.governs(caller)) {
            return Err(IdentityFault::Invalid("say with `grants` which of your tenants they are for".to_owned()));
        }
        Ok(NewPerson { grants: Some(grants), ..new })
    }

    /// A role that no policy speaks of is a slip of the pen.
    pub(super) fn check_roles(&self, roles: &BTreeSet<String>) -> Result<(), IdentityFault> {
        let known = self.roles_of_policies();
        match roles.iter().find(|role| !known.contains(*role)) {
            None => Ok(()),
            Some(role) => {
                let known = known.into_iter().collect::<Vec<_>>().join("`, `");
                Err(IdentityFault::Invalid(format!("no policy speaks of the role `{role}`; there are `{known}`")))
            }
        }
    }

    /// Refuses a change that takes away the last person who could undo it.
    pub(super) fn refuse_lockout(&self, before: &Directory, after: &Directory) -> Result<(), IdentityFault> {
        if self.governed(before) && !self.governed(after) {
            return Err(IdentityFault::LastAdministrator);
        }
        Ok(())
    }

    /// Refuses rules under which nobody who has a way in could manage people, or could put other rules in force: whoever
    /// takes their own role away by its policy locks everybody out as well as by their record.
    pub fn refuse_lockout_by(&self, rules: &Bundle) -> Result<(), IdentityFault> {
        let (directory, now) = (self.0.directory.load_full(), self.bundle());
        let lasts = |rules: &Bundle| {
            self.somebody(&directory, |person, second| self.could_administer_by(rules, person, second))
                && self.somebody(&directory, |person, second| self.could_activate_by(rules, person, second))
        };
        if lasts(&now) && !lasts(rules) {
            return Err(IdentityFault::LastAdministrator);
        }
        Ok(())
    }

    /// Whether somebody who may manage people has a way in.
    fn governed(&self, directory: &Directory) -> bool {
        self.somebody(directory, |person, second| self.could_administer(person, second))
    }

    /// Whether there is somebody with a way in of whom this is so, with the second factor that they have.
    fn somebody(&self, directory: &Directory, of_whom: impl Fn(&Person, bool) -> bool) -> bool {
        let now = self.0.clock.now();
        directory.people.values().filter(|person| person.kind == Kind::User && !person.disabled).any(|person| {
            let credentials = directory.credentials(person.id);
            let password = credentials.is_some_and(|it| it.password.is_some());
            let second = password && credentials.is_some_and(|it| it.has_second_factor());
            let key = || {
                let mut keys = directory.keys.values().filter(|key| key.person == person.id);
                keys.any(|key| key.live(now) && key.scopes.is_none())
            };
            (password || key()) && of_whom(person, second)
        })
    }
}

pub(super) fn refuse_look_alikes(directory: &Directory, name: &str) -> Result<(), IdentityFault> {
    let folded = name::folded(name);
    for person in directory.people.values() {
        if name::folded(&person.name) == folded {
            return Err(IdentityFault::NameTaken(name.to_owned()));
        }
        if name::look_alike(&person.name, name) {
            return Err(IdentityFault::LooksLike { wanted: name.to_owned(), there: person.name.clone() });
        }
    }
    Ok(())
}
