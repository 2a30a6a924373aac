//! Runs a program to its end, keeps what it says, and lets a watcher see the newest line.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail};

/// What a program said and how it ended.
#[derive(Debug)]
pub struct Ended {
    pub called: String,
    pub status: ExitStatus,
    pub stdout: String,
    /// Both streams, in the order in which the lines came.
    pub text: String,
}

impl Ended {
    /// The same if it ended well; else a fault that shows what it said.
    pub fn well(self) -> Result<Self> {
        if !self.status.success() {
            bail!("`{}` ended with {}\n{}", self.called, self.status, worth_reading(&self.text));
        }
        Ok(self)
    }
}

/// Runs the command without input; `line` hears every line as it comes.
pub fn run(command: &mut Command, line: &(dyn Fn(&str) + Sync)) -> Result<Ended> {
    let called = called(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{called}`"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (text, stdout) = (Mutex::new(String::new()), Mutex::new(String::new()));
    thread::scope(|scope| {
        scope.spawn(|| err.map(|err| drain(err, &[&text], line)));
        out.map(|out| drain(out, &[&text, &stdout], line))
    });
    let status = child.wait().with_context(|| format!("cannot wait for `{called}`"))?;
    let own = |mutex: Mutex<String>| mutex.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Ended { called, status, stdout: own(stdout), text: own(text) })
}

/// The command as a person would type it.
pub fn called(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let name = program.rsplit('/').next().unwrap_or_default().to_owned();
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    std::iter::once(name).chain(args).collect::<Vec<_>>().join(" ")
}

/// Without the lines by which cargo and its tests say that all is well so far.
pub fn worth_reading(text: &str) -> String {
    const PROGRESS: &[&str] = &[
        "Checking ",
        "Compiling ",
        "Downloaded ",
        "Downloading ",
        "Finished ",
        "Fresh ",
        "Locking ",
        "Running ",
        "Updating ",
    ];
    let dull = |line: &str| {
        let trimmed = line.trim_start();
        (trimmed.len() < line.len() && PROGRESS.iter().any(|word| trimmed.starts_with(word)))
            || (line.starts_with("test ") && line.ends_with(" ... ok"))
    };
    text.lines().filter(|line| !dull(line)).collect::<Vec<_>>().join("\n")
}

fn drain(stream: impl Read, into: &[&Mutex<String>], line: &(dyn Fn(&str) + Sync)) {
    let mut reader = BufReader::new(stream);
    let mut bytes = Vec::new();
    // A stream that cannot be read further has ended for us; how the program ended says the rest.
    while matches!(reader.read_until(b'\n', &mut bytes), Ok(n) if n > 0) {
        let said = String::from_utf8_lossy(&bytes).into_owned();
        for text in into {
            text.lock().unwrap_or_else(PoisonError::into_inner).push_str(&said);
        }
        line(said.trim_end());
        bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Ended> {
        run(Command::new("sh").args(["-c", script]), &|_| {})
    }

    #[test]
    fn keeps_both_streams_and_tells_each_line() {
        let heard = Mutex::new(Vec::new());
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2"]);
        let ended = run(&mut command, &|line| heard.lock().unwrap().push(line.to_owned())).unwrap().well().unwrap();
        assert_eq!(ended.stdout, "one\n");
        assert!(ended.text.contains("one\n") && ended.text.contains("two\n"));
        let mut heard = heard.into_inner().unwrap();
        heard.sort();
        assert_eq!(heard, ["one", "two"]);
    }

    #[test]
    fn a_failure_shows_what_was_said() {
        let fault = shell("echo why; exit 3").unwrap().well().unwrap_err().to_string();
        assert!(fault.contains("exit status: 3") && fault.contains("why"), "{fault}");
        assert!(
            run(&mut Command::new("/nowhere/at/all"), &|_| {}).unwrap_err().to_string().contains("cannot start `all`")
        );
    }

    #[test]
    fn leaves_out_what_went_well() {
        let text = "   Compiling a v1\nerror: b\ntest c ... ok\ntest d ... FAILED\n    at Compiling";
        assert_eq!(worth_reading(text), "error: b\ntest d ... FAILED\n    at Compiling");
    }
}
