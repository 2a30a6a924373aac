//! Adds up what the parts of a command contribute. Levels only rise.

use std::collections::BTreeSet;

use legator_protocol::{Level, Look, LookKind};

use crate::{Classification, Part};

const MAX_PARTS: usize = 512;
const MAX_LOOKS: usize = 32;
const MAX_TARGETS: usize = 256;
const MAX_SHOWN: usize = 240;

/// A classification while it is being made.
#[derive(Debug)]
pub(crate) struct Ledger {
    sum: Classification,
    /// The directory that relative paths are under, where it is known.
    cwd: Option<String>,
}

impl Ledger {
    pub fn new(cwd: Option<String>) -> Self {
        let sum = Classification {
            level: Level::Observe,
            parsed: true,
            known: true,
            programs: BTreeSet::new(),
            effects: BTreeSet::new(),
            targets: BTreeSet::new(),
            parts: Vec::new(),
            look: Vec::new(),
        };
        Self { sum, cwd }
    }

    pub fn finish(mut self) -> Classification {
        if self.sum.parts.is_empty() {
            self.unreadable("", "there is no command in it");
        }
        self.sum.look.sort_unstable();
        self.sum.look.dedup();
        self.sum.look.truncate(MAX_LOOKS);
        self.sum
    }

    pub fn part(&mut self, text: &str, level: Level, why: impl Into<String>) {
        self.sum.level = self.sum.level.max(level);
        if self.sum.parts.len() < MAX_PARTS {
            self.sum.parts.push(Part { text: shown(text), level, why: why.into() });
        }
    }

    /// Records something that could not be read. Which programs are in it is not known then either.
    pub fn unreadable(&mut self, text: &str, why: &str) {
        self.sum.parsed = false;
        self.sum.known = false;
        self.part(text, Level::Remediate, why);
    }

    /// Records that a program, or code that runs, is not known.
    pub fn unknown(&mut self) {
        self.sum.known = false;
        self.sum.level = self.sum.level.max(Level::Remediate);
    }

    pub fn full(&self) -> bool {
        self.sum.parts.len() >= MAX_PARTS
    }

    pub fn program(&mut self, name: &str) {
        if self.sum.programs.len() < MAX_TARGETS && !self.sum.programs.contains(name) {
            self.sum.programs.insert(shown(name));
        }
    }

    pub fn effect(&mut self, effect: &str) {
        if !self.sum.effects.contains(effect) {
            self.sum.effects.insert(effect.to_owned());
        }
    }

    pub fn target(&mut self, target: &str) {
        if !target.is_empty() && self.sum.targets.len() < MAX_TARGETS && !self.sum.targets.contains(target) {
            self.sum.targets.insert(target.to_owned());
        }
    }

    /// What relative paths are under is no longer known.
    pub fn moved(&mut self) {
        self.cwd = None;
    }

    pub fn look(&mut self, kind: LookKind, target: &str) {
        let target = match kind {
            LookKind::File if target.starts_with('/') => target.to_owned(),
            LookKind::File => match &self.cwd {
                Some(cwd) if !target.is_empty() && !target.starts_with('~') => {
                    format!("{}/{target}", cwd.trim_end_matches('/'))
                }
                _ => return,
            },
            // systemd itself takes a name without a suffix for a service.
            LookKind::Unit if !target.contains('.') => format!("{target}.service"),
            _ => target.to_owned(),
        };
        let look = Look { kind, target };
        if look.target.len() > 1 && self.sum.look.len() < MAX_LOOKS && !self.sum.look.contains(&look) {
            self.sum.look.push(look);
        }
    }
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
