//! The mathematics of the audit log: a Merkle tree by RFC 9162, checkpoints and proofs in the C2SP text formats.
//!
//! The server appends with it; the command line checks with it, offline. `README.md` shows every text that we emit.
//! Never: I/O, a clock, chance. Hashes come in and proofs go out.

mod checkpoint;
mod hash;
mod keys;
mod node;
mod note;
mod proof;
mod ticket;
mod tree;
mod turn;

pub use checkpoint::{Checkpoint, CheckpointFault};
pub use hash::{Hash, leaf_hash, node_hash};
pub use keys::{Keys, Span};
pub use node::{Node, complete_nodes};
pub(crate) use note::split;
pub use note::{KeyFault, NoteFault, Signer, Verifier};
pub use proof::{ConsistencyPlan, InclusionPlan, PlanFault, ProofFault, verify_consistency, verify_inclusion};
pub use ticket::{Ticket, TicketFault};
pub use tree::Tree;
pub use turn::{TURNED, Turn, TurnBody, TurnFault};

#[cfg(test)]
mod tests;
