//! What a case says that comes out, and where what came out is different.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use legator_protocol::Level;
use serde::{Deserialize, Serialize};

use crate::decision::{Decision, Outcome};
use crate::rationale::Counterfactual;

/// What a case says that the decision is. What it does not say is not looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Expect {
    outcome: Option<String>,
    approvals: Option<u32>,
    /// Exactly these groups are missing among the approvers.
    approver_groups: Option<BTreeSet<String>>,
    /// Exactly these people are missing among the approvers.
    approvers: Option<BTreeSet<String>>,
    /// Exactly these determine.
    policies: Option<BTreeSet<String>>,
    /// Where no policy permits: the one that comes closest.
    nearest: Option<String>,
    /// Exactly these indicators drive; or these with these values.
    indicators: Option<Indicators>,
    /// A part of the sentence that says what would make it pass.
    would_pass: Option<String>,
    /// A part of the sentence that says why.
    summary: Option<String>,
    level: Option<Level>,
    parsed: Option<bool>,
    known: Option<bool>,
    programs: Option<BTreeSet<String>>,
    effects: Option<BTreeSet<String>>,
    targets: Option<BTreeSet<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Indicators {
    Names(BTreeSet<String>),
    Values(BTreeMap<String, toml::Value>),
}

/// Something that came out otherwise than the case says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// In words that begin a sentence: `the outcome`.
    pub what: String,
    pub expected: String,
    pub got: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, expected, got } = self;
        write!(f, "{what} is {got}, the case says {expected}")
    }
}

/// Differences as they are found.
#[derive(Default)]
pub(crate) struct Differences(pub(crate) Vec<Difference>);

impl Differences {
    pub(crate) fn unless_same(&mut self, what: &str, expected: String, got: String) {
        if expected != got {
            self.0.push(Difference { what: what.to_owned(), expected, got });
        }
    }

    pub(crate) fn unless_part(&mut self, what: &str, part: Option<&String>, got: &str) {
        if let Some(part) = part.filter(|part| !got.contains(part.as_str())) {
            let (expected, got) = (format!("something with `{part}` in it"), format!("`{got}`"));
            self.0.push(Difference { what: what.to_owned(), expected, got });
        }
    }

    fn unless_given<T: fmt::Debug + PartialEq>(&mut self, what: &str, expected: Option<&T>, got: &T) {
        if let Some(expected) = expected {
            self.unless_same(what, format!("{expected:?}"), format!("{got:?}"));
        }
    }
}

impl Expect {
    /// For a request of which nobody says what comes out.
    pub(super) fn anything() -> Self {
        Self { outcome: Some("allow".to_owned()), ..Self::default() }
    }

    /// Whether it can come true at all.
    pub(super) fn sound(&self) -> Result<(), String> {
        match self.outcome.as_deref() {
            Some("allow" | "queue" | "hold" | "deny") => Ok(()),
            Some(wrong) => Err(format!("`{wrong}` is no outcome; one of `allow`, `queue`, `hold`, `deny`")),
            None => Err("`expect` has no `outcome`".to_owned()),
        }
    }

    pub(crate) fn differences(&self, decision: &Decision) -> Vec<Difference> {
        let mut found = Differences::default();
        let rationale = &decision.rationale;
        if let Some(outcome) = &self.outcome {
            found.unless_same("the outcome", outcome.clone(), decision.outcome.as_str().to_owned());
        }
        if let Some(approvals) = self.approvals {
            let got = match decision.outcome {
                Outcome::Hold { approvals } => approvals,
                _ => 0,
            };
            found.unless_same("the number of missing approvals", approvals.to_string(), got.to_string());
        }
        let (groups, people) = match &rationale.counterfactual {
            Some(Counterfactual::Approvals { groups, people, .. }) => (groups.clone(), people.clone()),
            _ => Default::default(),
        };
        found.unless_given("the set of groups that are missing", self.approver_groups.as_ref(), &groups);
        found.unless_given("the set of people who are missing", self.approvers.as_ref(), &people);
        let determining: BTreeSet<String> = rationale.policies.iter().map(|policy| policy.id.clone()).collect();
        found.unless_given("the set of determining policies", self.policies.as_ref(), &determining);
        if let Some(nearest) = &self.nearest {
            let got = rationale.nearest.as_ref().map(|policy| policy.id.clone()).unwrap_or_default();
            found.unless_same("the nearest permit", nearest.clone(), got);
        }
        self.indicators(decision, &mut found);
        if let Some(said) = &decision.classification {
            found.unless_given("whether it could be read", self.parsed.as_ref(), &said.parsed);
            found.unless_given("whether its programs are known", self.known.as_ref(), &said.known);
            found.unless_given("the set of programs", self.programs.as_ref(), &said.programs);
            found.unless_given("the set of effects", self.effects.as_ref(), &said.effects);
            found.unless_given("the set of targets", self.targets.as_ref(), &said.targets);
        }
        if let Some(level) = self.level {
            let got = decision.classification.as_ref().map(|said| said.level.to_string()).unwrap_or_default();
            found.unless_same("the level", level.to_string(), got);
        }
        found.unless_part("the summary", self.summary.as_ref(), &rationale.summary);
        let passes = rationale.counterfactual.as_ref().map(|it| it.message().to_owned()).unwrap_or_default();
        found.unless_part("what would make it pass", self.would_pass.as_ref(), &passes);
        found.0
    }

    fn indicators(&self, decision: &Decision, found: &mut Differences) {
        let scripts = decision.rationale.admission.iter().flat_map(|said| &said.scripts);
        let all: Vec<_> = scripts.flat_map(|script| &script.indicators).collect();
        match &self.indicators {
            None => {}
            Some(Indicators::Names(names)) => {
                let driving = all.iter().filter(|indicator| indicator.drove_outcome);
                let got: BTreeSet<String> = driving.map(|indicator| indicator.name.clone()).collect();
                found.unless_given("the set of driving indicators", Some(names), &got);
            }
            Some(Indicators::Values(values)) => {
                for (name, value) in values {
                    let got = all.iter().find(|indicator| indicator.name == *name);
                    let got = got.map(|indicator| serde_json::json!(indicator.value).to_string());
                    let expected = serde_json::json!(value).to_string();
                    let what = format!("the indicator `{name}`");
                    found.unless_same(&what, expected, got.unwrap_or_else(|| "not named".to_owned()));
                }
            }
        }
    }
}
