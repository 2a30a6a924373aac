//! Replay: under the revision that decided it comes out the same to the byte; under another, what changed has a name.

use legator_engine::replay::{Budget, Difference, Kind, ObstacleKind, Record, Selection, Tally, replay};
use legator_engine::{Bundle, Decision, Facts, Outcome, decide};
use proptest::prelude::*;

use crate::oracle::{cases, policy, possible, request};
use crate::small::{PERMIT, bundle, change, policies};

const TWO: &str = r#"
@id("two") @rationale("Two.")
forbid (principal, action in Action::"command", resource) unless { context.approvals.count >= 2 };
"#;

fn recorded(bundle: &Bundle, facts: &Facts) -> Record {
    Record::new("cmd_1", 1, 5, facts.clone(), decide(bundle, facts))
}

fn kind(before: &str, after: &str) -> Kind {
    replay(&policies(after), &recorded(&policies(before), &change())).unwrap().kind
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn under_its_own_revision_a_decision_comes_out_the_same_to_the_byte(
        list in prop::collection::vec(policy(), 1..24),
        requests in prop::collection::vec(request(), 40),
    ) {
        let made = possible(&list);
        let again = possible(&list);
        for facts in &requests {
            let record = recorded(&made, facts);
            let read = Record::parse(&record.line()).unwrap();
            prop_assert_eq!(&read, &record);
            let replayed = replay(&again, &read).unwrap();
            prop_assert_eq!(replayed.decision.canonical(), record.decision.canonical());
            prop_assert_eq!((replayed.kind, replayed.identical, replayed.reclassified), (Kind::Same, Some(true), false));
            let kept = Record::read("cmd_1", 1, 5, &facts.canonical(), &record.decision.canonical());
            prop_assert_eq!(kept.unwrap(), record);
        }
    }
}

#[test]
fn the_shipped_bundle_decides_the_same_again() {
    let shipped = Bundle::load(&Bundle::shipped()).unwrap();
    let record = recorded(&shipped, &change());
    assert_eq!(replay(&shipped, &record).unwrap().identical, Some(true));
}

