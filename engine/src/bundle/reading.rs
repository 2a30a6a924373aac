//! Reading a bundle: every part of its files, every fault of each, and only what changed since the bundle before it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use legator_classify::Table;

use super::kept::{Chosen, Kept, Piece, Texts};
use super::layout::{self, MANIFESTS, MOST_BYTES, MOST_FILE_BYTES, MOST_FILES, Part, SCHEMA, ScriptKind, path_fault};
use super::revision::{plain, revision};
use super::{Bundle, Fault, Grade, Manifest, SHIPPED_SCHEMA, ScriptInfo, codes, links, references, written};
use crate::cases::{self, Case, ScriptCase};
use crate::guard::{Guard, Vocabulary};
use crate::script::{Abort, Admission, Alerts, Jobs, contract};

/// The files that count, in the form in which they count.
type Known<'f> = BTreeMap<&'f str, Cow<'f, [u8]>>;

/// Reads the files. Parts whose files are those of `before` are taken over from it.
pub(super) fn read(
    files: &BTreeMap<String, Vec<u8>>,
    before: Option<&Bundle>,
    abort: Option<Abort>,
) -> (Option<Bundle>, Vec<Fault>) {
    let mut faults = layout::unread(files.keys().map(String::as_str));
    let known = match known(files) {
        Ok(known) => known,
        Err(wrong) => {
            faults.extend(wrong);
            return (None, finished(faults));
        }
    };
    let kept = before.map(|before| &*before.kept);
    let texts = texts(&known, kept, &mut faults);
    let manifest = manifest(&texts, &mut faults);
    let reader = Reader { texts: &texts, kept };

    let table = Piece::renew(kept.map(|kept| &kept.table), reader.chosen(&[Part::Commands]), tables);
    let admission = reader.scripts(ScriptKind::Admission, kept.map(|kept| &kept.admission), |sound, faults| {
        Arc::new(Admission::load(&manifest.admission, abort.clone(), sound.iter().copied(), faults))
    });
    let alerts = reader.scripts(ScriptKind::Alert, kept.map(|kept| &kept.alerts), |sound, faults| {
        Arc::new(Alerts::load(&manifest.alerts, sound.iter().copied(), faults))
    });
    let jobs = reader.scripts(ScriptKind::Job, kept.map(|kept| &kept.jobs), |sound, faults| {
        Arc::new(Jobs::load(&manifest.jobs, sound.iter().copied(), faults))
    });
    let linked = links::expand(&texts, &mut faults);
    let guard = reader.guard(&linked, before.map(|before| &*before.guard), &mut faults);
    let cases = reader.cases();
    let script_cases = reader.script_cases(&mut faults);
    for found in [&table.faults, &admission.faults, &alerts.faults, &jobs.faults]
        .into_iter()
        .chain(cases.values().map(|piece| &piece.faults))
    {
        faults.extend(found.iter().cloned());
    }
    if let Some(guard) = &guard {
        references::look(guard, &manifest.names, &texts, &mut faults);
    }
    let faults = finished(faults);
    let broken = faults.iter().any(|fault| fault.grade == Grade::Error);
    let (Some(guard), false) = (guard, broken) else { return (None, faults) };

    let scripts = reader.infos();
    let bundle = Bundle {
        revision: revision(&known),
        name: manifest.name.map(toml::Spanned::into_inner),
        gate: manifest.coverage,
        table: Arc::clone(&table.made),
        most_approvals: manifest.approvals.most,
        guard: Arc::new(guard),
        admission: Arc::clone(&admission.made),
        alerts: Arc::clone(&alerts.made),
        jobs: Arc::clone(&jobs.made),
        scripts,
        cases: cases.values().flat_map(|piece| piece.made.iter().cloned()).collect(),
        script_cases: script_cases.into(),
        templates: linked.templates.into(),
        links: linked.links.into(),
        kept: Arc::new(Kept { texts, abort, table, admission, alerts, jobs, cases }),
    };
    (Some(bundle), faults)
}

struct Reader<'r> {
    texts: &'r Texts,
    kept: Option<&'r Kept>,
}

