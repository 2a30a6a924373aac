//! A provider says that somebody signed out there: what came by it ends, and every token that is not just that is refused.

use serde_json::{Value, json};
use testkit::reqwest::Method;
use testkit::{Answer, World};

use crate::identity_sessions::{Browser, signed_in};
use crate::oidc::{Traveller, with_provider};
use crate::oidc_provider::Provider;
use crate::text;

const PATH: &str = "/api/v1/auth/oidc/corp/backchannel-logout";

/// The provider brings a token, as a form.
async fn bring(world: &World, path: &str, token: &str) -> Answer {
    let stranger = world.stranger();
    let form = format!("logout_token={token}");
    let request = stranger.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded");
    stranger.send(request.body(form)).await
}

/// Somebody comes in under this session's name there; gives their browser.
async fn come(world: &World, provider: &Provider, subject: &str, sid: Option<&str>) -> Traveller {
    provider.set(|person| {
        person["sub"] = json!(subject);
        person["preferred_username"] = json!(format!("somebody-{subject}"));
        person["sid"] = json!(sid);
    });
    let mut browser = Traveller::new(world);
    assert_eq!(browser.travel(world, provider).await, "/fleet?q=a");
    browser
}

#[tokio::test]
async fn what_came_by_the_provider_ends_and_nothing_else() {
    let mut world = World::start().await;
    let provider = with_provider(&world).await;
    let (laptop, phone) =
        (come(&world, &provider, "u-1", Some("s-1")).await, come(&world, &provider, "u-1", Some("s-2")).await);
    let other = come(&world, &provider, "u-2", Some("s-3")).await;
    let mut local = signed_in(&world, "local", &["viewer"]).await;
    // One session there is one session here.
    let token = provider.logout_token(&json!({}), &json!({ "sid": "s-1" }));
    bring(&world, PATH, &token).await.is(200);
    laptop.me().await.problem("unauthenticated");
    phone.me().await.is(200);
    let ended = world.entry("session.ended", |_| true).await;
    assert_eq!((&ended["actor"], &ended["body"]["by"]), (&json!("provider corp"), &json!("back-channel logout")));
    assert_eq!(ended["body"]["sessions"].as_array().unwrap().len(), 1);
    // The same token again is nothing, also after a restart.
    world.restart().await;
    bring(&world, PATH, &token).await.problem("bad-request");
    phone.me().await.is(200);
    // The person is all of theirs.
    bring(&world, PATH, &provider.logout_token(&json!({}), &json!({ "sub": "u-1" }))).await.is(200);
    phone.me().await.problem("unauthenticated");
    other.me().await.is(200);
    local.get("/api/v1/me").await.is(200);
    // A session that nobody knows here is over already.
    bring(&world, PATH, &provider.logout_token(&json!({}), &json!({ "sub": "nobody" }))).await.is(200);
    bring(&world, PATH, &provider.logout_token(&json!({}), &json!({ "sid": "s-9" }))).await.is(200);
    assert_eq!(world.entries("session.ended").await.len(), 2, "what ended nothing is no entry");
    world.end().await;
}

#[tokio::test]
async fn a_session_that_goes_on_under_another_id_or_on_another_machine_ends_with_it() {
    let world = World::start().await;
    let provider = with_provider(&world).await;
    let ana = come(&world, &provider, "u-1", Some("s-1")).await;
    let mut browser = Browser::new(&world);
    browser.cookie =
        ana.cookies.iter().find(|(name, _)| name == "legator").map(|(name, value)| format!("{name}={value}"));
    let before = browser.cookie.clone();
    let mut key = crate::passkeys::Authenticator::new(&world, "key-1");
    crate::passkeys::add(&mut browser, &mut key, "laptop").await;
    assert_ne!(browser.cookie, before, "another id");
    // A program that they let in.
    let begun = world.stranger().post("/api/v1/auth/device", json!({ "client": "legatorctl" })).await.is(200);
    let code = text(&begun, "user_code");
    browser.post(&format!("/api/v1/auth/device/codes/{code}"), json!({ "decision": "approve" })).await.is(204);
    let mut program = Browser::new(&world);
    let ask = json!({ "device_code": begun["device_code"] });
    program.post("/api/v1/auth/device/token", ask).await.is(200);
    program.get("/api/v1/me").await.is(200);
    bring(&world, PATH, &provider.logout_token(&json!({}), &json!({ "sub": "u-1", "sid": "s-1" }))).await.is(200);
    browser.get("/api/v1/me").await.problem("unauthenticated");
    program.get("/api/v1/me").await.problem("unauthenticated");
    world.end().await;
}

