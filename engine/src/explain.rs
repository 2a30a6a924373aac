//! From a judgement to a rationale: one sentence, what drove it, and what would have made it pass.

use crate::decision::Classified;
use crate::facts::Facts;
use crate::guard::{Guard, Judgement, Missing, Question};
use crate::rationale::{AdmissionReason, Counterfactual, Driver, DriverSource, Rationale, Verdict};

const NOTHING: &str = "nothing would make it pass";

/// It cannot even be asked.
pub(crate) fn unaskable(why: &str) -> Rationale {
    Rationale {
        summary: format!("denied: {why}"),
        drove_outcome: vec![driver(DriverSource::Fault, why)],
        counterfactual: Some(Counterfactual::Nothing { message: NOTHING.to_owned() }),
        ..Rationale::default()
    }
}

/// A permit holds and no forbid does.
pub(crate) fn permitted(guard: &Guard, facts: &Facts, question: &Question, now: &Judgement) -> Rationale {
    let by = now.permits.first().map(|n| guard.id(*n)).unwrap_or_default();
    Rationale {
        summary: format!("permitted by `{by}`"),
        drove_outcome: drivers(guard, now.determining()),
        policies: guard.explain(now.determining(), question, &facts.context),
        candidates: candidates(now),
        ..Rationale::default()
    }
}

/// The same, because people agreed to it ahead.
pub(crate) fn granted(mut rationale: Rationale, grant: Option<&str>) -> Rationale {
    rationale.summary.push_str(&format!(", as agreed to ahead in `{}`", grant.unwrap_or_default()));
    rationale
}

/// A policy could not be evaluated.
pub(crate) fn erred(guard: &Guard, facts: &Facts, question: &Question, now: &Judgement) -> Rationale {
    let numbers: Vec<u32> = now.errors.iter().map(|(n, _)| *n).collect();
    let errors = guard.errors(now);
    let named: Vec<String> = errors.iter().map(|error| format!("`{}`", error.policy)).collect();
    Rationale {
        summary: format!("denied: {} could not be evaluated", named.join(", ")),
        drove_outcome: errors.iter().map(|error| driver(DriverSource::Fault, &error.policy)).collect(),
        policies: guard.explain(&numbers, question, &facts.context),
        errors,
        counterfactual: Some(Counterfactual::Nothing {
            message: "nothing would make it pass until the policy can be evaluated".to_owned(),
        }),
        candidates: candidates(now),
        ..Rationale::default()
    }
}

/// People are missing, and nothing else.
pub(crate) fn held(guard: &Guard, facts: &Facts, question: &Question, now: &Judgement, missing: &Missing) -> Rationale {
    let needs = needs(missing);
    let why = missing.flipped.first().map(|n| guard.rationale(*n)).unwrap_or_default();
    // Those that hold now carry clauses that say so; a permit that an approval would bring in says what it lacks.
    Rationale {
        summary: format!("needs {needs}: {why}"),
        drove_outcome: drivers(guard, &missing.flipped),
        policies: guard.explain(&missing.flipped, question, &facts.context),
        counterfactual: Some(Counterfactual::Approvals {
            count: missing.count,
            groups: missing.groups.clone(),
            people: missing.people.clone(),
            message: format!("{needs} would make it pass"),
        }),
        candidates: candidates(now),
        ..Rationale::default()
    }
}

/// No number of approvals helps.
pub(crate) fn refused(
    guard: &Guard,
    facts: &Facts,
    said: Option<&Classified>,
    question: &Question,
    now: &Judgement,
    most: u32,
) -> Rationale {
    let counterfactual = guard
        .counterfactual(facts, said, question, now, most)
        .unwrap_or_else(|| Counterfactual::Nothing { message: NOTHING.to_owned() });
    let shared =
        Rationale { counterfactual: Some(counterfactual), candidates: candidates(now), ..Rationale::default() };
    // What no person can lift comes first: of two refusals it is the one that counts.
    let (lifted, last): (Vec<u32>, Vec<u32>) = now.forbids.iter().partition(|n| guard.hears_people(**n));
    let forbids = [last, lifted].concat();
    if let Some(first) = forbids.first() {
        return Rationale {
            summary: format!("denied by `{}`: {}", guard.id(*first), guard.rationale(*first)),
            drove_outcome: drivers(guard, &forbids),
            policies: guard.explain(&forbids, question, &facts.context),
            ..shared
        };
    }
    let nearest = guard.nearest(now, question, &facts.context);
    let closest = nearest.as_ref().map(|policy| format!("; the closest is `{}`", policy.id)).unwrap_or_default();
    Rationale {
        summary: format!("denied: no policy permits this{closest}"),
        drove_outcome: vec![driver(DriverSource::Silence, "no policy permits this")],
        nearest,
        ..shared
    }
}

/// What the admission scripts add to a rationale of a permitted request.
pub(crate) fn admission(rationale: &mut Rationale, verdict: Verdict, said: &AdmissionReason) {
    if verdict == Verdict::Allow {
        return;
    }
    let reason = admission_reason(said);
    let driving = || said.scripts.iter().filter(|script| script.drove_outcome);
    let reached = || driving().flat_map(|script| &script.indicators).filter(|indicator| indicator.drove_outcome);
    let failed = driving().any(|script| script.failed_at.is_some());
    let verb = if verdict == Verdict::Queue { "waits" } else { "denied" };
    rationale.summary = format!("{verb}: {reason}");
    rationale.drove_outcome = driving().map(|script| driver(DriverSource::Admission, &script.script)).collect();
    let indicators: Vec<String> = reached().map(|indicator| indicator.name.clone()).collect();
    rationale.counterfactual = Some(match (failed, indicators.is_empty()) {
        (true, _) => {
            Counterfactual::Nothing { message: "nothing would make it pass until the admission script runs".to_owned() }
        }
        (false, true) => Counterfactual::Room {
            indicators,
            message: "another answer of the admission script would make it pass".to_owned(),
        },
        (false, false) => {
            let said: Vec<&str> = reached().map(|indicator| indicator.message.as_str()).collect();
            Counterfactual::Room { indicators, message: format!("room would make it pass: {}", said.join("; ")) }
        }
    });
}

/// The reason of the script that drove the outcome.
pub(crate) fn admission_reason(said: &AdmissionReason) -> String {
    let driving = said.scripts.iter().find(|script| script.drove_outcome);
    driving.and_then(|script| script.reason.clone()).unwrap_or_else(|| "no reason was given".to_owned())
}

fn needs(missing: &Missing) -> String {
    let approvals = if missing.count == 1 { "approval" } else { "approvals" };
    let mut said = format!("{} more {approvals}", missing.count);
    let quoted = |names: &std::collections::BTreeSet<String>| {
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
    };
    if !missing.groups.is_empty() {
        said.push_str(&format!(" from group {}", quoted(&missing.groups)));
    }
    if !missing.people.is_empty() {
        said.push_str(&format!(", {} among them", quoted(&missing.people)));
    }
    said
}

fn drivers(guard: &Guard, numbers: &[u32]) -> Vec<Driver> {
    numbers.iter().map(|n| driver(DriverSource::Policy, &guard.id(*n))).collect()
}

fn driver(source: DriverSource, name: &str) -> Driver {
    Driver { source, name: name.to_owned() }
}

fn candidates(now: &Judgement) -> u32 {
    u32::try_from(now.candidates.len()).unwrap_or(u32::MAX)
}
