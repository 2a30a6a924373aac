//! Runs one command: its own process group, a clean environment, a bound on time, output into the spool.
//! Never: waits for ever. The child's pipes are always read, what is over the cap is counted and dropped, and a
//! grandchild that keeps a pipe open holds the result up for two seconds and no longer.

use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use legator_protocol::{CommandId, CommandSpec, End, Invocation, MAX_CHUNK, OutputStream};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::ask::{LANG, PATH};
use crate::floor::Limits;
use crate::journal::Group;
use crate::look::Account;
use crate::spool;

/// Between TERM and KILL.
const GRACE: Duration = Duration::from_secs(5);
/// How long pipes are read after the program's exit.
const LINGER: Duration = Duration::from_secs(2);
/// How long a chunk waits to be filled, so that a program that writes byte by byte does not make a frame of each.
const GATHER: Duration = Duration::from_millis(40);

/// The variable by which a command's processes are found again after the probe itself was killed.
pub const MARK: &str = "LEGATOR_COMMAND";

/// Why a running command is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Canceled,
    /// The probe itself ends.
    Interrupted,
}

/// What to run, and how.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    pub command: CommandId,
    pub spec: &'a CommandSpec,
    /// Bytes kept of each stream.
    pub max_output: u64,
    pub user: Option<&'a Account>,
    pub home: &'a str,
    pub limits: Limits,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub end: End,
    pub stdout_bytes: u64,
    pub stderr_bytes: u64,
    pub truncated: bool,
}

/// Runs the job to its end. `started` hears the process group, `grown` the number of chunks in the spool.
pub async fn run(
    job: Job<'_>,
    spool: &mut spool::Writer,
    mut stop: watch::Receiver<Option<Stop>>,
    started: impl FnOnce(Group),
    mut grown: impl FnMut(u64),
) -> Outcome {
    if let Some(stop) = *stop.borrow() {
        return Outcome { end: ended_by(stop), stdout_bytes: 0, stderr_bytes: 0, truncated: false };
    }
    let mut child = match spawn(&job) {
        Ok(child) => child,
        Err(fault) => {
            let end = End::NotStarted { why: why_not(&job, &fault) };
            return Outcome { end, stdout_bytes: 0, stderr_bytes: 0, truncated: false };
        }
    };
    let group = child.id().and_then(|pid| i32::try_from(pid).ok());
    if let Some(pid) = group {
        started(Group { pid, started: started_at(pid).unwrap_or(0) });
    }
    let group = group.and_then(Pid::from_raw);
    let mut out = Pipe::new(OutputStream::Stdout, child.stdout.take(), job.max_output);
    let mut err = Pipe::new(OutputStream::Stderr, child.stderr.take(), job.max_output);

    let deadline = Instant::now() + Duration::from_millis(job.spec.timeout_ms);
    let mut status: Option<io::Result<ExitStatus>> = None;
    let mut ending: Option<(End, Instant)> = None;
    let mut killed = false;
    let mut linger: Option<Instant> = None;
    let mut stoppable = true;
    while status.is_none() || out.open() || err.open() {
        let (out_due, err_due) = (out.due(), err.due());
        tokio::select! {
            () = out.fill(), if out.open() => out.flush_if_full(spool, &mut grown),
            () = err.fill(), if err.open() => err.flush_if_full(spool, &mut grown),
            () = at(out_due) => out.flush(spool, &mut grown),
            () = at(err_due) => err.flush(spool, &mut grown),
            exit = child.wait(), if status.is_none() => {
                status = Some(exit);
                linger = Some(ending.as_ref().map_or(Instant::now() + LINGER, |(_, kill_at)| *kill_at + LINGER));
            }
            () = sleep_until(deadline), if ending.is_none() && status.is_none() => {
                signal(group, Signal::TERM);
                ending = Some((End::TimedOut, Instant::now() + GRACE));
            }
            changed = stop.changed(), if stoppable && ending.is_none() && status.is_none() => {
                stoppable = changed.is_ok();
                if let Some(stop) = *stop.borrow() {
                    signal(group, Signal::TERM);
                    ending = Some((ended_by(stop), Instant::now() + GRACE));
                }
            }
            () = at(ending.as_ref().map(|(_, kill_at)| *kill_at)), if !killed => {
                signal(group, Signal::KILL);
                killed = true;
            }
            () = at(linger) => break,
        }
    }
    if let Some((_, kill_at)) = &ending
        && !killed
    {
        clear(group, *kill_at).await;
    }
    out.flush(spool, &mut grown);
    err.flush(spool, &mut grown);
    let end = match (ending, status) {
        (Some((end, _)), _) => end,
        (None, Some(Ok(status))) => exited(status),
        (None, _) => End::Interrupted,
    };
    let truncated = out.truncated || err.truncated;
    Outcome { end, stdout_bytes: out.seen, stderr_bytes: err.seen, truncated }
}

