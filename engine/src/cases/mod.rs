//! Cases: policies and scripts tested as data that stands next to them (`x.cedar` and `x.cases.toml`).

mod alert;
mod command;
mod expect;
mod explained;
mod format;
mod job;
mod rows;
mod script;
mod when;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub(crate) use command::parse_commands;
pub use expect::Difference;
pub use explained::Explanation;
pub(crate) use format::{Case, parse, parse_requests};
pub(crate) use script::{ScriptCase, of_a_script, parse_script};

use crate::Bundle;
use crate::bundle::ScriptKind;
use crate::decide::decide_classified;
use crate::decision::{Classified, Decision, Outcome};
use crate::facts::{Ask, Facts};
use crate::guard::Way;
use crate::parallel;

/// What became of a bundle's cases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub cases: Vec<CaseResult>,
    /// Cases of alert rules, of jobs and of command tables.
    #[serde(default)]
    pub scripts: Vec<ScriptCaseResult>,
    /// What no case shows: policies that decide none, actions without an allowing and a denying one, scripts that
    /// drive none. Empty where only some cases were asked for.
    pub gaps: Vec<String>,
}

impl Report {
    /// Whether every case came out as it says.
    pub fn passed(&self) -> bool {
        self.cases.iter().all(CaseResult::passed) && self.scripts.iter().all(ScriptCaseResult::passed)
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
    /// Where the decision differs from what the case says, each in a sentence; empty where it passed.
    pub problems: Vec<String>,
    /// The same, taken apart.
    #[serde(default)]
    pub differences: Vec<Difference>,
    pub facts: Facts,
    pub decision: Decision,
}

impl CaseResult {
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

/// What became of one case of an alert rule, of a job or of a command table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptCaseResult {
    pub file: String,
    pub line: u32,
    pub name: String,
    /// The script or the table that it is of.
    pub script: String,
    pub problems: Vec<String>,
    pub differences: Vec<Difference>,
    /// What happened, step by step.
    pub steps: Vec<String>,
}

impl ScriptCaseResult {
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Which cases are tried, and how.
#[derive(Clone, Copy)]
pub struct Trial<'t> {
    /// A part of the case's name or file, or a pattern with `*`; every case if empty.
    pub filter: &'t str,
    pub threads: usize,
    /// Told how many of how many are done.
    pub progress: &'t (dyn Fn(usize, usize) + Sync),
}

impl Default for Trial<'_> {
    fn default() -> Self {
        Self { filter: "", threads: 1, progress: &|_, _| {} }
    }
}

impl Trial<'_> {
    pub(crate) fn takes(&self, file: &str, name: &str) -> bool {
        self.filter.is_empty() || matches(self.filter, name) || matches(self.filter, file)
    }
}

/// A pattern without `*` is looked for anywhere.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let (Some(first), true) = (parts.next(), pattern.contains('*')) else { return text.contains(pattern) };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    true
}

impl Case {
    /// What its command is: what the case says, or what the table says.
    pub(crate) fn classified(&self, bundle: &Bundle) -> Option<Classified> {
        match (&self.facts.ask, &self.classified) {
            (Ask::Command(spec), None) => Some(legator_classify::classify(bundle.table(), spec).into()),
            (_, given) => given.clone(),
        }
    }

    /// What a bundle decides about it.
    pub(crate) fn decided(&self, bundle: &Bundle) -> Decision {
        decide_classified(bundle, &self.facts, self.classified(bundle), Way::Indexed)
    }
}

impl Bundle {
    /// Runs every case of the bundle, and says what has none.
    pub fn check(&self) -> Report {
        self.try_cases(&Trial::default())
    }

    /// Runs the cases that a trial takes. What has no case is only said where every case ran.
    pub fn try_cases(&self, trial: &Trial<'_>) -> Report {
        let chosen: Vec<&Case> = self.cases().filter(|case| trial.takes(&case.file, &case.name)).collect();
        let of_scripts: Vec<&ScriptCase> =
            self.script_cases.iter().filter(|case| trial.takes(&case.file, &case.name)).collect();
        let all = chosen.len() + of_scripts.len();
        let progress = |done, _| (trial.progress)(done, all);
        let cases = parallel::each(trial.threads, &chosen, &progress, |case| self.try_case(case));
        let progress = |done, _| (trial.progress)(chosen.len() + done, all);
        let scripts = parallel::each(trial.threads, &of_scripts, &progress, |case| case.tried(self));
        let gaps = if trial.filter.is_empty() { gaps(self, &cases, &scripts) } else { Vec::new() };
        Report { cases, scripts, gaps }
    }

    fn try_case(&self, case: &Case) -> CaseResult {
        let decision = case.decided(self);
        let differences = case.expect.differences(&decision);
        let problems = differences.iter().map(Difference::to_string).collect();
        let (file, line, name, facts) = (case.file.clone(), case.line, case.name.clone(), case.facts.clone());
        CaseResult { file, line, name, problems, differences, facts, decision }
    }
}

fn gaps(bundle: &Bundle, cases: &[CaseResult], of_scripts: &[ScriptCaseResult]) -> Vec<String> {
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
    let tried: BTreeSet<&str> = of_scripts.iter().map(|case| case.script.as_str()).collect();
    for script in bundle.scripts() {
        let path = script.path.as_str();
        match script.kind {
            ScriptKind::Admission if !drove.contains(path) => {
                gaps.push(format!("script `{path}` drives the outcome of no case"));
            }
            ScriptKind::Alert | ScriptKind::Job if !tried.contains(path) => {
                gaps.push(format!("script `{path}` has no case"));
            }
            _ => {}
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_pattern_is_a_part_or_has_stars() {
        for (pattern, text, wanted) in [
            ("prod", "a restart in prod waits", true),
            ("prod", "a restart", false),
            ("a *waits", "a restart in prod waits", true),
            ("a *waits", "a restart in prod waits long", false),
            ("*prod*", "a restart in prod waits", true),
            ("policies/*", "policies/a.cases.toml", true),
            ("scripts/*", "policies/a.cases.toml", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
        }
    }
}
