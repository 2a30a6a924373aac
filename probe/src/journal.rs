//! The journal: every command this probe was ordered, by id, so that none ever runs twice. It is the outbox too:
//! an end or a refusal stays unsettled, and is sent again, until the server says that it keeps it.
//!
//! One file a command, each written whole, synced, and renamed into place before anything starts.
//! Never: forgets a command before its order expired.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use legator_protocol::{CommandId, CommandResult, RefusedBy};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::durable;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub command: CommandId,
    /// SHA-256 (hex) of the order's bytes.
    pub digest: String,
    /// Until when the order could have started, but not before it was taken; both by the server's clock.
    pub expires_at_ms: u64,
    /// Whether the server keeps the end, so that this copy need not be sent again.
    #[serde(default)]
    pub settled: bool,
    pub state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum State {
    Started {
        at_ms: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<Group>,
    },
    Ended {
        result: CommandResult,
    },
    Refused {
        by: RefusedBy,
        detail: String,
    },
}

/// A process group, told from a later one of the same number by when its leader started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub pid: i32,
    /// Clock ticks after boot, as `/proc/<pid>/stat` says.
    pub started: u64,
}

impl Entry {
    /// Whether an order with this digest is the one that stands here. An entry that could not be read matches any.
    pub fn is_of(&self, digest: &str) -> bool {
        self.digest.is_empty() || self.digest == digest
    }

    pub fn ended(&self) -> bool {
        !matches!(self.state, State::Started { .. })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum JournalFault {
    #[error(
        "another probe runs with `{0}`; one state directory is for one probe: stop the other, or name another with `--state-dir`"
    )]
    Taken(String),
    #[error("cannot open the journal in `{path}`: {source}; without it nothing may run")]
    Unreadable { path: String, source: io::Error },
}

#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    /// Held as long as the journal is open: two probes over one journal would each run a command once.
    _lock: File,
}

impl Journal {
    /// Opens the journal and says what it holds.
    pub fn open(state_dir: &Path) -> Result<(Self, Vec<Entry>), JournalFault> {
        let dir = state_dir.join("journal");
        let unreadable = |source| JournalFault::Unreadable { path: dir.display().to_string(), source };
        durable::private_dir(&dir).map_err(unreadable)?;
        let lock = File::create(state_dir.join("lock")).map_err(unreadable)?;
        hold(&lock).map_err(|fault| match fault {
            Errno::WOULDBLOCK => JournalFault::Taken(state_dir.display().to_string()),
            fault => unreadable(fault.into()),
        })?;
        let mut entries = Vec::new();
        for file in fs::read_dir(&dir).map_err(unreadable)? {
            let path = file.map_err(unreadable)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(command) = name.strip_suffix(".json").and_then(|id| id.parse::<CommandId>().ok()) else {
                continue;
            };
            let bytes = fs::read(&path).map_err(unreadable)?;
            // What does not read may have run: it counts as started, whatever order it was.
            let entry = serde_json::from_slice(&bytes).unwrap_or(Entry {
                command,
                digest: String::new(),
                expires_at_ms: u64::MAX,
                settled: false,
                state: State::Started { at_ms: 0, group: None },
            });
            entries.push(Entry { command, ..entry });
        }
        entries.sort_by_key(|entry| entry.command);
        Ok((Self { dir, _lock: lock }, entries))
    }

    /// Durable when it returns.
    pub fn write(&self, entry: &Entry) -> io::Result<()> {
        durable::write(&self.path(entry.command), &serde_json::to_vec(entry).map_err(io::Error::other)?)
    }

    /// For what may be lost with the power: the group of a running command, the server's word that it keeps an end.
    pub fn amend(&self, entry: &Entry) -> io::Result<()> {
        durable::replace(&self.path(entry.command), &serde_json::to_vec(entry).map_err(io::Error::other)?)
    }

    pub fn forget(&self, command: CommandId) -> io::Result<()> {
        match fs::remove_file(self.path(command)) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(fault),
            _ => Ok(()),
        }
    }

    fn path(&self, command: CommandId) -> PathBuf {
        self.dir.join(format!("{command}.json"))
    }
}

/// Takes the lock. A child that a killed probe was just starting shares it until it became its program, so one try is
/// too few.
fn hold(lock: &File) -> Result<(), Errno> {
    for _ in 0..20 {
        match flock(lock, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(50)),
            done => return done,
        }
    }
    Err(Errno::WOULDBLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(n: u128) -> Entry {
        Entry {
            command: CommandId::born(1, n),
            digest: "ab".into(),
            expires_at_ms: 5,
            settled: false,
            state: State::Started { at_ms: 3, group: Some(Group { pid: 4, started: 9 }) },
        }
    }

    #[test]
    fn reads_back_what_it_wrote_and_forgets_on_request() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, entries) = Journal::open(dir.path()).unwrap();
        assert!(entries.is_empty());
        journal.write(&entry(1)).unwrap();
        journal.write(&entry(2)).unwrap();
        journal.forget(entry(2).command).unwrap();
        journal.forget(entry(2).command).unwrap();
        drop(journal);
        assert_eq!(Journal::open(dir.path()).unwrap().1, [entry(1)]);
    }

    #[test]
    fn a_file_that_does_not_read_counts_as_started() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(dir.path()).unwrap();
        fs::write(journal.path(entry(1).command), b"{ torn").unwrap();
        fs::write(dir.path().join("journal/cmd_x.json.new"), b"{").unwrap();
        drop(journal);
        let (_, entries) = Journal::open(dir.path()).unwrap();
        assert_eq!(entries.len(), 1);
        assert!(!entries[0].ended() && entries[0].is_of("anything"));
    }

    #[test]
    fn two_probes_never_share_a_journal() {
        let dir = tempfile::tempdir().unwrap();
        let held = Journal::open(dir.path()).unwrap();
        assert!(matches!(Journal::open(dir.path()), Err(JournalFault::Taken(_))));
        drop(held);
        assert!(Journal::open(dir.path()).is_ok());
    }
}
