//! The one database file: opened once, migrated forward, written by one connection and read by a pool.
//! Never: a write outside the ledger's group, a second server on the same folder, a step back to an older schema.

mod fault;
mod migrations;

use std::fs::{DirBuilder, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};

pub use fault::{DbFault, OpenFault};

const FILE: &str = "legator.db";
const LOCK: &str = "legator.lock";
/// Only a backup or an administrator's shell can hold the write lock beside us, and neither should for long.
const PATIENCE: Duration = Duration::from_secs(5);
const READERS: u32 = 4;

/// A handle on the open database. The folder stays locked until the last clone is gone.
#[derive(Clone, Debug)]
pub struct Db(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: PathBuf,
    reads: SqlitePool,
    _lock: File,
}

impl Db {
    /// Opens `<data>/legator.db`, makes folder and file where there are none, and brings the schema up to date.
    /// A database that a newer build has migrated is refused before anything is written.
    pub async fn open(data: &Path) -> Result<Self, OpenFault> {
        make_private_folder(data)?;
        let lock = take_lock(data)?;
        let file = data.join(FILE);
        let migrator = migrations::migrator();
        let there = file.exists();
        make_private_file(&file)?;
        if there {
            migrations::refuse_newer(&mut connect(reading(&file)).await?, &migrator).await?;
        }
        let mut writer = connect(writing(&file)).await?;
        migrator.run_direct(None, &mut writer, false).await.map_err(OpenFault::Migrate)?;
        let reads = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_with(reading(&file))
            .await
            .map_err(DbFault::from)?;
        writer.close().await.map_err(DbFault::from)?;
        Ok(Self(Arc::new(Inner { file, reads, _lock: lock })))
    }

    /// Connections that cannot write, for every `SELECT` outside a ledger's group.
    pub fn reads(&self) -> &SqlitePool {
        &self.0.reads
    }

    /// The database file, for backups and for messages.
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    /// A connection that writes. The ledger's writer holds the only one; it asks again only after losing it.
    pub(crate) async fn connect_writer(&self) -> Result<SqliteConnection, DbFault> {
        connect(writing(&self.0.file)).await
    }
}

fn writing(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        // What undoes a failed statement is kept in memory, where it is not a write to yet another file for every group.
        .pragma("temp_store", "memory")
        .pragma("cache_size", "-16384")
        // Pages that every group touches are folded into the file once in 16 MiB of log.
        .pragma("wal_autocheckpoint", "4096")
        .thread_name(|_| "legator-db-write".to_owned())
        .disable_statement_logging()
}

fn reading(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .busy_timeout(PATIENCE)
        // Pages and checks of the log are long; the default hands rows over in small portions.
        .row_buffer_size(512)
        .thread_name(|id| format!("legator-db-read-{id}"))
        .disable_statement_logging()
}

async fn connect(options: SqliteConnectOptions) -> Result<SqliteConnection, DbFault> {
    options.connect().await.map_err(DbFault::from)
}

/// Makes the folder readable by its owner alone; a folder that is there keeps the mode it was given.
fn make_private_folder(data: &Path) -> Result<(), OpenFault> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(data).map_err(|source| OpenFault::Folder { path: data.to_owned(), source })
}

/// Makes the file readable by its owner alone, and what SQLite keeps beside it, which it gives the file's own mode. One that
/// is there and says more in its mode, as those of earlier builds do, is told otherwise.
fn make_private_file(file: &Path) -> Result<(), OpenFault> {
    let fault = |source| OpenFault::Folder { path: file.to_owned(), source };
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(file).map_err(fault)?);
    #[cfg(unix)]
    for end in ["", "-wal", "-shm"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        let mode = std::fs::metadata(&name).map(|file| file.permissions().mode()).unwrap_or_default();
        if mode & 0o077 != 0 {
            tracing::info!(file = %Path::new(&name).display(), "others could read it; its mode is 0600 now");
            std::fs::set_permissions(&name, std::fs::Permissions::from_mode(0o600)).map_err(fault)?;
        }
    }
    Ok(())
}

/// The lock goes with the open file, so a server that was killed leaves nothing to clean up.
fn take_lock(data: &Path) -> Result<File, OpenFault> {
    let path = data.join(LOCK);
    let fault = |source| OpenFault::Folder { path: path.clone(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenFault::Taken { path: data.to_owned() }),
        Err(TryLockError::Error(source)) => Err(fault(source)),
    }
}

#[cfg(test)]
mod tests;
