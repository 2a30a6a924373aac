//! What was asked of the API, and which answers change between two revisions that the server keeps.

use serde_json::{Value, json};

use crate::fake::{Fake, json as reply, problem};

const ID: &str = "opn_01M8398P4NRVTXB4CZWVAMR9B0";

fn asked() -> Value {
    json!({ "id": ID, "at": "2027-01-01T00:00:00Z", "last_at": "2027-01-01T00:20:00Z", "times": 3,
            "action": "manageUsers", "principal": "ana\u{1b}[31m", "tenant": "default", "outcome": "deny" })
}

fn explained() -> Value {
    let mut explained = asked();
    explained["summary"] = json!("no policy permits it");
    explained["revision"] = json!("r1");
    explained["facts"] = json!({ "ask": { "operation": "manageUsers" } });
    explained["decision"] = json!({
        "outcome": { "kind": "deny" }, "action": "manageUsers", "revision": "r1", "facts_digest": "f1",
        "rationale": { "summary": "no policy permits it", "policies": [], "candidates": 2,
                       "drove_outcome": [{ "source": "silence", "name": "no-policy-permits" }] },
    });
    explained
}

fn answers() -> Value {
    let short = |outcome: &str, by: &str| json!({ "outcome": outcome, "approvals": 0, "by": [by] });
    json!({ "before": "r1", "after": "r2", "tried": 5012, "answers": [
        { "before": short("deny", "the-freeze"), "after": short("allow", "operators-may"), "action": "remediate",
          "case": "[[case]]\nname = \"one\"\n", "times": 4 },
    ] })
}

fn server() -> Fake {
    Fake::start(|request| match (request.method.as_str(), request.path.split('?').next().unwrap()) {
        ("GET", "/api/v1/decisions/operations") => reply(200, json!({ "operations": [asked()] })),
        ("GET", path) if path == format!("/api/v1/decisions/operations/{ID}") => reply(200, explained()),
        ("POST", "/api/v1/bundles/compare") => reply(200, answers()),
        _ => problem(404, "not-found", "nothing here"),
    })
}

#[test]
fn lists_what_was_asked_of_the_api_and_says_why() {
    let home = tempfile::tempdir().unwrap();
    let fake = server();
    let args = ["decisions", "--principal", "ana", "--outcome", "deny", "--since", "1h", "--limit", "5"];
    let listed = fake.run(home.path(), &args);
    assert_eq!(listed.code, 0, "{listed:?}");
    for said in [ID, "deny", "manageUsers", "3", "2027-01-01 00:20:00Z"] {
        assert!(listed.stdout.contains(said), "{said}: {}", listed.stdout);
    }
    assert!(!listed.stdout.contains('\u{1b}'), "a name does nothing to a terminal");
    let path = fake.heard.lock().unwrap()[0].path.clone();
    for said in ["principal=ana", "outcome=deny", "limit=5", "since=20"] {
        assert!(path.contains(said), "{path}");
    }
    let document = fake.run(home.path(), &["decisions", "-o", "json"]);
    assert_eq!(document.json()["operations"][0]["times"], 3);
    assert_eq!(fake.run(home.path(), &["decisions", "--outcome", "queue"]).code, 2);
    assert_eq!(fake.run(home.path(), &["decisions", "--since", "yesterday"]).code, 2);

    let why = fake.run(home.path(), &["explain", ID, "--facts"]);
    assert_eq!(why.code, 0, "{why:?}");
    for said in ["manageUsers by ana", "no policy permits it", "\"operation\": \"manageUsers\""] {
        assert!(why.stdout.contains(said), "{said}: {}", why.stdout);
    }
}

#[test]
fn says_that_nothing_was_asked() {
    let home = tempfile::tempdir().unwrap();
    let fake = Fake::start(|_| reply(200, json!({ "operations": [] })));
    let none = fake.run(home.path(), &["decisions"]);
    assert_eq!((none.code, none.stderr.contains("nothing of the kind was asked")), (0, true), "{none:?}");
}

#[test]
fn compares_the_answers_of_two_revisions_on_the_server() {
    let home = tempfile::tempdir().unwrap();
    let fake = server();
    let found = fake.run(home.path(), &["bundle", "diff", "active", "r2", "--on-server", "--requests", "5000"]);
    assert_eq!(found.code, 0, "{found:?}");
    for said in ["where it was deny: remediate", "the-freeze", "[[case]]", "and 3 more like it", "5012 requests"] {
        assert!(found.stdout.contains(said), "{said}: {}", found.stdout);
    }
    let sent: Value = serde_json::from_str(&fake.heard.lock().unwrap()[0].body).unwrap();
    assert_eq!(sent, json!({ "revision": "r2", "against": "active", "requests": 5000 }));
    let strict = fake.run(home.path(), &["bundle", "diff", "active", "r2", "--on-server", "--fail-on-change"]);
    assert_eq!(strict.code, 1, "{strict:?}");
    let document = fake.run(home.path(), &["bundle", "diff", "active", "r2", "--on-server", "-o", "json"]);
    assert_eq!(document.json()["answers"][0]["times"], 4);
}
