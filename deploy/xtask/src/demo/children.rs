//! Processes that end with the one who started them: on Ctrl-C, on a fault, on a panic.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::process::called;

/// How long a child has to end by itself.
const GRACE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);

/// A running process whose output goes to a file.
pub struct Kept {
    child: Child,
    pub log: PathBuf,
}

impl Kept {
    /// Starts the command in a process group of its own, so that a Ctrl-C reaches only us and we end things in order.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot write `{}`", log.display()))?;
        let same = file.try_clone()?;
        let child = command.process_group(0).stdin(Stdio::null()).stdout(file).stderr(same).spawn();
        let child = child.with_context(|| format!("cannot start `{}`", called(command)))?;
        Ok(Self { child, log: log.into() })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The last lines that it wrote.
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // A child that has ended is not waited for twice, and its number is not ours to signal.
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // It runs and was not waited for, so this number is still its own. A signal that fails leaves the kill below.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let began = Instant::now();
        while began.elapsed() < GRACE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(LOOK);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, folder: &Path) -> Kept {
        Kept::start(Command::new("sh").args(["-c", script]), &folder.join("log")).unwrap()
    }

    fn runs(id: u32) -> bool {
        Path::new(&format!("/proc/{id}")).exists()
    }

    #[test]
    fn a_child_ends_with_its_keeper() {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = shell("exec sleep 600", folder.path());
        let id = kept.id();
        assert!(kept.ended().unwrap().is_none());
        drop(kept);
        assert!(!runs(id));
    }

    #[test]
    fn a_child_ends_when_its_keeper_panics() {
        let folder = tempfile::tempdir().unwrap();
        let kept = shell("exec sleep 600", folder.path());
        let id = kept.id();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _kept = kept;
            panic!("as meant");
        }));
        assert!(panicked.is_err());
        assert!(!runs(id));
    }

    #[test]
    fn keeps_what_a_child_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = shell("echo out; echo err >&2; exit 3", folder.path());
        assert_eq!(kept.child.wait().unwrap().code(), Some(3));
        assert!(kept.ended().unwrap().is_some());
        assert_eq!(kept.last_words(), "out\nerr");
    }
}
