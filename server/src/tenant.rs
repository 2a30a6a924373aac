//! Whose something is, and how far somebody reaches. Every list, every id and every stream asks a [`Reach`].
//! Never: says what may be done within it. That is policy, in `policies/tenants.cedar` and the roles.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use legator_engine::DEFAULT_TENANT;

static DEFAULT: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(DEFAULT_TENANT));

/// Whose something is, by name. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(Arc<str>);

impl Default for Tenant {
    /// The tenant of those who run the server, and of everything that says no other.
    fn default() -> Self {
        Self(Arc::clone(&DEFAULT))
    }
}

impl Tenant {
    pub fn named(name: &str) -> Self {
        if name == DEFAULT_TENANT { Self::default() } else { Self(Arc::from(name)) }
    }

    /// As a column says it, where nothing is the default one.
    pub fn of_column(name: Option<&str>) -> Self {
        name.map_or_else(Self::default, Self::named)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As facts, entries and columns say it: the default one goes without saying, as it did before there were others.
    pub fn said(&self) -> Option<&str> {
        (*self.0 != *DEFAULT_TENANT).then_some(&*self.0)
    }
}

impl Borrow<str> for Tenant {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// How far somebody reaches: which tenants, and of their hosts those with which tags. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// All that there are, if absent.
    tenants: Option<Arc<BTreeSet<Tenant>>>,
    /// A host has to have one tag of each set.
    scopes: Vec<Arc<BTreeSet<String>>>,
}

impl Reach {
    /// Everything that there is: for the server itself, and for who is bound to nothing.
    pub fn everything() -> Self {
        Self::default()
    }

    pub fn of(tenants: Option<BTreeSet<Tenant>>, scopes: BTreeSet<String>) -> Self {
        let scopes = if scopes.is_empty() { Vec::new() } else { vec![Arc::new(scopes)] };
        Self { tenants: tenants.map(Arc::new), scopes }
    }

    pub fn is_everything(&self) -> bool {
        self.tenants.is_none() && self.scopes.is_empty()
    }

    /// Whether it goes to all tenants, those that come included.
    pub const fn is_every_tenant(&self) -> bool {
        self.tenants.is_none()
    }

    pub const fn has_scopes(&self) -> bool {
        !self.scopes.is_empty()
    }

