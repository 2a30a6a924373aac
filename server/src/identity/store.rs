//! The SQL of `identity_*`.

use std::collections::BTreeSet;
use std::sync::Arc;

use legator_protocol::{KeyId, UserId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::directory::{Directory, Key, Person};
use crate::db::{Db, DbFault};

pub async fn load(db: &Db) -> Result<Directory, DbFault> {
    let mut directory = Directory::default();
    let people = sqlx::query("SELECT id, name, roles, groups, created_at, disabled FROM identity_person");
    for row in people.fetch_all(db.reads()).await? {
        let person = person(&row)?;
        directory.people.insert(person.id, Arc::new(person));
    }
    let keys = sqlx::query("SELECT id, person, name, hash, created_at, expires_at, revoked_at FROM identity_key");
    for row in keys.fetch_all(db.reads()).await? {
        let key = key(&row)?;
        directory.keys.insert(key.id, Arc::new(key));
    }
    Ok(directory)
}

pub async fn insert_person(connection: &mut SqliteConnection, person: &Person) -> Result<(), DbFault> {
    sqlx::query("INSERT INTO identity_person (id, name, roles, groups, created_at) VALUES (?, ?, ?, ?, ?)")
        .bind(person.id.to_string())
        .bind(&person.name)
        .bind(words(&person.roles))
        .bind(words(&person.groups))
        .bind(person.created_at)
        .execute(connection)
        .await?;
    Ok(())
}

pub async fn insert_key(connection: &mut SqliteConnection, key: &Key) -> Result<(), DbFault> {
    sqlx::query("INSERT INTO identity_key (id, person, name, hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(key.id.to_string())
        .bind(key.person.to_string())
        .bind(&key.name)
        .bind(key.hash.as_slice())
        .bind(key.created_at)
        .bind(key.expires_at)
        .execute(connection)
        .await?;
    Ok(())
}

pub async fn revoke_key(connection: &mut SqliteConnection, id: KeyId, at: i64) -> Result<(), DbFault> {
    sqlx::query("UPDATE identity_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL")
        .bind(at)
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

fn words(words: &BTreeSet<String>) -> String {
    serde_json::Value::from_iter(words.iter().cloned()).to_string()
}

fn person(row: &SqliteRow) -> Result<Person, DbFault> {
    Ok(Person {
        id: DbFault::column("identity_person.id", row.try_get::<&str, _>(0)?.parse::<UserId>())?,
        name: row.try_get(1)?,
        roles: DbFault::column("identity_person.roles", serde_json::from_str(row.try_get(2)?))?,
        groups: DbFault::column("identity_person.groups", serde_json::from_str(row.try_get(3)?))?,
        created_at: row.try_get(4)?,
        disabled: row.try_get::<i64, _>(5)? != 0,
    })
}

fn key(row: &SqliteRow) -> Result<Key, DbFault> {
    let hash: Vec<u8> = row.try_get(3)?;
    Ok(Key {
        id: DbFault::column("identity_key.id", row.try_get::<&str, _>(0)?.parse::<KeyId>())?,
        person: DbFault::column("identity_key.person", row.try_get::<&str, _>(1)?.parse::<UserId>())?,
        name: row.try_get(2)?,
        hash: DbFault::column("identity_key.hash", hash.try_into().map_err(|_| "not 32 bytes"))?,
        created_at: row.try_get(4)?,
        expires_at: row.try_get(5)?,
        revoked_at: row.try_get(6)?,
    })
}
