//! Cases of alert rules and jobs: they stand next to their script, under its name (`disk.rhai`, `disk.cases.toml`).

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

use super::alert::{AlertCase, WrittenAlert};
use super::command::CommandCase;
use super::job::{JobCase, WrittenJob};
use super::rows::{self, Tabular};
use super::{Difference, ScriptCaseResult};
use crate::Bundle;
use crate::bundle::{Fault, Texts};

/// One case, ready to be tried.
#[derive(Clone)]
pub(crate) struct ScriptCase {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) name: String,
    pub(crate) script: String,
    pub(super) kind: Kind,
}

#[derive(Clone)]
pub(super) enum Kind {
    Alert(AlertCase),
    Command(Box<CommandCase>),
    Job(Box<JobCase>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<T> {
    #[serde(default = "Vec::new", rename = "case")]
    cases: Vec<Spanned<T>>,
    /// Another script than the one of the same name.
    #[serde(default)]
    script: Option<Spanned<String>>,
}

/// Whether the cases of this file are of an alert rule or of a job.
pub(crate) fn of_a_script(path: &str) -> bool {
    path.starts_with("scripts/alerts/") || path.starts_with("scripts/jobs/")
}

/// Reads the cases of one file; `texts` are the bundle's files.
pub(crate) fn parse_script(file: &str, text: &str, texts: &Texts) -> Result<Vec<ScriptCase>, Vec<Fault>> {
    if file.starts_with("scripts/alerts/") {
        return parse(file, text, texts, |written: WrittenAlert| written.ready().map(Kind::Alert));
    }
    parse(file, text, texts, |written: WrittenJob| written.ready().map(|case| Kind::Job(Box::new(case))))
}

fn parse<T: DeserializeOwned + Tabular>(
    file: &str,
    text: &str,
    texts: &Texts,
    ready: impl Fn(T) -> Result<Kind, String>,
) -> Result<Vec<ScriptCase>, Vec<Fault>> {
    let written: Written<T> = rows::read(file, text)?;
    let beside = || file.strip_suffix(".cases.toml").map_or_else(String::new, |stem| format!("{stem}.rhai"));
    let script = written.script.as_ref().map_or_else(beside, |script| script.get_ref().clone());
    let mut faults = Vec::new();
    if !texts.contains_key(&script) {
        let place = written.script.as_ref().map_or(0..0, Spanned::span);
        let message = format!("the cases are of `{script}`, which the bundle does not have");
        let help = "name the file after its script, or say `script = \"scripts/…\"` at its top";
        faults.push(Fault::at(file, text, place, message).help(help));
    }
    let mut cases = Vec::new();
    rows::each(file, text, written.cases, &mut faults, |written, name, place, faults| match ready(written) {
        Ok(kind) => {
            let (file, script) = (file.to_owned(), script.clone());
            cases.push(ScriptCase { file, line: place.line, name, script, kind });
        }
        Err(message) => faults.push(Fault { message: format!("case `{name}`: {message}"), ..place }),
    });
    if faults.is_empty() { Ok(cases) } else { Err(faults) }
}

impl ScriptCase {
    pub(crate) fn tried(&self, bundle: &Bundle) -> ScriptCaseResult {
        let (found, steps) = match &self.kind {
            Kind::Alert(case) => case.tried(bundle, &self.script),
            Kind::Command(case) => case.tried(bundle),
            Kind::Job(case) => case.tried(bundle, &self.script),
        };
        let problems = found.0.iter().map(Difference::to_string).collect();
        let Self { file, line, name, script, .. } = self.clone();
        ScriptCaseResult { file, line, name, script, problems, differences: found.0, steps }
    }
}
