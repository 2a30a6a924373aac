//! What a candidate changes about one decision.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Replayed;
use super::record::Record;
use crate::decision::{Decision, Outcome};
use crate::rationale::{Counterfactual, Driver, DriverSource};

/// How a candidate's answer compares with the recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The same outcome for the same reasons.
    Same,
    /// The same outcome, made by other policies or scripts, or of another action.
    OtherReasons,
    /// Held before and after, for another number of approvals, or of other groups or people.
    OtherApprovals,
    NewlyDenied,
    NewlyHeld,
    NewlyQueued,
    NewlyAllowed,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Same,
        Self::OtherReasons,
        Self::OtherApprovals,
        Self::NewlyDenied,
        Self::NewlyHeld,
        Self::NewlyQueued,
        Self::NewlyAllowed,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::OtherReasons => "other-reasons",
            Self::OtherApprovals => "other-approvals",
            Self::NewlyDenied => "newly-denied",
            Self::NewlyHeld => "newly-held",
            Self::NewlyQueued => "newly-queued",
            Self::NewlyAllowed => "newly-allowed",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether something else would have happened.
    pub const fn changes_outcome(self) -> bool {
        !matches!(self, Self::Same | Self::OtherReasons)
    }

    pub(super) fn of(before: &Decision, after: &Decision) -> Self {
        match (&before.outcome, &after.outcome) {
            (Outcome::Deny, Outcome::Deny)
            | (Outcome::Queue { .. }, Outcome::Queue { .. })
            | (Outcome::Allow, Outcome::Allow) => Self::by_reasons(before, after),
            (Outcome::Hold { approvals: old }, Outcome::Hold { approvals: new }) => {
                if old == new && approvers(before) == approvers(after) {
                    Self::by_reasons(before, after)
                } else {
                    Self::OtherApprovals
                }
            }
            (_, Outcome::Deny) => Self::NewlyDenied,
            (_, Outcome::Hold { .. }) => Self::NewlyHeld,
            (_, Outcome::Queue { .. }) => Self::NewlyQueued,
            (_, Outcome::Allow) => Self::NewlyAllowed,
        }
    }

    fn by_reasons(before: &Decision, after: &Decision) -> Self {
        let errors = |decision: &Decision| -> Vec<String> {
            decision.rationale.errors.iter().map(|error| error.policy.clone()).collect()
        };
        let same = before.action == after.action
            && before.outcome == after.outcome
            && drivers(before) == drivers(after)
            && errors(before) == errors(after);
        if same { Self::Same } else { Self::OtherReasons }
    }
}

fn drivers(decision: &Decision) -> BTreeSet<&Driver> {
    decision.rationale.drove_outcome.iter().collect()
}

/// The groups and people that a hold asks for.
fn approvers(decision: &Decision) -> Option<(&BTreeSet<String>, &BTreeSet<String>)> {
    match &decision.rationale.counterfactual {
        Some(Counterfactual::Approvals { groups, people, .. }) => Some((groups, people)),
        _ => None,
    }
}

/// What made the difference: where the candidate is stricter, what drives it; where it is laxer, what no longer does.
/// That nothing permits names nobody; the permit that came, or went, is what made it.
pub(super) fn made_by<'d>(before: &'d Decision, after: &'d Decision) -> BTreeSet<&'d str> {
    let (old, new) = (drivers(before), drivers(after));
    let names = |drivers: BTreeSet<&'d Driver>| drivers.into_iter().map(|driver| driver.name.as_str()).collect();
    let silent = |drivers: &BTreeSet<&Driver>| drivers.iter().any(|driver| driver.source == DriverSource::Silence);
    match after.outcome.strictness().cmp(&before.outcome.strictness()) {
        std::cmp::Ordering::Greater if silent(&new) => names(old),
        std::cmp::Ordering::Less if silent(&old) => names(new),
        std::cmp::Ordering::Greater => names(new),
        std::cmp::Ordering::Less => names(old),
        std::cmp::Ordering::Equal if old == new => names(new),
        std::cmp::Ordering::Equal => names(old.symmetric_difference(&new).copied().collect()),
    }
}

/// A changed decision, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub kind: Kind,
    pub command: String,
    pub judgement: u32,
    pub at_ms: i64,
    pub principal: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// What was asked for.
    pub line: String,
    pub reclassified: bool,
    pub action_before: String,
    pub action_after: String,
    pub outcome_before: Outcome,
    pub outcome_after: Outcome,
    /// The policies and scripts that made the difference.
    pub policies: BTreeSet<String>,
    pub summary_before: String,
    pub summary_after: String,
}

impl Difference {
    /// How `replayed` differs from `record`; `None` where it does not.
    pub fn of(record: &Record, replayed: &Replayed) -> Option<Self> {
        if replayed.kind == Kind::Same && !replayed.reclassified {
            return None;
        }
        let (before, after) = (&record.decision, &replayed.decision);
        Some(Self {
            kind: replayed.kind,
            command: record.command.clone(),
            judgement: record.judgement,
            at_ms: record.at_ms,
            principal: record.principal().to_owned(),
            probe: record.probe().map(|probe| if probe.name.is_empty() { &probe.id } else { &probe.name }.clone()),
            tags: record.probe().map(|probe| probe.tags.clone()).unwrap_or_default(),
            line: record.asked(),
            reclassified: replayed.reclassified,
            action_before: before.action.clone(),
            action_after: after.action.clone(),
            outcome_before: before.outcome.clone(),
            outcome_after: after.outcome.clone(),
            policies: made_by(before, after).into_iter().map(str::to_owned).collect(),
            summary_before: before.rationale.summary.clone(),
            summary_after: after.rationale.summary.clone(),
        })
    }
}
