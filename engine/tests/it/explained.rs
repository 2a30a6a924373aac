//! Why: clauses, missing people, errors, and what would have made it pass.

use std::collections::BTreeSet;

use legator_engine::{ClauseOutcome, Counterfactual, DriverSource, Outcome, decide, decide_plain};

use crate::small::{PERMIT, change, operation, policies};

fn with_permit(text: &str) -> legator_engine::Bundle {
    policies(&format!("{PERMIT}{text}"))
}

fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn an_erring_forbid_denies_although_cedar_would_skip_it() {
    let bundle = with_permit(
        r#"
@id("errs")
@rationale("Cannot be evaluated.")
forbid (principal, action, resource)
when { context.mfa == false && context.time.epoch_ms * 9223372036854775807 > 0 };
"#,
    );
    let decision = decide(&bundle, &change());
    assert_eq!(decision.outcome, Outcome::Deny);
    assert_eq!(decision.rationale.errors[0].policy, "errs");
    assert!(decision.rationale.errors[0].message.contains("overflow"), "{}", decision.rationale.errors[0].message);
    assert_eq!(decision.rationale.drove_outcome[0].source, DriverSource::Fault);
    let clauses = &decision.rationale.policies[0].clauses;
    let outcomes: Vec<ClauseOutcome> = clauses.iter().map(|clause| clause.outcome).collect();
    let (held, error) = (ClauseOutcome::Held, ClauseOutcome::Error);
    assert_eq!(outcomes, [held, held, held, held, error]);
    assert!(clauses[4].error.as_ref().is_some_and(|said| said.contains("overflow")));
    assert!(decision.agrees_with(&decide_plain(&bundle, &change())));
}

