//! A growing tree, remembered by its complete subtrees only: one hash for every set bit of its size.

use super::{Hash, Node, complete_nodes, node_hash};

/// What is needed to append and to name the root: O(log n), whatever was appended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// Roots of the complete subtrees, widest first.
    peaks: Vec<Hash>,
}

impl Tree {
    /// The tree that holds nothing.
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// The nodes that `restore` wants for a tree of this size, in its order.
    pub fn peaks_of(size: u64) -> Vec<Node> {
        complete_nodes(0..size)
    }

    /// Takes up a tree of `size` leaves whose complete subtrees have these roots; `None` when their number is wrong.
    pub fn restore(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf and tells of every node above the leaves that it completes, lowest first.
    pub fn append(&mut self, leaf: Hash, mut completed: impl FnMut(Node, Hash)) {
        let mut hash = leaf;
        let mut node = Node { level: 0, index: self.size };
        // Every trailing one of the size is a left neighbour that waits for exactly this node.
        while node.index & 1 == 1
            && let Some(left) = self.peaks.pop()
        {
            hash = node_hash(left, hash);
            node = node.parent();
            completed(node, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev().copied();
        match peaks.next() {
            None => Hash::of_nothing(),
            Some(narrowest) => peaks.fold(narrowest, |right, left| node_hash(left, right)),
        }
    }
}