impl Reader<'_> {
    fn of(&self, wanted: Part) -> impl Iterator<Item = (&String, &Arc<str>)> {
        self.texts.iter().filter(move |(path, _)| Part::of(path) == Some(wanted))
    }

    /// The files of these parts, in the order of their paths.
    fn chosen(&self, parts: &[Part]) -> Chosen {
        let wanted = self.texts.iter().filter(|(path, _)| Part::of(path).is_some_and(|part| parts.contains(&part)));
        wanted.map(|(path, text)| (path.clone(), Arc::clone(text))).collect()
    }

    /// The scripts of a kind that keep their contract. The manifest sets their limits.
    fn scripts<T: Clone>(
        &self,
        kind: ScriptKind,
        before: Option<&Piece<T>>,
        load: impl FnOnce(&[(&str, &str)], &mut Vec<Fault>) -> T,
    ) -> Piece<T> {
        Piece::renew(before, self.chosen(&[Part::Manifest, Part::Script(kind)]), |files, faults| {
            let mut sound = Vec::new();
            for (path, text) in files.iter().filter(|(path, _)| Part::of(path) == Some(Part::Script(kind))) {
                let found = faults.len();
                contract::check(kind, path, text, faults);
                if !faults.iter().skip(found).any(|fault| fault.grade == Grade::Error) {
                    sound.push((path.as_str(), &**text));
                }
            }
            load(&sound, faults)
        })
    }

    fn guard(&self, linked: &links::Expanded, before: Option<&Guard>, faults: &mut Vec<Fault>) -> Option<Guard> {
        let schema = self.texts.get(SCHEMA).map_or(SHIPPED_SCHEMA, |text| &**text);
        let held =
            before.filter(|_| self.kept.is_some_and(|kept| kept.texts.get(SCHEMA).is_some_and(|it| **it == *schema)));
        let vocabulary = match held {
            Some(before) => Ok(Arc::clone(&before.vocabulary)),
            None => Vocabulary::parse(SCHEMA, schema, SHIPPED_SCHEMA).map(Arc::new),
        };
        let written = self.of(Part::Policies).filter(|(path, _)| !links::is_template(path));
        let policies = written.chain(&linked.policies).map(|(path, text)| (path.as_str(), text)).collect();
        match vocabulary {
            Ok(vocabulary) => Some(Guard::load(vocabulary, &policies, held, faults)),
            Err(wrong) => {
                faults.extend(wrong);
                None
            }
        }
    }

    fn cases(&self) -> BTreeMap<String, Piece<Vec<Arc<Case>>>> {
        let all = [Part::PolicyCases, Part::ScriptCases(ScriptKind::Admission)];
        let of_policies = self.chosen(&all).into_iter().filter(|(path, _)| !cases::of_a_script(path));
        let read = |(path, text): (String, Arc<str>)| {
            let before = self.kept.and_then(|kept| kept.cases.get(&path));
            let piece = Piece::renew(before, vec![(path.clone(), text)], |files, faults| {
                let mut found = Vec::new();
                for (path, text) in files {
                    match cases::parse(path, text) {
                        Ok(cases) => found.extend(cases.into_iter().map(Arc::new)),
                        Err(wrong) => faults.extend(wrong),
                    }
                }
                found
            });
            (path, piece)
        };
        of_policies.map(read).collect()
    }

    fn script_cases(&self, faults: &mut Vec<Fault>) -> Vec<ScriptCase> {
        let mut found = Vec::new();
        let parts = ScriptKind::ALL.into_iter().flat_map(|kind| self.of(Part::ScriptCases(kind)));
        for (path, text) in parts.filter(|(path, _)| cases::of_a_script(path)) {
            match cases::parse_script(path, text, self.texts) {
                Ok(cases) => found.extend(cases),
                Err(wrong) => faults.extend(wrong),
            }
        }
        for (path, text) in self.of(Part::CommandCases) {
            match cases::parse_commands(path, text, self.texts) {
                Ok(cases) => found.extend(cases),
                Err(wrong) => faults.extend(wrong),
            }
        }
        found
    }

    fn infos(&self) -> Arc<[ScriptInfo]> {
        let infos = ScriptKind::ALL.into_iter().flat_map(|kind| {
            let info = move |(path, text): (&String, &Arc<str>)| ScriptInfo {
                path: path.clone(),
                kind,
                source: text.to_string(),
            };
            self.of(Part::Script(kind)).map(info)
        });
        infos.collect()
    }
}

