use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::fake::{Fake, Reply, Request, events, json as answer, problem};

const ID: &str = "cmd_1";

fn decision(outcome: Value, rationale: Value) -> Value {
    json!({
        "outcome": outcome, "action": "remediate", "revision": "r1", "facts_digest": "f1",
        "rationale": rationale,
    })
}

fn reason(id: &str, sentence: &str, held: &str) -> Value {
    json!({
        "id": id, "rationale": sentence, "effect": "forbid", "file": "policies/guardrails.cedar",
        "span": { "line": 3, "column": 1, "end_line": 6, "end_column": 9 },
        "clauses": [
            { "kind": "resource", "text": "resource in Tag::\"prod\"", "outcome": "held",
              "span": { "line": 5, "column": 1, "end_line": 5, "end_column": 9 } },
            { "kind": "unless", "text": "context.approvals.count\n    >= 1", "outcome": held,
              "span": { "line": 6, "column": 1, "end_line": 6, "end_column": 9 } },
        ],
    })
}

fn held() -> Value {
    let policy = "prod-changes-need-a-second-pair-of-eyes";
    decision(
        json!({ "kind": "hold", "approvals": 1 }),
        json!({
            "summary": "needs 1 more approval: A change to production waits for one other person.",
            "drove_outcome": [{ "source": "policy", "name": policy }],
            "policies": [reason(policy, "A change to production waits for one other person.", "failed")],
            "counterfactual": { "kind": "approvals", "count": 1, "message": "1 more approval would make it pass" },
            "candidates": 3,
        }),
    )
}

fn denied() -> Value {
    decision(
        json!({ "kind": "deny" }),
        json!({
            "summary": "denied by `agents-never-destroy`: A model proposes; it never destroys.",
            "drove_outcome": [{ "source": "policy", "name": "agents-never-destroy" }],
            "policies": [reason("agents-never-destroy", "A model proposes; it never destroys.", "not_reached")],
            "counterfactual": { "kind": "nothing", "message": "nothing would make it pass" },
            "candidates": 3,
        }),
    )
}

fn queued() -> Value {
    decision(
        json!({ "kind": "queue", "reason": "the probe is busy" }),
        json!({
            "summary": "waits: the probe is busy",
            "drove_outcome": [{ "source": "admission", "name": "scripts/admission/room.rhai" }],
            "policies": [],
            "admission": { "scripts": [{
                "script": "scripts/admission/room.rhai", "verdict": "queue", "reason": "the probe is busy",
                "indicators": [{
                    "name": "running commands", "source": "scripts/admission/room.rhai", "value": 8, "comparator": ">=",
                    "threshold": 8, "severity": "warning", "effect": "queue", "drove_outcome": true,
                    "message": "running commands is 8, which is at least 8",
                }],
                "drove_outcome": true,
            }] },
            "candidates": 3,
        }),
    )
}

fn command(state: &str, more: Value) -> Value {
    let mut command = json!({
        "id": ID, "probe": "prb_1", "probe_name": "web-1", "state": state, "line": "systemctl restart nginx",
        "level": "remediate", "requester": "usr_1", "requester_name": "ana", "repeated": false,
        "ended": !matches!(state, "held" | "queued" | "dispatched" | "running"),
    });
    for (name, value) in more.as_object().unwrap() {
        command[name] = value.clone();
    }
    command
}

fn event(seq: u64, kind: &str, body: Value) -> String {
    let data = json!({ "seq": seq, "at": "2026-01-01T00:00:00Z", "kind": kind, "body": body });
    format!("id: {seq}\nevent: {kind}\ndata: {data}\n\n")
}

fn output(seq: u64, stream: &str, text: &str) -> String {
    event(seq, "output", json!({ "stream": stream, "data": BASE64.encode(text) }))
}

/// A server on which a command starts and ends like this.
fn ends(state: &'static str, more: Value) -> Fake {
    Fake::start(move |request| match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/api/v1/probes/web-1/command") => answer(202, command("dispatched", json!({}))),
        ("GET", "/api/v1/commands/cmd_1/stream") => events(
            event(1, "decision", json!({ "state": "dispatched" }))
                + &output(2, "stdout", "one\n")
                + &output(3, "stderr", "two\n")
                + &event(4, "ended", json!({ "state": state })),
        ),
        ("GET", path) if path.starts_with("/api/v1/commands/cmd_1?") => answer(200, command(state, more.clone())),
        _ => problem(404, "not-found", &request.path),
    })
}

