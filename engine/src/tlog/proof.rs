//! Proofs that an entry is in a tree and that one tree grew out of another: planned, made and verified.
//!
//! Making one is two steps, so that nothing here reads a store: a plan names the complete subtrees that it needs, and
//! is finished by whoever can look them up.

use std::ops::Range;

use super::{Hash, Node, complete_nodes, node_hash};

/// Why no proof can be planned or finished.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanFault {
    #[error("entry {index} is not among the {size} of the log")]
    Beyond { index: u64, size: u64 },
    #[error("the log has {new} entries, fewer than the {old} that it once had")]
    Shrunk { old: u64, new: u64 },
    #[error("the hash of node {index} at level {level} is missing")]
    Missing { level: u8, index: u64 },
}

/// Why a proof does not prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    #[error("the proof speaks of an entry beyond the tree")]
    Beyond,
    #[error("the proof has {found} hashes where {wanted} belong")]
    Length { found: usize, wanted: usize },
    #[error("the proof leads to another root than the checkpoint's")]
    Root,
    #[error("the older root is not what the newer tree began with: the log was rewritten")]
    OldRoot,
    #[error("the newer tree is smaller than the older one: the log was cut")]
    Shrunk,
}

/// The path of one leaf, lowest hash first.
#[derive(Clone, Debug)]
pub struct InclusionPlan(Vec<Range<u64>>);

impl InclusionPlan {
    pub fn new(index: u64, size: u64) -> Result<Self, PlanFault> {
        if index >= size {
            return Err(PlanFault::Beyond { index, size });
        }
        let mut siblings = Vec::new();
        let (mut start, mut end) = (0, size);
        while end - start > 1 {
            let middle = start + split_of(end - start);
            if index < middle {
                siblings.push(middle..end);
                end = middle;
            } else {
                siblings.push(start..middle);
                start = middle;
            }
        }
        siblings.reverse();
        Ok(Self(siblings))
    }

    pub fn nodes(&self) -> Vec<Node> {
        self.0.iter().cloned().flat_map(complete_nodes).collect()
    }

    pub fn finish(self, hash_of: impl Fn(Node) -> Option<Hash>) -> Result<Vec<Hash>, PlanFault> {
        finish(self.0, hash_of)
    }
}

/// What leads from an older root to a newer one.
#[derive(Clone, Debug)]
pub struct ConsistencyPlan(Vec<Range<u64>>);

impl ConsistencyPlan {
    pub fn new(old: u64, new: u64) -> Result<Self, PlanFault> {
        if old > new {
            return Err(PlanFault::Shrunk { old, new });
        }
        let mut ranges = Vec::new();
        if old == 0 || old == new {
            return Ok(Self(ranges));
        }
        let (mut start, mut end) = (0, new);
        // Descend to the subtree that the older tree ends with, and note what stands beside the way.
        while end != old {
            let middle = start + split_of(end - start);
            if old <= middle {
                ranges.push(middle..end);
                end = middle;
            } else {
                ranges.push(start..middle);
                start = middle;
            }
        }
        // The older root itself is known to the verifier; only a part of it must be told.
        if start != 0 {
            ranges.push(start..end);
        }
        ranges.reverse();
        Ok(Self(ranges))
    }

    pub fn nodes(&self) -> Vec<Node> {
        self.0.iter().cloned().flat_map(complete_nodes).collect()
    }

    pub fn finish(self, hash_of: impl Fn(Node) -> Option<Hash>) -> Result<Vec<Hash>, PlanFault> {
        finish(self.0, hash_of)
    }
}

/// Whether `leaf` is entry `index` of the tree with this size and root.
pub fn verify_inclusion(leaf: Hash, index: u64, size: u64, path: &[Hash], root: Hash) -> Result<(), ProofFault> {
    if index >= size {
        return Err(ProofFault::Beyond);
    }
    let wanted = InclusionPlan::new(index, size).map_or(0, |plan| plan.0.len());
    if path.len() != wanted {
        return Err(ProofFault::Length { found: path.len(), wanted });
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for &sibling in path {
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, hash);
            // A right edge without a partner rises until it has one.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if hash == root { Ok(()) } else { Err(ProofFault::Root) }
}

/// Whether the tree (`new`, `new_root`) begins with the whole tree (`old`, `old_root`).
pub fn verify_consistency(old: u64, old_root: Hash, new: u64, new_root: Hash, path: &[Hash]) -> Result<(), ProofFault> {
    if old > new {
        return Err(ProofFault::Shrunk);
    }
    let wanted = ConsistencyPlan::new(old, new).map_or(0, |plan| plan.0.len());
    if path.len() != wanted {
        return Err(ProofFault::Length { found: path.len(), wanted });
    }
    if old == 0 {
        return if old_root == Hash::of_nothing() { Ok(()) } else { Err(ProofFault::OldRoot) };
    }
    if old == new {
        return if old_root == new_root { Ok(()) } else { Err(ProofFault::OldRoot) };
    }
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let mut path = path.iter().copied();
    // Below a power of two the older root is itself where the way begins.
    let start = if old.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(start) = start else { return Err(ProofFault::Length { found: 0, wanted }) };
    let (mut old_hash, mut new_hash) = (start, start);
    for sibling in path {
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, old_hash);
            new_hash = node_hash(sibling, new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if old_hash != old_root {
        return Err(ProofFault::OldRoot);
    }
    if new_hash == new_root { Ok(()) } else { Err(ProofFault::Root) }
}

/// The largest power of two below `leaves`: where a tree of that many parts into left and right.
fn split_of(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

fn finish(ranges: Vec<Range<u64>>, hash_of: impl Fn(Node) -> Option<Hash>) -> Result<Vec<Hash>, PlanFault> {
    ranges
        .into_iter()
        .map(|range| {
            let mut root = None;
            for node in complete_nodes(range).into_iter().rev() {
                let hash = hash_of(node).ok_or(PlanFault::Missing { level: node.level, index: node.index })?;
                root = Some(match root {
                    None => hash,
                    Some(right) => node_hash(hash, right),
                });
            }
            // INVARIANT: a sibling range is never empty; were it, the empty root would fail to verify.
            Ok(root.unwrap_or_else(Hash::of_nothing))
        })
        .collect()
}
