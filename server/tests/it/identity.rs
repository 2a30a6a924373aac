//! Who may do what: every operation of the document, without a key and with each role.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::reqwest::Method;
use testkit::{Person, World};

/// One operation of the document.
pub struct Operation {
    pub name: String,
    pub method: String,
    pub path: String,
    pub spec: Value,
}

pub fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, spec) in methods.as_object().unwrap() {
            let name = spec["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no name")).to_owned();
            found.push(Operation { name, method: method.to_uppercase(), path: path.clone(), spec: spec.clone() });
        }
    }
    found
}

/// What needs no key: a machine that enrolls brings a token, a repository signs its calls, and a monitor only asks how
/// it goes. Who signs in has no session yet, and who signs out may have none any more.
const OPEN: &[&str] = &[
    "ask_device_sign_in",
    "begin_device_sign_in",
    "challenge_passkey",
    "choose_password",
    "end_provider_sessions",
    "finish_provider_sign_in",
    "get_auth_state",
    "get_health",
    "get_version",
    "register_probe",
    "sign_in",
    "sign_in_with_passkey",
    "sign_out",
    "start_provider_sign_in",
    "tell_bundle_webhook",
];

/// A body that the operation can read. Nothing in it exists, so that nothing is changed.
pub fn body(operation: &str) -> Value {
    match operation {
        "run_command" | "run_command_by_tag" | "simulate_command" => json!({ "argv": ["uptime"] }),
        "decide_approval" => json!({ "decision": "approve" }),
        "create_token" => json!({ "name": "t", "ttl_s": 0 }),
        "create_user" => json!({ "name": "", "roles": [] }),
        "put_provider" => json!({ "name": "", "issuer": "", "client_id": "" }),
        "create_key" => json!({ "user": "nobody", "name": "k" }),
        "create_certificate" => json!({ "user": "nobody", "name": "k", "uri": "spiffe://acme/ci" }),
        "rotate_log_key" => json!({ "expect": "nothing" }),
        "change_user" | "change_tenant" | "rotate_probe_keys" => json!({}),
        "set_user_grants" => json!({ "grants": ["nothing"] }),
        "create_tenant" => json!({ "name": "" }),
        "set_group" => json!({ "members": ["nobody"] }),
        "choose_password" => json!({ "token": "lgl_x", "password": "" }),
        "sign_in" => json!({ "name": "", "password": "" }),
        "change_password" => json!({ "old": "", "new": "" }),
        "confirm_passkey" => json!({ "name": "", "client_data": "", "attestation": "" }),
        "sign_in_with_passkey" => json!({ "id": "", "client_data": "", "authenticator_data": "", "signature": "" }),
        "step_up" | "rotate_key" => json!({}),
        "begin_device_sign_in" => json!({ "client": "" }),
        "ask_device_sign_in" => json!({ "device_code": "" }),
        "answer_device_sign_in" => json!({ "decision": "deny" }),
        "confirm_totp" => json!({ "code": "" }),
        "set_probe_tags" => json!({ "tags": [""] }),
        "cancel_command" => json!({ "reason": "" }),
        "publish_bundle" => json!({ "files": { "../x": "" } }),
        "activate_bundle" | "roll_back_bundle" => json!({}),
        "write_policy" => json!({ "name": "../x", "source": "" }),
        "replay_bundle" => json!({}),
        "create_replay" | "start_shadow" | "compare_bundles" => json!({ "revision": "nothing" }),
        "comment_on_approval" => json!({ "text": "" }),
        "withdraw_vote" => json!({}),
        "delegate_votes" => json!({ "to": "nobody", "until": "2100-01-01T00:00:00Z" }),
        "enroll_vote_key" => json!({ "name": "x", "algorithm": "none", "public_key": "", "proof": "" }),
        "enroll_vote_passkey" => {
            let nothing = json!({ "id": "", "client_data": "", "authenticator_data": "", "signature": "" });
            json!({ "passkey": nothing })
        }
        "vouch_for_vote_key" => json!({ "signature": "" }),
        "ask_for_grant" | "preview_grant" => {
            json!({ "tag": "web", "level": "remediate", "programs": ["true"], "for_s": 60, "reason": "x" })
        }
        "revoke_grant" => json!({ "reason": "" }),
        "review_broken_glass" => json!({ "verdict": "justified", "note": "" }),
        "register_probe" => testkit::registration(&json!("lgt_x"), "web-9"),
        _ => Value::Null,
    }
}

async fn status(person: &Person, operation: &Operation, ids: &BTreeMap<&str, String>) -> u16 {
    let mut path = operation.path.clone();
    for (name, id) in ids {
        path = path.replace(name, id);
    }
    if operation.name == "prove_audit_consistency" {
        path.push_str("?from=1");
    }
    if operation.name == "download_audit_log" {
        path.push_str("?form=csv");
    }
    let method = Method::from_bytes(operation.method.as_bytes()).unwrap();
    let mut request = person.request(method, &path);
    if operation.spec.get("requestBody").is_some() {
        request = request.json(&body(&operation.name));
    }
    // A stream that is let through does not end; its status is enough.
    testkit::soon(&operation.name, request.send()).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn no_operation_answers_without_a_key_but_for_those_that_are_meant_to() {
    let world = World::start().await;
    let document: Value = serde_json::from_str(&legator_server::http::document(world.app())).unwrap();
    let (stranger, ids) = (
        world.stranger(),
        BTreeMap::from([
            ("{id}", "x".to_owned()),
            ("{tag}", "x".to_owned()),
            ("{index}", "0".to_owned()),
            ("{name}", "x".to_owned()),
            ("{n}", "1".to_owned()),
            ("{code}", "BCDFGHJK".to_owned()),
        ]),
    );
    let mut open = Vec::new();
    for operation in operations(&document) {
        let bad_key = status(&stranger.with_key(Some("lgk_x_y")), &operation, &ids).await;
        let no_key = status(&stranger, &operation, &ids).await;
        if OPEN.contains(&operation.name.as_str()) {
            open.push(operation.name.clone());
            continue;
        }
        assert_eq!((no_key, bad_key), (401, 401), "{} {}", operation.method, operation.path);
    }
    open.sort();
    assert_eq!(open, OPEN);
    world.end().await;
}

#[tokio::test]
async fn a_refusal_names_its_policies_and_stands_in_the_log() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let problem = ana.get("/api/v1/audit").await.problem("forbidden");
    assert_eq!(problem["decision"]["action"], "readAudit");
    assert!(!crate::text(&problem, "help").is_empty());
    let entry = world.entry("access.refused", |_| true).await;
    assert_eq!((crate::text(&entry, "actor"), &entry["body"]["action"]), ("ana", &json!("readAudit")));
    world.end().await;
}

#[tokio::test]
async fn i_am_who_my_key_says() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator", "approver"]).await;
    let me = ana.get("/api/v1/me").await.is(200);
    assert_eq!((crate::text(&me, "name"), &me["roles"]), ("ana", &json!(["approver", "operator"])));
    assert_eq!(crate::text(&me, "id"), ana.id);
    let keys = world.admin().get("/api/v1/auth/keys").await;
    // `lgk_`, the id's 26 characters, `_`, the secret.
    assert!(!keys.text.contains(&ana.key.as_deref().unwrap()[31..]), "a key's secret is shown once");
    world.end().await;
}
