//! The SQL of providers, and of who somebody is at one.

use std::collections::BTreeSet;

use legator_protocol::{SessionId, UserId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::arrival::Outside;
use super::logout::Came;
use super::provider::Settings;
use crate::db::{Db, DbFault};

/// A provider as it is kept, its secret still sealed.
pub struct Kept {
    pub id: String,
    pub settings: Settings,
    pub sealed: Option<Vec<u8>>,
}

pub async fn providers(db: &Db) -> Result<Vec<Kept>, DbFault> {
    let rows = sqlx::query("SELECT id, settings, secret FROM identity_provider ORDER BY id");
    let kept = |row: &SqliteRow| {
        let settings = DbFault::column("identity_provider.settings", serde_json::from_str(row.try_get(1)?))?;
        Ok(Kept { id: row.try_get(0)?, settings, sealed: row.try_get(2)? })
    };
    rows.fetch_all(db.reads()).await?.iter().map(kept).collect()
}

pub async fn put_provider(connection: &mut SqliteConnection, kept: &Kept, at: i64) -> Result<(), DbFault> {
    let settings = DbFault::column("identity_provider.settings", serde_json::to_string(&kept.settings))?;
    sqlx::query(
        "INSERT INTO identity_provider (id, settings, secret, created_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (id) DO UPDATE SET settings = ?2, secret = ?3",
    )
    .bind(&kept.id)
    .bind(settings)
    .bind(&kept.sealed)
    .bind(at)
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn drop_provider(connection: &mut SqliteConnection, id: &str) -> Result<(), DbFault> {
    sqlx::query("DELETE FROM identity_provider WHERE id = ?").bind(id).execute(connection).await?;
    Ok(())
}

const OUTSIDE: &str = "SELECT issuer, subject, person, roles, groups, linked_at, last_at, grants FROM identity_outside";

pub async fn outside(db: &Db, issuer: &str, subject: &str) -> Result<Option<Outside>, DbFault> {
    let statement = format!("{OUTSIDE} WHERE issuer = ? AND subject = ?");
    let row = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(issuer).bind(subject).fetch_optional(db.reads()).await?;
    row.as_ref().map(read).transpose()
}

pub async fn outside_of(db: &Db, person: UserId) -> Result<Vec<Outside>, DbFault> {
    let statement = format!("{OUTSIDE} WHERE person = ? ORDER BY linked_at");
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(person.to_string()).fetch_all(db.reads()).await?;
    rows.iter().map(read).collect()
}

/// Keeps who somebody is outside. Whose it is does not change by this: another person's stays theirs.
pub async fn put_outside(connection: &mut SqliteConnection, one: &Outside) -> Result<bool, DbFault> {
    let put = sqlx::query(
        "INSERT INTO identity_outside (issuer, subject, person, roles, groups, linked_at, last_at, grants) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (issuer, subject) \
         DO UPDATE SET roles = ?4, groups = ?5, last_at = ?7, grants = ?8 WHERE person = ?3",
    );
    let put = put
        .bind(&one.issuer)
        .bind(&one.subject)
        .bind(one.person.to_string())
        .bind(words(&one.roles))
        .bind(words(&one.groups))
        .bind(one.linked_at)
        .bind(one.last_at)
        .bind(words(&one.grants));
    Ok(put.execute(connection).await?.rows_affected() == 1)
}

pub async fn drop_outside(connection: &mut SqliteConnection, one: &Outside) -> Result<(), DbFault> {
    let drop = sqlx::query("DELETE FROM identity_outside WHERE issuer = ? AND subject = ?");
    drop.bind(&one.issuer).bind(&one.subject).execute(connection).await?;
    Ok(())
}

pub async fn put_session(connection: &mut SqliteConnection, session: SessionId, came: &Came) -> Result<(), DbFault> {
    let put = sqlx::query(
        "INSERT INTO identity_outside_session (session, provider, id_token, issuer, subject, sid) \
         VALUES (?, ?, ?, ?, ?, ?)",
    );
    let put = put.bind(session.to_string()).bind(&came.provider).bind(&came.id_token);
    put.bind(&came.issuer).bind(&came.subject).bind(&came.sid).execute(connection).await?;
    Ok(())
}

/// What a session came by.
pub async fn session(db: &Db, session: SessionId) -> Result<Option<Came>, DbFault> {
    let found = sqlx::query(
        "SELECT session, provider, issuer, subject, sid, id_token FROM identity_outside_session WHERE session = ?",
    );
    let row = found.bind(session.to_string()).fetch_optional(db.reads()).await?;
    row.as_ref().map(|row| came(row).map(|(_, came)| came)).transpose()
}

/// Sessions that came by a provider and may be this person's there, or have this name there.
pub async fn came_by(
    db: &Db,
    provider: &str,
    subject: Option<&str>,
    sid: Option<&str>,
) -> Result<Vec<(SessionId, Came)>, DbFault> {
    let found = sqlx::query(
        "SELECT session, provider, issuer, subject, sid, id_token FROM identity_outside_session \
         WHERE provider = ? AND (subject IS NULL OR subject = ? OR sid = ?)",
    );
    found.bind(provider).bind(subject).bind(sid).fetch_all(db.reads()).await?.iter().map(came).collect()
}

/// Keeps that a logout token came, and forgets those that are too old to come again. Whether it is the first time.
pub async fn note_logout(
    connection: &mut SqliteConnection,
    issuer: &str,
    jti: &str,
    until: i64,
    now: i64,
) -> Result<bool, DbFault> {
    let old = sqlx::query("DELETE FROM identity_logout WHERE until < ?");
    old.bind(now).execute(&mut *connection).await?;
    let put = sqlx::query("INSERT INTO identity_logout (issuer, jti, until) VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
    Ok(put.bind(issuer).bind(jti).bind(until).execute(connection).await?.rows_affected() == 1)
}

/// The sealed token of every session that came by a provider.
pub async fn id_tokens(db: &Db) -> Result<Vec<(SessionId, Vec<u8>)>, DbFault> {
    let rows = sqlx::query("SELECT session, id_token FROM identity_outside_session").fetch_all(db.reads()).await?;
    let read = |row: &SqliteRow| {
        let id: &str = row.try_get(0)?;
        Ok((DbFault::column("identity_outside_session.session", id.parse())?, row.try_get(1)?))
    };
    rows.iter().map(read).collect()
}

pub async fn reseal_session(connection: &mut SqliteConnection, id: SessionId, sealed: &[u8]) -> Result<(), DbFault> {
    let update = sqlx::query("UPDATE identity_outside_session SET id_token = ? WHERE session = ?");
    update.bind(sealed).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

fn came(row: &SqliteRow) -> Result<(SessionId, Came), DbFault> {
    let id: &str = row.try_get(0)?;
    let word = |at: usize| row.try_get::<Option<String>, _>(at).map(Option::unwrap_or_default);
    let came = Came {
        provider: row.try_get(1)?,
        issuer: word(2)?,
        subject: word(3)?,
        sid: row.try_get(4)?,
        id_token: row.try_get(5)?,
    };
    Ok((DbFault::column("identity_outside_session.session", id.parse())?, came))
}

fn read(row: &SqliteRow) -> Result<Outside, DbFault> {
    let person: &str = row.try_get(2)?;
    Ok(Outside {
        issuer: row.try_get(0)?,
        subject: row.try_get(1)?,
        person: DbFault::column("identity_outside.person", person.parse::<UserId>())?,
        roles: DbFault::column("identity_outside.roles", serde_json::from_str(row.try_get(3)?))?,
        groups: DbFault::column("identity_outside.groups", serde_json::from_str(row.try_get(4)?))?,
        linked_at: row.try_get(5)?,
        last_at: row.try_get(6)?,
        grants: DbFault::column("identity_outside.grants", serde_json::from_str(row.try_get(7)?))?,
    })
}

fn words(words: &BTreeSet<String>) -> String {
    serde_json::Value::from_iter(words.iter().cloned()).to_string()
}
