//! Masking: names, arguments and texts become pseudonyms, and what decides stays, so that decisions can be replayed
//! where nobody may know who did what.
//! Never: a masked decision that answers otherwise than the one it stands for. That one is an obstacle.
//!
//! Open are roles, groups, tags, sites, tenants, levels, load and time, the names of programs, and every word that the
//! exporting bundle's policies, scripts and command tables name. All else is keyed: the same word gives the same
//! pseudonym in every export of one server, and nobody without the key can try words out.

use std::collections::{BTreeMap, BTreeSet};

use hmac::{Hmac, KeyInit, Mac};
use legator_protocol::{CommandSpec, Invocation};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::difference::Kind;
use super::obstacle::{Obstacle, ObstacleKind};
use super::record::Record;
use crate::bundle::Bundle;
use crate::decide::decide;
use crate::decision::Classified;
use crate::facts::{Ask, Facts, Principal, Resource};

/// What an export leaves as it is. Its first line says so, because a candidate may name more than that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Ids and words that policies, scripts and tables name.
    pub words: BTreeSet<String>,
    /// A word with one of these in it is left as it is.
    pub fragments: BTreeSet<String>,
    /// Digests of the scripts whose words are kept.
    pub scripts: BTreeSet<String>,
    /// Words of the command table, by program.
    pub table: BTreeMap<String, BTreeSet<String>>,
}

/// Replaces what is not kept.
pub struct Mask {
    /// As long as a block of the hash; a shorter key is filled up with zeros.
    key: [u8; 64],
    kept: Kept,
    /// The words of `kept`, of the table too.
    open: BTreeSet<String>,
}

/// Directories that every host has, and words of the shell: they tell nobody anything.
const COMMON: [&str; 44] = [
    "bin", "boot", "dev", "etc", "home", "lib", "lib64", "local", "log", "mnt", "null", "opt", "proc", "root", "run",
    "sbin", "srv", "sys", "systemd", "tmp", "usr", "var", "if", "then", "else", "elif", "fi", "for", "in", "do",
    "done", "while", "until", "case", "esac", "function", "true", "false", "exit", "return", "export", "local", "set",
    "stdin",
];

/// What separates the parts of a word; each part is masked by itself, so that its shape stays.
const SEPARATORS: [char; 6] = ['/', '=', ':', '@', ',', '+'];

impl Kept {
    /// What `bundle` names.
    pub fn of(bundle: &Bundle) -> Self {
        let mut kept = Self { table: table_words(bundle), ..Self::default() };
        for (_, named) in bundle.guard.named() {
            kept.words.extend(named.words);
            // A fragment of one character is in nearly everything, and separators stay anyway.
            kept.fragments.extend(named.fragments.into_iter().filter(|fragment| !fragment.is_empty()));
        }
        for script in bundle.scripts() {
            kept.scripts.insert(hex::encode(Sha256::digest(&script.source)));
            for word in literals(&script.source) {
                kept.fragments.extend((word.chars().count() > 2).then(|| word.clone()));
                kept.words.insert(word);
            }
        }
        kept
    }

    /// What several bundles name: decisions of different revisions go into one export.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.words.extend(other.words);
        self.fragments.extend(other.fragments);
        self.scripts.extend(other.scripts);
        for (program, words) in other.table {
            self.table.entry(program).or_default().extend(words);
        }
        self
    }
}

impl Mask {
    pub fn new(key: [u8; 32], kept: Kept) -> Self {
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(&key);
        let open = kept.words.iter().chain(kept.table.keys()).chain(kept.table.values().flatten()).cloned().collect();
        Self { key: block, kept, open }
    }

    pub const fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The record as others may see it: `own` decides the masked facts, and has to answer as it did.
    pub fn record(&self, own: &Bundle, record: &Record) -> Result<Record, Obstacle> {
        let facts = self.facts(&record.facts, record.decision.classification.as_ref());
        let decision = decide(own, &facts);
        let before = &record.decision;
        let (was, is) = (before.classification.as_ref().map(gist), decision.classification.as_ref().map(gist));
        if Kind::of(before, &decision) != Kind::Same || was != is {
            let detail = "its answer depends on something that is masked and that no policy names";
            return Err(Obstacle::new(ObstacleKind::Masked, detail));
        }
        let command = self.pseudonym(&record.command);
        let mut masked = Record::new(command, record.judgement, record.at_ms, facts, decision);
        masked.masked = true;
        Ok(masked)
    }

    /// The pseudonym of a word.
    pub fn pseudonym(&self, word: &str) -> String {
        let mut mac = Hmac::<Sha256>::new(&self.key.into());
        mac.update(word.as_bytes());
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        format!("m{}", hex::encode(&digest[..6]))
    }

