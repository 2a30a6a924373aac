//! Bundles on a server, from the command line: what is sent, what is shown, and how it ends.

use std::path::Path;

use serde_json::{Value, json};

use crate::fake::{Fake, json as answer, problem};

const REVISION: &str = "3f09c1d2aabbccddeeff00112233445566778899aabbccddeeff001122334455";

fn bundle(folder: &Path) {
    std::fs::create_dir_all(folder.join("policies")).unwrap();
    std::fs::write(folder.join("policies/own.cedar"), "permit (principal, action, resource);\n").unwrap();
    std::fs::write(folder.join("notes.md"), "not of the bundle").unwrap();
    std::fs::write(folder.join(".secret"), "nor this").unwrap();
}

fn server() -> Fake {
    Fake::start(|request| {
        let held = request.body.contains("held");
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/api/v1/bundles?check_only=false") => answer(
                201,
                json!({
                    "revision": REVISION, "stored": true, "passed": !request.body.contains("broken"),
                    "faults": if request.body.contains("broken") { json!([{ "file": "a.cases.toml", "line": 3, "column": 1, "message": "case `x` does not hold" }]) } else { json!([]) },
                    "report": { "cases": 7 },
                }),
            ),
            ("POST", path) if path.ends_with("/activate") && held => answer(
                202,
                json!({ "approval": "apr_1", "revision": REVISION, "needed": 1, "why": "needs 1 more approval" }),
            ),
            ("POST", "/api/v1/bundles/3f09c1/activate" | "/api/v1/bundles/rollback") => answer(
                200,
                json!({ "n": 3, "revision": REVISION, "at": "2026-01-01T00:00:00Z", "actor": "ana", "how": "person" }),
            ),
            ("POST" | "DELETE", path) if path.contains("/apply-policy/") => answer(
                200,
                json!({ "n": 4, "revision": REVISION, "at": "2026-01-01T00:00:00Z", "actor": "ana", "how": "template" }),
            ),
            ("GET", "/api/v1/bundles/history?limit=50") => answer(
                200,
                json!({ "activations": [
                { "n": 2, "revision": REVISION, "at": "2026-01-01T00:00:00Z", "actor": "ana", "how": "rollback", "reason": "it broke" },
            ], "next_cursor": 2 }),
            ),
            _ => problem(409, "conflict", "another activation is under way"),
        }
    })
}

fn last(server: &Fake) -> (String, Value) {
    let heard = server.heard.lock().unwrap();
    let request = heard.last().unwrap();
    (format!("{} {}", request.method, request.path), serde_json::from_str(&request.body).unwrap_or_default())
}

#[test]
fn publishes_what_belongs_to_the_bundle_and_says_its_revision() {
    let (home, server) = (tempfile::tempdir().unwrap(), server());
    bundle(home.path());
    let folder = home.path().to_str().unwrap();
    let ended = server.run(home.path(), &["bundle", "publish", folder, "-m", "a change"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains(REVISION) && ended.stderr.contains("7 cases hold"), "{ended:?}");
    let (_, body) = last(&server);
    let files: Vec<&String> = body["files"].as_object().unwrap().keys().collect();
    assert_eq!(files, ["policies/own.cedar"]);
    assert_eq!(body["message"], "a change");

    let ended = server.run(home.path(), &["bundle", "publish", folder, "-m", "broken"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("a.cases.toml:3:1: case `x` does not hold"), "{ended:?}");
    assert!(ended.stderr.contains("cannot decide"), "{ended:?}");
    let ended = server.run(home.path(), &["bundle", "publish", folder, "-m", "held", "--activate"]);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.stderr.contains("legatorctl approve apr_1"), "{ended:?}");
}

#[test]
fn puts_in_force_and_takes_back() {
    let (home, server) = (tempfile::tempdir().unwrap(), server());
    let ended = server.run(home.path(), &["bundle", "activate", "3f09c1", "--reason", "x", "--expect", "aabbcc"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(last(&server).1, json!({ "reason": "x", "expect": "aabbcc" }));
    assert_eq!(server.run(home.path(), &["bundle", "rollback"]).code, 0);
    assert_eq!(last(&server).0, "POST /api/v1/bundles/rollback");
    assert_eq!(server.run(home.path(), &["bundle", "activate", "ffffff"]).code, 1);
    let ended = server.run(home.path(), &["bundle", "history"]);
    assert!(ended.stdout.contains("3f09c1d2aabb") && ended.stdout.contains("it broke"), "{ended:?}");
    assert!(ended.stderr.contains("--cursor 2"), "{ended:?}");
}

#[test]
fn applies_templates_to_probes_and_tags() {
    let (home, server) = (tempfile::tempdir().unwrap(), server());
    assert_eq!(server.run(home.path(), &["policies", "apply", "observe-only", "web-1", "--reason", "a b"]).code, 0);
    assert_eq!(last(&server).0, "POST /api/v1/probes/web-1/apply-policy/observe-only?reason=a+b");
    assert_eq!(server.run(home.path(), &["policies", "unapply", "diagnose", "--tag", "lab"]).code, 0);
    assert_eq!(last(&server).0, "DELETE /api/v1/tags/lab/apply-policy/diagnose");
    assert_eq!(server.run(home.path(), &["policies", "apply", "diagnose"]).code, 2);
}
