//! The SQL of keys that votes are signed with.

use legator_engine::vote::Algorithm;
use legator_protocol::VoteKeyId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::approvals::signing::{ForPasskey, VoteKey};
use crate::db::{Db, DbFault};

pub async fn load(db: &Db) -> Result<Vec<VoteKey>, DbFault> {
    let rows = sqlx::query(
        "SELECT id, person, name, algorithm, public_key, created_at, revoked_at, passkey, rp_id, waits \
         FROM approvals_key ORDER BY id",
    );
    rows.fetch_all(db.reads()).await?.iter().map(key).collect()
}

pub async fn insert(connection: &mut SqliteConnection, key: &VoteKey) -> Result<(), DbFault> {
    sqlx::query(
        "INSERT INTO approvals_key (id, person, name, algorithm, public_key, created_at, passkey, rp_id, waits) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(key.id.to_string())
    .bind(&key.person)
    .bind(&key.name)
    .bind(key.algorithm.as_str())
    .bind(&key.public_key)
    .bind(key.created_at)
    .bind(key.passkey.as_ref().map(|passkey| &passkey.id))
    .bind(key.passkey.as_ref().map(|passkey| &passkey.rp_id))
    .bind(key.waits)
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn vouch(connection: &mut SqliteConnection, id: VoteKeyId) -> Result<(), DbFault> {
    let update = sqlx::query("UPDATE approvals_key SET waits = 0 WHERE id = ? AND revoked_at IS NULL");
    update.bind(id.to_string()).execute(connection).await?;
    Ok(())
}

pub async fn revoke(connection: &mut SqliteConnection, id: VoteKeyId, at: i64) -> Result<(), DbFault> {
    let update = sqlx::query("UPDATE approvals_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL");
    update.bind(at).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

fn key(row: &SqliteRow) -> Result<VoteKey, DbFault> {
    let (passkey, rp_id): (Option<String>, Option<String>) = (row.try_get(7)?, row.try_get(8)?);
    Ok(VoteKey {
        id: DbFault::column("approvals_key.id", row.try_get::<&str, _>(0)?.parse())?,
        person: row.try_get(1)?,
        name: row.try_get(2)?,
        algorithm: DbFault::column(
            "approvals_key.algorithm",
            Algorithm::read(row.try_get(3)?).ok_or("unknown algorithm"),
        )?,
        public_key: row.try_get(4)?,
        passkey: passkey.zip(rp_id).map(|(id, rp_id)| ForPasskey { id, rp_id }),
        waits: row.try_get(9)?,
        created_at: row.try_get(5)?,
        revoked_at: row.try_get(6)?,
    })
}
