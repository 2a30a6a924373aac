//! The one task that writes: takes what waits, runs it in one transaction, signs the new head, commits, answers everyone.
//! Never: answers before the commit, adds latency to a part that is alone, stops because one part failed or panicked.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use legator_engine::tlog::{Checkpoint, Keys, Signer, Tree, Turn};
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot, watch};

use super::batch::Batch;
use super::fault::{OpenFault, WriteFault};
use super::open::{self, Found};
use super::{Head, Health, store};
use crate::db::{Db, DbFault};

/// Parts that share one commit at most.
const GROUP: usize = 1024;
/// A part that takes longer is undone, because everyone waits for it. Tests wait for it, too.
const LONGEST_PART: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 10 });
/// How often an unwritable log is tried again while nobody writes.
const PULSE: Duration = Duration::from_millis(500);

/// One caller's part of a group.
pub(super) trait Job: Send {
    fn at_ms(&self) -> i64;
    fn run(self: Box<Self>, batch: &mut Batch) -> BoxFuture<'_, Ran>;
    /// Tells the caller that its part was never begun.
    fn refuse(self: Box<Self>, fault: WriteFault);
}

/// How a part ended, and how its caller is told.
pub(super) enum Ran {
    /// To be told when the group is durable, or that it is not.
    Keep(Answer),
    /// The part failed, and its caller is told why once it is undone.
    Undo(Answer),
}

/// Tells a caller how its part ended: `None` is as well as it ran.
pub(super) struct Answer {
    tell: Box<dyn FnOnce(Option<WriteFault>) + Send>,
    /// It does more than to wake somebody, so the next group does not wait for it.
    works: bool,
}

/// A part whose caller waits.
struct Part<T, E, W> {
    at_ms: i64,
    work: W,
    answer: oneshot::Sender<Result<T, E>>,
}

pub(super) fn job<T, E, W>(at_ms: i64, work: W) -> (Box<dyn Job>, oneshot::Receiver<Result<T, E>>)
where
    T: Send + 'static,
    E: From<WriteFault> + Send + 'static,
    W: for<'c> FnOnce(&'c mut Batch) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
{
    let (answer, receiver) = oneshot::channel();
    (Box::new(Part { at_ms, work, answer }), receiver)
}

impl<T, E, W> Job for Part<T, E, W>
where
    T: Send + 'static,
    E: From<WriteFault> + Send + 'static,
    W: for<'c> FnOnce(&'c mut Batch) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
{
    fn at_ms(&self) -> i64 {
        self.at_ms
    }

    fn run(self: Box<Self>, batch: &mut Batch) -> BoxFuture<'_, Ran> {
        let Self { work, answer, .. } = *self;
        Box::pin(async move {
            let guarded = AssertUnwindSafe(async { work(batch).await }).catch_unwind();
            let outcome = match tokio::time::timeout(LONGEST_PART, guarded).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_panic)) => Err(WriteFault::Panicked.into()),
                Err(_elapsed) => Err(WriteFault::Slow(LONGEST_PART).into()),
            };
            let kept = outcome.is_ok();
            // A caller that went away is not told; its part counts all the same.
            let answer = |outcome| drop(answer.send(outcome));
            ran(kept, Answer::new(outcome, answer, false))
        })
    }

    fn refuse(self: Box<Self>, fault: WriteFault) {
        let _ = self.answer.send(Err(fault.into()));
    }
}

/// A part that adds rows and entries and nobody waits for.
struct Line<W, A> {
    at_ms: i64,
    work: W,
    then: A,
}

pub(super) fn line<W, A>(at_ms: i64, work: W, then: A) -> Box<dyn Job>
where
    W: FnOnce(&mut Batch) -> Result<(), WriteFault> + Send + 'static,
    A: FnOnce(Result<(), WriteFault>) + Send + 'static,
{
    Box::new(Line { at_ms, work, then })
}

impl<W, A> Job for Line<W, A>
where
    W: FnOnce(&mut Batch) -> Result<(), WriteFault> + Send + 'static,
    A: FnOnce(Result<(), WriteFault>) + Send + 'static,
{
    fn at_ms(&self) -> i64 {
        self.at_ms
    }

    fn run(self: Box<Self>, batch: &mut Batch) -> BoxFuture<'_, Ran> {
        let Self { work, then, .. } = *self;
        let outcome = catch_unwind(AssertUnwindSafe(|| work(batch))).unwrap_or(Err(WriteFault::Panicked));
        let kept = outcome.is_ok();
        Box::pin(std::future::ready(ran(kept, Answer::new(outcome, then, true))))
    }

    fn refuse(self: Box<Self>, fault: WriteFault) {
        (self.then)(Err(fault));
    }
}

