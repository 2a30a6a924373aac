//! Recomputing a log from its exported lines. No server, no trust: a key, a checkpoint and the lines.

use legator_engine::tlog::{Checkpoint, Tree, Verifier, leaf_hash};
use legator_engine::vote::{Ring, RingFault};

use crate::exit::Failure;

/// Grows line by line, and is held against a checkpoint in the end.
pub struct Recomputed {
    tree: Tree,
    wanted: Checkpoint,
    /// The root at the checkpoint's size.
    root_there: Option<legator_engine::tlog::Hash>,
    /// The first line that holds no entry.
    first_lost: Option<u64>,
    lines: u64,
    /// The signed votes among them.
    votes: Result<Ring, RingFault>,
}

/// A checkpoint that is signed by this key.
pub fn open(note: &str, verifier: &Verifier) -> Result<Checkpoint, Failure> {
    Checkpoint::open(note, verifier).map_err(|fault| Failure::Log(format!("the checkpoint does not verify: {fault}")))
}

impl Recomputed {
    pub fn against(wanted: Checkpoint) -> Self {
        let root_there = (wanted.size == 0).then(|| Tree::new().root());
        Self { tree: Tree::new(), wanted, root_there, first_lost: None, lines: 0, votes: Ok(Ring::default()) }
    }

    pub fn take(&mut self, line: &str) {
        if line == "null" && self.first_lost.is_none() {
            self.first_lost = Some(self.lines);
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

    /// How many entries fit, and how many came after the checkpoint, unsigned by it; and what the signed votes came to.
    pub fn finish(self) -> Result<(u64, u64, Ring), Failure> {
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
            return Ok((size, self.lines - size, votes));
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
