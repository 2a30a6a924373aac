//! The SQL of `approvals_*`: requests here, votes in `votes.rs`, what people arrange in `arranged.rs`, what was agreed to
//! ahead in `grants.rs`, broken glass in `glass.rs`, keys that votes are signed with in `keys.rs`.

pub mod arranged;
pub mod glass;
pub mod grants;
pub mod keys;
pub mod votes;

use std::collections::BTreeMap;

use legator_protocol::ApprovalId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::history::Narrow;
use super::request::{Request, RequestState, Subject, Vote};
use crate::db::{Db, DbFault};
use crate::tenant::Reach;

macro_rules! requests {
    ($tail:literal) => {
        concat!(
            "SELECT id, command, probe, body, digest, needed, state, created_at, expires_at, closed_at, revision, ",
            "escalated_at FROM approvals_request ",
            $tail
        )
    };
}

pub async fn pending(db: &Db) -> Result<Vec<Request>, DbFault> {
    let rows = sqlx::query(requests!("WHERE state = 'pending'")).fetch_all(db.reads()).await?;
    with_votes(db, rows).await
}

pub async fn get(db: &Db, id: ApprovalId) -> Result<Option<Request>, DbFault> {
    let rows = sqlx::query(requests!("WHERE id = ?")).bind(id.to_string()).fetch_all(db.reads()).await?;
    Ok(with_votes(db, rows).await?.pop())
}

pub async fn list(
    db: &Db,
    reach: &Reach,
    narrow: &Narrow,
    before: Option<ApprovalId>,
    limit: u32,
) -> Result<Vec<Request>, DbFault> {
    let rows = sqlx::query(requests!(
        "WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR id < ?2) \
         AND (?3 IS NULL OR id IN (SELECT request FROM approvals_vote WHERE person = ?3 OR stands_for = ?3)) \
         AND (?4 IS NULL OR json_extract(body, '$.requester') = ?4) AND (?5 IS NULL OR probe = ?5) \
         AND (?6 IS NULL OR created_at >= ?6) AND (?7 IS NULL OR created_at < ?7) \
         AND (?8 IS NULL OR instr(lower(json_extract(body, '$.line')), lower(?8)) > 0) \
         AND (?9 IS NULL OR ?9 = CASE WHEN command IS NOT NULL THEN 'command' \
              WHEN revision LIKE 'grt!_%' ESCAPE '!' THEN 'grant' ELSE 'activation' END) \
         AND (?11 IS NULL OR tenant IN (SELECT value FROM json_each(?11))) \
         ORDER BY id DESC LIMIT ?10"
    ))
    .bind(narrow.state.map(RequestState::as_str))
    .bind(before.map(|id| id.to_string()))
    .bind(&narrow.by)
    .bind(&narrow.requester)
    .bind(narrow.probe.map(|probe| probe.to_string()))
    .bind(narrow.since)
    .bind(narrow.until)
    .bind(&narrow.text)
    .bind(narrow.kind)
    .bind(limit)
    .bind(reach.listed())
    .fetch_all(db.reads())
    .await?;
    with_votes(db, rows).await
}

async fn with_votes(db: &Db, rows: Vec<SqliteRow>) -> Result<Vec<Request>, DbFault> {
    let mut requests = rows.iter().map(request).collect::<Result<Vec<_>, _>>()?;
    let ids = serde_json::Value::from_iter(requests.iter().map(|request| request.id.to_string())).to_string();
    let mut by_request: BTreeMap<String, Vec<Vote>> = votes::of(db, &ids).await?;
    for request in &mut requests {
        request.votes = by_request.remove(&request.id.to_string()).unwrap_or_default();
    }
    Ok(requests)
}

pub async fn insert(connection: &mut SqliteConnection, request: &Request) -> Result<(), DbFault> {
    let body = DbFault::column("approvals_request.body", serde_json::to_string(&request.asked))?;
    let other = match &request.subject {
        Subject::Command { .. } => None,
        Subject::Activation { revision } => Some(revision.clone()),
        // The column names what is asked about where it is no command; no revision begins like this.
        Subject::Grant { grant } => Some(grant.to_string()),
    };
    sqlx::query(
        "INSERT INTO approvals_request (id, command, probe, revision, body, digest, needed, state, created_at, expires_at, \
         tenant) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(request.id.to_string())
    .bind(request.subject.command().map(|command| command.to_string()))
    .bind(request.subject.probe().map(|probe| probe.to_string()))
    .bind(other)
    .bind(body)
    .bind(&request.digest)
    .bind(request.needed)
    .bind(request.state.as_str())
    .bind(request.created_at)
    .bind(request.expires_at)
    .bind(request.asked.tenant.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn raise(connection: &mut SqliteConnection, id: ApprovalId, needed: u32) -> Result<(), DbFault> {
    let update = sqlx::query("UPDATE approvals_request SET needed = ? WHERE id = ? AND state = 'pending'");
    update.bind(needed).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

pub async fn close(
    connection: &mut SqliteConnection,
    id: ApprovalId,
    state: RequestState,
    at: i64,
) -> Result<(), DbFault> {
    sqlx::query("UPDATE approvals_request SET state = ?, closed_at = ? WHERE id = ? AND state = 'pending'")
        .bind(state.as_str())
        .bind(at)
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

pub async fn escalate(connection: &mut SqliteConnection, id: ApprovalId, at: i64) -> Result<(), DbFault> {
    let update = sqlx::query("UPDATE approvals_request SET escalated_at = ? WHERE id = ? AND state = 'pending'");
    update.bind(at).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

fn request(row: &SqliteRow) -> Result<Request, DbFault> {
    let subject = match row.try_get::<Option<String>, _>(10)? {
        Some(id) if id.starts_with("grt_") => {
            Subject::Grant { grant: DbFault::column("approvals_request.revision", id.parse())? }
        }
        Some(revision) => Subject::Activation { revision },
        None => Subject::Command {
            command: DbFault::column("approvals_request.command", row.try_get::<&str, _>(1)?.parse())?,
            probe: DbFault::column("approvals_request.probe", row.try_get::<&str, _>(2)?.parse())?,
        },
    };
    Ok(Request {
        id: DbFault::column("approvals_request.id", row.try_get::<&str, _>(0)?.parse::<ApprovalId>())?,
        subject,
        asked: DbFault::column("approvals_request.body", serde_json::from_str(row.try_get(3)?))?,
        digest: row.try_get(4)?,
        needed: row.try_get(5)?,
        state: DbFault::column("approvals_request.state", RequestState::read(row.try_get(6)?).ok_or("unknown"))?,
        created_at: row.try_get(7)?,
        expires_at: row.try_get(8)?,
        closed_at: row.try_get(9)?,
        escalated_at: row.try_get(11)?,
        votes: Vec::new(),
    })
}
