//! `bundle test`, `cover`, `mutants`, `explain` and `diff`, as a person and a build call them.

use std::path::Path;

use crate::fake::run_with;

const POLICY: &str = "@id(\"operators\")\n@rationale(\"Operators may.\")\npermit (principal in Role::\"operator\", action in Action::\"command\", resource)\nwhen { context.mfa };\n";

fn case(name: &str, mfa: bool, outcome: &str) -> String {
    format!(
        "[[case]]\nname = \"{name}\"\nprincipal = {{ roles = [\"operator\"] }}\ncommand = [\"true\"]\ncontext = {{ mfa = {mfa} }}\nexpect = {{ outcome = \"{outcome}\" }}\n"
    )
}

fn bundle(folder: &Path, cases: &str) -> String {
    std::fs::create_dir_all(folder.join("policies")).unwrap();
    std::fs::write(folder.join("policies/a.cedar"), POLICY).unwrap();
    std::fs::write(folder.join("policies/a.cases.toml"), cases).unwrap();
    folder.to_str().unwrap().to_owned()
}

#[test]
fn says_how_many_cases_hold_and_writes_junit() {
    let home = tempfile::tempdir().unwrap();
    let folder = bundle(home.path(), &(case("with a factor", true, "allow") + &case("without <one>", false, "deny")));
    let junit = home.path().join("out.xml");
    let ended = run_with(home.path(), &[], &["bundle", "test", &folder, "--junit", junit.to_str().unwrap()], "");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("2 of 2 cases hold"), "{}", ended.stdout);
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"0\"") && xml.contains("without &lt;one&gt;"), "{xml}");
    let some = run_with(home.path(), &[], &["bundle", "test", &folder, "--filter", "with a*"], "");
    assert!(some.stdout.contains("1 of 1 cases hold"), "{}", some.stdout);
    let none = run_with(home.path(), &[], &["bundle", "test", &folder, "--filter", "moon"], "");
    assert_eq!(none.code, 2, "{none:?}");
}

#[test]
fn shows_of_a_failing_case_what_was_expected_what_came_and_why() {
    let home = tempfile::tempdir().unwrap();
    let folder = bundle(home.path(), &case("wrong", false, "allow"));
    let junit = home.path().join("out.xml");
    let ended = run_with(home.path(), &[], &["bundle", "test", &folder, "--junit", junit.to_str().unwrap()], "");
    assert_eq!(ended.code, 1, "{ended:?}");
    for part in [
        "failed  wrong",
        "policies/a.cases.toml:1",
        "expected  allow",
        "got       deny",
        "✗ when context.mfa",
        "if `mfa` were `true` instead of `false`, it would pass",
        "0 of 1 cases hold",
    ] {
        assert!(ended.stdout.contains(part), "{part}\n{}", ended.stdout);
    }
    assert!(std::fs::read_to_string(junit).unwrap().contains("<failure message="));
    let json = run_with(home.path(), &[], &["bundle", "test", &folder, "-o", "json"], "").json();
    assert_eq!((&json["ok"], &json["failed"]), (&false.into(), &1.into()));
    assert_eq!(json["cases"][0]["differences"][0]["expected"], "allow");
}

#[test]
fn cover_fails_below_what_the_manifest_wants_and_writes_its_reports() {
    let home = tempfile::tempdir().unwrap();
    let folder = bundle(home.path(), &case("with a factor", true, "allow"));
    let (html, lcov) = (home.path().join("pages"), home.path().join("lcov.info"));
    let reports = ["--html", html.to_str().unwrap(), "--lcov", lcov.to_str().unwrap()];
    let args: Vec<&str> = ["bundle", "cover", &folder].into_iter().chain(reports).collect();
    let ended = run_with(home.path(), &[], &args, "");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("context.mfa: never false"), "{}", ended.stdout);
    assert!(html.join("index.html").exists() && html.join("policies-a.cedar.html").exists());
    assert!(std::fs::read_to_string(lcov).unwrap().starts_with("TN:\nSF:policies/a.cedar\n"));
    let gated = run_with(home.path(), &[], &["bundle", "cover", &folder, "--fail-under", "95"], "");
    assert_eq!(gated.code, 1, "{gated:?}");
    let json = run_with(home.path(), &[], &["bundle", "cover", &folder, "-o", "json"], "").json();
    assert_eq!((&json["clauses"]["seen"], &json["clauses"]["of"]), (&4.into(), &7.into()));
}

#[test]
fn mutants_shows_what_nobody_notices_with_the_case_to_write() {
    let home = tempfile::tempdir().unwrap();
    let folder = bundle(home.path(), &case("with a factor", true, "allow"));
    let ended = run_with(home.path(), &[], &["bundle", "mutants", &folder, "--fail-under", "90"], "");
    assert_eq!(ended.code, 1, "{ended:?}");
    for part in ["alive   drop a condition in `operators`", "- when { context.mfa }", "[[case]]", "% of"] {
        assert!(ended.stdout.contains(part), "{part}\n{}", ended.stdout);
    }
    let json = run_with(home.path(), &[], &["bundle", "mutants", &folder, "-o", "json"], "").json();
    assert!(json["killed"].as_u64() < json["of"].as_u64(), "{json}");
}

#[test]
fn explain_and_diff_say_why_and_what_changes() {
    let home = tempfile::tempdir().unwrap();
    let folder = bundle(&home.path().join("a"), &case("with a factor", true, "allow"));
    let ended = run_with(home.path(), &[], &["bundle", "explain", "with a factor", "--folder", &folder], "");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("✓ when context.mfa"), "{}", ended.stdout);
    let request = home.path().join("r.toml");
    std::fs::write(&request, "principal = { roles = [\"operator\"] }\ncommand = \"true\"\n").unwrap();
    let of = ["bundle", "explain", "--request", request.to_str().unwrap(), "--folder", &folder];
    let ended = run_with(home.path(), &[], &of, "");
    assert!(ended.stdout.contains("✗ when context.mfa"), "{}", ended.stdout);
    let unknown = run_with(home.path(), &[], &["bundle", "explain", "moon", "--folder", &folder], "");
    assert_eq!(unknown.code, 2, "{unknown:?}");

    let other = bundle(&home.path().join("b"), &case("with a factor", true, "allow"));
    std::fs::write(home.path().join("b/policies/a.cedar"), POLICY.replace("\nwhen { context.mfa }", "")).unwrap();
    let ended = run_with(home.path(), &[], &["bundle", "diff", &folder, &other, "--requests", "500"], "");
    assert_eq!(ended.code, 0, "{ended:?}");
    for part in ["~ policies/a.cedar", "~ policy `operators`", "allow   where it was deny"] {
        assert!(ended.stdout.contains(part), "{part}\n{}", ended.stdout);
    }
    let strict =
        run_with(home.path(), &[], &["bundle", "diff", &folder, &other, "--requests", "500", "--fail-on-change"], "");
    assert_eq!(strict.code, 1, "{strict:?}");
    let same = run_with(home.path(), &[], &["bundle", "diff", &folder, &folder, "--fail-on-change"], "");
    assert_eq!(same.code, 0, "{same:?}");
}
