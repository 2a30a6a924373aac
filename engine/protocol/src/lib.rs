#![doc = include_str!("../README.md")]

mod command;
mod frame;
mod handshake;
mod id;
mod level;
mod message;
mod seal;
mod turn;

pub use command::{CommandSpec, Invocation, Look, LookKind, Order, SealedOrder, Seen, SpecFault};
pub use frame::{FrameFault, MAX_FRAME, Opener, Sealer};
pub use handshake::{HandshakeFault, Hello, Refusal, Welcome, answer, answer_with, greet};
pub use id::{
    ApprovalId, CommandId, CommentId, DelegationId, GrantId, IdFault, KeyId, OperationId, ProbeId, ReplayId, RunId,
    SessionId, TokenId, UserId, VoteKeyId,
};
pub use level::Level;
pub use message::{
    CommandResult, End, FloorSummary, Heartbeat, Inventory, Output, OutputStream, Pressure, Ready, RefusedBy, ToProbe,
    ToServer,
};
pub use seal::{Nonce, OpenFault, OrderKey, ProbeKey, SessionKeys, Tag};
pub use turn::{Exchange, KeyShare, TurnFault};

/// The versions of the wire that this build speaks, newest last.
pub const VERSIONS: &[u16] = &[1];

/// The most bytes of output kept of one stream of one command, unless the order says less.
pub const MAX_OUTPUT: u64 = 1024 * 1024;

/// The most bytes of output in one frame.
pub const MAX_CHUNK: usize = 32 * 1024;
