//! The SQL of `replay_*`.

use std::collections::BTreeMap;

use legator_engine::replay::{Difference, Of, Tally};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::job::{Finding, Job, JobState};
use crate::db::{Db, DbFault};

type Files = BTreeMap<String, Vec<u8>>;

/// So many replays are remembered with what they found.
const KEPT_JOBS: i64 = 200;

/// What a list of findings is narrowed by.
#[derive(Clone, Debug, Default)]
pub struct Narrow {
    pub kind: Option<String>,
    pub principal: Option<String>,
    pub tag: Option<String>,
    pub action: Option<String>,
    pub policy: Option<String>,
    /// Findings behind this one.
    pub after: Option<u64>,
    pub limit: u32,
}

/// The shadow, as the database keeps it.
#[derive(Clone, Debug)]
pub struct ShadowRow {
    pub candidate: String,
    /// What it listens to; everything, if absent.
    pub of: Option<Of>,
    pub actor: String,
    pub started_at: i64,
    pub tally: Tally,
    pub dropped: u64,
    pub gave_up: u64,
    pub listed: u64,
}

/// Files as they are kept. A bundle's files are text; one that is not would have been refused.
pub fn texts(files: &Files) -> String {
    let texts = files.iter().map(|(path, bytes)| (path.clone(), String::from_utf8_lossy(bytes).into_owned().into()));
    Value::Object(texts.collect()).to_string()
}

pub async fn keep_candidate(
    connection: &mut SqliteConnection,
    revision: &str,
    files: &str,
    at: i64,
) -> Result<(), DbFault> {
    let insert = sqlx::query(
        "INSERT INTO replay_candidate (revision, files, kept_at) VALUES (?, ?, ?) ON CONFLICT (revision) DO NOTHING",
    );
    insert.bind(revision).bind(files).bind(at).execute(connection).await?;
    Ok(())
}

pub async fn candidate(db: &Db, revision: &str) -> Result<Option<Files>, DbFault> {
    let select = sqlx::query("SELECT files FROM replay_candidate WHERE revision = ?").bind(revision);
    let Some(row) = select.fetch_optional(db.reads()).await? else { return Ok(None) };
    let texts: BTreeMap<String, String> =
        DbFault::column("replay_candidate.files", serde_json::from_str(row.try_get(0)?))?;
    Ok(Some(texts.into_iter().map(|(path, text)| (path, text.into_bytes())).collect()))
}

/// A new replay. The oldest ended ones go, and candidates that nobody asks for any more.
pub async fn insert_job(connection: &mut SqliteConnection, job: &Job) -> Result<(), DbFault> {
    sqlx::query(
        "INSERT INTO replay_job (id, candidate, actor, selection, state, total, seen, listed, tally, created_at) \
         VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?, ?)",
    )
    .bind(&job.id)
    .bind(&job.candidate)
    .bind(&job.actor)
    .bind(json!(job.selection).to_string())
    .bind(job.state.as_str())
    .bind(signed(job.total))
    .bind(json!(job.tally).to_string())
    .bind(job.created_at)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "DELETE FROM replay_job WHERE ended_at IS NOT NULL \
         AND id NOT IN (SELECT id FROM replay_job ORDER BY id DESC LIMIT ?)",
    )
    .bind(KEPT_JOBS)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "DELETE FROM replay_candidate WHERE revision NOT IN (SELECT candidate FROM replay_job) \
         AND revision NOT IN (SELECT candidate FROM replay_shadow)",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How far a replay is. `false` if it has ended meanwhile.
