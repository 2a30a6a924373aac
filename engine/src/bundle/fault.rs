//! A mistake in a bundle, with its place, so that an editor can mark it and a person can see it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// The bundle is not taken.
    #[default]
    Error,
    /// The bundle is taken, and somebody should look.
    Warning,
}

impl Grade {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A mistake in a file of a bundle. Lines and columns count from one; zero where the whole file is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fault {
    pub file: String,
    pub line: u32,
    pub column: u32,
    /// What kind of mistake it is: stable, kebab-case, documented in `bundle::codes` or `lint::rules`.
    #[serde(default)]
    pub code: Box<str>,
    #[serde(default)]
    pub grade: Grade,
    pub message: String,
    /// What would mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The line, and carets under the place; empty where the whole file is meant.
    #[serde(default)]
    pub snippet: Box<str>,
}

impl Fault {
    /// A mistake in a file as a whole.
    pub fn whole(file: impl Into<String>, message: impl Into<String>) -> Self {
        let (file, message) = (file.into(), message.into());
        let (code, grade) = (Box::default(), Grade::Error);
        Self { file, line: 0, column: 0, code, grade, message, help: None, snippet: Box::default() }
    }

    /// A mistake at a byte range of a file's text.
    pub fn at(file: impl Into<String>, text: &str, range: std::ops::Range<usize>, message: impl Into<String>) -> Self {
        let place = super::place::Source::new(text).span(range);
        let width = if place.end_line == place.line { place.end_column.saturating_sub(place.column) } else { 1 };
        Self::on_line(file, text, place.line, place.column, width, message)
    }

    /// A mistake at a line and a column (from one), some characters wide.
    pub fn on_line(
        file: impl Into<String>,
        text: &str,
        line: u32,
        column: u32,
        width: u32,
        message: impl Into<String>,
    ) -> Self {
        let shown = text.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default().replace('\t', " ");
        let carets = "^".repeat(width.max(1) as usize);
        let snippet = format!("{shown}\n{}{carets}", " ".repeat(column.saturating_sub(1) as usize));
        let (code, grade, snippet) = (Box::default(), Grade::Error, snippet.into());
        Self { file: file.into(), line, column, code, grade, message: message.into(), help: None, snippet }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says what kind of mistake it is.
    #[must_use]
    pub fn code(mut self, code: &str) -> Self {
        self.code = code.into();
        self
    }

    /// Makes a warning of it.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.grade = Grade::Warning;
        self
    }

    /// The fault as a compiler would print it.
    pub fn render(&self) -> String {
        let mut out = match self.code.as_ref() {
            "" => format!("{}: {}", self.place(), self.message),
            code => format!("{}: {}[{code}]: {}", self.place(), self.grade.as_str(), self.message),
        };
        for line in self.snippet.lines() {
            out.push_str("\n    ");
            out.push_str(line);
        }
        if let Some(help) = &self.help {
            out.push_str("\n  help: ");
            out.push_str(help);
        }
        out
    }

    fn place(&self) -> String {
        match self.line {
            0 => self.file.clone(),
            line => format!("{}:{line}:{}", self.file, self.column),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.message)
    }
}

impl std::error::Error for Fault {}
