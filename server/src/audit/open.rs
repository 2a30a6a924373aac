//! Taking up a log that is on disk: rebuild the tree's frontier from stored hashes and hold it against the last checkpoint,
//! by the key that the log itself says is its own.

use std::sync::Arc;

use legator_engine::tlog::{Checkpoint, Hash, Keys, Node, PlanFault, Signer, TURNED, Tree, Turn, leaf_hash};
use sqlx::sqlite::SqliteConnection;

use super::fault::OpenFault;
use super::key_file::KeyFile;
use super::{Head, prove, store};
use crate::db::Db;

/// A log as the database holds it.
pub(super) struct Found {
    pub tree: Tree,
    pub head: Head,
    pub keys: Keys,
    /// The key that signs now.
    pub signer: Arc<Signer>,
}

/// A writing connection, and the log that the database holds.
pub(super) async fn take_up(db: &Db, key_file: &KeyFile, origin: &str) -> Result<(SqliteConnection, Found), OpenFault> {
    let signers = key_file.keys()?.into_iter().map(|key| Signer::new(origin, key).map(Arc::new));
    let signers: Vec<_> = signers.collect::<Result<_, _>>()?;
    let mut connection = db.connect_writer().await?;
    let found = read(&mut connection, &signers).await?;
    Ok((connection, found))
}

/// Reads the log, and refuses when its parts do not fit each other. `signers` are the keys that there are, the present
/// one first; a turn that is on disk says which of them is the log's.
pub(super) async fn read(connection: &mut SqliteConnection, signers: &[Arc<Signer>]) -> Result<Found, OpenFault> {
    let (keys, signer) = keys(connection, signers).await?;
    let size = store::size(connection).await?;
    let checkpoint = store::last_checkpoint(connection).await?;
    let signed = checkpoint.as_ref().map_or(0, |row| row.size);
    if signed != size {
        return Err(OpenFault::Size { size, signed });
    }
    let verifier = keys.now().to_string().into();
    let Some(row) = checkpoint else {
        let root = Hash::of_nothing();
        let head = Head { size: 0, root, note: Checkpoint::sign(0, root, &signer).into(), verifier, at_ms: 0 };
        return Ok(Found { tree: Tree::new(), head, keys, signer });
    };
    let nodes = Tree::peaks_of(size);
    let hashes = prove::hashes(connection, &nodes).await?;
    let peaks = nodes.iter().filter_map(|node| hashes.get(node).copied()).collect();
    let missing =
        || nodes.iter().find(|node| !hashes.contains_key(node)).copied().unwrap_or(Node { level: 0, index: 0 });
    let Some(tree) = Tree::restore(size, peaks) else {
        let Node { level, index } = missing();
        return Err(PlanFault::Missing { level, index }.into());
    };
    let said = Checkpoint::open(&row.note, keys.now())?;
    if said.size != size || said.root != tree.root() || row.root != said.root.as_bytes() {
        return Err(OpenFault::Root { size });
    }
    let head = Head { size, root: said.root, note: row.note.into(), verifier, at_ms: row.at_ms };
    Ok(Found { tree, head, keys, signer })
}

/// The keys that the log's turns lead through, and the one of `signers` that is the last of them.
async fn keys(connection: &mut SqliteConnection, signers: &[Arc<Signer>]) -> Result<(Keys, Arc<Signer>), OpenFault> {
    let mut turns = Vec::new();
    for entry in store::entries_of_kind(connection, TURNED).await? {
        let lost = || OpenFault::Lost(entry.index);
        let json = entry.json.as_deref().filter(|json| leaf_hash(json.as_bytes()) == entry.leaf_hash);
        let turn = Turn::read(json.ok_or_else(lost)?)?.filter(|turn| turn.index == entry.index);
        turns.push(turn.ok_or_else(lost)?);
    }
    // INVARIANT: a key file that was read has a key.
    let first = signers.first().ok_or(OpenFault::Key { wanted: String::new() })?;
    let last = turns.last().map_or_else(|| first.verifier(), |turn| turn.new.clone());
    let signer = signers.iter().find(|signer| signer.verifier() == last);
    let signer = signer.ok_or_else(|| OpenFault::Key { wanted: last.to_string() })?;
    Ok((Keys::trusting(&last, &turns)?, Arc::clone(signer)))
}
