//! Grants: which tenants, organizations and scopes somebody was given, and how far that reaches.
//! Never: a grant that nobody can have meant. Who has none of a tenant or an organization is of the default tenant.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{IdentityFault, name};
use crate::tenant::{Reach, Tenant};

/// The organization that every tenant is of, those that come included.
pub const HOUSE: &str = "house";

/// A tenant, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct House {
    pub tenant: Tenant,
    /// What people call it.
    pub title: Option<String>,
    pub org: Option<String>,
    pub created_at: i64,
}

/// The grant of nothing: no tenant can have this name. Without it, who has a tenant taken away would be of the default one.
pub const NOWHERE: &str = "tenant:-";

pub type Tenants = BTreeMap<Tenant, Arc<House>>;

/// One grant, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grant<'g> {
    Tenant(&'g str),
    Org(&'g str),
    Scope(&'g str),
}

impl<'g> Grant<'g> {
    fn read(text: &'g str) -> Option<Self> {
        let (kind, of) = text.split_once(':')?;
        match kind {
            "tenant" => Some(Self::Tenant(of)),
            "org" => Some(Self::Org(of)),
            "scope" => Some(Self::Scope(of)),
            _ => None,
        }
    }
}

/// How far grants reach, with these tenants.
pub(super) fn reach(grants: &BTreeSet<String>, tenants: &Tenants) -> Reach {
    let read: Vec<_> = grants.iter().filter_map(|grant| Grant::read(grant)).collect();
    let scopes = read.iter().filter_map(|grant| match grant {
        Grant::Scope(tag) => Some((*tag).to_owned()),
        _ => None,
    });
    let scopes = scopes.collect();
    let wide = read.iter().filter(|grant| !matches!(grant, Grant::Scope(_)));
    if wide.clone().any(|grant| *grant == Grant::Org(HOUSE)) {
        return Reach::of(None, scopes);
    }
    let mut reached: BTreeSet<Tenant> = tenants
        .values()
        .filter(|house| {
            wide.clone().any(|grant| match grant {
                Grant::Tenant(name) => house.tenant.as_str() == *name,
                Grant::Org(name) => house.org.as_deref() == Some(*name),
                Grant::Scope(_) => false,
            })
        })
        .map(|house| house.tenant.clone())
        .collect();
    if wide.clone().next().is_none() {
        reached.insert(Tenant::default());
    }
    // With one tenant alone there is nothing to be bound to, and nobody is troubled with it.
    let all = tenants.keys().all(|tenant| reached.contains(tenant));
    Reach::of((!all).then_some(reached), scopes)
}

/// The grants as policies see them: none where they reach everything.
pub(super) fn said(grants: &BTreeSet<String>, reach: &Reach) -> BTreeSet<String> {
    if reach.is_everything() {
        return BTreeSet::new();
    }
    let scope = |grant: &&String| grant.starts_with("scope:");
    if reach.is_every_tenant() {
        return grants.iter().filter(scope).cloned().collect();
    }
    let mut said = grants.clone();
    if grants.iter().all(|grant| grant.starts_with("scope:")) {
        said.insert(format!("tenant:{}", Tenant::default().as_str()));
    }
    said
}

/// Whether one of them is of a tenant or an organization, so that the default tenant does not go without saying.
pub(super) fn names_a_tenant(grants: &BTreeSet<String>) -> bool {
    grants.iter().any(|grant| !grant.starts_with("scope:"))
}

/// Grants of somebody to whom a provider gave `last` and gives `now`. What others gave stays; and who had a tenant and has
/// none left has none, instead of the default one.
pub(super) fn turned(own: &BTreeSet<String>, last: &BTreeSet<String>, now: &BTreeSet<String>) -> BTreeSet<String> {
    let mut after: BTreeSet<String> =
        own.difference(last).chain(now).filter(|grant| *grant != NOWHERE).cloned().collect();
    let told_to = now.contains(NOWHERE);
    if !names_a_tenant(&after) && (names_a_tenant(own) || told_to) {
        after.insert(NOWHERE.to_owned());
    }
    after
}

/// Whether a grant is written as one, whatever there is.
pub(super) fn check_form(grant: &str) -> Result<(), String> {
    let refuse = || {
        format!("`{}` is no grant; `tenant:…`, `org:…` or `scope:…`", grant.escape_debug().take(80).collect::<String>())
    };
    match Grant::read(grant) {
        Some(Grant::Tenant(of) | Grant::Org(of) | Grant::Scope(of)) => check_name("grant", of).map_err(|_| refuse()),
        None => Err(refuse()),
    }
}

/// Refuses grants that are written wrongly, or of what there is not within `reach`.
pub(super) fn check(grants: &BTreeSet<String>, tenants: &Tenants, reach: &Reach) -> Result<(), IdentityFault> {
    let refuse = |why: String| Err(IdentityFault::Invalid(why));
    for grant in grants {
        match Grant::read(grant) {
            Some(_) if grant == NOWHERE => {}
            Some(Grant::Tenant(of)) => {
                if !tenants.keys().any(|tenant| tenant.as_str() == of && reach.has(tenant)) {
                    return refuse(format!("there is no tenant `{of}`"));
                }
            }
            Some(Grant::Org(HOUSE)) => {
                if !reach.is_every_tenant() {
                    return refuse("`org:house` is given by somebody who has it".to_owned());
                }
            }
            Some(Grant::Org(of)) => {
                let mut of_org = tenants.values().filter(|house| house.org.as_deref() == Some(of)).peekable();
                if of_org.peek().is_none() || !of_org.all(|house| reach.has(&house.tenant)) {
                    return refuse(format!("there is no organization `{of}`"));
                }
            }
            Some(Grant::Scope(tag)) => check_name("scope", tag)?,
            None => {
                let shown: String = grant.escape_debug().take(80).collect();
                return refuse(format!("`{shown}` is no grant; `tenant:…`, `org:…` or `scope:…`"));
            }
        }
    }
    Ok(())
}

/// The name of a tenant, an organization or a scope.
pub(super) fn check_name(what: &str, word: &str) -> Result<(), IdentityFault> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/=".contains(c);
    if word.is_empty() || word.len() > 64 || !word.chars().all(plain) {
        return Err(IdentityFault::Invalid(format!("`{what}` has to be 1 to 64 ASCII letters, digits or `-_.:/=`")));
    }
    Ok(())
}

/// The name of a new tenant or organization: a word that nobody mistakes.
pub(super) fn check_slug(what: &str, word: &str) -> Result<(), IdentityFault> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if word.is_empty() || word.len() > 40 || !word.chars().all(plain) || word.starts_with('-') || word.ends_with('-') {
        return Err(IdentityFault::Invalid(format!("`{what}` has to be 1 to 40 small letters, digits or `-` between")));
    }
    if word == HOUSE {
        return Err(IdentityFault::Invalid(format!("`{HOUSE}` is the organization of all tenants")));
    }
    Ok(())
}