    pub fn has(&self, tenant: &Tenant) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.contains(tenant))
    }

    /// Whether a host of this tenant with these tags is within it.
    pub fn covers(&self, tenant: &Tenant, tags: &BTreeSet<String>) -> bool {
        self.has(tenant) && self.scopes.iter().all(|scope| !scope.is_disjoint(tags))
    }

    /// What is in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let tenants = match (&self.tenants, &other.tenants) {
            (None, tenants) | (tenants, None) => tenants.clone(),
            (Some(one), Some(other)) => Some(Arc::new(one.intersection(other).cloned().collect())),
        };
        let mut scopes = self.scopes.clone();
        scopes.extend(other.scopes.iter().filter(|scope| !self.scopes.contains(scope)).cloned());
        Self { tenants, scopes }
    }

    /// Whether there is a tenant that both go to.
    pub fn meets(&self, other: &Self) -> bool {
        match (&self.tenants, &other.tenants) {
            (Some(own), Some(theirs)) => !own.is_disjoint(theirs),
            _ => true,
        }
    }

    /// Only this tenant of it; `None` where it is not in it.
    pub fn narrowed(&self, tenant: &Tenant) -> Option<Self> {
        self.has(tenant).then(|| Self::of(Some(BTreeSet::from([tenant.clone()])), BTreeSet::new()).and(self))
    }

    /// Whether it goes nowhere that `other` does not go.
    pub fn is_within(&self, other: &Self) -> bool {
        let tenants = match (&self.tenants, &other.tenants) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(theirs)) => own.is_subset(theirs),
        };
        let narrower = |scope: &Arc<BTreeSet<String>>| self.scopes.iter().any(|own| own.is_subset(scope));
        tenants && other.scopes.iter().all(narrower)
    }

    /// The one tenant that it goes to, if it is one.
    pub fn only(&self) -> Option<&Tenant> {
        self.tenants.as_ref().filter(|tenants| tenants.len() == 1)?.first()
    }

    /// A place within it: a tenant, and tags that a host there would have.
    pub fn example(&self) -> (Tenant, BTreeSet<String>) {
        let tenant = self.tenants.as_ref().and_then(|tenants| tenants.first()).cloned().unwrap_or_default();
        (tenant, self.scopes.iter().filter_map(|scope| scope.first()).cloned().collect())
    }

    /// The tenants as a JSON array, for a statement that compares; `None` for all.
    pub fn listed(&self) -> Option<String> {
        let tenants = self.tenants.as_ref()?;
        Some(serde_json::Value::from_iter(tenants.iter().map(Tenant::as_str)).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn reach(tenants: &[&str], scopes: &[&str]) -> Reach {
        Reach::of(Some(tenants.iter().map(|name| Tenant::named(name)).collect()), words(scopes))
    }

    #[test]
    fn the_default_tenant_goes_without_saying() {
        assert_eq!(Tenant::of_column(None), Tenant::named("default"));
        assert_eq!((Tenant::default().said(), Tenant::named("blue").said()), (None, Some("blue")));
    }

    #[test]
    fn a_reach_ends_at_its_tenants_and_scopes() {
        let (blue, red, web) = (Tenant::named("blue"), Tenant::named("red"), words(&["web"]));
        assert!(Reach::everything().covers(&red, &words(&[])));
        let bound = reach(&["blue"], &["web", "canary"]);
        assert!(bound.covers(&blue, &web));
        assert!(!bound.covers(&red, &web) && !bound.covers(&blue, &words(&["db"])));
        assert!(!reach(&[], &[]).has(&Tenant::default()), "no tenant is not every tenant");
    }

    #[test]
    fn who_acts_for_somebody_reaches_what_both_do() {
        let both = reach(&["blue", "red"], &["web"]).and(&reach(&["red"], &["db"]));
        let red = Tenant::named("red");
        assert!(both.covers(&red, &words(&["web", "db"])));
        assert!(!both.covers(&red, &words(&["web"])) && !both.has(&Tenant::named("blue")));
        assert_eq!(Reach::everything().and(&both), both);
    }

    #[test]
    fn a_reach_is_within_another_that_goes_as_far() {
        assert!(reach(&["blue"], &["web"]).is_within(&reach(&["blue", "red"], &[])));
        assert!(!reach(&["blue", "red"], &[]).is_within(&reach(&["blue"], &[])));
        assert!(!reach(&["blue"], &[]).is_within(&reach(&["blue"], &["web"])));
        assert!(!Reach::everything().is_within(&reach(&["blue"], &[])));
    }

    #[test]
    fn two_reaches_meet_where_both_go() {
        assert!(reach(&["blue", "red"], &[]).meets(&reach(&["red"], &["web"])));
        assert!(
            !reach(&["blue", "red"], &[]).meets(&reach(&["green"], &[]))
                && !reach(&[], &[]).meets(&reach(&["red"], &[]))
        );
        assert!(Reach::everything().meets(&reach(&["red"], &[])) && reach(&["red"], &[]).meets(&Reach::everything()));
    }

    #[test]
    fn a_reach_is_narrowed_to_what_is_in_it() {
        let (blue, red) = (Tenant::named("blue"), Tenant::named("red"));
        assert_eq!(reach(&["blue"], &["web"]).narrowed(&red), None);
        let narrow = Reach::everything().narrowed(&blue).unwrap();
        assert_eq!((narrow.only(), narrow.listed().as_deref()), (Some(&blue), Some("[\"blue\"]")));
    }
}
