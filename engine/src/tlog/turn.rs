//! The turn of a log's key: an entry in which the key that goes names the key that comes, signed by both.
//!
//! Whoever trusts one of the two can follow to the other with nothing but the entry. What is signed is the checkpoint of
//! the log before the entry with one line more, so it is bound to this log, to this place in it, and to all that was before.
//! Never: a turn that only one of the two keys signed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checkpoint::{Checkpoint, CheckpointFault, text};
use super::note::{KeyFault, NoteFault, Signer, Verifier, cosign};
use super::{Hash, note};

/// The kind of the entry.
pub const TURNED: &str = "log-key.turned";
const NEXT: &str = "next-key ";

/// A turn whose two signatures are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The entry's place. The log's checkpoint right after it is signed by both keys, and every later one by the new key.
    pub index: u64,
    pub old: Verifier,
    pub new: Verifier,
}

/// The entry's `body`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnBody {
    /// `name+keyid+base64`.
    pub old: String,
    pub new: String,
    /// The checkpoint of the log before this entry, with a line `next-key <new>`, signed by both.
    pub note: String,
}

/// Why an entry does not turn the log's key, or the turns do not lead from one key to the other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TurnFault {
    #[error("entry {0} turns the log's key, and cannot be read as a turn")]
    Shape(u64),
    #[error("entry {index} names a key that cannot be used: {why}")]
    Key { index: u64, why: String },
    #[error("entry {index} turns the key of the log `{found}`, not of `{wanted}`")]
    Origin { index: u64, found: String, wanted: String },
    #[error("the turn in entry {index} is not signed by both keys: {why}")]
    Unsigned { index: u64, why: String },
    #[error("the turn in entry {index} was signed for another place in the log")]
    Misplaced { index: u64 },
    #[error("entry {index} turns another key than the log had")]
    Broken { index: u64 },
    #[error("the turns of the log's key do not lead to or from the key `{0}`")]
    Stranger(String),
}

impl Turn {
    /// What the entry says; `size` and `root` are those of the log before it.
    pub fn body(size: u64, root: Hash, old: &Signer, new: &Signer) -> TurnBody {
        let (said, new_key) = (text(old.name(), size, root), new.verifier());
        let note = cosign(&format!("{said}{NEXT}{new_key}\n"), &[old, new]);
        TurnBody { old: old.verifier().to_string(), new: new_key.to_string(), note }
    }

    /// Reads an entry, as it was hashed. `None` if it is of another kind. The caller proves that it stands in the log.
    pub fn read(entry: &str) -> Result<Option<Self>, TurnFault> {
        // Most entries are not, and need not be parsed to know it.
        if !entry.contains(TURNED) {
            return Ok(None);
        }
        let Ok(mut entry) = serde_json::from_str::<Value>(entry) else { return Ok(None) };
        if entry["kind"].as_str() != Some(TURNED) {
            return Ok(None);
        }
        let index = entry["index"].as_u64().ok_or(TurnFault::Shape(u64::MAX))?;
        let body = serde_json::from_value(entry["body"].take()).map_err(|_| TurnFault::Shape(index))?;
        Self::check(index, &body).map(Some)
    }

    fn check(index: u64, body: &TurnBody) -> Result<Self, TurnFault> {
        let key = |text: &str| {
            Verifier::parse(text).map_err(|fault: KeyFault| TurnFault::Key { index, why: fault.to_string() })
        };
        let (old, new) = (key(&body.old)?, key(&body.new)?);
        if old.name() != new.name() {
            let (found, wanted) = (new.name().to_owned(), old.name().to_owned());
            return Err(TurnFault::Origin { index, found, wanted });
        }
        let unsigned = |fault: NoteFault| TurnFault::Unsigned { index, why: fault.to_string() };
        old.open(&body.note).map_err(unsigned)?;
        new.open(&body.note).map_err(unsigned)?;
        let said = Checkpoint::open(&body.note, &old).map_err(|fault| match fault {
            CheckpointFault::Origin { found, wanted } => TurnFault::Origin { index, found, wanted },
            _ => TurnFault::Shape(index),
        })?;
        if said.size != index {
            return Err(TurnFault::Misplaced { index });
        }
        let (signed, _) = note::split(&body.note).map_err(unsigned)?;
        let mut more = signed.lines().skip(3);
        let next = more.next().and_then(|line| line.strip_prefix(NEXT));
        if next != Some(body.new.as_str()) || more.next().is_some() {
            return Err(TurnFault::Shape(index));
        }
        Ok(Self { index, old, new })
    }
}