pub(super) fn check_title(title: &str) -> Result<(), IdentityFault> {
    name::check_word("title", title).map_err(IdentityFault::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenants(all: &[(&str, Option<&str>)]) -> Tenants {
        let house = |(name, org): &(&str, Option<&str>)| {
            let tenant = Tenant::named(name);
            let org = org.map(str::to_owned);
            (tenant.clone(), Arc::new(House { tenant, title: None, org, created_at: 0 }))
        };
        all.iter().map(house).collect()
    }

    fn grants(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|grant| (*grant).to_owned()).collect()
    }

    const THREE: &[(&str, Option<&str>)] = &[("default", None), ("blue", Some("acme")), ("red", Some("acme"))];

    #[test]
    fn with_one_tenant_nobody_is_bound() {
        let one = tenants(&[("default", None)]);
        assert!(reach(&grants(&[]), &one).is_everything());
        assert!(said(&grants(&[]), &reach(&grants(&[]), &one)).is_empty());
    }

    #[test]
    fn who_was_granted_nothing_is_of_the_default_tenant() {
        let reach = reach(&grants(&[]), &tenants(THREE));
        assert_eq!(reach.only(), Some(&Tenant::default()));
        assert_eq!(said(&grants(&[]), &reach), grants(&["tenant:default"]));
    }

    #[test]
    fn grants_add_up_and_organizations_bring_their_tenants() {
        let of = |all: &[&str]| reach(&grants(all), &tenants(THREE));
        assert_eq!(of(&["tenant:blue"]).only(), Some(&Tenant::named("blue")));
        assert_eq!(of(&["org:acme"]), of(&["tenant:blue", "tenant:red"]));
        assert!(of(&["org:house"]).is_everything());
        assert!(of(&["org:acme", "tenant:default"]).is_everything());
        let gone = of(&["tenant:gone"]);
        assert!(!gone.has(&Tenant::default()) && !gone.is_every_tenant(), "a grant of nothing is nothing");
        let scoped = of(&["org:house", "scope:web"]);
        assert!(scoped.is_every_tenant() && scoped.has_scopes());
        assert_eq!(said(&grants(&["org:house", "scope:web"]), &scoped), grants(&["scope:web"]));
    }

    #[test]
    fn a_provider_takes_back_its_own_and_never_lets_somebody_fall_into_the_default_tenant() {
        let of = |own: &[&str], last: &[&str], now: &[&str]| turned(&grants(own), &grants(last), &grants(now));
        assert_eq!(of(&[], &[], &["tenant:blue"]), grants(&["tenant:blue"]));
        assert_eq!(of(&["tenant:blue", "tenant:red"], &["tenant:blue"], &[]), grants(&["tenant:red"]));
        assert_eq!(of(&["tenant:blue"], &["tenant:blue"], &["tenant:red"]), grants(&["tenant:red"]));
        assert_eq!(of(&["tenant:blue", "scope:web"], &["tenant:blue"], &[]), grants(&["scope:web", NOWHERE]));
        assert_eq!(of(&[NOWHERE], &[], &[]), grants(&[NOWHERE]), "and stays there");
        assert_eq!(of(&[NOWHERE], &[], &["tenant:red"]), grants(&["tenant:red"]), "until there is another");
        assert_eq!(of(&[], &[], &[]), grants(&[]), "who never had one is of the default tenant");
        assert_eq!(of(&[], &[], &[NOWHERE]), grants(&[NOWHERE]));
        assert_eq!(of(&["tenant:blue"], &[], &[NOWHERE]), grants(&["tenant:blue"]));
        let nowhere = reach(&grants(&[NOWHERE]), &tenants(THREE));
        assert!(THREE.iter().all(|(name, _)| !nowhere.has(&Tenant::named(name))));
        assert!(!reach(&grants(&[NOWHERE]), &tenants(&[("default", None)])).has(&Tenant::default()));
        assert!(check_slug("name", "-").is_err(), "no tenant is called that");
    }

    #[test]
    fn nobody_grants_what_they_do_not_reach() {
        let three = tenants(THREE);
        let blue = reach(&grants(&["tenant:blue"]), &three);
        assert!(check(&grants(&["tenant:blue", "scope:web"]), &three, &blue).is_ok());
        for beyond in
            ["tenant:red", "tenant:default", "tenant:none", "org:acme", "org:house", "org:none", "web", "scope:"]
        {
            assert!(check(&grants(&[beyond]), &three, &blue).is_err(), "{beyond}");
        }
        // What there is not and what is not theirs sound the same.
        let of = |grant: &str| check(&grants(&[grant]), &three, &blue).unwrap_err().to_string().replace("red", "none");
        assert_eq!(of("tenant:red"), of("tenant:none"));
    }

    #[test]
    fn a_tenants_name_is_a_plain_word() {
        for bad in ["", "Blue", "a b", "-a", "a-", "house", "ä", &"a".repeat(41)] {
            assert!(check_slug("name", bad).is_err(), "{bad}");
        }
        assert!(check_slug("name", "blue-2").is_ok());
    }
}
