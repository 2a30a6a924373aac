//! Recomputing a log from its exported lines. No server, no trust: a key, a checkpoint and the lines.

use legator_engine::tlog::{Checkpoint, Tree, Verifier, leaf_hash};

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
}

/// A checkpoint that is signed by this key.
pub fn open(note: &str, verifier: &Verifier) -> Result<Checkpoint, Failure> {
    Checkpoint::open(note, verifier).map_err(|fault| Failure::Log(format!("the checkpoint does not verify: {fault}")))
}

impl Recomputed {
    pub fn against(wanted: Checkpoint) -> Self {
        let root_there = (wanted.size == 0).then(|| Tree::new().root());
        Self { tree: Tree::new(), wanted, root_there, first_lost: None, lines: 0 }
    }

    pub fn take(&mut self, line: &str) {
        if line == "null" && self.first_lost.is_none() {
            self.first_lost = Some(self.lines);
        }
        self.lines += 1;
        self.tree.append(leaf_hash(line.as_bytes()), |_, _| {});
        if self.tree.size() == self.wanted.size {
            self.root_there = Some(self.tree.root());
        }
    }

    /// How many entries fit, and how many came after the checkpoint, unsigned by it.
    pub fn finish(self) -> Result<(u64, u64), Failure> {
        let size = self.wanted.size;
        let Some(root) = self.root_there else {
            return Err(Failure::Log(format!(
                "the log is cut: the checkpoint signs {size} entries, and there are {}",
                self.lines
            )));
        };
        if root == self.wanted.root {
            return Ok((size, self.lines - size));
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
