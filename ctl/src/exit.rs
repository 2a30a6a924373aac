//! How the program ends: every exit code, and every failure with the code that it leads to.
//! Never: a failure without a next step where there is one.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    pub const OK: Self = Self(0);
    pub const FAILED: Self = Self(1);
    pub const USAGE: Self = Self(2);
    pub const DENIED: Self = Self(3);
    pub const HELD: Self = Self(4);
    pub const LOG: Self = Self(5);
    pub const QUEUED: Self = Self(6);
    pub const FORBIDDEN: Self = Self(7);
    pub const UNREACHABLE: Self = Self(8);
    pub const NOT_RUN: Self = Self(9);
    pub const TIMED_OUT: Self = Self(124);
    pub const INTERRUPTED: Self = Self(130);
}

/// Every code with its meaning, in the order in which help shows them.
pub const EXIT_CODES: &[(Exit, &str)] = &[
    (Exit::OK, "done"),
    (Exit::FAILED, "failed here, or the server refused for another reason than those below"),
    (Exit::USAGE, "the command line or the configuration cannot be used"),
    (Exit::DENIED, "policy denies the command"),
    (Exit::HELD, "the command waits for people"),
    (Exit::LOG, "the audit log, a checkpoint or a proof does not verify"),
    (Exit::QUEUED, "the command waits for room"),
    (Exit::FORBIDDEN, "not signed in, or not allowed to do this"),
    (Exit::UNREACHABLE, "the server cannot be reached, or its certificate is not the pinned one"),
    (Exit::NOT_RUN, "the command was refused by the probe, expired, canceled or lost"),
    (Exit::TIMED_OUT, "the command, or the wait for it, took too long"),
    (Exit::INTERRUPTED, "interrupted here; the command goes on"),
];

/// The table for `legatorctl help exit-codes`.
pub fn exit_codes() -> String {
    let mut text = String::new();
    for (Exit(code), meaning) in EXIT_CODES {
        let _ = writeln!(text, "{code:>5}  {meaning}");
    }
    text.push_str(
        "\n`run` and `wait` of a command that ran end with its own exit code, also where it is one of these; \
         128 + n stands for signal n. `--output json` says which it was.",
    );
    text
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Local(String),
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    #[error("could not reach `{server}`: {reason}")]
    Unreachable { server: String, reason: String },
    #[error("the certificate of `{server}` is not vouched for: {reason}")]
    Untrusted { server: String, reason: String },
    #[error(
        "the certificate of `{server}` has the fingerprint `{found}`, not the pinned `{pinned}`: this is another server, or somebody in between"
    )]
    PinMismatch { server: String, pinned: String, found: String },
    #[error("{0}")]
    Log(String),
    #[error("could not {verb} `{}`: {source}", path.display())]
    File { verb: &'static str, path: PathBuf, source: std::io::Error },
    #[error("the server's answer could not be read: {0}")]
    Answer(String),
    #[error("the bundle cannot be used: {}", .0.first().map_or_else(String::new, ToString::to_string))]
    Bundle(Vec<legator_engine::Fault>),
    #[error("interrupted")]
    Interrupted,
}

/// The server's one error body, as far as it is for us.
#[derive(Debug)]
pub struct Problem {
    pub status: u16,
    /// Stable; switch on this.
    pub code: String,
    pub detail: String,
    pub help: Option<String>,
    pub request_id: Option<String>,
    pub body: Value,
}

impl Failure {
    /// The body of a refusal by policy, which carries the decision.
    pub fn denied(&self) -> Option<&Value> {
        match self {
            Self::Problem(problem) if problem.code == "denied" => Some(&problem.body),
            _ => None,
        }
    }

    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::USAGE,
            Self::Problem(problem) if problem.code == "denied" => Exit::DENIED,
            Self::Problem(problem) if matches!(problem.status, 401 | 403) => Exit::FORBIDDEN,
            Self::Unreachable { .. } | Self::Untrusted { .. } | Self::PinMismatch { .. } => Exit::UNREACHABLE,
            Self::Log(_) => Exit::LOG,
            Self::Interrupted => Exit::INTERRUPTED,
            Self::Problem(_) | Self::Local(_) | Self::File { .. } | Self::Answer(_) | Self::Bundle(_) => Exit::FAILED,
        }
    }

    /// The next step.
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Problem(problem) => problem.help.as_deref(),
            Self::Unreachable { .. } => Some("is the server running, and is `--server` its address?"),
            Self::Untrusted { .. } => Some(
                "if the server made its certificate itself, give `--fingerprint` what it printed when it started, or use `legatorctl login`",
            ),
            Self::PinMismatch { .. } => Some(
                "nothing was sent; if the certificate was renewed, compare with the server's own output, then log in again",
            ),
            _ => None,
        }
    }

    /// The failure as a document of its own.
    pub fn json(&self) -> Value {
        let mut error = serde_json::json!({ "detail": self.to_string(), "exit_code": self.exit().0 });
        if let Some(help) = self.help() {
            error["help"] = help.into();
        }
        if let Self::Problem(problem) = self {
            error["status"] = problem.status.into();
            error["code"] = problem.code.as_str().into();
            error["request_id"] = problem.request_id.clone().into();
        }
        if let Self::Bundle(faults) = self {
            error["faults"] = serde_json::json!(faults);
        }
        serde_json::json!({ "error": error })
    }
}

#[cfg(test)]
mod tests {
    use super::{EXIT_CODES, Exit};

    #[test]
    fn lists_the_same_exit_codes_in_the_readme() {
        let readme = include_str!("../README.md");
        for (Exit(code), meaning) in EXIT_CODES {
            assert!(readme.contains(&format!("| {code} | {meaning} |")), "{code}");
        }
    }
}
