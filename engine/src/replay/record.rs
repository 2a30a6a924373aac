//! A recorded decision: what was decided, on which facts. In an export it is one line of JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::obstacle::{Obstacle, ObstacleKind};
use super::selection::Of;
use crate::decision::Decision;
use crate::facts::{Ask, Facts, OtherKind, Resource};

/// The version of a line. Another one is not read.
pub(super) const VERSION: u64 = 1;

/// One judgement of one command, or of one operation of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    v: u64,
    /// The command, or the operation.
    pub command: String,
    /// Which judgement of it, from 1.
    pub judgement: u32,
    /// When it was recorded, in UTC milliseconds.
    pub at_ms: i64,
    /// Whether names and arguments were replaced by pseudonyms.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub masked: bool,
    pub facts: Facts,
    pub decision: Decision,
}

impl Record {
    pub fn new(command: impl Into<String>, judgement: u32, at_ms: i64, facts: Facts, decision: Decision) -> Self {
        Self { v: VERSION, command: command.into(), judgement, at_ms, masked: false, facts, decision }
    }

    /// From what a database keeps: both texts are the JSON that was recorded.
    pub fn read(command: &str, judgement: u32, at_ms: i64, facts: &str, decision: &str) -> Result<Self, Obstacle> {
        if matches!(facts, "" | "null" | "{}") {
            return Err(Obstacle::new(ObstacleKind::MissingFacts, "its facts are not kept"));
        }
        let facts = serde_json::from_str(facts).map_err(|error| {
            let detail = format!("its facts are of a shape that this version does not read: {error}");
            Obstacle::new(ObstacleKind::UnreadableFacts, detail)
        })?;
        let decision = serde_json::from_str(decision).map_err(|error| {
            let detail = format!("the decision is of a shape that this version does not read: {error}");
            Obstacle::new(ObstacleKind::UnreadableDecision, detail)
        })?;
        Ok(Self::new(command, judgement, at_ms, facts, decision))
    }

    /// From a line of an export.
    pub fn parse(line: &str) -> Result<Self, Obstacle> {
        match serde_json::from_str::<Self>(line) {
            Ok(record) if record.v == VERSION => Ok(record),
            Ok(record) => Err(other_version(record.v)),
            Err(error) => Err(diagnose(line, &error)),
        }
    }

    /// The line of an export, without its end.
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The principal, by the name that people know.
    pub fn principal(&self) -> &str {
        let principal = &self.facts.principal;
        if principal.name.is_empty() { &principal.id } else { &principal.name }
    }

    pub const fn of(&self) -> Of {
        match self.facts.ask {
            Ask::Command(_) => Of::Commands,
            Ask::Operation(_) => Of::Operations,
        }
    }

    /// The probe that the command was for; none for an operation on something else.
    pub fn probe(&self) -> Option<&crate::facts::Probe> {
        match &self.facts.resource {
            Resource::Probe(probe) => Some(probe),
            Resource::Approval(_) | Resource::Other(_) => None,
        }
    }

    /// What was asked for, as a person would type it; for an operation with what it was asked of.
    pub fn asked(&self) -> String {
        match (&self.facts.ask, &self.facts.resource) {
            (Ask::Command(spec), _) => spec.line(),
            (Ask::Operation(name), Resource::Other(other)) if other.kind == OtherKind::ControlPlane => name.clone(),
            (Ask::Operation(name), resource) => format!("{name} {}", resource.id()),
        }
    }
}

fn other_version(found: u64) -> Obstacle {
    let detail = format!("the line is of version {found}; this program reads version {VERSION}");
    Obstacle::new(ObstacleKind::UnreadableLine, detail)
}

/// Says which part of a line cannot be read. Slow, and only for lines that failed.
fn diagnose(line: &str, error: &serde_json::Error) -> Obstacle {
    let no_line = || Obstacle::new(ObstacleKind::UnreadableLine, format!("the line is no recorded decision: {error}"));
    let Ok(value) = serde_json::from_str::<Value>(line) else { return no_line() };
    match value["v"].as_u64() {
        Some(VERSION) => {}
        Some(other) => return other_version(other),
        None => return no_line(),
    }
    let text = |name: &str| value.get(name).map(Value::to_string).unwrap_or_default();
    let command = value["command"].as_str().unwrap_or_default();
    Record::read(command, 0, 0, &text("facts"), &text("decision")).err().unwrap_or_else(no_line)
}
