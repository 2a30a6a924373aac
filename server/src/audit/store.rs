//! All SQL of the audit log: its tables are `audit_*`, and nobody else speaks to them.

use std::ops::Range;

use legator_engine::DEFAULT_TENANT;
use legator_engine::tlog::{Hash, Node};
use serde::Serialize;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Error, QueryBuilder, Row, query, query_as, query_scalar, query_with};

use super::query::{Entry, Filter};
use super::rows::{Bulk, Script, Value};

/// Levels of the tree between two stored ones. Above the leaves only every eighth level is stored; the rest is hashed when asked.
const STRIDE: u8 = 8;

pub(super) async fn begin(connection: &mut SqliteConnection) -> Result<(), Error> {
    run(connection, "BEGIN IMMEDIATE").await
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

pub(super) async fn release_savepoint(connection: &mut SqliteConnection) -> Result<(), Error> {
    run(connection, "RELEASE legator_part").await
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

/// Rows of `[index, hash, at, kind, actor, subject, command, probe, tenant]`. The log comes after what it speaks of.
pub(super) static INSERT_ENTRY: Bulk = Bulk {
    rank: 250,
    sql: "\
INSERT INTO audit_entry (position, leaf_hash, at, kind, actor, subject, command, probe, tenant) \
SELECT value->>0, unhex(value->>1), value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, \
value->>8 FROM json_each({rows})",
};

/// Rows of `[index, json]`.
pub(super) static INSERT_BODY: Bulk = Bulk {
    rank: 251,
    sql: "\
INSERT INTO audit_body (position, json) \
SELECT value->>0, CAST(substr({heap}, value->>'$[1][0]', value->>'$[1][1]') AS TEXT) FROM json_each({rows})",
};

/// Rows of `[level, position, hash]`.
pub(super) static INSERT_NODE: Bulk = Bulk {
    rank: 252,
    sql: "\
INSERT INTO audit_node (level, position, hash) \
SELECT value->>0, value->>1, unhex(value->>2) FROM json_each({rows})",
};

/// Rows of `[size, root, at, note]`: the newest head, after all that it covers.
pub(super) static INSERT_CHECKPOINT: Bulk = Bulk {
    rank: 253,
    sql: "\
INSERT INTO audit_checkpoint (size, root, at, note) \
SELECT value->>0, unhex(value->>1), value->>2, value->>3 FROM json_each({rows})",
};

pub(super) fn node_row(node: Node, hash: &Hash) -> impl Serialize {
    (node.level / STRIDE, node.index, hex::encode(hash.as_bytes()))
}

/// Everything of one group, and its commit, as one text of statements: one hand-over to the database's thread.
pub(super) async fn write_group(connection: &mut SqliteConnection, begun: bool, script: Script) -> Result<(), Error> {
    let begin = if begun { "" } else { "BEGIN IMMEDIATE;" };
    let mut values = SqliteArguments::default();
    for value in script.values {
        match value {
            Value::Rows(json) => values.add(json),
            Value::Heap(bytes) => values.add(bytes),
        }
        .map_err(Error::Encode)?;
    }
    let sql = format!("{begin}{}COMMIT", script.sql);
    query_with(AssertSqlSafe(sql), values).execute(connection).await.map(drop)
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

/// How many entries the last checkpoint before a time covers: none of them is younger than it.
pub(super) async fn size_before(connection: &mut SqliteConnection, at_ms: i64) -> Result<u64, Error> {
    let size: i64 = query_scalar("SELECT coalesce(max(size), 0) FROM audit_checkpoint WHERE at < ?")
        .bind(at_ms)
        .fetch_one(connection)
        .await?;
    Ok(size as u64)
}

/// The note of the checkpoint of this size, where a group ended with it.
pub(super) async fn checkpoint_at(connection: &mut SqliteConnection, size: u64) -> Result<Option<String>, Error> {
    query_scalar("SELECT note FROM audit_checkpoint WHERE size = ?").bind(size as i64).fetch_optional(connection).await
}

/// All entries of a kind, oldest first; for kinds that are few.
pub(super) async fn entries_of_kind(connection: &mut SqliteConnection, kind: &str) -> Result<Vec<Entry>, Error> {
    let mut select = QueryBuilder::<Sqlite>::new(ENTRY);
    select.push("entry.kind = ").push_bind(kind.to_owned()).push(" ORDER BY entry.position");
    select.build().try_map(read_entry).fetch_all(connection).await
}

const ENTRY: &str = "SELECT entry.position, entry.leaf_hash, entry.at, entry.kind, entry.actor, entry.subject, \
     entry.command, entry.probe, entry.tenant, body.json \
     FROM audit_entry AS entry LEFT JOIN audit_body AS body ON body.position = entry.position WHERE ";

pub(super) async fn entry(connection: &mut SqliteConnection, index: u64) -> Result<Option<Entry>, Error> {
    let Ok(index) = i64::try_from(index) else { return Ok(None) };
    let mut select = QueryBuilder::<Sqlite>::new(ENTRY);
    select.push("entry.position = ").push_bind(index);
    select.build().try_map(read_entry).fetch_optional(connection).await
}

/// Entries from `from` on and before `before` that match, newest first.
pub(super) async fn entries(
    connection: &mut SqliteConnection,
    filter: &Filter,
    from: u64,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<Entry>, Error> {
    let mut select = QueryBuilder::<Sqlite>::new(ENTRY);
    select.push("entry.position >= ").push_bind(from as i64);
    select
        .push(" AND entry.position < ")
        .push_bind(before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX)));
    let exact = [
        (" AND entry.actor = ", &filter.actor),
        (" AND entry.command = ", &filter.command),
        (" AND entry.probe = ", &filter.probe),
    ];
    for (condition, value) in exact {
        if let Some(value) = value {
            select.push(condition).push_bind(value.clone());
        }
    }
    if let Some(tenants) = filter.reach.listed() {
        select.push(" AND coalesce(entry.tenant, ").push_bind(DEFAULT_TENANT);
        select.push(") IN (SELECT value FROM json_each(").push_bind(tenants).push("))");
    }
    if let Some(kind) = &filter.kind {
        match kind.strip_suffix('.') {
            // A slash is what follows a dot, so this is every kind that begins so, and the index finds them.
            Some(noun) => {
                select.push(" AND entry.kind >= ").push_bind(kind.clone());
                select.push(" AND entry.kind < ").push_bind(format!("{noun}/"));
            }
            None => {
                select.push(" AND entry.kind = ").push_bind(kind.clone());
            }
        }
    }
    if let Some(since) = filter.since_ms {
        select.push(" AND entry.at >= ").push_bind(since);
    }
    if let Some(until) = filter.until_ms {
        select.push(" AND entry.at <= ").push_bind(until);
    }
    if let Some(text) = &filter.text {
        select.push(" AND body.json LIKE ").push_bind(containing(text)).push(" ESCAPE '!'");
    }
    select.push(" ORDER BY entry.position DESC LIMIT ").push_bind(i64::from(limit));
    select.build().try_map(read_entry).fetch_all(connection).await
}

/// The pattern that finds a text in JSON, where quotes and control characters are written as escapes.
fn containing(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let inner = json.get(1..json.len() - 1).unwrap_or_default();
    let mut pattern = String::from("%");
    for c in inner.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// All entries of a range, oldest first.
pub(super) async fn entries_between(
    connection: &mut SqliteConnection,
    from: u64,
    until: u64,
) -> Result<Vec<Entry>, Error> {
    let mut select = QueryBuilder::<Sqlite>::new(ENTRY);
    select.push("entry.position >= ").push_bind(from as i64);
    select.push(" AND entry.position < ").push_bind(until as i64).push(" ORDER BY entry.position");
    select.build().try_map(read_entry).fetch_all(connection).await
}

/// Checkpoints of sizes above `from` up to `until`, oldest first.
pub(super) async fn checkpoints_between(
    connection: &mut SqliteConnection,
    from: u64,
    until: u64,
) -> Result<Vec<CheckpointRow>, Error> {
    let rows: Vec<CheckpointColumns> =
        query_as("SELECT size, root, at, note FROM audit_checkpoint WHERE size > ? AND size <= ? ORDER BY size")
            .bind(from as i64)
            .bind(until as i64)
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().map(CheckpointRow::from).collect())
}

/// Stored nodes whose last leaf is in a range.
pub(super) async fn nodes_completed_between(
    connection: &mut SqliteConnection,
    from: u64,
    until: u64,
) -> Result<Vec<(Node, Hash)>, Error> {
    let mut nodes = Vec::new();
    for level in (STRIDE..64).step_by(STRIDE.into()) {
        let (first, end) = ((from >> level) as i64, (until >> level) as i64);
        if first == end {
            break;
        }
        let rows: Vec<(i64, Vec<u8>)> =
            query_as("SELECT position, hash FROM audit_node WHERE level = ? AND position >= ? AND position < ?")
                .bind(i64::from(level / STRIDE))
                .bind(first)
                .bind(end)
                .fetch_all(&mut *connection)
                .await?;
        let sound =
            |(position, hash): (i64, Vec<u8>)| Some((Node { level, index: position as u64 }, Hash::from_slice(&hash)?));
        nodes.extend(rows.into_iter().filter_map(sound));
    }
    Ok(nodes)
}

fn read_entry(row: SqliteRow) -> Result<Entry, Error> {
    let hash: Vec<u8> = row.try_get(1)?;
    Ok(Entry {
        index: row.try_get::<i64, _>(0)? as u64,
        leaf_hash: Hash::from_slice(&hash).ok_or_else(|| Error::Decode("a leaf hash has 32 bytes".into()))?,
        at_ms: row.try_get(2)?,
        kind: row.try_get(3)?,
        actor: row.try_get(4)?,
        subject: row.try_get(5)?,
        command: row.try_get(6)?,
        probe: row.try_get(7)?,
        tenant: row.try_get(8)?,
        json: row.try_get(9)?,
    })
}
