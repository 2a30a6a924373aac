//! The SQL of `policy_*`.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::revision::{Activation, Files, How, Pin, Revision, text_digest};
use crate::db::{Db, DbFault};

/// A file of a stored revision.
pub struct KeptFile {
    pub path: String,
    pub digest: String,
    pub bytes: i64,
}

/// A revision that an earlier build kept, with when it was active.
pub struct Earlier {
    pub revision: String,
    pub files: Files,
    pub source: String,
    pub at: i64,
}

macro_rules! revisions {
    ($tail:literal) => {
        concat!(
            "SELECT n, revision, published_at, publisher, origin, message, policies, scripts, report FROM policy_bundle ",
            $tail
        )
    };
}

macro_rules! activations {
    ($tail:literal) => {
        concat!("SELECT n, revision, at, actor, how, reason, approval, below FROM policy_activation ", $tail)
    };
}

pub async fn revision(db: &Db, revision: &str) -> Result<Option<Revision>, DbFault> {
    let row = sqlx::query(revisions!("WHERE revision = ?")).bind(revision).fetch_optional(db.reads()).await?;
    row.as_ref().map(revision_of).transpose()
}

/// Revisions whose name begins so; two are enough to see that it is not one.
pub async fn beginning_with(db: &Db, prefix: &str) -> Result<Vec<Revision>, DbFault> {
    let select = sqlx::query(revisions!("WHERE substr(revision, 1, length(?1)) = ?1 LIMIT 2")).bind(prefix);
    select.fetch_all(db.reads()).await?.iter().map(revision_of).collect()
}

/// Revisions, newest first, from before `before` on.
pub async fn revisions(db: &Db, before: Option<i64>, limit: u32) -> Result<Vec<Revision>, DbFault> {
    let select = sqlx::query(revisions!("WHERE (?1 IS NULL OR n < ?1) ORDER BY n DESC LIMIT ?2"));
    select.bind(before).bind(limit).fetch_all(db.reads()).await?.iter().map(revision_of).collect()
}

pub async fn listing(db: &Db, revision: &str) -> Result<Vec<KeptFile>, DbFault> {
    let select = sqlx::query("SELECT path, digest, bytes FROM policy_file WHERE revision = ? ORDER BY path");
    let rows = select.bind(revision).fetch_all(db.reads()).await?;
    let file =
        |row: &SqliteRow| Ok(KeptFile { path: row.try_get(0)?, digest: row.try_get(1)?, bytes: row.try_get(2)? });
    rows.iter().map(file).collect()
}

pub async fn files(db: &Db, revision: &str) -> Result<Files, DbFault> {
    let select = sqlx::query(
        "SELECT path, text FROM policy_file JOIN policy_text USING (digest) WHERE revision = ? ORDER BY path",
    );
    let rows = select.bind(revision).fetch_all(db.reads()).await?;
    let file = |row: &SqliteRow| Ok((row.try_get(0)?, row.try_get::<String, _>(1)?.into_bytes()));
    rows.iter().map(file).collect()
}