#[tokio::test]
async fn every_bad_logout_token_is_refused_alike_and_ends_nothing() {
    let world = World::start().await;
    let provider = with_provider(&world).await;
    let ana = come(&world, &provider, "u-1", Some("s-1")).await;
    let now = world.clock().now() / 1000;
    let about = |more: Value| {
        let mut claims = json!({ "sub": "u-1", "sid": "s-1" });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    let with = |more: Value| provider.logout_token(&json!({}), &about(more));
    let headed = |header: Value| provider.logout_token(&header, &about(json!({})));
    let good = with(json!({}));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let forged = {
        let old = provider.swap_keys();
        let kid = good.split('.').next().unwrap().to_owned();
        let foreign = with(json!({}));
        provider.sign_with(old);
        // Another key's signature under the id of the one that is published.
        let (_, rest) = foreign.split_once('.').unwrap();
        format!("{kid}.{rest}")
    };
    provider.rotate();
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let bad = [
        ("cannot be read", String::new()),
        ("cannot be read", message.to_owned()),
        ("signature", format!("{message}.")),
        ("signature", format!("{message}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..])),
        ("signature", forged),
        ("algorithm", headed(json!({ "alg": "none" }))),
        ("algorithm", headed(json!({ "alg": "HS256" }))),
        ("does not publish", headed(json!({ "kid": "unheard-of" }))),
        ("cannot be read", headed(json!({ "crit": ["x"] }))),
        ("of another type", headed(json!({ "typ": "at+jwt" }))),
        ("another issuer", with(json!({ "iss": "https://evil.example" }))),
        ("for somebody else", with(json!({ "aud": "another" }))),
        ("for somebody else", with(json!({ "aud": ["legator", "another"] }))),
        ("cannot be read", with(json!({ "iat": null }))),
        ("cannot be read", with(json!({ "exp": null }))),
        ("expired", with(json!({ "exp": now - 61 }))),
        ("expired", with(json!({ "iat": now - 601 }))),
        ("not valid yet", with(json!({ "iat": now + 3_600 }))),
        ("nonce", with(json!({ "nonce": "n" }))),
        ("says no logout", with(json!({ "events": null }))),
        ("says no logout", with(json!({ "events": { "http://schemas.openid.net/event/other": {} } }))),
        ("says no logout", with(json!({ "events": { event: "yes" } }))),
        ("neither", with(json!({ "sub": null, "sid": null }))),
        ("neither", with(json!({ "sub": "" }))),
        ("`jti`", with(json!({ "jti": null }))),
        ("cannot be read", "x".repeat(70_000)),
    ];
    for (why, token) in bad {
        let mut problem = bring(&world, PATH, &token).await.problem("bad-request");
        problem["request_id"] = Value::Null;
        assert_eq!(problem["detail"], "the logout token does not count", "{why}");
        let reasons = world.entries("logout.refused").await;
        let last = text(&reasons.last().unwrap()["body"], "why").to_owned();
        assert!(last.contains(why), "{why}: {last}");
        ana.me().await.is(200);
    }
    // One that signs somebody in is none; nor is one at another provider's door, or in another shape.
    bring(&world, "/api/v1/auth/oidc/nobody/backchannel-logout", &with(json!({}))).await.problem("not-found");
    world.stranger().post(PATH, json!({ "logout_token": with(json!({})) })).await.problem("unsupported-media-type");
    bring(&world, &format!("{PATH}?logout_token={}", with(json!({}))), "").await.problem("bad-request");
    ana.me().await.is(200);
    bring(&world, PATH, &with(json!({}))).await.is(200);
    ana.me().await.problem("unauthenticated");
    world.end().await;
}
