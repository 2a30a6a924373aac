//! Somebody comes back from a provider: who they are here, what the provider gives them, and their session.
//! Never: found by a name. Who has the same name here is somebody else until an administrator or they themselves say so.

use std::collections::BTreeSet;
use std::sync::Arc;

use legator_protocol::{SessionId, UserId};

use super::logout::{self, Came};
use super::provider::Provider;
use super::token::Claims;
use super::{OutsideFault, store};
use crate::audit::Draft;
use crate::identity::directory::Directory;
use crate::identity::{Identity, IdentityFault, Kind, Opened, Person, Session, Visitor, grant, name, people};

/// Who somebody is at a provider.
#[derive(Clone, Debug)]
pub struct Outside {
    pub issuer: String,
    pub subject: String,
    pub person: UserId,
    /// What the provider gave last time, so that it can take it back.
    pub roles: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    pub grants: BTreeSet<String>,
    pub linked_at: i64,
    pub last_at: Option<i64>,
}

/// Somebody whose token was good.
pub struct Arrived {
    pub provider: Arc<Provider>,
    pub claims: Claims,
    pub id_token: String,
    pub from: Visitor,
    /// The session that this browser had; it ends.
    pub old: Option<String>,
}

impl Identity {
    /// Opens a session for somebody whom a provider vouches for, who is made here at the first time.
    pub(super) async fn arrive(&self, arrived: Arrived) -> Result<Opened, OutsideFault> {
        let Arrived { provider, claims, id_token, from, old } = arrived;
        let settings = &provider.settings;
        let _changing = self.0.changing.lock().await;
        let known = store::outside(&self.0.db, &settings.issuer, &claims.subject).await.map_err(IdentityFault::Read)?;
        let directory = self.0.directory.load_full();
        let (mut roles, groups) = settings.given(&claims.all);
        let grants = settings.granted(&claims.all);
        // A role that no policy speaks of gives nothing, and would be a surprise on the day when one does.
        let spoken_of = self.roles_of_policies();
        roles.retain(|role| spoken_of.contains(role));
        let at = self.0.clock.now();
        let (before, link) = match known {
            Some(link) => {
                let person = directory.people.get(&link.person).filter(|it| !it.disabled && it.kind == Kind::User);
                (Person::clone(person.ok_or(OutsideFault::Disabled)?), link)
            }
            None => {
                let person = self.newcomer(&directory, &provider, &claims, at)?;
                let link = Outside {
                    issuer: settings.issuer.clone(),
                    subject: claims.subject.clone(),
                    person: person.id,
                    roles: BTreeSet::new(),
                    groups: BTreeSet::new(),
                    grants: BTreeSet::new(),
                    linked_at: at,
                    last_at: None,
                };
                (person, link)
            }
        };
        let added = link.last_at.is_none() && !directory.people.contains_key(&before.id);
        let turned = |own: &BTreeSet<String>, last: &BTreeSet<String>, now: &BTreeSet<String>| {
            own.difference(last).chain(now).cloned().collect::<BTreeSet<_>>()
        };
        let mut after = Person { last_sign_in_at: Some(at), ..before.clone() };
        after.roles = turned(&before.roles, &link.roles, &roles);
        after.groups = turned(&before.groups, &link.groups, &groups);
        after.grants = grant::turned(&before.grants, &link.grants, &grants);
        if self.refuse_lockout(&directory, &directory.with_person(Arc::new(after.clone()))).is_err() {
            // The provider does not take away the last person who could undo it.
            after.roles.extend(before.roles.iter().cloned());
            after.groups.extend(before.groups.iter().cloned());
            after.grants.extend(before.grants.iter().cloned());
        }
        // What is written down of them is written down where they are now.
        after.reach = grant::reach(&after.grants, &directory.tenants);
        let mfa = settings.second_factor(&claims.all);
        let (text, session) = Session::mint(&self.0.clock, after.id, mfa, &from, self.0.limits);
        let session = Arc::new(session);
        let mut ended = self.too_many(after.id);
        ended.extend(old.and_then(|old| self.session_of_cookie(&old)).map(|session| session.id));
        let actor = format!("provider {}", provider.id);
        let mut drafts = Vec::new();
        let about = |person: &Person| {
            serde_json::json!({ "name": person.name, "roles": person.roles, "groups": person.groups,
                                "grants": person.grants, "provider": provider.id, "subject": claims.subject })
        };
        if added {
            drafts.push(
                Draft::new("person.added", actor, after.id.to_string()).tenant(&after.home()).body(about(&after)),
            );
        } else if (&before.roles, &before.groups, &before.grants) != (&after.roles, &after.groups, &after.grants) {
            drafts.push(
                Draft::new("person.changed", actor, after.id.to_string()).tenant(&after.home()).body(about(&after)),
            );
        }
        let opened = Draft::new("session.opened", after.name.clone(), session.id.to_string()).tenant(&after.home());
        drafts.push(opened.body(serde_json::json!({
            "person": after.id, "by": "provider", "provider": provider.id, "mfa": mfa,
            "address": session.address, "agent": session.agent,
        })));
        let link = Outside { roles, groups, grants, last_at: Some(at), ..link };
        let sealed = self.0.vault.seal(&self.0.clock, &id_token_label(session.id), id_token.as_bytes());
        let sealed = sealed.map_err(IdentityFault::Vault)?;
        let came = Came {
            provider: provider.id.clone(),
            issuer: settings.issuer.clone(),
            subject: claims.subject.clone(),
            sid: logout::sid(&claims.all),
            id_token: sealed,
        };
        let (row, gone, person) = (Arc::clone(&session), ended.clone(), after.clone());
        self.0
            .ledger
            .attempt(at, move |batch| {
                Box::pin(async move {
                    let connection = batch.connection().await?;
                    if added {
                        crate::identity::store::insert_person(connection, &person).await?;
                    }
                    crate::identity::store::update_person(connection, &person).await?;
                    if !store::put_outside(connection, &link).await? {
                        return Err(IdentityFault::SignInRefused);
                    }
                    crate::identity::store::end_sessions(connection, &gone).await?;
                    crate::identity::store::insert_session(connection, &row).await?;
                    store::put_session(connection, row.id, &came).await?;
                    for draft in drafts {
                        batch.entry(draft)?;
                    }
                    Ok(())
                })
            })
            .await?;
        let person = Arc::new(after);
        self.0.directory.store(Arc::new(directory.with_person(Arc::clone(&person))));
        self.0.sessions.end(&ended);
        self.0.sessions.add(Arc::clone(&session));
        Ok(Opened { person, session, text })
    }

