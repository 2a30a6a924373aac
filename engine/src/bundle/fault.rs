//! A mistake in a bundle, with its place, so that an editor can mark it and a person can see it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A mistake in a file of a bundle. Lines and columns count from one; zero where the whole file is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fault {
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub message: String,
    /// What would mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The line, and carets under the place; empty where the whole file is meant.
    #[serde(default)]
    pub snippet: String,
}

impl Fault {
    /// A mistake in a file as a whole.
    pub fn whole(file: impl Into<String>, message: impl Into<String>) -> Self {
        let (file, message) = (file.into(), message.into());
        Self { file, line: 0, column: 0, message, help: None, snippet: String::new() }
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
        Self { file: file.into(), line, column, message: message.into(), help: None, snippet }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The fault as a compiler would print it.
    pub fn render(&self) -> String {
        let mut out = self.to_string();
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
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return write!(f, "{}: {}", self.file, self.message);
        }
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

impl std::error::Error for Fault {}
