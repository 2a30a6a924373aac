//! All SQL of the audit log: its tables are `audit_*`, and nobody else speaks to them.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use legator_engine::tlog::{Hash, Node};
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Error, query, query_as, query_scalar, query_with};

use super::Head;
use super::batch::Leaf;

/// Levels of the tree between two stored ones. Above the leaves only every eighth level is stored; the rest is hashed when asked.
const STRIDE: u8 = 8;
/// Rows of one INSERT: a group goes out in as few of these as its binary digits, so that nine prepared statements serve all.
const CHUNKS: [usize; 9] = [256, 128, 64, 32, 16, 8, 4, 2, 1];

pub(super) async fn begin(connection: &mut SqliteConnection) -> Result<(), Error> {
    run(connection, "BEGIN IMMEDIATE").await
}

pub(super) async fn commit(connection: &mut SqliteConnection) -> Result<(), Error> {
    run(connection, "COMMIT").await
}

pub(super) async fn roll_back(connection: &mut SqliteConnection) -> Result<(), Error> {
    run(connection, "ROLLBACK").await
}

pub(super) async fn set_savepoint(connection: &mut SqliteConnection) -> Result<(), Error> {
    run(connection, "SAVEPOINT legator_part").await
}

/// Keeps what the last part did and begins the next, in one round trip.
pub(super) async fn move_savepoint(connection: &mut SqliteConnection) -> Result<(), Error> {
    run(connection, "RELEASE legator_part; SAVEPOINT legator_part").await
}

pub(super) async fn undo_savepoint(connection: &mut SqliteConnection) -> Result<(), Error> {
    run(connection, "ROLLBACK TO legator_part; RELEASE legator_part").await
}

/// Writes enough to know that the disk takes a group again, and leaves the pages free for it.
pub(super) async fn beat(connection: &mut SqliteConnection) -> Result<(), Error> {
    run(connection, "UPDATE audit_pulse SET beats = beats + 1, ballast = zeroblob(131072)").await?;
    run(connection, "UPDATE audit_pulse SET ballast = NULL").await
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), Error> {
    query(sql).execute(connection).await.map(drop)
}

