//! One replay: what it looks at, how far it is, and what it found; and how a page of judgements is decided again.

use legator_engine::Bundle;
use legator_engine::replay::{Difference, Obstacle, Record, Selection, Tally, replay};
use serde::{Deserialize, Serialize};

use super::source::Cursor;
use crate::judgement::Judgement;

/// Findings that are written down for one replay. What comes after them is counted.
const MOST_FINDINGS: u64 = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// For its turn: one replay at a time.
    Waiting,
    Running,
    Done,
    Canceled,
    Failed,
}

impl JobState {
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Running, Self::Done, Self::Canceled, Self::Failed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Canceled => "canceled",
            Self::Failed => "failed",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    pub const fn ended(self) -> bool {
        matches!(self, Self::Done | Self::Canceled | Self::Failed)
    }
}

/// A replay.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: String,
    /// The candidate's revision.
    pub candidate: String,
    pub actor: String,
    pub selection: Selection,
    pub state: JobState,
    /// Judgements of its time when it was asked for.
    pub total: u64,
    /// Judgements looked at so far.
    pub seen: u64,
    /// The last one that was looked at.
    pub cursor: Option<Cursor>,
    /// Findings that are written down.
    pub listed: u64,
    pub tally: Tally,
    pub fault: Option<String>,
    pub created_at: i64,
    pub ended_at: Option<i64>,
}

/// Something that a replay found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Finding {
    /// A decision that the candidate changes.
    Changed(Box<Difference>),
    /// One that cannot be decided again.
    Stopped { command: String, judgement: u32, at_ms: i64, obstacle: Obstacle },
}

impl Finding {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Changed(difference) => difference.kind.as_str(),
            Self::Stopped { obstacle, .. } => obstacle.kind.as_str(),
        }
    }

    pub fn command(&self) -> (&str, u32) {
        match self {
            Self::Changed(difference) => (&difference.command, difference.judgement),
            Self::Stopped { command, judgement, .. } => (command, *judgement),
        }
    }
}

impl Job {
    /// Decides a page of judgements again, and counts. Gives what is to be written down.
    pub fn take(&mut self, bundle: &Bundle, page: &[Judgement]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for judgement in page {
            self.seen += 1;
            if let Some(finding) = self.look_at(bundle, judgement) {
                findings.push(finding);
            }
        }
        if let Some(last) = page.last() {
            self.cursor = Some((last.subject.clone(), last.n));
        }
        findings.truncate(usize::try_from(MOST_FINDINGS.saturating_sub(self.listed)).unwrap_or(usize::MAX));
        findings
    }

    fn look_at(&mut self, bundle: &Bundle, judgement: &Judgement) -> Option<Finding> {
        let Judgement { subject: command, n, at, facts, decision } = judgement;
        let replayed = Record::read(command, *n, *at, facts, decision).and_then(|record| {
            // What was not asked for is neither changed nor an obstacle.
            let wanted = self.selection.takes(&record);
            wanted.then(|| replay(bundle, &record).map(|replayed| (record, replayed))).transpose()
        });
        match replayed {
            Ok(None) => None,
            Ok(Some((record, replayed))) => {
                self.tally.add(&record, &replayed);
                Difference::of(&record, &replayed).map(|difference| Finding::Changed(Box::new(difference)))
            }
            Err(obstacle) => {
                self.tally.stop(&obstacle);
                Some(Finding::Stopped { command: command.clone(), judgement: *n, at_ms: *at, obstacle })
            }
        }
    }
}
