//! What a running probe says of itself in a small file, for `legator-probe status` to read.

use std::fs;

use legator_protocol::{FloorSummary, Level};
use serde::{Deserialize, Serialize};

use crate::config::{Identity, Places};
use crate::hands::Hands;
use crate::{clock, durable, witness};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub server: String,
    pub probe: String,
    pub name: String,
    pub version: String,
    /// Of the probe that wrote this; `status` asks `/proc` whether it still runs.
    pub pid: u32,
    pub connected: bool,
    /// Since when it is connected, or is not.
    pub since_at_ms: u64,
    /// Why the last session ended.
    pub last_end: Option<String>,
    pub last_heartbeat_at_ms: Option<u64>,
    pub ceiling: Option<Level>,
    #[serde(default)]
    pub floor: FloorSummary,
    /// Commands started on this host since it enrolled.
    pub commands_run: u64,
    /// Of these, those that this run of the probe did not start.
    commands_before: u64,
}

impl Status {
    pub fn connected(&mut self, at_ms: u64) {
        (self.connected, self.since_at_ms) = (true, at_ms);
    }

    pub fn disconnected(&mut self, at_ms: u64, why: &str) {
        if std::mem::take(&mut self.connected) || self.since_at_ms == 0 {
            self.since_at_ms = at_ms;
        }
        self.last_end = Some(why.to_owned());
    }

    pub fn ran(&mut self, now: u64) {
        self.commands_run = self.commands_before + now;
    }
}

pub fn read(places: &Places) -> Option<Status> {
    serde_json::from_slice(&fs::read(places.state("status.json")).ok()?).ok()
}

/// A probe begins: what the one before it counted goes on.
pub fn begin(places: &Places, identity: &Identity, hands: &Hands) {
    let before = read(places).unwrap_or_default();
    let status = Status {
        server: identity.server.to_string(),
        probe: identity.probe.to_string(),
        name: identity.name.clone(),
        version: crate::VERSION.to_owned(),
        pid: std::process::id(),
        connected: false,
        since_at_ms: clock::now_ms(),
        last_end: None,
        last_heartbeat_at_ms: None,
        ceiling: Some(hands.ceiling()),
        floor: hands.floor(),
        commands_run: before.commands_run,
        commands_before: before.commands_run,
    };
    write(places, &status);
}

/// Changes what the file says. It is for reading only: when it cannot be written, nothing else suffers.
pub fn note(places: &Places, change: impl FnOnce(&mut Status)) {
    let mut status = read(places).unwrap_or_default();
    change(&mut status);
    write(places, &status);
}

fn write(places: &Places, status: &Status) {
    let written = serde_json::to_vec(status).map_err(std::io::Error::other);
    if let Err(fault) = written.and_then(|bytes| durable::replace(&places.state("status.json"), &bytes)) {
        tracing::debug!(%fault, "cannot write the status file");
    }
}

/// What `legator-probe status` shows.
#[derive(Debug, Serialize)]
pub struct Shown {
    pub running: bool,
    #[serde(flatten)]
    pub status: Status,
    pub newest_checkpoint: Option<Checkpoint>,
}

#[derive(Debug, Serialize)]
pub struct Checkpoint {
    pub size: u64,
    pub file: String,
}

impl Shown {
    pub fn of(places: &Places, identity: &Identity) -> Self {
        let mut status = read(places).unwrap_or_else(|| Status {
            server: identity.server.to_string(),
            probe: identity.probe.to_string(),
            name: identity.name.clone(),
            ..Status::default()
        });
        // A probe that was killed could not say so.
        let name = fs::read_to_string(format!("/proc/{}/comm", status.pid)).unwrap_or_default();
        let running = status.pid != 0 && name.trim() == "legator-probe";
        status.connected &= running;
        let newest = witness::newest(places);
        let newest_checkpoint = newest.map(|(file, size)| Checkpoint { size, file: file.display().to_string() });
        Self { running, status, newest_checkpoint }
    }

    pub fn lines(&self, now_ms: u64) -> String {
        let status = &self.status;
        let ago = |at_ms: u64| format!("{} s ago", now_ms.saturating_sub(at_ms) / 1000);
        let connection = match (self.running, status.connected) {
            (false, _) => {
                "the probe is not running; start it with `systemctl start legator-probe` or `legator-probe run`".into()
            }
            (true, true) => format!("connected since {}", ago(status.since_at_ms)),
            (true, false) => {
                let why = status.last_end.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
                format!("not connected since {}{why}", ago(status.since_at_ms))
            }
        };
        let mut floor: Vec<_> =
            status.floor.level.map(|level| format!("takes at most `{level}`")).into_iter().collect();
        floor.extend(status.floor.rules.iter().cloned());
        let floor = if floor.is_empty() { "none".to_owned() } else { floor.join("; ") };
        let ceiling = status.ceiling.map_or("not known yet, so `observe`".to_owned(), |ceiling| format!("`{ceiling}`"));
        let heartbeat = status.last_heartbeat_at_ms.map_or("none yet".to_owned(), ago);
        let checkpoint = self
            .newest_checkpoint
            .as_ref()
            .map_or("none yet".to_owned(), |newest| format!("size {} in {}", newest.size, newest.file));
        format!(
            "server          {}\nprobe           {} ({})\nconnection      {connection}\nlast heartbeat  {heartbeat}\n\
             ceiling         {ceiling}\nfloor           {floor}\ncommands run    {}\ncheckpoint      {checkpoint}\n",
            status.server, status.probe, status.name, status.commands_run,
        )
    }
}
