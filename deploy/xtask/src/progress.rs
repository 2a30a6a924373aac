//! Numbered steps: a spinner with the time on a terminal, plain lines elsewhere, and a summary with times at the end.
//! All of it goes to the error stream; what a task answers goes to the output.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stderr};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// How often the spinner turns.
const TURN: Duration = Duration::from_millis(120);
const SPINNER: &[&str] = &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// What fits beside the spinner on a narrow terminal.
const WIDTH: usize = 60;

/// The steps of one task, as far as they have come.
pub struct Steps {
    total: usize,
    rows: Vec<Row>,
    terminal: bool,
}

struct Row {
    name: String,
    took: Duration,
    end: End,
}

#[derive(Clone, PartialEq, Eq)]
enum End {
    Done,
    Failed,
    Skipped(String),
}

/// Where a step says what it is doing right now.
pub struct Line(Mutex<String>);

impl Line {
    pub fn say(&self, text: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text.trim().chars().take(WIDTH).collect();
    }

    fn said(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Steps {
    pub fn new(total: usize) -> Self {
        Self { total, rows: Vec::new(), terminal: stderr().is_terminal() }
    }

    /// Runs a step, shows how it went, and returns what it made; none if it failed.
    pub fn run<T>(&mut self, name: &str, work: impl FnOnce(&Line) -> Result<T>) -> Option<T> {
        let head = format!("[{}/{}] {name}", self.rows.len() + 1, self.total);
        if !self.terminal {
            eprintln!("{head}");
        }
        let began = Instant::now();
        let line = Line(Mutex::new(String::new()));
        let result = if self.terminal { spun(&head, began, &line, work) } else { work(&line) };
        let took = began.elapsed();
        let (end, made) = match result {
            Ok(made) => (End::Done, Ok(made)),
            Err(fault) => (End::Failed, Err(fault)),
        };
        let word = if made.is_ok() { "ok" } else { "failed" };
        eprintln!("{}{head}: {word} ({})", if self.terminal { "\r\x1b[K" } else { "" }, seconds(took));
        self.rows.push(Row { name: name.into(), took, end });
        made.map_err(|fault| eprintln!("{fault:#}")).ok()
    }

    pub fn skip(&mut self, name: &str, why: &str) {
        eprintln!("[{}/{}] {name}: skipped, {why}", self.rows.len() + 1, self.total);
        self.rows.push(Row { name: name.into(), took: Duration::ZERO, end: End::Skipped(why.into()) });
    }

    /// Whether every step was taken and none failed. A step that was left out is a step that did not go well.
    pub fn went_well(&self) -> bool {
        self.rows.len() == self.total && self.rows.iter().all(|row| row.end == End::Done)
    }

    pub fn summary(&self) -> String {
        let wide = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
        let mut page = String::new();
        for Row { name, took, end } in &self.rows {
            let end = match end {
                End::Done => "ok".into(),
                End::Failed => "failed".into(),
                End::Skipped(why) => format!("skipped, {why}"),
            };
            // Writing to a string does not fail.
            let _ = writeln!(page, "  {name:<wide$}  {:>8}  {end}", seconds(*took));
        }
        page
    }
}

/// Runs the work while another thread turns the spinner.
fn spun<T>(head: &str, began: Instant, line: &Line, work: impl FnOnce(&Line) -> Result<T>) -> Result<T> {
    let (done, wait) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            for sign in SPINNER.iter().cycle() {
                eprint!("\r\x1b[K{sign} {head} {} {}", seconds(began.elapsed()), line.said());
                // A terminal that cannot be written to has nobody in front of it.
                let _ = stderr().flush();
                if wait.recv_timeout(TURN) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        });
        let result = work(line);
        drop(done);
        result
    })
}

fn seconds(took: Duration) -> String {
    format!("{}.{} s", took.as_secs(), took.subsec_millis() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(total: usize) -> Steps {
        Steps { total, rows: Vec::new(), terminal: false }
    }

    #[test]
    fn went_well_when_every_step_did() {
        let mut steps = steps(2);
        assert_eq!(steps.run("one", |_| Ok(1)), Some(1));
        assert!(!steps.went_well(), "a step is missing");
        steps.run("two", |line| {
            line.say(" here ");
            assert_eq!(line.said(), "here");
            Ok(())
        });
        assert!(steps.went_well());
    }

    #[test]
    fn a_failed_or_skipped_step_is_seen() {
        let mut failing = steps(1);
        assert_eq!(failing.run::<()>("one", |_| anyhow::bail!("no")), None);
        assert!(!failing.went_well());
        let mut skipping = steps(1);
        skipping.skip("one", "the build failed");
        assert!(!skipping.went_well());
        assert!(skipping.summary().contains("one"));
        assert!(skipping.summary().contains("skipped, the build failed"));
    }

    #[test]
    fn a_spinner_ends_with_its_work() {
        let mut steps = Steps { total: 1, rows: Vec::new(), terminal: true };
        assert_eq!(steps.run("one", |_| Ok(7)), Some(7));
    }
}