fn tables(files: &[(String, Arc<str>)], faults: &mut Vec<Fault>) -> Arc<Table> {
    let table = Table::parse(files.iter().map(|(path, text)| (path.as_str(), &**text)));
    Arc::new(table.unwrap_or_else(|wrong| {
        faults.extend(wrong.into_iter().map(|fault| {
            let text = files.iter().find(|(path, _)| *path == fault.file).map_or("", |(_, text)| text);
            let code = if fault.message.contains("described twice") { "command-duplicate" } else { "command-table" };
            let (line, column) = (small(fault.line), small(fault.column));
            written::with_help(Fault::on_line(&fault.file, text, line, column, 1, &fault.message).code(code))
        }));
        Table::default()
    }))
}

/// The files of a bundle as they count for its revision.
pub(super) fn canonical(files: &BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<String, Vec<u8>>, Vec<Fault>> {
    Ok(known(files)?.into_iter().map(|(path, bytes)| (path.to_owned(), bytes.into_owned())).collect())
}

/// The revision that these files have, whether they are a good bundle or not.
pub(super) fn revision_of(files: &BTreeMap<String, Vec<u8>>) -> Result<String, Vec<Fault>> {
    Ok(revision(&known(files)?))
}

/// The files that belong to a bundle, or why they cannot be one. A bundle without a schema gets the one that ships.
fn known(files: &BTreeMap<String, Vec<u8>>) -> Result<Known<'_>, Vec<Fault>> {
    let ours: BTreeMap<&str, &[u8]> =
        files.iter().filter(|(path, _)| Part::of(path).is_some()).map(|(path, bytes)| (&**path, &**bytes)).collect();
    let mut faults: Vec<Fault> = ours.keys().filter_map(|path| path_fault(path)).collect();
    faults.extend(layout::case_faults(ours.keys().copied()));
    for (path, bytes) in ours.iter().filter(|(_, bytes)| bytes.len() > MOST_FILE_BYTES) {
        let message = format!("the file has {} bytes; {MOST_FILE_BYTES} are taken", bytes.len());
        faults.push(Fault::whole(*path, message).code("too-large").help("cut it into several"));
    }
    let size: usize = ours.values().map(|bytes| bytes.len()).sum();
    if size > MOST_BYTES || ours.len() > MOST_FILES {
        let message =
            format!("the bundle has {} files with {size} bytes; {MOST_FILES} with {MOST_BYTES} are taken", ours.len());
        faults.push(Fault::whole("bundle.toml", message).code("too-large").help("is this the bundle's folder?"));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut known: Known<'_> = ours.into_iter().map(|(path, bytes)| (path, plain(bytes))).collect();
    known.entry(SCHEMA).or_insert_with(|| plain(SHIPPED_SCHEMA.as_bytes()));
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

fn texts(known: &Known<'_>, kept: Option<&Kept>, faults: &mut Vec<Fault>) -> Texts {
    let mut texts = BTreeMap::new();
    for (&path, bytes) in known {
        match std::str::from_utf8(bytes) {
            Ok(text) if text.contains('\0') => {
                let at = text.find('\0').unwrap_or_default();
                let fault = Fault::at(path, text, at..at + 1, "the file holds a byte of value zero, which no text has");
                faults.push(fault.code("encoding").help("is it text, in UTF-8?"));
            }
            Ok(text) => {
                texts.insert(path.to_owned(), Kept::text(kept, path, text));
            }
            Err(error) => {
                let at = error.valid_up_to();
                let text = String::from_utf8_lossy(bytes).into_owned();
                let wide = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
                let help = if wide { "it is UTF-16: save it as UTF-8" } else { "save it as UTF-8" };
                let message = format!("the file is not UTF-8 text; byte {at} is not");
                faults.push(Fault::at(path, &text, at..at + 1, message).code("encoding").help(help));
            }
        }
    }
    texts
}

fn manifest(texts: &Texts, faults: &mut Vec<Fault>) -> Manifest {
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
