//! What is the answer: classify, guard, admit; the strictest wins.
//! Never: allows on an error, on silence, or on what it does not know.

use crate::bundle::Bundle;
use crate::decision::{Classified, Decision, Outcome};
use crate::explain;
use crate::facts::{Ask, Facts};
use crate::guard::{Question, Way, missing};
use crate::rationale::{Rationale, Verdict};

/// Decides. Pure: the same bundle and the same facts give the same decision, to the byte.
pub fn decide(bundle: &Bundle, facts: &Facts) -> Decision {
    let classified = classified(bundle, facts);
    decide_classified(bundle, facts, classified, Way::Indexed)
}

/// The same by plain Cedar over the whole set of policies: the oracle for tests, benches and cross-checks. Slow.
pub fn decide_plain(bundle: &Bundle, facts: &Facts) -> Decision {
    let classified = classified(bundle, facts);
    decide_classified(bundle, facts, classified, Way::Plain)
}

fn classified(bundle: &Bundle, facts: &Facts) -> Option<Classified> {
    match &facts.ask {
        Ask::Command(spec) => Some(legator_classify::classify(bundle.table(), spec).into()),
        Ask::Operation(_) => None,
    }
}

/// The road inside the engine. A case may bring its own classification, so that it tests policies and not the table.
pub(crate) fn decide_classified(bundle: &Bundle, facts: &Facts, said: Option<Classified>, way: Way) -> Decision {
    let action = match (&facts.ask, &said) {
        (Ask::Operation(action), _) => action.clone(),
        (Ask::Command(_), Some(said)) => said.level.as_str().to_owned(),
        (Ask::Command(_), None) => String::new(),
    };
    let (answer, grant) = guarded(bundle, facts, said.as_ref(), &action, way);
    let (outcome, rationale) = match answer {
        (Outcome::Allow, rationale) if said.is_some() => admitted(bundle, facts, said.as_ref(), rationale),
        answer => answer,
    };
    let (revision, facts_digest) = (bundle.revision().to_owned(), facts.digest());
    Decision { outcome, action, classification: said, rationale, revision, facts_digest, grant }
}

/// May they? With the approvals that exist; if not, with what was agreed to ahead, which is then named; if not, with how
/// many more.
fn guarded(
    bundle: &Bundle,
    facts: &Facts,
    said: Option<&Classified>,
    action: &str,
    way: Way,
) -> ((Outcome, Rationale), Option<String>) {
    let plainly = |answer| (answer, None);
    // An operation of that name would be judged without a classification, so a level is no operation.
    if said.is_none() && action.parse::<legator_protocol::Level>().is_ok() {
        return plainly((Outcome::Deny, explain::unaskable(&format!("`{action}` is asked for with a command"))));
    }
    // What a key is for is no policy's business: no permit makes it more than it was made for.
    if facts.principal.scopes.as_ref().is_some_and(|scopes| !scopes.contains(action)) {
        let why = format!("the key that was used is not for `{action}`");
        return plainly((Outcome::Deny, explain::unaskable(&why)));
    }
    let guard = &bundle.guard;
    let question = match Question::new(&guard.vocabulary, action, facts, said, way) {
        Ok(question) => question,
        Err(unaskable) => return plainly((Outcome::Deny, explain::unaskable(&unaskable.to_string()))),
    };
    let now = guard.judge(&question, &facts.context);
    if now.permitted() {
        return plainly((Outcome::Allow, explain::permitted(guard, facts, &question, &now)));
    }
    // Cedar skips a policy that errs, so an erring forbid would open the gate.
    if !now.errors.is_empty() {
        return plainly((Outcome::Deny, explain::erred(guard, facts, &question, &now)));
    }
    if said.is_some() {
        for context in guard.agreed_ahead(&question, facts) {
            let with = guard.judge_again(&now, &question, &context);
            if with.permitted() {
                let grant = context.approvals.grant.clone();
                let rationale = explain::permitted(guard, &Facts { context, ..facts.clone() }, &question, &with);
                return ((Outcome::Allow, explain::granted(rationale, grant.as_deref())), grant);
            }
        }
    }
    let most = bundle.most_approvals();
    if question.approvable
        && let Some(missing) = missing(guard, &question, &facts.principal, &facts.context, &now, most)
    {
        let rationale = explain::held(guard, facts, &question, &now, &missing);
        return plainly((Outcome::Hold { approvals: missing.count }, rationale));
    }
    plainly((Outcome::Deny, explain::refused(guard, facts, said, &question, &now, most)))
}

/// Is there room?
fn admitted(
    bundle: &Bundle,
    facts: &Facts,
    said: Option<&Classified>,
    mut rationale: Rationale,
) -> (Outcome, Rationale) {
    let (verdict, reason) = bundle.admission.judge(facts, said);
    let outcome = match verdict {
        Verdict::Allow => Outcome::Allow,
        Verdict::Queue => Outcome::Queue { reason: explain::admission_reason(&reason) },
        Verdict::Deny => Outcome::Deny,
    };
    explain::admission(&mut rationale, verdict, &reason);
    rationale.admission = Some(reason);
    (outcome, rationale)
}
