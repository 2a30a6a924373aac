//! A command on its way: its output as it comes, and one line about its end.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::clean::{self, Sieve};
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::{Screen, word};
use crate::server::Server;
use crate::sse::{self, Then};

/// Where a command's output goes.
pub enum Sink {
    /// As it comes, to our own streams.
    Through { stdout: Option<Sieve>, stderr: Option<Sieve> },
    /// Whole lines with a probe's name in front.
    Named { name: String, stdout: Lines, stderr: Lines },
    /// Nowhere: it is read afterwards.
    Kept,
}

/// Text that waits for the end of its line.
#[derive(Default)]
pub struct Lines {
    sieve: Sieve,
    rest: Vec<u8>,
}

/// A line that never ends is shown in pieces of this size.
const LONGEST_LINE: usize = 64 * 1024;

impl Sink {
    /// Bytes as they are where a program reads them, and without what a terminal obeys where a person does.
    pub fn through(raw: bool) -> Self {
        use std::io::IsTerminal as _;
        let sieve = |terminal: bool| (terminal && !raw).then(Sieve::default);
        Self::Through { stdout: sieve(std::io::stdout().is_terminal()), stderr: sieve(std::io::stderr().is_terminal()) }
    }

    pub fn named(name: &str) -> Self {
        Self::Named { name: clean::line(name), stdout: Lines::default(), stderr: Lines::default() }
    }

    fn write(&mut self, to_stderr: bool, bytes: &[u8]) {
        match self {
            Self::Through { stdout, stderr } => {
                let sieve = if to_stderr { stderr } else { stdout };
                match sieve {
                    Some(sieve) => put(to_stderr, &sieve.pass(bytes)),
                    None => put(to_stderr, bytes),
                }
            }
            Self::Named { name, stdout, stderr } => {
                let lines = if to_stderr { stderr } else { stdout };
                for line in lines.take(bytes) {
                    put(to_stderr, &[name.as_bytes(), b" | ", &line, b"\n"].concat());
                }
            }
            Self::Kept => {}
        }
    }

    fn close(&mut self) {
        if let Self::Named { name, stdout, stderr } = self {
            for (to_stderr, lines) in [(false, stdout), (true, stderr)] {
                if !lines.rest.is_empty() {
                    put(to_stderr, &[name.as_bytes(), b" | ", &std::mem::take(&mut lines.rest), b"\n"].concat());
                }
            }
        }
    }
}

impl Lines {
    fn take(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut whole = Vec::new();
        for byte in self.sieve.pass(bytes) {
            if byte == b'\n' || self.rest.len() == LONGEST_LINE {
                whole.push(std::mem::take(&mut self.rest));
            }
            if byte != b'\n' {
                self.rest.push(byte);
            }
        }
        whole
    }
}

/// A reader that went away is no failure of ours.
fn put(to_stderr: bool, bytes: &[u8]) {
    let _ = if to_stderr {
        let mut stderr = std::io::stderr().lock();
        stderr.write_all(bytes).and_then(|()| stderr.flush())
    } else {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush())
    };
}

/// Whether a command in this state goes no further.
pub fn has_ended(state: &str) -> bool {
    !matches!(state, "held" | "queued" | "dispatched" | "running")
}

/// Follows a command to its end and reads it back.
pub async fn follow(server: &Server, id: &str, sink: &mut Sink, screen: Screen) -> Result<Value, Failure> {
    let path = ["api", "v1", "commands", id, "stream"];
    let mut first = true;
    sse::listen(server, &path, |event| {
        let Ok(event) = serde_json::from_str::<Value>(&event.data) else {
            return Err(Failure::Answer("an event is not JSON".to_owned()));
        };
        let body = &event["body"];
        match field::text(&event, "kind") {
            "output" => {
                let bytes = BASE64.decode(field::text(body, "data"));
                let bytes = bytes.map_err(|_| Failure::Answer("a piece of output is not base 64".to_owned()))?;
                sink.write(field::text(body, "stream") == "stderr", &bytes);
            }
            // The first is known to whoever asked; the later ones are news: a vote, room, another policy.
            "decision" if !std::mem::take(&mut first) && !matches!(sink, Sink::Kept) => {
                let state = field::text(body, "state");
                screen.aside(&format!("{}{}", word(state), field::shown(body, "summary")));
            }
            _ => {}
        }
        let over = body["state"].as_str().is_some_and(has_ended);
        Ok(if over { Then::Stop } else { Then::GoOn })
    })
    .await?;
    sink.close();
    let with_output = if matches!(sink, Sink::Kept) { "true" } else { "false" };
    server.get(&["api", "v1", "commands", id], &[("output", with_output)]).await
}

/// `done    web-1 in 0.4 s, active → active`
pub fn ended_line(command: &Value) -> String {
    let state = field::text(command, "state");
    let probe = field::shown(command, "probe_name");
    let result = &command["result"];
    let mut said = probe;
    if let Some(took_ms) = result["took_ms"].as_u64() {
        said.push_str(&format!(" in {}.{} s", took_ms / 1000, took_ms % 1000 / 100));
    }
    match (state, command["exit_code"].as_i64()) {
        ("succeeded", _) => {
            for seen in field::list(result, "seen") {
                if let Some(change) = change(seen) {
                    said.push_str(&format!(", {change}"));
                }
            }
        }
        ("failed", Some(code)) if field::text(&result["end"], "how") == "signaled" => {
            said.push_str(&format!(", signal {}", code - 128));
        }
        ("failed", Some(code)) => said.push_str(&format!(", exit code {code}")),
        ("failed", None) => said.push_str(&format!(", not started: {}", field::shown(&result["end"], "why"))),
        _ => {
            let reason = field::shown(result, "reason");
            if !reason.is_empty() {
                said.push_str(&format!(": {reason}"));
            }
        }
    }
    if result["truncated"].as_bool() == Some(true) {
        said.push_str(", output was cut");
    }
    format!("{}{said}", word(state))
}

/// What is worth a word of what was seen before and after.
fn change(seen: &Value) -> Option<String> {
    let of =
        |side: &str| ["active_state", "sha256"].iter().find_map(|name| seen[side][*name].as_str().map(clean::line));
    let short = |text: String| text.chars().take(12).collect::<String>();
    Some(format!("{} → {}", short(of("before")?), short(of("after")?)))
}

/// The code to end with, for a command that ended.
pub fn exit_of(command: &Value) -> Exit {
    match field::text(command, "state") {
        "succeeded" => Exit::OK,
        "denied" => Exit::DENIED,
        "timed_out" => Exit::TIMED_OUT,
        "failed" => {
            let code = command["exit_code"].as_i64().and_then(|code| u8::try_from(code & 0xff).ok());
            Exit(code.filter(|code| *code != 0).unwrap_or(1))
        }
        "held" => Exit::HELD,
        "queued" => Exit::QUEUED,
        "dispatched" | "running" => Exit::OK,
        _ => Exit::NOT_RUN,
    }
}
