//! The whole log computed again from what was hashed: bodies, columns, stored nodes, checkpoints, head.
//! Never: trusts a stored hash, or stops reading at a gap as if the log ended there.

use std::borrow::Cow;
use std::collections::VecDeque;

use legator_engine::tlog::{Checkpoint, Hash, Keys, Node, TURNED, Tree, Turn, leaf_hash};
use serde::Deserialize;
use sqlx::sqlite::SqlitePool;

use super::fault::ReadFault;
use super::query::Entry;
use super::store::CheckpointRow;
use super::{Head, store};

/// Rows that are read at once. No read lasts longer than one of these, so the write-ahead log can be folded in between.
const STEP: u64 = 2048;

/// How far the log was checked, and what was wrong first.
#[derive(Clone, Debug)]
pub struct Report {
    /// The head that was checked.
    pub head: Head,
    /// Entries that fit, from the first on.
    pub entries: u64,
    /// Checkpoints that fit among them.
    pub checkpoints: u64,
    /// Turns of the log's key that fit, each signed by the key before and the key after.
    pub turns: u64,
    pub first_bad: Option<Finding>,
}

impl Report {
    pub const fn is_good(&self) -> bool {
        self.first_bad.is_none()
    }
}

/// The first thing that does not fit, and the index of the entry with which it shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {index}: {flaw}")]
pub struct Finding {
    pub index: u64,
    pub flaw: Flaw,
}

/// In which way something does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("the entry is gone")]
    Missing,
    #[error("the entry's body is gone")]
    BodyMissing,
    #[error("the body is not the one that was hashed")]
    Body,
    #[error("the columns do not say what the body says")]
    Columns,
    #[error("the stored node hash of level {level} does not fit the entries below it")]
    Node { level: u8 },
    #[error("the checkpoint at {size} entries signs another log")]
    Checkpoint { size: u64 },
    #[error("the turn of the log's key does not continue the key before, or is not signed by both")]
    Turn,
    #[error("the log's head is not what its entries lead to, or is not signed by its key")]
    Head,
}

/// What an entry's JSON must say for the columns beside it to be believed.
#[derive(Deserialize)]
struct Said<'j> {
    v: u8,
    index: u64,
    at: i64,
    #[serde(borrow)]
    kind: Cow<'j, str>,
    #[serde(borrow)]
    actor: Cow<'j, str>,
    #[serde(borrow)]
    subject: Cow<'j, str>,
    command: Option<String>,
    probe: Option<String>,
    tenant: Option<String>,
}

/// The rows of one step.
struct Rows {
    until: u64,
    entries: VecDeque<Entry>,
    checkpoints: VecDeque<CheckpointRow>,
    nodes: Vec<(Node, Hash)>,
}

pub(super) async fn run(reads: &SqlitePool, head: Head, keys: &Keys) -> Result<Report, ReadFault> {
    let first = keys.spans().next().map_or_else(|| keys.now().clone(), |span| span.verifier.clone());
    let (mut tree, mut found) = (Tree::new(), Keys::of(first));
    let mut report = Report { head, entries: 0, checkpoints: 0, turns: 0, first_bad: None };
    while report.first_bad.is_none() && tree.size() < report.head.size {
        let from = tree.size();
        let until = (from + STEP).min(report.head.size);
        let rows = {
            let mut connection = reads.acquire().await?;
            Rows {
                until,
                entries: store::entries_between(&mut connection, from, until).await?.into(),
                checkpoints: store::checkpoints_between(&mut connection, from, until).await?.into(),
                nodes: store::nodes_completed_between(&mut connection, from, until).await?,
            }
        };
        // Hashing is not waiting: it goes where it holds nobody up.
        (tree, found, report) = tokio::task::spawn_blocking(move || check(tree, found, report, rows))
            .await
            .map_err(|_stopped| ReadFault::Stopped)?;
    }
    let signed = || found.open(&report.head.note).is_ok_and(|said| says(&said, &tree));
    if report.first_bad.is_none() && (tree.root() != report.head.root || !signed()) {
        report.first_bad = Some(Finding { index: tree.size().saturating_sub(1), flaw: Flaw::Head });
    }
    Ok(report)
}

fn check(mut tree: Tree, mut keys: Keys, mut report: Report, mut rows: Rows) -> (Tree, Keys, Report) {
    let bad = |index, flaw| Some(Finding { index, flaw });
    while tree.size() < rows.until {
        let index = tree.size();
        let entry = rows.entries.pop_front().filter(|entry| entry.index == index);
        let Some(entry) = entry else {
            report.first_bad = bad(index, Flaw::Missing);
            break;
        };
        if let Err(flaw) = check_entry(&entry) {
            report.first_bad = bad(index, flaw);
            break;
        }
        let mut wrong = None;
        // Whoever follows the keys needs the checkpoint that both of them signed.
        let mut turned = (entry.kind == TURNED).then(|| keys.now().clone());
        if turned.is_some() && !turns(&mut keys, &entry) {
            report.first_bad = bad(index, Flaw::Turn);
            break;
        }
        tree.append(entry.leaf_hash, |node, hash| {
            if store::is_stored(node) && !rows.nodes.contains(&(node, hash)) {
                wrong = Some(Flaw::Node { level: node.level });
            }
        });
        // Checkpoints come in the order of their sizes; one that lies between two entries has none to wait for.
        while let Some(row) = rows.checkpoints.pop_front_if(|row| row.size <= tree.size()) {
            let said = Checkpoint::read_unverified(&row.note);
            let fits = row.size == tree.size()
                && row.root == tree.root().as_bytes()
                && said.is_ok_and(|said| says(&said, &tree));
            if !fits {
                wrong = wrong.or(Some(Flaw::Checkpoint { size: row.size }));
                break;
            }
            report.checkpoints += 1;
            if turned.as_ref().is_some_and(|old| {
                Checkpoint::open(&row.note, old).is_ok() && Checkpoint::open(&row.note, keys.now()).is_ok()
            }) {
                turned = None;
                report.turns += 1;
            }
        }
        if turned.is_some() {
            wrong = wrong.or(Some(Flaw::Turn));
        }
        if let Some(flaw) = wrong {
            report.first_bad = bad(index, flaw);
            break;
        }
        report.entries = tree.size();
    }
    (tree, keys, report)
}

/// Whether the entry turns the key that the log has.
fn turns(keys: &mut Keys, entry: &Entry) -> bool {
    let turn = Turn::read(entry.json.as_deref().unwrap_or_default());
    turn.is_ok_and(|turn| turn.is_some_and(|turn| turn.index == entry.index && keys.turn(&turn).is_ok()))
}

fn says(checkpoint: &Checkpoint, tree: &Tree) -> bool {
    checkpoint.size == tree.size() && checkpoint.root == tree.root()
}

fn check_entry(entry: &Entry) -> Result<(), Flaw> {
    let json = entry.json.as_deref().ok_or(Flaw::BodyMissing)?;
    if leaf_hash(json.as_bytes()) != entry.leaf_hash {
        return Err(Flaw::Body);
    }
    let said: Said<'_> = serde_json::from_str(json).map_err(|_| Flaw::Columns)?;
    let same = said.v == 1
        && said.index == entry.index
        && said.at == entry.at_ms
        && said.kind == entry.kind
        && said.actor == entry.actor
        && said.subject == entry.subject
        && said.command == entry.command
        && said.probe == entry.probe
        && said.tenant == entry.tenant;
    if same { Ok(()) } else { Err(Flaw::Columns) }
}