pub async fn file(db: &Db, revision: &str, path: &str) -> Result<Option<String>, DbFault> {
    let select =
        sqlx::query("SELECT text FROM policy_file JOIN policy_text USING (digest) WHERE revision = ? AND path = ?");
    let row = select.bind(revision).bind(path).fetch_optional(db.reads()).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Keeps a revision with its files. Says whether it was not there yet.
pub async fn keep(connection: &mut SqliteConnection, revision: &Revision, files: &Files) -> Result<bool, DbFault> {
    let insert = sqlx::query(
        "INSERT INTO policy_bundle (revision, published_at, publisher, origin, message, policies, scripts, passed, report) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (revision) DO NOTHING",
    );
    let json = |value: Result<String, serde_json::Error>| DbFault::column("policy_bundle", value);
    let done = insert
        .bind(&revision.revision)
        .bind(revision.published_at)
        .bind(&revision.publisher)
        .bind(json(serde_json::to_string(&revision.origin))?)
        .bind(&revision.message)
        .bind(revision.policies)
        .bind(revision.scripts)
        .bind(revision.report.passed())
        .bind(json(serde_json::to_string(&revision.report))?)
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let rows = serde_json::Value::from_iter(files.iter().map(|(path, bytes)| {
        // A bundle's files are text; one that is not would have been refused.
        let text = String::from_utf8_lossy(bytes);
        serde_json::json!({ "path": path, "digest": text_digest(&text), "text": text })
    }))
    .to_string();
    let texts = sqlx::query(
        "INSERT INTO policy_text (digest, text) SELECT value ->> 'digest', value ->> 'text' FROM json_each(?) \
         WHERE true ON CONFLICT (digest) DO NOTHING",
    );
    texts.bind(&rows).execute(&mut *connection).await?;
    let listing = sqlx::query(
        "INSERT INTO policy_file (revision, path, digest, bytes) SELECT ?, value ->> 'path', value ->> 'digest', \
         octet_length(value ->> 'text') FROM json_each(?)",
    );
    listing.bind(&revision.revision).bind(&rows).execute(&mut *connection).await?;
    Ok(true)
}

/// The newest activation: what decides.
pub async fn newest(db: &Db) -> Result<Option<Activation>, DbFault> {
    let row = sqlx::query(activations!("ORDER BY n DESC LIMIT 1")).fetch_optional(db.reads()).await?;
    row.as_ref().map(activation_of).transpose()
}

pub async fn activation(db: &Db, n: i64) -> Result<Option<Activation>, DbFault> {
    let row = sqlx::query(activations!("WHERE n = ?")).bind(n).fetch_optional(db.reads()).await?;
    row.as_ref().map(activation_of).transpose()
}

/// Activations, newest first, from before `before` on.
pub async fn activations(db: &Db, before: Option<i64>, limit: u32) -> Result<Vec<Activation>, DbFault> {
    let select = sqlx::query(activations!("WHERE (?1 IS NULL OR n < ?1) ORDER BY n DESC LIMIT ?2"));
    select.bind(before).bind(limit).fetch_all(db.reads()).await?.iter().map(activation_of).collect()
}

/// Writes down that a revision decides from now on; its number.
pub async fn activate(connection: &mut SqliteConnection, next: &Activation) -> Result<i64, DbFault> {
    let insert = sqlx::query(
        "INSERT INTO policy_activation (revision, at, actor, how, reason, approval, below) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    let done = insert
        .bind(&next.revision)
        .bind(next.at)
        .bind(&next.actor)
        .bind(next.how.as_str())
        .bind(&next.reason)
        .bind(&next.approval)
        .bind(next.below)
        .execute(connection)
        .await?;
    Ok(done.last_insert_rowid())
}

pub async fn pinned(db: &Db) -> Result<Option<Pin>, DbFault> {
    let row = sqlx::query("SELECT actor, reason, at FROM policy_pin").fetch_optional(db.reads()).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Pin { actor: row.try_get(0)?, reason: row.try_get(1)?, at: row.try_get(2)? }))
}

/// Sets the pin, or takes it away.
pub async fn pin(connection: &mut SqliteConnection, pin: Option<&Pin>) -> Result<(), DbFault> {
    sqlx::query("DELETE FROM policy_pin").execute(&mut *connection).await?;
    if let Some(pin) = pin {
        let insert = sqlx::query("INSERT INTO policy_pin (id, actor, reason, at) VALUES (1, ?, ?, ?)");
        insert.bind(&pin.actor).bind(&pin.reason).bind(pin.at).execute(connection).await?;
    }
    Ok(())
}

/// What an earlier build kept, oldest first.
pub async fn earlier(db: &Db) -> Result<Vec<Earlier>, DbFault> {
    let select = sqlx::query("SELECT revision, files, source, activated_at FROM policy_revision ORDER BY activated_at");
    let mut found = Vec::new();
    for row in select.fetch_all(db.reads()).await? {
        let texts: BTreeMap<String, String> =
            DbFault::column("policy_revision.files", serde_json::from_str(row.try_get(1)?))?;
        let files = texts.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
        found.push(Earlier { revision: row.try_get(0)?, files, source: row.try_get(2)?, at: row.try_get(3)? });
    }
    Ok(found)
}

/// They are carried over.
pub async fn forget_earlier(connection: &mut SqliteConnection) -> Result<(), DbFault> {
    sqlx::query("DELETE FROM policy_revision").execute(connection).await?;
    Ok(())
}

fn revision_of(row: &SqliteRow) -> Result<Revision, DbFault> {
    Ok(Revision {
        n: row.try_get(0)?,
        revision: row.try_get(1)?,
        published_at: row.try_get(2)?,
        publisher: row.try_get(3)?,
        origin: DbFault::column("policy_bundle.origin", serde_json::from_str(row.try_get(4)?))?,
        message: row.try_get(5)?,
        policies: row.try_get(6)?,
        scripts: row.try_get(7)?,
        report: DbFault::column("policy_bundle.report", serde_json::from_str(row.try_get(8)?))?,
    })
}

fn activation_of(row: &SqliteRow) -> Result<Activation, DbFault> {
    Ok(Activation {
        n: row.try_get(0)?,
        revision: row.try_get(1)?,
        at: row.try_get(2)?,
        actor: row.try_get(3)?,
        how: DbFault::column("policy_activation.how", How::read(row.try_get(4)?).ok_or("unknown"))?,
        reason: row.try_get(5)?,
        approval: row.try_get(6)?,
        below: row.try_get(7)?,
    })
}
