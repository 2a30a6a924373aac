//! What an instrumented script calls: which of its places ran, and what its conditions came to.
//! Never: in an engine that decides. A script that was not instrumented cannot name these functions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rhai::{Engine, INT};

/// How often each place ran (`true` for a statement and for a condition that held).
#[derive(Clone, Default)]
pub(crate) struct Hits(Arc<Mutex<BTreeMap<(u32, bool), u32>>>);

impl Hits {
    pub(crate) fn times(&self, place: u32, side: bool) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(place, side)).copied().unwrap_or_default()
    }

    fn add(&self, place: INT, side: bool) {
        let Ok(place) = u32::try_from(place) else { return };
        let mut hits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = hits.entry((place, side)).or_default();
        *times = times.saturating_add(1);
    }
}

pub(crate) const LINE: &str = "__ran";
pub(crate) const BRANCH: &str = "__held";

/// Gives an engine the functions that instrumented scripts call.
pub(super) fn listen(engine: &mut Engine, hits: Option<&Hits>) {
    let Some(hits) = hits else { return };
    let lines = hits.clone();
    engine.register_fn(LINE, move |place: INT| lines.add(place, true));
    let branches = hits.clone();
    engine.register_fn(BRANCH, move |place: INT, held: bool| {
        branches.add(place, held);
        held
    });
}
