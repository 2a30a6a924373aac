//! The SQL of `policy_*`.

use std::collections::BTreeMap;

use sqlx::{Row as _, SqliteConnection};

use super::Files;
use crate::db::{Db, DbFault};

/// A revision that was active.
pub struct Kept {
    pub revision: String,
    pub files: Files,
}

pub async fn newest(db: &Db) -> Result<Option<Kept>, DbFault> {
    let select = sqlx::query("SELECT revision, files FROM policy_revision ORDER BY activated_at DESC LIMIT 1");
    let Some(row) = select.fetch_optional(db.reads()).await? else { return Ok(None) };
    let texts: BTreeMap<String, String> =
        DbFault::column("policy_revision.files", serde_json::from_str(row.try_get(1)?))?;
    let files = texts.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    Ok(Some(Kept { revision: row.try_get(0)?, files }))
}

/// The files of a revision that is kept.
pub async fn files(db: &Db, revision: &str) -> Result<Option<Files>, DbFault> {
    let select = sqlx::query("SELECT files FROM policy_revision WHERE revision = ?").bind(revision);
    let Some(row) = select.fetch_optional(db.reads()).await? else { return Ok(None) };
    let texts: BTreeMap<String, String> =
        DbFault::column("policy_revision.files", serde_json::from_str(row.try_get(0)?))?;
    Ok(Some(texts.into_iter().map(|(path, text)| (path, text.into_bytes())).collect()))
}

/// The files as they are kept. A bundle's files are text; one that is not would have been refused.
pub fn texts(files: &Files) -> String {
    let texts = files.iter().map(|(path, bytes)| (path.clone(), String::from_utf8_lossy(bytes).into_owned().into()));
    serde_json::Value::Object(texts.collect()).to_string()
}

pub async fn keep(
    connection: &mut SqliteConnection,
    revision: &str,
    files: &str,
    source: &str,
    at: i64,
) -> Result<(), DbFault> {
    sqlx::query(
        "INSERT INTO policy_revision (revision, files, source, activated_at) VALUES (?, ?, ?, ?) \
         ON CONFLICT (revision) DO UPDATE SET activated_at = excluded.activated_at, source = excluded.source",
    )
    .bind(revision)
    .bind(files)
    .bind(source)
    .bind(at)
    .execute(connection)
    .await?;
    Ok(())
}
