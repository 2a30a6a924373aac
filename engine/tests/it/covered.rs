//! What cases show and what they miss: coverage and mutants, of small bundles and of the one that ships.

use legator_engine::{Bundle, Coverage, Mutants, PointKind, Trial};

use crate::shipped::shipped;
use crate::small::bundle;

const GUARDED: &str = r#"
@id("operators")
@rationale("r")
permit (principal in Role::"operator", action in Action::"command", resource)
when { context.mfa && context.origin == "api" };
"#;

fn with_cases(cases: &str) -> Bundle {
    bundle(&[("policies/a.cedar", GUARDED), ("policies/a.cases.toml", cases)])
}

fn case(role: &str, context: &str, outcome: &str) -> String {
    format!(
        "[[case]]\nname = '{role} {context}'\nprincipal = {{ roles = ['{role}'] }}\ncommand = ['true']\n\
         context = {{ {context} }}\nexpect = {{ outcome = '{outcome}' }}\n"
    )
}

#[test]
fn a_clause_is_covered_when_it_alone_made_the_difference() {
    let two = case("operator", "mfa = true", "allow") + &case("operator", "mfa = false", "deny");
    let coverage = Coverage::of(&with_cases(&two), &Trial::default());
    let unseen: Vec<(String, &str)> =
        coverage.unseen().map(|(_, point, side)| (point.text.clone(), side.name)).collect();
    assert_eq!(
        unseen,
        [
            ("principal in Role::\"operator\"".to_owned(), "false"),
            ("action in Action::\"command\"".to_owned(), "false"),
            ("context.origin == \"api\"".to_owned(), "false"),
        ]
    );
    assert_eq!((coverage.clauses().seen, coverage.clauses().of), (6, 9));
    assert!(coverage.clauses().reaches(66) && !coverage.clauses().reaches(67));
}

#[test]
fn a_case_that_does_not_hold_shows_nothing() {
    let coverage = Coverage::of(&with_cases(&case("operator", "mfa = true", "deny")), &Trial::default());
    assert_eq!((coverage.clauses().seen, coverage.failed_cases), (0, 1));
}

#[test]
fn a_script_is_covered_line_by_line_and_branch_by_branch() {
    let script = "fn admit(request, capacity) {\n    if capacity.probe.running > 3 {\n        return queue(\"full\");\n    }\n    allow()\n}\n";
    let cases = case("operator", "mfa = true", "allow");
    let loaded = bundle(&[
        ("policies/a.cedar", GUARDED),
        ("policies/a.cases.toml", &cases),
        ("scripts/admission/a.rhai", script),
    ]);
    let coverage = Coverage::of(&loaded, &Trial::default());
    let file = coverage.files.iter().find(|file| file.file == "scripts/admission/a.rhai").unwrap();
    let missing: Vec<(PointKind, u32, String)> = file
        .points
        .iter()
        .filter(|point| !point.covered())
        .map(|point| (point.kind, point.span.line, point.missing()))
        .collect();
    assert_eq!(
        missing,
        [(PointKind::Line, 3, "never run".to_owned()), (PointKind::Branch, 2, "never true".to_owned())]
    );
}

#[test]
fn reports_name_every_file_line_and_side() {
    let coverage = Coverage::of(&with_cases(&case("operator", "mfa = true", "allow")), &Trial::default());
    let lcov = coverage.lcov();
    for line in ["SF:policies/a.cedar", "DA:4,2", "BRDA:4,1,0,1", "BRDA:4,1,1,0", "BRF:8", "BRH:4", "end_of_record"] {
        assert!(lcov.lines().any(|it| it == line), "{line} is not in\n{lcov}");
    }
    let pages = coverage.html("T & <b>");
    assert!(pages["index.html"].contains("<title>T &amp; &lt;b&gt;</title>"));
    assert!(pages["index.html"].contains("policies-a.cedar.html"));
    assert!(pages["policies-a.cedar.html"].contains("never false"));
}

#[test]
fn a_mutant_that_no_case_notices_comes_with_the_case_to_write() {
    let some = case("operator", "mfa = true", "allow") + &case("operator", "mfa = false", "deny");
    let mutants = Mutants::of(&with_cases(&some), &Trial::default(), 4000);
    let widened = mutants.survivors().find(|it| it.what == "widen the scope" && it.before.contains("Role")).unwrap();
    assert_eq!(
        (widened.file.as_str(), widened.span.line, widened.within.as_str()),
        ("policies/a.cedar", 4, "operators")
    );
    // The case that is proposed is one that notices it.
    let proposed = widened.case.clone().unwrap();
    let mended = Mutants::of(&with_cases(&format!("{some}\n{proposed}\n")), &Trial::default(), 0);
    assert!(mended.mutants.iter().any(|it| it.before == widened.before && it.killed_by.is_some()), "{proposed}");
    assert!(mended.killed() > mutants.killed());
    assert_eq!(mended.mutants.len(), mutants.mutants.len());
}

#[test]
fn a_policy_that_decides_no_case_can_be_dropped_unnoticed() {
    let mutants = Mutants::of(&with_cases(&case("viewer", "", "deny")), &Trial::default(), 0);
    assert!(mutants.survivors().any(|it| it.what == "drop the policy"));
    assert!(mutants.mutants.iter().any(|it| it.what == "turn the effect round"));
}

#[test]
fn the_shipped_bundle_is_covered_and_its_mutants_are_noticed() {
    let bundle = shipped();
    let trial = Trial { threads: 2, ..Trial::default() };
    let coverage = Coverage::of(&bundle, &trial);
    let unseen: Vec<String> = coverage
        .unseen()
        .map(|(file, point, side)| format!("{}:{}: `{}` never {}", file.file, point.span.line, point.text, side.name))
        .collect();
    assert!(coverage.clauses().reaches(95) && coverage.scripts().reaches(95), "{}", unseen.join("\n"));
    let mutants = Mutants::of(&bundle, &trial, 0);
    let alive: Vec<String> = mutants
        .survivors()
        .map(|it| format!("{}:{}: {}: {} → {}", it.file, it.span.line, it.what, it.before, it.after))
        .collect();
    assert!(mutants.reaches(90), "{} of {} survive\n{}", alive.len(), mutants.mutants.len(), alive.join("\n"));
    assert!(mutants.mutants.len() > 200, "{} mutants", mutants.mutants.len());
}
