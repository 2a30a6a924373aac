//! A facts export: one JSON document a line. First what was masked, if anything was; then decisions, and those that
//! cannot be decided again; last how many there were, so that a file that was cut is noticed.

use serde::{Deserialize, Serialize};

use super::mask::Kept;
use super::obstacle::{Obstacle, ObstacleKind};
use super::record::{Record, VERSION};

/// A line of an export.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    Decision(Box<Record>),
    Stopped(Stopped),
    /// Names and arguments are replaced by pseudonyms, but for these.
    Masked(Box<Kept>),
    /// So many decisions stood before, those that cannot be decided again among them.
    End(u64),
}

/// A decision that cannot be decided again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stopped {
    v: u64,
    pub command: String,
    pub judgement: u32,
    pub at_ms: i64,
    pub obstacle: Obstacle,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    v: u64,
    masked: Kept,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    v: u64,
    end: u64,
}

impl Stopped {
    pub fn new(command: impl Into<String>, judgement: u32, at_ms: i64, obstacle: Obstacle) -> Self {
        Self { v: VERSION, command: command.into(), judgement, at_ms, obstacle }
    }
}

impl Line {
    pub fn parse(text: &str) -> Result<Self, Obstacle> {
        match Record::parse(text) {
            Ok(record) => Ok(Self::Decision(Box::new(record))),
            // Rare lines are tried after the common one.
            Err(obstacle) if obstacle.kind == ObstacleKind::DigestMismatch => Err(obstacle),
            Err(obstacle) => Self::rare(text).ok_or(obstacle),
        }
    }

    fn rare(text: &str) -> Option<Self> {
        if let Ok(end) = serde_json::from_str::<End>(text) {
            return (end.v == VERSION).then_some(Self::End(end.end));
        }
        if let Ok(start) = serde_json::from_str::<Start>(text) {
            return (start.v == VERSION).then(|| Self::Masked(Box::new(start.masked)));
        }
        let stopped: Stopped = serde_json::from_str(text).ok()?;
        (stopped.v == VERSION).then_some(Self::Stopped(stopped))
    }

    /// The line, without its end.
    pub fn text(&self) -> String {
        match self {
            Self::Decision(record) => record.line(),
            Self::Stopped(stopped) => json(stopped),
            Self::Masked(kept) => json(&Start { v: VERSION, masked: Kept::clone(kept) }),
            Self::End(end) => json(&End { v: VERSION, end: *end }),
        }
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
