//! What every policy's clauses came to for one request: for coverage, which asks of all what a rationale says of few.
//! Never: on the road of a decision.

use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;

use super::clause::action_met;
use super::policy::{Condition, Guardrail};
use super::{Guard, Question, truth};
use crate::facts::Context;
use crate::rationale::Span;

/// What one clause came to, where it made a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The policy, by its number.
    pub(crate) policy: u32,
    /// The clause, by its number: the constraints of the scope first, then the conjuncts in their order.
    pub(crate) clause: usize,
    pub(crate) held: bool,
}

/// A clause, for showing.
pub(crate) struct ClauseText<'g> {
    pub(crate) text: &'g str,
    pub(crate) span: Span,
}

impl Guard {
    /// Every clause that made a difference to whether its policy applies: a constraint of the scope while the others
    /// were met, a conjunct while everything before it was as it should.
    pub(crate) fn observe(&self, question: &Question, context: &Context, see: &mut impl FnMut(Seen)) {
        let evaluator = Evaluator::new(question.request(context), &question.entities, Extensions::all_available());
        for (n, guardrail) in (0_u32..).zip(&self.policies) {
            let (principal, resource) = self.slices.meets(n, question);
            let met =
                [principal, action_met(guardrail.policy.action_constraint(), question, &self.vocabulary), resource];
            let missed = met.iter().filter(|met| !**met).count();
            for (clause, held) in met.into_iter().enumerate() {
                if missed == 0 || (missed == 1 && !held) {
                    see(Seen { policy: n, clause, held });
                }
            }
            if missed == 0 {
                conjuncts(guardrail, n, &evaluator, see);
            }
        }
    }

    /// The clauses of a policy, numbered as [`Seen::clause`] does.
    pub(crate) fn clauses(&self, n: u32) -> Vec<ClauseText<'_>> {
        let Some(guardrail) = self.policies.get(n as usize) else { return Vec::new() };
        let scope = guardrail.scope.iter().map(|it| ClauseText { text: it.text.as_str(), span: it.span });
        let conjuncts = guardrail.conditions.iter().flat_map(|condition: &Condition| &condition.conjuncts);
        let conditions = conjuncts.map(|it| ClauseText { text: it.text.as_str(), span: it.span });
        scope.chain(conditions).collect()
    }
}

/// From the left, as Cedar does; what errs was neither true nor false.
fn conjuncts(guardrail: &Guardrail, n: u32, evaluator: &Evaluator<'_>, see: &mut impl FnMut(Seen)) {
    let mut clause = guardrail.scope.len();
    for condition in &guardrail.conditions {
        let first = clause;
        let mut all = true;
        for (m, conjunct) in condition.conjuncts.iter().enumerate() {
            let Ok(held) = truth(evaluator, &conjunct.expr, guardrail) else { return };
            see(Seen { policy: n, clause: first + m, held });
            all = held;
            if !held {
                break;
            }
        }
        clause = first + condition.conjuncts.len();
        // An `unless` that holds keeps the policy from applying, and so does a `when` that does not.
        if all == condition.unless {
            return;
        }
    }
}
