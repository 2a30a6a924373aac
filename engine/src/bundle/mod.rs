//! A bundle: one immutable, content-addressed set of policies, command tables, scripts and their cases.
//! Never: reads a file. The caller hands in paths and bytes, and gets a bundle or every fault at once.

mod fault;
mod links;
mod manifest;
pub(crate) mod place;
mod revision;

use std::collections::BTreeMap;

use legator_classify::Table;

pub use fault::Fault;
pub use links::{Link, Linked, Template, read_links, write_links};
use manifest::Manifest;

use crate::cases::{self, Case};
use crate::guard::{Guard, Vocabulary};
use crate::rationale::{Effect, Span};
use crate::script::{Abort, Admission};

/// What decides. Shared by `Arc`; nothing in it changes.
pub struct Bundle {
    revision: String,
    table: Table,
    most_approvals: u32,
    pub(crate) guard: Guard,
    pub(crate) admission: Admission,
    scripts: Vec<ScriptInfo>,
    pub(crate) cases: Vec<Case>,
    templates: Vec<Template>,
    links: Vec<Link>,
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

const SCHEMA: &str = "policies/schema.cedarschema";
const SHIPPED_SCHEMA: &str = include_str!("../../../policies/schema.cedarschema");
const MANIFESTS: [&str; 2] = ["bundle.toml", "policies/bundle.toml"];
const MOST_BYTES: usize = 64 * 1024 * 1024;

impl Bundle {
    /// Reads a bundle from its files: path (`policies/guardrails.cedar`) and bytes. Reports every fault, not the first.
    ///
    /// Files that a bundle does not know (a README, a `.gitignore`) are left out, and out of the revision. A bundle
    /// without a schema gets the one that ships.
    pub fn load(files: &BTreeMap<String, Vec<u8>>) -> Result<Bundle, Vec<Fault>> {
        Self::read(files, None)
    }

    /// The same, with a question that is asked now and then while a script runs: `true` ends it, and a script that is
    /// ended denies. Operations are counted in any case; this is for a host that has a clock.
    pub fn load_interruptible(files: &BTreeMap<String, Vec<u8>>, abort: Abort) -> Result<Bundle, Vec<Fault>> {
        Self::read(files, Some(abort))
    }

    fn read(files: &BTreeMap<String, Vec<u8>>, abort: Option<Abort>) -> Result<Bundle, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut known: BTreeMap<String, Vec<u8>> = files
            .iter()
            .filter(|(path, _)| is_known(path))
            .map(|(path, bytes)| (path.clone(), bytes.clone()))
            .collect();
        known.entry(SCHEMA.to_owned()).or_insert_with(|| SHIPPED_SCHEMA.as_bytes().to_vec());
        let size: usize = known.values().map(Vec::len).sum();
        if size > MOST_BYTES {
            return Err(vec![Fault::whole(
                "bundle.toml",
                format!("the bundle has {size} bytes; {MOST_BYTES} are taken"),
            )]);
        }
        let revision = revision::revision(&known);
        let texts = texts(&known, &mut faults);
        let of = |folder: &'static str, end: &'static str| {
            let here = move |path: &&str| path.starts_with(folder) && path.ends_with(end) && !is_cases(path);
            texts
                .iter()
                .filter(move |(path, _)| here(&path.as_str()))
                .map(|(path, text)| (path.as_str(), text.as_str()))
        };

        let manifest = manifest(&texts, &mut faults);
        let table = Table::parse(of("policies/commands/", ".toml")).unwrap_or_else(|wrong| {
            faults.extend(wrong.into_iter().map(|fault| {
                let text = texts.get(&fault.file).map_or("", String::as_str);
                Fault::on_line(&fault.file, text, small(fault.line), small(fault.column), 1, &fault.message)
            }));
            Table::default()
        });
        let admission = Admission::load(&manifest.admission, abort, of("scripts/admission/", ".rhai"), &mut faults);
        let schema = texts.get(SCHEMA).map_or(SHIPPED_SCHEMA, String::as_str);
        let linked = links::expand(&texts, &mut faults);
        let policies = of("policies/", ".cedar").filter(|(path, _)| !links::is_template(path));
        let policies = policies.chain(linked.policies.iter().map(|(path, text)| (path.as_str(), text.as_str())));
        let guard = match Vocabulary::parse(SCHEMA, schema, SHIPPED_SCHEMA) {
            Ok(vocabulary) => Some(Guard::load(vocabulary, &policies.collect(), &mut faults)),
            Err(wrong) => {
                faults.extend(wrong);
                None
            }
        };
        let mut tried: Vec<Case> = Vec::new();
        let written = texts.iter().filter(|(path, _)| is_cases(path) && !path.starts_with("policies/commands/"));
        for (path, text) in written {
            match cases::parse(path, text) {
                Ok(cases) => tried.extend(cases),
                Err(wrong) => faults.extend(wrong),
            }
        }
        faults.sort();
        let (Some(guard), true) = (guard, faults.is_empty()) else { return Err(faults) };

        let scripts = of("scripts/admission/", ".rhai").map(|(path, text)| ScriptInfo {
            path: path.to_owned(),
            kind: ScriptKind::Admission,
            source: text.to_owned(),
        });
        let scripts = scripts.collect();
        let (templates, links) = (linked.templates, linked.links);
        let most_approvals = manifest.approvals.most;
        Ok(Bundle { revision, table, most_approvals, guard, admission, scripts, cases: tried, templates, links })
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

fn is_known(path: &str) -> bool {
    let within = |folder: &str, ends: &[&str]| path.starts_with(folder) && ends.iter().any(|end| path.ends_with(end));
    MANIFESTS.contains(&path)
        || path == SCHEMA
        || links::LINKS.contains(&path)
        || within("policies/", &[".cedar", ".cases.toml"])
        || within("policies/commands/", &[".toml"])
        || within("scripts/admission/", &[".rhai", ".cases.toml"])
}

fn is_cases(path: &str) -> bool {
    path.ends_with(".cases.toml")
}

fn texts(files: &BTreeMap<String, Vec<u8>>, faults: &mut Vec<Fault>) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for (path, bytes) in files {
        match String::from_utf8(revision::unix_lines(bytes)) {
            Ok(text) => {
                texts.insert(path.clone(), text);
            }
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                faults.push(Fault::whole(path, format!("the file is not UTF-8 text; byte {valid} is not")));
            }
        }
    }
    texts
}

fn manifest(texts: &BTreeMap<String, String>, faults: &mut Vec<Fault>) -> Manifest {
    let mut found = MANIFESTS.into_iter().filter_map(|path| Some((path, texts.get(path)?)));
    let Some((path, text)) = found.next() else { return Manifest::default() };
    if let Some((second, _)) = found.next() {
        faults.push(Fault::whole(second, format!("the bundle has a manifest already: `{path}`")));
    }
    Manifest::parse(path, text).unwrap_or_else(|fault| {
        faults.push(fault);
        Manifest::default()
    })
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
