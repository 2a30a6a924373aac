//! Replay: a recorded decision, decided again from its facts under another bundle, and what that would have changed.
//! Never: guesses. What cannot be decided again is an [`Obstacle`] with a name, and is counted as one.
//!
//! Under the revision that made it a decision comes out the same to the byte; [`Replayed::identical`] says so.

mod budget;
mod difference;
mod line;
mod mask;
mod obstacle;
mod record;
mod selection;
mod tally;

pub use budget::{Budget, Overrun};
pub use difference::{Difference, Kind};
pub use line::{Line, Stopped};
pub use mask::{Blind, Kept, Mask};
pub use obstacle::{Obstacle, ObstacleKind};
pub use record::Record;
pub use selection::{Of, Selection};
pub use tally::{Counts, Tally};

use crate::bundle::Bundle;
use crate::decide::decide;
use crate::decision::Decision;

/// A recorded decision that was decided again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// What the candidate says.
    pub decision: Decision,
    pub kind: Kind,
    /// The candidate's command table takes the command for something else than it was recorded as.
    pub reclassified: bool,
    /// For a decision that the candidate itself made: whether it came out the same to the byte. `None` for any other.
    pub identical: Option<bool>,
}

/// Decides `record` again under `candidate`. A command is classified again too, by the candidate's table.
pub fn replay(candidate: &Bundle, record: &Record) -> Result<Replayed, Obstacle> {
    let decision = decide(candidate, &record.facts);
    if decision.facts_digest != record.decision.facts_digest {
        return Err(Obstacle::digest(&record.decision.facts_digest, &decision.facts_digest));
    }
    let kind = Kind::of(&record.decision, &decision);
    let reclassified = record.decision.classification != decision.classification;
    let identical = (record.decision.revision == decision.revision).then(|| record.decision == decision);
    Ok(Replayed { decision, kind, reclassified, identical })
}

/// The same for a record of a masked export: `blind` says where the candidate names what the export masks.
pub fn replay_masked(candidate: &Bundle, blind: &Blind, record: &Record) -> Result<Replayed, Obstacle> {
    let replayed = replay(candidate, record)?;
    match blind.obstacle(candidate, record, &replayed.decision) {
        Some(obstacle) => Err(obstacle),
        None => Ok(replayed),
    }
}
