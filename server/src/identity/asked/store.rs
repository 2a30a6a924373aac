//! The SQL of `identity_asked`.

use serde_json::{Value, json};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::notebook::Waiting;
use crate::db::{Db, DbFault};
use crate::judgement::{Judgement, Stretch};
use crate::tenant::Reach;

/// So long a question is kept, and so many.
const KEPT_MS: i64 = 90 * 24 * 3_600_000;
const KEPT: i64 = 500_000;

/// What a list is narrowed by.
#[derive(Clone, Debug, Default)]
pub struct Narrow {
    pub principal: Option<String>,
    pub action: Option<String>,
    pub outcome: Option<String>,
    pub since: Option<i64>,
    pub until: Option<i64>,
    /// Older than this one.
    pub before: Option<String>,
    pub limit: u32,
}

/// A question, without its facts.
#[derive(Clone, Debug)]
pub struct Asked {
    pub id: String,
    pub at: i64,
    pub last_at: i64,
    pub times: u64,
    pub action: String,
    pub principal: String,
    pub tenant: String,
    pub outcome: String,
}

pub async fn write(connection: &mut SqliteConnection, rows: &[Waiting]) -> Result<(), DbFault> {
    let (mut new, mut again) = (Vec::new(), Vec::new());
    for row in rows {
        match &row.new {
            Some(it) => new.push(json!([
                row.id,
                it.at,
                row.last_at,
                row.times,
                it.action,
                it.principal,
                it.tenant,
                it.outcome,
                it.facts,
                it.decision
            ])),
            None => again.push(json!([row.id, row.last_at, row.times])),
        }
    }
    if !new.is_empty() {
        sqlx::query(
            "INSERT INTO identity_asked (id, at, last_at, times, action, principal, tenant, outcome, facts, decision) \
             SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8, \
             value->>9 FROM json_each(?)",
        )
        .bind(Value::Array(new).to_string())
        .execute(&mut *connection)
        .await?;
        // The oldest go: those of too long ago, and those of which there are too many.
        let newest = rows.iter().map(|row| row.last_at).max().unwrap_or_default();
        let oldest = legator_protocol::OperationId::born(newest.saturating_sub(KEPT_MS).max(0).cast_unsigned(), 0);
        sqlx::query(
            "DELETE FROM identity_asked WHERE id < ?1 \
             OR id <= (SELECT id FROM identity_asked ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        )
        .bind(oldest.to_string())
        .bind(KEPT)
        .execute(&mut *connection)
        .await?;
    }
    if !again.is_empty() {
        sqlx::query(
            "UPDATE identity_asked SET times = times + said.value->>2, last_at = max(last_at, said.value->>1) \
             FROM json_each(?) AS said WHERE identity_asked.id = said.value->>0",
        )
        .bind(Value::Array(again).to_string())
        .execute(connection)
        .await?;
    }
    Ok(())
}

pub async fn asked(db: &Db, reach: &Reach, narrow: &Narrow) -> Result<Vec<Asked>, DbFault> {
    let select = sqlx::query(
        "SELECT id, at, last_at, times, action, principal, tenant, outcome FROM identity_asked \
         WHERE (?1 IS NULL OR tenant IN (SELECT value FROM json_each(?1))) AND (?2 IS NULL OR principal = ?2) \
         AND (?3 IS NULL OR action = ?3) AND (?4 IS NULL OR outcome = ?4) AND (?5 IS NULL OR last_at >= ?5) \
         AND (?6 IS NULL OR at < ?6) AND (?7 IS NULL OR id < ?7) ORDER BY id DESC LIMIT ?8",
    );
    let select = select.bind(reach.listed()).bind(&narrow.principal).bind(&narrow.action).bind(&narrow.outcome);
    let select = select.bind(narrow.since).bind(narrow.until).bind(&narrow.before).bind(narrow.limit);
    select.fetch_all(db.reads()).await?.iter().map(read).collect()
}

pub async fn asked_once(db: &Db, reach: &Reach, id: &str) -> Result<Option<(Asked, Judgement)>, DbFault> {
    let select = sqlx::query(
        "SELECT id, at, last_at, times, action, principal, tenant, outcome, facts, decision FROM identity_asked \
         WHERE id = ?1 AND (?2 IS NULL OR tenant IN (SELECT value FROM json_each(?2)))",
    );
    let row = select.bind(id).bind(reach.listed()).fetch_optional(db.reads()).await?;
    let both = |row: &SqliteRow| Ok((read(row)?, judged(row)?));
    row.as_ref().map(both).transpose()
}

pub async fn judgements(db: &Db, stretch: Stretch, after: &str, limit: u32) -> Result<Vec<Judgement>, DbFault> {
    let select = sqlx::query(
        "SELECT id, at, facts, decision FROM identity_asked WHERE id > ? AND at >= ? AND at < ? ORDER BY id LIMIT ?",
    );
    let select = select.bind(after).bind(stretch.since).bind(stretch.until).bind(limit);
    select.fetch_all(db.reads()).await?.iter().map(judged).collect()
}

pub async fn count_judgements(db: &Db, stretch: Stretch) -> Result<u64, DbFault> {
    let select = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM identity_asked WHERE at >= ? AND at < ?");
    let count = select.bind(stretch.since).bind(stretch.until).fetch_one(db.reads()).await?;
    Ok(count.max(0).cast_unsigned())
}

pub async fn judgement(db: &Db, id: &str) -> Result<Option<Judgement>, DbFault> {
    let select = sqlx::query("SELECT id, at, facts, decision FROM identity_asked WHERE id = ?").bind(id);
    select.fetch_optional(db.reads()).await?.as_ref().map(judged).transpose()
}

fn read(row: &SqliteRow) -> Result<Asked, DbFault> {
    Ok(Asked {
        id: row.try_get("id")?,
        at: row.try_get("at")?,
        last_at: row.try_get("last_at")?,
        times: row.try_get::<i64, _>("times")?.max(0).cast_unsigned(),
        action: row.try_get("action")?,
        principal: row.try_get("principal")?,
        tenant: row.try_get("tenant")?,
        outcome: row.try_get("outcome")?,
    })
}

fn judged(row: &SqliteRow) -> Result<Judgement, DbFault> {
    Ok(Judgement {
        subject: row.try_get("id")?,
        n: 1,
        at: row.try_get("at")?,
        facts: row.try_get("facts")?,
        decision: row.try_get("decision")?,
    })
}
