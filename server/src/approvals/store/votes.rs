//! The SQL of votes: cast, withdrawn, and looked back at.

use std::collections::BTreeMap;

use legator_protocol::ApprovalId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::approvals::figures::Cast;
use crate::approvals::request::{Choice, StandsFor, Vote};
use crate::db::{Db, DbFault};
use crate::tenant::Reach;

/// The votes of these requests (a JSON array of ids), by request.
pub async fn of(db: &Db, ids: &str) -> Result<BTreeMap<String, Vec<Vote>>, DbFault> {
    let votes = sqlx::query(
        "SELECT request, person, name, groups, choice, reason, at, stands_for, stands_for_name, seen_at, signed \
         FROM approvals_vote WHERE request IN (SELECT value FROM json_each(?)) ORDER BY at, person",
    );
    let mut by_request: BTreeMap<String, Vec<Vote>> = BTreeMap::new();
    for row in votes.bind(ids).fetch_all(db.reads()).await? {
        by_request.entry(row.try_get(0)?).or_default().push(vote(&row)?);
    }
    Ok(by_request)
}

pub async fn insert(connection: &mut SqliteConnection, id: ApprovalId, vote: &Vote) -> Result<(), DbFault> {
    sqlx::query(
        "INSERT INTO approvals_vote \
         (request, person, name, groups, choice, reason, at, stands_for, stands_for_name, seen_at, signed) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(id.to_string())
    .bind(&vote.person)
    .bind(&vote.name)
    .bind(serde_json::Value::from_iter(vote.groups.iter().cloned()).to_string())
    .bind(vote.choice.as_str())
    .bind(&vote.reason)
    .bind(vote.at)
    .bind(vote.stands_for.as_ref().map(|other| &other.person))
    .bind(vote.stands_for.as_ref().map(|other| &other.name))
    .bind(vote.seen_at)
    .bind(DbFault::column("approvals_vote.signed", vote.signed.as_ref().map(serde_json::to_string).transpose())?)
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps a vote as withdrawn, and takes it out of those that count.
pub async fn withdraw(
    connection: &mut SqliteConnection,
    id: ApprovalId,
    person: &str,
    at: i64,
    why: Option<&str>,
) -> Result<(), DbFault> {
    sqlx::query(
        "INSERT INTO approvals_withdrawal (request, person, name, groups, choice, reason, at, stands_for, \
         stands_for_name, seen_at, signed, withdrawn_at, why) \
         SELECT request, person, name, groups, choice, reason, at, stands_for, stands_for_name, seen_at, signed, ?, ? \
         FROM approvals_vote WHERE request = ? AND person = ?",
    )
    .bind(at)
    .bind(why)
    .bind(id.to_string())
    .bind(person)
    .execute(&mut *connection)
    .await?;
    let gone = sqlx::query("DELETE FROM approvals_vote WHERE request = ? AND person = ?");
    gone.bind(id.to_string()).bind(person).execute(connection).await?;
    Ok(())
}

/// Withdrawn votes of a request, with when and why they were withdrawn.
pub async fn withdrawn(db: &Db, id: ApprovalId) -> Result<Vec<(Vote, i64, Option<String>)>, DbFault> {
    let rows = sqlx::query(
        "SELECT request, person, name, groups, choice, reason, at, stands_for, stands_for_name, seen_at, signed, \
         withdrawn_at, why FROM approvals_withdrawal WHERE request = ? ORDER BY withdrawn_at, person",
    );
    let rows = rows.bind(id.to_string()).fetch_all(db.reads()).await?;
    rows.iter().map(|row| Ok((vote(row)?, row.try_get(11)?, row.try_get(12)?))).collect()
}

/// Whether a signature with this nonce has been given before, by whichever vote.
pub async fn nonce_used(db: &Db, nonce: &str) -> Result<bool, DbFault> {
    let found = sqlx::query_scalar::<_, i64>(
        "SELECT EXISTS (SELECT 1 FROM approvals_vote WHERE json_extract(signed, '$.nonce') = ?1) \
         OR EXISTS (SELECT 1 FROM approvals_withdrawal WHERE json_extract(signed, '$.nonce') = ?1)",
    );
    Ok(found.bind(nonce).fetch_one(db.reads()).await? != 0)
}

/// Every vote since then, also those that were withdrawn.
pub async fn cast_since(db: &Db, reach: &Reach, since: i64) -> Result<Vec<Cast>, DbFault> {
    let rows = sqlx::query(
        "SELECT v.person, v.name, v.choice, v.at, v.seen_at, r.created_at, 0 FROM approvals_vote v \
         JOIN approvals_request r ON r.id = v.request WHERE v.at >= ?1 \
         AND (?2 IS NULL OR r.tenant IN (SELECT value FROM json_each(?2))) \
         UNION ALL SELECT v.person, v.name, v.choice, v.at, v.seen_at, r.created_at, 1 FROM approvals_withdrawal v \
         JOIN approvals_request r ON r.id = v.request WHERE v.at >= ?1 \
         AND (?2 IS NULL OR r.tenant IN (SELECT value FROM json_each(?2)))",
    );
    let rows = rows.bind(since).bind(reach.listed()).fetch_all(db.reads()).await?;
    let cast = rows.iter().map(|row| {
        let (at, seen_at): (i64, Option<i64>) = (row.try_get(3)?, row.try_get(4)?);
        let asked_at: i64 = row.try_get(5)?;
        Ok(Cast {
            person: row.try_get(0)?,
            name: row.try_get(1)?,
            approved: row.try_get::<&str, _>(2)? == "approve",
            withdrawn: row.try_get::<i64, _>(6)? != 0,
            after_ms: (at - asked_at).max(0),
            looked_ms: seen_at.map(|seen| (at - seen).max(0)),
        })
    });
    cast.collect()
}

fn vote(row: &SqliteRow) -> Result<Vote, DbFault> {
    let choice = match row.try_get(4)? {
        "approve" => Choice::Approve,
        _ => Choice::Deny,
    };
    let (person, name): (Option<String>, Option<String>) = (row.try_get(7)?, row.try_get(8)?);
    let signed: Option<&str> = row.try_get(10)?;
    Ok(Vote {
        person: row.try_get(1)?,
        name: row.try_get(2)?,
        groups: DbFault::column("approvals_vote.groups", serde_json::from_str(row.try_get(3)?))?,
        choice,
        reason: row.try_get(5)?,
        at: row.try_get(6)?,
        stands_for: person.map(|person| StandsFor { name: name.unwrap_or_else(|| person.clone()), person }),
        seen_at: row.try_get(9)?,
        signed: DbFault::column("approvals_vote.signed", signed.map(serde_json::from_str).transpose())?,
    })
}
