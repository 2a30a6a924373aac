//! The SQL of `identity_*`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use legator_protocol::{KeyId, SessionId, UserId};
use parking_lot::Mutex;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::directory::{Credentials, Directory, Key, Kind, Person, Totp, Used};
use super::grant::House;
use super::link::{Link, Purpose};
use super::passkey;
use super::session::Session;
use crate::db::{Db, DbFault};
use crate::tenant::{Reach, Tenant};
use crate::vault::Secret;

pub async fn load(db: &Db) -> Result<Directory, DbFault> {
    let mut directory = Directory::default();
    for row in sqlx::query("SELECT name, title, org, created_at FROM identity_tenant").fetch_all(db.reads()).await? {
        let tenant = Tenant::named(row.try_get(0)?);
        let house =
            House { tenant: tenant.clone(), title: row.try_get(1)?, org: row.try_get(2)?, created_at: row.try_get(3)? };
        directory.tenants.insert(tenant, Arc::new(house));
    }
    let people = sqlx::query(
        "SELECT id, name, roles, groups, created_at, disabled, kind, owner, last_sign_in_at, grants FROM identity_person",
    );
    for row in people.fetch_all(db.reads()).await? {
        directory.put_person(Arc::new(person(&row)?));
    }
    let keys = sqlx::query(
        "SELECT id, person, name, hash, created_at, expires_at, revoked_at, scopes, last_used_at, addresses, \
         certificate FROM identity_key",
    );
    for row in keys.fetch_all(db.reads()).await? {
        let key = key(&row)?;
        directory.keys.insert(key.id, Arc::new(key));
    }
    let credentials = sqlx::query("SELECT person, password, totp, totp_confirmed_at, totp_step FROM identity_secret");
    for row in credentials.fetch_all(db.reads()).await? {
        let person = user_id("identity_secret.person", row.try_get(0)?)?;
        let password: Option<String> = row.try_get(1)?;
        let sealed: Option<Vec<u8>> = row.try_get(2)?;
        let (confirmed_at, step) = (row.try_get(3)?, row.try_get(4)?);
        let totp = sealed.map(|sealed| Totp { sealed, confirmed_at, step });
        let credentials = Credentials { password: password.map(Secret::new), totp, passkeys: Vec::new() };
        directory.credentials.insert(person, Arc::new(credentials));
    }
    for (person, passkey) in passkey::store::load(db).await? {
        Arc::make_mut(directory.credentials.entry(person).or_default()).passkeys.push(passkey);
    }
    Ok(directory)
}

pub async fn sessions(db: &Db) -> Result<Vec<Session>, DbFault> {
    let rows = sqlx::query(
        "SELECT id, person, hash, mfa, address, agent, created_at, seen_at, expires_at FROM identity_session",
    );
    rows.fetch_all(db.reads()).await?.iter().map(session).collect()
}

