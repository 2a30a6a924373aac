//! The journal of a run: each host call with its result, and how far a run came over it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a script asked its host for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub name: String,
    pub arguments: Map<String, Value>,
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let arguments: Vec<String> = self.arguments.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        write!(f, "{}({})", self.name, arguments.join(", "))
    }
}

/// A host call that came to an end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub call: Call,
    pub result: Outcome,
}

/// What the host answered. A failure is thrown where the script called, and can be caught there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Given(Value),
    Failed(String),
}

/// How far a run came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "progress", rename_all = "snake_case")]
pub enum Progress {
    /// It waits for the result of this call, whose number is the length of the journal.
    Waiting {
        call: Call,
    },
    Done {
        result: Value,
    },
    Failed {
        message: String,
    },
    /// It starts over with this state and an empty journal.
    Continued {
        state: Value,
    },
    /// The script asked for another call than the journal holds, or for none: nothing of it may be done.
    Nondeterministic {
        step: usize,
        recorded: Call,
        asked: Option<Call>,
    },
}
