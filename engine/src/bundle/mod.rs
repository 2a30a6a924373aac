//! A bundle: one immutable, content-addressed set of policies, command tables, scripts and their cases.
//! Never: reads a file. The caller hands in paths and bytes, and gets a bundle or every fault at once.

mod fault;
pub(crate) mod place;
mod revision;

use std::collections::BTreeMap;

use legator_classify::Table;

pub use fault::Fault;

use crate::rationale::{Effect, Span};

/// What decides. Shared by `Arc`; nothing in it changes.
pub struct Bundle {
    revision: String,
    table: Table,
    policies: Vec<PolicyInfo>,
    scripts: Vec<ScriptInfo>,
}

/// A policy, for showing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyInfo {
    /// Its `@id`.
    pub id: String,
    /// Its `@rationale`.
    pub rationale: String,
    pub effect: Effect,
    pub file: String,
    pub span: Span,
    /// Its text, annotations included.
    pub source: String,
}

/// A script, for showing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptInfo {
    /// Its path in the bundle, which is also its name.
    pub path: String,
    pub kind: ScriptKind,
    pub source: String,
}

/// What a script is for; its folder says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScriptKind {
    Admission,
}

impl Bundle {
    /// Reads a bundle from its files: path (`policies/guardrails.cedar`) and bytes. Reports every fault, not the first.
    pub fn load(files: &BTreeMap<String, Vec<u8>>) -> Result<Bundle, Vec<Fault>> {
        let revision = revision::revision(files);
        Ok(Bundle { revision, table: Table::default(), policies: Vec::new(), scripts: Vec::new() })
    }

    /// The files of the default bundle, which the binary carries.
    pub fn shipped() -> BTreeMap<String, Vec<u8>> {
        const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/shipped.rs"));
        FILES.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect()
    }

    /// SHA-256 (hex) over the files; the same files give the same revision on any machine.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The policies, by file and place.
    pub fn policies(&self) -> impl Iterator<Item = &PolicyInfo> {
        self.policies.iter()
    }

    pub fn scripts(&self) -> impl Iterator<Item = &ScriptInfo> {
        self.scripts.iter()
    }
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle").field("revision", &self.revision).finish_non_exhaustive()
    }
}
