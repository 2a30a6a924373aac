//! The scope index: from a request to the few policies whose scope it meets.
//!
//! Cedar evaluates every policy of a set. A policy whose scope does not match is false and can neither err nor
//! determine anything, so leaving it out changes nothing; the whole set stays the oracle in a property test.

use std::sync::Arc;

use ahash::{HashMap, HashMapExt};
use cedar_policy_core::ast::{
    ActionConstraint, EntityReference, EntityType, EntityUID, Policy, PrincipalOrResourceConstraint as Constraint,
};

use super::policy::Guardrail;
use super::question::{Party, Question};
use super::vocabulary::Vocabulary;
use crate::rationale::Effect;

/// Policies by the rarest thing that their scope names.
#[derive(Default)]
pub(crate) struct Slices {
    by_action: HashMap<EntityUID, Buckets>,
    scopes: Vec<Arc<Scope>>,
    /// For saying which permit came closest: bounded, because it is looked through on every refusal.
    permits: HashMap<EntityUID, Vec<u32>>,
}

const MOST_PERMITS: usize = 64;

#[derive(Default)]
struct Buckets {
    principal: HashMap<EntityUID, Vec<u32>>,
    resource: HashMap<EntityUID, Vec<u32>>,
    principal_type: HashMap<EntityType, Vec<u32>>,
    resource_type: HashMap<EntityType, Vec<u32>>,
    any: Vec<u32>,
}

/// A policy's constraints on who and on what; the action is in the index already.
pub(crate) struct Scope {
    principal: Constraint,
    resource: Constraint,
}

impl Slices {
    pub(crate) fn new(vocabulary: &Vocabulary, policies: &[Arc<Guardrail>]) -> Self {
        let scopes: Vec<Arc<Scope>> = policies.iter().map(|policy| Arc::clone(&policy.parties)).collect();
        let mut named: HashMap<&EntityUID, u32> = HashMap::with_capacity(scopes.len());
        for scope in &scopes {
            for uid in [named_by(&scope.principal), named_by(&scope.resource)].into_iter().flatten() {
                *named.entry(uid).or_default() += 1;
            }
        }
        let mut by_action: HashMap<EntityUID, Buckets> = HashMap::new();
        let mut permits: HashMap<EntityUID, Vec<u32>> = HashMap::new();
        let mut known: HashMap<&ActionConstraint, Vec<EntityUID>> = HashMap::new();
        for (n, (policy, scope)) in (0_u32..).zip(policies.iter().zip(&scopes)) {
            let constraint = policy.policy.action_constraint();
            for action in known.entry(constraint).or_insert_with(|| actions(vocabulary, constraint)) {
                if policy.info.effect == Effect::Permit {
                    let some = permits.entry(action.clone()).or_default();
                    if some.len() < MOST_PERMITS {
                        some.push(n);
                    }
                }
                by_action.entry(action.clone()).or_default().insert(n, scope, &named);
            }
        }
        Self { by_action, scopes, permits }
    }

    /// The policies whose scope the request meets, in the order of the bundle.
    pub(crate) fn candidates(&self, question: &Question) -> Vec<u32> {
        let mut found = Vec::new();
        let Some(buckets) = self.by_action.get(&question.action) else { return found };
        let mut take = |some: &[u32]| {
            found.extend(some.iter().copied().filter(|n| {
                self.scopes.get(*n as usize).is_some_and(|scope| {
                    met(&scope.principal, &question.principal) && met(&scope.resource, &question.resource)
                })
            }));
        };
        for uid in &question.principal.within {
            take(buckets.principal.get(uid).map_or(&[], Vec::as_slice));
        }
        for uid in &question.resource.within {
            take(buckets.resource.get(uid).map_or(&[], Vec::as_slice));
        }
        take(buckets.principal_type.get(&question.principal.kind).map_or(&[], Vec::as_slice));
        take(buckets.resource_type.get(&question.resource.kind).map_or(&[], Vec::as_slice));
        take(&buckets.any);
        found.sort_unstable();
        found
    }

    /// Whether the request meets a policy's constraints on principal and on resource.
    pub(crate) fn meets(&self, n: u32, question: &Question) -> (bool, bool) {
        self.scopes.get(n as usize).map_or((false, false), |scope| {
            (met(&scope.principal, &question.principal), met(&scope.resource, &question.resource))
        })
    }

    /// The first permits on this action, whatever else their scope says.
    pub(crate) fn permits_on(&self, action: &EntityUID) -> &[u32] {
        self.permits.get(action).map_or(&[], Vec::as_slice)
    }
}

impl Buckets {
    fn insert(&mut self, n: u32, scope: &Scope, named: &HashMap<&EntityUID, u32>) {
        let rarity = |uid: &EntityUID| named.get(uid).copied().unwrap_or_default();
        let list = match (named_by(&scope.principal), named_by(&scope.resource)) {
            (Some(principal), Some(resource)) if rarity(resource) < rarity(principal) => {
                self.resource.entry(resource.clone()).or_default()
            }
            (Some(principal), _) => self.principal.entry(principal.clone()).or_default(),
            (None, Some(resource)) => self.resource.entry(resource.clone()).or_default(),
            (None, None) => match (&scope.principal, &scope.resource) {
                (Constraint::Is(kind), _) => self.principal_type.entry((**kind).clone()).or_default(),
                (_, Constraint::Is(kind)) => self.resource_type.entry((**kind).clone()).or_default(),
                _ => &mut self.any,
            },
        };
        list.push(n);
    }
}

impl Scope {
    pub(crate) fn of(policy: &Policy) -> Self {
        let (principal, resource) = (policy.principal_constraint(), policy.resource_constraint());
        Self { principal: principal.into_inner(), resource: resource.into_inner() }
    }
}

pub(super) fn actions(vocabulary: &Vocabulary, constraint: &ActionConstraint) -> Vec<EntityUID> {
    let mut actions: Vec<EntityUID> = match constraint {
        ActionConstraint::Any => {
            let all = vocabulary.askable().filter_map(|name| vocabulary.action(name));
            return all.map(|action| action.uid.clone()).collect();
        }
        ActionConstraint::Eq(action) => vec![(**action).clone()],
        ActionConstraint::In(groups) => groups.iter().flat_map(|group| vocabulary.members(group)).cloned().collect(),
    };
    actions.sort_unstable();
    actions.dedup();
    actions
}

fn named_by(constraint: &Constraint) -> Option<&EntityUID> {
    match constraint {
        Constraint::In(EntityReference::EUID(uid))
        | Constraint::Eq(EntityReference::EUID(uid))
        | Constraint::IsIn(_, EntityReference::EUID(uid)) => Some(uid),
        _ => None,
    }
}

/// Exactly what Cedar's scope constraint says. A slot never reaches here: templates are refused at load.
fn met(constraint: &Constraint, party: &Party) -> bool {
    match constraint {
        Constraint::Any => true,
        Constraint::Eq(EntityReference::EUID(uid)) => party.uid() == Some(uid.as_ref()),
        Constraint::In(EntityReference::EUID(uid)) => party.is_in(uid),
        Constraint::Is(kind) => **kind == party.kind,
        Constraint::IsIn(kind, EntityReference::EUID(uid)) => **kind == party.kind && party.is_in(uid),
        Constraint::Eq(EntityReference::Slot(_))
        | Constraint::In(EntityReference::Slot(_))
        | Constraint::IsIn(_, EntityReference::Slot(_)) => false,
    }
}
