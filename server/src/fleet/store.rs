//! The SQL of `fleet_*`.

use std::collections::{BTreeMap, BTreeSet};

use legator_protocol::{ProbeId, TokenId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::key::{KeyTurn, SealedKeys};
use super::probe::Probe;
use super::token::Token;
use crate::db::{Db, DbFault};
use crate::tenant::{Reach, Tenant};

pub async fn probes(db: &Db) -> Result<Vec<Probe>, DbFault> {
    let rows = sqlx::query(
        "SELECT id, name, hostname, os, arch, version, machine_id, tags, site, tenant, ceiling, floor, inventory, \
         enrolled_at, last_seen_at, turn, turn_by, turn_asked_at, next_key IS NOT NULL, turn_trouble, key_turned_at \
         FROM fleet_probe WHERE removed_at IS NULL",
    );
    rows.fetch_all(db.reads()).await?.iter().map(probe).collect()
}

pub async fn insert_probe(connection: &mut SqliteConnection, probe: &Probe, key: &[u8]) -> Result<(), DbFault> {
    sqlx::query(
        "INSERT INTO fleet_probe (id, name, hostname, os, arch, version, machine_id, tags, site, tenant, ceiling, \
         key, enrolled_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(probe.id.to_string())
    .bind(&probe.name)
    .bind(&probe.hostname)
    .bind(&probe.os)
    .bind(&probe.arch)
    .bind(&probe.version)
    .bind(&probe.machine_id)
    .bind(words(&probe.tags))
    .bind(&probe.site)
    .bind(probe.tenant.said())
    .bind(probe.ceiling.as_str())
    .bind(key)
    .bind(probe.enrolled_at)
    .execute(connection)
    .await?;
    Ok(())
}

/// A known probe with a new key, on a machine that may have changed.
pub async fn renew_probe(connection: &mut SqliteConnection, probe: &Probe, key: &[u8]) -> Result<(), DbFault> {
    sqlx::query(
        "UPDATE fleet_probe SET hostname = ?, os = ?, arch = ?, version = ?, machine_id = ?, tags = ?, key = ?, \
         inventory = NULL, next_key = NULL, turn = NULL, turn_trouble = NULL, key_turned_at = NULL WHERE id = ?",
    )
    .bind(&probe.hostname)
    .bind(&probe.os)
    .bind(&probe.arch)
    .bind(&probe.version)
    .bind(&probe.machine_id)
    .bind(words(&probe.tags))
    .bind(key)
    .bind(probe.id.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn set_tags(connection: &mut SqliteConnection, id: ProbeId, tags: &BTreeSet<String>) -> Result<(), DbFault> {
    let update = sqlx::query("UPDATE fleet_probe SET tags = ? WHERE id = ?");
    update.bind(words(tags)).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

pub async fn set_ceiling(
    connection: &mut SqliteConnection,
    id: ProbeId,
    ceiling: legator_protocol::Level,
) -> Result<(), DbFault> {
    let update = sqlx::query("UPDATE fleet_probe SET ceiling = ? WHERE id = ?");
    update.bind(ceiling.as_str()).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

pub async fn remove(connection: &mut SqliteConnection, id: ProbeId, at: i64) -> Result<(), DbFault> {
    let update = sqlx::query("UPDATE fleet_probe SET removed_at = ?, key = x'', next_key = NULL WHERE id = ?");
    update.bind(at).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

pub async fn connected(
    connection: &mut SqliteConnection,
    id: ProbeId,
    version: &str,
    hostname: &str,
    floor: &str,
    at: i64,
) -> Result<(), DbFault> {
    sqlx::query("UPDATE fleet_probe SET version = ?, hostname = ?, floor = ?, last_seen_at = ? WHERE id = ?")
        .bind(version)
        .bind(hostname)
        .bind(floor)
        .bind(at)
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

pub async fn seen(connection: &mut SqliteConnection, id: ProbeId, at: Option<i64>) -> Result<(), DbFault> {
    let update = sqlx::query("UPDATE fleet_probe SET last_seen_at = coalesce(?, last_seen_at) WHERE id = ?");
    update.bind(at).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

pub async fn ask_turn(connection: &mut SqliteConnection, id: ProbeId, turn: &KeyTurn) -> Result<(), DbFault> {
    sqlx::query(
        "UPDATE fleet_probe SET turn = ?, turn_by = ?, turn_asked_at = ?, turn_trouble = NULL, next_key = NULL \
         WHERE id = ?",
    )
    .bind(&turn.id)
    .bind(&turn.by)
    .bind(turn.asked_at)
    .bind(id.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn keep_next_key(
    connection: &mut SqliteConnection,
    id: ProbeId,
    turn: &str,
    sealed: &[u8],
) -> Result<(), DbFault> {
    let update = sqlx::query("UPDATE fleet_probe SET next_key = ?, turn_trouble = NULL WHERE id = ? AND turn = ?");
    update.bind(sealed).bind(id.to_string()).bind(turn).execute(connection).await?;
    Ok(())
}

/// The next key is the key, and the turn is over.
pub async fn take_next_key(connection: &mut SqliteConnection, id: ProbeId, at: i64) -> Result<(), DbFault> {
    sqlx::query(
        "UPDATE fleet_probe SET key = next_key, next_key = NULL, turn = NULL, turn_trouble = NULL, key_turned_at = ? \
         WHERE id = ? AND next_key IS NOT NULL",
    )
    .bind(at)
    .bind(id.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn note_turn_trouble(connection: &mut SqliteConnection, id: ProbeId, why: &str) -> Result<(), DbFault> {
    let update = sqlx::query("UPDATE fleet_probe SET turn_trouble = ? WHERE id = ?");
    update.bind(why).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

pub async fn sealed_keys(db: &Db, id: ProbeId) -> Result<Option<SealedKeys>, DbFault> {
    let select = sqlx::query("SELECT key, next_key FROM fleet_probe WHERE id = ? AND removed_at IS NULL");
    let row = select.bind(id.to_string()).fetch_optional(db.reads()).await?;
    row.map(|row| Ok(SealedKeys { now: row.try_get(0)?, next: row.try_get(1)? })).transpose()
}

/// Every probe's sealed keys.
pub async fn all_sealed_keys(db: &Db) -> Result<Vec<(ProbeId, SealedKeys)>, DbFault> {
    let select = sqlx::query("SELECT id, key, next_key FROM fleet_probe WHERE removed_at IS NULL");
    let read = |row: &SqliteRow| {
        let id: &str = row.try_get(0)?;
        let keys = SealedKeys { now: row.try_get(1)?, next: row.try_get(2)? };
        Ok((DbFault::column("fleet_probe.id", id.parse())?, keys))
    };
    select.fetch_all(db.reads()).await?.iter().map(read).collect()
}

/// The same key under another seal, wherever it stands by now.
pub async fn reseal(connection: &mut SqliteConnection, id: ProbeId, old: &[u8], new: &[u8]) -> Result<(), DbFault> {
    sqlx::query(
        "UPDATE fleet_probe SET key = iif(key = ?1, ?2, key), next_key = iif(next_key = ?1, ?2, next_key) \
         WHERE id = ?3 AND (key = ?1 OR next_key = ?1)",
    )
    .bind(old)
    .bind(new)
    .bind(id.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn inventory(db: &Db, id: ProbeId) -> Result<BTreeMap<String, serde_json::Value>, DbFault> {
    let select = sqlx::query("SELECT section, body FROM fleet_inventory WHERE probe = ?");
    let mut sections = BTreeMap::new();
    for row in select.bind(id.to_string()).fetch_all(db.reads()).await? {
        let body = DbFault::column("fleet_inventory.body", serde_json::from_str(row.try_get(1)?))?;
        sections.insert(row.try_get(0)?, body);
    }
    Ok(sections)
}

pub async fn put_inventory(
    connection: &mut SqliteConnection,
    id: ProbeId,
    digest: &str,
    full: bool,
    sections: &[(String, String)],
    at: i64,
) -> Result<(), DbFault> {
    if full {
        let delete = sqlx::query("DELETE FROM fleet_inventory WHERE probe = ?");
        delete.bind(id.to_string()).execute(&mut *connection).await?;
    }
    for (section, body) in sections {
        sqlx::query("INSERT OR REPLACE INTO fleet_inventory (probe, section, body, collected_at) VALUES (?, ?, ?, ?)")
            .bind(id.to_string())
            .bind(section)
            .bind(body)
            .bind(at)
            .execute(&mut *connection)
            .await?;
    }
    let update = sqlx::query("UPDATE fleet_probe SET inventory = ? WHERE id = ?");
    update.bind(digest).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

macro_rules! tokens_where {
    ($tail:literal) => {
        concat!(
            "SELECT id, name, hash, tags, site, tenant, probe, max_uses, uses, created_by, created_at, expires_at, ",
            "revoked_at FROM fleet_token ",
            $tail
        )
    };
}

pub async fn tokens(db: &Db, reach: &Reach) -> Result<Vec<Token>, DbFault> {
    let rows = sqlx::query(tokens_where!(
        "WHERE ?1 IS NULL OR coalesce(tenant, 'default') IN (SELECT value FROM json_each(?1)) \
         ORDER BY created_at DESC, id DESC LIMIT 1000"
    ));
    rows.bind(reach.listed()).fetch_all(db.reads()).await?.iter().map(token_row).collect()
}

pub async fn token(db: &Db, id: TokenId) -> Result<Option<Token>, DbFault> {
    let row = sqlx::query(tokens_where!("WHERE id = ?")).bind(id.to_string()).fetch_optional(db.reads()).await?;
    row.as_ref().map(token_row).transpose()
}

pub async fn insert_token(connection: &mut SqliteConnection, token: &Token) -> Result<(), DbFault> {
    sqlx::query(
        "INSERT INTO fleet_token (id, name, hash, tags, site, tenant, probe, max_uses, created_by, created_at, \
         expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(token.id.to_string())
    .bind(&token.name)
    .bind(token.hash.as_slice())
    .bind(words(&token.tags))
    .bind(&token.site)
    .bind(token.tenant.said())
    .bind(token.probe.map(|probe| probe.to_string()))
    .bind(token.max_uses)
    .bind(&token.created_by)
    .bind(token.created_at)
    .bind(token.expires_at)
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn use_token(connection: &mut SqliteConnection, id: TokenId) -> Result<(), DbFault> {
    let update = sqlx::query("UPDATE fleet_token SET uses = uses + 1 WHERE id = ?");
    update.bind(id.to_string()).execute(connection).await?;
    Ok(())
}

pub async fn revoke_token(connection: &mut SqliteConnection, id: TokenId, at: i64) -> Result<(), DbFault> {
    let update = sqlx::query("UPDATE fleet_token SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL");
    update.bind(at).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

fn words(words: &BTreeSet<String>) -> String {
    serde_json::Value::from_iter(words.iter().cloned()).to_string()
}

fn probe(row: &SqliteRow) -> Result<Probe, DbFault> {
    let floor: Option<&str> = row.try_get(11)?;
    Ok(Probe {
        id: DbFault::column("fleet_probe.id", row.try_get::<&str, _>(0)?.parse::<ProbeId>())?,
        name: row.try_get(1)?,
        hostname: row.try_get(2)?,
        os: row.try_get(3)?,
        arch: row.try_get(4)?,
        version: row.try_get(5)?,
        machine_id: row.try_get(6)?,
        tags: DbFault::column("fleet_probe.tags", serde_json::from_str(row.try_get(7)?))?,
        site: row.try_get(8)?,
        tenant: Tenant::of_column(row.try_get(9)?),
        ceiling: DbFault::column("fleet_probe.ceiling", row.try_get::<&str, _>(10)?.parse())?,
        floor: DbFault::column("fleet_probe.floor", floor.map(serde_json::from_str).transpose())?,
        inventory: row.try_get(12)?,
        enrolled_at: row.try_get(13)?,
        last_seen_at: row.try_get(14)?,
        key_turn: key_turn(row)?,
        key_turned_at: row.try_get(20)?,
    })
}

fn key_turn(row: &SqliteRow) -> Result<Option<KeyTurn>, DbFault> {
    let Some(id) = row.try_get(15)? else { return Ok(None) };
    let (by, asked_at, kept) = (row.try_get(16)?, row.try_get(17)?, row.try_get(18)?);
    Ok(Some(KeyTurn { id, by, asked_at, kept, trouble: row.try_get(19)? }))
}

fn token_row(row: &SqliteRow) -> Result<Token, DbFault> {
    let hash: Vec<u8> = row.try_get(2)?;
    let probe: Option<&str> = row.try_get(6)?;
    Ok(Token {
        id: DbFault::column("fleet_token.id", row.try_get::<&str, _>(0)?.parse::<TokenId>())?,
        name: row.try_get(1)?,
        hash: DbFault::column("fleet_token.hash", hash.try_into().map_err(|_| "not 32 bytes"))?,
        tags: DbFault::column("fleet_token.tags", serde_json::from_str(row.try_get(3)?))?,
        site: row.try_get(4)?,
        tenant: Tenant::of_column(row.try_get(5)?),
        probe: DbFault::column("fleet_token.probe", probe.map(str::parse).transpose())?,
        max_uses: row.try_get(7)?,
        uses: row.try_get(8)?,
        created_by: row.try_get(9)?,
        created_at: row.try_get(10)?,
        expires_at: row.try_get(11)?,
        revoked_at: row.try_get(12)?,
    })
}
