//! Whatever is wrong with a request, the answer is the one error shape, with its code and the request's id.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::World;
use testkit::reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{RESTART, WIPE, text};

const RUN: &str = "/api/v1/probes/web-1/command";

#[tokio::test]
async fn an_unknown_probe_is_not_found() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    ana.ask("nobody", &["uptime"]).await.problem("not-found");
    ana.ask("prb_01ARZ3NDEKTSV4RRFFQ69G5FAV", &["uptime"]).await.problem("not-found");
    ana.get("/api/v1/probes/nobody").await.problem("not-found");
    ana.get("/api/v1/commands/cmd_01ARZ3NDEKTSV4RRFFQ69G5FAV").await.problem("not-found");
    ana.get("/api/v1/commands/nonsense").await.problem("not-found");
    world.end().await;
}

#[tokio::test]
async fn a_command_that_is_not_well_formed_is_refused() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    world.host("web-1", &[]).await;
    let bad = [
        json!({}),
        json!({ "argv": [] }),
        json!({ "argv": [""] }),
        json!({ "argv": ["echo", "a\u{0}b"] }),
        json!({ "argv": vec!["a"; 1025] }),
        json!({ "shell": "  " }),
        json!({ "shell": "a\u{0}b" }),
        json!({ "shell": "x".repeat(70_000) }),
        json!({ "argv": ["a"], "shell": "b" }),
        json!({ "argv": ["a"], "args": ["b"] }),
        json!({ "command": "a", "argv": ["b"] }),
        json!({ "argv": ["a"], "cwd": "relative" }),
        json!({ "argv": ["a"], "env": { "1A": "x" } }),
        json!({ "argv": ["a"], "env": { "A": "x\u{0}" } }),
        json!({ "argv": ["a"], "timeout_ms": 0 }),
        json!({ "argv": ["a"], "timeout_ms": 1_000_000_000_000_u64 }),
    ];
    for body in bad {
        ana.post(RUN, body).await.problem("bad-command");
    }
    for body in [
        json!({ "argv": ["a"], "expires_in_s": 0 }),
        json!({ "argv": ["a"], "expires_in_s": 10_000_000 }),
        json!({ "argv": ["a"], "expires_in_s": i64::MAX }),
        json!({ "argv": ["a"], "reason": "x".repeat(3_000) }),
        json!({ "argv": ["a"], "breakglass": "x".repeat(3_000) }),
    ] {
        ana.post(RUN, body).await.problem("invalid");
    }
    assert_eq!(ana.get("/api/v1/commands").await.is(200)["commands"], json!([]));
    world.end().await;
}

