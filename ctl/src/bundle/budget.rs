//! What a change of the rules may change: the options that set a replay's exit code.

use clap::Args;
use legator_engine::replay::{Budget, Overrun, Tally};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::screen::{Screen, word};

/// The merge budget. Anything beyond it ends with code 11, so that a pull request fails.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Merge budget")]
pub struct BudgetArgs {
    /// The most decisions that may be newly allowed.
    #[arg(long, value_name = "N")]
    max_newly_allowed: Option<u64>,
    /// The most decisions that may be newly denied.
    #[arg(long, value_name = "N")]
    max_newly_denied: Option<u64>,
    /// The most decisions that may be newly held.
    #[arg(long, value_name = "N")]
    max_newly_held: Option<u64>,
    /// The most decisions that may be newly queued.
    #[arg(long, value_name = "N")]
    max_newly_queued: Option<u64>,
    /// The most decisions whose outcome may change at all.
    #[arg(long, value_name = "N")]
    max_changed: Option<u64>,
    /// The most commands that the table may take for something else.
    #[arg(long, value_name = "N")]
    max_reclassified: Option<u64>,
    /// The most decisions that may not be replayable.
    #[arg(long, value_name = "N")]
    max_not_replayable: Option<u64>,
}

impl BudgetArgs {
    pub fn overruns(self, tally: &Tally) -> Vec<Overrun> {
        let budget = Budget {
            newly_allowed: self.max_newly_allowed,
            newly_denied: self.max_newly_denied,
            newly_held: self.max_newly_held,
            newly_queued: self.max_newly_queued,
            changed: self.max_changed,
            reclassified: self.max_reclassified,
            not_replayable: self.max_not_replayable,
        };
        budget.overruns(tally)
    }
}

/// The budget's part of the document.
pub fn document(overruns: &[Overrun]) -> Value {
    json!({ "kept": overruns.is_empty(), "overruns": overruns })
}

/// Says what was exceeded, and ends accordingly.
pub fn settle(screen: Screen, overruns: &[Overrun]) -> Exit {
    for Overrun { what, most, found } in overruns {
        screen.aside(&format!("{}{found} {what}, and the budget is {most}", word("failed")));
    }
    if overruns.is_empty() { Exit::OK } else { Exit::BUDGET }
}
