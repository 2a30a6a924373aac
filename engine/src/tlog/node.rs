//! Where a hash stands in the tree, and which complete subtrees make up a range of leaves.

use std::ops::Range;

/// A complete subtree: `level` 0 is a leaf, and it spans the leaves `index << level .. (index + 1) << level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, std::hash::Hash)]
pub struct Node {
    pub level: u8,
    pub index: u64,
}

impl Node {
    pub const fn parent(self) -> Self {
        Self { level: self.level + 1, index: self.index >> 1 }
    }

    /// The leaves below it.
    pub const fn span(self) -> Range<u64> {
        self.index << self.level..(self.index + 1) << self.level
    }
}

/// The fewest complete subtrees that cover a range of leaves, left to right.
pub fn complete_nodes(leaves: Range<u64>) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut start = leaves.start;
    while start < leaves.end {
        // As wide as the start is aligned, but no wider than what is left.
        let aligned = if start == 0 { 63 } else { start.trailing_zeros() };
        let level = aligned.min((leaves.end - start).ilog2());
        nodes.push(Node { level: level as u8, index: start >> level });
        start += 1 << level;
    }
    nodes
}
