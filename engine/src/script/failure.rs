//! Why a run of a script gave no answer, and where.

use rhai::{EvalAltResult, Position};

use crate::bundle::Fault;
use crate::rationale::Span;

pub(super) struct Failure {
    pub(super) message: String,
    pub(super) at: Option<Span>,
}

impl Failure {
    pub(super) fn of(path: &str, error: &EvalAltResult) -> Self {
        let inner = error.unwrap_inner();
        let position = match inner.position() {
            Position::NONE => error.position(),
            position => position,
        };
        let at = position.line().map(|line| {
            let (line, column) = (small(line), small(position.position().unwrap_or(1)));
            Span { line, column, end_line: line, end_column: column + 1 }
        });
        let place = at.map(|span| format!(":{}:{}", span.line, span.column)).unwrap_or_default();
        let mut what = inner.to_string();
        // Rhai ends its messages with the position, which is said before.
        if let Some(cut) = what.rfind(" (line ") {
            what.truncate(cut);
        }
        Self { message: format!("`{path}`{place} failed: {what}"), at }
    }

    /// The failure as a mistake of the script.
    pub(super) fn fault(&self, path: &str, text: &str, attempt: &str) -> Fault {
        let message = format!("{attempt}: {}", self.message);
        match self.at {
            Some(span) => Fault::on_line(path, text, span.line, span.column, 1, message),
            None => Fault::whole(path, message),
        }
    }
}

/// A mistake at a position of Rhai's.
pub(super) fn fault_at(path: &str, text: &str, position: Position, message: String) -> Fault {
    match (position.line(), position.position()) {
        (Some(line), column) => Fault::on_line(path, text, small(line), small(column.unwrap_or(1)), 1, message),
        _ => Fault::whole(path, message),
    }
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
