//! Proofs out of the stored hashes: that an entry is in the log, and that the log only grew.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use legator_engine::tlog::{
    ConsistencyPlan, Hash, InclusionPlan, Keys, Node, PlanFault, ProofFault, Ticket, Tree, verify_consistency,
};
use sqlx::sqlite::SqliteConnection;

use super::fault::{KeptFault, ReadFault};
use super::{Head, store};

/// That one entry is in the log.
#[derive(Clone, Debug)]
pub struct Inclusion {
    pub leaf_hash: Hash,
    /// The head that the path leads to.
    pub head: Head,
    /// Index, path and checkpoint; its `Display` is the C2SP `tlog-proof` text.
    pub ticket: Ticket,
}

/// That the log at `head` begins with the log of `old` entries.
#[derive(Clone, Debug)]
pub struct Consistency {
    pub old: u64,
    pub head: Head,
    pub path: Vec<Hash>,
}

pub(super) async fn inclusion(
    connection: &mut SqliteConnection,
    head: &Head,
    index: u64,
) -> Result<Option<Inclusion>, ReadFault> {
    if index >= head.size {
        return Ok(None);
    }
    let leaf = Node { level: 0, index };
    let plan = InclusionPlan::new(index, head.size)?;
    let mut nodes = plan.nodes();
    nodes.push(leaf);
    let hashes = hashes(connection, &nodes).await?;
    let path = plan.finish(|node| hashes.get(&node).copied())?;
    let leaf_hash = hashes.get(&leaf).copied().ok_or(PlanFault::Missing { level: 0, index })?;
    let ticket = Ticket { index, path, checkpoint: head.note.to_string() };
    Ok(Some(Inclusion { leaf_hash, head: head.clone(), ticket }))
}

pub(super) async fn consistency(
    connection: &mut SqliteConnection,
    head: Head,
    old: u64,
) -> Result<Consistency, ReadFault> {
    let plan = ConsistencyPlan::new(old, head.size)?;
    let hashes = hashes(connection, &plan.nodes()).await?;
    let path = plan.finish(|node| hashes.get(&node).copied())?;
    Ok(Consistency { old, head, path })
}

pub(super) async fn agree(
    connection: &mut SqliteConnection,
    head: Head,
    kept: &str,
    keys: &Keys,
) -> Result<(), KeptFault> {
    let kept = keys.open(kept)?;
    if kept.size > head.size {
        return Err(ProofFault::Shrunk.into());
    }
    let Consistency { head, path, .. } = consistency(connection, head, kept.size).await?;
    Ok(verify_consistency(kept.size, kept.root, head.size, head.root, &path)?)
}

/// The hashes of complete subtrees, each from the nearest stored level below it. What is not there is left out.
pub(super) async fn hashes(
    connection: &mut SqliteConnection,
    nodes: &[Node],
) -> Result<HashMap<Node, Hash>, sqlx::Error> {
    let mut tiles: HashMap<Node, Vec<Hash>> = HashMap::new();
    let mut found = HashMap::with_capacity(nodes.len());
    for &node in nodes {
        let (tile, range) = store::tile_of(node);
        let hashes = match tiles.entry(tile) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(space) => space.insert(store::tile(connection, tile).await?),
        };
        if let Some(hashes) = hashes.get(range) {
            let mut tree = Tree::new();
            hashes.iter().for_each(|&hash| tree.append(hash, |_, _| {}));
            found.insert(node, tree.root());
        }
    }
    Ok(found)
}
