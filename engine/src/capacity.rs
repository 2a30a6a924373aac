//! Capacity: how busy a probe, its tags and the fleet are; the facts that admission judges.
//! Never: a zero for what was not measured.
//!
//! As in the other facts, fields stand in the order of their names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How busy the probe, its tags and the fleet are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    #[serde(default)]
    pub fleet: GroupLoad,
    pub probe: ProbeLoad,
    #[serde(default)]
    pub tags: BTreeMap<String, GroupLoad>,
}

/// How busy one probe is. What was not measured is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeLoad {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_used_pct: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_age_s: Option<u64>,
    /// The one-minute load average, in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load1_milli: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mem_used_pct: Option<u32>,
    /// Pressure stall (`some avg10`), in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressure_cpu_pct: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressure_io_pct: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressure_mem_pct: Option<u32>,
    #[serde(default)]
    pub queued: u32,
    /// Commands that run there now.
    #[serde(default)]
    pub running: u32,
    /// Those that run and are `remediate` or higher.
    #[serde(default)]
    pub running_changes: u32,
    /// `online`, `offline`, …
    #[serde(default)]
    pub status: String,
}

/// How busy a set of probes is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupLoad {
    #[serde(default)]
    pub online: u32,
    #[serde(default)]
    pub probes: u32,
    #[serde(default)]
    pub queued: u32,
    #[serde(default)]
    pub running: u32,
    #[serde(default)]
    pub running_changes: u32,
}
