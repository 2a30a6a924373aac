//! What was asked in this hour, in memory: each question once, with how often it was asked.
//! Never: grows with who asks more. Of one principal so many questions an hour are told apart, and of all so many.

use std::collections::HashMap;
use std::sync::Arc;

use legator_engine::{Decision, Facts};
use legator_protocol::OperationId;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio::sync::{MutexGuard, Notify};

use crate::judgement::Tap;
use crate::tenant::Tenant;

const HOUR_MS: u64 = 3_600_000;

/// Questions of one principal that are told apart in an hour, and of everybody.
const MOST_OF_ONE: u32 = 1_000;
const MOST: usize = 50_000;

/// Rows that wait to be written down while the database cannot be written.
const MOST_WAITING: usize = 50_000;

#[derive(Default)]
pub struct Notebook {
    page: Mutex<Page>,
    noted: Notify,
    writing: tokio::sync::Mutex<()>,
    tap: Tap,
}

#[derive(Default)]
struct Page {
    hour: u64,
    questions: HashMap<[u8; 32], OperationId>,
    of_one: HashMap<String, u32>,
    /// In the order in which they were noted; a question that was asked again has one place.
    waiting: Vec<Waiting>,
    place: HashMap<OperationId, usize>,
}

/// What is to be written of one question.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub id: OperationId,
    pub last_at: i64,
    pub times: u64,
    /// For one that has no row yet.
    pub new: Option<Arc<New>>,
}

#[derive(Debug)]
pub struct New {
    pub at: i64,
    pub action: String,
    pub principal: String,
    pub tenant: String,
    pub outcome: &'static str,
    pub facts: String,
    pub decision: String,
}

/// What became of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    First(OperationId),
    Again,
    /// So much was asked that it is only counted.
    Full,
}

impl Notebook {
    pub fn note(
        &self,
        tenant: &Tenant,
        facts: &Facts,
        decision: &Decision,
        born: impl FnOnce() -> OperationId,
    ) -> Noted {
        let hour = facts.at_ms / HOUR_MS;
        let question = question(hour, facts, decision);
        let at = i64::try_from(facts.at_ms).unwrap_or(i64::MAX);
        let mut page = self.page.lock();
        if page.hour != hour {
            page.hour = hour;
            page.questions.clear();
            page.of_one.clear();
        }
        if let Some(id) = page.questions.get(&question).copied() {
            let taken = page.wait(id, at, None);
            drop(page);
            self.noted.notify_one();
            return if taken { Noted::Again } else { Noted::Full };
        }
        let principal = &facts.principal;
        let of_one = page.of_one.get(&principal.id).copied().unwrap_or_default();
        if of_one >= MOST_OF_ONE || page.questions.len() >= MOST || page.waiting.len() >= MOST_WAITING {
            return Noted::Full;
        }
        let id = born();
        page.of_one.insert(principal.id.clone(), of_one + 1);
        page.questions.insert(question, id);
        let new = New {
            at,
            action: decision.action.clone(),
            principal: if principal.name.is_empty() { &principal.id } else { &principal.name }.clone(),
            tenant: tenant.as_str().to_owned(),
            outcome: decision.outcome.as_str(),
            facts: facts.canonical(),
            decision: decision.canonical(),
        };
        page.wait(id, at, Some(Arc::new(new)));
        drop(page);
        self.noted.notify_one();
        Noted::First(id)
    }

    /// Until there is something to write down.
    pub async fn noted(&self) {
        self.noted.notified().await;
    }

    /// One writer at a time.
    pub async fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().await
    }

    /// What is to be written. It waits until [`Self::wrote`] says that it stands; meanwhile nothing is added to it.
    pub fn unwritten(&self) -> Arc<[Waiting]> {
        let mut page = self.page.lock();
        page.place.clear();
        page.waiting.clone().into()
    }

    /// So many of the oldest stand in the database.
    pub fn wrote(&self, n: usize) {
        let mut page = self.page.lock();
        page.waiting.drain(..n);
        let place = page.waiting.iter().enumerate().map(|(place, waiting)| (waiting.id, place)).collect();
        page.place = place;
    }

    pub const fn tap(&self) -> &Tap {
        &self.tap
    }
}