#[test]
fn silence_is_a_refusal_that_names_the_clause_that_failed() {
    let bundle = policies(
        r#"
@id("far")
@rationale("For another action.")
permit (principal in Role::"boss", action == Action::"readAudit", resource);

@id("near")
@rationale("Only with a second factor, from the chat.")
permit (principal in Role::"operator", action in Action::"command", resource)
when { principal.name == "ana" && context.mfa && context.origin == "chat" }
unless { context.tainted };
"#,
    );
    let decision = decide(&bundle, &change());
    assert_eq!(decision.outcome, Outcome::Deny);
    assert!(decision.rationale.policies.is_empty());
    let nearest = decision.rationale.nearest.expect("a permit comes near");
    assert_eq!(nearest.id, "near");
    let said: Vec<(&str, ClauseOutcome)> =
        nearest.clauses.iter().map(|clause| (clause.text.as_str(), clause.outcome)).collect();
    assert_eq!(
        said,
        [
            (r#"principal in Role::"operator""#, ClauseOutcome::Held),
            (r#"action in Action::"command""#, ClauseOutcome::Held),
            ("resource", ClauseOutcome::Held),
            (r#"principal.name == "ana""#, ClauseOutcome::Held),
            ("context.mfa", ClauseOutcome::Failed),
            (r#"context.origin == "chat""#, ClauseOutcome::NotReached),
            ("context.tainted", ClauseOutcome::NotReached),
        ]
    );
    assert_eq!((nearest.clauses[4].span.line, nearest.clauses[4].span.column), (9, 35));
}

#[test]
fn one_change_that_would_make_it_pass_is_named() {
    let needs = |condition: &str| {
        policies(&format!(
            "@id(\"p\")\n@rationale(\"P.\")\npermit (principal, action, resource) when {{ {condition} }};"
        ))
    };
    let changed = |condition: &str| match decide(&needs(condition), &change()).rationale.counterfactual {
        Some(Counterfactual::Change { attribute, to, .. }) => format!("{attribute}={to}"),
        other => format!("{other:?}"),
    };
    assert_eq!(changed("context.mfa"), "mfa=true");
    assert_eq!(changed("context has reason"), "reason=given");
    assert_eq!(changed("context has breakglass"), "breakglass=given");
    assert_eq!(changed(r#"context.origin == "chat""#), "origin=chat");
    assert_eq!(changed(r#"action == Action::"observe""#), "command.level=observe");
    assert!(changed("context.mfa && context has reason").contains("nothing would make it pass"));
    let mut tainted = change();
    tainted.context.tainted = true;
    let decision = decide(&needs("!context.tainted"), &tainted);
    assert!(
        matches!(decision.rationale.counterfactual, Some(Counterfactual::Change { attribute, .. }) if attribute == "tainted")
    );
}

#[test]
fn a_change_after_which_only_people_are_missing_is_named_too() {
    let bundle = policies(
        r#"
@id("p")
@rationale("P.")
permit (principal, action in Action::"command", resource) when { context.mfa && context.approvals.count >= 2 };
"#,
    );
    let decision = decide(&bundle, &change());
    assert_eq!(decision.outcome, Outcome::Deny);
    let said = decision.rationale.counterfactual.expect("something would help");
    assert!(said.message().contains("`mfa`") && said.message().contains("2 approvals"), "{}", said.message());
}

#[test]
fn a_hold_says_which_group_has_to_agree() {
    let bundle = with_permit(
        r#"
@id("storage-agrees")
@rationale("The storage group agrees.")
forbid (principal, action in Action::"command", resource)
unless { context.approvals.count >= 2 && context.approvals.groups.contains("storage") };
"#,
    );
    let decision = decide(&bundle, &change());
    assert_eq!(decision.outcome, Outcome::Hold { approvals: 2 });
    let Some(Counterfactual::Approvals { count, groups, people, message }) = decision.rationale.counterfactual.clone()
    else {
        panic!("{:?}", decision.rationale.counterfactual)
    };
    assert_eq!((count, groups, people), (2, names(&["storage"]), names(&[])));
    assert!(message.contains("`storage`"), "{message}");
    assert_eq!(decision.rationale.policies[0].id, "storage-agrees");

    let mut half = change();
    half.context.approvals.by = names(&["ben"]);
    half.context.approvals.groups = names(&["storage"]);
    let decision = decide(&bundle, &half);
    assert_eq!(decision.outcome, Outcome::Hold { approvals: 1 });
    assert!(
        matches!(decision.rationale.counterfactual, Some(Counterfactual::Approvals { groups, .. }) if groups.is_empty())
    );
}

#[test]
fn a_hold_names_all_groups_that_have_to_be_covered_and_no_other() {
    let bundle = with_permit(
        r#"
@id("both-agree")
@rationale("Storage and network agree.")
forbid (principal, action in Action::"command", resource)
unless { context.approvals.groups.containsAll(["storage", "network"]) };

@id("elsewhere")
@rationale("Of no weight here.")
forbid (principal, action in Action::"command", resource)
when { context.tainted }
unless { context.approvals.groups.contains("safety") };
"#,
    );
    let decision = decide(&bundle, &change());
    let wanted = names(&["network", "storage"]);
    assert_eq!(decision.outcome, Outcome::Hold { approvals: 1 });
    assert!(
        matches!(decision.rationale.counterfactual, Some(Counterfactual::Approvals { groups, .. }) if groups == wanted)
    );
}

#[test]
fn a_hold_names_a_person_who_has_to_agree_but_never_the_one_who_asks() {
    let needs = |person: &str| {
        with_permit(&format!(
            "@id(\"one\")\n@rationale(\"One.\")\nforbid (principal, action in Action::\"command\", resource)\nunless {{ context.approvals.by.contains(User::\"{person}\") }};"
        ))
    };
    let decision = decide(&needs("eva"), &change());
    assert_eq!(decision.outcome, Outcome::Hold { approvals: 1 });
    assert!(
        matches!(decision.rationale.counterfactual, Some(Counterfactual::Approvals { people, .. }) if people == names(&["eva"]))
    );
    assert_eq!(decide(&needs("ana"), &change()).outcome, Outcome::Deny);
}

#[test]
fn more_approvals_than_the_bundle_tries_is_a_refusal() {
    let needs = |n: u32| {
        with_permit(&format!(
            "@id(\"many\")\n@rationale(\"Many.\")\nforbid (principal, action in Action::\"command\", resource)\nunless {{ context.approvals.count >= {n} }};"
        ))
    };
    assert_eq!(decide(&needs(3), &change()).outcome, Outcome::Hold { approvals: 3 });
    assert_eq!(decide(&needs(4), &change()).outcome, Outcome::Deny);
}

#[test]
fn an_operation_is_never_held() {
    let bundle = policies(
        r#"
@id("with-a-factor")
@rationale("Only with a second factor.")
permit (principal, action == Action::"manageKeys", resource) when { context.mfa };
"#,
    );
    let decision = decide(&bundle, &operation("manageKeys"));
    assert_eq!(decision.outcome, Outcome::Deny);
    assert_eq!(decision.classification, None);
    assert!(
        matches!(decision.rationale.counterfactual, Some(Counterfactual::Change { attribute, .. }) if attribute == "mfa")
    );
}

#[test]
fn only_policies_whose_scope_is_met_are_touched() {
    let mut text = PERMIT.to_owned();
    for n in 0..50 {
        text.push_str(&format!(
            "@id(\"t{n}\")\n@rationale(\"T.\")\nforbid (principal, action, resource in Tag::\"t{n}\");\n"
        ));
    }
    let bundle = policies(&text);
    let decision = decide(&bundle, &change());
    assert_eq!((decision.outcome, decision.rationale.candidates), (Outcome::Allow, 1));
    assert_eq!(decide_plain(&bundle, &change()).rationale.candidates, 51);
}

#[test]
fn the_time_of_a_request_is_utc() {
    let bundle = policies(
        r#"
@id("tuesday")
@rationale("On Tuesday at 22:13.")
permit (principal, action, resource)
when { context.time.weekday == 2 && context.time.hour == 22 && context.time.minute == 13 };
"#,
    );
    assert_eq!(decide(&bundle, &change()).outcome, Outcome::Allow);
}
