//! What else would have made it pass: one change to the request, everything else as it was.

use legator_protocol::Level;

use super::policy::Reads;
use super::{Guard, Judgement, Question, Way, missing};
use crate::decision::Classified;
use crate::facts::{Ask, Context, Facts, Origin};
use crate::rationale::Counterfactual;

/// A change of one attribute of the context.
struct Change {
    attribute: &'static str,
    from: String,
    to: String,
    context: Context,
}

impl Guard {
    /// The first single change that permits; else the first after which only people are missing; else `None`.
    pub(crate) fn counterfactual(
        &self,
        facts: &Facts,
        classified: Option<&Classified>,
        question: &Question,
        now: &Judgement,
        most: u32,
    ) -> Option<Counterfactual> {
        let mut waits = None;
        // Where people can be waited for, the change and they may have to come together.
        let held_back = classified.is_some();
        for change in changes(&facts.context) {
            let turned = |reads: &Reads| {
                reads.context.contains(change.attribute) || (held_back && reads.context.contains("approvals"))
            };
            if !self.reads(now, change.attribute) || !self.could_turn(question, now, turned) {
                continue;
            }
            let after = self.judge_again(now, question, &change.context);
            let people = match after.permitted() {
                true => 0,
                false if waits.is_some() => continue,
                false => match missing(self, question, &facts.principal, &change.context, &after, most) {
                    Some(missing) => missing.count,
                    None => continue,
                },
            };
            let found = said(change.attribute, &change.from, &change.to, people);
            if people == 0 {
                return Some(found);
            }
            waits = Some(found);
        }
        if let (Ask::Command(_), Some(classified)) = (&facts.ask, classified) {
            match self.lower(facts, classified, question.way, most) {
                Some((0, found)) => return Some(found),
                Some((_, found)) if waits.is_none() => waits = Some(found),
                _ => {}
            }
        }
        waits
    }

    /// A command of a lower level, the highest that passes.
    fn lower(&self, facts: &Facts, classified: &Classified, way: Way, most: u32) -> Option<(u32, Counterfactual)> {
        let mut waits = None;
        for level in Level::ALL.into_iter().rev().filter(|level| *level < classified.level) {
            let lower = Classified { level, ..classified.clone() };
            let Ok(question) = Question::new(&self.vocabulary, level.as_str(), facts, Some(&lower), way) else {
                continue;
            };
            let after = self.judge(&question, &facts.context);
            let found = |people| said("command.level", classified.level.as_str(), level.as_str(), people);
            if after.permitted() {
                return Some((0, found(0)));
            }
            if waits.is_none() {
                let missing = missing(self, &question, &facts.principal, &facts.context, &after, most);
                waits = missing.map(|missing| (missing.count, found(missing.count)));
            }
        }
        waits
    }
}

fn said(attribute: &str, from: &str, to: &str, people: u32) -> Counterfactual {
    let then = match people {
        0 => "it would pass".to_owned(),
        1 => "it would wait for 1 approval".to_owned(),
        n => format!("it would wait for {n} approvals"),
    };
    let message = match attribute {
        "command.level" => format!("if the command were `{to}` instead of `{from}`, {then}"),
        "breakglass" => format!("with broken glass and a reason for it, {then}"),
        "reason" => format!("with a reason, {then}"),
        _ => format!("if `{attribute}` were `{to}` instead of `{from}`, {then}"),
    };
    Counterfactual::Change { attribute: attribute.to_owned(), from: from.to_owned(), to: to.to_owned(), message }
}

fn changes(context: &Context) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut add = |attribute, from: &str, to: &str, context| {
        changes.push(Change { attribute, from: from.to_owned(), to: to.to_owned(), context });
    };
    let given = || Some("given".to_owned());
    if !context.mfa {
        add("mfa", "false", "true", Context { mfa: true, ..context.clone() });
    }
    if context.reason.is_none() {
        add("reason", "none", "given", Context { reason: given(), ..context.clone() });
    }
    if context.tainted {
        add("tainted", "true", "false", Context { tainted: false, ..context.clone() });
    }
    for origin in Origin::ALL.into_iter().filter(|origin| *origin != context.origin) {
        add("origin", context.origin.as_str(), origin.as_str(), Context { origin, ..context.clone() });
    }
    if context.breakglass.is_none() {
        add("breakglass", "none", "given", Context { breakglass: given(), ..context.clone() });
    }
    changes
}
