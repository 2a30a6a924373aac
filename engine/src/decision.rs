//! The answer: an outcome, and what it was derived from.

use std::collections::BTreeSet;

use legator_classify::Classification;
use legator_protocol::{Level, Look};
use serde::{Deserialize, Serialize};

use crate::rationale::Rationale;

/// The answer to one request. Its JSON is stored in the audit log and shown by the API, so its shape is a promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub outcome: Outcome,
    /// The action that was judged: the command's level, or the operation.
    pub action: String,
    /// What the command is; absent for an operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<Classified>,
    pub rationale: Rationale,
    /// The bundle that decided.
    pub revision: String,
    /// [`crate::Facts::digest`] of what was judged.
    pub facts_digest: String,
    /// The grant without which it would not have passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
}

impl Decision {
    /// JSON without white space, its fields in the order of these types: the same decision is the same text.
    pub fn canonical(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether both gave the same answer for the same reasons, whatever way each took to it.
    pub fn agrees_with(&self, other: &Decision) -> bool {
        let reasons = |decision: &Decision| {
            let rationale = &decision.rationale;
            let policies: BTreeSet<_> = rationale.policies.iter().map(|policy| policy.id.clone()).collect();
            let errors: BTreeSet<_> = rationale.errors.iter().map(|error| error.policy.clone()).collect();
            (policies, errors)
        };
        self.outcome == other.outcome
            && self.action == other.action
            && self.grant == other.grant
            && reasons(self) == reasons(other)
    }
}

/// What may happen now, strictest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Outcome {
    Deny,
    /// Until this many more people approve.
    Hold {
        approvals: u32,
    },
    /// Until there is room.
    Queue {
        reason: String,
    },
    Allow,
}

impl Outcome {
    /// The word for it: `deny`, `hold`, `queue`, `allow`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Hold { .. } => "hold",
            Self::Queue { .. } => "queue",
            Self::Allow => "allow",
        }
    }

    /// Higher is stricter.
    pub const fn strictness(&self) -> u8 {
        match self {
            Self::Deny => 3,
            Self::Hold { .. } => 2,
            Self::Queue { .. } => 1,
            Self::Allow => 0,
        }
    }

    /// The stricter of both; the first where they are equally strict.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        if other.strictness() > self.strictness() { other } else { self }
    }
}

/// A [`Classification`] that can be stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classified {
    pub level: Level,
    pub parsed: bool,
    pub known: bool,
    pub programs: BTreeSet<String>,
    pub effects: BTreeSet<String>,
    pub targets: BTreeSet<String>,
    pub parts: Vec<ClassifiedPart>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub look: Vec<Look>,
}

/// What one part of a command contributed to its level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassifiedPart {
    pub text: String,
    pub level: Level,
    pub why: String,
}

impl From<Classification> for Classified {
    fn from(said: Classification) -> Self {
        let Classification { level, parsed, known, programs, effects, targets, parts, look } = said;
        let parts = parts.into_iter().map(|part| ClassifiedPart { text: part.text, level: part.level, why: part.why });
        Self { level, parsed, known, programs, effects, targets, parts: parts.collect(), look }
    }
}
