//! What one session has told the server of each command, and what it tells next: one message of one command at a time,
//! in turn, so that a loud command does not keep the others' ends waiting.
//! Never: holds output in memory. It is read from the spool when the socket has room.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use legator_protocol::{CommandId, ToServer};

use crate::hands::{Hands, Told};

#[derive(Debug, Default)]
pub struct Courier {
    told: BTreeMap<CommandId, Told>,
    turn: VecDeque<CommandId>,
    /// When an end was told that the server has not settled since, by the time after boot.
    ended: BTreeMap<CommandId, Duration>,
}

impl Courier {
    /// Everything that is not settled, from its beginning: what an earlier session sent may not have arrived.
    pub fn of(hands: &Hands) -> Self {
        let mut courier = Self::default();
        hands.unsettled().into_iter().for_each(|command| courier.follow(command, 0));
        courier
    }

    /// Tells of a command, its output from this chunk on.
    pub fn follow(&mut self, command: CommandId, next_chunk: u64) {
        if self.told.insert(command, Told::from_chunk(next_chunk)).is_none() {
            self.turn.push_back(command);
        }
        self.ended.remove(&command);
    }

    pub fn settle(&mut self, command: CommandId) {
        self.told.remove(&command);
        self.ended.remove(&command);
        self.turn.retain(|turn| *turn != command);
    }

    /// The next message; `None` while there is nothing new.
    pub fn next(&mut self, hands: &Hands, now: Duration) -> Option<ToServer> {
        for _ in 0..self.turn.len() {
            let command = self.turn.pop_front()?;
            self.turn.push_back(command);
            let Some(told) = self.told.get_mut(&command) else { continue };
            if let Some(message) = hands.tell(command, told) {
                if told.all() {
                    self.ended.insert(command, now);
                }
                return Some(message);
            }
        }
        None
    }

    /// Tells ends again that the server did not settle within `patience`.
    pub fn remind(&mut self, now: Duration, patience: Duration) {
        for (command, at) in &mut self.ended {
            if now.saturating_sub(*at) >= patience
                && let Some(told) = self.told.get_mut(command)
            {
                told.end_again();
                *at = now;
            }
        }
    }
}
