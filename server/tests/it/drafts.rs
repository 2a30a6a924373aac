//! Drafts: looked at without a trace, laid over a revision, and tried out as they are.

use serde_json::{Value, json};
use testkit::World;

use crate::bundles::{FROZEN, with};
use crate::text;

const CHECK: &str = "/api/v1/bundles/check";

/// Where a draft's findings are, with their grade.
fn places(out: &Value) -> Vec<(String, u64, String)> {
    let found = out["findings"].as_array().unwrap().iter();
    found
        .map(|one| (text(one, "file").to_owned(), one["line"].as_u64().unwrap(), text(one, "grade").to_owned()))
        .collect()
}

#[tokio::test]
async fn a_faulty_draft_is_told_where_and_nothing_of_it_is_kept() {
    let world = World::start().await;
    let admin = world.admin();
    let wrong = FROZEN.replace("Action::\"remediate\"", "Action::\"remediat\"");
    let out = admin.post(CHECK, with("policies/own.cedar", &wrong)).await.is(200);
    assert_eq!((&out["passed"], &out["revision"], &out["cases"]), (&json!(false), &Value::Null, &Value::Null), "{out}");
    assert_eq!(places(&out), [("policies/own.cedar".to_owned(), 3, "error".to_owned())]);
    let found = &out["findings"][0];
    assert!(text(found, "message").contains("remediat"), "{found}");
    assert!(text(found, "help").contains("remediate"), "{found}");
    assert!(found["width"].as_u64().unwrap() > 5 && found["column"].as_u64().unwrap() > 1, "{found}");
    let listed = admin.get("/api/v1/bundles").await.is(200);
    assert_eq!(listed["bundles"].as_array().unwrap().len(), 1, "{listed}");
    world.end().await;
}

#[tokio::test]
async fn a_draft_is_looked_at_as_deeply_as_is_asked() {
    let world = World::start().await;
    let admin = world.admin();
    let draft = with("policies/own.cedar", FROZEN);
    let quick = admin.post(CHECK, draft.clone()).await.is(200);
    assert_eq!((&quick["passed"], &quick["cases"], &quick["coverage"]), (&json!(true), &Value::Null, &Value::Null));
    let cases = admin.post(&format!("{CHECK}?depth=cases"), draft.clone()).await.is(200);
    let all = cases["cases"].as_array().unwrap();
    assert!(all.len() > 50 && all.iter().all(|case| case["problems"] == json!([])), "{cases}");
    assert!(cases["gaps"].to_string().contains("the-lab-is-frozen"), "{}", cases["gaps"]);
    assert_eq!((&cases["coverage"], &cases["revision"]), (&Value::Null, &quick["revision"]));
    let deep = admin.post(&format!("{CHECK}?depth=coverage"), draft.clone()).await.is(200);
    let own = deep["coverage"].as_array().unwrap().iter().find(|file| file["file"] == "policies/own.cedar").unwrap();
    let point = own["points"].as_array().unwrap().iter().find(|point| point["kind"] == "policy").unwrap();
    assert_eq!((&point["line"], &point["within"]), (&json!(1), &json!("the-lab-is-frozen")), "{own}");
    assert_eq!(point["sides"], json!([{ "name": "determining", "times": 0 }]));
    assert!(own["seen"].as_u64().unwrap() < own["of"].as_u64().unwrap());

    // What it would be called is what it is called.
    let published = admin.post("/api/v1/bundles", draft).await.is(201);
    assert_eq!(published["revision"], quick["revision"]);
    admin.post(&format!("{CHECK}?depth=all"), json!({ "base": "active" })).await.problem("bad-request");
    world.end().await;
}

