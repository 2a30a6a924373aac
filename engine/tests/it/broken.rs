//! The corpus of broken bundles: whatever is wrong, the file, the line, the column and what helps are said.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use legator_engine::bundle::codes::code;
use legator_engine::{Bundle, Fault, Grade};

const CORPUS: &str = include_str!("../broken.txt");

pub(crate) struct Broken {
    pub(crate) name: String,
    text: String,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    expected: Vec<String>,
}

pub(crate) fn corpus() -> Vec<Broken> {
    let mut found = Vec::new();
    for part in CORPUS.split("\n=== ").skip(1) {
        let (name, text) = part.split_once('\n').unwrap();
        let (mut files, mut at) = (BTreeMap::new(), String::new());
        let (mut kept, mut expected) = (String::new(), Vec::new());
        for line in text.trim_end().lines() {
            if let Some(said) = line.strip_prefix(">>> ") {
                expected.push(said.to_owned());
                continue;
            }
            kept.push_str(line);
            kept.push('\n');
            if let Some(path) = line.strip_prefix("--- ") {
                path.clone_into(&mut at);
                files.insert(at.clone(), Vec::new());
                continue;
            }
            let file: &mut Vec<u8> = files.get_mut(&at).unwrap();
            if let Some(bytes) = line.strip_prefix("@bytes ") {
                file.extend(bytes.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()));
            } else if let Some(repeated) = line.strip_prefix("@repeat ") {
                let (times, text) = repeated.split_once(' ').unwrap();
                file.extend(format!("{text}\n").repeat(times.parse().unwrap()).bytes());
            } else {
                file.extend(format!("{line}\n").bytes());
            }
        }
        found.push(Broken { name: name.to_owned(), text: kept, files, expected });
    }
    found
}

fn said(findings: Vec<Fault>) -> Vec<String> {
    let lines = findings.into_iter().map(|it| {
        let help = it.help.unwrap_or_default().replace('\n', " ");
        format!("{} {}:{}:{} {help}", it.code, it.file, it.line, it.column)
    });
    lines.collect()
}

#[test]
fn every_broken_bundle_is_refused_as_written_down() {
    let corpus = corpus();
    if std::env::var_os("LEGATOR_BLESS").is_some() {
        let mut out = CORPUS.split("\n=== ").next().unwrap().to_owned();
        for broken in &corpus {
            let _ = write!(out, "\n=== {}\n{}", broken.name, broken.text.trim_end());
            for line in said(Bundle::inspect(&broken.files).findings) {
                let _ = write!(out, "\n>>> {line}");
            }
            out.push('\n');
        }
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/broken.txt"), out).unwrap();
        return;
    }
    assert!(corpus.len() >= 60, "{} broken bundles", corpus.len());
    let names: BTreeSet<&str> = corpus.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names.len(), corpus.len(), "a name is there twice");
    for Broken { name, files, expected, .. } in &corpus {
        let looked = Bundle::inspect(files);
        let wrong = looked.findings.iter().any(|it| it.grade == Grade::Error);
        assert_eq!(looked.bundle.is_none(), wrong, "{name}: an error keeps a bundle from loading, a warning does not");
        for finding in &looked.findings {
            assert!(finding.help.is_some(), "{name}: {finding:?}");
            let code =
                code(&finding.code).unwrap_or_else(|| panic!("{name}: `{}` is documented nowhere", finding.code));
            assert_eq!(code.grade, finding.grade, "{name}: {finding:?}");
            // Where a line is named it is shown, with carets under the place.
            assert!(finding.line == 0 || finding.snippet.contains('^'), "{name}: {finding:?}");
        }
        assert!(!expected.is_empty(), "{name} expects nothing");
        assert_eq!(said(looked.findings), *expected, "{name}");
    }
}

/// A script that goes wrong only for some requests is not caught when the bundle is loaded, but by its case.
#[test]
fn a_script_that_runs_wild_in_a_case_denies_and_fails_that_case() {
    for wild in
        ["loop { }", "fail(0);", "let s = \"aaaaaaaaaaaaaaaa\"; loop { s += s; }", "let l = []; loop { l.push(1); }"]
    {
        let script = format!(
            "fn fail(n) {{ fail(n + 1) }}\nfn admit(request, capacity) {{\n    if request.level == \"destroy\" {{ {wild} }}\n    allow()\n}}"
        );
        let cases = "[[case]]\nname = 'a'\ncommand = ['x']\nclassified = { level = 'destroy' }\nexpect = { outcome = 'allow' }\n";
        let files = [
            ("policies/a.cedar", crate::small::PERMIT),
            ("scripts/admission/a.rhai", script.as_str()),
            ("scripts/admission/a.cases.toml", cases),
        ];
        let report = crate::small::bundle(&files).check();
        assert!(!report.passed(), "{wild}");
        let admission = report.cases[0].decision.rationale.admission.clone().unwrap();
        let place = admission.scripts[0].failed_at.unwrap();
        assert!(place.line <= 3 && place.column > 1, "{wild}: {place:?}");
    }
}
