//! The SQL of what people arrange around votes: comments and delegations.

use legator_protocol::{ApprovalId, DelegationId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::approvals::comment::Comment;
use crate::approvals::delegation::Delegation;
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