/// A server that says this to whoever asks.
fn says(status: u16, body: Value) -> Fake {
    Fake::start(move |_| answer(status, body.clone()))
}

const ASK: &[&str] = &["run", "web-1", "--", "systemctl", "restart", "nginx"];

#[test]
fn passes_on_output_and_exit_code() {
    let home = tempfile::tempdir().unwrap();
    let well = json!({
        "exit_code": 0,
        "result": { "took_ms": 412, "seen": [{ "kind": "unit", "target": "nginx.service",
            "before": { "active_state": "active" }, "after": { "active_state": "active" } }] },
    });
    let ended = ends("succeeded", well).run(home.path(), ASK);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "one\n"));
    assert_eq!(ended.stderr, "two\ndone    web-1 in 0.4 s, active → active\n");
    let ended = ends("failed", json!({ "exit_code": 77, "result": { "took_ms": 2 } })).run(home.path(), ASK);
    assert_eq!(ended.code, 77);
    assert!(ended.stderr.ends_with("failed  web-1 in 0.0 s, exit code 77\n"), "{}", ended.stderr);
}

#[test]
fn has_an_exit_code_for_every_other_end() {
    let home = tempfile::tempdir().unwrap();
    let of = |state, more| ends(state, more).run(home.path(), ASK).code;
    assert_eq!(of("timed_out", json!({ "exit_code": 124 })), 124);
    for state in ["refused", "expired", "canceled", "lost"] {
        assert_eq!(of(state, json!({})), 9, "{state}");
    }
    assert_eq!(of("failed", json!({ "result": { "end": { "how": "not_started", "why": "no such program" } } })), 1);
    assert_eq!(of("denied", json!({ "decision": denied() })), 3);
}

#[test]
fn gives_one_document_where_json_is_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let fake = ends("failed", json!({ "exit_code": 3, "stdout": "one\n", "stderr": "two\n" }));
    let ended = fake.run(home.path(), &[&["-o", "json"], ASK].concat());
    assert_eq!(
        (ended.code, ended.json()["exit_code"].as_i64(), ended.json()["stdout"].as_str()),
        (3, Some(3), Some("one\n"))
    );
    assert_eq!(ended.stderr, "");
    let sent: Value = serde_json::from_str(&fake.heard.lock().unwrap()[0].body).unwrap();
    assert_eq!(sent["argv"], json!(["systemctl", "restart", "nginx"]));
    assert_eq!((&sent["origin"], &sent["timeout_ms"]), (&json!("cli"), &json!(30_000)));
}

#[test]
fn says_why_a_command_is_held_and_how_to_approve_it() {
    let home = tempfile::tempdir().unwrap();
    let ended = says(202, command("held", json!({ "approval": "apr_1", "decision": held() }))).run(home.path(), ASK);
    assert_eq!(ended.code, 4);
    insta::assert_snapshot!("held", ended.all());
}

#[test]
fn says_why_a_command_waits_for_room() {
    let home = tempfile::tempdir().unwrap();
    let ended = says(202, command("queued", json!({ "decision": queued() }))).run(home.path(), ASK);
    assert_eq!(ended.code, 6);
    insta::assert_snapshot!("queued", ended.all());
}

fn refusal() -> Reply {
    let mut decision = denied();
    decision["command"] = ID.into();
    let mut reply = problem(403, "denied", "denied by `agents-never-destroy`");
    let mut body: Value = serde_json::from_str(&reply.body).unwrap();
    body["decision"] = decision;
    reply.body = body.to_string();
    reply
}

#[test]
fn says_why_a_command_is_denied() {
    let home = tempfile::tempdir().unwrap();
    let fake = Fake::start(|request| match request.method.as_str() {
        "POST" => refusal(),
        _ => answer(200, command("denied", json!({ "decision": denied() }))),
    });
    let ended = fake.run(home.path(), ASK);
    assert_eq!(ended.code, 3);
    insta::assert_snapshot!("denied", ended.all());
    let ended = fake.run(home.path(), &[&["-o", "json"], ASK].concat());
    assert_eq!((ended.code, &ended.json()["state"]), (3, &json!("denied")));
}

