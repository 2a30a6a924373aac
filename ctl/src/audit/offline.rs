//! Recomputing a log from its exported lines. No server, no trust: a key, a checkpoint and the lines.

use legator_engine::tlog::{Checkpoint, Keys, Tree, Turn, TurnFault, Verifier, leaf_hash};
use legator_engine::vote::{Ring, RingFault};

use super::keys::another;
use crate::exit::Failure;

/// Grows line by line, and is held against a checkpoint in the end.
pub struct Recomputed {
    tree: Tree,
    /// What the checkpoint says, whoever signed it.
    wanted: Checkpoint,
    /// The root at the checkpoint's size.
    root_there: Option<legator_engine::tlog::Hash>,
    /// The first line that holds no entry.
    first_lost: Option<u64>,
    lines: u64,
    /// The signed votes among them.
    votes: Result<Ring, RingFault>,
    /// The turns of the log's key among them.
    turns: Result<Vec<Turn>, TurnFault>,
}

/// What the lines come to.
pub struct Sum {
    /// Entries that fit.
    pub fits: u64,
    /// Entries that came after the checkpoint, unsigned by it.
    pub beyond: u64,
    pub votes: Ring,
    pub turns: Vec<Turn>,
}

/// A checkpoint that the log's key of its size signed.
pub fn open(note: &str, keys: &Keys) -> Result<Checkpoint, Failure> {
    keys.open(note).map_err(|fault| Failure::Log(format!("the checkpoint does not verify: {fault}")))
}

impl Sum {
    /// The keys of the log for whoever trusts `known`, by the turns among its lines.
    pub fn keys(&self, known: &Verifier) -> Result<Keys, Failure> {
        Keys::trusting(known, &self.turns).map_err(|fault| match (fault, self.turns.last()) {
            (TurnFault::Stranger(_), Some(last)) => another(&last.new, known),
            (fault, _) => Failure::Log(fault.to_string()),
        })
    }
}

impl Recomputed {
    pub fn against(wanted: Checkpoint) -> Self {
        let root_there = (wanted.size == 0).then(|| Tree::new().root());
        Self {
            tree: Tree::new(),
            wanted,
            root_there,
            first_lost: None,
            lines: 0,
            votes: Ok(Ring::default()),
            turns: Ok(Vec::new()),
        }
    }

    pub fn take(&mut self, line: &str) {
        if line == "null" && self.first_lost.is_none() {
            self.first_lost = Some(self.lines);
        }
        if let Ok(turns) = &mut self.turns {
            match Turn::read(line) {
                Ok(Some(turn)) if turn.index != self.lines => {
                    self.turns = Err(TurnFault::Misplaced { index: self.lines });
                }
                Ok(turn) => turns.extend(turn),
                Err(fault) => self.turns = Err(fault),
            }
        }
        self.lines += 1;
        if let Ok(ring) = &mut self.votes
            && let Err(fault) = ring.take(line)
        {
            self.votes = Err(fault);
        }
        self.tree.append(leaf_hash(line.as_bytes()), |_, _| {});
        if self.tree.size() == self.wanted.size {
            self.root_there = Some(self.tree.root());
        }
    }

    /// How many entries fit, and what the signed votes and the turns of the key among them came to.
    pub fn finish(self) -> Result<Sum, Failure> {
        let size = self.wanted.size;
        let Some(root) = self.root_there else {
            return Err(Failure::Log(format!(
                "the log is cut: the checkpoint signs {size} entries, and there are {}",
                self.lines
            )));
        };
        if root == self.wanted.root {
            // The entries are those of the log; what they say of votes is its voters' to have signed.
            let votes =
                self.votes.map_err(|fault| Failure::Log(format!("the log holds a vote that nobody cast: {fault}")))?;
            let turns = self
                .turns
                .map_err(|fault| Failure::Log(format!("the log's key was not turned as it says: {fault}")))?;
            return Ok(Sum { fits: size, beyond: self.lines - size, votes, turns });
        }
        let lost = self.first_lost.filter(|index| *index < size);
        Err(Failure::Log(match lost {
            Some(index) => format!("the log is not whole: entry {index} is missing, so the rest cannot be checked"),
            None => format!(
                "the log was altered: its first {size} entries lead to the root {}, and the checkpoint signs {}",
                root.to_base64(),
                self.wanted.root.to_base64()
            ),
        }))
    }
}
