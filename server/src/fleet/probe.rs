//! A probe: what is kept of it, and how it stands at this moment.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use legator_engine::Resource;
use legator_protocol::{Heartbeat, Level, ProbeId, Ready};
use parking_lot::Mutex;

use super::key::KeyTurn;
use crate::tenant::Tenant;

/// Silent for this long is offline.
pub const SILENT_MS: i64 = 90_000;

/// A clock that is further off than this is worth a warning.
const CLOCK_OFF_MS: u64 = 30_000;

/// What is kept of a probe.
#[derive(Clone, Debug)]
pub struct Probe {
    pub id: ProbeId,
    pub name: String,
    pub hostname: String,
    pub os: String,
    pub arch: String,
    pub version: String,
    pub machine_id: String,
    pub tags: BTreeSet<String>,
    pub site: Option<String>,
    pub tenant: Tenant,
    pub ceiling: Level,
    pub floor: Option<serde_json::Value>,
    pub inventory: Option<String>,
    pub enrolled_at: i64,
    pub last_seen_at: Option<i64>,
    /// The turn of its key that is under way.
    pub key_turn: Option<KeyTurn>,
    pub key_turned_at: Option<i64>,
}

impl Probe {
    /// The probe as Cedar sees it.
    pub fn resource(&self, status: Status) -> Resource {
        Resource::Probe(legator_engine::Probe {
            id: self.id.to_string(),
            name: self.name.clone(),
            hostname: self.hostname.clone(),
            tags: self.tags.clone(),
            site: self.site.clone(),
            // The directory knows its organization: `Identity::placed`.
            org: None,
            tenant: self.tenant.said().map(str::to_owned),
            os: self.os.clone(),
            arch: self.arch.clone(),
            status: status.as_str().to_owned(),
        })
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Enrolled, and never connected.
    #[default]
    Pending,
    Online,
    /// Connected, with a warning.
    Degraded,
    Offline,
}

impl Status {
    pub const ALL: [Status; 4] = [Status::Pending, Status::Online, Status::Degraded, Status::Offline];

    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Online => "online",
            Status::Degraded => "degraded",
            Status::Offline => "offline",
        }
    }
}

/// How a probe stands now.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    pub status: Status,
    pub last_seen_at: Option<i64>,
    pub heartbeat: Option<Arc<Heartbeat>>,
    pub health: Health,
}

/// A score from 0 to 100 and what takes from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    pub score: u8,
    pub warnings: Vec<String>,
}

impl Health {
    /// Read from a heartbeat alone, so that the same heartbeat always gives the same health.
    pub fn of(beat: &Heartbeat) -> Self {
        let mut warnings = Vec::new();
        let memory = percent(beat.mem_used_bytes, beat.mem_total_bytes);
        if memory >= 95 {
            warnings.push(format!("memory is {memory} % used"));
        }
        let disk = percent(beat.disk_used_bytes, beat.disk_total_bytes);
        if disk >= 90 {
            warnings.push(format!("the fullest file system is {disk} % used"));
        }
        let per_cpu = beat.load[0] / f64::from(beat.cpus.max(1));
        if per_cpu >= 4.0 {
            warnings.push(format!("load is {per_cpu:.1} for each processor"));
        }
        if beat.clock_ahead_ms.unsigned_abs() > CLOCK_OFF_MS {
            let off = beat.clock_ahead_ms.unsigned_abs() / 1000;
            let way = if beat.clock_ahead_ms > 0 { "ahead of" } else { "behind" };
            warnings.push(format!("the clock is {off} s {way} the server's"));
        }
        let score = 100u8.saturating_sub(25 * u8::try_from(warnings.len()).unwrap_or(4));
        Self { score, warnings }
    }
}

/// How many probes there are, and how many of them are online: of each tag, and of the tenant's fleet.
#[derive(Clone, Debug, Default)]
pub struct Census {
    pub tags: HashMap<String, (u32, u32)>,
    pub fleet: (u32, u32),
}

/// The census of each tenant: what one has is no fact about another.
pub type Censuses = HashMap<Tenant, Census>;

impl Census {
    pub(super) fn count(&mut self, probe: &Probe, status: Status) {
        let online = u32::from(matches!(status, Status::Online | Status::Degraded));
        self.fleet = (self.fleet.0 + 1, self.fleet.1 + online);
        for tag in &probe.tags {
            let of_tag = self.tags.entry(tag.clone()).or_default();
            *of_tag = (of_tag.0 + 1, of_tag.1 + online);
        }
    }
}

/// `used` of `total` in whole percent; 0 where there is nothing to use.
pub fn percent(used: u64, total: u64) -> i64 {
    let share = u128::from(used) * 100 / u128::from(total.max(1));
    i64::try_from(share).unwrap_or(100).min(100)
}

/// What a list is narrowed by.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub tag: Option<String>,
    pub status: Option<String>,
    pub os: Option<String>,
    pub site: Option<String>,
    /// Part of the name, the host name or the id.
    pub text: Option<String>,
}

