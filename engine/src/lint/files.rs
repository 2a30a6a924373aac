//! Rules about files: what has no cases, and what the manifest leaves out.

use std::collections::BTreeSet;

use toml::de::DeTable;

use super::Looked;
use crate::bundle::references::{expected_policies, tables_of};
use crate::bundle::{Fault, Part, ScriptKind};

pub(super) fn look(looked: &Looked<'_>, found: &mut Vec<Fault>) {
    manifest(looked, found);
    let mut expected: BTreeSet<String> = BTreeSet::new();
    for (path, text) in looked.texts {
        match Part::of(path) {
            Some(Part::Script(kind)) => script(looked, path, text, kind, found),
            Some(Part::Commands) => commands(looked, path, text, found),
            Some(Part::PolicyCases | Part::ScriptCases(_)) => {
                if let Ok(document) = DeTable::parse(text) {
                    expected.extend(expected_policies(document.get_ref()));
                    twice(path, text, document.get_ref(), found);
                }
            }
            _ => {}
        }
    }
    for guardrail in looked.guardrails().iter().filter(|guardrail| !expected.contains(&guardrail.info.id)) {
        let message = format!("no case expects `{}` to decide", guardrail.info.id);
        found.push(looked.on(guardrail, "policy-without-case", message));
    }
}

fn manifest(looked: &Looked<'_>, found: &mut Vec<Fault>) {
    let missing: Vec<&str> = [("name", looked.manifest.name.is_none()), ("engine", looked.manifest.engine.is_none())]
        .into_iter()
        .filter_map(|(key, missing)| missing.then_some(key))
        .collect();
    if missing.is_empty() {
        return;
    }
    let file = looked.texts.keys().find(|path| Part::of(path) == Some(Part::Manifest));
    let message = format!("the manifest has no `{}`", missing.join("` and no `"));
    found.push(Fault::whole(file.map_or("bundle.toml", String::as_str), message).code("manifest-name"));
}

fn script(looked: &Looked<'_>, path: &str, text: &str, kind: ScriptKind, found: &mut Vec<Fault>) {
    let cases = path.replace(".rhai", ".cases.toml");
    if !looked.texts.contains_key(&cases) {
        let message = format!("{} without cases: `{cases}` is not there", kind.noun());
        found.push(Fault::on_line(path, text, 1, 1, 1, message).code("script-without-cases"));
    }
}

fn commands(looked: &Looked<'_>, path: &str, text: &str, found: &mut Vec<Fault>) {
    let cases = path.replace(".toml", ".cases.toml");
    if !looked.texts.contains_key(&cases) {
        let message = format!("a command table without cases: `{cases}` is not there");
        found.push(Fault::on_line(path, text, 1, 1, 1, message).code("command-without-cases"));
    }
    // What ships was looked at with care, and has its cases.
    let name = path.rsplit('/').next().unwrap_or(path);
    let read = |text: &str| text.parse::<toml::Table>().unwrap_or_default();
    let shipped = legator_classify::Table::shipped_files().iter().find(|(file, _)| *file == name);
    let (shipped, own) = (shipped.map(|(_, text)| read(text)).unwrap_or_default(), read(text));
    let Ok(document) = DeTable::parse(text) else { return };
    for (program, value) in document.get_ref() {
        let says = |key: &str, wanted: &str| {
            let table = value.get_ref().as_table();
            table.is_some_and(|table| {
                table.iter().any(|(name, value)| name.get_ref() == key && value.get_ref().as_str() == Some(wanted))
            })
        };
        let ours = shipped.get(program.get_ref().as_ref()) != own.get(program.get_ref().as_ref());
        if ours && says("level", "observe") && says("options", "any") {
            let message = format!("`{}` is `observe` with any option", program.get_ref());
            found.push(Fault::at(path, text, program.span(), message).code("command-any-option"));
        }
    }
}

fn twice(path: &str, text: &str, document: &DeTable<'_>, found: &mut Vec<Fault>) {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for case in tables_of(document, "case") {
        let Some((_, name)) = case.iter().find(|(key, _)| key.get_ref() == "name") else { continue };
        let Some(said) = name.get_ref().as_str() else { continue };
        if !seen.insert(said) {
            let message = format!("another case of this file is called `{said}`");
            found.push(Fault::at(path, text, name.span(), message).code("case-name-twice"));
        }
    }
}
