//! Taking up a log that is on disk: rebuild the tree's frontier from stored hashes and hold it against the last checkpoint.

use legator_engine::tlog::{Checkpoint, Hash, Node, PlanFault, Signer, Tree};
use sqlx::sqlite::SqliteConnection;

use super::fault::OpenFault;
use super::{Head, prove, store};
use crate::db::Db;

/// A writing connection, and the tree and head that the database holds.
pub(super) async fn take_up(db: &Db, signer: &Signer) -> Result<(SqliteConnection, Tree, Head), OpenFault> {
    let mut connection = db.connect_writer().await?;
    let (tree, head) = read(&mut connection, signer).await?;
    Ok((connection, tree, head))
}

/// Reads tree and head, and refuses when they do not fit each other.
pub(super) async fn read(connection: &mut SqliteConnection, signer: &Signer) -> Result<(Tree, Head), OpenFault> {
    let size = store::size(connection).await?;
    let checkpoint = store::last_checkpoint(connection).await?;
    let signed = checkpoint.as_ref().map_or(0, |row| row.size);
    if signed != size {
        return Err(OpenFault::Size { size, signed });
    }
    let Some(row) = checkpoint else {
        let root = Hash::of_nothing();
        return Ok((Tree::new(), Head { size: 0, root, note: Checkpoint::sign(0, root, signer).into(), at_ms: 0 }));
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
    let said = Checkpoint::open(&row.note, &signer.verifier())?;
    if said.size != size || said.root != tree.root() || row.root != said.root.as_bytes() {
        return Err(OpenFault::Root { size });
    }
    Ok((tree, Head { size, root: said.root, note: row.note.into(), at_ms: row.at_ms }))
}