#[tokio::test]
async fn a_case_that_does_not_hold_is_named_with_its_place() {
    let world = World::start().await;
    let admin = world.admin();
    let broad = FROZEN.replace("Tag::\"lab\"", "Tag::\"prod\"");
    let out = admin.post(&format!("{CHECK}?depth=cases"), with("policies/own.cedar", &broad)).await.is(200);
    assert_eq!(out["passed"], false);
    let failed: Vec<&Value> =
        out["cases"].as_array().unwrap().iter().filter(|case| case["problems"] != json!([])).collect();
    assert!(!failed.is_empty(), "{out}");
    for case in failed {
        assert!(text(case, "file").ends_with(".cases.toml") && case["line"].as_u64().unwrap() > 0, "{case}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_draft_takes_a_base_that_is_there_and_leaves_out_what_it_has() {
    let world = World::start().await;
    let admin = world.admin();
    admin.post(CHECK, json!({ "base": "ffffffffffff" })).await.problem("not-found");
    let missing = json!({ "base": "active", "remove": ["policies/none.cedar"] });
    admin.post(CHECK, missing).await.problem("invalid");
    let without = json!({ "base": "active", "remove": ["policies/roles.cases.toml"] });
    let out = admin.post(&format!("{CHECK}?depth=cases"), without).await.is(200);
    assert!(!out["cases"].to_string().contains("policies/roles.cases.toml"), "{}", out["gaps"]);
    let viewer = world.person("vera", &["viewer"]).await;
    viewer.post(CHECK, json!({ "base": "active" })).await.problem("forbidden");
    world.end().await;
}

#[tokio::test]
async fn a_draft_is_replayed_and_shadowed_over_its_base() {
    let world = World::start().await;
    let admin = world.admin();
    let draft = json!({ "base": "active", "files": { "policies/own.cedar": FROZEN }, "remove": [] });
    let started = admin.post("/api/v1/replays", draft.clone()).await.is(202);
    let checked = admin.post(CHECK, draft.clone()).await.is(200);
    assert_eq!(started["candidate"], checked["revision"]);
    let shadow = admin.post("/api/v1/bundles/shadow", draft).await.is(200);
    assert_eq!(shadow["candidate"], checked["revision"]);
    for wrong in [
        json!({}),
        json!({ "revision": "live", "files": {} }),
        json!({ "revision": "live", "base": "active" }),
        json!({ "files": {}, "base": "active", "remove": ["policies/none.cedar"] }),
    ] {
        admin.post("/api/v1/replays", wrong).await.problem("invalid");
    }
    admin.post("/api/v1/replays", json!({ "files": {}, "base": "ffffffffffff" })).await.problem("not-found");
    world.end().await;
}

#[tokio::test]
async fn a_draft_and_a_revision_are_compared_by_their_answers() {
    const COMPARE: &str = "/api/v1/bundles/compare";
    let world = World::start().await;
    let admin = world.admin();
    let draft = json!({ "base": "active", "files": { "policies/own.cedar": FROZEN }, "requests": 500 });
    let found = admin.post(COMPARE, draft).await.is(200);
    let laxer = |answer: &Value| text(&answer["before"], "outcome") == "deny";
    let answers = found["answers"].as_array().unwrap();
    assert!(!answers.is_empty() && !answers.iter().any(laxer), "a freeze makes nothing laxer: {found}");
    let frozen = |answer: &&Value| {
        answer["after"]["by"] == json!(["the-lab-is-frozen"]) && text(answer, "action") == "remediate"
    };
    let frozen = answers.iter().find(frozen).unwrap_or_else(|| panic!("{found}"));
    assert_eq!(text(&frozen["after"], "outcome"), "deny");
    assert!(text(frozen, "case").contains("[[case]]"), "{frozen}");
    assert!(found["tried"].as_u64().unwrap() > 500, "the cases of both are asked too: {found}");

    let same = admin.post(COMPARE, json!({ "revision": "active", "requests": 10 })).await.is(200);
    assert_eq!((&same["answers"], &same["before"]), (&json!([]), &same["after"]));
    for wrong in [json!({}), json!({ "revision": "active", "files": {} })] {
        admin.post(COMPARE, wrong).await.problem("invalid");
    }
    admin.post(COMPARE, json!({ "revision": "active", "requests": 20001 })).await.problem("bad-request");
    admin.post(COMPARE, json!({ "revision": "ffffffffffff" })).await.problem("not-found");
    admin.post(COMPARE, json!({ "revision": "active", "against": "ffffffffffff" })).await.problem("not-found");
    let broken = json!({ "base": "active", "files": { "policies/own.cedar": "permit (" } });
    admin.post(COMPARE, broken).await.problem("bundle-refused");
    let viewer = world.person("vera", &["viewer"]).await;
    viewer.post(COMPARE, json!({ "revision": "active" })).await.problem("forbidden");
    world.end().await;
}

#[tokio::test]
async fn a_draft_that_goes_deeper_than_any_stack_is_a_finding_and_the_server_goes_on() {
    let world = World::start().await;
    let admin = world.admin();
    let base = text(&admin.get("/api/v1/policies").await.is(200), "revision").to_owned();
    let n = 20_000;
    let policy = format!(
        "@id(\"deep\")\n@rationale(\"It is deep.\")\npermit (principal, action, resource) when {{ {}true{} }};\n",
        "(".repeat(n),
        ")".repeat(n)
    );
    let schema = format!("entity A {{ a: {}Long{} }};", "Set<".repeat(n), ">".repeat(n));
    let laughs: String = (1..60).map(|n| format!("type T{n} = {{ a: T{}, b: T{} }};\n", n - 1, n - 1)).collect();
    let laughs = format!("type T0 = Long;\n{laughs}entity A {{ a: T59 }};");
    for (path, content, code) in [
        ("policies/deep.cedar", policy, "policy-syntax"),
        ("policies/schema.cedarschema", schema, "schema-syntax"),
        ("policies/schema.cedarschema", laughs, "schema-syntax"),
    ] {
        let draft = json!({ "base": base, "files": { path: content }, "remove": [] });
        let seen = admin.post(&format!("{CHECK}?depth=findings"), draft).await.is(200);
        let found =
            seen["findings"].as_array().unwrap().iter().any(|found| found["code"] == code && found["file"] == path);
        assert!(found && seen["passed"] == false, "{seen}");
    }
    world.end().await;
}
