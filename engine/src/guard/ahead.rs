//! What people agreed to ahead: which grants cover a request, and the context that they make of it.
//! A grant is a Cedar policy about commands. Where it holds, its people count as if they had approved this very command;
//! every guardrail is then asked as ever, and sees by `context.approvals.grant` that they agreed to a pattern.
//! Never: lets anything pass by itself, or counts where it cannot be read or evaluated.

use cedar_policy_core::ast;
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;

use super::{Guard, Question, policy};
use crate::facts::{Context, Facts, Grant};
use crate::rationale::Effect;

impl Guard {
    /// The contexts that the grants make which cover this request, in the order of their ids.
    pub(crate) fn agreed_ahead(&self, question: &Question, facts: &Facts) -> Vec<Context> {
        if !question.has.grant {
            return Vec::new();
        }
        let mut grants: Vec<&Grant> =
            facts.context.grants.iter().filter(|grant| facts.at_ms < grant.until_ms).collect();
        grants.sort_by(|one, other| one.id.cmp(&other.id));
        let covering = grants.into_iter().filter(|grant| covers(grant, question, &facts.context));
        covering.map(|grant| with(&facts.context, grant)).collect()
    }
}

fn with(context: &Context, grant: &Grant) -> Context {
    let mut context = context.clone();
    context.approvals.by.extend(grant.by.iter().cloned());
    context.approvals.groups.extend(grant.groups.iter().cloned());
    context.approvals.signed.extend(grant.signed.iter().cloned());
    context.approvals.grant = Some(grant.id.clone());
    context
}

/// Whether the grant's own policy holds for the request.
fn covers(grant: &Grant, question: &Question, context: &Context) -> bool {
    let mut faults = Vec::new();
    let read = policy::parse("grant", &grant.policy, &mut faults);
    let ([guardrail], true) = (read.as_slice(), faults.is_empty()) else { return false };
    if guardrail.info.effect != Effect::Permit {
        return false;
    }
    let evaluator = Evaluator::new(question.request(context), &question.entities, Extensions::all_available());
    // The whole condition: the index has not looked at this scope.
    let whole: ast::Expr = guardrail.policy.condition();
    super::truth(&evaluator, &whole, guardrail).unwrap_or(false)
}
