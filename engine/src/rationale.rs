//! Why: what a decision can be explained with. The JSON of these types is stored in the audit log and shown by the
//! API and the command line, so a field is added, never renamed or given another meaning.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Why an outcome is what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rationale {
    /// One sentence for a person.
    pub summary: String,
    /// What made the outcome, in order of weight.
    pub drove_outcome: Vec<Driver>,
    /// The determining policies; for a hold, those that an approval flips.
    pub policies: Vec<PolicyReason>,
    /// Where no policy permits: the permit that came closest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<PolicyReason>,
    /// Policies that could not be evaluated. Any of them denies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<PolicyError>,
    /// Whether there is room; absent where it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admission: Option<AdmissionReason>,
    /// What would have made it pass; absent where it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counterfactual: Option<Counterfactual>,
    /// How many policies could apply by their scope, and were evaluated.
    pub candidates: u32,
}

/// One thing that made the outcome.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Driver {
    pub source: DriverSource,
    /// The policy's id, the script's path, or what went wrong.
    pub name: String,
}

/// Where a driver comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriverSource {
    /// A policy that forbids, permits or waits for people.
    Policy,
    /// No policy permits.
    Silence,
    /// An admission script.
    Admission,
    /// Something could not be evaluated.
    Fault,
}

/// A policy that took part, with the outcome of each of its clauses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyReason {
    pub id: String,
    /// The text of its `@rationale`.
    pub rationale: String,
    pub effect: Effect,
    pub file: String,
    pub span: Span,
    pub clauses: Vec<Clause>,
}

/// What a policy does when it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    Permit,
    Forbid,
}

/// A place in a file. Lines and columns count from one, columns in characters; the end is exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    pub line: u32,
    pub column: u32,
    pub end_line: u32,
    pub end_column: u32,
}

/// One scope constraint, or one conjunct of `when` or `unless`, judged by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clause {
    pub kind: ClauseKind,
    pub text: String,
    pub span: Span,
    pub outcome: ClauseOutcome,
    /// What went wrong, where it erred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Where in its policy a clause stands. What stands in `unless` keeps the policy from applying when it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClauseKind {
    Principal,
    Action,
    Resource,
    When,
    Unless,
}

/// What became of a clause: the text as it is written was true, false, not looked at, or could not be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClauseOutcome {
    Held,
    Failed,
    NotReached,
    Error,
}

/// A policy that could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PolicyError {
    pub policy: String,
    pub message: String,
}

/// What the admission scripts said. The capacity that they saw is in the facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdmissionReason {
    pub scripts: Vec<ScriptReason>,
}

/// What one admission script said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptReason {
    pub script: String,
    pub verdict: Verdict,
    /// The reason that it gave for `queue` or `deny`, or the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub indicators: Vec<Indicator>,
    /// What it printed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<String>,
    /// Where it failed, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Span>,
    pub drove_outcome: bool,
}

/// What an admission script can answer, strictest first. A script that fails denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Deny,
    Queue,
    Allow,
}

/// A figure that a script looked at, and the threshold that it was held against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indicator {
    pub name: String,
    /// The script that named it.
    pub source: String,
    pub value: Scalar,
    pub comparator: Comparator,
    pub threshold: Scalar,
    pub severity: Severity,
    /// What the script answered.
    pub effect: Verdict,
    /// Whether the threshold was reached and the script's answer made the outcome.
    pub drove_outcome: bool,
    pub message: String,
}

/// How a value is held against its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparator {
    #[serde(rename = ">=")]
    AtLeast,
    #[serde(rename = ">")]
    Above,
    #[serde(rename = "<=")]
    AtMost,
    #[serde(rename = "<")]
    Below,
    #[serde(rename = "==")]
    Equal,
    #[serde(rename = "!=")]
    Unequal,
}

/// How much an indicator matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

/// A value without structure. A number with a fraction is kept as its text, so that its JSON has one spelling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    Bool(bool),
    Integer(i64),
    Text(String),
}

/// What would have made it pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Counterfactual {
    /// This many more approvals, together from these groups and by these people.
    Approvals {
        count: u32,
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        groups: BTreeSet<String>,
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        people: BTreeSet<String>,
        message: String,
    },
    /// One attribute of the request, with everything else as it was.
    Change { attribute: String, from: String, to: String, message: String },
    /// Room: the indicators that have to fall.
    Room { indicators: Vec<String>, message: String },
    /// No single change that was tried.
    Nothing { message: String },
}

impl Counterfactual {
    /// The sentence for a person.
    pub fn message(&self) -> &str {
        match self {
            Self::Approvals { message, .. }
            | Self::Change { message, .. }
            | Self::Room { message, .. }
            | Self::Nothing { message } => message,
        }
    }
}
