//! The SQL of what was agreed to ahead.

use legator_protocol::GrantId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::approvals::grant::{Grant, GrantState, Voice};
use crate::db::{Db, DbFault};
use crate::tenant::Reach;

macro_rules! grants {
    ($tail:literal) => {
        concat!(
            "SELECT id, approval, body, policy, state, duration_ms, most_uses, used, created_at, agreed_at, until, ",
            "voices, ended_at, ended_by, ended_why FROM approvals_grant ",
            $tail
        )
    };
}

/// Those that are asked for or count.
pub async fn open(db: &Db) -> Result<Vec<Grant>, DbFault> {
    let rows = sqlx::query(grants!("WHERE state IN ('pending', 'active') ORDER BY id"));
    rows.fetch_all(db.reads()).await?.iter().map(grant).collect()
}

pub async fn get(db: &Db, id: GrantId) -> Result<Option<Grant>, DbFault> {
    let row = sqlx::query(grants!("WHERE id = ?")).bind(id.to_string()).fetch_optional(db.reads()).await?;
    row.as_ref().map(grant).transpose()
}

/// All of them, newest first.
pub async fn list(db: &Db, reach: &Reach, before: Option<GrantId>, limit: u32) -> Result<Vec<Grant>, DbFault> {
    let rows = sqlx::query(grants!(
        "WHERE (?1 IS NULL OR id < ?1) AND (?3 IS NULL OR coalesce(json_extract(body, '$.tenant'), 'default') IN \
         (SELECT value FROM json_each(?3))) ORDER BY id DESC LIMIT ?2"
    ));
    let rows =
        rows.bind(before.map(|id| id.to_string())).bind(limit).bind(reach.listed()).fetch_all(db.reads()).await?;
    rows.iter().map(grant).collect()
}

pub async fn insert(connection: &mut SqliteConnection, grant: &Grant) -> Result<(), DbFault> {
    sqlx::query(
        "INSERT INTO approvals_grant (id, approval, body, policy, state, duration_ms, most_uses, created_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(grant.id.to_string())
    .bind(grant.approval.to_string())
    .bind(DbFault::column("approvals_grant.body", serde_json::to_string(&grant.about))?)
    .bind(&grant.policy)
    .bind(grant.state.as_str())
    .bind(grant.duration_ms)
    .bind(grant.most_uses)
    .bind(grant.created_at)
    .execute(connection)
    .await?;
    Ok(())
}

/// People have agreed: its clock starts.
pub async fn agree(
    connection: &mut SqliteConnection,
    id: GrantId,
    at: i64,
    until: i64,
    voices: &[Voice],
) -> Result<(), DbFault> {
    let update = sqlx::query(
        "UPDATE approvals_grant SET state = 'active', agreed_at = ?, until = ?, voices = ? \
         WHERE id = ? AND state = 'pending'",
    );
    let voices = DbFault::column("approvals_grant.voices", serde_json::to_string(voices))?;
    update.bind(at).bind(until).bind(voices).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

pub async fn end(
    connection: &mut SqliteConnection,
    id: GrantId,
    state: GrantState,
    at: i64,
    by: &str,
    why: &str,
) -> Result<(), DbFault> {
    let update = sqlx::query(
        "UPDATE approvals_grant SET state = ?, ended_at = ?, ended_by = ?, ended_why = ? \
         WHERE id = ? AND state IN ('pending', 'active')",
    );
    update.bind(state.as_str()).bind(at).bind(by).bind(why).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

/// A command passed with it.
pub async fn count_use(connection: &mut SqliteConnection, id: &str) -> Result<(), DbFault> {
    sqlx::query("UPDATE approvals_grant SET used = used + 1 WHERE id = ?").bind(id).execute(connection).await?;
    Ok(())
}

fn grant(row: &SqliteRow) -> Result<Grant, DbFault> {
    let voices: Option<&str> = row.try_get(11)?;
    let state = GrantState::read(row.try_get(4)?).ok_or("unknown");
    Ok(Grant {
        id: DbFault::column("approvals_grant.id", row.try_get::<&str, _>(0)?.parse())?,
        approval: DbFault::column("approvals_grant.approval", row.try_get::<&str, _>(1)?.parse())?,
        about: DbFault::column("approvals_grant.body", serde_json::from_str(row.try_get(2)?))?,
        policy: row.try_get(3)?,
        state: DbFault::column("approvals_grant.state", state)?,
        duration_ms: row.try_get(5)?,
        most_uses: row.try_get(6)?,
        used: row.try_get(7)?,
        created_at: row.try_get(8)?,
        agreed_at: row.try_get(9)?,
        until: row.try_get(10)?,
        voices: DbFault::column("approvals_grant.voices", voices.map_or_else(|| Ok(Vec::new()), serde_json::from_str))?,
        ended_at: row.try_get(12)?,
        ended_by: row.try_get(13)?,
        ended_why: row.try_get(14)?,
    })
}