/// Entries, bodies, newly complete nodes and the checkpoint of one group.
pub(super) async fn insert_group(
    connection: &mut SqliteConnection,
    leaves: &[Leaf],
    nodes: &[(Node, Hash)],
    head: &Head,
) -> Result<(), Error> {
    for (node, hash) in nodes {
        query("INSERT INTO audit_node (level, position, hash) VALUES (?, ?, ?)")
            .bind(i64::from(node.level / STRIDE))
            .bind(node.index as i64)
            .bind(hash.as_bytes().as_slice())
            .execute(&mut *connection)
            .await?;
    }
    let mut rest = leaves;
    for (rows, [plain, last]) in INSERTS.iter() {
        while rest.len() >= *rows {
            let (chunk, after) = rest.split_at(*rows);
            rest = after;
            let mut values = SqliteArguments::default();
            bind_entries(&mut values, chunk).map_err(Error::Encode)?;
            let sql = if rest.is_empty() {
                bind_checkpoint(&mut values, head).map_err(Error::Encode)?;
                last
            } else {
                plain
            };
            query_with(AssertSqlSafe(Arc::clone(sql)), values).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// For each chunk size the statement without and with the checkpoint, which rides on the last chunk of its group.
static INSERTS: LazyLock<Vec<(usize, [Arc<str>; 2])>> = LazyLock::new(|| {
    CHUNKS
        .iter()
        .map(|&rows| {
            let mut sql = String::from(
                "INSERT INTO audit_entry (position, leaf_hash, at, kind, actor, subject, command, probe, tenant) VALUES ",
            );
            repeat(&mut sql, "(?, ?, ?, ?, ?, ?, ?, ?, ?)", rows);
            sql.push_str("; INSERT INTO audit_body (position, json) VALUES ");
            repeat(&mut sql, "(?, ?)", rows);
            let last = format!("{sql}; INSERT INTO audit_checkpoint (size, root, at, note) VALUES (?, ?, ?, ?)");
            (rows, [sql.into(), last.into()])
        })
        .collect()
});

fn repeat(sql: &mut String, row: &str, times: usize) {
    for n in 0..times {
        let comma = if n == 0 { "" } else { ", " };
        // INVARIANT: writing to a `String` does not fail.
        let _ = write!(sql, "{comma}{row}");
    }
}

fn bind_entries(values: &mut SqliteArguments, leaves: &[Leaf]) -> Result<(), sqlx::error::BoxDynError> {
    for leaf in leaves {
        values.add(leaf.index as i64)?;
        values.add(leaf.hash.as_bytes().as_slice())?;
        values.add(leaf.at_ms)?;
        values.add(leaf.draft.kind)?;
        values.add(leaf.draft.actor.as_str())?;
        values.add(leaf.draft.subject.as_str())?;
        values.add(leaf.draft.command.as_deref())?;
        values.add(leaf.draft.probe.as_deref())?;
        values.add(leaf.draft.tenant.as_deref())?;
    }
    for leaf in leaves {
        values.add(leaf.index as i64)?;
        values.add(leaf.json.as_str())?;
    }
    Ok(())
}

fn bind_checkpoint(values: &mut SqliteArguments, head: &Head) -> Result<(), sqlx::error::BoxDynError> {
    values.add(head.size as i64)?;
    values.add(head.root.as_bytes().as_slice())?;
    values.add(head.at_ms)?;
    values.add(&*head.note)
}

/// A row of `audit_checkpoint`.
pub(super) struct CheckpointRow {
    pub size: u64,
    pub root: Vec<u8>,
    pub at_ms: i64,
    pub note: String,
}

type CheckpointColumns = (i64, Vec<u8>, i64, String);

impl From<CheckpointColumns> for CheckpointRow {
    fn from((size, root, at_ms, note): CheckpointColumns) -> Self {
        Self { size: size as u64, root, at_ms, note }
    }
}

/// How many entries there are, by the last one's number.
pub(super) async fn size(connection: &mut SqliteConnection) -> Result<u64, Error> {
    let size: i64 =
        query_scalar("SELECT coalesce(max(position) + 1, 0) FROM audit_entry").fetch_one(connection).await?;
    Ok(size as u64)
}

pub(super) async fn last_checkpoint(connection: &mut SqliteConnection) -> Result<Option<CheckpointRow>, Error> {
    let row: Option<CheckpointColumns> =
        query_as("SELECT size, root, at, note FROM audit_checkpoint ORDER BY size DESC LIMIT 1")
            .fetch_optional(connection)
            .await?;
    Ok(row.map(CheckpointRow::from))
}

/// Whether a node's hash is kept once its subtree is complete.
pub(super) const fn is_stored(node: Node) -> bool {
    node.level > 0 && node.level.is_multiple_of(STRIDE)
}

/// Which 256 stored hashes a node is hashed from, named by the node above them, and which of them.
pub(super) fn tile_of(node: Node) -> (Node, Range<usize>) {
    let rise = node.level % STRIDE;
    let first = node.index << rise;
    let offset = (first & 0xff) as usize;
    (Node { level: node.level - rise + STRIDE, index: first >> STRIDE }, offset..offset + (1 << rise))
}

/// The stored hashes right below a tile's node, in order.
pub(super) async fn tile(connection: &mut SqliteConnection, tile: Node) -> Result<Vec<Hash>, Error> {
    let first = (tile.index << STRIDE) as i64;
    let rows: Vec<Vec<u8>> = if tile.level == STRIDE {
        query_scalar("SELECT leaf_hash FROM audit_entry WHERE position >= ? AND position < ? ORDER BY position")
            .bind(first)
            .bind(first + 256)
            .fetch_all(connection)
            .await?
    } else {
        query_scalar("SELECT hash FROM audit_node WHERE level = ? AND position >= ? AND position < ? ORDER BY position")
            .bind(i64::from(tile.level / STRIDE - 1))
            .bind(first)
            .bind(first + 256)
            .fetch_all(connection)
            .await?
    };
    // A column that is not 32 bytes long is refused by its CHECK; one that was forced in ends the tile and fails the root.
    Ok(rows.iter().map_while(|bytes| Hash::from_slice(bytes)).collect())
}
