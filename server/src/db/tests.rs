//! Opening a database: once, forward only, with the settings that durability rests on.

use sqlx::{query, query_scalar};

use super::*;

async fn pragma(connection: &mut SqliteConnection, sql: &'static str) -> String {
    let row = query(sql).fetch_one(connection).await.unwrap();
    let value = sqlx::Row::try_get_raw(&row, 0).unwrap();
    <String as sqlx::Decode<sqlx::Sqlite>>::decode(value).unwrap()
}

#[tokio::test]
async fn writes_through_a_synced_write_ahead_log_and_minds_foreign_keys() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&folder.path().join("new/data")).await.unwrap();
    let mut writer = db.connect_writer().await.unwrap();
    assert_eq!(pragma(&mut writer, "PRAGMA journal_mode").await, "wal");
    assert_eq!(pragma(&mut writer, "PRAGMA synchronous").await, "2");
    assert_eq!(pragma(&mut writer, "PRAGMA foreign_keys").await, "1");
}

#[cfg(unix)]
#[tokio::test]
async fn makes_a_folder_that_only_its_owner_can_enter() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let _db = Db::open(&data).await.unwrap();
    assert_eq!(std::fs::metadata(data).unwrap().permissions().mode() & 0o777, 0o700);
}

#[cfg(unix)]
#[tokio::test]
async fn keeps_its_files_from_others_and_takes_back_what_an_earlier_build_let_them_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let modes = || {
        let mode =
            |end| std::fs::metadata(folder.path().join(format!("{FILE}{end}"))).unwrap().permissions().mode() & 0o777;
        ["", "-wal", "-shm"].map(mode)
    };
    let db = Db::open(folder.path()).await.unwrap();
    let held = db.connect_writer().await.unwrap();
    assert_eq!(modes(), [0o600; 3]);
    for end in ["", "-wal", "-shm"] {
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(folder.path().join(format!("{FILE}{end}")), open).unwrap();
    }
    drop((held, db));
    let db = Db::open(folder.path()).await.unwrap();
    let _held = db.connect_writer().await.unwrap();
    assert_eq!(modes(), [0o600; 3]);
}

#[tokio::test]
async fn opens_again_what_it_closed() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let db = Db::open(folder.path()).await.unwrap();
        let n: i64 = query_scalar("SELECT count(*) FROM _sqlx_migrations").fetch_one(db.reads()).await.unwrap();
        assert_eq!(n, migrations::migrator().iter().count() as i64);
    }
}

#[tokio::test]
async fn refuses_a_second_server_on_the_same_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = Db::open(folder.path()).await.unwrap();
    assert!(matches!(Db::open(folder.path()).await, Err(OpenFault::Taken { .. })));
    drop(first);
    Db::open(folder.path()).await.unwrap();
}

#[tokio::test]
async fn refuses_a_newer_database_and_leaves_it_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path()).await.unwrap();
    let mut writer = db.connect_writer().await.unwrap();
    query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)")
        .execute(&mut writer)
        .await
        .unwrap();
    query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut writer).await.unwrap();
    let file = db.file().to_owned();
    writer.close().await.unwrap();
    db.reads().close().await;
    drop(db);
    let before = std::fs::read(&file).unwrap();
    let refused = Db::open(folder.path()).await.unwrap_err();
    assert!(matches!(refused, OpenFault::Newer { found: 9999, .. }), "{refused}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn refuses_a_database_whose_history_was_edited() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path()).await.unwrap();
    let mut writer = db.connect_writer().await.unwrap();
    query("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1").execute(&mut writer).await.unwrap();
    drop((writer, db));
    assert!(matches!(Db::open(folder.path()).await, Err(OpenFault::Migrate(_))));
}

#[tokio::test]
async fn readers_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path()).await.unwrap();
    let error = query("UPDATE audit_pulse SET beats = 7").execute(db.reads()).await.unwrap_err();
    assert!(matches!(DbFault::from(error), DbFault::ReadOnly(_)));
}

#[tokio::test]
async fn says_that_a_file_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), b"this is not a database, however long it may be".repeat(100)).unwrap();
    let fault = Db::open(folder.path()).await.unwrap_err();
    assert!(matches!(fault, OpenFault::Db(DbFault::Corrupt(_))), "{fault:?}");
}

#[tokio::test]
async fn tells_a_bad_statement_from_a_bad_store() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path()).await.unwrap();
    let fault = DbFault::from(query("SELECT * FROM nowhere").execute(db.reads()).await.unwrap_err());
    assert!(matches!(fault, DbFault::Statement(_)));
    assert!(!fault.is_of_the_store());
    assert!(DbFault::from(sqlx::Error::WorkerCrashed).is_of_the_store());
}
