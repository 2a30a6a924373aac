//! One case or one request in full: the decision, and every policy that could have applied with each of its clauses.

use serde::Serialize;

use super::{Case, Trial, parse_requests};
use crate::Bundle;
use crate::bundle::Fault;
use crate::decision::Decision;
use crate::facts::Facts;
use crate::guard::{Question, Way};
use crate::rationale::PolicyReason;

/// Why a case comes out as it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    pub file: String,
    pub line: u32,
    pub name: String,
    pub facts: Facts,
    pub decision: Decision,
    /// Policies whose scope the request meets and that did not determine the outcome.
    pub considered: Vec<PolicyReason>,
}

impl Bundle {
    /// The cases whose name or file has `filter` in it, explained.
    pub fn explain_cases(&self, filter: &str) -> Vec<Explanation> {
        let trial = Trial { filter, ..Trial::default() };
        // Who gives a whole name means that case, and no other that has its name in its own.
        let exact = self.cases().filter(|case| case.name == filter);
        let exact: Vec<&Case> = exact.collect();
        let some = self.cases().filter(|case| trial.takes(&case.file, &case.name));
        let chosen = if exact.is_empty() { some.collect() } else { exact };
        chosen.into_iter().map(|case| self.explained(case)).collect()
    }

    /// A request that is written as a case without `expect`, or as facts in JSON, explained.
    pub fn explain_request(&self, file: &str, text: &str) -> Result<Vec<Explanation>, Vec<Fault>> {
        Ok(parse_requests(file, text)?.iter().map(|case| self.explained(case)).collect())
    }

    fn explained(&self, case: &Case) -> Explanation {
        let decision = case.decided(self);
        let (guard, said) = (&self.guard, decision.classification.as_ref());
        let question = Question::new(&guard.vocabulary, &decision.action, &case.facts, said, Way::Indexed);
        let mut considered = question.map_or_else(
            |_| Vec::new(),
            |question| {
                let now = guard.judge(&question, &case.facts.context);
                guard.explain(&now.candidates, &question, &case.facts.context)
            },
        );
        let shown = |reason: &PolicyReason| {
            let rationale = &decision.rationale;
            rationale.policies.iter().chain(&rationale.nearest).any(|policy| policy.id == reason.id)
        };
        considered.retain(|reason| !shown(reason));
        let Case { file, line, name, facts, .. } = case.clone();
        Explanation { file, line, name, facts, decision, considered }
    }
}
