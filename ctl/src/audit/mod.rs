//! The audit log: read, follow, verify, export, prove.

mod export;
mod kept;
mod keys;
mod offline;
mod prove;
mod read;
mod verify;

use clap::{Args, Subcommand};
use legator_engine::tlog::Verifier;

use crate::exit::{Exit, Failure};
use crate::screen::Screen;
use crate::server::Server;

/// The audit log: read, follow, verify, export, prove.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Audit {
    #[command(subcommand)]
    one: Option<One>,
    #[command(flatten)]
    filter: read::Filter,
}

#[derive(Subcommand)]
enum One {
    /// Entries, newest first.
    List(read::Filter),
    /// The newest entries, and with `-f` those that come.
    Tail(read::Tail),
    /// Check that the log was not cut or rewritten since it was last looked at.
    Verify(verify::Verify),
    /// Take entries along: as they were hashed, as a table, or as evidence with proofs.
    Export(export::Export),
    /// Check evidence, without a server.
    VerifyEvidence(export::VerifyEvidence),
    /// Get the proof that an entry is in the log.
    Proof(prove::Proof),
    /// Check such a proof, without a server.
    CheckProof(prove::CheckProof),
    /// The newest signed head of the log.
    Checkpoint(read::Head),
    /// The keys that sign the log or did, and that each of them named the next.
    Keys(keys::Keys),
}

impl Audit {
    pub async fn obey(self, server: impl FnOnce() -> Result<Server, Failure>, screen: Screen) -> Result<Exit, Failure> {
        match self.one {
            None => self.filter.obey(&server()?, screen).await,
            Some(One::List(filter)) => filter.obey(&server()?, screen).await,
            Some(One::Tail(tail)) => tail.obey(&server()?, screen).await,
            Some(One::Verify(verify)) => verify.obey(server, screen).await,
            Some(One::Export(export)) => export.obey(&server()?, screen).await,
            Some(One::VerifyEvidence(check)) => check.obey(screen),
            Some(One::Proof(proof)) => proof.obey(&server()?, screen).await,
            Some(One::CheckProof(check)) => check.obey(screen),
            Some(One::Checkpoint(head)) => head.obey(&server()?, screen).await,
            Some(One::Keys(keys)) => keys.obey(&server()?, screen).await,
        }
    }
}

/// A key that somebody typed or a file kept.
fn verifier(text: &str) -> Result<Verifier, Failure> {
    Verifier::parse(text.trim()).map_err(|fault| Failure::Usage(fault.to_string()))
}

fn read_file(path: &std::path::Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|source| Failure::File { verb: "read", path: path.to_owned(), source })
}

fn write_file(path: &std::path::Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|source| Failure::File { verb: "write", path: path.to_owned(), source })
}
