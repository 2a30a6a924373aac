//! The rules of `bundle lint`: each finds what it is for, at its place, and can be switched.

use std::collections::BTreeSet;

use legator_engine::lint::{RULES, lint};
use legator_engine::{Bundle, Fault, Grade};

use crate::small::files;

const MANIFEST: &str = "name = \"small\"\nengine = \">=0.1\"\n";
const GOOD: &str = "@id(\"readers-look\")\n@rationale(\"Readers may look at it.\")\npermit (principal in Role::\"reader\", action == Action::\"observe\", resource);\n";
const CASES: &str = "[[case]]\nname = \"a reader looks\"\nprincipal = { roles = [\"reader\"] }\nclassified = { level = \"observe\" }\ncommand = [\"x\"]\nprobe = { tags = [\"web\"] }\nexpect = { outcome = \"allow\", policies = [\"readers-look\"] }\n";

fn policy(id: &str, rest: &str) -> String {
    format!("@id(\"{id}\")\n@rationale(\"This is for the rule {id}.\")\n{rest}\n")
}

/// A case that names a policy, so that only the rule that is meant finds something.
fn named(id: &str) -> String {
    format!(
        "\n[[case]]\nname = \"for {id}\"\nprincipal = {{ roles = [\"reader\"] }}\ncommand = [\"x\"]\nexpect = {{ outcome = \"deny\", policies = [\"{id}\"] }}\n"
    )
}

fn found(more: &[(&str, &str)]) -> Vec<Fault> {
    let mut list = vec![("bundle.toml", MANIFEST), ("policies/a.cedar", GOOD), ("policies/a.cases.toml", CASES)];
    list.retain(|(path, _)| !more.iter().any(|(other, _)| other == path));
    list.extend_from_slice(more);
    lint(&files(&list)).unwrap_or_else(|faults| panic!("{}", faults.iter().map(Fault::render).collect::<String>()))
}

/// What is found in a second file of policies, which a case names.
fn of_policy(text: &str) -> Vec<Fault> {
    let ids = text.split("@id(\"").skip(1).filter_map(|rest| rest.split('"').next());
    let cases: String = ids.map(named).collect();
    found(&[("policies/b.cedar", text), ("policies/b.cases.toml", &cases)])
}

#[track_caller]
fn only(found: &[Fault], code: &str, file: &str, line: u32, column: u32) {
    let said: Vec<_> = found.iter().map(|it| (&*it.code, it.file.as_str(), it.line, it.column)).collect();
    assert_eq!(said, [(code, file, line, column)]);
    assert!(found.iter().all(|it| it.help.is_some()));
}

#[test]
fn a_good_bundle_has_no_findings() {
    assert_eq!(found(&[]), []);
}

