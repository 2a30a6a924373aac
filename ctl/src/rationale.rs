//! A decision for people: which policy, its sentence, which of its clauses held, and what would make it pass.

use legator_engine::{Clause, ClauseKind, ClauseOutcome, Counterfactual, Decision, Outcome, PolicyReason};
use serde_json::Value;

use crate::clean;
use crate::field;
use crate::screen::{Screen, word};

/// Below the first word of a line.
const UNDER: &str = "        ";

/// The decision in an answer, if it has one that can be read.
pub fn decision_of(value: &Value) -> Option<Decision> {
    serde_json::from_value(value["decision"].clone()).ok()
}

/// What a person needs to know of a command that did not just go: one line, then why, then what to type.
pub fn show(screen: Screen, command: &Value) {
    let decision = decision_of(command);
    let by_people = by_people(command, decision.as_ref());
    screen.note(&by_people.clone().unwrap_or_else(|| headline(command, decision.as_ref())));
    if let Some(decision) = decision.as_ref().filter(|_| by_people.is_none()) {
        policies(screen, decision);
        if let (Outcome::Hold { .. }, Some(counterfactual)) = (&decision.outcome, &decision.rationale.counterfactual) {
            screen.note(&format!("{UNDER}{}", clean::line(counterfactual.message())));
        }
    }
    let id = clean::line(field::text(command, "id"));
    match field::text(command, "state") {
        "held" => {
            screen.note(&format!("{UNDER}to approve:  legatorctl approve {id}"));
            screen.note(&format!("{UNDER}to wait:     legatorctl wait {id}"));
        }
        "queued" => screen.note(&format!("{UNDER}to wait:     legatorctl wait {id}")),
        _ if id.is_empty() => {}
        _ => screen.note(&format!("{UNDER}in full:     legatorctl explain {id}")),
    }
}

/// For a command that policy held and a person voted against: its newest decision is still to hold.
fn by_people(command: &Value, decision: Option<&Decision>) -> Option<String> {
    let held = matches!(decision?.outcome, Outcome::Hold { .. });
    if field::text(command, "state") != "denied" || !held {
        return None;
    }
    let reason = field::shown(&command["result"], "reason");
    let reason = if reason.is_empty() { "a person voted against it".to_owned() } else { reason };
    Some(format!("{}{}", word("denied"), reason.strip_prefix("denied ").unwrap_or(&reason)))
}

fn headline(command: &Value, decision: Option<&Decision>) -> String {
    let state = field::text(command, "state");
    let first = word(state);
    let Some(decision) = decision else { return format!("{first}{}", field::shown(command, "line")) };
    let rationale = &decision.rationale;
    let said = match (&decision.outcome, &rationale.counterfactual) {
        (Outcome::Hold { approvals }, _) => {
            let noun = if *approvals == 1 { "approval" } else { "approvals" };
            let by: Vec<&str> = rationale.drove_outcome.iter().map(|driver| driver.name.as_str()).collect();
            format!("needs {approvals} {noun}   {}", by.join(" "))
        }
        (Outcome::Deny, Some(counterfactual)) => {
            let summary = rationale.summary.strip_prefix("denied: ").unwrap_or(&rationale.summary);
            let summary = summary.strip_prefix("denied ").unwrap_or(summary);
            format!("{}; {}", summary.trim_end_matches('.'), counterfactual.message())
        }
        _ => rationale.summary.strip_prefix("waits: ").unwrap_or(&rationale.summary).to_owned(),
    };
    format!("{first}{}", clean::line(&said))
}

/// The policies of a decision, the nearest one, its errors and what admission said.
pub fn policies(screen: Screen, decision: &Decision) {
    for line in policy_lines(decision) {
        screen.note(&format!("{UNDER}{line}"));
    }
    for script in decision.rationale.admission.iter().flat_map(|admission| &admission.scripts) {
        if let Some(reason) = script.reason.as_ref().filter(|_| script.drove_outcome) {
            screen.note(&format!("{UNDER}{}: {}", clean::line(&script.script), clean::line(reason)));
        }
        for indicator in script.indicators.iter().filter(|indicator| indicator.drove_outcome) {
            screen.note(&format!("{UNDER}  ✗ {}", clean::line(&indicator.message)));
        }
    }
}

