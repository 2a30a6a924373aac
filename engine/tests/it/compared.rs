//! What a change of a bundle changes, and why one request is decided as it is.

use legator_engine::{Bundle, ChangeKind, Diff, Trial};

use crate::small::{bundle, files};

const TWO: &str = r#"
@id("operators")
@rationale("r")
permit (principal in Role::"operator", action in Action::"command", resource);

@id("prod-waits")
@rationale("r")
forbid (principal, action == Action::"destroy", resource in Tag::"prod") unless { context.approvals.count >= 2 };
"#;

fn diff(before: &str, after: &str) -> Diff {
    let (one, other) = ([("policies/a.cedar", before)], [("policies/a.cedar", after)]);
    let (files_before, files_after) = (files(&one), files(&other));
    let (before, after): (Bundle, Bundle) = (bundle(&one), bundle(&other));
    Diff::of((&before, &files_before), (&after, &files_after), &Trial { threads: 2, ..Trial::default() }, 2000)
}

#[test]
fn a_number_that_changes_is_found_at_its_edge_and_what_is_newly_allowed_comes_first() {
    let found = diff(TWO, &TWO.replace(">= 2", ">= 1"));
    assert_eq!((found.files.len(), found.policies.len()), (1, 1));
    assert_eq!((found.policies[0].id.as_str(), found.policies[0].kind), ("prod-waits", ChangeKind::Changed));
    let first = &found.answers[0];
    assert_eq!(
        (first.before.outcome.as_str(), first.before.approvals, first.after.outcome.as_str()),
        ("hold", 1, "allow")
    );
    assert_eq!(first.action, "destroy");
    assert!(first.case.contains("approved_by") && first.case.contains("tags = [\"prod\"]"), "{}", first.case);
    // What is proposed as a case is one, and holds under the second bundle.
    let after = TWO.replace(">= 2", ">= 1");
    let report = bundle(&[("policies/a.cedar", &after), ("policies/a.cases.toml", &first.case)]).check();
    assert!(report.passed(), "{:?}", report.cases[0].problems);
}

#[test]
fn a_policy_that_only_moved_or_was_laid_out_anew_changes_no_answer() {
    let (first, second) = TWO.split_at(TWO.find("@id(\"prod").unwrap());
    let found = diff(TWO, &format!("// moved\n{second}\n\n{first}").replace(", action", ",\n    action"));
    assert_eq!((found.policies.len(), found.answers.len()), (0, 0));
    assert!(found.tried > 100, "{}", found.tried);
    assert!(!found.changes_answers());
}

#[test]
fn a_policy_that_came_and_one_that_went_are_named() {
    let (first, second) = TWO.split_at(TWO.find("@id(\"prod").unwrap());
    let gone = diff(TWO, first);
    assert_eq!(gone.policies[0].kind, ChangeKind::Removed);
    assert_eq!(gone.answers[0].after.outcome, "allow");
    let come = diff(second, TWO);
    assert_eq!(come.policies[0].kind, ChangeKind::Added);
    assert_eq!((come.answers[0].before.outcome.as_str(), come.answers[0].after.outcome.as_str()), ("deny", "allow"));
}

#[test]
fn one_case_is_explained_with_every_policy_that_could_have_applied() {
    let cases = "[[case]]\nname = 'one'\nprincipal = { roles = ['operator'] }\ncommand = ['x']\nclassified = { level = 'destroy' }\nprobe = { tags = ['prod'] }\ncontext = { approved_by = ['ben', 'eva'] }\nexpect = { outcome = 'allow' }\n\
                 [[case]]\nname = 'one more'\ncommand = ['x']\nexpect = { outcome = 'deny' }\n";
    let loaded = bundle(&[("policies/a.cedar", TWO), ("policies/a.cases.toml", cases)]);
    let explained = loaded.explain_cases("one");
    assert_eq!(explained.len(), 1, "a whole name means that case");
    assert_eq!(explained[0].considered[0].id, "prod-waits");
    assert_eq!(loaded.explain_cases("on*").len(), 2);
    assert_eq!(loaded.explain_cases("two").len(), 0);
}

#[test]
fn a_request_is_a_case_without_an_end_or_recorded_facts() {
    let loaded = bundle(&[("policies/a.cedar", TWO)]);
    let text = "principal = { roles = ['operator'] }\ncommand = 'uptime'\n";
    let one = loaded.explain_request("r.toml", text).unwrap();
    assert_eq!(one[0].decision.outcome.as_str(), "allow");
    let facts = one[0].facts.canonical();
    let again = loaded.explain_request("r.json", &facts).unwrap();
    assert_eq!(again[0].decision.facts_digest, one[0].decision.facts_digest);
    let listed = loaded.explain_request("r.toml", &format!("[[case]]\nname = 'a'\n{text}")).unwrap();
    assert_eq!(listed[0].name, "a");
    let wrong = loaded.explain_request("r.toml", "command = 'uptime'\nporbe = {}\n").unwrap_err();
    assert_eq!((wrong[0].line, wrong[0].help.as_deref()), (2, Some("did you mean `probe`?")));
}
