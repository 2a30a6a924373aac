//! What there is to say of a command, in the one order in which it is said: accepted, its output, its end.
//! Never: says what the journal does not hold yet.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use legator_protocol::{CommandId, Output, ToServer};

use super::Hands;
use crate::journal::State;
use crate::spool;

/// How far a session got in telling of one command.
#[derive(Debug, Default)]
pub struct Told {
    accepted: bool,
    chunks: u64,
    ended: bool,
    reader: Option<spool::Reader>,
}

impl Told {
    pub fn from_chunk(chunks: u64) -> Self {
        Self { chunks, ..Self::default() }
    }

    pub fn all(&self) -> bool {
        self.ended
    }

    /// Says the end once more, without the output.
    pub fn end_again(&mut self) {
        self.ended = false;
    }
}

impl Hands {
    /// The next thing to say of a command, if there is one now.
    pub fn tell(&self, command: CommandId, told: &mut Told) -> Option<ToServer> {
        let inner = self.lock();
        let known = inner.known.get(&command).filter(|known| known.kept)?;
        let at_ms = match &known.entry.state {
            State::Refused { by, detail } => {
                let refused = ToServer::Refused { command, by: *by, detail: detail.clone() };
                return (!std::mem::replace(&mut told.ended, true)).then_some(refused);
            }
            State::Started { at_ms, .. } => *at_ms,
            State::Ended { result } => result.started_at_ms,
        };
        if !told.accepted {
            told.accepted = true;
            return Some(ToServer::Accepted { command, at_ms });
        }
        if told.chunks < known.chunks {
            if let Some(output) = self.chunk(command, told) {
                told.chunks += 1;
                return Some(ToServer::Output(output));
            }
            // The output is lost (the disk, or somebody's hand); the end is not.
            told.chunks = known.chunks;
        }
        match &known.entry.state {
            State::Ended { result } if !told.ended => {
                told.ended = true;
                Some(ToServer::Result(result.clone()))
            }
            _ => None,
        }
    }

    fn chunk(&self, command: CommandId, told: &mut Told) -> Option<Output> {
        if told.reader.is_none() {
            told.reader = spool::Reader::open(&self.spool(command)).ok();
        }
        let (stream, bytes) = told.reader.as_mut()?.chunk(told.chunks).ok().flatten()?;
        Some(Output { command, chunk: told.chunks, stream, data: BASE64.encode(bytes) })
    }
}