/// After TERM the leader and the pipes may be gone while a member of the group still ignores it.
async fn clear(group: Option<Pid>, kill_at: Instant) {
    let Some(pid) = group else { return };
    while test_kill_process_group(pid).is_ok() {
        if Instant::now() >= kill_at {
            return signal(group, Signal::KILL);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn ended_by(stop: Stop) -> End {
    match stop {
        Stop::Canceled => End::Canceled,
        Stop::Interrupted => End::Interrupted,
    }
}

fn exited(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited { code },
        (None, Some(signal)) => End::Signaled { signal },
        (None, None) => End::Interrupted,
    }
}

fn signal(group: Option<Pid>, signal: Signal) {
    if let Some(pid) = group {
        // A group that is gone already is what was wanted.
        let _ = kill_process_group(pid, signal);
    }
}

fn spawn(job: &Job<'_>) -> io::Result<Child> {
    let (program, args): (&str, Vec<&str>) = match &job.spec.run {
        Invocation::Shell(line) => ("/bin/sh", vec!["-c", line]),
        Invocation::Argv(argv) => {
            let (program, args) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
            (program, args.iter().map(String::as_str).collect())
        }
    };
    let bound = bounds(job.limits);
    let mut command = match &bound {
        None => Command::new(program),
        // The limits have to stand before the program starts; a shell sets them and becomes it.
        Some(bound) => {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", bound, "sh", program]);
            shell
        }
    };
    command.args(args).env_clear().env("PATH", PATH).env("LANG", LANG);
    command.env("HOME", job.home);
    command.envs(&job.spec.env).env(MARK, job.command.to_string());
    command.current_dir(job.spec.cwd.as_deref().unwrap_or("/"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0);
    if let Some(user) = job.user {
        // Setting the user as root drops the supplementary groups as well.
        command.gid(user.gid).uid(user.uid);
    }
    command.spawn()
}

fn bounds(limits: Limits) -> Option<String> {
    let set = [
        limits.memory_mib.map(|mib| format!("ulimit -v {}", mib.saturating_mul(1024))),
        limits.open_files.map(|files| format!("ulimit -n {files}")),
        limits.cpu_s.map(|s| format!("ulimit -t {s}")),
    ];
    let set: Vec<_> = set.into_iter().flatten().collect();
    (!set.is_empty()).then(|| format!("{} && exec \"$@\"", set.join(" && ")))
}

fn why_not(job: &Job<'_>, fault: &io::Error) -> String {
    if let Some(cwd) = job.spec.cwd.as_deref().filter(|cwd| !std::path::Path::new(cwd).is_dir()) {
        return format!("cannot enter `{cwd}`, where the command was to run");
    }
    match &job.spec.run {
        Invocation::Argv(argv) => {
            let program = argv.first().map(String::as_str).unwrap_or_default();
            if fault.kind() == io::ErrorKind::NotFound {
                return format!("`{program}` is not on this host (looked in {PATH})");
            }
            format!("cannot start `{program}`: {fault}")
        }
        Invocation::Shell(_) => format!("cannot start `/bin/sh`: {fault}"),
    }
}

/// When a process started, in clock ticks after boot.
pub fn started_at(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name stands in parentheses and may hold anything; the fields go on after the last one.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Ends what a killed probe left running: the group if it is still the same one, and whoever bears the command's mark.
pub fn end_leftovers(command: CommandId, group: Option<Group>) {
    if let Some(group) = group.filter(|group| started_at(group.pid) == Some(group.started)) {
        signal(Pid::from_raw(group.pid), Signal::KILL);
    }
    let mark = format!("{MARK}={command}");
    let Ok(processes) = fs::read_dir("/proc") else { return };
    for process in processes.flatten() {
        let pid = process.file_name().to_str().and_then(|name| name.parse::<i32>().ok());
        let marked = || {
            let environ = fs::read(process.path().join("environ")).unwrap_or_default();
            environ.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
        };
        if let Some(pid) = pid.filter(|_| marked()).and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// One of the child's two streams, gathered into chunks.
struct Pipe<R> {
    stream: OutputStream,
    reader: Option<R>,
    buffer: Vec<u8>,
    filled: usize,
    since: Option<Instant>,
    room: u64,
    seen: u64,
    truncated: bool,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    fn new(stream: OutputStream, reader: Option<R>, room: u64) -> Self {
        let buffer = vec![0; MAX_CHUNK];
        Self { stream, reader, buffer, filled: 0, since: None, room, seen: 0, truncated: false }
    }

    fn open(&self) -> bool {
        self.reader.is_some()
    }

    fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + GATHER)
    }

    async fn fill(&mut self) {
        let Some(reader) = &mut self.reader else { return };
        match reader.read(&mut self.buffer[self.filled..]).await {
            Ok(0) | Err(_) => self.reader = None,
            Ok(read) => {
                self.seen += read as u64;
                self.filled += read;
                self.since.get_or_insert_with(Instant::now);
            }
        }
    }

    fn flush_if_full(&mut self, spool: &mut spool::Writer, grown: &mut impl FnMut(u64)) {
        if self.filled == self.buffer.len() || !self.open() {
            self.flush(spool, grown);
        }
    }

    fn flush(&mut self, spool: &mut spool::Writer, grown: &mut impl FnMut(u64)) {
        let kept = usize::try_from(self.room).unwrap_or(usize::MAX).min(self.filled);
        self.truncated |= kept < self.filled;
        if kept > 0 {
            match spool.push(self.stream, &self.buffer[..kept]) {
                Ok(chunks) => grown(chunks),
                // A full disk costs the output, not the command.
                Err(_) => (self.truncated, self.room) = (true, 0),
            }
        }
        self.room = self.room.saturating_sub(kept as u64);
        (self.filled, self.since) = (0, None);
    }
}
