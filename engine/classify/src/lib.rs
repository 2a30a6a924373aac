//! What a command is: its programs, effects, targets and level, read from its syntax tree and the command table.

use std::collections::BTreeSet;

use legator_protocol::{CommandSpec, Level, Look};

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

/// A mistake in a table file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct TableFault {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub message: String,
}

/// The command table: what each known program does, by subcommand and option.
#[derive(Clone, Debug, Default)]
pub struct Table {}

impl Table {
    /// Reads a table from its files (name and text). Every fault is reported, not only the first.
    pub fn parse<'a>(_files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<TableFault>> {
        Ok(Self {})
    }

    /// The table that ships: `policies/commands/*.toml`.
    pub fn shipped() -> &'static Table {
        static SHIPPED: std::sync::LazyLock<Table> = std::sync::LazyLock::new(Table::default);
        &SHIPPED
    }

    /// SHA-256 (hex) over the files; the same files give the same digest on any machine.
    pub fn digest(&self) -> &str {
        ""
    }
}

/// Classifies a command. Never fails: what cannot be read or is not known is at least `remediate`.
pub fn classify(_table: &Table, spec: &CommandSpec) -> Classification {
    Classification {
        level: Level::Remediate,
        parsed: true,
        known: false,
        programs: BTreeSet::new(),
        effects: BTreeSet::new(),
        targets: BTreeSet::new(),
        parts: vec![Part { text: spec.line(), level: Level::Remediate, why: "the table knows no program".to_owned() }],
        look: Vec::new(),
    }
}
