//! The ledger against a real database file: what is written, what is undone, what is found out.

mod failing;
mod reading;
mod tampering;
mod turning;
mod writing;

use std::path::Path;

use ed25519_dalek::SigningKey;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, query, query_scalar};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::clock::Clock;

const ORIGIN: &str = "legator.test/audit";

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn key_file(data: &Path) -> KeyFile {
    KeyFile::at(data.join("log.key"), Clock::manual(0))
}

async fn try_open(data: &Path, key: SigningKey, origin: &str) -> Result<(Ledger, JoinHandle<()>), OpenFault> {
    let db = Db::open(data).await.unwrap();
    crate::vault::write_private(&data.join("log.key"), hex::encode(key.to_bytes()).as_bytes()).unwrap();
    let (ledger, writer) = Ledger::open(db, key_file(data), origin).await?;
    Ok((ledger, tokio::spawn(writer)))
}

async fn open(data: &Path) -> Ledger {
    try_open(data, key(), ORIGIN).await.unwrap().0
}

/// A folder with a log in it, for a test of its own.
async fn fresh() -> (TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    (folder, ledger)
}

/// Lets the ledger and everything that it holds go, so that its folder can be opened again.
async fn close(data: &Path, ledger: Ledger) {
    let db = ledger.db.clone();
    drop(ledger);
    db.reads().close().await;
    drop(db);
    // The writer gives the folder's lock back when it has seen that nobody is left.
    while let Err(crate::db::OpenFault::Taken { .. }) = Db::open(data).await {
        tokio::task::yield_now().await;
    }
}

fn draft(n: u64) -> Draft {
    Draft {
        kind: "command.decided",
        actor: if n.is_multiple_of(2) { "ana".into() } else { "ben".into() },
        subject: format!("cmd_{n}"),
        command: Some(format!("cmd_{n}")),
        probe: (n.is_multiple_of(3)).then(|| format!("prb_{n}")),
        ..Draft::default()
    }
    .body(json!({ "line": "echo \"100%_done\"", "n": n }))
}

async fn add(ledger: &Ledger, n: u64) -> Result<u64, WriteFault> {
    ledger.write(1000 + n as i64, move |batch| Box::pin(async move { batch.entry(draft(n)) })).await
}

/// Many entries in one part.
async fn fill(ledger: &Ledger, count: u64) {
    let from = ledger.head().size;
    ledger
        .write(1000 + from as i64, move |batch| {
            Box::pin(async move { (from..from + count).try_for_each(|n| batch.entry(draft(n)).map(drop)) })
        })
        .await
        .unwrap();
}

/// The database as someone with a shell on the server's host sees it.
async fn shell(data: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(data.join("legator.db")).connect().await.unwrap()
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

async fn count(ledger: &Ledger, sql: &'static str) -> i64 {
    query_scalar(sql).fetch_one(ledger.db.reads()).await.unwrap()
}