impl Page {
    /// Counts it where it waits already, and lets it wait where it does not.
    fn wait(&mut self, id: OperationId, at: i64, new: Option<Arc<New>>) -> bool {
        if let Some(waiting) = self.place.get(&id).and_then(|place| self.waiting.get_mut(*place)) {
            waiting.times += 1;
            waiting.last_at = waiting.last_at.max(at);
            return true;
        }
        if self.waiting.len() >= MOST_WAITING {
            return false;
        }
        self.place.insert(id, self.waiting.len());
        self.waiting.push(Waiting { id, last_at: at, times: 1, new });
        true
    }
}

/// The same for the same question in the same hour with the same answer of the same revision.
fn question(hour: u64, facts: &Facts, decision: &Decision) -> [u8; 32] {
    let facts = Facts { at_ms: hour, ..facts.clone() };
    let mut hash = Sha256::new();
    for part in [&facts.canonical(), &decision.revision, decision.outcome.as_str(), &decision.rationale.summary] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use legator_engine::{Ask, Bundle, Context, Origin, Principal, Resource, decide};

    use super::*;

    fn ask(at_ms: u64, name: &str, action: &str) -> (Facts, Decision) {
        let facts = Facts {
            at_ms,
            principal: Principal::user(name),
            ask: Ask::Operation(action.to_owned()),
            resource: Resource::control_plane(),
            context: Context::new(Origin::Api),
            capacity: None,
        };
        let bundle = Bundle::load(&std::collections::BTreeMap::new()).unwrap();
        let decision = decide(&bundle, &facts);
        (facts, decision)
    }

    struct Book {
        notebook: Notebook,
        born: u128,
    }

    impl Book {
        fn note(&mut self, (facts, decision): &(Facts, Decision)) -> Noted {
            self.born += 1;
            let born = self.born;
            self.notebook.note(&Tenant::default(), facts, decision, || OperationId::born(facts.at_ms, born))
        }

        fn written(&self) -> Vec<(u64, i64, bool)> {
            let page = self.notebook.unwritten();
            self.notebook.wrote(page.len());
            page.iter().map(|it| (it.times, it.last_at, it.new.is_some())).collect()
        }
    }

    fn book() -> Book {
        Book { notebook: Notebook::default(), born: 0 }
    }

    #[test]
    fn a_question_has_one_row_an_hour_and_counts() {
        let mut book = book();
        let first = ask(1_000, "ana", "viewFleet");
        assert!(matches!(book.note(&first), Noted::First(_)));
        assert_eq!(book.note(&ask(2_000, "ana", "viewFleet")), Noted::Again);
        assert!(matches!(book.note(&ask(2_500, "ben", "viewFleet")), Noted::First(_)));
        assert_eq!(book.written(), [(2, 2_000, true), (1, 2_500, true)]);
        assert_eq!(book.note(&ask(3_000, "ana", "viewFleet")), Noted::Again);
        assert_eq!(book.written(), [(1, 3_000, false)], "it has its row, and goes on counting");
        assert!(matches!(book.note(&ask(HOUR_MS + 1, "ana", "viewFleet")), Noted::First(_)));
    }

    #[test]
    fn what_is_noted_while_it_is_written_waits_for_the_next_time() {
        let mut book = book();
        book.note(&ask(1_000, "ana", "viewFleet"));
        let page = book.notebook.unwritten();
        book.note(&ask(2_000, "ana", "viewFleet"));
        assert_eq!(page.len(), 1);
        book.notebook.wrote(page.len());
        assert_eq!(book.written(), [(1, 2_000, false)]);
    }

    #[test]
    fn what_could_not_be_written_is_still_there() {
        let mut book = book();
        book.note(&ask(1_000, "ana", "viewFleet"));
        drop(book.notebook.unwritten());
        book.note(&ask(2_000, "ana", "viewFleet"));
        assert_eq!(book.written(), [(1, 1_000, true), (1, 2_000, false)]);
    }

    #[test]
    fn one_who_asks_for_everything_leaves_room_for_others() {
        let mut book = book();
        let (facts, decision) = ask(1_000, "ana", "viewFleet");
        for n in 0..MOST_OF_ONE {
            let resource = Resource::other(legator_engine::OtherKind::Bundle, n.to_string());
            let facts = Facts { resource, ..facts.clone() };
            assert!(matches!(book.note(&(facts, decision.clone())), Noted::First(_)), "{n}");
        }
        assert_eq!(book.note(&ask(1_000, "ana", "viewPolicies")), Noted::Full);
        assert!(matches!(book.note(&ask(1_000, "ben", "viewPolicies")), Noted::First(_)));
        assert!(matches!(book.note(&ask(HOUR_MS, "ana", "viewPolicies")), Noted::First(_)));
    }
}
