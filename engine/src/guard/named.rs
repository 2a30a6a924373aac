//! What policies name one by one: people, probes, and texts that a command, a reason or a name is held against.
//! Roles, groups, tags, sites, tenants and the fixed vocabulary (`context.origin`, levels, …) are not of it.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy_core::ast::{
    ActionConstraint, EntityReference, Expr, ExprKind, Literal, PatternElem,
    PrincipalOrResourceConstraint as Constraint,
};

use super::Guard;
use crate::facts::{DEFAULT_TENANT, Facts, Resource};

/// Attributes whose values are never masked, so that a text beside them names nothing that is.
const OPEN: [&str; 13] = [
    "arch", "effects", "env", "groups", "kind", "level", "origin", "os", "programs", "site", "status", "tags", "tenant",
];

/// Types whose ids are never masked.
const OPEN_TYPES: [&str; 8] = ["Action", "Group", "Org", "Role", "Site", "Tag", "Tenant", "Bundle"];

/// What one policy names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: String,
    /// Ids and whole texts.
    pub(crate) words: BTreeSet<String>,
    /// What stands between the wildcards of `like`.
    pub(crate) fragments: BTreeSet<String>,
}

impl Guard {
    /// What each policy names, by its number.
    pub(crate) fn named(&self) -> impl Iterator<Item = (u32, Named)> {
        (0..).zip(&self.policies).map(|(n, guardrail)| {
            let mut named = Named { id: guardrail.info.id.clone(), ..Named::default() };
            named.collect(&guardrail.policy.condition());
            (n, named)
        })
    }

    /// Whether a policy can apply to this request, as far as its scope speaks of what is never masked.
    pub(crate) fn concerns(&self, n: u32, action: &str, facts: &Facts) -> bool {
        let Some(guardrail) = self.policies.get(n as usize) else { return false };
        let asked = match guardrail.policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => AsRef::<str>::as_ref(uid.eid()) == action,
            ActionConstraint::In(groups) => self
                .vocabulary
                .action(action)
                .is_some_and(|known| groups.iter().any(|group| known.within.contains(group))),
        };
        let principal = guardrail.policy.principal_constraint().into_inner();
        let resource = guardrail.policy.resource_constraint().into_inner();
        asked && could_be(&principal, &of_principal(facts)) && could_be(&resource, &of_resource(facts))
    }
}

/// The unmasked things that somebody or something is in, by type and id.
type Within<'f> = Vec<(&'static str, &'f str)>;

fn of_principal(facts: &Facts) -> Within<'_> {
    let principal = &facts.principal;
    let roles = principal.roles.iter().map(|role| ("Role", role.as_str()));
    let groups = principal.groups.iter().map(|group| ("Group", group.as_str()));
    let tenants = principal.granted("tenant").map(|tenant| ("Tenant", tenant));
    let orgs = principal.granted("org").map(|org| ("Org", org));
    roles.chain(groups).chain(tenants).chain(orgs).collect()
}

fn of_resource(facts: &Facts) -> Within<'_> {
    let (tags, site, tenant, org) = match &facts.resource {
        Resource::Probe(it) => (&it.tags, it.site.as_deref(), &it.tenant, it.org.as_deref()),
        Resource::Approval(it) => (&it.tags, None, &it.tenant, it.org.as_deref()),
        Resource::Other(_) => return Within::new(),
    };
    let tags = tags.iter().map(|tag| ("Tag", tag.as_str()));
    let tenant = tenant.as_deref().unwrap_or(DEFAULT_TENANT);
    tags.chain(site.map(|site| ("Site", site))).chain([("Tenant", tenant)]).chain(org.map(|org| ("Org", org))).collect()
}

/// `false` only where the constraint names something unmasked that is not there.
fn could_be(constraint: &Constraint, within: &Within<'_>) -> bool {
    match constraint {
        Constraint::In(EntityReference::EUID(uid)) | Constraint::IsIn(_, EntityReference::EUID(uid)) => {
            let (kind, id) = (uid.entity_type().to_string(), AsRef::<str>::as_ref(uid.eid()));
            !OPEN_TYPES.contains(&kind.as_str()) || within.iter().any(|(known, name)| *known == kind && *name == id)
        }
        _ => true,
    }
}

impl Named {
    fn collect(&mut self, expr: &Expr) {
        // A text may stand beside an open attribute in one place and beside a masked one in another.
        let (mut all, mut open): (BTreeMap<String, usize>, BTreeMap<String, usize>) = Default::default();
        for part in expr.subexpressions() {
            match part.expr_kind() {
                ExprKind::Lit(Literal::String(text)) => *all.entry(text.to_string()).or_default() += 1,
                ExprKind::Lit(Literal::EntityUID(uid))
                    if !OPEN_TYPES.contains(&uid.entity_type().to_string().as_str()) =>
                {
                    self.words.insert(AsRef::<str>::as_ref(uid.eid()).to_owned());
                }
                ExprKind::BinaryApp { arg1, arg2, .. } => {
                    for (one, other) in [(arg1, arg2), (arg2, arg1)] {
                        if is_open(one) {
                            for text in texts(other) {
                                *open.entry(text).or_default() += 1;
                            }
                        }
                    }
                }
                ExprKind::Like { expr, pattern } if !is_open(expr) => {
                    let mut fragment = String::new();
                    for elem in pattern.iter() {
                        match elem {
                            PatternElem::Char(c) => fragment.push(*c),
                            PatternElem::Wildcard => {
                                self.fragments.insert(std::mem::take(&mut fragment));
                            }
                        }
                    }
                    self.fragments.insert(fragment);
                }
                _ => {}
            }
        }
        self.fragments.remove("");
        self.words
            .extend(all.into_iter().filter(|(text, n)| open.get(text).is_none_or(|m| m < n)).map(|(text, _)| text));
    }
}

fn is_open(expr: &Expr) -> bool {
    matches!(expr.expr_kind(), ExprKind::GetAttr { attr, .. } if OPEN.contains(&attr.as_str()))
}

/// The texts of a literal, or of a set of them.
fn texts(expr: &Expr) -> Vec<String> {
    match expr.expr_kind() {
        ExprKind::Lit(Literal::String(text)) => vec![text.to_string()],
        ExprKind::Set(items) => items.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