#[test]
fn the_shipped_bundle_has_no_findings() {
    let findings = lint(&Bundle::shipped()).unwrap();
    assert!(findings.is_empty(), "{}", findings.iter().map(Fault::render).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_broken_bundle_is_not_linted() {
    let faults = lint(&files(&[("policies/a.cedar", "permit (")])).unwrap_err();
    assert_eq!(&*faults[0].code, "policy-syntax");
}

/// What each rule finds, as one bundle for each.
fn examples() -> Vec<(&'static str, Vec<Fault>, &'static str, u32, u32)> {
    let reader = "principal in Role::\"reader\"";
    let change = "action == Action::\"remediate\"";
    let b = "policies/b.cedar";
    let when =
        |condition: &str| of_policy(&policy("own", &format!("forbid ({reader}, {change}, resource)\n{condition};")));
    let twice = format!("{CASES}\n{CASES}");
    let table = "[frob]\nlevel = \"observe\"\noptions = \"any\"\n";
    vec![
        ("always-true", when("when { context.approvals.count >= 0 }"), b, 4, 8),
        ("always-true", when("when { context.mfa == context.mfa }"), b, 4, 8),
        ("always-true", when("unless { context.mfa || 1 < 2 }"), b, 4, 25),
        ("always-false", when("unless { 3 == 4 }"), b, 4, 10),
        ("always-false", when("unless { context.mfa && 2 < 1 }"), b, 4, 25),
        ("approvals-above-most", when("unless { context.approvals.count >= 4 }"), b, 4, 10),
        ("breakglass-alone", when("unless { context has breakglass }"), b, 4, 10),
        ("line-pattern", when("when { context.command.line like \"*rm -rf*\" }"), b, 4, 8),
        (
            "bare-destroy-permit",
            of_policy(&policy("own", &format!("permit ({reader}, action == Action::\"destroy\", resource);"))),
            b,
            3,
            1,
        ),
        ("case-name-twice", found(&[("policies/a.cases.toml", &twice)]), "policies/a.cases.toml", 10, 8),
        (
            "command-any-option",
            found(&[("policies/commands/own.toml", table), ("policies/commands/own.cases.toml", "")]),
            "policies/commands/own.toml",
            1,
            2,
        ),
        (
            "command-without-cases",
            found(&[("policies/commands/own.toml", "[frob]\nlevel = \"observe\"\n")]),
            "policies/commands/own.toml",
            1,
            1,
        ),
        (
            "duplicate-policy",
            of_policy(&format!(
                "{}{}",
                policy("one", &format!("forbid ({reader}, {change}, resource) when {{ context.tainted }};")),
                policy("other", &format!("forbid ({reader}, {change}, resource) when {{ context.tainted }};"))
            )),
            b,
            6,
            1,
        ),
        (
            "duplicate-rationale",
            of_policy(&format!(
                "{}{}",
                policy("one", &format!("forbid ({reader}, {change}, resource is Probe);")),
                policy("two", "forbid (principal is Agent, action == Action::\"destroy\", resource);")
                    .replace("rule two", "rule one")
            )),
            b,
            6,
            1,
        ),
        ("id-shape", of_policy(&policy("Own_Policy", &format!("forbid ({reader}, {change}, resource);"))), b, 3, 1),
        ("manifest-name", found(&[("bundle.toml", "name = \"a\"\n")]), "bundle.toml", 0, 0),
        (
            "permit-everything",
            of_policy(&policy("own", "permit (principal, action, resource);"))
                .into_iter()
                .filter(|it| &*it.code == "permit-everything")
                .collect(),
            b,
            3,
            1,
        ),
        (
            "policy-without-case",
            found(&[(b, &policy("own", &format!("forbid ({reader}, {change}, resource);")))]),
            b,
            3,
            1,
        ),
        (
            "role-nobody-has",
            of_policy(&policy("own", &format!("forbid (principal in Role::\"raeder\", {change}, resource);"))),
            b,
            3,
            22,
        ),
        (
            "tag-nobody-has",
            of_policy(&policy("own", &format!("forbid ({reader}, {change}, resource in Tag::\"wbe\");"))),
            b,
            3,
            81,
        ),
        (
            "script-without-cases",
            found(&[("scripts/admission/own.rhai", "fn admit(request, capacity) { allow() }")]),
            "scripts/admission/own.rhai",
            1,
            1,
        ),
        (
            "shadowed-policy",
            of_policy(&policy(
                "own",
                &format!("permit ({reader}, action == Action::\"observe\", resource) when {{ context.mfa }};"),
            )),
            b,
            3,
            1,
        ),
        (
            "short-rationale",
            of_policy(&format!("@id(\"own\")\n@rationale(\"Because.\")\nforbid ({reader}, {change}, resource);\n")),
            b,
            3,
            1,
        ),
        (
            "unknown-rule",
            of_policy(&policy("own", &format!("@lint_allow(\"line-patern\")\nforbid ({reader}, {change}, resource);"))),
            b,
            4,
            1,
        ),
        (
            "unreachable-permit",
            of_policy(&format!(
                "{}{}",
                policy("one", &format!("forbid ({reader}, {change}, resource);")),
                policy("two", &format!("permit ({reader}, {change}, resource is Probe) when {{ context.mfa }};"))
            )),
            b,
            6,
            1,
        ),
        (
            "unscoped-policy",
            of_policy(&policy("own", "forbid (principal, action, resource) when { context.tainted };")),
            b,
            3,
            1,
        ),
    ]
}

#[test]
fn each_rule_finds_what_it_is_for() {
    for (code, found, file, line, column) in examples() {
        only(&found, code, file, line, column);
    }
}

#[test]
fn every_rule_has_an_example() {
    let shown: BTreeSet<&str> = examples().iter().map(|(code, ..)| *code).collect();
    let rules: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(shown, rules);
    assert!(rules.len() >= 12);
}

#[test]
fn a_rule_is_switched_by_the_manifest_an_annotation_or_a_comment() {
    let unscoped = policy("own", "forbid (principal, action, resource) when { context.tainted };");
    let with = |manifest: &str| {
        let manifest = format!("{MANIFEST}[lint]\n{manifest}\n");
        found(&[("bundle.toml", &manifest), ("policies/b.cedar", &unscoped), ("policies/b.cases.toml", &named("own"))])
    };
    assert_eq!(with("unscoped-policy = \"off\""), []);
    assert_eq!(with("unscoped-policy = \"error\"")[0].grade, Grade::Error);
    assert_eq!(with("")[0].grade, Grade::Warning);
    let slip = with("unscoped-polcy = \"off\"");
    assert_eq!((&*slip[0].code, slip[0].line, slip[0].column), ("unknown-rule", 4, 1));
    assert_eq!(slip[0].help.as_deref(), Some("did you mean `unscoped-policy`?"));
    let allowed = format!("@lint_allow(\"short-rationale, unscoped-policy\")\n{unscoped}");
    assert_eq!(of_policy(&allowed), []);
    let script = "// lint_allow: script-without-cases\nfn admit(request, capacity) { allow() }";
    assert_eq!(found(&[("scripts/admission/own.rhai", script)]), []);
}

#[test]
fn a_permit_to_destroy_is_fine_under_a_guardrail() {
    let text = format!(
        "{}{}",
        policy("own", "permit (principal in Role::\"reader\", action == Action::\"destroy\", resource);"),
        policy(
            "guard",
            "forbid (principal, action == Action::\"destroy\", resource) unless { context.approvals.count >= 2 };"
        )
    );
    assert_eq!(of_policy(&text), []);
}

#[test]
fn listed_roles_and_tags_need_no_case() {
    let manifest = format!("{MANIFEST}[names]\nroles = [\"reader\", \"raeder\"]\n");
    let text =
        policy("own", "forbid (principal in Role::\"raeder\", action == Action::\"observe\", resource is Probe);");
    let list =
        [("bundle.toml", manifest.as_str()), ("policies/b.cedar", &text), ("policies/b.cases.toml", &named("own"))];
    assert_eq!(found(&list), []);
}
