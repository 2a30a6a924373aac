//! Code in other languages that a command carries: read where that is simple, and otherwise taken for unread.

mod awk;
mod sed;
mod sql;

use legator_protocol::Level;

/// A language that a program takes code in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Shell,
    Awk,
    Sed,
    Sql,
    /// Any that is not read.
    Other,
}

impl Language {
    pub const NAMES: [&str; 5] = ["shell", "awk", "sed", "sql", "code"];

    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "shell" => Language::Shell,
            "awk" => Language::Awk,
            "sed" => Language::Sed,
            "sql" => Language::Sql,
            "code" => Language::Other,
            _ => return None,
        })
    }
}

/// What a piece of code does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub level: Level,
    /// Whether it was understood.
    pub read: bool,
    pub effects: &'static [&'static str],
    pub why: &'static str,
}

impl Found {
    const fn read(level: Level, why: &'static str) -> Self {
        Self { level, read: true, effects: &[], why }
    }

    const fn unread(why: &'static str) -> Self {
        Self { level: Level::Remediate, read: false, effects: &["code"], why }
    }
}

/// Reads code. Shell code is the reader's own business and counts as unread here.
pub(crate) fn inspect(language: Language, text: &str) -> Found {
    match language {
        Language::Awk => awk::inspect(text),
        Language::Sed => sed::inspect(text),
        Language::Sql => sql::inspect(text),
        Language::Shell | Language::Other => Found::unread("runs code"),
    }
}
