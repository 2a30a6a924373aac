//! What people and programs see: data on stdout, everything else on stderr, one JSON document where JSON is asked for.

use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use serde_json::Value;

use crate::exit::Failure;

/// Where output goes, and in which form.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    pub json: bool,
}

const GREEN: Style = AnsiColor::Green.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const RED: Style = AnsiColor::Red.on_default().bold();

impl Screen {
    /// A line of data. A reader that went away is no failure of ours.
    pub fn data(self, line: &str) {
        let _ = writeln!(anstream::stdout(), "{line}");
    }

    /// A line beside the data.
    pub fn note(self, line: &str) {
        let _ = writeln!(anstream::stderr(), "{line}");
    }

    /// A line beside the data that nobody needs who asked for JSON.
    pub fn aside(self, line: &str) {
        if !self.json {
            self.note(line);
        }
    }

    /// The one document of this call.
    pub fn document(self, value: &Value) {
        let _ = writeln!(anstream::stdout(), "{value:#}");
    }

    /// One of a stream of documents.
    pub fn document_line(self, value: &Value) {
        let _ = writeln!(anstream::stdout(), "{value}");
    }

    /// The document where JSON is asked for, else what `table` makes of it.
    pub fn either(self, value: &Value, table: impl FnOnce()) {
        if self.json { self.document(value) } else { table() }
    }

    pub fn table(self, header: &[&str], rows: Vec<Vec<String>>) {
        if rows.is_empty() {
            return self.note("nothing to show");
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(header.iter().copied());
        table.add_rows(rows);
        // What stands first is the id or the name that the next command is given: it is never broken.
        if let Some(first) = table.column_mut(0) {
            first.set_constraint(ColumnConstraint::ContentWidth);
        }
        for line in table.trim_fmt().lines() {
            self.data(line.strip_prefix(' ').unwrap_or(line));
        }
    }

    /// Names and values, one a line.
    pub fn facts(self, facts: &[(&str, String)]) {
        let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
            self.data(&format!("{name:<width$}  {value}"));
        }
    }

    pub fn failure(self, failure: &Failure) {
        if self.json {
            return self.document(&failure.json());
        }
        self.note(&format!("{RED}error{RED:#}: {}", crate::clean::lines(&failure.to_string())));
        if let Failure::Bundle(faults) = failure {
            for fault in faults {
                self.note(&crate::clean::lines(&fault.render()));
            }
        }
        if let Failure::Problem(problem) = failure {
            for fault in problem.body["faults"].as_array().into_iter().flatten() {
                if let Ok(fault) = serde_json::from_value::<legator_engine::Fault>(fault.clone()) {
                    self.note(&crate::clean::lines(&fault.render()));
                }
            }
        }
        if let Some(help) = failure.help() {
            self.note(&format!("  help: {}", crate::clean::lines(help)));
        }
        if let Failure::Problem(problem) = failure
            && let Some(id) = &problem.request_id
        {
            self.note(&format!("  code: {}, request {}", crate::clean::line(&problem.code), crate::clean::line(id)));
        }
    }
}

/// A state in one word, for tables, which count its letters.
pub fn plain_word(state: &str) -> String {
    match state {
        "succeeded" => "done".to_owned(),
        "timed_out" => "timeout".to_owned(),
        other => crate::clean::line(other),
    }
}

/// A state as the first word of a line, in its colour.
pub fn word(state: &str) -> String {
    let said = plain_word(state);
    let style = match state {
        "succeeded" | "approved" | "permitted" | "ok" | "online" | "allow" => GREEN,
        "held" | "queued" | "dispatched" | "running" | "pending" | "degraded" | "hold" | "queue" => YELLOW,
        _ => RED,
    };
    let gap = " ".repeat(8usize.saturating_sub(said.chars().count()).max(1));
    format!("{style}{said}{style:#}{gap}")
}

/// Asks on the terminal; without one there is nobody to ask.
pub fn confirm(question: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("{question} Nobody can be asked here: give `--yes`.")));
    }
    let _ = write!(anstream::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|fault| Failure::Local(format!("could not read the answer: {fault}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

pub fn stdin_is_terminal() -> bool {
    std::io::stdin().is_terminal()
}
