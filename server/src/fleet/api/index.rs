//! The fleet by columns: every probe that a caller may see, small enough that a page holds ten thousand of them.
//! Never: a probe's whole record. `GET /api/v1/probes/{id}` has that.

use std::collections::HashMap;
use std::sync::Arc;

use poem_openapi::Object;
use poem_openapi::types::ToJSON as _;
use sha2::{Digest as _, Sha256};

use crate::fleet::{Probe, Standing, percent};

/// The fleet by columns: place `n` of every column is the same probe. Words that repeat stand once, in `words`.
#[derive(Object, Default)]
pub struct FleetIndex {
    words: Vec<String>,
    id: Vec<String>,
    name: Vec<String>,
    /// `pending`, `online`, `degraded`, `offline`, as places in `words`.
    status: Vec<u32>,
    os: Vec<u32>,
    arch: Vec<u32>,
    version: Vec<u32>,
    ceiling: Vec<u32>,
    /// A place in `words`; the empty word where a probe has no site.
    site: Vec<u32>,
    tags: Vec<Vec<u32>>,
    /// Health, 0 to 100.
    score: Vec<u8>,
    /// Percent of the processors that the last minute's load comes to; -1 where nothing is known. Above 100, it waits.
    cpu: Vec<i32>,
    /// Percent in use; -1 where nothing is known.
    mem: Vec<i32>,
    disk: Vec<i32>,
    /// Seconds since 1970, to the half minute; 0 for never.
    seen: Vec<i64>,
}

impl FleetIndex {
    pub fn of(probes: &[(Arc<Probe>, Standing)]) -> Self {
        let mut index = Self::default();
        let mut places = HashMap::new();
        for (probe, standing) in probes {
            let words = &mut index.words;
            let mut word = |text: &str| {
                *places.entry(text.to_owned()).or_insert_with(|| {
                    words.push(text.to_owned());
                    u32::try_from(words.len() - 1).unwrap_or_default()
                })
            };
            index.status.push(word(standing.status.as_str()));
            index.os.push(word(&probe.os));
            index.arch.push(word(&probe.arch));
            index.version.push(word(&probe.version));
            index.ceiling.push(word(&probe.ceiling.to_string()));
            index.site.push(word(probe.site.as_deref().unwrap_or_default()));
            index.tags.push(probe.tags.iter().map(|tag| word(tag)).collect());
            index.id.push(probe.id.to_string());
            index.name.push(probe.name.clone());
            index.score.push(standing.health.score);
            let beat = standing.heartbeat.as_ref().filter(|beat| beat.mem_total_bytes > 0);
            let share = |of: Option<(u64, u64)>| {
                of.map_or(-1, |(used, total)| i32::try_from(percent(used, total)).unwrap_or(-1))
            };
            index.cpu.push(beat.map_or(-1, |beat| per_processor(beat.load[0], beat.cpus)));
            index.mem.push(share(beat.map(|beat| (beat.mem_used_bytes, beat.mem_total_bytes))));
            index.disk.push(share(beat.map(|beat| (beat.disk_used_bytes, beat.disk_total_bytes))));
            index.seen.push(standing.last_seen_at.map_or(0, |at| at / 30_000 * 30));
        }
        index
    }

    /// The same columns have the same tag. It is a weak one: they may be sent packed or as they are.
    pub fn etag(&self) -> String {
        format!("W/\"{}\"", hex::encode(&Sha256::digest(self.to_json_string())[..16]))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float becomes the nearest number that fits")]
fn per_processor(load: f64, cpus: u32) -> i32 {
    (load * 100.0 / f64::from(cpus.max(1))).round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_as_long_as_the_fleet_and_words_stand_once() {
        let probe = |name: &str, tags: &[&str]| {
            let probe = Probe {
                id: legator_protocol::ProbeId::born(1, name.len() as u128),
                name: name.into(),
                hostname: name.into(),
                os: "debian".into(),
                arch: "x86_64".into(),
                version: "0.1.0".into(),
                machine_id: name.into(),
                tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
                site: None,
                tenant: crate::tenant::Tenant::default(),
                ceiling: legator_protocol::Level::Remediate,
                floor: None,
                inventory: None,
                enrolled_at: 0,
                last_seen_at: None,
                key_turn: None,
                key_turned_at: None,
            };
            (Arc::new(probe), Standing::default())
        };
        let index = FleetIndex::of(&[probe("web-1", &["web", "prod"]), probe("db-11", &["db", "prod"])]);
        assert_eq!(index.name, ["web-1", "db-11"]);
        assert_eq!((index.cpu.as_slice(), index.seen.as_slice()), (&[-1, -1][..], &[0, 0][..]));
        let prod = index.words.iter().filter(|word| *word == "prod").count();
        assert_eq!((prod, index.tags.len(), index.status.len()), (1, 2, 2));
        assert_eq!(index.etag(), index.etag());
        assert_ne!(index.etag(), FleetIndex::of(&[probe("web-1", &["web"])]).etag());
    }
}
