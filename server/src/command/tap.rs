//! Who listens to judgements: a room above may put an ear to the road. It hears what is recorded, and changes nothing.

use std::sync::Arc;

use super::Road;
use super::stages::Recorded;
use crate::judgement::{Heard, Tap};

impl Road {
    /// Where a listener goes.
    pub fn tap(&self) -> &Tap {
        &self.0.tap
    }

    /// Tells the listener, if there is one, what was recorded.
    pub(super) fn tell(&self, recorded: &[Recorded]) {
        self.0.tap.tell(recorded.iter().map(|recorded| {
            move || {
                let judged = &recorded.judged;
                let command = judged.proposal.id;
                let open = self.0.open.lock().get(command);
                Heard {
                    subject: command.to_string(),
                    n: open.map_or(1, |open| open.life.lock().judged),
                    at: i64::try_from(judged.facts.at_ms).unwrap_or(i64::MAX),
                    facts: judged.facts.clone(),
                    decision: Arc::clone(&judged.decision),
                }
            }
        }));
    }
}