fn policy_lines(decision: &Decision) -> Vec<String> {
    let rationale = &decision.rationale;
    let mut lines = Vec::new();
    for reason in &rationale.policies {
        policy(reason, "", &mut lines);
    }
    if let Some(nearest) = &rationale.nearest {
        policy(nearest, "the closest: ", &mut lines);
    }
    for error in &rationale.errors {
        lines.push(format!("`{}` could not be evaluated: {}", clean::line(&error.policy), clean::line(&error.message)));
    }
    lines
}

/// Policies with their clauses, one line for each thing that there is to know.
pub fn reasons(policies: &[PolicyReason]) -> Vec<String> {
    let mut lines = Vec::new();
    for reason in policies {
        policy(reason, "", &mut lines);
    }
    lines
}

fn policy(reason: &PolicyReason, which: &str, lines: &mut Vec<String>) {
    lines.push(format!("{which}{}", clean::line(&reason.rationale)));
    lines.push(format!("{}:{} `{}`", clean::line(&reason.file), reason.span.line, clean::line(&reason.id)));
    // A scope that takes everything says nothing.
    let said = |clause: &&Clause| !matches!(clause.text.as_str(), "principal" | "action" | "resource");
    lines.extend(reason.clauses.iter().filter(said).map(|clause| format!("  {}", clause_line(clause))));
}

fn clause_line(clause: &Clause) -> String {
    let mark = match clause.outcome {
        ClauseOutcome::Held => '✓',
        ClauseOutcome::Failed => '✗',
        ClauseOutcome::NotReached => '·',
        ClauseOutcome::Error => '!',
    };
    let before = match clause.kind {
        ClauseKind::When => "when ",
        ClauseKind::Unless => "unless ",
        _ => "",
    };
    let error = clause.error.as_ref().map(|error| format!("  ({})", clean::line(error))).unwrap_or_default();
    // A clause can span lines in its file; here it is one.
    let text: Vec<&str> = clause.text.split_whitespace().collect();
    format!("{mark} {before}{}{error}", clean::line(&text.join(" ")))
}

/// The counterfactual's sentence, where there is one.
pub fn counterfactual(decision: &Decision) -> Option<String> {
    decision.rationale.counterfactual.as_ref().map(Counterfactual::message).map(clean::line)
}

/// A judgement in full, as data: it is what `explain` and `simulate` are for.
pub fn explain(screen: Screen, judgement: &Value) {
    screen.data(&crate::explain::headline(judgement));
    let Some(decision) = decision_of(judgement) else {
        return screen.note("the decision is of a shape that this version cannot read; `--output json` shows it");
    };
    for line in lines(&decision) {
        screen.data(&format!("{UNDER}{line}"));
    }
}

/// A decision in full, one line for each thing that there is to know.
pub fn lines(decision: &Decision) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(said) = &decision.classification {
        lines.push(format!("classified as {}", said.level));
        for part in &said.parts {
            lines.push(format!("  {}  {} ({})", clean::line(&part.text), part.level, clean::line(&part.why)));
        }
    }
    lines.extend(policy_lines(decision));
    for script in decision.rationale.admission.iter().flat_map(|admission| &admission.scripts) {
        let mark = if script.drove_outcome { '✗' } else { '✓' };
        lines.push(format!("{mark} {}", clean::line(&script.script)));
        for indicator in &script.indicators {
            let mark = if indicator.drove_outcome { '✗' } else { '✓' };
            lines.push(format!("  {mark} {}", clean::line(&indicator.message)));
        }
        lines.extend(script.trace.iter().map(|line| format!("  | {}", clean::line(line))));
    }
    if let Some(message) = counterfactual(decision) {
        lines.push(format!("→ {message}"));
    }
    lines.push(format!("revision {}, facts {}", clean::line(&decision.revision), clean::line(&decision.facts_digest)));
    lines
}