pub async fn insert_person(connection: &mut SqliteConnection, person: &Person) -> Result<(), DbFault> {
    sqlx::query(
        "INSERT INTO identity_person (id, name, roles, groups, created_at, disabled, kind, owner, grants) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(person.id.to_string())
    .bind(&person.name)
    .bind(words(&person.roles))
    .bind(words(&person.groups))
    .bind(person.created_at)
    .bind(person.disabled)
    .bind(person.kind.as_str())
    .bind(person.owner.map(|owner| owner.to_string()))
    .bind(words(&person.grants))
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn update_person(connection: &mut SqliteConnection, person: &Person) -> Result<(), DbFault> {
    sqlx::query(
        "UPDATE identity_person SET roles = ?, groups = ?, grants = ?, disabled = ?, owner = ?, last_sign_in_at = ? \
         WHERE id = ?",
    )
    .bind(words(&person.roles))
    .bind(words(&person.groups))
    .bind(words(&person.grants))
    .bind(person.disabled)
    .bind(person.owner.map(|owner| owner.to_string()))
    .bind(person.last_sign_in_at)
    .bind(person.id.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

/// A tenant, new or changed.
pub async fn put_tenant(connection: &mut SqliteConnection, house: &House) -> Result<(), DbFault> {
    sqlx::query(
        "INSERT INTO identity_tenant (name, title, org, created_at) VALUES (?, ?, ?, ?) \
         ON CONFLICT (name) DO UPDATE SET title = excluded.title, org = excluded.org",
    )
    .bind(house.tenant.as_str())
    .bind(&house.title)
    .bind(&house.org)
    .bind(house.created_at)
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn put_credentials(
    connection: &mut SqliteConnection,
    person: UserId,
    credentials: &Credentials,
    at: i64,
) -> Result<(), DbFault> {
    let totp = credentials.totp.as_ref();
    sqlx::query(
        "INSERT INTO identity_secret (person, password, totp, totp_confirmed_at, totp_step, changed_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (person) DO UPDATE SET password = ?2, totp = ?3, \
         totp_confirmed_at = ?4, totp_step = ?5, changed_at = ?6",
    )
    .bind(person.to_string())
    .bind(credentials.password.as_ref().map(|password| password.expose().clone()))
    .bind(totp.map(|totp| totp.sealed.clone()))
    .bind(totp.and_then(|totp| totp.confirmed_at))
    .bind(totp.map_or(0, |totp| totp.step))
    .bind(at)
    .execute(&mut *connection)
    .await?;
    passkey::store::put(connection, person, &credentials.passkeys).await
}

/// Replaces whatever codes there were.
pub async fn put_recovery_codes(
    connection: &mut SqliteConnection,
    person: UserId,
    hashes: &[[u8; 32]],
) -> Result<(), DbFault> {
    let old = sqlx::query("DELETE FROM identity_recovery_code WHERE person = ?").bind(person.to_string());
    old.execute(&mut *connection).await?;
    for hash in hashes {
        let new = sqlx::query("INSERT INTO identity_recovery_code (person, hash) VALUES (?, ?)");
        new.bind(person.to_string()).bind(hash.as_slice()).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Whether there was such a code; it is used up now.
pub async fn use_recovery_code(
    connection: &mut SqliteConnection,
    person: UserId,
    hash: [u8; 32],
    at: i64,
) -> Result<bool, DbFault> {
    let used =
        sqlx::query("UPDATE identity_recovery_code SET used_at = ? WHERE person = ? AND hash = ? AND used_at IS NULL");
    let used = used.bind(at).bind(person.to_string()).bind(hash.as_slice()).execute(connection).await?;
    Ok(used.rows_affected() == 1)
}

pub async fn n_recovery_codes(db: &Db, person: UserId) -> Result<u64, DbFault> {
    let left = sqlx::query("SELECT count(*) FROM identity_recovery_code WHERE person = ? AND used_at IS NULL");
    let row = left.bind(person.to_string()).fetch_one(db.reads()).await?;
    Ok(row.try_get::<i64, _>(0)?.max(0).cast_unsigned())
}

pub async fn insert_session(connection: &mut SqliteConnection, session: &Session) -> Result<(), DbFault> {
    sqlx::query(
        "INSERT INTO identity_session (id, person, hash, mfa, address, agent, created_at, seen_at, expires_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(session.id.to_string())
    .bind(session.person.to_string())
    .bind(session.hash.as_slice())
    .bind(session.mfa)
    .bind(&session.address)
    .bind(&session.agent)
    .bind(session.created_at)
    .bind(session.seen_at())
    .bind(session.expires_at)
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn end_sessions(connection: &mut SqliteConnection, ended: &[SessionId]) -> Result<(), DbFault> {
    let ids = serde_json::Value::from_iter(ended.iter().map(SessionId::to_string)).to_string();
    let end = sqlx::query("DELETE FROM identity_session WHERE id IN (SELECT value FROM json_each(?))");
    end.bind(ids).execute(connection).await?;
    Ok(())
}

pub async fn see_sessions(connection: &mut SqliteConnection, seen: &[(SessionId, i64)]) -> Result<(), DbFault> {
    for (id, at) in seen {
        let update = sqlx::query("UPDATE identity_session SET seen_at = ? WHERE id = ?");
        update.bind(at).bind(id.to_string()).execute(&mut *connection).await?;
    }
    Ok(())
}

pub async fn insert_link(connection: &mut SqliteConnection, link: &Link) -> Result<(), DbFault> {
    sqlx::query("INSERT INTO identity_link (hash, purpose, person, created_at, expires_at) VALUES (?, ?, ?, ?, ?)")
        .bind(link.hash.as_slice())
        .bind(link.purpose.as_str())
        .bind(link.person.map(|person| person.to_string()))
        .bind(link.created_at)
        .bind(link.expires_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// A link that has not been used.
pub async fn link(db: &Db, hash: [u8; 32]) -> Result<Option<Link>, DbFault> {
    let found = sqlx::query("SELECT hash, purpose, person, created_at, expires_at FROM identity_link WHERE hash = ?");
    found.bind(hash.as_slice()).fetch_optional(db.reads()).await?.as_ref().map(read_link).transpose()
}

/// Takes a link out; `false` if somebody else did before.
pub async fn use_link(connection: &mut SqliteConnection, hash: [u8; 32]) -> Result<bool, DbFault> {
    let used = sqlx::query("DELETE FROM identity_link WHERE hash = ?");
    Ok(used.bind(hash.as_slice()).execute(connection).await?.rows_affected() == 1)
}

/// Takes out every link of a person, or every link for setup.
pub async fn drop_links(connection: &mut SqliteConnection, person: Option<UserId>) -> Result<(), DbFault> {
    let drop = sqlx::query("DELETE FROM identity_link WHERE person IS ?");
    drop.bind(person.map(|person| person.to_string())).execute(connection).await?;
    Ok(())
}

pub async fn insert_key(connection: &mut SqliteConnection, key: &Key) -> Result<(), DbFault> {
    sqlx::query(
        "INSERT INTO identity_key (id, person, name, hash, created_at, expires_at, scopes, certificate) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(key.id.to_string())
    .bind(key.person.to_string())
    .bind(&key.name)
    .bind(key.hash.as_slice())
    .bind(key.created_at)
    .bind(key.expires_at)
    .bind(key.scopes.as_deref().map(words))
    .bind(&key.certificate)
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

pub async fn expire_key(connection: &mut SqliteConnection, id: KeyId, at: i64) -> Result<(), DbFault> {
    let update = sqlx::query("UPDATE identity_key SET expires_at = ? WHERE id = ?");
    update.bind(at).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

pub async fn see_key(connection: &mut SqliteConnection, id: KeyId, used: &Used) -> Result<(), DbFault> {
    let addresses: Vec<String> = used.addresses.lock().iter().map(ToString::to_string).collect();
    sqlx::query("UPDATE identity_key SET last_used_at = ?, addresses = ? WHERE id = ?")
        .bind(used.last_at())
        .bind(words(&addresses))
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

fn words<'w>(words: impl IntoIterator<Item = &'w String>) -> String {
    serde_json::Value::from_iter(words.into_iter().cloned()).to_string()
}

fn user_id(column: &'static str, text: &str) -> Result<UserId, DbFault> {
    DbFault::column(column, text.parse::<UserId>())
}

fn person(row: &SqliteRow) -> Result<Person, DbFault> {
    let owner: Option<String> = row.try_get(7)?;
    Ok(Person {
        id: user_id("identity_person.id", row.try_get(0)?)?,
        name: row.try_get(1)?,
        roles: DbFault::column("identity_person.roles", serde_json::from_str(row.try_get(2)?))?,
        groups: DbFault::column("identity_person.groups", serde_json::from_str(row.try_get(3)?))?,
        created_at: row.try_get(4)?,
        disabled: row.try_get::<i64, _>(5)? != 0,
        kind: DbFault::column("identity_person.kind", Kind::read(row.try_get(6)?).ok_or("unknown"))?,
        owner: owner.map(|owner| user_id("identity_person.owner", &owner)).transpose()?,
        last_sign_in_at: row.try_get(8)?,
        grants: DbFault::column("identity_person.grants", serde_json::from_str(row.try_get(9)?))?,
        reach: Reach::default(),
    })
}

fn key(row: &SqliteRow) -> Result<Key, DbFault> {
    let scopes: Option<String> = row.try_get(7)?;
    let scopes = scopes.map(|scopes| serde_json::from_str::<BTreeSet<String>>(&scopes)).transpose();
    let last: Option<i64> = row.try_get(8)?;
    let addresses: Vec<std::net::IpAddr> =
        DbFault::column("identity_key.addresses", serde_json::from_str(row.try_get(9)?))?;
    Ok(Key {
        id: DbFault::column("identity_key.id", row.try_get::<&str, _>(0)?.parse::<KeyId>())?,
        person: user_id("identity_key.person", row.try_get(1)?)?,
        name: row.try_get(2)?,
        hash: thirty_two("identity_key.hash", row.try_get(3)?)?,
        created_at: row.try_get(4)?,
        expires_at: row.try_get(5)?,
        revoked_at: row.try_get(6)?,
        scopes: DbFault::column("identity_key.scopes", scopes)?.map(Arc::new),
        certificate: row.try_get(10)?,
        used: Arc::new(Used { at: AtomicI64::new(last.unwrap_or_default()), addresses: Mutex::new(addresses) }),
    })
}

fn session(row: &SqliteRow) -> Result<Session, DbFault> {
    let session = Session {
        id: DbFault::column("identity_session.id", row.try_get::<&str, _>(0)?.parse::<SessionId>())?,
        person: user_id("identity_session.person", row.try_get(1)?)?,
        hash: thirty_two("identity_session.hash", row.try_get(2)?)?,
        mfa: row.try_get::<i64, _>(3)? != 0,
        address: row.try_get(4)?,
        agent: row.try_get(5)?,
        created_at: row.try_get(6)?,
        expires_at: row.try_get(8)?,
        seen: AtomicI64::default(),
    };
    session.seen.store(row.try_get(7)?, Ordering::Relaxed);
    Ok(session)
}

fn read_link(row: &SqliteRow) -> Result<Link, DbFault> {
    let person: Option<String> = row.try_get(2)?;
    Ok(Link {
        hash: thirty_two("identity_link.hash", row.try_get(0)?)?,
        purpose: DbFault::column("identity_link.purpose", Purpose::read(row.try_get(1)?).ok_or("unknown"))?,
        person: person.map(|person| user_id("identity_link.person", &person)).transpose()?,
        created_at: row.try_get(3)?,
        expires_at: row.try_get(4)?,
    })
}

fn thirty_two(column: &'static str, bytes: Vec<u8>) -> Result<[u8; 32], DbFault> {
    DbFault::column(column, bytes.try_into().map_err(|_| "not 32 bytes"))
}
