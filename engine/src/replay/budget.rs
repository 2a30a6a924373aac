//! A merge budget: how much a change of the rules may change before somebody has to look.

use serde::{Deserialize, Serialize};

use super::difference::Kind;
use super::tally::Tally;

/// The most of each that is accepted; what is `None` is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    pub newly_allowed: Option<u64>,
    pub newly_denied: Option<u64>,
    pub newly_held: Option<u64>,
    pub newly_queued: Option<u64>,
    /// Everything whose outcome changes, and holds for other approvals.
    pub changed: Option<u64>,
    pub reclassified: Option<u64>,
    pub not_replayable: Option<u64>,
}

/// A part of the budget that was exceeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrun {
    pub what: String,
    pub most: u64,
    pub found: u64,
}

impl Budget {
    /// Every part that `tally` exceeds.
    pub fn overruns(&self, tally: &Tally) -> Vec<Overrun> {
        let kind = |kind: Kind| tally.kinds.of(kind);
        let parts = [
            ("newly-allowed", self.newly_allowed, kind(Kind::NewlyAllowed)),
            ("newly-denied", self.newly_denied, kind(Kind::NewlyDenied)),
            ("newly-held", self.newly_held, kind(Kind::NewlyHeld)),
            ("newly-queued", self.newly_queued, kind(Kind::NewlyQueued)),
            ("changed", self.changed, tally.outcomes_changed()),
            ("reclassified", self.reclassified, tally.reclassified),
            ("not-replayable", self.not_replayable, tally.stopped()),
        ];
        let over = parts.into_iter().filter_map(|(what, most, found)| {
            let most = most.filter(|most| found > *most)?;
            Some(Overrun { what: what.to_owned(), most, found })
        });
        over.collect()
    }
}
