//! Who listens to judgements: a room above may put an ear to the road. It hears what is recorded, and changes nothing.
//! Never: waits. What the listener has no room for is dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use legator_engine::{Decision, Facts};
use legator_protocol::CommandId;
use tokio::sync::mpsc::Sender;

use super::Road;
use super::stages::Recorded;

/// A judgement that stands in the log.
pub struct Heard {
    pub command: CommandId,
    /// Which judgement of that command, from 1.
    pub n: u32,
    pub at: i64,
    pub facts: Facts,
    pub decision: Arc<Decision>,
}

/// The place for one listener.
#[derive(Default)]
pub struct Tap {
    ear: ArcSwapOption<Sender<Heard>>,
    dropped: AtomicU64,
}

impl Tap {
    /// Puts an ear to the road, in place of the one that was there.
    pub fn listen(&self, ear: Sender<Heard>) {
        self.ear.store(Some(Arc::new(ear)));
    }

    pub fn stop(&self) {
        self.ear.store(None);
    }

    /// How many judgements the listener had no room for, since the last time this was asked.
    pub fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}

impl Road {
    /// Where a listener goes.
    pub fn tap(&self) -> &Tap {
        &self.0.tap
    }

    /// Tells the listener, if there is one, what was recorded.
    pub(super) fn tell(&self, recorded: &[Recorded]) {
        let ear = self.0.tap.ear.load();
        let Some(ear) = &*ear else { return };
        for judged in recorded.iter().map(|recorded| &recorded.judged) {
            let Ok(place) = ear.try_reserve() else {
                self.0.tap.dropped.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            let command = judged.proposal.id;
            let open = self.0.open.lock().get(command);
            let n = open.map_or(1, |open| open.life.lock().judged);
            let at = i64::try_from(judged.facts.at_ms).unwrap_or(i64::MAX);
            let (facts, decision) = (judged.facts.clone(), Arc::clone(&judged.decision));
            place.send(Heard { command, n, at, facts, decision });
        }
    }
}