impl Answer {
    fn new<T, E>(outcome: Result<T, E>, then: impl FnOnce(Result<T, E>) + Send + 'static, works: bool) -> Self
    where
        T: Send + 'static,
        E: From<WriteFault> + Send + 'static,
    {
        let tell = move |fault: Option<WriteFault>| then(fault.map_or(outcome, |fault| Err(fault.into())));
        Self { tell: Box::new(tell), works }
    }
}

fn ran(kept: bool, answer: Answer) -> Ran {
    if kept { Ran::Keep(answer) } else { Ran::Undo(answer) }
}

/// What everybody follows.
pub(super) struct Told {
    pub head: watch::Sender<Head>,
    pub health: watch::Sender<Health>,
    pub keys: watch::Sender<Arc<Keys>>,
}

pub(super) struct Writer {
    db: Db,
    /// `None` after a failure that may have hurt the connection: the next group makes another.
    batch: Option<Batch>,
    tree: Tree,
    /// Whether `tree` is what is on disk. After a failure it is read anew before anything is written.
    certain: bool,
    signer: Arc<Signer>,
    /// The key of a turn that may be on disk or not.
    next: Option<Arc<Signer>>,
    jobs: mpsc::Receiver<Box<dyn Job>>,
    told: Told,
    teller: mpsc::UnboundedSender<Telling>,
}

/// What the teller is to tell, and to whom it then says that it has.
struct Telling {
    answers: Vec<Answer>,
    fault: Option<WriteFault>,
    done: Option<oneshot::Sender<()>>,
}

impl Writer {
    pub fn new(
        db: Db,
        connection: SqliteConnection,
        found: Found,
        jobs: mpsc::Receiver<Box<dyn Job>>,
        told: Told,
    ) -> Self {
        let (teller, _) = mpsc::unbounded_channel();
        let (batch, Found { tree, signer, .. }) = (Some(Batch::new(connection)), found);
        Self { db, batch, tree, certain: true, signer, next: None, jobs, told, teller }
    }

    pub async fn run(mut self) {
        let (teller, mut told) = mpsc::unbounded_channel::<Telling>();
        self.teller = teller;
        // In the order of the groups, while the next group is on its way to the disk.
        tokio::spawn(async move {
            while let Some(Telling { answers, fault, done }) = told.recv().await {
                for Answer { tell, .. } in answers {
                    tell(fault.clone());
                }
                done.map(|done| done.send(()));
            }
        });
        let mut waiting = Vec::with_capacity(GROUP);
        loop {
            let ailing = !self.told.health.borrow().is_good();
            tokio::select! {
                taken = self.jobs.recv_many(&mut waiting, GROUP) => {
                    if taken == 0 {
                        break;
                    }
                    // A group ends with a turn of the key, so there may be another.
                    while !waiting.is_empty() {
                        self.write_group(&mut waiting).await;
                    }
                }
                () = tokio::time::sleep(PULSE), if ailing => self.feel_pulse().await,
            }
        }
        if let Some(batch) = self.batch.take() {
            batch.close().await;
        }
    }

    async fn write_group(&mut self, waiting: &mut Vec<Box<dyn Job>>) {
        let mut kept = Vec::with_capacity(waiting.len());
        let mut jobs = std::mem::take(waiting).into_iter();
        let outcome = match self.ready().await {
            Ok(mut batch) => {
                let outcome = self.transact(&mut batch, &mut jobs, &mut kept).await;
                self.batch = Some(batch);
                outcome
            }
            Err(fault) => Err(fault),
        };
        match outcome {
            Ok(head) => {
                if let Some(head) = head {
                    self.told.head.send_replace(head);
                }
                self.say(Health::Good);
                self.tell(kept, None, None);
                waiting.extend(jobs);
            }
            Err(fault) => {
                let fault = self.recover(fault).await;
                let refusal = WriteFault::Unwritable(fault);
                // Whoever has more in the line hears of the failure before that is run, and of the earlier part first.
                let (done, told) = oneshot::channel();
                self.tell(kept, Some(refusal.clone()), Some(done));
                let _ = told.await;
                jobs.for_each(|job| job.refuse(refusal.clone()));
            }
        }
    }

    /// Wakes those who wait, and leaves what works to the teller.
    fn tell(&self, kept: Vec<Answer>, fault: Option<WriteFault>, done: Option<oneshot::Sender<()>>) {
        let (answers, wakes): (Vec<_>, Vec<_>) = kept.into_iter().partition(|answer| answer.works);
        for Answer { tell, .. } in wakes {
            tell(fault.clone());
        }
        // The teller ends only when it is dropped with the runtime, and then nobody is left to be told.
        let _ = self.teller.send(Telling { answers, fault, done });
    }