#[test]
fn takes_a_broken_stream_up_after_the_newest_event() {
    let home = tempfile::tempdir().unwrap();
    let fake = Fake::start(|request: &Request| match request.path.as_str() {
        "/api/v1/probes/web-1/command" => answer(202, command("dispatched", json!({}))),
        "/api/v1/commands/cmd_1/stream" => match request.header("last-event-id") {
            None => Reply { cut: true, ..events(output(1, "stdout", "one ") + &output(2, "stdout", "two ")) },
            Some("2") => events(output(3, "stdout", "three\n") + &event(4, "ended", json!({ "state": "succeeded" }))),
            Some(other) => panic!("{other}"),
        },
        _ => answer(200, command("succeeded", json!({ "exit_code": 0 }))),
    });
    let ended = fake.run(home.path(), ASK);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "one two three\n"));
}

#[test]
fn stops_waiting_when_told_to() {
    let home = tempfile::tempdir().unwrap();
    let fake = Fake::start(|request: &Request| match request.path.as_str() {
        "/api/v1/probes/web-1/command" => {
            answer(202, command("held", json!({ "approval": "apr_1", "decision": held() })))
        }
        _ => Reply { cut: true, ..events(event(1, "decision", json!({ "state": "held" }))) },
    });
    let ended = fake.run(home.path(), &["run", "web-1", "--wait=0", "--", "uptime"]);
    assert_eq!(ended.code, 124, "{ended:?}");
    assert!(ended.stderr.contains("legatorctl wait cmd_1"), "{}", ended.stderr);
}

