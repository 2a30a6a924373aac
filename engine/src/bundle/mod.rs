//! A bundle: one immutable, content-addressed set of policies, command tables, scripts and their cases.
//! Never: reads a file. The caller hands in paths and bytes, and gets a bundle or every fault at once.

mod asking;
pub mod codes;
mod fault;
pub mod format;
mod layout;
pub(crate) mod links;
mod manifest;
pub(crate) mod nearest;
pub(crate) mod place;
pub(crate) mod references;
mod revision;
pub(crate) mod written;

use std::collections::BTreeMap;
use std::sync::Arc;

use legator_classify::Table;

pub use asking::Asking;
pub use fault::{Fault, Grade};
pub use layout::ScriptKind;
use layout::{MANIFESTS, SCHEMA};
pub(crate) use layout::{MOST_BYTES, MOST_FILE_BYTES, MOST_FILES, Part, path_fault};
pub use links::{Link, Linked, Template, read_links, write_links};
pub use manifest::Gate;
pub(crate) use manifest::{Manifest, Names, Switch};
pub(crate) use revision::plain;

use crate::cases::{self, Case, ScriptCase};
use crate::guard::{Guard, Vocabulary};
use crate::rationale::{Effect, Span};
use crate::script::{Abort, Admission, Alerts, Jobs, contract};

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
    pub(crate) cases: Arc<[Case]>,
    pub(crate) script_cases: Arc<[ScriptCase]>,
    templates: Arc<[Template]>,
    links: Arc<[Link]>,
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
        Self::read(files, None)
    }

    /// The same, with a question that is asked now and then while a script runs: `true` ends it, and a script that is
    /// ended denies. Operations are counted in any case; this is for a host that has a clock.
    pub fn load_interruptible(files: &BTreeMap<String, Vec<u8>>, abort: Abort) -> Result<Bundle, Vec<Fault>> {
        Self::read(files, Some(abort))
    }

    /// Reads a bundle and says everything about it, also what does not keep it from being taken.
    pub fn inspect(files: &BTreeMap<String, Vec<u8>>) -> Inspection {
        let (bundle, findings) = Self::look(files, None);
        Inspection { bundle, findings }
    }

    fn read(files: &BTreeMap<String, Vec<u8>>, abort: Option<Abort>) -> Result<Bundle, Vec<Fault>> {
        let (bundle, findings) = Self::look(files, abort);
        bundle.ok_or_else(|| findings.into_iter().filter(|fault| fault.grade == Grade::Error).collect())
    }

    fn look(files: &BTreeMap<String, Vec<u8>>, abort: Option<Abort>) -> (Option<Bundle>, Vec<Fault>) {
        let mut faults = layout::unread(files.keys().map(String::as_str));
        let known = match known(files) {
            Ok(known) => known,
            Err(wrong) => {
                faults.extend(wrong);
                return (None, finished(faults));
            }
        };
        let revision = revision::revision(&known);
        let texts = texts(&known, &mut faults);
        let of = |wanted: Part| {
            let here = texts.iter().filter(move |(path, _)| Part::of(path) == Some(wanted));
            here.map(|(path, text)| (path.as_str(), text.as_str()))
        };

        let manifest = manifest(&texts, &mut faults);
        let table = Table::parse(of(Part::Commands)).unwrap_or_else(|wrong| {
            faults.extend(wrong.into_iter().map(|fault| {
                let text = texts.get(&fault.file).map_or("", String::as_str);
                let code =
                    if fault.message.contains("described twice") { "command-duplicate" } else { "command-table" };
                let (line, column) = (small(fault.line), small(fault.column));
                written::with_help(Fault::on_line(&fault.file, text, line, column, 1, &fault.message).code(code))
            }));
            Table::default()
        });
        let mut sound: BTreeMap<ScriptKind, Vec<(&str, &str)>> = BTreeMap::new();
        for kind in ScriptKind::ALL {
            for (path, text) in of(Part::Script(kind)) {
                let before = faults.len();
                contract::check(kind, path, text, &mut faults);
                if !faults.iter().skip(before).any(|fault| fault.grade == Grade::Error) {
                    sound.entry(kind).or_default().push((path, text));
                }
            }
        }
        let mut sound = |kind| sound.remove(&kind).unwrap_or_default();
        let admission = Admission::load(&manifest.admission, abort, sound(ScriptKind::Admission), &mut faults);
        let alerts = Alerts::load(&manifest.alerts, sound(ScriptKind::Alert), &mut faults);
        let jobs = Jobs::load(&manifest.jobs, sound(ScriptKind::Job), &mut faults);
        let schema = texts.get(SCHEMA).map_or(SHIPPED_SCHEMA, String::as_str);
        let linked = links::expand(&texts, &mut faults);
        let policies = of(Part::Policies).filter(|(path, _)| !links::is_template(path));
        let policies = policies.chain(linked.policies.iter().map(|(path, text)| (path.as_str(), text.as_str())));
        let guard = match Vocabulary::parse(SCHEMA, schema, SHIPPED_SCHEMA) {
            Ok(vocabulary) => Some(Guard::load(vocabulary, &policies.collect(), &mut faults)),
            Err(wrong) => {
                faults.extend(wrong);
                None
            }
        };
        let mut tried: Vec<Case> = Vec::new();
        let mut tried_scripts: Vec<ScriptCase> = Vec::new();
        let of_scripts = ScriptKind::ALL.into_iter().flat_map(|kind| of(Part::ScriptCases(kind)));
        let written = of(Part::PolicyCases).chain(of_scripts);
        for (path, text) in written {
            if cases::of_a_script(path) {
                match cases::parse_script(path, text, &texts) {
                    Ok(cases) => tried_scripts.extend(cases),
                    Err(wrong) => faults.extend(wrong),
                }
                continue;
            }
            match cases::parse(path, text) {
                Ok(cases) => tried.extend(cases),
                Err(wrong) => faults.extend(wrong),
            }
        }
        if let Some(guard) = &guard {
            references::look(guard, &manifest.names, &texts, &mut faults);
        }
        let faults = finished(faults);
        let broken = faults.iter().any(|fault| fault.grade == Grade::Error);
        let (Some(guard), false) = (guard, broken) else { return (None, faults) };

        let scripts = ScriptKind::ALL.into_iter().flat_map(|kind| {
            let info =
                move |(path, text): (&str, &str)| ScriptInfo { path: path.to_owned(), kind, source: text.to_owned() };
            of(Part::Script(kind)).map(info)
        });
        let bundle = Bundle {
            revision,
            name: manifest.name.map(toml::Spanned::into_inner),
            gate: manifest.coverage,
            table: Arc::new(table),
            most_approvals: manifest.approvals.most,
            guard: Arc::new(guard),
            admission: Arc::new(admission),
            alerts: Arc::new(alerts),
            jobs: Arc::new(jobs),
            scripts: scripts.collect(),
            cases: tried.into(),
            script_cases: tried_scripts.into(),
            templates: linked.templates.into(),
            links: linked.links.into(),
        };
        (Some(bundle), faults)
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
        Ok(known(files)?.into_iter().map(|(path, bytes)| (path, plain(&bytes))).collect())
    }

    /// The revision that these files have, whether they are a good bundle or not.
    pub fn revision_of(files: &BTreeMap<String, Vec<u8>>) -> Result<String, Vec<Fault>> {
        Ok(revision::revision(&known(files)?))
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

/// The files that belong to a bundle, or why they cannot be one. A bundle without a schema gets the one that ships.
fn known(files: &BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<String, Vec<u8>>, Vec<Fault>> {
    let ours = files.iter().filter(|(path, _)| Part::of(path).is_some());
    let mut known: BTreeMap<String, Vec<u8>> = ours.map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
    let mut faults: Vec<Fault> = known.keys().filter_map(|path| path_fault(path)).collect();
    faults.extend(layout::case_faults(known.keys().map(String::as_str)));
    for (path, bytes) in known.iter().filter(|(_, bytes)| bytes.len() > MOST_FILE_BYTES) {
        let message = format!("the file has {} bytes; {MOST_FILE_BYTES} are taken", bytes.len());
        faults.push(Fault::whole(path, message).code("too-large").help("cut it into several"));
    }
    let size: usize = known.values().map(Vec::len).sum();
    if size > MOST_BYTES || known.len() > MOST_FILES {
        let message =
            format!("the bundle has {} files with {size} bytes; {MOST_FILES} with {MOST_BYTES} are taken", known.len());
        faults.push(Fault::whole("bundle.toml", message).code("too-large").help("is this the bundle's folder?"));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    known.entry(SCHEMA.to_owned()).or_insert_with(|| SHIPPED_SCHEMA.as_bytes().to_vec());
    Ok(known)
}

/// Sorted, each once, and none without a code and a help: what says nothing of its kind is a mistake in a file of that
/// kind, and what mends a kind mends one of it.
fn finished(mut faults: Vec<Fault>) -> Vec<Fault> {
    for fault in &mut faults {
        if fault.code.is_empty() {
            fault.code = Part::of(&fault.file).map_or("bundle", Part::code).into();
        }
        if fault.help.is_none() {
            fault.help = codes::code(&fault.code).map(|code| code.mend.to_owned());
        }
    }
    faults.sort();
    faults.dedup();
    faults
}

fn texts(files: &BTreeMap<String, Vec<u8>>, faults: &mut Vec<Fault>) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for (path, bytes) in files {
        match String::from_utf8(plain(bytes)) {
            Ok(text) if text.contains('\0') => {
                let at = text.find('\0').unwrap_or_default();
                let fault =
                    Fault::at(path, &text, at..at + 1, "the file holds a byte of value zero, which no text has");
                faults.push(fault.code("encoding").help("is it text, in UTF-8?"));
            }
            Ok(text) => {
                texts.insert(path.clone(), text);
            }
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let wide = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
                let help = if wide { "it is UTF-16: save it as UTF-8" } else { "save it as UTF-8" };
                let message = format!("the file is not UTF-8 text; byte {at} is not");
                faults.push(Fault::at(path, &text, at..at + 1, message).code("encoding").help(help));
            }
        }
    }
    texts
}

fn manifest(texts: &BTreeMap<String, String>, faults: &mut Vec<Fault>) -> Manifest {
    let mut found = MANIFESTS.into_iter().filter_map(|path| Some((path, texts.get(path)?)));
    let Some((path, text)) = found.next() else { return Manifest::default() };
    if let Some((second, _)) = found.next() {
        let message = format!("the bundle has a manifest already: `{path}`");
        faults.push(Fault::whole(second, message).code("manifest-second").help("keep one, at the root"));
    }
    let (manifest, wrong) = Manifest::parse(path, text);
    faults.extend(wrong);
    manifest
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