impl Filter {
    pub fn takes(&self, probe: &Probe, standing: &Standing) -> bool {
        let is = |wanted: &Option<String>, got: &str| wanted.as_deref().is_none_or(|wanted| wanted == got);
        let text = self.text.as_deref().unwrap_or_default().to_lowercase();
        self.tag.as_ref().is_none_or(|tag| probe.tags.contains(tag))
            && is(&self.status, standing.status.as_str())
            && is(&self.os, &probe.os)
            && is(&self.site, probe.site.as_deref().unwrap_or_default())
            && (probe.name.to_lowercase().contains(&text)
                || probe.hostname.to_lowercase().contains(&text)
                || probe.id.to_string().to_lowercase().contains(&text))
    }
}

/// A probe in memory: its record and its live state.
pub(super) struct Entry {
    probe: ArcSwap<Probe>,
    live: Mutex<Live>,
}

#[derive(Default)]
struct Live {
    connected: bool,
    last_seen_at: Option<i64>,
    heartbeat: Option<Arc<Heartbeat>>,
    can_turn: Option<bool>,
}

impl Entry {
    pub fn new(probe: Probe) -> Self {
        let live = Live { last_seen_at: probe.last_seen_at, ..Live::default() };
        Self { probe: ArcSwap::from_pointee(probe), live: Mutex::new(live) }
    }

    pub fn probe(&self) -> Arc<Probe> {
        self.probe.load_full()
    }

    pub fn is_named(&self, name: &str) -> bool {
        self.probe.load().name == name
    }

    pub fn change(&self, change: impl FnOnce(&mut Probe)) -> Arc<Probe> {
        let mut probe = Probe::clone(&self.probe.load());
        change(&mut probe);
        let probe = Arc::new(probe);
        self.probe.store(Arc::clone(&probe));
        probe
    }

    pub fn opened(&self, now: i64, ready: Ready) {
        let mut live = self.live.lock();
        live.connected = true;
        live.last_seen_at = Some(now);
        live.heartbeat = Some(Arc::new(Heartbeat { clock_ahead_ms: ready.clock_ahead_ms, ..Heartbeat::default() }));
    }

    pub fn can_turn(&self) -> Option<bool> {
        self.live.lock().can_turn
    }

    pub fn note_can_turn(&self, can: bool) {
        self.live.lock().can_turn = Some(can);
    }

    pub fn closed(&self) -> Option<i64> {
        let mut live = self.live.lock();
        live.connected = false;
        live.last_seen_at
    }

    pub fn heard(&self, now: i64) {
        self.live.lock().last_seen_at = Some(now);
    }

    pub fn beat(&self, now: i64, heartbeat: Heartbeat) {
        let mut live = self.live.lock();
        live.last_seen_at = Some(now);
        live.heartbeat = Some(Arc::new(heartbeat));
    }

    pub fn standing(&self, now: i64) -> Standing {
        let live = self.live.lock();
        let health = live.heartbeat.as_ref().map(|beat| Health::of(beat)).unwrap_or_default();
        let fresh = live.last_seen_at.is_some_and(|at| now - at < SILENT_MS);
        let status = match (live.connected && fresh, live.last_seen_at) {
            (true, _) if health.warnings.is_empty() => Status::Online,
            (true, _) => Status::Degraded,
            (false, None) => Status::Pending,
            (false, Some(_)) => Status::Offline,
        };
        Standing { status, last_seen_at: live.last_seen_at, heartbeat: live.heartbeat.clone(), health }
    }
}

pub(super) fn check_tags(tags: &BTreeSet<String>) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/=".contains(c);
    if tags.len() > 64 {
        return Err(format!("{} tags are too many; a probe has at most 64", tags.len()));
    }
    match tags.iter().find(|tag| tag.is_empty() || tag.len() > 64 || !tag.chars().all(plain)) {
        Some(tag) => Err(format!(
            "`{}` is not a tag; 1 to 64 ASCII letters, digits or `-_.:/=`",
            tag.escape_debug().take(64).collect::<String>()
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_names_what_is_wrong() {
        let well = Heartbeat { cpus: 2, mem_total_bytes: 100, disk_total_bytes: 100, ..Heartbeat::default() };
        assert_eq!(Health::of(&well), Health { score: 100, warnings: vec![] });
        let ill = Heartbeat { mem_used_bytes: 96, load: [9.0, 0.0, 0.0], clock_ahead_ms: -60_000, ..well };
        let health = Health::of(&ill);
        assert_eq!(health.score, 25);
        assert!(health.warnings[2].contains("60 s behind"), "{health:?}");
    }

    #[test]
    fn tags_are_plain_words() {
        let tags = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        assert!(check_tags(&tags(&["web", "site:ber-1", "k8s.io/role=db"])).is_ok());
        assert!(check_tags(&tags(&["a b"])).is_err());
        assert!(check_tags(&tags(&[""])).is_err());
        assert!(check_tags(&(0..65).map(|n| n.to_string()).collect()).is_err());
    }
}
