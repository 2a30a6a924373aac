//! The live feed: what just happened, numbered, for whoever watches.
//! Never: the truth. A watcher that was away too long is told to read again (`resync`).

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::tenant::{Reach, Tenant};

/// How many past events a watcher can catch up with.
const KEPT: usize = 4096;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// Counts from 1 since this server started.
    pub seq: u64,
    pub at_ms: i64,
    /// `command.settled`, `probe.online`, …
    pub topic: &'static str,
    /// What it is about.
    pub id: String,
    pub body: serde_json::Value,
    pub whose: Whose,
}

/// Whom an event is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Who reaches this tenant.
    Tenant(Tenant),
    /// Who reaches every tenant.
    House,
    /// Everybody.
    All,
}

impl From<&Tenant> for Whose {
    fn from(tenant: &Tenant) -> Self {
        Self::Tenant(tenant.clone())
    }
}

impl Whose {
    /// Whether somebody who reaches so far is told, tags aside.
    pub fn is_for(&self, reach: &Reach) -> bool {
        match self {
            Self::Tenant(tenant) => reach.has(tenant),
            Self::House => reach.is_everything(),
            Self::All => true,
        }
    }
}

/// Publishes events and lets them be watched. Cheap to clone.
#[derive(Clone)]
pub struct Events(Arc<Inner>);

struct Inner {
    /// Tells apart the numbers of one start of the server from those of the next.
    epoch: i64,
    past: Mutex<(u64, VecDeque<Arc<Event>>)>,
    live: broadcast::Sender<Arc<Event>>,
}

/// What a watcher gets first.
pub struct Watch {
    /// The watcher missed events that are no longer kept.
    pub resync: bool,
    pub past: Vec<Arc<Event>>,
    pub live: broadcast::Receiver<Arc<Event>>,
}

impl Events {
    pub fn new(epoch: i64) -> Self {
        let (live, _) = broadcast::channel(KEPT);
        Self(Arc::new(Inner { epoch, past: Mutex::new((0, VecDeque::with_capacity(KEPT))), live }))
    }

    pub fn publish(
        &self,
        at_ms: i64,
        whose: impl Into<Whose>,
        topic: &'static str,
        id: impl Into<String>,
        body: serde_json::Value,
    ) {
        let whose = whose.into();
        let mut past = self.0.past.lock();
        past.0 += 1;
        let event = Arc::new(Event { seq: past.0, at_ms, topic, id: id.into(), body, whose });
        if past.1.len() == KEPT {
            past.1.pop_front();
        }
        past.1.push_back(Arc::clone(&event));
        // Under the lock, so that the live order is the numbered one. Nobody watching is no fault.
        let _ = self.0.live.send(event);
    }

    /// The id that the feed carries for `event`, to be given back as `Last-Event-ID`.
    pub fn id(&self, event: &Event) -> String {
        format!("{}-{}", self.0.epoch, event.seq)
    }

    /// Watches from after `last_id` on, or from now.
    pub fn watch(&self, last_id: Option<&str>) -> Watch {
        let past = self.0.past.lock();
        let live = self.0.live.subscribe();
        let Some(last_id) = last_id else { return Watch { resync: false, past: Vec::new(), live } };
        let seen = last_id
            .split_once('-')
            .and_then(|(epoch, seq)| (epoch.parse() == Ok(self.0.epoch)).then(|| seq.parse::<u64>().ok()).flatten());
        let oldest = past.1.front().map_or(past.0 + 1, |event| event.seq);
        match seen {
            Some(seen) if seen <= past.0 && seen + 1 >= oldest => {
                Watch { resync: false, past: past.1.iter().filter(|event| event.seq > seen).cloned().collect(), live }
            }
            _ => Watch { resync: true, past: Vec::new(), live },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watcher_goes_on_where_it_left_off() {
        let events = Events::new(7);
        for n in 0..3 {
            events.publish(n, Whose::All, "test", "x", serde_json::Value::Null);
        }
        let watch = events.watch(Some("7-1"));
        assert!(!watch.resync);
        assert_eq!(watch.past.iter().map(|event| event.seq).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn a_watcher_that_was_away_too_long_is_told_so() {
        let events = Events::new(7);
        for n in 0..5000 {
            events.publish(n, Whose::All, "test", "x", serde_json::Value::Null);
        }
        assert!(events.watch(Some("7-1")).resync);
        assert!(events.watch(Some("6-4999")).resync);
        assert!(events.watch(Some("nonsense")).resync);
        assert!(events.watch(Some("7-9999")).resync);
        assert!(!events.watch(Some("7-5000")).resync);
    }
}