    fn facts(&self, facts: &Facts, said: Option<&Classified>) -> Facts {
        let mut masked = facts.clone();
        let Principal { acts_for, id, name, .. } = &mut masked.principal;
        // An id and a name that are the same stay the same.
        (*id, *name) = (self.word(id), self.word(name));
        *acts_for = acts_for.as_ref().map(|id| self.word(id));
        let words = |ids: &BTreeSet<String>| -> BTreeSet<String> { ids.iter().map(|id| self.word(id)).collect() };
        let approvals = &mut masked.context.approvals;
        (approvals.by, approvals.signed) = (words(&approvals.by), words(&approvals.signed));
        for grant in &mut masked.context.grants {
            (grant.by, grant.signed) = (words(&grant.by), words(&grant.signed));
            // Whom and what it is for stays the same pseudonym; a line that it is held against makes it an obstacle.
            grant.policy = grant.policy.replace(&facts.principal.id, &self.word(&facts.principal.id));
            if let Resource::Probe(probe) = &facts.resource {
                grant.policy = grant.policy.replace(&probe.id, &self.word(&probe.id));
            }
            grant.policy = without_line(&grant.policy);
        }
        masked.context.reason = facts.context.reason.as_ref().map(|text| self.text(text, &[]));
        masked.context.breakglass = facts.context.breakglass.as_ref().map(|text| self.text(text, &[]));
        let programs: Vec<&str> = said.iter().flat_map(|said| &said.programs).map(String::as_str).collect();
        match &mut masked.resource {
            Resource::Probe(probe) => {
                (probe.id, probe.name) = (self.word(&probe.id), self.word(&probe.name));
                probe.hostname = self.word(&probe.hostname);
            }
            Resource::Approval(approval) => {
                approval.id = self.word(&approval.id);
                approval.requester = self.word(&approval.requester);
                approval.requester_acts_for = approval.requester_acts_for.as_ref().map(|id| self.word(id));
                approval.probe = self.word(&approval.probe);
                approval.command = self.text(&approval.command, &[]);
            }
            Resource::Other(other) => other.id = self.word(&other.id),
        }
        if let Ask::Command(spec) = &mut masked.ask {
            self.command(spec, &programs);
        }
        masked
    }

    fn command(&self, spec: &mut CommandSpec, programs: &[&str]) {
        match &mut spec.run {
            Invocation::Argv(argv) => {
                for word in argv {
                    *word = if word.contains(char::is_whitespace) {
                        self.text(word, programs)
                    } else {
                        self.argument(word, programs)
                    };
                }
            }
            Invocation::Shell(line) => *line = self.text(line, programs),
        }
        for value in spec.env.values_mut() {
            *value = self.word(value);
        }
        spec.cwd = spec.cwd.as_ref().map(|cwd| self.argument(cwd, programs));
    }

    /// A line or a sentence: every run of word characters by itself, all else as it is.
    fn text(&self, text: &str, programs: &[&str]) -> String {
        let mut out = String::with_capacity(text.len());
        let mut word = String::new();
        for c in text.chars().chain(['\n']) {
            if c.is_alphanumeric() || "_-.%~".contains(c) || SEPARATORS.contains(&c) {
                word.push(c);
                continue;
            }
            if !word.is_empty() {
                out.push_str(&self.argument(&std::mem::take(&mut word), programs));
            }
            out.push(c);
        }
        out.pop();
        out
    }

    /// An argument: options keep their name, paths and pairs their shape.
    fn argument(&self, word: &str, programs: &[&str]) -> String {
        let kept = |part: &str| self.is_open(part) || programs.contains(&part);
        if kept(word) {
            return word.to_owned();
        }
        if let Some(name) = word.strip_prefix('-') {
            let (name, value) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
            let long = name.starts_with('-') || name.chars().count() <= 4;
            let plain = name.chars().all(|c| c.is_ascii_alphabetic() || c == '-');
            let shown = if long && plain {
                format!("-{name}")
            } else {
                let letter: String = name.chars().take(1).collect();
                format!("-{letter}{}", self.word(name.strip_prefix(letter.as_str()).unwrap_or_default()))
            };
            return match value {
                Some(value) => format!("{shown}={}", self.argument(value, programs)),
                None => shown,
            };
        }
        let mut out = String::with_capacity(word.len());
        for part in word.split_inclusive(SEPARATORS) {
            let (inner, end) = match part.chars().last().filter(|last| SEPARATORS.contains(last)) {
                Some(last) => (part.strip_suffix(last).unwrap_or(part), Some(last)),
                None => (part, None),
            };
            let number = inner.len() <= 5 && inner.chars().all(|c| c.is_ascii_digit());
            let dots = inner.chars().all(|c| c == '.' || c == '~' || c == '-');
            match kept(inner) || number || dots || COMMON.contains(&inner) {
                true => out.push_str(inner),
                false => out.push_str(&self.pseudonym(inner)),
            }
            out.extend(end);
        }
        out
    }

