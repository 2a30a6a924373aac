//! Why the log was not written, opened or read.

use std::sync::Arc;
use std::time::Duration;

use legator_engine::tlog::{CheckpointFault, KeyFault, PlanFault, ProofFault, TurnFault};

use crate::db::DbFault;
use crate::vault::VaultFault;

/// Why a part of a group was not written. Whatever it is: nothing of that part is in the database.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteFault {
    /// The group could not be made durable; everyone in it got this.
    #[error("the audit log cannot be written: {0}")]
    Unwritable(#[source] Arc<DbFault>),
    /// A statement of this part failed.
    #[error(transparent)]
    Statement(Arc<DbFault>),
    #[error("an audit entry of {bytes} bytes is longer than the {limit} that one may have")]
    TooLong { bytes: usize, limit: usize },
    #[error("cannot write an audit entry as json")]
    Json(#[source] Arc<serde_json::Error>),
    #[error("the part panicked while it was written, and was undone")]
    Panicked,
    #[error("the part took longer than {0:?} to write, and was undone")]
    Slow(Duration),
    /// It follows from an earlier part, which was not written.
    #[error("the part goes with an earlier one, which was not written")]
    Orphaned,
    #[error("the audit log is closed: the server is going down")]
    Closed,
}

impl From<sqlx::Error> for WriteFault {
    fn from(error: sqlx::Error) -> Self {
        Self::Statement(Arc::new(error.into()))
    }
}

impl From<DbFault> for WriteFault {
    fn from(fault: DbFault) -> Self {
        Self::Statement(Arc::new(fault))
    }
}

impl From<serde_json::Error> for WriteFault {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(Arc::new(error))
    }
}

/// Why the log does not open. Each is a reason to look, with `legatorctl audit verify` and a kept checkpoint, before going on.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    #[error("the log's origin cannot be used")]
    Origin(#[from] KeyFault),
    #[error(
        "the audit log holds {size} entries, and its last checkpoint signs {signed}: entries were added or taken away outside the server"
    )]
    Size { size: u64, signed: u64 },
    #[error("the audit log's hashes do not lead to the root that its last checkpoint signs, at {size} entries")]
    Root { size: u64 },
    #[error(
        "the audit log's last checkpoint is not signed by this server's key, or is of another log; a database and its `log.key` belong together, in a backup too"
    )]
    Checkpoint(#[from] CheckpointFault),
    #[error("the audit log is incomplete")]
    Incomplete(#[from] PlanFault),
    #[error(
        "the log's key was turned to `{wanted}`, which `log.key` does not have; put back the key file that belongs to this database"
    )]
    Key { wanted: String },
    #[error("the turn of the log's key in entry {0} is gone or is not the one that was hashed")]
    Lost(u64),
    #[error(transparent)]
    Turn(#[from] TurnFault),
    #[error(transparent)]
    File(#[from] VaultFault),
    #[error(transparent)]
    Db(#[from] DbFault),
}

impl From<sqlx::Error> for OpenFault {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Why the log cannot be read as asked.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    /// Asked for more than there is, or a stored hash is gone.
    #[error(transparent)]
    Plan(#[from] PlanFault),
    #[error(transparent)]
    Db(#[from] DbFault),
    #[error("the check of the log was stopped: the server is going down")]
    Stopped,
}

impl From<sqlx::Error> for ReadFault {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Why the log does not agree with a checkpoint that someone kept.
#[derive(Debug, thiserror::Error)]
pub enum KeptFault {
    #[error("the kept checkpoint is not one that this log signed: {0}")]
    Foreign(#[from] CheckpointFault),
    #[error("the log does not continue the kept checkpoint: {0}")]
    Broken(#[from] ProofFault),
    #[error(transparent)]
    Read(#[from] ReadFault),
}

impl From<sqlx::Error> for KeptFault {
    fn from(error: sqlx::Error) -> Self {
        Self::Read(error.into())
    }
}

/// Why the log's key was not turned.
#[derive(Debug, thiserror::Error)]
pub enum LogKeyFault {
    #[error("the log's key is being turned already")]
    Turning,
    #[error("the log's key is not the one that was looked at; it is `{0}`")]
    Another(String),
    #[error(transparent)]
    File(#[from] VaultFault),
    #[error(transparent)]
    Name(#[from] KeyFault),
    #[error(transparent)]
    Write(#[from] WriteFault),
}
