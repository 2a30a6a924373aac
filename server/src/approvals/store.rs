//! The SQL of `approvals_*`.

use std::collections::BTreeMap;

use legator_protocol::ApprovalId;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::request::{Asked, Choice, Request, RequestState, Subject, Vote};
use crate::db::{Db, DbFault};
use crate::tenant::{Reach, Tenant};

/// What a request's body holds.
#[derive(Serialize, Deserialize)]
struct AskedRow {
    requester: String,
    requester_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    acts_for: Option<String>,
    probe_name: String,
    tags: std::collections::BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    level: Option<legator_protocol::Level>,
    line: String,
    reason: Option<String>,
    why: String,
}

macro_rules! requests {
    ($tail:literal) => {
        concat!(
            "SELECT id, command, probe, body, digest, needed, state, created_at, expires_at, closed_at, revision ",
            "FROM approvals_request ",
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
    state: Option<RequestState>,
    before: Option<ApprovalId>,
    limit: u32,
) -> Result<Vec<Request>, DbFault> {
    let rows = sqlx::query(requests!(
        "WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR id < ?2) \
         AND (?4 IS NULL OR tenant IN (SELECT value FROM json_each(?4))) ORDER BY id DESC LIMIT ?3"
    ))
    .bind(state.map(RequestState::as_str))
    .bind(before.map(|id| id.to_string()))
    .bind(limit)
    .bind(reach.listed())
    .fetch_all(db.reads())
    .await?;
    with_votes(db, rows).await
}

async fn with_votes(db: &Db, rows: Vec<SqliteRow>) -> Result<Vec<Request>, DbFault> {
    let mut requests = rows.iter().map(request).collect::<Result<Vec<_>, _>>()?;
    let ids = serde_json::Value::from_iter(requests.iter().map(|request| request.id.to_string())).to_string();
    let votes = sqlx::query(
        "SELECT request, person, name, groups, choice, reason, at FROM approvals_vote \
         WHERE request IN (SELECT value FROM json_each(?)) ORDER BY at, person",
    );
    let mut by_request: BTreeMap<String, Vec<Vote>> = BTreeMap::new();
    for row in votes.bind(ids).fetch_all(db.reads()).await? {
        by_request.entry(row.try_get(0)?).or_default().push(vote(&row)?);
    }
    for request in &mut requests {
        request.votes = by_request.remove(&request.id.to_string()).unwrap_or_default();
    }
    Ok(requests)
}

pub async fn insert(connection: &mut SqliteConnection, request: &Request) -> Result<(), DbFault> {
    let Asked { requester, requester_name, key, acts_for, probe_name, tags, tenant, level, line, reason, why } =
        request.asked.clone();
    let whose = tenant.as_str().to_owned();
    let tenant = tenant.said().map(str::to_owned);
    let body =
        AskedRow { requester, requester_name, key, acts_for, probe_name, tags, tenant, level, line, reason, why };
    let body = DbFault::column("approvals_request.body", serde_json::to_string(&body))?;
    sqlx::query(
        "INSERT INTO approvals_request (id, command, probe, revision, body, digest, needed, state, created_at, expires_at, \
         tenant) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(request.id.to_string())
    .bind(request.subject.command().map(|command| command.to_string()))
    .bind(request.subject.probe().map(|probe| probe.to_string()))
    .bind(request.subject.revision())
    .bind(body)
    .bind(&request.digest)
    .bind(request.needed)
    .bind(request.state.as_str())
    .bind(request.created_at)
    .bind(request.expires_at)
    .bind(whose)
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn insert_vote(connection: &mut SqliteConnection, id: ApprovalId, vote: &Vote) -> Result<(), DbFault> {
    sqlx::query(
        "INSERT INTO approvals_vote (request, person, name, groups, choice, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(id.to_string())
    .bind(&vote.person)
    .bind(&vote.name)
    .bind(serde_json::Value::from_iter(vote.groups.iter().cloned()).to_string())
    .bind(vote.choice.as_str())
    .bind(&vote.reason)
    .bind(vote.at)
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

fn request(row: &SqliteRow) -> Result<Request, DbFault> {
    let subject = match row.try_get::<Option<String>, _>(10)? {
        Some(revision) => Subject::Activation { revision },
        None => Subject::Command {
            command: DbFault::column("approvals_request.command", row.try_get::<&str, _>(1)?.parse())?,
            probe: DbFault::column("approvals_request.probe", row.try_get::<&str, _>(2)?.parse())?,
        },
    };
    let body: AskedRow = DbFault::column("approvals_request.body", serde_json::from_str(row.try_get(3)?))?;
    let AskedRow { requester, requester_name, key, acts_for, probe_name, tags, tenant, level, line, reason, why } =
        body;
    let tenant = Tenant::of_column(tenant.as_deref());
    Ok(Request {
        id: DbFault::column("approvals_request.id", row.try_get::<&str, _>(0)?.parse::<ApprovalId>())?,
        subject,
        asked: Asked { requester, requester_name, key, acts_for, probe_name, tags, tenant, level, line, reason, why },
        digest: row.try_get(4)?,
        needed: row.try_get(5)?,
        state: DbFault::column("approvals_request.state", RequestState::read(row.try_get(6)?).ok_or("unknown"))?,
        created_at: row.try_get(7)?,
        expires_at: row.try_get(8)?,
        closed_at: row.try_get(9)?,
        votes: Vec::new(),
    })
}

fn vote(row: &SqliteRow) -> Result<Vote, DbFault> {
    let choice = match row.try_get(4)? {
        "approve" => Choice::Approve,
        _ => Choice::Deny,
    };
    Ok(Vote {
        person: row.try_get(1)?,
        name: row.try_get(2)?,
        groups: DbFault::column("approvals_vote.groups", serde_json::from_str(row.try_get(3)?))?,
        choice,
        reason: row.try_get(5)?,
        at: row.try_get(6)?,
    })
}
