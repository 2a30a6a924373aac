//! The SQL of passkeys.

use legator_protocol::UserId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::Passkey;
use crate::db::{Db, DbFault};

pub async fn load(db: &Db) -> Result<Vec<(UserId, Passkey)>, DbFault> {
    let rows = sqlx::query(
        "SELECT person, id, name, public, counter, created_at, last_used_at FROM identity_passkey ORDER BY created_at",
    );
    rows.fetch_all(db.reads()).await?.iter().map(read).collect()
}

/// Keeps exactly these of a person.
pub async fn put(connection: &mut SqliteConnection, person: UserId, all: &[Passkey]) -> Result<(), DbFault> {
    let old = sqlx::query("DELETE FROM identity_passkey WHERE person = ?").bind(person.to_string());
    old.execute(&mut *connection).await?;
    for one in all {
        sqlx::query(
            "INSERT INTO identity_passkey (id, person, name, public, counter, created_at, last_used_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&one.id)
        .bind(person.to_string())
        .bind(&one.name)
        .bind(&one.public)
        .bind(i64::from(one.counter))
        .bind(one.created_at)
        .bind(one.last_used_at)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

fn read(row: &SqliteRow) -> Result<(UserId, Passkey), DbFault> {
    let person: &str = row.try_get(0)?;
    let counter: i64 = row.try_get(4)?;
    let passkey = Passkey {
        id: row.try_get(1)?,
        name: row.try_get(2)?,
        public: row.try_get(3)?,
        counter: DbFault::column("identity_passkey.counter", u32::try_from(counter))?,
        created_at: row.try_get(5)?,
        last_used_at: row.try_get(6)?,
    };
    Ok((DbFault::column("identity_passkey.person", person.parse())?, passkey))
}
