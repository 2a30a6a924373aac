//! What can go wrong with the database, told apart by what an operator can do about it.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum DbFault {
    #[error("the disk that holds the database is full; make room, and writing goes on by itself")]
    Full(#[source] sqlx::Error),
    #[error("the database cannot be written; check the file's owner and whether its disk is mounted read-only")]
    ReadOnly(#[source] sqlx::Error),
    #[error("the disk that holds the database reports an error; check the disk before anything else")]
    Disk(#[source] sqlx::Error),
    #[error("the database file is damaged; restore a backup")]
    Corrupt(#[source] sqlx::Error),
    #[error("another program holds the database; end backups and shells that have it open for writing")]
    Busy(#[source] sqlx::Error),
    #[error("a database statement failed: {0}")]
    Statement(#[source] sqlx::Error),
    #[error("`{column}` holds what this build did not write: {why}")]
    Column { column: &'static str, why: String },
}

impl DbFault {
    /// What a column held, or that it held something that cannot be.
    pub fn column<T, E: std::fmt::Display>(column: &'static str, value: Result<T, E>) -> Result<T, Self> {
        value.map_err(|why| Self::Column { column, why: why.to_string() })
    }

    /// Whether it is the store that fails, and not what it was asked.
    pub const fn is_of_the_store(&self) -> bool {
        !matches!(self, Self::Statement(_) | Self::Column { .. })
    }
}

impl From<sqlx::Error> for DbFault {
    fn from(error: sqlx::Error) -> Self {
        // The low byte of an extended result code is the primary one: https://www.sqlite.org/rescode.html
        let primary = match &error {
            sqlx::Error::Database(cause) => {
                cause.code().and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff)
            }
            _ => None,
        };
        match (primary, &error) {
            (Some(13), _) => Self::Full(error),
            (Some(3 | 8 | 14 | 23), _) => Self::ReadOnly(error),
            (Some(10), _) | (None, sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed) => Self::Disk(error),
            (Some(11 | 26), _) => Self::Corrupt(error),
            (Some(5 | 6), _) | (None, sqlx::Error::PoolTimedOut) => Self::Busy(error),
            _ => Self::Statement(error),
        }
    }
}

/// Why the database does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    #[error("another server runs on the data folder `{}`; stop it, or give this one a folder of its own", path.display())]
    Taken { path: PathBuf },
    #[error("cannot use `{}`", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error(
        "the database was migrated to version {found} by a newer build, and this one knows {known}; run the newer build, or restore a backup from before it"
    )]
    Newer { found: i64, known: i64 },
    #[error("cannot bring the database's schema up to date: {0}")]
    Migrate(#[source] MigrateError),
    #[error(transparent)]
    Db(#[from] DbFault),
}
