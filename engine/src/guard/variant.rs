//! The same policies with one of them changed or left out: what a mutant is decided with.
//! Never: in force.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use cedar_policy::{PolicySet, ValidationMode, Validator};
use cedar_policy_core::ast::{Expr, PrincipalOrResourceConstraint};

use super::slice::Slices;
use super::{Guard, policy};

/// A policy's constraints on who and on what, and its condition.
type Parts<'g> = ([PrincipalOrResourceConstraint; 2], Option<&'g Expr>);

impl Guard {
    /// What a policy is made of.
    pub(crate) fn parts(&self, n: usize) -> Option<Parts<'_>> {
        let guardrail = self.policies.get(n)?;
        let principal = guardrail.policy.principal_constraint().into_inner();
        Some(([principal, guardrail.policy.resource_constraint().into_inner()], guardrail.condition.as_ref()))
    }

    /// With another text for a policy, or without it. `None` if the text is no policy that the schema takes.
    pub(crate) fn variant(&self, n: usize, text: Option<&str>) -> Option<Self> {
        let mut policies = self.policies.clone();
        let old = policies.get(n)?.clone();
        match text {
            None => {
                policies.remove(n);
            }
            Some(text) => {
                let mut faults = Vec::new();
                let mut read = policy::parse(&old.info.file, text, &mut faults);
                let guardrail = read.pop().filter(|_| read.is_empty() && faults.is_empty())?;
                let mut alone = PolicySet::new();
                alone.add(cedar_policy::Policy::from(guardrail.policy.clone())).ok()?;
                let said = Validator::new(self.vocabulary.schema.clone()).validate(&alone, ValidationMode::Strict);
                if !said.validation_passed() {
                    return None;
                }
                *policies.get_mut(n)? = Arc::new(guardrail);
            }
        }
        let slices = Slices::new(&self.vocabulary, &policies);
        let (vocabulary, files) = (Arc::clone(&self.vocabulary), BTreeMap::new());
        Some(Self { vocabulary, files, policies, slices, whole: OnceLock::new() })
    }
}
