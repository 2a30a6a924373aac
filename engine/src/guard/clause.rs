//! Which part of a policy held: each scope constraint and each conjunct, judged by itself.

use cedar_policy_core::ast::ActionConstraint;
use cedar_policy_core::evaluator::Evaluator;

use super::policy::{Condition, Guardrail};
use super::question::Question;
use super::vocabulary::Vocabulary;
use crate::rationale::{Clause, ClauseKind, ClauseOutcome, PolicyReason};

/// A policy with the outcome of each of its clauses. `meets` says whether principal and resource are in its scope.
pub(super) fn reason(
    guardrail: &Guardrail,
    meets: (bool, bool),
    question: &Question,
    vocabulary: &Vocabulary,
    evaluator: &Evaluator<'_>,
) -> PolicyReason {
    let in_action = action_met(guardrail.policy.action_constraint(), question, vocabulary);
    let scope = guardrail.scope.iter().map(|scope| {
        let met = match scope.kind {
            ClauseKind::Principal => meets.0,
            ClauseKind::Action => in_action,
            _ => meets.1,
        };
        let (kind, text, span) = (scope.kind, scope.text.clone(), scope.span);
        Clause { kind, text, span, outcome: truth(met), error: None }
    });
    let mut clauses: Vec<Clause> = scope.collect();
    let mut reached = meets.0 && meets.1 && in_action;
    for condition in &guardrail.conditions {
        reached = judge(condition, guardrail, reached, evaluator, &mut clauses);
    }
    let info = &guardrail.info;
    PolicyReason {
        id: info.id.clone(),
        rationale: info.rationale.clone(),
        effect: info.effect,
        file: info.file.clone(),
        span: info.span,
        clauses,
    }
}

/// How far a policy came: constraints of the scope that were met, then conjuncts that did as they should.
pub(super) fn nearness(reason: &PolicyReason) -> (usize, usize) {
    let of_scope = |kind: ClauseKind| !matches!(kind, ClauseKind::When | ClauseKind::Unless);
    let scope = reason.clauses.iter().filter(|it| of_scope(it.kind) && it.outcome == ClauseOutcome::Held).count();
    let rest = reason.clauses.iter().filter(|it| match it.kind {
        ClauseKind::When => it.outcome == ClauseOutcome::Held,
        ClauseKind::Unless => it.outcome == ClauseOutcome::Failed,
        _ => false,
    });
    (scope, rest.count())
}

/// Judges the conjuncts of one condition from the left, as Cedar does. Gives whether the next condition is reached.
fn judge(
    condition: &Condition,
    guardrail: &Guardrail,
    mut reached: bool,
    evaluator: &Evaluator<'_>,
    clauses: &mut Vec<Clause>,
) -> bool {
    let kind = if condition.unless { ClauseKind::Unless } else { ClauseKind::When };
    let (mut all, mut erred) = (true, false);
    let was_reached = reached;
    for conjunct in &condition.conjuncts {
        let mut error = None;
        let outcome = if reached {
            match super::truth(evaluator, &conjunct.expr, guardrail) {
                Ok(held) => truth(held),
                Err(why) => {
                    error = Some(why);
                    ClauseOutcome::Error
                }
            }
        } else {
            ClauseOutcome::NotReached
        };
        all &= outcome == ClauseOutcome::Held;
        erred |= outcome == ClauseOutcome::Error;
        reached &= outcome == ClauseOutcome::Held;
        clauses.push(Clause { kind, text: conjunct.text.clone(), span: conjunct.span, outcome, error });
    }
    // An `unless` that holds keeps the policy from applying, and Cedar looks no further.
    was_reached && !erred && all != condition.unless
}

pub(super) fn action_met(constraint: &ActionConstraint, question: &Question, vocabulary: &Vocabulary) -> bool {
    let within = || {
        let name: &str = question.action.eid().as_ref();
        vocabulary.action(name).map_or(&[][..], |action| action.within.as_slice())
    };
    match constraint {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(action) => **action == question.action,
        ActionConstraint::In(groups) => groups.iter().any(|group| within().contains(group)),
    }
}

const fn truth(held: bool) -> ClauseOutcome {
    if held { ClauseOutcome::Held } else { ClauseOutcome::Failed }
}
