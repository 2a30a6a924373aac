//! A decision as it is kept and as it is heard: for whoever decides it again, or listens.
//! Never: waits for a listener. What the listener has no room for is dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use legator_engine::{Decision, Facts};
use tokio::sync::mpsc::Sender;

/// A judgement as it is stored: both texts are exactly what was recorded.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// A command, or an operation that was asked for.
    pub subject: String,
    /// Which judgement of it, from 1.
    pub n: u32,
    pub at: i64,
    pub facts: String,
    pub decision: String,
}

/// Judgements of a time: from `since` on, before `until`, in UTC milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub since: i64,
    pub until: i64,
}

/// A judgement that was made.
pub struct Heard {
    pub subject: String,
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
    /// Puts an ear there, in place of the one that was.
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

    /// Tells the listener, if there is one. What each judgement is, is asked only when there is room for it.
    pub fn tell(&self, judgements: impl Iterator<Item: FnOnce() -> Heard>) {
        let ear = self.ear.load();
        let Some(ear) = &*ear else { return };
        for heard in judgements {
            match ear.try_reserve() {
                Ok(place) => place.send(heard()),
                Err(_) => {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}
