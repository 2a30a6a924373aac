//! Cases of a command table: what lines are classified as. They stand next to the table, under its name.

use std::collections::BTreeSet;

use legator_classify::classify;
use legator_protocol::{CommandSpec, Level};
use serde::Deserialize;
use toml::Spanned;

use super::expect::Differences;
use super::rows;
use super::script::{Kind, ScriptCase};
use crate::Bundle;
use crate::bundle::{Fault, Texts};

/// Lines by what they are, and lines of which more is said.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    observe: Vec<Spanned<String>>,
    diagnose: Vec<Spanned<String>>,
    remediate: Vec<Spanned<String>>,
    destroy: Vec<Spanned<String>>,
    /// `remediate`, and the table does not know all of it.
    unknown: Vec<Spanned<String>>,
    /// `remediate`, and not all of it can be read.
    unparsed: Vec<Spanned<String>>,
    case: Vec<Spanned<WrittenCase>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCase {
    line: String,
    level: Level,
    known: Option<bool>,
    parsed: Option<bool>,
    #[serde(default)]
    effects: BTreeSet<String>,
    #[serde(default)]
    targets: BTreeSet<String>,
    /// `kind:target`, as in `file:/etc/hosts`.
    #[serde(default)]
    look: BTreeSet<String>,
}

/// One line, and what it is.
#[derive(Clone)]
pub(super) struct CommandCase {
    line: String,
    level: Level,
    known: Option<bool>,
    parsed: Option<bool>,
    /// All of these are among what is found.
    effects: BTreeSet<String>,
    targets: BTreeSet<String>,
    look: BTreeSet<String>,
}

/// Reads the cases of one file; `texts` are the bundle's files.
pub(crate) fn parse_commands(file: &str, text: &str, texts: &Texts) -> Result<Vec<ScriptCase>, Vec<Fault>> {
    let Written { observe, diagnose, remediate, destroy, unknown, unparsed, case } = rows::read(file, text)?;
    let table = file.strip_suffix(".cases.toml").map_or_else(String::new, |stem| format!("{stem}.toml"));
    if !texts.contains_key(&table) {
        let message = format!("the cases are of `{table}`, which the bundle does not have");
        let fault = Fault::at(file, text, 0..0, message);
        return Err(vec![fault.help("name the file after its table: `own.toml` and `own.cases.toml`")]);
    }
    let groups = [
        (Level::Observe, Some(true), Some(true), observe),
        (Level::Diagnose, Some(true), Some(true), diagnose),
        (Level::Remediate, Some(true), Some(true), remediate),
        // What destroys does so whether the rest of it is known or not.
        (Level::Destroy, None, None, destroy),
        (Level::Remediate, Some(false), Some(true), unknown),
        (Level::Remediate, None, Some(false), unparsed),
    ];
    let plain = groups.into_iter().flat_map(|(level, known, parsed, lines)| {
        lines
            .into_iter()
            .map(move |line| (line.span().start, CommandCase::plain(line.into_inner(), level, known, parsed)))
    });
    let told = case.into_iter().map(|case| (case.span().start, CommandCase::from(case.into_inner())));
    let mut cases: Vec<(usize, CommandCase)> = plain.chain(told).collect();
    cases.sort_by_key(|(at, _)| *at);
    // Lines are counted as we go, since there may be thousands of cases.
    let (mut line, mut counted) = (1_u32, 0_usize);
    let ready = cases.into_iter().map(|(at, case)| {
        let between = text.get(counted..at).unwrap_or_default();
        line += u32::try_from(between.matches('\n').count()).unwrap_or_default();
        counted = at;
        let name = case.line.clone();
        ScriptCase { file: file.to_owned(), line, name, script: table.clone(), kind: Kind::Command(Box::new(case)) }
    });
    Ok(ready.collect())
}

impl CommandCase {
    fn plain(line: String, level: Level, known: Option<bool>, parsed: Option<bool>) -> Self {
        let (effects, targets, look) = Default::default();
        Self { line, level, known, parsed, effects, targets, look }
    }

    /// What is different, and what each part of the line contributed.
    pub(super) fn tried(&self, bundle: &Bundle) -> (Differences, Vec<String>) {
        let got = classify(bundle.table(), &CommandSpec::shell(&self.line));
        let mut found = Differences::default();
        found.unless_same("the level", self.level.to_string(), got.level.to_string());
        for (what, expected, got) in [("`known`", self.known, got.known), ("`parsed`", self.parsed, got.parsed)] {
            if let Some(expected) = expected {
                found.unless_same(what, expected.to_string(), got.to_string());
            }
        }
        let looks = got.look.iter().map(|look| format!("{:?}:{}", look.kind, look.target).to_lowercase());
        for (what, expected, got) in [
            ("the effects", &self.effects, &got.effects),
            ("the targets", &self.targets, &got.targets),
            ("what is looked at", &self.look, &looks.collect()),
        ] {
            if !expected.is_subset(got) {
                found.unless_same(what, format!("{expected:?} among them"), format!("{got:?}"));
            }
        }
        let part = |part: &legator_classify::Part| format!("{}  {}: {}", part.level, part.text, part.why);
        (found, got.parts.iter().map(part).collect())
    }
}

impl From<WrittenCase> for CommandCase {
    fn from(written: WrittenCase) -> Self {
        let WrittenCase { line, level, known, parsed, effects, targets, look } = written;
        let look = look.into_iter().map(|look| look.to_lowercase()).collect();
        Self { line, level, known, parsed, effects, targets, look }
    }
}
