//! The bundle that ships: it loads, its cases hold, and everything in it has one.

use legator_engine::{Bundle, Facts, Fault, decide, decide_plain};

pub fn shipped() -> Bundle {
    Bundle::load(&Bundle::shipped()).unwrap_or_else(|faults| {
        let said: Vec<String> = faults.iter().map(Fault::render).collect();
        panic!("{}", said.join("\n"))
    })
}

#[test]
fn every_case_of_the_shipped_bundle_holds() {
    let report = shipped().check();
    let failed: Vec<String> = report
        .cases
        .iter()
        .filter(|case| !case.passed())
        .map(|case| format!("{}:{}: {}: {}", case.file, case.line, case.name, case.problems.join("; ")))
        .collect();
    assert!(report.passed(), "{}", failed.join("\n"));
    assert!(report.cases.len() > 90, "{} cases", report.cases.len());
}

#[test]
fn nothing_in_the_shipped_bundle_is_without_its_case() {
    let report = shipped().check();
    assert!(report.complete(), "{}", report.gaps.join("\n"));
}

#[test]
fn facts_that_were_stored_decide_again_to_the_byte() {
    let bundle = shipped();
    for case in bundle.check().cases {
        let stored = case.facts.canonical();
        let read: Facts = serde_json::from_str(&stored).unwrap();
        assert_eq!(read, case.facts);
        assert_eq!(read.canonical(), stored);
        let (first, again) = (decide(&bundle, &case.facts), decide(&bundle, &read));
        assert_eq!(first.canonical(), again.canonical(), "{}", case.name);
        assert_eq!(first.facts_digest, read.digest());
        let decision: legator_engine::Decision = serde_json::from_str(&first.canonical()).unwrap();
        assert_eq!(decision, first, "a decision reads back as it was written");
    }
}

#[test]
fn plain_cedar_over_the_whole_set_agrees_on_every_case() {
    let bundle = shipped();
    for case in bundle.check().cases {
        let (indexed, plain) = (decide(&bundle, &case.facts), decide_plain(&bundle, &case.facts));
        assert!(indexed.agrees_with(&plain), "{}: {indexed:?} but plain {plain:?}", case.name);
        assert!(indexed.rationale.candidates <= plain.rationale.candidates);
    }
}

#[test]
fn probes_are_built_with_the_table_of_the_bundle_that_ships() {
    let bundle = legator_engine::Bundle::load(&legator_engine::Bundle::shipped()).unwrap();
    assert_eq!(bundle.table().digest(), legator_engine::Table::shipped().digest());
}