    /// Somebody new, under the name that the provider gives them, if nobody could be taken for them.
    fn newcomer(
        &self,
        directory: &Directory,
        provider: &Provider,
        claims: &Claims,
        at: i64,
    ) -> Result<Person, OutsideFault> {
        if !provider.settings.makes_people {
            return Err(OutsideFault::NoAccount);
        }
        let called = provider.settings.called(&claims.all).ok_or(OutsideFault::Unnamed)?;
        name::check_person(&called).map_err(|_| OutsideFault::Unnamed)?;
        people::refuse_look_alikes(directory, &called).map_err(|_| OutsideFault::NameTaken)?;
        let id = self.0.clock.born(UserId::born);
        Ok(Person { id, name: called, kind: Kind::User, created_at: at, ..Person::nobody() })
    }

    /// Connects who somebody is at a provider with the person whose session began it.
    pub(super) async fn connect(&self, arrived: Arrived, session: SessionId) -> Result<(), OutsideFault> {
        let Arrived { provider, claims, .. } = arrived;
        let _changing = self.0.changing.lock().await;
        let (directory, at) = (self.0.directory.load_full(), self.0.clock.now());
        let live = self.0.sessions.get(session).filter(|session| session.live(at, self.0.limits));
        let person = live.and_then(|session| directory.people.get(&session.person).cloned());
        let person = person.filter(|person| !person.disabled).ok_or(OutsideFault::State)?;
        let issuer = provider.settings.issuer.clone();
        let known = store::outside(&self.0.db, &issuer, &claims.subject).await.map_err(IdentityFault::Read)?;
        match known {
            Some(known) if known.person == person.id => return Ok(()),
            Some(_) => return Err(OutsideFault::Elsewhere),
            None => {}
        }
        let draft = Draft::new("person.connected", person.name.clone(), person.id.to_string()).tenant(&person.home());
        let draft = draft.body(
            serde_json::json!({ "name": person.name, "provider": provider.id, "issuer": issuer, "subject": claims.subject }),
        );
        let link = Outside {
            issuer,
            subject: claims.subject,
            person: person.id,
            roles: BTreeSet::new(),
            groups: BTreeSet::new(),
            grants: BTreeSet::new(),
            linked_at: at,
            last_at: None,
        };
        self.0
            .ledger
            .attempt(at, move |batch| {
                Box::pin(async move {
                    if !store::put_outside(batch.connection().await?, &link).await? {
                        return Err(IdentityFault::SignInRefused);
                    }
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        Ok(())
    }
}

/// What a kept token is sealed under.
pub(in crate::identity) fn id_token_label(session: SessionId) -> String {
    format!("id token {session}")
}
