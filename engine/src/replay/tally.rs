//! Counting what a candidate changes, in a value that can be stored and gone on with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Replayed;
use super::difference::{Kind, made_by};
use super::obstacle::{Obstacle, ObstacleKind};
use super::record::Record;

/// So many names are counted one by one in each breakdown; what comes after them is counted together.
const MOST_NAMES: usize = 1000;

/// The name under which what comes after [`MOST_NAMES`] is counted. No principal, tag or policy can be called so.
const THE_REST: &str = "(the rest)";

/// How many decisions came out how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Decisions that were decided again.
    pub decisions: u64,
    pub kinds: Counts,
    /// Commands that the candidate's table takes for something else, whatever became of the outcome.
    pub reclassified: u64,
    /// Decisions that the candidate itself had made …
    pub own: u64,
    /// … and of these, those that came out the same to the byte.
    pub identical: u64,
    /// Decisions that could not be decided again, by what stood in the way.
    pub not_replayable: BTreeMap<ObstacleKind, u64>,
    pub by_principal: BTreeMap<String, Counts>,
    /// By tag of the probe; a probe with two tags counts under both.
    pub by_tag: BTreeMap<String, Counts>,
    /// By the action that was recorded.
    pub by_action: BTreeMap<String, Counts>,
    /// By the policy or script that made the difference; what did not change is not in it.
    pub by_policy: BTreeMap<String, Counts>,
}

/// How many of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<Kind, u64>", into = "BTreeMap<Kind, u64>")]
pub struct Counts([u64; Kind::ALL.len()]);

impl Counts {
    pub const fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    pub fn add(&mut self, kind: Kind) {
        self.0[kind as usize] += 1;
    }

    /// Everything but what stayed the same.
    pub fn changed(&self) -> u64 {
        Kind::ALL.into_iter().filter(|kind| *kind != Kind::Same).map(|kind| self.of(kind)).sum()
    }
}

impl From<BTreeMap<Kind, u64>> for Counts {
    fn from(counts: BTreeMap<Kind, u64>) -> Self {
        let mut all = Self::default();
        for (kind, n) in counts {
            all.0[kind as usize] = n;
        }
        all
    }
}

impl From<Counts> for BTreeMap<Kind, u64> {
    fn from(counts: Counts) -> Self {
        Kind::ALL.into_iter().map(|kind| (kind, counts.of(kind))).filter(|(_, n)| *n > 0).collect()
    }
}

impl Tally {
    /// Counts a decision that was decided again.
    pub fn add(&mut self, record: &Record, replayed: &Replayed) {
        let kind = replayed.kind;
        self.decisions += 1;
        self.kinds.add(kind);
        self.reclassified += u64::from(replayed.reclassified);
        if let Some(identical) = replayed.identical {
            self.own += 1;
            self.identical += u64::from(identical);
        }
        count(&mut self.by_principal, record.principal(), kind);
        count(&mut self.by_action, &record.decision.action, kind);
        for tag in record.probe().into_iter().flat_map(|probe| &probe.tags) {
            count(&mut self.by_tag, tag, kind);
        }
        if kind != Kind::Same {
            for policy in made_by(&record.decision, &replayed.decision) {
                count(&mut self.by_policy, policy, kind);
            }
        }
    }

    /// Counts a decision that could not be decided again.
    pub fn stop(&mut self, obstacle: &Obstacle) {
        *self.not_replayable.entry(obstacle.kind).or_default() += 1;
    }

    /// How many could not be decided again.
    pub fn stopped(&self) -> u64 {
        self.not_replayable.values().sum()
    }

    /// How many would have had another outcome.
    pub fn outcomes_changed(&self) -> u64 {
        Kind::ALL.into_iter().filter(|kind| kind.changes_outcome()).map(|kind| self.kinds.of(kind)).sum()
    }
}

fn count(counts: &mut BTreeMap<String, Counts>, name: &str, kind: Kind) {
    if let Some(found) = counts.get_mut(name) {
        return found.add(kind);
    }
    let name = if counts.len() < MOST_NAMES { name } else { THE_REST };
    counts.entry(name.to_owned()).or_default().add(kind);
}
