//! The ledger against a real database file: what is written, what is undone, what is found out.

use std::path::Path;

use ed25519_dalek::SigningKey;
use serde_json::json;

use super::*;

const ORIGIN: &str = "legator.test/audit";

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

async fn open(data: &Path) -> Ledger {
    let db = Db::open(data).await.unwrap();
    let (ledger, writer) = Ledger::open(db, key(), ORIGIN).await.unwrap();
    tokio::spawn(writer);
    ledger
}

fn draft(n: usize) -> Draft {
    Draft {
        kind: "command.decided",
        actor: "ana".into(),
        subject: format!("cmd_{n}"),
        body: json!({ "n": n }),
        ..Draft::default()
    }
}

async fn add(ledger: &Ledger, n: usize) -> Result<u64, WriteFault> {
    ledger.write(n as i64, move |batch| Box::pin(async move { batch.entry(draft(n)) })).await
}

#[tokio::test]
async fn numbers_entries_from_zero_and_signs_every_group() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path()).await;
    assert_eq!(add(&ledger, 1).await.unwrap(), 0);
    assert_eq!(add(&ledger, 2).await.unwrap(), 1);
    assert_eq!(ledger.head().size, 2);
}