    /// Runs and commits a group; `kept` gets the callers that are to hear how it ended. The tree moves on only when it is durable.
    async fn transact(
        &mut self,
        batch: &mut Batch,
        jobs: &mut (dyn Iterator<Item = Box<dyn Job>> + Send),
        kept: &mut Vec<Answer>,
    ) -> Result<Option<Head>, DbFault> {
        batch.begin(self.tree.clone(), Arc::clone(&self.signer));
        let mut at_ms = self.told.head.borrow().at_ms;
        // What comes after a turn of the key is signed by the next one, so it is of the next group.
        while batch.turned().is_none()
            && let Some(job) = jobs.next()
        {
            at_ms = at_ms.max(job.at_ms());
            batch.begin_part(job.at_ms());
            match job.run(batch).await {
                Ran::Keep(tell) => {
                    batch.keep_part();
                    kept.push(tell);
                }
                Ran::Undo(tell) => {
                    let undone = batch.undo_part().await;
                    (tell.tell)(None);
                    undone?;
                }
            }
        }
        batch.end_parts().await?;
        let mut tree = self.tree.clone();
        let mut nodes = Vec::new();
        for leaf in batch.leaves() {
            tree.append(*leaf, |node, hash| {
                if store::is_stored(node) {
                    nodes.push((node, hash));
                }
            });
        }
        let head = (tree.size() > self.tree.size()).then(|| {
            let (size, root) = (tree.size(), tree.root());
            let (note, verifier) = match batch.turned() {
                None => (Checkpoint::sign(size, root, &self.signer), Arc::clone(&self.told.head.borrow().verifier)),
                Some(next) => {
                    let note = Checkpoint::cosign(size, root, &self.signer, next);
                    (note, next.verifier().to_string().into())
                }
            };
            Head { size, root, note: note.into(), verifier, at_ms }
        });
        self.next = batch.turned().cloned();
        batch.commit(&nodes, head.as_ref()).await?;
        self.tree = tree;
        if let Some(next) = self.next.take() {
            self.turned(next);
        }
        Ok(head)
    }

    /// The turn is durable: from now on `next` signs.
    fn turned(&mut self, next: Arc<Signer>) {
        let turn =
            Turn { index: self.tree.size().saturating_sub(1), old: self.signer.verifier(), new: next.verifier() };
        self.told.keys.send_modify(|keys| {
            if let Err(fault) = Arc::make_mut(keys).turn(&turn) {
                tracing::error!(%fault, "the log's key was turned, and its keys do not show it until a restart");
            }
        });
        self.signer = next;
    }

    /// After a failed group: undo it, name the cause, and believe the disk before memory from now on.
    async fn recover(&mut self, mut fault: DbFault) -> Arc<DbFault> {
        self.certain = false;
        if let Some(mut batch) = self.batch.take() {
            // It fails when SQLite has ended the transaction by itself, which is as good.
            let _ = store::roll_back(batch.raw()).await;
            // Then a later statement is what failed, and its complaint is not the cause.
            if !fault.is_of_the_store()
                && let Err(cause) = store::beat(batch.raw()).await
            {
                fault = cause.into();
            }
            // A full disk does not hurt the connection. What else fails may have.
            if matches!(fault, DbFault::Full(_)) {
                self.batch = Some(batch);
            }
        }
        let fault = Arc::new(fault);
        self.say(Health::Bad(Arc::clone(&fault)));
        fault
    }

    /// Makes sure of a connection, and of what is on disk after anything failed.
    async fn ready(&mut self) -> Result<Batch, DbFault> {
        let mut batch = match self.batch.take() {
            Some(batch) => batch,
            None => Batch::new(self.db.connect_writer().await?),
        };
        if !self.certain {
            let signers: Vec<_> = std::iter::once(&self.signer).chain(&self.next).cloned().collect();
            let Found { tree, head, keys, signer } = match open::read(batch.raw(), &signers).await {
                Ok(found) => found,
                Err(OpenFault::Db(fault)) => return Err(fault),
                Err(other) => return Err(DbFault::Corrupt(sqlx::Error::Protocol(other.to_string()))),
            };
            (self.tree, self.signer, self.next) = (tree, signer, None);
            self.certain = true;
            if self.told.keys.borrow().now() != keys.now() {
                self.told.keys.send_replace(Arc::new(keys));
            }
            if self.told.head.borrow().size != head.size {
                self.told.head.send_replace(head);
            }
        }
        Ok(batch)
    }

    /// Tries a write of our own while nobody else does, so that health does not wait for a caller who waits for health.
    async fn feel_pulse(&mut self) {
        let felt = match self.ready().await {
            Ok(mut batch) => {
                let felt = store::beat(batch.raw()).await.map_err(DbFault::from);
                if matches!(felt, Ok(()) | Err(DbFault::Full(_))) {
                    self.batch = Some(batch);
                }
                felt
            }
            Err(fault) => Err(fault),
        };
        self.say(felt.map_or_else(|fault| Health::Bad(Arc::new(fault)), |()| Health::Good));
    }

    /// Tells the log's health, and the operator when it turns.
    fn say(&self, health: Health) {
        self.told.health.send_if_modified(|known| {
            match (&*known, &health) {
                (Health::Good, Health::Good) => return false,
                (Health::Good, Health::Bad(fault)) => {
                    tracing::error!(%fault, "the audit log cannot be written; nothing is done until it can");
                }
                (Health::Bad(_), Health::Good) => tracing::info!("the audit log can be written again"),
                (Health::Bad(_), Health::Bad(_)) => {}
            }
            *known = health;
            true
        });
    }
}