    fn word(&self, word: &str) -> String {
        if word.is_empty() || self.is_open(word) { word.to_owned() } else { self.pseudonym(word) }
    }

    fn is_open(&self, word: &str) -> bool {
        self.open.contains(word) || self.kept.fragments.iter().any(|fragment| word.contains(fragment.as_str()))
    }
}

/// What a candidate names that an export masks: where that could count, a decision is not replayable.
pub struct Blind {
    policies: Vec<(u32, String, String)>,
    scripts: Vec<String>,
    programs: BTreeSet<String>,
}

impl Blind {
    pub fn new(candidate: &Bundle, kept: &Kept) -> Self {
        let policies = candidate.guard.named().filter_map(|(n, named)| {
            let mut unkept = named.words.difference(&kept.words).chain(
                named.fragments.iter().filter(|fragment| !fragment.is_empty() && !kept.fragments.contains(*fragment)),
            );
            let first = unkept.next()?.clone();
            Some((n, named.id, first))
        });
        let reads = |source: &str| {
            [".line", ".targets", ".reason", ".breakglass", ".hostname", ".principal", ".probe"].into_iter().any(
                |getter| {
                    source.match_indices(getter).any(|(at, _)| {
                        let whole = !source[at + getter.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
                        whole && !(getter == ".probe" && source[..at].ends_with("capacity"))
                    })
                },
            )
        };
        let scripts = candidate.scripts().filter(|script| {
            !kept.scripts.contains(&hex::encode(Sha256::digest(&script.source))) && reads(&script.source)
        });
        let of_table = table_words(candidate);
        let none = BTreeSet::new();
        let programs = of_table.into_iter().filter_map(|(program, words)| {
            let known = kept.table.get(&program).unwrap_or(&none);
            (!words.is_subset(known)).then_some(program)
        });
        Self {
            policies: policies.collect(),
            scripts: scripts.map(|script| script.path.clone()).collect(),
            programs: programs.collect(),
        }
    }

    /// What keeps `record` from being decided again under `candidate`, which said `decision`.
    pub(super) fn obstacle(
        &self,
        candidate: &Bundle,
        record: &Record,
        decision: &crate::decision::Decision,
    ) -> Option<Obstacle> {
        let masked = |detail: String| Some(Obstacle::new(ObstacleKind::Masked, detail));
        let said = decision.classification.iter().flat_map(|said| &said.programs);
        if let Some(program) = said.into_iter().find(|program| self.programs.contains(program.as_str())) {
            return masked(format!("the candidate's table has words for `{program}` that the export masks"));
        }
        for (n, id, word) in &self.policies {
            if candidate.guard.concerns(*n, &decision.action, &record.facts) {
                return masked(format!("policy `{id}` names `{word}`, which the export may have masked"));
            }
        }
        match self.scripts.first().filter(|_| decision.rationale.admission.is_some()) {
            Some(script) => masked(format!("`{script}` reads what the export masks")),
            None => None,
        }
    }
}

/// A grant's policy without the line that it covers: what passed with it passes without.
fn without_line(policy: &str) -> String {
    match policy.split_once("\nwhen { context.command.line like ") {
        Some((before, _)) => format!("{before};"),
        None => policy.to_owned(),
    }
}

/// What of a classification masking must not touch.
fn gist(said: &Classified) -> impl PartialEq + use<> {
    (said.level, said.parsed, said.known, said.programs.clone(), said.effects.clone())
}

/// The words of each entry of the command table; an entry also stands under its aliases.
fn table_words(bundle: &Bundle) -> BTreeMap<String, BTreeSet<String>> {
    let mut words: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for text in bundle.table().files().values() {
        let Ok(table) = text.parse::<toml::Table>() else { continue };
        for (program, entry) in table {
            let mut own = BTreeSet::new();
            collect(&entry, &mut own);
            let aliases = entry.get("aliases").and_then(toml::Value::as_str).unwrap_or_default();
            for name in aliases.split_whitespace().chain([program.as_str()]) {
                words.entry(name.to_owned()).or_default().extend(own.iter().cloned());
            }
        }
    }
    words
}

fn collect(value: &toml::Value, words: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                words.insert(key.clone());
                // Sentences for people name nothing.
                if key != "why" {
                    collect(value, words);
                }
            }
        }
        toml::Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        toml::Value::String(text) => words.extend(text.split_whitespace().map(str::to_owned)),
        _ => {}
    }
}

/// The texts in quotes of a script. A comment's quotes do no harm: a word more is kept.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for quote in ['"', '`', '\''] {
        found.extend(source.split(quote).skip(1).step_by(2).map(str::to_owned));
    }
    found.retain(|text| !text.is_empty() && !text.contains('\n'));
    found
}
