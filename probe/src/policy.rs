//! What the server said this probe may be asked for at most, and the command table that it classifies with.
//! Kept on disk, so that a restart knows it before the server speaks. Without it: `observe`.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use legator_classify::{Classification, Table, classify};
use legator_protocol::{CommandSpec, Level};
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::floor::Reading;

#[derive(Clone, Debug)]
pub struct Policy {
    pub ceiling: Level,
    /// The server's table; the shipped one where there is none.
    table: Option<Arc<Table>>,
    files: Option<BTreeMap<String, String>>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    ceiling: Level,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    table: Option<BTreeMap<String, String>>,
}

#[derive(Debug, thiserror::Error)]
pub enum PolicyFault {
    #[error("the server's command table does not read, so the one before stays: {0}")]
    Table(String),
    #[error("cannot keep the policy on disk: {0}")]
    Kept(#[from] io::Error),
}

impl Policy {
    pub fn load(path: &Path) -> Self {
        let stored = std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok());
        let Some(stored) = stored else {
            return Self { ceiling: Level::Observe, table: None, files: None };
        };
        match stored.table.as_ref().map(parse) {
            Some(Ok(table)) => Self { ceiling: stored.ceiling, table: Some(Arc::new(table)), files: stored.table },
            _ => Self { ceiling: stored.ceiling, table: None, files: None },
        }
    }

    /// Takes what the server said. The ceiling counts also when the table does not read or the disk is full.
    pub fn take(
        &mut self,
        path: &Path,
        ceiling: Level,
        files: Option<BTreeMap<String, String>>,
    ) -> Result<(), PolicyFault> {
        let same = self.ceiling == ceiling && files.is_none();
        self.ceiling = ceiling;
        let table = files.as_ref().map(parse).transpose();
        if let (Ok(Some(table)), Some(files)) = (&table, files) {
            (self.table, self.files) = (Some(Arc::new(table.clone())), Some(files));
        }
        if !same || !path.exists() {
            let stored = Stored { ceiling, table: self.files.clone() };
            durable::write(path, &serde_json::to_vec(&stored).map_err(io::Error::other)?)?;
        }
        table.map(drop)
    }

    pub fn table(&self) -> &Table {
        self.table.as_deref().unwrap_or_else(|| Table::shipped())
    }

    /// What the server's table makes of a command: the ceiling is judged by it.
    pub fn level(&self, spec: &CommandSpec) -> Level {
        classify(self.table(), spec).level
    }

    /// What the floor is judged by: the server's table and the shipped one together, the stricter of both.
    /// The server's table alone could call anything `observe`, and so widen a floor that is not the server's.
    pub fn reading(&self, spec: &CommandSpec) -> Reading {
        let shipped = classify(Table::shipped(), spec);
        let Some(table) = &self.table else { return stricter(shipped.clone(), shipped) };
        stricter(classify(table, spec), shipped)
    }
}

fn parse(files: &BTreeMap<String, String>) -> Result<Table, PolicyFault> {
    Table::parse(files.iter().map(|(name, text)| (name.as_str(), text.as_str()))).map_err(|faults| {
        let first = faults.first().map(ToString::to_string).unwrap_or_default();
        PolicyFault::Table(format!("{first} ({} in all)", faults.len()))
    })
}

fn stricter(one: Classification, other: Classification) -> Reading {
    Reading {
        level: one.level.max(other.level),
        parsed: one.parsed && other.parsed,
        known: one.known && other.known,
        programs: one.programs.into_iter().chain(other.programs).collect(),
        effects: one.effects.into_iter().chain(other.effects).collect(),
        targets: one.targets.into_iter().chain(other.targets).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_ceiling_after_a_restart_and_starts_lowest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("policy.json");
        let mut policy = Policy::load(&path);
        assert_eq!(policy.ceiling, Level::Observe);
        policy.take(&path, Level::Remediate, None).unwrap();
        assert_eq!(Policy::load(&path).ceiling, Level::Remediate);
    }

    #[test]
    fn neither_table_can_talk_the_other_down() {
        let set = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let class = |level, known, effects: &[&str]| Classification {
            level,
            parsed: true,
            known,
            programs: set(&["wipe"]),
            effects: set(effects),
            targets: set(&[]),
            parts: Vec::new(),
            look: Vec::new(),
        };
        let (lax, strict) = (class(Level::Observe, true, &[]), class(Level::Destroy, false, &["disk.wipe"]));
        for reading in [stricter(lax.clone(), strict.clone()), stricter(strict, lax)] {
            assert_eq!((reading.level, reading.known, reading.parsed), (Level::Destroy, false, true));
            assert!(reading.effects.contains("disk.wipe") && reading.programs.contains("wipe"));
        }
    }

    #[test]
    fn a_broken_file_falls_back_to_the_lowest_ceiling() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("policy.json");
        durable::write(&path, b"{\"ceiling\":\"everything\"}").unwrap();
        assert_eq!(Policy::load(&path).ceiling, Level::Observe);
    }
}
