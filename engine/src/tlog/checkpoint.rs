//! A log's head, signed: which log, how many entries, which root. Whoever keeps one can later prove that a log was cut.

use super::note::{NoteFault, Signer, Verifier};
use super::{Hash, note};

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

/// Why a text is no checkpoint, or not one of the log that was asked for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointFault {
    #[error(transparent)]
    Note(#[from] NoteFault),
    #[error("a checkpoint reads origin, size and base64 root hash, each on a line of its own")]
    Shape,
    #[error("the checkpoint is of the log `{found}`, not of `{wanted}`")]
    Origin { found: String, wanted: String },
    #[error(
        "the checkpoint of {size} entries is signed by a key of the log that signs other sizes: its key was turned"
    )]
    Turned { size: u64 },
}

impl Checkpoint {
    /// The signed note. Its origin is the signer's name, as C2SP recommends.
    pub fn sign(size: u64, root: Hash, signer: &Signer) -> String {
        signer.sign(&text(signer.name(), size, root))
    }

    /// The same, signed by the key that goes and the key that comes.
    pub fn cosign(size: u64, root: Hash, old: &Signer, new: &Signer) -> String {
        note::cosign(&text(old.name(), size, root), &[old, new])
    }

    /// Checks the signature first and reads what it covers afterwards.
    pub fn open(note: &str, verifier: &Verifier) -> Result<Self, CheckpointFault> {
        let checkpoint = Self::parse_text(verifier.open(note)?)?;
        if checkpoint.origin != verifier.name() {
            return Err(CheckpointFault::Origin { found: checkpoint.origin, wanted: verifier.name().to_owned() });
        }
        Ok(checkpoint)
    }

    /// Reads a note without believing it: for showing, and for naming the log whose key is to be fetched.
    pub fn read_unverified(note: &str) -> Result<Self, CheckpointFault> {
        Self::parse_text(note::split(note)?.0)
    }

    fn parse_text(text: &str) -> Result<Self, CheckpointFault> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointFault::Shape)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(CheckpointFault::Shape);
        };
        // What follows are extensions of others; they may say anything but nothing.
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(CheckpointFault::Shape);
        }
        Ok(Self {
            origin: origin.to_owned(),
            size: parse_decimal(size).ok_or(CheckpointFault::Shape)?,
            root: Hash::from_base64(root).ok_or(CheckpointFault::Shape)?,
        })
    }
}

/// What a checkpoint signs.
pub(super) fn text(origin: &str, size: u64, root: Hash) -> String {
    format!("{origin}\n{size}\n{}\n", root.to_base64())
}

/// A number in the one way of writing it: no sign, no leading zero.
pub(super) fn parse_decimal(text: &str) -> Option<u64> {
    let number = text.parse::<u64>().ok()?;
    (number.to_string() == text).then_some(number)
}