#[test]
fn names_every_kind_of_change() {
    let one = TWO.replace("\"two\"", "\"one\"").replace(">= 2", ">= 1");
    let never = r#"@id("never") @rationale("Never.") forbid (principal, action, resource);"#;
    let hold = format!("{PERMIT}{TWO}");
    assert_eq!(kind(PERMIT, PERMIT), Kind::Same);
    assert_eq!(kind(PERMIT, &PERMIT.replace("permit-all", "another")), Kind::OtherReasons);
    assert_eq!(kind(&hold, &format!("{PERMIT}{one}")), Kind::OtherApprovals);
    assert_eq!(kind(&hold, &format!("{PERMIT}{never}")), Kind::NewlyDenied);
    assert_eq!(kind(PERMIT, &hold), Kind::NewlyHeld);
    assert_eq!(kind(&hold, PERMIT), Kind::NewlyAllowed);
    let busy = "fn admit(request, capacity) { queue(\"busy\") }";
    let queueing = bundle(&[("policies/a.cedar", PERMIT), ("scripts/admission/a.rhai", busy)]);
    let replayed = replay(&queueing, &recorded(&policies(PERMIT), &change())).unwrap();
    assert_eq!(replayed.kind, Kind::NewlyQueued);
    for kind in Kind::ALL {
        assert_eq!(Kind::named(kind.as_str()), Some(kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
}

#[test]
fn a_change_is_laid_at_the_policy_that_makes_it() {
    let record = recorded(&policies(&format!("{PERMIT}{TWO}")), &change());
    let replayed = replay(&policies(PERMIT), &record).unwrap();
    let difference = Difference::of(&record, &replayed).unwrap();
    assert_eq!(difference.policies.iter().collect::<Vec<_>>(), ["two"]);
    assert_eq!(difference.outcome_before, Outcome::Hold { approvals: 2 });
    assert_eq!((difference.outcome_after.as_str(), difference.principal.as_str()), ("allow", "ana"));
    let back = replay(&policies(&format!("{PERMIT}{TWO}")), &recorded(&policies(PERMIT), &change())).unwrap();
    let difference = Difference::of(&recorded(&policies(PERMIT), &change()), &back).unwrap();
    assert_eq!(difference.policies.iter().collect::<Vec<_>>(), ["two"]);
}

#[test]
fn a_command_is_classified_again_under_the_candidates_table() {
    let table = "[\"/opt/no-table-knows-this\"]\nlevel = \"observe\"\n";
    let facts =
        Facts { ask: legator_engine::Ask::Command(legator_engine::CommandSpec::argv(["frobnicate"])), ..change() };
    let table = table.replace("\"/opt/no-table-knows-this\"", "frobnicate");
    let candidate = bundle(&[("policies/a.cedar", PERMIT), ("policies/commands/own.toml", &table)]);
    let record = recorded(&policies(PERMIT), &facts);
    let replayed = replay(&candidate, &record).unwrap();
    assert!(replayed.reclassified);
    assert_eq!((record.decision.action.as_str(), replayed.decision.action.as_str()), ("remediate", "observe"));
    assert_eq!((replayed.kind, replayed.identical), (Kind::OtherReasons, None));
    let mut tally = Tally::default();
    tally.add(&record, &replayed);
    assert_eq!(tally.reclassified, 1);
}

#[test]
fn what_cannot_be_decided_again_is_named_and_not_guessed() {
    let made = policies(PERMIT);
    let record = recorded(&made, &change());
    let (facts, decision) = (record.facts.canonical(), record.decision.canonical());
    let read = |facts: &str, decision: &str| Record::read("cmd_1", 1, 5, facts, decision).unwrap_err().kind;
    for missing in ["", "null", "{}"] {
        assert_eq!(read(missing, &decision), ObstacleKind::MissingFacts);
    }
    assert_eq!(read(&facts.replace("\"mfa\"", "\"mfa2\""), &decision), ObstacleKind::UnreadableFacts);
    assert_eq!(read(&facts, "{\"outcome\":1}"), ObstacleKind::UnreadableDecision);

    let line = record.line();
    let parse = |line: &str| Record::parse(line).unwrap_err();
    assert_eq!(parse(&line.replace("\"mfa\"", "\"mfa2\"")).kind, ObstacleKind::UnreadableFacts);
    assert_eq!(parse(&line.replace("\"outcome\"", "\"outcome2\"")).kind, ObstacleKind::UnreadableDecision);
    let other = parse(&line.replace("\"v\":1", "\"v\":2"));
    assert_eq!(other.kind, ObstacleKind::UnreadableLine);
    assert!(other.detail.contains("version 2"), "{other}");
    for line in ["", "nonsense", "{}", "[]", "{\"v\":1}"] {
        let found = parse(line).kind;
        assert!(matches!(found, ObstacleKind::UnreadableLine | ObstacleKind::MissingFacts), "{line}: {found:?}");
    }

    let mut tampered = record;
    tampered.facts.context.mfa = true;
    let obstacle = replay(&made, &tampered).unwrap_err();
    assert_eq!(obstacle.kind, ObstacleKind::DigestMismatch);
    let mut tally = Tally::default();
    tally.stop(&obstacle);
    assert_eq!((tally.decisions, tally.stopped()), (0, 1));
    for kind in ObstacleKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
}

#[test]
fn a_tally_counts_by_everything_reads_back_and_is_held_against_a_budget() {
    let made = policies(&format!("{PERMIT}{TWO}"));
    let mut facts = change();
    if let legator_engine::Resource::Probe(probe) = &mut facts.resource {
        probe.tags = ["prod", "web"].map(str::to_owned).into();
    }
    let record = recorded(&made, &facts);
    let mut tally = Tally::default();
    for candidate in [&made, &policies(PERMIT)] {
        tally.add(&record, &replay(candidate, &record).unwrap());
    }
    assert_eq!((tally.decisions, tally.own, tally.identical), (2, 1, 1));
    for (counts, name) in [(&tally.by_principal, "ana"), (&tally.by_tag, "web"), (&tally.by_action, "remediate")] {
        assert_eq!((counts[name].of(Kind::Same), counts[name].of(Kind::NewlyAllowed)), (1, 1));
    }
    assert_eq!(tally.by_policy.keys().collect::<Vec<_>>(), ["two"]);
    assert_eq!(tally.by_policy["two"].changed(), 1);
    let text = serde_json::to_string(&tally).unwrap();
    assert_eq!(serde_json::from_str::<Tally>(&text).unwrap(), tally);

    assert_eq!(Budget::default().overruns(&tally), []);
    let strict = Budget { newly_allowed: Some(0), newly_denied: Some(0), changed: Some(1), ..Budget::default() };
    let over = strict.overruns(&tally);
    assert_eq!(over.len(), 1);
    assert_eq!((over[0].what.as_str(), over[0].most, over[0].found), ("newly-allowed", 0, 1));
}

#[test]
fn a_breakdown_does_not_grow_without_end() {
    let made = policies(PERMIT);
    let mut tally = Tally::default();
    for n in 0..1_200 {
        let mut facts = change();
        facts.principal.name = format!("somebody-{n}");
        let record = recorded(&made, &facts);
        let decision: Decision = record.decision.clone();
        let replayed =
            legator_engine::replay::Replayed { decision, kind: Kind::Same, reclassified: false, identical: Some(true) };
        tally.add(&record, &replayed);
    }
    assert_eq!(tally.by_principal.len(), 1_001);
    assert_eq!(tally.by_principal["(the rest)"].of(Kind::Same), 200);
}

#[test]
fn a_selection_narrows_by_time_person_tag_action_outcome_and_policy() {
    let record = recorded(&policies(&format!("{PERMIT}{TWO}")), &change());
    let takes = |selection: Selection| selection.takes(&record);
    let some = |text: &str| Some(text.to_owned());
    assert!(takes(Selection::default()));
    assert!(takes(Selection { since_ms: Some(5), until_ms: Some(6), ..Selection::default() }));
    assert!(!takes(Selection { since_ms: Some(6), ..Selection::default() }));
    assert!(!takes(Selection { until_ms: Some(5), ..Selection::default() }));
    assert!(takes(Selection { principal: some("ana"), outcome: some("hold"), ..Selection::default() }));
    assert!(takes(Selection { action: some("remediate"), policy: some("two"), ..Selection::default() }));
    for narrow in [
        Selection { principal: some("ben"), ..Selection::default() },
        Selection { tag: some("prod"), ..Selection::default() },
        Selection { action: some("observe"), ..Selection::default() },
        Selection { outcome: some("allow"), ..Selection::default() },
        Selection { policy: some("permit-all"), ..Selection::default() },
    ] {
        assert!(!takes(narrow));
    }
}
