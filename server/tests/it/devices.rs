//! Signing in a program without a browser, and how fast anybody may ask.

use serde_json::{Value, json};
use testkit::World;

use crate::identity_sessions::{Browser, signed_in, with_app};

async fn begin(program: &mut Browser) -> Value {
    program.post("/api/v1/auth/device", json!({ "client": "legatorctl on web-1\u{1b}[31m" })).await.is(200)
}

fn code_of(begun: &Value) -> &str {
    crate::text(begun, "user_code")
}

#[tokio::test]
async fn a_program_is_signed_in_once_somebody_agrees() {
    let world = World::plan().with_manual_clock().start().await;
    let mut ana = signed_in(&world, "ana", &["operator"]).await;
    with_app(&world, &mut ana).await;
    let mut program = Browser::new(&world);
    let begun = begin(&mut program).await;
    let ask = json!({ "device_code": begun["device_code"] });
    let url = crate::text(&begun, "verification_url_complete");
    assert_eq!(url, format!("{}/device?code={}", world.base(), code_of(&begun)));
    assert_eq!(program.post("/api/v1/auth/device/token", ask.clone()).await.is(202)["state"], "pending");
    program.post("/api/v1/auth/device/token", ask.clone()).await.problem("too-many-requests");
    // Looking at it agrees to nothing; a stranger and a key see nothing.
    let path = format!("/api/v1/auth/device/codes/{}", code_of(&begun).to_lowercase());
    let shown = ana.get(&path).await.is(200);
    assert_eq!(shown["client"], "legatorctl on web-1[31m");
    Browser::new(&world).get(&path).await.problem("unauthenticated");
    world.admin().get(&path).await.problem("forbidden");
    world.clock().advance(3_000);
    program.post("/api/v1/auth/device/token", ask.clone()).await.is(202);
    ana.post(&path, json!({ "decision": "approve" })).await.is(204);
    ana.post(&path, json!({ "decision": "deny" })).await.problem("bad-link");
    let opened = program.post("/api/v1/auth/device/token", ask.clone()).await.is(200);
    assert_eq!((&opened["person"]["name"], &opened["mfa"]), (&json!("ana"), &json!(true)));
    assert_eq!(program.get("/api/v1/me").await.is(200)["name"], "ana");
    program.copy().post("/api/v1/auth/device/token", ask).await.problem("bad-link");
    assert_eq!(world.entries("device.approved").await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn nobody_is_signed_in_by_a_code_that_was_denied_or_is_too_old_or_whose_giver_is_gone() {
    let world = World::plan().with_manual_clock().start().await;
    let mut ana = signed_in(&world, "ana", &["operator"]).await;
    let path = |begun: &Value| format!("/api/v1/auth/device/codes/{}", code_of(begun));
    let mut program = Browser::new(&world);
    let ask = |begun: &Value| json!({ "device_code": begun["device_code"] });
    let denied = begin(&mut program).await;
    ana.post(&path(&denied), json!({ "decision": "deny" })).await.is(204);
    program.post("/api/v1/auth/device/token", ask(&denied)).await.problem("sign-in-refused");
    let old = begin(&mut program).await;
    world.clock().advance(10 * 60_000);
    ana.post(&path(&old), json!({ "decision": "approve" })).await.problem("bad-link");
    program.post("/api/v1/auth/device/token", ask(&old)).await.problem("bad-link");
    let given = begin(&mut program).await;
    ana.post(&path(&given), json!({ "decision": "approve" })).await.is(204);
    ana.post("/api/v1/auth/sign-out", json!({})).await.is(204);
    program.post("/api/v1/auth/device/token", ask(&given)).await.problem("sign-in-refused");
    for bad in ["", "x", &"A".repeat(10_000)] {
        program.post("/api/v1/auth/device/token", json!({ "device_code": bad })).await.problem("bad-link");
    }
    world.end().await;
}

#[tokio::test]
async fn codes_cannot_be_guessed_for_long() {
    let world = World::plan().with_manual_clock().start().await;
    let mut eve = signed_in(&world, "eve", &["viewer"]).await;
    let mut answers = Vec::new();
    for n in 0..60 {
        let path =
            format!("/api/v1/auth/device/codes/BBBBBB{}{}", char::from(b'B' + n % 20), char::from(b'B' + n / 20));
        answers.push(eve.get(&path).await.body["code"].as_str().unwrap().to_owned());
    }
    assert!(answers.iter().filter(|code| *code == "bad-link").count() <= 20, "{answers:?}");
    assert_eq!(answers.last().unwrap(), "too-many-requests");
    world.end().await;
}

#[tokio::test]
async fn who_asks_too_fast_waits_and_nobody_else_does() {
    let mut plan = World::plan().with_manual_clock();
    plan.configure(|config| (config.rate_per_s, config.rate_burst) = (5, 40));
    let world = plan.start().await;
    let (ana, ben) = (world.person("ana", &["viewer"]).await, world.person("ben", &["viewer"]).await);
    let mut through = 0;
    for _ in 0..100 {
        let answer = ana.get("/api/v1/me").await;
        if answer.status == 429 {
            answer.problem("too-many-requests");
            break;
        }
        through += 1;
    }
    assert_eq!(through, 40);
    // Another key of the same person is no second bucket; another person has their own.
    let request = ana.request(testkit::reqwest::Method::GET, "/api/v1/me");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    ben.get("/api/v1/me").await.is(200);
    world.clock().advance(1_000);
    for _ in 0..5 {
        ana.get("/api/v1/me").await.is(200);
    }
    ana.get("/api/v1/me").await.problem("too-many-requests");
    world.clock().advance(10_000);
    assert_eq!(world.counted("legator_requests_limited_total{name=\"person\"}").await, 3);
    world.end().await;
}

#[tokio::test]
async fn a_stranger_without_a_key_is_counted_by_address_and_a_trusted_proxy_says_which() {
    let mut plan = World::plan().with_manual_clock();
    plan.configure(|config| {
        (config.stranger_rate_per_s, config.stranger_rate_burst) = (1, 10);
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    });
    let world = plan.start().await;
    let stranger = world.stranger();
    let from = async |forwarded: &str| {
        let request = stranger.request(testkit::reqwest::Method::GET, "/api/v1/me");
        stranger.send(request.header("x-forwarded-for", forwarded)).await.status
    };
    for _ in 0..10 {
        assert_eq!(from("203.0.113.7").await, 401);
    }
    assert_eq!(from("203.0.113.7").await, 429);
    // What somebody writes before the proxy does is not believed, and the proxies between count for nothing.
    assert_eq!(from("198.51.100.1, 203.0.113.7").await, 429);
    assert_eq!(from("198.51.100.1, 203.0.113.7, 10.1.2.3").await, 429);
    assert_eq!(from("203.0.113.8").await, 401);
    assert_eq!(world.admin().get("/api/v1/me").await.status, 200, "a good key is not a stranger's");
    world.end().await;
}

#[tokio::test]
async fn without_a_trusted_proxy_the_header_says_nothing() {
    let mut plan = World::plan().with_manual_clock();
    plan.configure(|config| (config.stranger_rate_per_s, config.stranger_rate_burst) = (1, 10));
    let world = plan.start().await;
    let stranger = world.stranger();
    let mut last = 0;
    for n in 0..11 {
        let request = stranger.request(testkit::reqwest::Method::GET, "/api/v1/me");
        last = stranger.send(request.header("x-forwarded-for", format!("203.0.113.{n}"))).await.status;
    }
    assert_eq!(last, 429);
    world.end().await;
}
