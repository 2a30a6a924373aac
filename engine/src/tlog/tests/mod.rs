//! The log's mathematics against known vectors, against another implementation, and against those who forge.

mod forging;
mod oracle;
mod texts;
mod turning;
mod vectors;

use std::collections::HashMap;

use super::*;

/// A tree with all of its node hashes, as a store would have them.
struct Grown {
    tree: Tree,
    hashes: HashMap<Node, Hash>,
}

impl Grown {
    fn of<L: AsRef<[u8]>>(leaves: &[L]) -> Self {
        let mut grown = Self { tree: Tree::new(), hashes: HashMap::new() };
        for leaf in leaves {
            let hash = leaf_hash(leaf.as_ref());
            grown.hashes.insert(Node { level: 0, index: grown.tree.size() }, hash);
            grown.tree.append(hash, |node, hash| {
                grown.hashes.insert(node, hash);
            });
        }
        grown
    }

    fn inclusion(&self, index: u64, size: u64) -> Vec<Hash> {
        InclusionPlan::new(index, size).unwrap().finish(|node| self.hashes.get(&node).copied()).unwrap()
    }

    fn consistency(&self, old: u64, new: u64) -> Vec<Hash> {
        ConsistencyPlan::new(old, new).unwrap().finish(|node| self.hashes.get(&node).copied()).unwrap()
    }
}

fn entries(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("entry {n}")).collect()
}

fn root_of(n: usize) -> Hash {
    Grown::of(&entries(n)).tree.root()
}
