//! Whether everything in the scope of one policy is in the scope of another.

use std::collections::BTreeSet;

use cedar_policy_core::ast::{EntityReference, PrincipalOrResourceConstraint as Constraint};

use super::Looked;
use crate::guard::Guardrail;

/// What a policy can be asked about.
pub(super) struct Scope {
    principal: Constraint,
    resource: Constraint,
    pub(super) actions: BTreeSet<String>,
}

impl Scope {
    pub(super) fn of(looked: &Looked<'_>, guardrail: &Guardrail) -> Self {
        Self {
            principal: guardrail.policy.principal_constraint().into_inner(),
            resource: guardrail.policy.resource_constraint().into_inner(),
            actions: looked.bundle.guard.actions_of(guardrail),
        }
    }

    /// Certain, never guessed: what an entity is in is not known here, so `in` covers only `in` of the same.
    pub(super) fn covers(&self, other: &Self) -> bool {
        covers(&self.principal, &other.principal)
            && covers(&self.resource, &other.resource)
            && other.actions.is_subset(&self.actions)
    }

    pub(super) fn names_nobody(&self) -> bool {
        matches!(self.principal, Constraint::Any)
    }

    pub(super) fn names_nothing(&self) -> bool {
        matches!(self.resource, Constraint::Any)
    }
}

fn covers(wide: &Constraint, narrow: &Constraint) -> bool {
    let same = |one: &EntityReference, other: &EntityReference| one == other;
    match (wide, narrow) {
        (Constraint::Any, _) => true,
        (Constraint::Is(kind), Constraint::Is(other) | Constraint::IsIn(other, _)) => kind == other,
        (Constraint::Is(kind), Constraint::Eq(EntityReference::EUID(uid))) => **kind == *uid.entity_type(),
        (Constraint::In(group), Constraint::In(other) | Constraint::IsIn(_, other) | Constraint::Eq(other)) => {
            same(group, other)
        }
        (Constraint::Eq(one), Constraint::Eq(other)) => same(one, other),
        (Constraint::IsIn(kind, group), Constraint::IsIn(other, inner)) => kind == other && same(group, inner),
        _ => false,
    }
}
