//! What server and probe say to each other inside a session. Unknown fields are ignored, so that either side may be newer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{CommandId, Level, SealedOrder, Seen};

/// From the server to a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ToProbe {
    /// Do this, at most once. Sent again after a lost connection; a probe that knows the command answers from its journal.
    Command {
        #[serde(flatten)]
        sealed: SealedOrder,
        /// How many output chunks of this command the server already keeps; the probe goes on from there.
        #[serde(default)]
        next_chunk: u64,
    },
    /// Stop this command: TERM to its process group, then KILL.
    Cancel { command: CommandId, reason: String },
    /// The server keeps this command's end; the probe may forget the outbox's copy.
    Settled { command: CommandId },
    /// What this probe may be asked for at most, and the command table that it classifies with if its own is another.
    Policy {
        ceiling: Level,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<BTreeMap<String, String>>,
        /// The digest of the inventory that the server has of this probe; `None` asks for all of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inventory: Option<String>,
    },
    /// The audit log's newest checkpoint, to be kept here: a witness that the log was not cut.
    Checkpoint { note: String },
    /// Agree with the server on another key, and keep it beside the one of now: this is the server's half.
    RotateKey { turn: String, public: String },
    /// Answer with `Pong`.
    Ping { at_ms: u64 },
}

/// From a probe to the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ToServer {
    /// The first message of a session.
    Ready(Ready),
    Heartbeat(Heartbeat),
    Inventory(Inventory),
    /// The command passed the probe's own checks, stands in its journal and starts now.
    Accepted {
        command: CommandId,
        at_ms: u64,
    },
    Output(Output),
    Result(CommandResult),
    /// The command did not run, and will not.
    Refused {
        command: CommandId,
        by: RefusedBy,
        detail: String,
    },
    /// The new key is durable here, beside the one of now: the probe's half, and the proof that it is the same key.
    KeyKept {
        turn: String,
        public: String,
        proof: String,
    },
    /// There is no new key here, and why.
    KeyNotKept {
        turn: String,
        why: String,
    },
    Pong {
        at_ms: u64,
    },
}

/// What a probe says of itself when a session opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// The probe program's version.
    pub agent: String,
    pub hostname: String,
    pub os: String,
    pub arch: String,
    /// The digest of the command table that it classifies with.
    pub table: String,
    pub floor: FloorSummary,
    /// How many milliseconds the host's clock is ahead of the server's.
    pub clock_ahead_ms: i64,
}

/// What the host's own floor forbids, for reading only: the server cannot widen it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloorSummary {
    /// The highest level that this host takes at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Each further rule in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
}

/// Every 30 s, with jitter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Load averages over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    pub cpus: u32,
    pub mem_used_bytes: u64,
    pub mem_total_bytes: u64,
    /// Of the fullest real file system.
    pub disk_used_bytes: u64,
    pub disk_total_bytes: u64,
    pub uptime_s: u64,
    /// Linux pressure stall information; `None` where the kernel has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressure: Option<Pressure>,
    /// Commands that run now.
    pub running: u32,
    pub clock_ahead_ms: i64,
}

/// Share of the last 10 s in which some task waited, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pressure {
    pub cpu: f64,
    pub memory: f64,
    pub io: f64,
}

/// What a host is made of, by section (`system`, `disks`, `interfaces`, `packages`, `services`, `users`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// The digest of the whole, once these sections are in place.
    pub digest: String,
    /// The digest of what these sections change; `None` when all sections are here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    pub collected_at_ms: u64,
    pub sections: BTreeMap<String, serde_json::Value>,
}

/// A piece of a command's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    pub command: CommandId,
    /// Counts both streams together, from 0, without a gap.
    pub chunk: u64,
    pub stream: OutputStream,
    /// Base 64.
    pub data: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputStream {
    Stdout,
    Stderr,
}

/// How a command ended. Sent again until the server says `Settled`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandResult {
    pub command: CommandId,
    pub end: End,
    pub started_at_ms: u64,
    pub ended_at_ms: u64,
    /// How many output chunks there are in all.
    pub chunks: u64,
    /// Bytes that the program wrote, also those that were cut.
    pub stdout_bytes: u64,
    pub stderr_bytes: u64,
    /// Whether the cap cut either stream.
    pub truncated: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<Seen>,
}

/// The end of a command that was started, or tried to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum End {
    Exited {
        code: i32,
    },
    Signaled {
        signal: i32,
    },
    /// Its time was over; the process group was ended.
    TimedOut,
    /// A person or the server stopped it.
    Canceled,
    /// The program could not be started.
    NotStarted {
        why: String,
    },
    /// The probe itself ended while the command ran: it had started, and its end is not known.
    Interrupted,
}

/// Which of the probe's own rules refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusedBy {
    /// The order's seal did not match.
    Seal,
    /// The order is for another probe.
    Addressee,
    /// It came after its expiry and was never started here.
    Expired,
    /// The level is above the probe's ceiling.
    Ceiling,
    /// The host's own floor forbids it.
    Floor,
    /// The same id came with other bytes.
    Altered,
    /// The probe runs as many commands as it may.
    Busy,
    /// The journal could not be written, so nothing was started.
    Journal,
}

impl RefusedBy {
    pub const fn as_str(self) -> &'static str {
        match self {
            RefusedBy::Seal => "seal",
            RefusedBy::Addressee => "addressee",
            RefusedBy::Expired => "expired",
            RefusedBy::Ceiling => "ceiling",
            RefusedBy::Floor => "floor",
            RefusedBy::Altered => "altered",
            RefusedBy::Busy => "busy",
            RefusedBy::Journal => "journal",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_ignores_what_is_newer() {
        let message =
            ToProbe::Command { sealed: SealedOrder { order: "e30=".into(), tag: "AA==".into() }, next_chunk: 3 };
        let text = serde_json::to_string(&message).unwrap();
        assert_eq!(text, r#"{"t":"command","order":"e30=","tag":"AA==","next_chunk":3}"#);
        assert_eq!(serde_json::from_str::<ToProbe>(&text).unwrap(), message);
        let newer = r#"{"t":"ping","at_ms":5,"mood":"good"}"#;
        assert_eq!(serde_json::from_str::<ToProbe>(newer).unwrap(), ToProbe::Ping { at_ms: 5 });
    }

    #[test]
    fn an_end_reads_as_a_word() {
        let text = serde_json::to_string(&End::Exited { code: 2 }).unwrap();
        assert_eq!(text, r#"{"how":"exited","code":2}"#);
    }
}
