//! Why a recorded decision cannot be decided again.

use serde::{Deserialize, Serialize};

/// What stands in the way, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Obstacle {
    pub kind: ObstacleKind,
    pub detail: String,
}

/// What stands in the way, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObstacleKind {
    /// The facts are not there any more.
    MissingFacts,
    /// The facts are of a shape that this version does not know.
    UnreadableFacts,
    /// The decision is of a shape that this version does not know.
    UnreadableDecision,
    /// The facts are not those that were decided on.
    DigestMismatch,
    /// The line of an export is not one, or is of another version.
    UnreadableLine,
    /// The answer would depend on something that the export masks.
    Masked,
}

impl ObstacleKind {
    pub const ALL: [Self; 6] = [
        Self::MissingFacts,
        Self::UnreadableFacts,
        Self::UnreadableDecision,
        Self::DigestMismatch,
        Self::UnreadableLine,
        Self::Masked,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingFacts => "missing-facts",
            Self::UnreadableFacts => "unreadable-facts",
            Self::UnreadableDecision => "unreadable-decision",
            Self::DigestMismatch => "digest-mismatch",
            Self::UnreadableLine => "unreadable-line",
            Self::Masked => "masked",
        }
    }
}

impl Obstacle {
    pub fn new(kind: ObstacleKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    pub(super) fn digest(recorded: &str, found: &str) -> Self {
        let detail = format!("the facts have the digest `{found}`; the decision was made on `{recorded}`");
        Self::new(ObstacleKind::DigestMismatch, detail)
    }
}
