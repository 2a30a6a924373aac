//! The documents say what the code does: every attribute, action and script field, and none that does not exist.

use std::collections::BTreeSet;

use cedar_policy::SchemaFragment;
use legator_engine::ScriptKind;
use serde_json::Value;

use crate::shipped::shipped;
use crate::small::{PERMIT, faults};

const POLICIES: &str = include_str!("../../../policies/README.md");
const SCRIPTS: &str = include_str!("../../../scripts/README.md");

/// What stands in backticks in the first cell of a table's rows, if it begins so.
fn documented(text: &str, begin: &str) -> BTreeSet<String> {
    let cells = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names.filter(|name| name.starts_with(begin) && !name.contains('…')).map(str::to_owned).collect()
}

fn schema() -> Value {
    let files = legator_engine::Bundle::shipped();
    let text = String::from_utf8(files["policies/schema.cedarschema"].clone()).unwrap();
    SchemaFragment::from_cedarschema_str(&text).unwrap().0.to_json_value().unwrap()[""].clone()
}

/// Every path below a record type, with a `?` after an optional last part.
fn paths(schema: &Value, at: &str, shape: &Value, found: &mut BTreeSet<String>) {
    let named = shape["name"].as_str().or_else(|| shape["type"].as_str());
    let shape = match named.and_then(|name| schema["commonTypes"].get(name)) {
        Some(common) => common,
        None => shape,
    };
    for (name, inner) in shape["attributes"].as_object().into_iter().flatten() {
        let optional = if inner["required"] == Value::Bool(false) { "?" } else { "" };
        found.insert(format!("{at}.{name}{optional}"));
        paths(schema, &format!("{at}.{name}"), inner, found);
    }
}

#[test]
fn every_attribute_of_the_context_is_documented_and_no_other() {
    let schema = schema();
    let mut found = BTreeSet::new();
    for kind in ["CommandContext", "OperationContext", "VoteContext"] {
        paths(&schema, "context", &schema["commonTypes"][kind], &mut found);
    }
    assert!(found.contains("context.approvals.count") && found.contains("context.command.cwd?"), "{found:?}");
    assert_eq!(documented(POLICIES, "context."), found);
}

#[test]
fn every_action_is_documented() {
    let bundle = shipped();
    let missing: Vec<&str> = bundle.actions().filter(|name| !POLICIES.contains(&format!("`{name}`"))).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn every_attribute_of_an_entity_is_documented() {
    let schema = schema();
    let mut missing = Vec::new();
    for (kind, entity) in schema["entityTypes"].as_object().unwrap() {
        let row = POLICIES.lines().find(|line| line.starts_with(&format!("| `{kind}`"))).unwrap_or_default();
        for (name, inner) in entity["shape"]["attributes"].as_object().into_iter().flatten() {
            let optional = if inner["required"] == Value::Bool(false) { "?" } else { "" };
            if !row.contains(&format!("`{name}{optional}`")) {
                missing.push(format!("{kind}.{name}{optional}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_field_that_the_scripts_chapter_names_exists() {
    let mut fields = documented(SCRIPTS, "request.");
    fields.extend(documented(SCRIPTS, "capacity."));
    assert!(fields.len() > 30, "{fields:?}");
    for field in fields {
        let text = format!("fn admit(request, capacity) {{ if capacity.known {{ let seen = {field}; }} allow() }}");
        let files = [("policies/a.cedar", PERMIT), ("scripts/admission/a.rhai", text.as_str())];
        let loaded = legator_engine::Bundle::load(&crate::small::files(&files));
        assert!(loaded.is_ok(), "{field}: {:?}", loaded.err());
    }
    let wrong = "fn admit(request, capacity) { let seen = request.moon; allow() }";
    assert_eq!(faults(&[("scripts/admission/a.rhai", wrong)]).len(), 1);
}

/// A part of a chapter that is written from the code, between two marks. `LEGATOR_BLESS=1` writes it.
fn generated(chapter: &str, name: &str, wanted: &str) {
    let path = format!("{}/../{chapter}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- generated: {name} -->\n"), "<!-- end of generated -->");
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{chapter} has no `{}`", begin.trim_end()));
    let (written, after) = rest.split_once(end).unwrap();
    if std::env::var_os("LEGATOR_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{begin}{wanted}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(written, wanted, "{chapter} is older than the code; run this test with LEGATOR_BLESS=1");
}

fn code_table(codes: &[legator_engine::bundle::codes::Code]) -> String {
    let row = |code: &legator_engine::bundle::codes::Code| {
        format!("| `{}` | {} | {} | {} |\n", code.name, code.grade.as_str(), code.meaning, code.mend)
    };
    format!("| code | grade | means | mend |\n|---|---|---|---|\n{}", codes.iter().map(row).collect::<String>())
}

#[test]
fn the_codes_of_check_are_in_the_policies_chapter() {
    generated("policies/README.md", "check", &code_table(legator_engine::bundle::codes::CODES));
}

#[test]
fn the_rules_of_lint_are_in_the_policies_chapter() {
    generated("policies/README.md", "lint", &code_table(legator_engine::lint::RULES));
}

#[test]
fn the_functions_of_each_kind_of_script_are_in_the_scripts_chapter() {
    use legator_engine::vocabulary::functions;
    let mut table = "| kind | call | |\n|---|---|---|\n".to_owned();
    for kind in ScriptKind::ALL {
        let folder = kind.folder().trim_start_matches("scripts/");
        for function in functions(kind) {
            table.push_str(&format!("| `{folder}` | `{}` | {} |\n", function.call, function.meaning));
        }
    }
    generated("scripts/README.md", "functions", &table);
}

#[test]
fn what_an_admission_script_sees_is_in_the_scripts_chapter() {
    let row = |field: &legator_engine::vocabulary::Field| format!("| `{}` | {} |\n", field.path, field.meaning);
    let rows: String = legator_engine::vocabulary::fields(ScriptKind::Admission).iter().map(row).collect();
    generated("scripts/README.md", "fields", &format!("| field | |\n|---|---|\n{rows}"));
}
