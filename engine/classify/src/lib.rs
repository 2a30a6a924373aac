//! What a command is: its programs, effects, targets and level, read from its syntax tree and the command table.
//! Never: I/O. Server and probe run the same code on the same bytes, and get the same answer.

mod arg;
mod code;
mod draft;
mod environment;
mod ledger;
mod place;
mod reading;
mod shell;
mod table;
mod word;

use std::collections::BTreeSet;

use legator_protocol::{CommandSpec, Invocation, Level, Look};

pub use table::{Table, TableFault};

/// What a command is. The caller never declares it; it is read from the command itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// The highest level of its parts.
    pub level: Level,
    /// Whether the whole command could be read; `false` is never below `remediate`.
    pub parsed: bool,
    /// Whether the table knows every program in it; `false` is never below `remediate`.
    pub known: bool,
    pub programs: BTreeSet<String>,
    pub effects: BTreeSet<String>,
    pub targets: BTreeSet<String>,
    /// What each part contributed, in the order in which it was met.
    pub parts: Vec<Part>,
    /// What to look at right before and right after.
    pub look: Vec<Look>,
}

/// One simple command, redirection or expansion, and why it has its level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub text: String,
    pub level: Level,
    pub why: String,
}

/// The most bytes of a command that are read at all.
const MAX_COMMAND: usize = 64 * 1024;

/// Classifies a command. Never fails: what cannot be read or is not known is at least `remediate`.
pub fn classify(table: &Table, spec: &CommandSpec) -> Classification {
    let mut reading = reading::Reading { table, ledger: ledger::Ledger::new(spec.cwd.clone()) };
    for (name, value) in &spec.env {
        if environment::redirects_execution(name) {
            reading.ledger.effect("environment");
            reading.ledger.part(name, Level::Remediate, "sets a variable that redirects execution");
        }
        if hides(value) {
            reading.ledger.unreadable(name, "a value holds characters that do not show");
        }
    }
    if spec.cwd.as_deref().is_some_and(hides) {
        reading.ledger.unreadable("cwd", "the directory holds characters that do not show");
    }
    match &spec.run {
        Invocation::Argv(argv) => {
            if argv.iter().map(String::len).sum::<usize>() > MAX_COMMAND {
                reading.ledger.unreadable("", "it is too long");
            } else if argv.iter().any(|arg| hides(arg)) {
                reading.ledger.unreadable(&spec.line(), "it holds characters that do not show");
            }
            let args: Vec<arg::Arg<'_>> = argv.iter().map(|arg| arg::Arg::exact(arg.as_str())).collect();
            reading.run(&args, None, 0);
        }
        Invocation::Shell(line) => {
            if hides(line) {
                reading.ledger.unreadable(line, "it holds characters that do not show");
            }
            reading.shell(line, 0);
        }
    }
    reading.ledger.finish()
}

/// Whether a text holds characters that a reader does not see, or sees elsewhere than they are.
fn hides(text: &str) -> bool {
    !text.is_ascii() && text.chars().any(shows_wrong)
        || text.bytes().any(|c| c < b' ' && c != b'\t' && c != b'\n' || c == 0x7f)
}

fn shows_wrong(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{1680}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{3000}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}')
}
