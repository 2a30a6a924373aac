//! What a bundle refuses to be made of, and where it points.

use legator_engine::{Bundle, Fault};

use crate::small::{PERMIT, bundle, faults, files};

fn only(list: &[(&str, &str)]) -> Fault {
    let mut found = faults(list);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

fn place(fault: &Fault) -> (&str, u32, u32) {
    (fault.file.as_str(), fault.line, fault.column)
}

#[test]
fn a_policy_that_does_not_parse_is_marked_with_carets() {
    let fault = only(&[(
        "policies/a.cedar",
        "@id(\"a\")\n@rationale(\"A.\")\npermit (principal, action, resource) when { 1 + };",
    )]);
    assert_eq!(place(&fault), ("policies/a.cedar", 3, 49));
    assert!(fault.render().contains("^"), "{}", fault.render());
}

#[test]
fn a_policy_needs_an_id_and_a_rationale() {
    let found = faults(&[("policies/a.cedar", "permit (principal, action, resource);")]);
    let said: Vec<&str> = found.iter().map(|fault| fault.message.as_str()).collect();
    assert_eq!(said, ["a policy has no `@id`", "a policy has no `@rationale`"]);
    assert!(found.iter().all(|fault| fault.help.is_some() && fault.line == 1));
    let empty = only(&[("policies/a.cedar", "@id(\"a\")\n@rationale(\" \")\npermit (principal, action, resource);")]);
    assert_eq!(empty.message, "a policy has no `@rationale`");
}

#[test]
fn two_policies_of_one_name_are_refused_across_files() {
    let fault = only(&[("policies/a.cedar", PERMIT), ("policies/b.cedar", PERMIT)]);
    assert_eq!(place(&fault), ("policies/b.cedar", 2, 1));
    assert!(fault.message.contains("policies/a.cedar:2"), "{}", fault.message);
}

#[test]
fn what_the_schema_does_not_know_is_refused_where_it_stands() {
    let text =
        "@id(\"a\")\n@rationale(\"A.\")\npermit (principal, action, resource)\nwhen { context.moon == \"full\" };";
    let found = faults(&[("policies/a.cedar", text)]);
    assert!(found.iter().all(|fault| fault.line == 4), "{found:#?}");
    assert!(found[0].message.contains("policy `a` does not fit the schema"), "{}", found[0].message);
}

#[test]
fn a_policy_that_can_never_apply_is_refused() {
    let text =
        "@id(\"a\")\n@rationale(\"A.\")\nforbid (principal, action == Action::\"readAudit\", resource is Probe);";
    assert!(faults(&[("policies/a.cedar", text)])[0].message.contains("policy `a`"));
}

#[test]
fn a_template_is_refused() {
    let text = "@id(\"a\")\n@rationale(\"A.\")\npermit (principal == ?principal, action, resource);";
    assert_eq!(faults(&[("policies/a.cedar", text)])[0].line, 3);
}

#[test]
fn every_fault_is_reported_and_not_only_the_first() {
    let found = faults(&[
        ("bundle.toml", "moon = true"),
        ("policies/a.cedar", "permit (principal, action, resource) when {"),
        ("policies/b.cedar", "permit (principal, action, resource);"),
        ("policies/b.cases.toml", "[[case]]\nname = 3"),
        ("scripts/admission/a.rhai", "fn admit(request) { allow() }"),
        ("scripts/admission/b.rhai", "fn admit(request, capacity) { allow( }"),
    ]);
    let mut files: Vec<&str> = found.iter().map(|fault| fault.file.as_str()).collect();
    files.dedup();
    assert_eq!(
        files,
        [
            "bundle.toml",
            "policies/a.cedar",
            "policies/b.cases.toml",
            "policies/b.cedar",
            "scripts/admission/a.rhai",
            "scripts/admission/b.rhai"
        ]
    );
}

#[test]
fn a_script_is_held_to_its_contract() {
    let fault = |text: &str| only(&[("scripts/admission/a.rhai", text)]);
    assert!(fault("let x = 1;").message.contains("has a function `admit`"));
    let arity = fault("// one\nfn admit(request) { allow() }");
    assert_eq!((arity.line, arity.column), (2, 4));
    let parse = fault("fn admit(request, capacity) {\n    allow(\n}");
    assert_eq!(parse.line, 3);
    let undefined = fault("fn admit(request, capacity) {\n    let x = wrong;\n    allow()\n}");
    assert!(undefined.message.contains("wrong"), "{undefined}");
    let forbidden = fault("fn admit(request, capacity) {\n    eval(\"allow()\")\n}");
    assert_eq!(forbidden.line, 2);
}

#[test]
fn a_script_that_fails_on_an_ordinary_request_is_refused_with_its_place() {
    let fault = only(&[("scripts/admission/a.rhai", "fn admit(r, c) {\n    r.moon\n}")]);
    assert_eq!(place(&fault), ("scripts/admission/a.rhai", 2, 7));
    assert!(fault.message.contains("ordinary request"), "{}", fault.message);
    let answer = only(&[("scripts/admission/a.rhai", "fn admit(request, capacity) { let n = 42; n }")]);
    assert!(answer.message.contains("gave a `i64`"), "{}", answer.message);
    let unknown = only(&[(
        "scripts/admission/a.rhai",
        "fn admit(r, c) {\n    if c.probe.mem_used_pct > 90 { deny(\"full\") }\n}",
    )]);
    assert!(unknown.message.contains("gives nothing"), "{}", unknown.message);
}

#[test]
fn cases_that_make_no_sense_are_refused() {
    let fault = |text: &str| only(&[("policies/a.cases.toml", text)]).message;
    assert!(fault("[[case]]\nname = 'a'\nexpect = { outcome = 'allow' }").contains("asks for a `command`"));
    let both = "[[case]]\nname = 'a'\ncommand = 'x'\noperation = 'readAudit'\nexpect = { outcome = 'allow' }";
    assert!(fault(both).contains("not for both"));
    let outcome = "[[case]]\nname = 'a'\ncommand = 'x'\nexpect = { outcome = 'perhaps' }";
    assert!(fault(outcome).contains("`perhaps` is no outcome"));
    let capacity = "[[case]]\nname = 'a'\ncommand = 'x'\ncapacity = 'much'\nexpect = { outcome = 'allow' }";
    assert!(fault(capacity).contains("`much` is no capacity"));
}

#[test]
fn a_case_that_does_not_hold_says_what_differs() {
    let bundle = bundle(&[
        ("policies/a.cedar", PERMIT),
        (
            "policies/a.cases.toml",
            "\n[[case]]\nname = 'wrong'\ncommand = ['x']\nexpect = { outcome = 'deny', nearest = 'permit-all' }",
        ),
    ]);
    let report = bundle.check();
    assert!(!report.passed() && !report.complete());
    assert_eq!(report.cases[0].line, 2);
    assert_eq!(report.cases[0].problems.len(), 2, "{:?}", report.cases[0].problems);
    assert!(report.gaps.contains(&"policy `permit-all` decides no case".to_owned()), "{:?}", report.gaps);
}

#[test]
fn a_case_can_say_what_its_command_is_instead_of_the_table() {
    let case = |class: &str| {
        format!(
            "[[case]]\nname = 'a'\ncommand = ['x']\nclassified = {class}\nexpect = {{ outcome = 'allow', level = 'destroy' }}"
        )
    };
    let of = |class: &str| bundle(&[("policies/a.cedar", PERMIT), ("policies/a.cases.toml", &case(class))]).check();
    assert!(of("{ level = 'destroy', effects = ['disk'] }").passed());
    assert!(!of("{ level = 'observe' }").passed());
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let mut list = files(&[("policies/a.cedar", PERMIT)]);
    list.insert("policies/b.cedar".to_owned(), vec![b'a', 0xff]);
    let found = Bundle::load(&list).expect_err("not text");
    assert_eq!(found[0].file, "policies/b.cedar");
}

#[test]
fn a_schema_that_does_not_take_what_the_engine_supplies_is_refused() {
    let shipped = String::from_utf8(Bundle::shipped()["policies/schema.cedarschema"].clone()).unwrap();
    let same = format!("// The same, but for this line.\n{shipped}");
    assert!(Bundle::load(&files(&[("policies/schema.cedarschema", &same)])).is_ok());
    let narrowed = shipped.replace("    tainted: Bool,\n", "");
    let found = faults(&[("policies/schema.cedarschema", &narrowed)]);
    assert!(found.iter().any(|fault| fault.message.contains("supplies")), "{found:#?}");
    let broken = faults(&[("policies/schema.cedarschema", "entity User;\naction x appliesTo {")]);
    assert_eq!(broken[0].file, "policies/schema.cedarschema");
    assert!(broken[0].line >= 2, "{broken:#?}");
}

#[test]
fn a_revision_counts_what_decides_and_nothing_else() {
    let revision = |list: &[(&str, &str)]| bundle(list).revision().to_owned();
    let base = revision(&[("policies/a.cedar", PERMIT)]);
    assert_eq!(base, revision(&[("policies/a.cedar", &PERMIT.replace('\n', "\r\n")), ("README.md", "read me")]));
    assert_ne!(base, revision(&[("policies/a.cedar", PERMIT), ("bundle.toml", "[approvals]\nmost = 2")]));
    assert_ne!(base, revision(&[("policies/b.cedar", PERMIT)]));
}
