use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How far a command reaches, weakest first; also the most a probe may be asked for (its ceiling).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Reads what the host already shows.
    Observe,
    /// Probes and traces: reads, but at a cost or beyond this host.
    Diagnose,
    /// Changes something that can be changed back.
    Remediate,
    /// Changes something that cannot be changed back.
    Destroy,
}

impl Level {
    pub const ALL: [Level; 4] = [Level::Observe, Level::Diagnose, Level::Remediate, Level::Destroy];

    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Observe => "observe",
            Level::Diagnose => "diagnose",
            Level::Remediate => "remediate",
            Level::Destroy => "destroy",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no level.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a level; one of `observe`, `diagnose`, `remediate`, `destroy`")]
pub struct UnknownLevel(String);

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Level::ALL.into_iter().find(|level| level.as_str() == text).ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}
