//! Cases: policies and scripts tested as data that stands next to them (`x.cedar` and `x.cases.toml`).

mod format;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub(crate) use format::{Case, parse};

use crate::Bundle;
use crate::decide::decide_classified;
use crate::decision::{Decision, Outcome};
use crate::facts::Facts;
use crate::guard::Way;

/// What became of a bundle's cases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub cases: Vec<CaseResult>,
    /// What no case shows: policies that decide none, actions without an allowing and a denying one, scripts that
    /// drive none.
    pub gaps: Vec<String>,
}

impl Report {
    /// Whether every case came out as it says.
    pub fn passed(&self) -> bool {
        self.cases.iter().all(CaseResult::passed)
    }

    /// Whether every policy, action and script has its cases.
    pub fn complete(&self) -> bool {
        self.gaps.is_empty()
    }
}

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseResult {
    pub file: String,
    pub line: u32,
    pub name: String,
    /// Where the decision differs from what the case says; empty where it passed.
    pub problems: Vec<String>,
    pub facts: Facts,
    pub decision: Decision,
}

impl CaseResult {
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Bundle {
    /// Runs every case of the bundle, and says what has none.
    pub fn check(&self) -> Report {
        let cases: Vec<CaseResult> = self.cases.iter().map(|case| self.try_case(case)).collect();
        let gaps = gaps(self, &cases);
        Report { cases, gaps }
    }

    fn try_case(&self, case: &Case) -> CaseResult {
        let classified = match (&case.facts.ask, &case.classified) {
            (crate::Ask::Command(spec), None) => Some(legator_classify::classify(self.table(), spec).into()),
            (_, given) => given.clone(),
        };
        let decision = decide_classified(self, &case.facts, classified, Way::Indexed);
        let problems = case.expect.problems(&decision);
        let (file, line, name, facts) = (case.file.clone(), case.line, case.name.clone(), case.facts.clone());
        CaseResult { file, line, name, problems, facts, decision }
    }
}

fn gaps(bundle: &Bundle, cases: &[CaseResult]) -> Vec<String> {
    let shown = || cases.iter().filter(|case| case.passed()).map(|case| &case.decision);
    let decided: BTreeSet<&str> =
        shown().flat_map(|decision| &decision.rationale.policies).map(|policy| policy.id.as_str()).collect();
    let drove: BTreeSet<&str> = shown()
        .flat_map(|decision| decision.rationale.admission.iter().flat_map(|said| &said.scripts))
        .filter(|script| script.drove_outcome)
        .map(|script| script.script.as_str())
        .collect();
    let mut outcomes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for decision in shown() {
        outcomes.entry(&decision.action).or_default().insert(decision.outcome.as_str());
    }
    let mut gaps = Vec::new();
    for policy in bundle.policies().filter(|policy| !decided.contains(policy.id.as_str())) {
        gaps.push(format!("policy `{}` decides no case", policy.id));
    }
    for action in bundle.actions() {
        for outcome in [Outcome::Allow.as_str(), Outcome::Deny.as_str()] {
            if !outcomes.get(action).is_some_and(|seen| seen.contains(outcome)) {
                gaps.push(format!("action `{action}` has no case with the outcome `{outcome}`"));
            }
        }
    }
    for script in bundle.scripts().filter(|script| !drove.contains(script.path.as_str())) {
        gaps.push(format!("script `{}` drives the outcome of no case", script.path));
    }
    gaps
}