#[tokio::test]
async fn a_line_that_cannot_be_read_counts_as_a_change_and_waits_for_a_person_who_reads_it() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    world.host("web-1", &[]).await;
    world.host("db-1", &["prod"]).await;
    for probe in ["web-1", "db-1"] {
        let held = ana.post(&format!("/api/v1/probes/{probe}/command"), json!({ "shell": "echo 'unfinished" })).await;
        let held = held.is(202);
        assert_eq!((text(&held, "state"), text(&held, "level")), ("held", "remediate"), "{held}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_whether_its_length_is_said_or_not() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    world.host("web-1", &[]).await;
    let large = json!({ "argv": ["echo", "x".repeat(1_100_000)] }).to_string();
    let said = ana.request(Method::POST, RUN).header("content-type", "application/json").body(large);
    ana.send(said).await.problem("payload-too-large");

    // Without its length, piece by piece; the server answers as soon as it is too much.
    let mut socket = TcpStream::connect(world.base().trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST {RUN} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        ana.key.as_deref().unwrap()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let piece = format!("{:x}\r\n{}\r\n", 65_536, "x".repeat(65_536));
    for _ in 0..17 {
        socket.write_all(piece.as_bytes()).await.unwrap();
    }
    let mut answer = String::new();
    testkit::soon("a refusal", socket.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("\"code\":\"payload-too-large\""), "{answer}");
    world.end().await;
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    world.host("web-1", &[]).await;
    for body in ["", "{", "[]", "{\"argv\": 7}", "{\"argv\": [\"a\"], \"timeout_ms\": -1}"] {
        let request = ana.request(Method::POST, RUN).header("content-type", "application/json").body(body);
        ana.send(request).await.problem("bad-request");
    }
    let request = ana.request(Method::POST, RUN).header("content-type", "text/plain").body("{}");
    ana.send(request).await.problem("unsupported-media-type");
    for path in ["/api/v1/commands?limit=0", "/api/v1/commands?limit=501", "/api/v1/commands?limit=x"] {
        ana.get(path).await.problem("bad-request");
    }
    ana.get("/api/v1/commands?state=dancing").await.problem("invalid");
    ana.get("/api/v1/commands?cursor=x").await.problem("invalid");
    world.end().await;
}

#[tokio::test]
async fn who_has_no_valid_key_is_nobody() {
    let world = World::plan().with_manual_clock().start().await;
    let (admin, ana) = (world.admin(), world.person("ana", &["viewer"]).await);
    ana.get("/api/v1/me").await.is(200);
    ana.with_key(None).get("/api/v1/me").await.problem("unauthenticated");
    let key = ana.key.clone().unwrap();
    let (head, last) = key.split_at(key.len() - 2);
    let forged = format!("{head}{}", if last == "AA" { "BA" } else { "AA" });
    for bad in ["", "x", "lgk_", &forged, &key[..key.len() - 1], &format!("{key}x")] {
        ana.with_key(Some(bad)).get("/api/v1/me").await.problem("unauthenticated");
    }
    let basic = ana.with_key(None).request(Method::GET, "/api/v1/me").basic_auth("ana", Some(&key));
    ana.send(basic).await.problem("unauthenticated");

    let end = "2027-01-15T08:01:00Z"; // a minute after the clock's begin
    let ask = json!({ "user": "ana", "name": "short", "expires_at": end });
    let short = admin.post("/api/v1/auth/keys", ask).await.is(201);
    let short = ana.with_key(Some(text(&short, "plain_key")));
    short.get("/api/v1/me").await.is(200);
    world.clock().advance(60_000);
    short.get("/api/v1/me").await.problem("unauthenticated");

    let keys = admin.get("/api/v1/auth/keys").await.is(200);
    let of_ana = |key: &&Value| key["user"] == ana.id && key["name"] == "laptop";
    let id = text(keys["keys"].as_array().unwrap().iter().find(of_ana).unwrap(), "id").to_owned();
    admin.delete(&format!("/api/v1/auth/keys/{id}")).await.is(204);
    ana.get("/api/v1/me").await.problem("unauthenticated");
    world.end().await;
}

#[tokio::test]
async fn an_address_or_a_method_that_does_not_exist_is_said_in_the_same_shape() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    for path in ["/nothing", "/api/v1/nothing", "/api/v2/probes", "/api/v1/commands/x/y/z"] {
        ana.get(path).await.problem("not-found");
    }
    ana.delete("/api/v1/me").await.problem("method-not-allowed");
    ana.post("/healthz", json!({})).await.problem("method-not-allowed");
    world.end().await;
}

#[tokio::test]
async fn the_last_way_in_is_not_thrown_away_and_names_are_taken_once() {
    let world = World::start().await;
    let admin = world.admin();
    let keys = admin.get("/api/v1/auth/keys").await.is(200);
    let id = text(&keys["keys"][0], "id").to_owned();
    admin.delete(&format!("/api/v1/auth/keys/{id}")).await.problem("conflict");
    admin.post("/api/v1/users", json!({ "name": "Admin", "roles": [] })).await.problem("conflict");
    admin.post("/api/v1/users", json!({ "name": "a\nb", "roles": [] })).await.problem("invalid");
    admin.post("/api/v1/auth/keys", json!({ "user": "nobody", "name": "k" })).await.problem("not-found");
    world.end().await;
}

/// Codes that no request can bring about here: nothing negotiates content, limits rates or times out, `internal` is a
/// fault, a webhook needs a repository (`bundles_git.rs`), and doors and votes
/// have tests of their own (`identity_sessions.rs`, `approvals`).
const NOT_PROVOKED: &[&str] = &[
    "bad-link",
    "bad-signature",
    "cross-site-request",
    "internal",
    "not-acceptable",
    "reason-required",
    "second-factor-needed",
    "sign-in-refused",
    "timeout",
    "too-many-requests",
    "vote-signature",
];

#[tokio::test]
async fn every_code_that_can_be_provoked_is_provoked() {
    let folder = crate::bundle::shipped();
    let world = World::plan().with_bundle(folder.path()).start().await;
    let (admin, ana) = (world.admin(), world.person("ana", &["operator"]).await);
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let host = world.host("web-1", &["web"]).await;
    world.host("db-1", &["db", "prod"]).await;
    let probe = host.obey().await;
    let mut seen = BTreeSet::new();
    let mut meet = |code: &'static str, answer: testkit::Answer| {
        answer.problem(code);
        seen.insert(code);
    };
    let keyed = |argv: &'static str| {
        let request = ana.request(Method::POST, RUN).header("Idempotency-Key", "k");
        ana.send(request.json(&json!({ "argv": [argv] })))
    };
    meet("bad-command", ana.post(RUN, json!({})).await);
    meet(
        "bad-request",
        ana.send(ana.request(Method::POST, RUN).header("content-type", "application/json").body("{")).await,
    );
    meet("unsupported-media-type", ana.send(ana.request(Method::POST, RUN).body("{}")).await);
    meet("payload-too-large", ana.post(RUN, json!({ "shell": "x".repeat(1_100_000) })).await);
    meet("invalid", ana.post(RUN, json!({ "argv": ["a"], "expires_in_s": 0 })).await);
    meet("unauthenticated", world.stranger().get("/api/v1/me").await);
    meet("forbidden", ana.get("/api/v1/users").await);
    meet("denied", ana.ask("db-1", WIPE).await);
    meet("not-found", ana.get("/nothing").await);
    meet("method-not-allowed", ana.delete("/api/v1/me").await);
    keyed("uptime").await.ok();
    meet("idempotency-key-reused", keyed("hostname").await);
    let held = ana.ask("web-1", WIPE).await.is(202);
    let decide = format!("/api/v1/approvals/{}/decide", text(&held, "approval"));
    meet("stale-approval", ben.post(&decide, json!({ "decision": "approve", "digest": "0" })).await);
    ben.vote(text(&held, "approval"), "approve").await.ok();
    meet("already-voted", ben.vote(text(&held, "approval"), "approve").await);
    ana.cancel(text(&held, "id")).await.ok();
    meet("conflict", cleo.vote(text(&held, "approval"), "approve").await);
    let register =
        |token: Value| world.stranger().post_owned("/api/v1/register", testkit::registration(&token, "web-1"));
    meet("bad-token", register(json!("lgt_x")).await);
    meet("known-machine", register(world.token(json!({ "name": "t" })).await["token"].clone()).await);
    std::fs::write(folder.path().join("policies/broken.cedar"), "permit (").unwrap();
    meet("bundle-refused", admin.post("/api/v1/policies/reload", json!(null)).await);
    crate::audit::fill(&world).await;
    meet("log-unavailable", ana.ask("web-1", RESTART).await);
    crate::audit::make_room(&world).await;

    let all: BTreeSet<&str> = legator_server::error::CODES.iter().map(|(code, ..)| *code).collect();
    let missing: Vec<_> = all.difference(&seen).copied().collect();
    let mut expected = NOT_PROVOKED.to_vec();
    expected.sort_unstable();
    assert_eq!(missing, expected);
    probe.vanish().await;
    world.end().await;
}

#[tokio::test]
async fn the_page_of_error_codes_lists_every_code() {
    let world = World::start().await;
    let page = world.stranger().get("/docs/problems").await;
    for (code, ..) in legator_server::error::CODES {
        assert!(page.text.contains(&format!("id=\"{code}\"")), "{code}");
    }
    world.end().await;
}