pub async fn advance_job(connection: &mut SqliteConnection, job: &Job) -> Result<bool, DbFault> {
    let (command, n) = job.cursor.clone().unzip();
    let done = sqlx::query(
        "UPDATE replay_job SET state = ?, seen = ?, cursor_command = ?, cursor_n = ?, listed = ?, tally = ?, \
         ended_at = ? WHERE id = ? AND state IN ('waiting', 'running')",
    )
    .bind(job.state.as_str())
    .bind(signed(job.seen))
    .bind(command)
    .bind(n)
    .bind(signed(job.listed))
    .bind(json!(job.tally).to_string())
    .bind(job.ended_at)
    .bind(&job.id)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn end_job(
    connection: &mut SqliteConnection,
    id: &str,
    state: JobState,
    fault: Option<&str>,
    at: i64,
) -> Result<bool, DbFault> {
    let done = sqlx::query(
        "UPDATE replay_job SET state = ?, fault = ?, ended_at = ? WHERE id = ? AND state IN ('waiting', 'running')",
    )
    .bind(state.as_str())
    .bind(fault)
    .bind(at)
    .bind(id)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn insert_findings(
    connection: &mut SqliteConnection,
    job: &str,
    first: u64,
    findings: &[Finding],
) -> Result<(), DbFault> {
    let rows = (first..).zip(findings).map(|(seq, finding)| {
        let (command, n) = finding.command();
        let (principal, action) = match finding {
            Finding::Changed(difference) => (Some(&difference.principal), Some(&difference.action_before)),
            Finding::Stopped { .. } => (None, None),
        };
        json!([seq, finding.kind(), command, n, principal, action, json!(finding).to_string()])
    });
    sqlx::query(
        "INSERT INTO replay_finding (job, seq, kind, command, n, principal, action, body) \
         SELECT ?1, value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6 FROM json_each(?2)",
    )
    .bind(job)
    .bind(Value::Array(rows.collect()).to_string())
    .execute(connection)
    .await?;
    Ok(())
}

macro_rules! jobs {
    ($tail:literal) => {
        concat!(
            "SELECT id, candidate, actor, selection, state, total, seen, cursor_command, cursor_n, listed, tally, ",
            "fault, created_at, ended_at FROM replay_job ",
            $tail
        )
    };
}

pub async fn job(db: &Db, id: &str) -> Result<Option<Job>, DbFault> {
    let row = sqlx::query(jobs!("WHERE id = ?")).bind(id).fetch_optional(db.reads()).await?;
    row.as_ref().map(read_job).transpose()
}

pub async fn jobs(db: &Db, limit: u32) -> Result<Vec<Job>, DbFault> {
    let rows = sqlx::query(jobs!("ORDER BY id DESC LIMIT ?")).bind(limit).fetch_all(db.reads()).await?;
    rows.iter().map(read_job).collect()
}

/// The oldest replay that is not through.
pub async fn next_job(db: &Db) -> Result<Option<Job>, DbFault> {
    let row = sqlx::query(jobs!("WHERE state IN ('waiting', 'running') ORDER BY id LIMIT 1"));
    row.fetch_optional(db.reads()).await?.as_ref().map(read_job).transpose()
}

pub async fn count_open(db: &Db) -> Result<usize, DbFault> {
    let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM replay_job WHERE state IN ('waiting', 'running')");
    Ok(usize::try_from(count.fetch_one(db.reads()).await?).unwrap_or(0))
}

pub async fn findings(db: &Db, job: &str, narrow: &Narrow) -> Result<Vec<(u64, Finding)>, DbFault> {
    let select = sqlx::query(
        "SELECT seq, body FROM replay_finding WHERE job = ?1 AND seq > ?2 AND (?3 IS NULL OR kind = ?3) \
         AND (?4 IS NULL OR principal = ?4) AND (?5 IS NULL OR action = ?5) \
         AND (?6 IS NULL OR EXISTS (SELECT 1 FROM json_each(body, '$.tags') WHERE value = ?6)) \
         AND (?7 IS NULL OR EXISTS (SELECT 1 FROM json_each(body, '$.policies') WHERE value = ?7)) \
         ORDER BY seq LIMIT ?8",
    );
    let rows = select
        .bind(job)
        .bind(narrow.after.map_or(-1, signed))
        .bind(&narrow.kind)
        .bind(&narrow.principal)
        .bind(&narrow.action)
        .bind(&narrow.tag)
        .bind(&narrow.policy)
        .bind(narrow.limit)
        .fetch_all(db.reads())
        .await?;
    let read = |row: &SqliteRow| {
        let finding = DbFault::column("replay_finding.body", serde_json::from_str(row.try_get(1)?))?;
        Ok((counted(row.try_get(0)?), finding))
    };
    rows.iter().map(read).collect()
}

pub async fn shadow(db: &Db) -> Result<Option<ShadowRow>, DbFault> {
    let select =
        sqlx::query("SELECT candidate, actor, started_at, tally, dropped, gave_up, listed, of_what FROM replay_shadow");
    let Some(row) = select.fetch_optional(db.reads()).await? else { return Ok(None) };
    Ok(Some(ShadowRow {
        candidate: row.try_get(0)?,
        actor: row.try_get(1)?,
        started_at: row.try_get(2)?,
        tally: DbFault::column("replay_shadow.tally", serde_json::from_str(row.try_get(3)?))?,
        dropped: counted(row.try_get(4)?),
        gave_up: counted(row.try_get(5)?),
        listed: counted(row.try_get(6)?),
        of: row.try_get::<Option<&str>, _>(7)?.and_then(Of::named),
    }))
}

/// Puts a shadow in the place of the one that was there, with none of its differences.
pub async fn put_shadow(connection: &mut SqliteConnection, shadow: &ShadowRow) -> Result<(), DbFault> {
    end_shadow(&mut *connection).await?;
    sqlx::query(
        "INSERT INTO replay_shadow (id, candidate, actor, started_at, tally, dropped, gave_up, listed, of_what) \
         VALUES (1, ?, ?, ?, ?, 0, 0, 0, ?)",
    )
    .bind(&shadow.candidate)
    .bind(&shadow.actor)
    .bind(shadow.started_at)
    .bind(json!(shadow.tally).to_string())
    .bind(shadow.of.map(Of::as_str))
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn end_shadow(connection: &mut SqliteConnection) -> Result<(), DbFault> {
    sqlx::query("DELETE FROM replay_shadow").execute(&mut *connection).await?;
    sqlx::query("DELETE FROM replay_difference").execute(connection).await?;
    Ok(())
}

/// The counts of the shadow, and its new differences; of these the newest `most` are kept.
pub async fn advance_shadow(
    connection: &mut SqliteConnection,
    shadow: &ShadowRow,
    differences: &[Difference],
    most: u64,
) -> Result<(), DbFault> {
    let done = sqlx::query(
        "UPDATE replay_shadow SET tally = ?, dropped = ?, gave_up = ?, listed = ? WHERE candidate = ? AND started_at = ?",
    )
    .bind(json!(shadow.tally).to_string())
    .bind(signed(shadow.dropped))
    .bind(signed(shadow.gave_up))
    .bind(signed(shadow.listed))
    .bind(&shadow.candidate)
    .bind(shadow.started_at)
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(());
    }
    let first = shadow.listed.saturating_sub(differences.len() as u64);
    let rows = (first..)
        .zip(differences)
        .map(|(seq, difference)| json!([seq, difference.kind.as_str(), json!(difference).to_string()]));
    sqlx::query(
        "INSERT INTO replay_difference (seq, kind, body) SELECT value->>0, value->>1, value->>2 FROM json_each(?)",
    )
    .bind(Value::Array(rows.collect()).to_string())
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM replay_difference WHERE seq < ?")
        .bind(signed(shadow.listed.saturating_sub(most)))
        .execute(connection)
        .await?;
    Ok(())
}

/// Differences of the shadow, newest first.
pub async fn differences(db: &Db, kind: Option<&str>, limit: u32) -> Result<Vec<Difference>, DbFault> {
    let select =
        sqlx::query("SELECT body FROM replay_difference WHERE (?1 IS NULL OR kind = ?1) ORDER BY seq DESC LIMIT ?2");
    let rows = select.bind(kind).bind(limit).fetch_all(db.reads()).await?;
    let read = |row: &SqliteRow| DbFault::column("replay_difference.body", serde_json::from_str(row.try_get(0)?));
    rows.iter().map(read).collect()
}

fn read_job(row: &SqliteRow) -> Result<Job, DbFault> {
    let command: Option<String> = row.try_get(7)?;
    let n: Option<u32> = row.try_get(8)?;
    Ok(Job {
        id: row.try_get(0)?,
        candidate: row.try_get(1)?,
        actor: row.try_get(2)?,
        selection: DbFault::column("replay_job.selection", serde_json::from_str(row.try_get(3)?))?,
        state: DbFault::column("replay_job.state", JobState::read(row.try_get(4)?).ok_or("unknown"))?,
        total: counted(row.try_get(5)?),
        seen: counted(row.try_get(6)?),
        cursor: command.zip(n),
        listed: counted(row.try_get(9)?),
        tally: DbFault::column("replay_job.tally", serde_json::from_str(row.try_get(10)?))?,
        fault: row.try_get(11)?,
        created_at: row.try_get(12)?,
        ended_at: row.try_get(13)?,
    })
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn counted(n: i64) -> u64 {
    n.max(0).cast_unsigned()
}
