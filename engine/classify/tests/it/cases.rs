//! Runs `policies/commands/*.cases.toml`. A program without a case fails, and so does a case that disagrees.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use legator_classify::{Table, classify};
use legator_protocol::{CommandSpec, Level};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    #[serde(default)]
    observe: Vec<String>,
    #[serde(default)]
    diagnose: Vec<String>,
    #[serde(default)]
    remediate: Vec<String>,
    #[serde(default)]
    destroy: Vec<String>,
    /// `remediate`, and the table does not know all of it.
    #[serde(default)]
    unknown: Vec<String>,
    /// `remediate`, and not all of it can be read.
    #[serde(default)]
    unparsed: Vec<String>,
    #[serde(default)]
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    line: String,
    level: Level,
    known: Option<bool>,
    parsed: Option<bool>,
    #[serde(default)]
    effects: Vec<String>,
    #[serde(default)]
    targets: Vec<String>,
    #[serde(default)]
    look: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/commands")
}

fn table_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension().is_some_and(|ext| ext == "toml") && !path.to_string_lossy().ends_with(".cases.toml")
        })
        .collect();
    files.sort();
    files
}

#[test]
fn the_shipped_table_has_no_faults_and_at_least_250_programs() {
    let faults = Table::parse(Table::shipped_files().iter().copied()).err().unwrap_or_default();
    assert!(faults.is_empty(), "{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    let n = Table::shipped().programs().len();
    assert!(n >= 250, "{n} programs");
    assert_eq!(Table::shipped().digest().len(), 64);
}

#[test]
fn the_list_of_shipped_files_is_the_folder() {
    let listed: BTreeSet<&str> = Table::shipped_files().iter().map(|(name, _)| *name).collect();
    let there: Vec<String> =
        table_files().iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(listed, there.iter().map(String::as_str).collect::<BTreeSet<_>>());
}

#[test]
fn every_case_agrees_and_every_program_has_one() {
    let mut wrong = Vec::new();
    for path in table_files() {
        let cases_path = path.with_extension("cases.toml");
        let name = cases_path.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(text) = fs::read_to_string(&cases_path) else {
            wrong.push(format!("{name} is not there"));
            continue;
        };
        let cases: Cases = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut met = BTreeSet::new();
        let groups = [
            (Level::Observe, Some(true), Some(true), &cases.observe),
            (Level::Diagnose, Some(true), Some(true), &cases.diagnose),
            (Level::Remediate, Some(true), Some(true), &cases.remediate),
            (Level::Destroy, None, None, &cases.destroy),
            (Level::Remediate, Some(false), Some(true), &cases.unknown),
            (Level::Remediate, None, Some(false), &cases.unparsed),
        ];
        let plain = groups.into_iter().flat_map(|(level, known, parsed, lines)| {
            lines.iter().map(move |line| Case {
                line: line.clone(),
                level,
                known,
                parsed,
                effects: Vec::new(),
                targets: Vec::new(),
                look: Vec::new(),
            })
        });
        for case in plain.chain(cases.case) {
            let found = classify(Table::shipped(), &CommandSpec::shell(&case.line));
            met.extend(found.programs.iter().cloned());
            let looks: BTreeSet<String> =
                found.look.iter().map(|look| format!("{:?}:{}", look.kind, look.target).to_lowercase()).collect();
            let agrees = found.level == case.level
                && case.known.is_none_or(|known| known == found.known)
                && case.parsed.is_none_or(|parsed| parsed == found.parsed)
                && case.effects.iter().all(|one| found.effects.contains(one))
                && case.targets.iter().all(|one| found.targets.contains(one))
                && case.look.iter().all(|one| looks.contains(&one.to_lowercase()));
            if !agrees {
                let parts: Vec<String> = found
                    .parts
                    .iter()
                    .map(|part| format!("    {} | {} | {}", part.level, part.text, part.why))
                    .collect();
                wrong.push(format!(
                    "{name}: `{}` should be {} (known {:?}), is {} (known {}, parsed {}), effects {:?}, targets {:?}, look {:?}\n{}",
                    case.line, case.level, case.known, found.level, found.known, found.parsed, found.effects, found.targets,
                    looks, parts.join("\n"),
                ));
            }
        }
        let programs: BTreeMap<String, toml::Table> = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for (program, entry) in programs {
            let aliases = entry.get("aliases").and_then(toml::Value::as_str).unwrap_or_default();
            if !met.contains(&program) && !aliases.split_whitespace().any(|alias| met.contains(alias)) {
                wrong.push(format!("{name}: no case for `{program}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
