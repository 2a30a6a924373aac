//! The keys of one log, one after the other: which of them signs a log of which size.
//! Never: a checkpoint by a key that had gone by then, or had not come yet.

use super::checkpoint::{Checkpoint, CheckpointFault};
use super::note::{NoteFault, Verifier};
use super::turn::{Turn, TurnFault};

/// A key, and the sizes of the log that it signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub verifier: Verifier,
    /// The first size; 0 for the first key.
    pub from: u64,
    /// The last size; `None` for the key of now.
    pub until: Option<u64>,
}

/// The keys of a log. There is always one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    before: Vec<Span>,
    now: Span,
}

impl Keys {
    /// Of a log whose key was never turned, as far as is known.
    pub const fn of(verifier: Verifier) -> Self {
        Self { before: Vec::new(), now: Span { verifier, from: 0, until: None } }
    }

    /// The keys that turns lead through, in the order of the log, and that `trusted` is one of. It vouches for all of them: each
    /// turn is signed by the key before it and the key after it.
    pub fn trusting(trusted: &Verifier, turns: &[Turn]) -> Result<Self, TurnFault> {
        let mut keys = Self::of(turns.first().map_or_else(|| trusted.clone(), |turn| turn.old.clone()));
        turns.iter().try_for_each(|turn| keys.turn(turn))?;
        if keys.has(trusted) { Ok(keys) } else { Err(TurnFault::Stranger(trusted.to_string())) }
    }

    /// The key of now goes, and another comes.
    pub fn turn(&mut self, turn: &Turn) -> Result<(), TurnFault> {
        let size = turn.index.saturating_add(1);
        let known = self.has(&turn.new);
        if turn.old != self.now.verifier || known || size <= self.now.from {
            return Err(TurnFault::Broken { index: turn.index });
        }
        let next = Span { verifier: turn.new.clone(), from: size, until: None };
        let mut gone = std::mem::replace(&mut self.now, next);
        gone.until = Some(size);
        self.before.push(gone);
        Ok(())
    }

    /// The key that signs now.
    pub const fn now(&self) -> &Verifier {
        &self.now.verifier
    }

    pub fn has(&self, verifier: &Verifier) -> bool {
        self.spans().any(|span| span.verifier == *verifier)
    }

    /// All of them, the first one first.
    pub fn spans(&self) -> impl Iterator<Item = &Span> {
        self.before.iter().chain(std::iter::once(&self.now))
    }

    /// How often the key was turned.
    pub const fn n_turns(&self) -> usize {
        self.before.len()
    }

    /// Opens a checkpoint that the key of its size signed.
    pub fn open(&self, note: &str) -> Result<Checkpoint, CheckpointFault> {
        let mut refused = None;
        for span in std::iter::once(&self.now).chain(self.before.iter().rev()) {
            match Checkpoint::open(note, &span.verifier) {
                Ok(said) if said.size >= span.from && span.until.is_none_or(|until| said.size <= until) => {
                    return Ok(said);
                }
                Ok(said) => refused = Some(CheckpointFault::Turned { size: said.size }),
                Err(fault @ CheckpointFault::Note(NoteFault::Unsigned(_))) => refused = refused.or(Some(fault)),
                Err(fault) => return Err(fault),
            }
        }
        // INVARIANT: there is always one key, so something was said.
        Err(refused.unwrap_or(CheckpointFault::Shape))
    }
}
