//! A bundle: one immutable, content-addressed set of policies, command tables, scripts and their cases.
//! Never: reads a file. The caller hands in paths and bytes, and gets a bundle or every fault at once.

mod asking;
pub mod codes;
mod fault;
pub mod format;
mod kept;
mod layout;
pub(crate) mod links;
mod manifest;
pub(crate) mod nearest;
pub(crate) mod place;
mod reading;
pub(crate) mod references;
mod revision;
pub(crate) mod written;

use std::collections::BTreeMap;
use std::sync::Arc;

use legator_classify::Table;

pub use asking::Asking;
pub use fault::{Fault, Grade};
use kept::Kept;
pub(crate) use kept::Texts;
pub use layout::ScriptKind;
pub(crate) use layout::{MOST_BYTES, MOST_FILE_BYTES, MOST_FILES, Part, path_fault};
pub use links::{Link, Linked, Template, read_links, write_links};
pub use manifest::Gate;
pub(crate) use manifest::{Manifest, Names, Switch};
pub(crate) use revision::plain;

use crate::cases::{Case, ScriptCase};
use crate::guard::Guard;
use crate::rationale::{Effect, Span};
use crate::script::{Abort, Admission, Alerts, Jobs};

/// What decides. Shared by `Arc`; nothing in it changes.
#[derive(Clone)]
pub struct Bundle {
    revision: String,
    name: Option<String>,
    gate: Gate,
    table: Arc<Table>,
    most_approvals: u32,
    pub(crate) guard: Arc<Guard>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) alerts: Arc<Alerts>,
    pub(crate) jobs: Arc<Jobs>,
    scripts: Arc<[ScriptInfo]>,
    cases: Arc<[Arc<Case>]>,
    pub(crate) script_cases: Arc<[ScriptCase]>,
    templates: Arc<[Template]>,
    links: Arc<[Link]>,
    kept: Arc<Kept>,
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
    /// How people are to be asked where it holds a request.
    pub asking: Asking,
}

/// A script, for showing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptInfo {
    /// Its path in the bundle, which is also its name.
    pub path: String,
    pub kind: ScriptKind,
    pub source: String,
}

/// All that can be said about some files: a bundle if there is no error among the findings.
#[derive(Debug)]
pub struct Inspection {
    pub bundle: Option<Bundle>,
    /// Errors and warnings, by file and place.
    pub findings: Vec<Fault>,
}

/// The version of the engine, which a bundle's `engine` range is held against.
pub const ENGINE: &str = env!("CARGO_PKG_VERSION");
const SHIPPED_SCHEMA: &str = include_str!("../../../policies/schema.cedarschema");

impl Bundle {
    /// Reads a bundle from its files: path (`policies/guardrails.cedar`) and bytes. Reports every fault, not the first.
    ///
    /// Files that a bundle does not know (a README, a `.gitignore`) are left out, and out of the revision. A bundle
    /// without a schema gets the one that ships.
    pub fn load(files: &BTreeMap<String, Vec<u8>>) -> Result<Bundle, Vec<Fault>> {
        sound(reading::read(files, None, None))
    }

    /// The same, with a question that is asked now and then while a script runs: `true` ends it, and a script that is
    /// ended denies. Operations are counted in any case; this is for a host that has a clock.
    pub fn load_interruptible(files: &BTreeMap<String, Vec<u8>>, abort: Abort) -> Result<Bundle, Vec<Fault>> {
        sound(reading::read(files, None, Some(abort)))
    }

    /// The bundle of these files, where what they share with this one is taken over instead of read again: a change of
    /// one file among hundreds costs that file. The outcome is that of [`Bundle::load`], to the letter.
    pub fn reload(&self, files: &BTreeMap<String, Vec<u8>>) -> Result<Bundle, Vec<Fault>> {
        sound(reading::read(files, Some(self), self.kept.abort.clone()))
    }

    /// Reads a bundle and says everything about it, also what does not keep it from being taken.
    pub fn inspect(files: &BTreeMap<String, Vec<u8>>) -> Inspection {
        let (bundle, findings) = reading::read(files, None, None);
        Inspection { bundle, findings }
    }

    /// The same, beside a bundle that shares files with these.
    pub fn inspect_again(&self, files: &BTreeMap<String, Vec<u8>>) -> Inspection {
        let (bundle, findings) = reading::read(files, Some(self), self.kept.abort.clone());
        Inspection { bundle, findings }
    }

    /// What its manifest calls it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What has to be covered before a change of it is good.
    pub fn gate(&self) -> Gate {
        self.gate
    }

    /// The files of a bundle as they count for its revision: those that belong to it, with a schema, in plain lines.
    pub fn canonical_files(files: &BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<String, Vec<u8>>, Vec<Fault>> {
        reading::canonical(files)
    }

    /// The revision that these files have, whether they are a good bundle or not.
    pub fn revision_of(files: &BTreeMap<String, Vec<u8>>) -> Result<String, Vec<Fault>> {
        reading::revision_of(files)
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

    /// What each known program does.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The policies, by file and place.
    pub fn policies(&self) -> impl Iterator<Item = &PolicyInfo> {
        self.guard.policies()
    }

    /// The policy templates, by file and place.
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// What the templates are linked to.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The scripts, by path.
    pub fn scripts(&self) -> impl Iterator<Item = &ScriptInfo> {
        self.scripts.iter()
    }

    /// The actions that can be asked for: the four levels of a command, and every operation.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.guard.vocabulary.askable()
    }

    /// The cases of policies and of admission.
    pub(crate) fn cases(&self) -> impl Iterator<Item = &Case> + Clone {
        self.cases.iter().map(|case| &**case)
    }

    /// How many further approvals are tried before a refusal is final.
    pub fn most_approvals(&self) -> u32 {
        self.most_approvals
    }
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle").field("revision", &self.revision).finish_non_exhaustive()
    }
}

/// The bundle, or the errors that keep it from being one.
fn sound((bundle, findings): (Option<Bundle>, Vec<Fault>)) -> Result<Bundle, Vec<Fault>> {
    bundle.ok_or_else(|| findings.into_iter().filter(|fault| fault.grade == Grade::Error).collect())
}