#[test]
fn asks_every_probe_with_a_tag_and_sums_up() {
    let home = tempfile::tempdir().unwrap();
    let fake = Fake::start(|request: &Request| match request.path.as_str() {
        "/api/v1/fleet/by-tag/web/command" => answer(
            200,
            json!({ "group": "grp_1", "total": 2, "counts": {}, "results": [
            { "command": "cmd_1", "probe": "prb_1", "probe_name": "web-1", "state": "dispatched", "summary": "permitted" },
            { "command": "cmd_2", "probe": "prb_2", "probe_name": "web-2", "state": "held", "summary": "needs 1 approval" },
        ] }),
        ),
        "/api/v1/commands/cmd_1/stream" => {
            events(output(1, "stdout", "a\nb") + &event(2, "ended", json!({ "state": "succeeded" })))
        }
        path if path.contains("cmd_2") => answer(200, command("held", json!({ "id": "cmd_2", "probe_name": "web-2" }))),
        _ => answer(200, command("succeeded", json!({ "exit_code": 0 }))),
    });
    let ended = fake.run(home.path(), &["run", "tag:web", "--", "uptime"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (4, "web-1 | a\nweb-1 | b\n"));
    assert!(ended.stderr.contains("2 probes: 1 held, 1 succeeded"), "{}", ended.stderr);
}

#[test]
fn shows_a_problem_with_its_help_and_request() {
    let home = tempfile::tempdir().unwrap();
    let of = |status, code: &'static str| Fake::start(move |_| problem(status, code, "it\u{1b}[2J cannot be done"));
    let ended = of(409, "conflict").run(home.path(), &["cancel", ID]);
    assert_eq!(ended.code, 1);
    insta::assert_snapshot!("problem", ended.all());
    assert_eq!(of(401, "unauthenticated").run(home.path(), &["probes"]).code, 7);
    assert_eq!(of(403, "forbidden").run(home.path(), &["probes"]).code, 7);
    let ended = of(422, "invalid").run(home.path(), &["probes", "-o", "json"]);
    assert_eq!((ended.code, &ended.json()["error"]["request_id"]), (1, &json!("req_1")));
}

#[test]
fn votes_on_what_was_shown() {
    let home = tempfile::tempdir().unwrap();
    let request = |state: &str, votes: Value| {
        json!({
            "id": "apr_1", "command": ID, "probe": "prb_1", "probe_name": "web-1", "line": "systemctl restart nginx",
            "state": state, "requester": "usr_1", "requester_name": "ana", "why": "a change to production", "digest": "d1",
            "needed": 1, "votes": votes, "can_decide": true,
        })
    };
    let fake = Fake::start(move |asked: &Request| match asked.path.as_str() {
        "/api/v1/commands/cmd_1" => answer(200, command("held", json!({ "approval": "apr_1" }))),
        "/api/v1/approvals/apr_1" => answer(200, request("pending", json!([]))),
        "/api/v1/approvals/apr_1/decide" => {
            answer(200, request("pending", json!([{ "name": "ben", "choice": "approve" }])))
        }
        "/api/v1/commands/cmd_1/stream" => events(event(1, "ended", json!({ "state": "succeeded" }))),
        _ => answer(200, command("succeeded", json!({ "exit_code": 0, "result": { "took_ms": 400 } }))),
    });
    let ended = fake.run(home.path(), &["approve", ID, "--reason", "after the cache move"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    insta::assert_snapshot!("approve", ended.all());
    let heard = fake.heard.lock().unwrap();
    let vote = heard.iter().find(|asked| asked.is("POST", "/api/v1/approvals/apr_1/decide")).unwrap();
    let vote: Value = serde_json::from_str(&vote.body).unwrap();
    assert_eq!(vote, json!({ "decision": "approve", "digest": "d1", "reason": "after the cache move" }));
}

#[test]
fn says_that_a_person_denied_what_policy_held() {
    let home = tempfile::tempdir().unwrap();
    let more = json!({ "decision": held(), "result": { "reason": "denied by ben: no" } });
    let ended = ends("denied", more).run(home.path(), ASK);
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("denied  by ben: no\n") && !ended.stderr.contains("needs 1"), "{}", ended.stderr);
}

#[test]
fn votes_on_nothing_that_does_not_wait() {
    let home = tempfile::tempdir().unwrap();
    let ended = says(200, command("succeeded", json!({}))).run(home.path(), &["deny", ID]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("waits for nobody"), "{}", ended.stderr);
}

#[test]
fn shows_control_characters_of_others_instead_of_obeying_them() {
    let home = tempfile::tempdir().unwrap();
    let probe =
        json!({ "id": "prb_1", "name": "web\u{1b}[2J-1", "status": "online", "health": { "score": 100 }, "tags": [] });
    let ended = says(200, json!({ "probes": [probe], "total": 1 })).run(home.path(), &["probes"]);
    assert!(ended.stdout.contains("\\u{1b}") && !ended.stdout.contains('\u{1b}'), "{}", ended.stdout);
}

#[test]
fn removes_no_probe_unasked() {
    let home = tempfile::tempdir().unwrap();
    let fake = says(200, json!({ "id": "prb_1", "name": "web-1" }));
    assert_eq!(fake.run(home.path(), &["probes", "remove", "web-1"]).code, 2);
    assert!(fake.heard.lock().unwrap().iter().all(|asked| asked.method == "GET"));
    assert_eq!(fake.run(home.path(), &["probes", "remove", "web-1", "--yes"]).code, 0);
    assert!(fake.heard.lock().unwrap().iter().any(|asked| asked.is("DELETE", "/api/v1/probes/prb_1")));
}

#[test]
fn waits_through_an_approval_to_the_end() {
    let home = tempfile::tempdir().unwrap();
    let fake = Fake::start(|request: &Request| match request.path.as_str() {
        "/api/v1/probes/web-1/command" => {
            answer(202, command("held", json!({ "approval": "apr_1", "decision": held() })))
        }
        "/api/v1/commands/cmd_1/stream" => events(
            event(1, "decision", json!({ "state": "held", "summary": "needs 1 more approval" }))
                + &event(2, "decision", json!({ "state": "dispatched", "summary": "permitted by `x`" }))
                + &output(3, "stdout", "one\n")
                + &event(4, "ended", json!({ "state": "succeeded" })),
        ),
        _ => answer(200, command("succeeded", json!({ "exit_code": 0, "result": { "took_ms": 1200 } }))),
    });
    let ended = fake.run(home.path(), &["run", "web-1", "--wait", "--", "uptime"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "one\n"));
    assert!(ended.stderr.starts_with("held    needs 1 approval"), "{}", ended.stderr);
    assert!(ended.stderr.ends_with("dispatched permitted by `x`\ndone    web-1 in 1.2 s\n"), "{}", ended.stderr);
}

#[test]
fn says_what_would_be_decided_with_the_same_codes() {
    let home = tempfile::tempdir().unwrap();
    for (outcome, decision, code) in [("hold", held(), 4), ("deny", denied(), 3), ("queue", queued(), 6)] {
        let body =
            json!({ "probe": "prb_1", "line": "uptime", "outcome": outcome, "summary": "so", "decision": decision });
        let ended = says(200, body).run(home.path(), &["simulate", "web-1", "--", "uptime"]);
        assert_eq!(ended.code, code, "{ended:?}");
        assert!(ended.stdout.starts_with(&format!("uptime\n{outcome}")), "{}", ended.stdout);
    }
}

#[test]
fn explains_every_judgement() {
    let home = tempfile::tempdir().unwrap();
    let judgement = |outcome: &str, decision: Value| {
        json!({ "at": "2026-01-02T03:04:05Z", "revision": "r1", "outcome": outcome, "summary": "a sentence",
            "decision": decision, "facts": { "principal": "ana" } })
    };
    let decisions = [judgement("hold", held()), judgement("queue", queued()), judgement("deny", denied())];
    let body = json!({ "command": ID, "line": "systemctl restart nginx", "state": "denied", "decisions": decisions });
    let ended = says(200, body).run(home.path(), &["explain", ID, "--facts"]);
    assert_eq!(ended.code, 0);
    insta::assert_snapshot!("explain", ended.all());
}

#[test]
fn prints_the_line_that_a_machine_enrolls_with() {
    let home = tempfile::tempdir().unwrap();
    let fake = says(201, json!({ "id": "tok_1", "token": "lgt_secret", "expires_at": "2026-01-02T03:04:05Z" }));
    let ended = fake.run(home.path(), &["tokens", "create", "--tag", "web", "--many", "--ttl", "2h"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "lgt_secret\n"));
    let line = format!("legator-probe init --server {} --token lgt_secret", fake.url);
    assert!(ended.stderr.contains(&line), "{}", ended.stderr);
    let sent: Value = serde_json::from_str(&fake.heard.lock().unwrap()[0].body).unwrap();
    assert_eq!(sent, json!({ "name": "", "tags": ["web"], "max_uses": null, "ttl_s": 7200 }));
}

#[test]
fn makes_people_and_keys_with_an_end() {
    let home = tempfile::tempdir().unwrap();
    let fake = says(201, json!({ "id": "key_1", "name": "ben", "plain_key": "lgk_secret" }));
    assert_eq!(fake.run(home.path(), &["users", "create", "ben", "--role", "operator"]).code, 0);
    let ended = fake.run(home.path(), &["keys", "create", "--user", "ben", "--name", "laptop", "--ttl", "1h"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "lgk_secret\n"));
    let heard = fake.heard.lock().unwrap();
    let of = |n: usize| serde_json::from_str::<Value>(&heard[n].body).unwrap();
    assert_eq!(of(0), json!({ "name": "ben", "roles": ["operator"], "groups": [], "invite": false }));
    assert!(chrono::DateTime::parse_from_rfc3339(of(1)["expires_at"].as_str().unwrap()).is_ok());
}

#[test]
fn tells_of_the_server_as_much_as_may_be_seen() {
    let home = tempfile::tempdir().unwrap();
    let fake = Fake::start(|request: &Request| match request.path.as_str() {
        "/healthz" => {
            answer(503, json!({ "status": "degraded", "problems": ["the log is full"], "probes_connected": 0 }))
        }
        "/version" => answer(200, json!({ "version": "0.1.0", "wire": [1], "revision": "r1" })),
        "/api/v1/me" => answer(200, json!({ "name": "ana", "roles": ["viewer"] })),
        _ => problem(403, "forbidden", "not for you"),
    });
    let ended = fake.run(home.path(), &["status"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("ana (viewer)") && ended.stdout.contains("the log is full"), "{}", ended.stdout);
}
