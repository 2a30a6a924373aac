//! The C2SP `tlog-proof` text: one entry's place in the log, provable offline with the log's verifier key alone.

use super::checkpoint::{Checkpoint, CheckpointFault, parse_decimal};
use super::keys::Keys;
use super::note::Verifier;
use super::{Hash, ProofFault, leaf_hash, verify_inclusion};

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// An entry's index, the path from its leaf to the root, and the checkpoint that signs that root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub index: u64,
    pub path: Vec<Hash>,
    /// The signed note, exactly as the log wrote it.
    pub checkpoint: String,
}

/// Why a proof text does not prove that an entry is in the log.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketFault {
    #[error("this is no proof: line {0} is not what `c2sp.org/tlog-proof@v1` has there")]
    Shape(usize),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointFault),
    #[error(transparent)]
    Proof(#[from] ProofFault),
}

impl Ticket {
    pub fn parse(text: &str) -> Result<Self, TicketFault> {
        let mut rest = text;
        let mut number = 0;
        let mut next_line = || -> Result<(usize, &str), TicketFault> {
            number += 1;
            let (line, after) = rest.split_once('\n').ok_or(TicketFault::Shape(number))?;
            rest = after;
            Ok((number, line))
        };
        let (at, header) = next_line()?;
        if header != HEADER {
            return Err(TicketFault::Shape(at));
        }
        let (mut at, mut line) = next_line()?;
        if line.starts_with("extra ") {
            // Ours have none; that of others is theirs to read.
            (at, line) = next_line()?;
        }
        let index = line.strip_prefix("index ").and_then(parse_decimal).ok_or(TicketFault::Shape(at))?;
        let mut path = Vec::new();
        loop {
            let (at, line) = next_line()?;
            if line.is_empty() {
                break;
            }
            // No tree of 2^63 leaves is deeper; more hashes are an attempt to keep us busy.
            if path.len() == 63 {
                return Err(TicketFault::Shape(at));
            }
            path.push(Hash::from_base64(line).ok_or(TicketFault::Shape(at))?);
        }
        Ok(Self { index, path, checkpoint: rest.to_owned() })
    }

    /// Whether exactly these bytes are entry `index` of the log that `verifier` belongs to; the checkpoint that says so.
    pub fn verify(&self, entry: &[u8], verifier: &Verifier) -> Result<Checkpoint, TicketFault> {
        self.leads(entry, Checkpoint::open(&self.checkpoint, verifier)?)
    }

    /// The same for a log whose key was turned: whichever of its keys signed the checkpoint, at a size that is its own.
    pub fn verify_under(&self, entry: &[u8], keys: &Keys) -> Result<Checkpoint, TicketFault> {
        self.leads(entry, keys.open(&self.checkpoint)?)
    }

    fn leads(&self, entry: &[u8], checkpoint: Checkpoint) -> Result<Checkpoint, TicketFault> {
        verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, &self.path, checkpoint.root)?;
        Ok(checkpoint)
    }
}

impl std::fmt::Display for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{HEADER}\nindex {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
