//! The SQL of what people arrange around votes: comments, delegations, and keys that votes are signed with.

use legator_engine::vote::Algorithm;
use legator_protocol::{ApprovalId, DelegationId, VoteKeyId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::approvals::comment::Comment;
use crate::approvals::delegation::Delegation;
use crate::approvals::signing::VoteKey;
use crate::db::{Db, DbFault};

pub async fn comments(db: &Db, id: ApprovalId) -> Result<Vec<Comment>, DbFault> {
    let rows =
        sqlx::query("SELECT id, reply_to, person, name, text, at FROM approvals_comment WHERE request = ? ORDER BY id");
    let rows = rows.bind(id.to_string()).fetch_all(db.reads()).await?;
    let comments = rows.iter().map(|row| {
        Ok(Comment {
            id: DbFault::column("approvals_comment.id", row.try_get::<&str, _>(0)?.parse())?,
            reply_to: row.try_get(1)?,
            person: row.try_get(2)?,
            name: row.try_get(3)?,
            text: row.try_get(4)?,
            at: row.try_get(5)?,
        })
    });
    comments.collect()
}

pub async fn insert_comment(
    connection: &mut SqliteConnection,
    request: ApprovalId,
    comment: &Comment,
) -> Result<(), DbFault> {
    sqlx::query(
        "INSERT INTO approvals_comment (id, request, reply_to, person, name, text, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(comment.id.to_string())
    .bind(request.to_string())
    .bind(&comment.reply_to)
    .bind(&comment.person)
    .bind(&comment.name)
    .bind(&comment.text)
    .bind(comment.at)
    .execute(connection)
    .await?;
    Ok(())
}

/// Delegations that have not ended by themselves before `now`.
pub async fn delegations(db: &Db, now: i64) -> Result<Vec<Delegation>, DbFault> {
    let rows = sqlx::query(
        "SELECT id, person, name, delegate, delegate_name, reason, created_at, since, until, ended_at \
         FROM approvals_delegation WHERE until > ? AND ended_at IS NULL ORDER BY id",
    );
    rows.bind(now).fetch_all(db.reads()).await?.iter().map(delegation).collect()
}

/// All of them, newest first.
pub async fn past_delegations(db: &Db, limit: u32) -> Result<Vec<Delegation>, DbFault> {
    let rows = sqlx::query(
        "SELECT id, person, name, delegate, delegate_name, reason, created_at, since, until, ended_at \
         FROM approvals_delegation ORDER BY id DESC LIMIT ?",
    );
    rows.bind(limit).fetch_all(db.reads()).await?.iter().map(delegation).collect()
}

pub async fn insert_delegation(connection: &mut SqliteConnection, made: &Delegation) -> Result<(), DbFault> {
    sqlx::query(
        "INSERT INTO approvals_delegation \
         (id, person, name, delegate, delegate_name, reason, created_at, since, until) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(made.id.to_string())
    .bind(&made.person)
    .bind(&made.name)
    .bind(&made.delegate)
    .bind(&made.delegate_name)
    .bind(&made.reason)
    .bind(made.created_at)
    .bind(made.since)
    .bind(made.until)
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn end_delegation(connection: &mut SqliteConnection, id: DelegationId, at: i64) -> Result<(), DbFault> {
    let update = sqlx::query("UPDATE approvals_delegation SET ended_at = ? WHERE id = ? AND ended_at IS NULL");
    update.bind(at).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

pub async fn keys(db: &Db) -> Result<Vec<VoteKey>, DbFault> {
    let rows = sqlx::query(
        "SELECT id, person, name, algorithm, public_key, created_at, revoked_at FROM approvals_key ORDER BY id",
    );
    rows.fetch_all(db.reads()).await?.iter().map(key).collect()
}

pub async fn insert_key(connection: &mut SqliteConnection, key: &VoteKey) -> Result<(), DbFault> {
    sqlx::query(
        "INSERT INTO approvals_key (id, person, name, algorithm, public_key, created_at) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(key.id.to_string())
    .bind(&key.person)
    .bind(&key.name)
    .bind(key.algorithm.as_str())
    .bind(&key.public_key)
    .bind(key.created_at)
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn revoke_key(connection: &mut SqliteConnection, id: VoteKeyId, at: i64) -> Result<(), DbFault> {
    let update = sqlx::query("UPDATE approvals_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL");
    update.bind(at).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

fn delegation(row: &SqliteRow) -> Result<Delegation, DbFault> {
    Ok(Delegation {
        id: DbFault::column("approvals_delegation.id", row.try_get::<&str, _>(0)?.parse())?,
        person: row.try_get(1)?,
        name: row.try_get(2)?,
        delegate: row.try_get(3)?,
        delegate_name: row.try_get(4)?,
        reason: row.try_get(5)?,
        created_at: row.try_get(6)?,
        since: row.try_get(7)?,
        until: row.try_get(8)?,
        ended_at: row.try_get(9)?,
    })
}

fn key(row: &SqliteRow) -> Result<VoteKey, DbFault> {
    Ok(VoteKey {
        id: DbFault::column("approvals_key.id", row.try_get::<&str, _>(0)?.parse())?,
        person: row.try_get(1)?,
        name: row.try_get(2)?,
        algorithm: DbFault::column(
            "approvals_key.algorithm",
            Algorithm::read(row.try_get(3)?).ok_or("unknown algorithm"),
        )?,
        public_key: row.try_get(4)?,
        created_at: row.try_get(5)?,
        revoked_at: row.try_get(6)?,
    })
}
