//! Signing in with a password and a second factor, sessions, and what is refused on the way.

use serde_json::{Value, json};
use testkit::reqwest::{Method, StatusCode};
use testkit::{Answer, Person, World};

pub const PASSWORD: &str = "correct horse battery";

/// Somebody at a browser of this site: the cookie goes along with every request.
pub struct Browser {
    pub stranger: Person,
    pub cookie: Option<String>,
}

impl Browser {
    pub fn new(world: &World) -> Self {
        Self { stranger: world.stranger(), cookie: None }
    }

    /// The same browser with the cookie as it is now.
    pub fn copy(&self) -> Self {
        Self { stranger: self.stranger.clone(), cookie: self.cookie.clone() }
    }

    /// A request of one of this site's pages; it keeps the cookie that it is given.
    pub async fn send(&mut self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let headers = [("sec-fetch-site", "same-origin")];
        let (answer, cookie) = self.send_as(method, path, body, &headers).await;
        if let Some(cookie) = cookie {
            let (pair, rest) = cookie.split_once(';').unwrap();
            assert_eq!(&rest[..40], " Path=/; HttpOnly; SameSite=Strict; Max-", "{cookie}");
            let (name, value) = pair.split_once('=').unwrap();
            assert_eq!(name, "legator", "plain HTTP on loopback");
            self.cookie = (!value.is_empty()).then(|| pair.to_owned());
        }
        answer
    }

    /// A request with these headers; gives the cookie that came back.
    pub async fn send_as(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> (Answer, Option<String>) {
        let mut request = self.stranger.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", format!("theme=dark; {cookie}"));
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let cookie = response.headers().get("set-cookie").map(|value| value.to_str().unwrap().to_owned());
        (Answer::read(response).await, cookie)
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn delete(&mut self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    pub async fn sign_in(&mut self, name: &str, password: &str, code: Option<&str>) -> Answer {
        let mut body = json!({ "name": name, "password": password });
        if let Some(code) = code {
            body["code"] = code.into();
        }
        self.post("/api/v1/auth/sign-in", body).await
    }
}

/// Somebody with these roles and [`PASSWORD`], signed in.
pub async fn signed_in(world: &World, name: &str, roles: &[&str]) -> Browser {
    let wanted = json!({ "name": name, "roles": roles, "invite": true });
    let made = world.admin().post("/api/v1/users", wanted).await.is(201);
    let mut browser = Browser::new(world);
    let chosen = json!({ "token": made["link"]["token"], "password": PASSWORD });
    browser.post("/api/v1/auth/setup", chosen).await.is(200);
    browser
}

fn setup_token(world: &World) -> String {
    std::fs::read_to_string(world.data().join("setup.link")).unwrap()
}

/// The digits that an app with this secret shows now.
pub fn digits(world: &World, secret: &str) -> String {
    use hmac::{KeyInit as _, Mac as _};
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = secret.chars().map(|c| format!("{:05b}", letters.find(c).unwrap())).collect();
    let bytes: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect();
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(&bytes).unwrap();
    mac.update(&(world.clock().now() / 30_000).to_be_bytes());
    let mac = mac.finalize().into_bytes();
    let at = usize::from(mac[19] & 15);
    let number = u32::from_be_bytes(mac[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Takes a second factor into use; gives the app's secret and the recovery codes.
pub async fn with_app(world: &World, browser: &mut Browser) -> (String, Vec<String>) {
    let begun = browser.post("/api/v1/auth/totp", json!({})).await.is(200);
    let secret = crate::text(&begun, "secret").to_owned();
    assert!(crate::text(&begun, "uri").contains(&secret));
    let code = digits(world, &secret);
    let confirmed = browser.post("/api/v1/auth/totp/confirm", json!({ "code": code })).await.is(200);
    let codes = confirmed["recovery_codes"].as_array().unwrap();
    (secret, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn the_first_administrator_comes_in_by_the_link_and_by_no_password_that_was_there() {
    let world = World::start().await;
    let mut browser = Browser::new(&world);
    let state = browser.get("/api/v1/auth/state").await.is(200);
    assert_eq!(state, json!({ "setup_needed": true, "providers": [], "signed_in": false }));
    for password in ["", "admin", "password", "legator"] {
        browser.sign_in("admin", password, None).await.problem("sign-in-refused");
    }
    let token = setup_token(&world);
    let choose =
        |token: &str, name: &str, password: &str| json!({ "token": token, "name": name, "password": password });
    browser.post("/api/v1/auth/setup", choose("lgl_wrong", "ana", PASSWORD)).await.problem("bad-link");
    browser.post("/api/v1/auth/setup", choose(&token, "ana", "short")).await.problem("invalid");
    browser.post("/api/v1/auth/setup", choose(&token, "a\u{202e}b", PASSWORD)).await.problem("invalid");
    let done = browser.post("/api/v1/auth/setup", choose(&token, "ana", PASSWORD)).await.is(200);
    assert_eq!((crate::text(&done["person"], "name"), &done["mfa"]), ("ana", &json!(false)));
    assert!(!world.data().join("setup.link").exists(), "the link is used up");
    browser.copy().post("/api/v1/auth/setup", choose(&token, "eve", PASSWORD)).await.problem("bad-link");

    let me = browser.get("/api/v1/me").await.is(200);
    assert_eq!((&me["roles"], &me["kind"]), (&json!(["administrator"]), &json!("user")));
    for action in ["observe", "destroy", "manageUsers", "decideApproval"] {
        assert!(me["permissions"].as_array().unwrap().contains(&action.into()), "{action}: {me}");
    }
    let state = browser.get("/api/v1/auth/state").await.is(200);
    assert_eq!(state, json!({ "setup_needed": false, "providers": [], "signed_in": true }));
    world.admin().get("/api/v1/users").await.is(200);
    world.end().await;
}

#[tokio::test]
async fn the_link_is_the_same_after_a_restart_and_gone_once_it_was_used() {
    let mut world = World::start().await;
    let token = setup_token(&world);
    world.restart().await;
    assert_eq!(setup_token(&world), token);
    let mut browser = Browser::new(&world);
    let chosen = json!({ "token": token, "name": "admin", "password": PASSWORD });
    let done = browser.post("/api/v1/auth/setup", chosen).await.is(200);
    assert_eq!(done["person"]["name"], "admin", "the bootstrap's own record may have the name");
    world.restart().await;
    assert!(!world.data().join("setup.link").exists());
    let me = browser.get("/api/v1/me").await.is(200);
    assert_eq!(me["name"], "admin", "a session outlives a restart");
    world.end().await;
}

#[tokio::test]
async fn whatever_is_wrong_the_refusal_is_the_same() {
    let world = World::start().await;
    signed_in(&world, "ana", &["viewer"]).await;
    let mut ben = signed_in(&world, "ben", &["viewer"]).await;
    let id = ben.get("/api/v1/me").await.is(200)["id"].as_str().unwrap().to_owned();
    world.admin().patch(&format!("/api/v1/users/{id}"), json!({ "disabled": true })).await.is(200);
    ben.get("/api/v1/me").await.problem("unauthenticated");
    world.person("keyed", &["viewer"]).await;
    let mut said = Vec::new();
    for (name, password) in
        [("ana", "wrong horse battery"), ("nobody", PASSWORD), ("ben", PASSWORD), ("keyed", PASSWORD)]
    {
        let mut problem = Browser::new(&world).sign_in(name, password, None).await.problem("sign-in-refused");
        problem["request_id"] = Value::Null;
        said.push(problem);
    }
    assert!(said.windows(2).all(|pair| pair[0] == pair[1]), "{said:?}");
    let log = world.entries("session.refused").await;
    let why: Vec<&str> = log.iter().map(|entry| crate::text(&entry["body"], "why")).collect();
    assert_eq!(why, ["password", "unknown", "disabled", "no password"]);
    assert!(log.iter().all(|entry| entry["body"]["address"] == "127.0.0.1"), "{log:?}");
    assert!(!format!("{log:?}").contains("nobody"), "what a stranger typed is not kept");
    // In any case of letters it is the same person.
    Browser::new(&world).sign_in("ANA", PASSWORD, None).await.is(200);
    world.end().await;
}

#[tokio::test]
async fn ten_thousand_wrong_passwords_are_a_handful_of_tries_and_of_entries() {
    let world = World::plan().with_manual_clock().start().await;
    signed_in(&world, "ana", &["viewer"]).await;
    let before = world.app().ledger.head().size;
    let mut refused = 0;
    let mut browser = Browser::new(&world);
    for n in 0..10_000 {
        let name = ["ana", "Ana", "ANA", "ａna"][n % 4];
        let answer = browser.sign_in(name, "wrong horse battery", None).await;
        match answer.status {
            401 => refused += 1,
            429 => assert_eq!(answer.body["code"], "too-many-requests"),
            other => panic!("{other}: {}", answer.text),
        }
    }
    assert_eq!(refused, 5);
    assert!(world.app().ledger.head().size - before <= 6, "the log is not filled by guessing");
    // The right one has to wait as well, or the answer would tell that it is right.
    let (answer, _) = browser
        .send_as(Method::POST, "/api/v1/auth/sign-in", Some(json!({ "name": "ana", "password": PASSWORD })), &[])
        .await;
    answer.problem("too-many-requests");
    world.app().clock.advance(1_000);
    browser.sign_in("ana", PASSWORD, None).await.is(200);
    world.end().await;
}

#[tokio::test]
async fn a_session_that_was_there_before_is_not_the_one_that_is_signed_in() {
    let world = World::start().await;
    let mut ana = signed_in(&world, "ana", &["viewer"]).await;
    let planted = ana.cookie.clone();
    // Somebody else's cookie in this browser is not taken over, and ends.
    let mut victim = Browser { cookie: planted.clone(), ..Browser::new(&world) };
    victim.sign_in("ana", PASSWORD, None).await.is(200);
    assert_ne!(victim.cookie, planted);
    ana.get("/api/v1/me").await.problem("unauthenticated");
    // A made-up one is nothing.
    let mut other =
        Browser { cookie: Some("legator=lgs_01J9Z6ZZZZZZZZZZZZZZZZZZZZ_x".to_owned()), ..Browser::new(&world) };
    other.get("/api/v1/me").await.problem("unauthenticated");
    other.sign_in("ana", PASSWORD, None).await.is(200);
    assert!(!other.cookie.unwrap().contains("01J9Z6ZZ"));
    world.end().await;
}

#[tokio::test]
async fn a_session_ends_when_nobody_uses_it_and_after_its_time() {
    let mut world = World::plan().with_manual_clock().start().await;
    let mut ana = signed_in(&world, "ana", &["viewer"]).await;
    let hour = 60 * 60 * 1000;
    for _ in 0..6 {
        world.app().clock.advance(11 * hour);
        ana.get("/api/v1/me").await.is(200);
    }
    world.app().identity.remember().await.unwrap();
    world.restart().await;
    world.app().clock.advance(11 * hour);
    ana.get("/api/v1/me").await.is(200);
    world.app().clock.advance(12 * hour);
    ana.get("/api/v1/me").await.problem("unauthenticated");
    let mut ana = Browser::new(&world);
    ana.sign_in("ana", PASSWORD, None).await.is(200);
    for _ in 0..15 {
        world.app().clock.advance(11 * hour);
        ana.get("/api/v1/me").await.is(200);
    }
    world.app().clock.advance(3 * hour);
    ana.get("/api/v1/me").await.problem("unauthenticated");
    world.end().await;
}

#[tokio::test]
async fn a_change_with_a_cookie_comes_from_this_site() {
    let world = World::start().await;
    let mut ana = signed_in(&world, "ana", &["operator"]).await;
    world.host("web-1", &[]).await;
    let path = "/api/v1/probes/web-1/command";
    let body = || Some(json!({ "argv": ["uptime"] }));
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
    ] {
        let (answer, _) = ana.send_as(Method::POST, path, body(), headers).await;
        answer.problem("cross-site-request");
        let (answer, _) = ana.send_as(Method::DELETE, "/api/v1/auth/sessions", None, headers).await;
        answer.problem("cross-site-request");
    }
    assert_eq!(world.entries("command.decided").await.len(), 0, "nothing was asked");
    ana.post(path, json!({ "argv": ["uptime"] })).await.is(202);
    // Looking is no change, and a key is sent by nobody unasked.
    let (answer, _) = ana.send_as(Method::GET, "/api/v1/me", None, &[("sec-fetch-site", "cross-site")]).await;
    answer.is(200);
    // A form of another site does not sign anybody in.
    let signing_in = Some(json!({ "name": "ana", "password": PASSWORD }));
    let evil = [("origin", "https://evil.example")];
    let (answer, cookie) = Browser::new(&world).send_as(Method::POST, "/api/v1/auth/sign-in", signing_in, &evil).await;
    answer.problem("cross-site-request");
    assert_eq!(cookie, None);
    world.end().await;
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner_alone() {
    let world = World::start().await;
    let (mut ana, mut ben) = (signed_in(&world, "ana", &["viewer"]).await, signed_in(&world, "ben", &["viewer"]).await);
    let mut elsewhere = Browser::new(&world);
    elsewhere.sign_in("ana", PASSWORD, None).await.is(200);
    let all = ana.get("/api/v1/auth/sessions").await.is(200);
    let all = all["sessions"].as_array().unwrap();
    assert_eq!(all.len(), 2);
    let other = all.iter().find(|session| session["current"] == false).unwrap();
    let path = format!("/api/v1/auth/sessions/{}", crate::text(other, "id"));
    ben.delete(&path).await.problem("not-found");
    ana.delete(&path).await.is(204);
    elsewhere.get("/api/v1/me").await.problem("unauthenticated");
    elsewhere.sign_in("ana", PASSWORD, None).await.is(200);
    assert_eq!(ana.delete("/api/v1/auth/sessions").await.is(200), json!({ "ended": 1 }));
    elsewhere.get("/api/v1/me").await.problem("unauthenticated");
    ana.post("/api/v1/auth/sign-out", json!({})).await.is(204);
    assert_eq!(ana.cookie, None);
    ana.get("/api/v1/me").await.problem("unauthenticated");
    ben.get("/api/v1/me").await.is(200);
    world.end().await;
}

#[tokio::test]
async fn a_password_changes_for_who_knows_the_old_one_and_ends_every_other_session() {
    let world = World::start().await;
    let mut ana = signed_in(&world, "ana", &["viewer"]).await;
    let mut elsewhere = Browser::new(&world);
    elsewhere.sign_in("ana", PASSWORD, None).await.is(200);
    let change = |old: &str, new: &str| json!({ "old": old, "new": new });
    ana.post("/api/v1/auth/password", change("wrong", "another horse battery")).await.problem("sign-in-refused");
    ana.post("/api/v1/auth/password", change(PASSWORD, "short")).await.problem("invalid");
    let before = ana.copy();
    ana.post("/api/v1/auth/password", change(PASSWORD, "another horse battery")).await.is(200);
    assert_ne!(ana.cookie, before.cookie, "another id");
    before.copy().get("/api/v1/me").await.problem("unauthenticated");
    elsewhere.get("/api/v1/me").await.problem("unauthenticated");
    ana.get("/api/v1/me").await.is(200);
    elsewhere.sign_in("ana", PASSWORD, None).await.problem("sign-in-refused");
    elsewhere.sign_in("ana", "another horse battery", None).await.is(200);
    let key = world.person("cara", &["viewer"]).await;
    key.post("/api/v1/auth/password", change("", PASSWORD)).await.problem("forbidden");
    key.post("/api/v1/auth/totp", json!({})).await.problem("forbidden");
    world.end().await;
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_its_digits_count_once() {
    let world = World::plan().with_manual_clock().start().await;
    let mut ana = signed_in(&world, "ana", &["administrator"]).await;
    let before = ana.copy();
    ana.post("/api/v1/auth/totp/confirm", json!({ "code": "123456" })).await.problem("conflict");
    let (secret, codes) = with_app(&world, &mut ana).await;
    assert_eq!(codes.len(), 10);
    before.copy().get("/api/v1/me").await.problem("unauthenticated");
    assert_eq!(ana.get("/api/v1/me").await.is(200)["mfa"], true, "the session knows of it");
    ana.post("/api/v1/auth/totp", json!({})).await.problem("conflict");

    let mut other = Browser::new(&world);
    other.sign_in("ana", "wrong horse battery", Some(&digits(&world, &secret))).await.problem("sign-in-refused");
    other.sign_in("ana", PASSWORD, None).await.problem("second-factor-needed");
    other.sign_in("ana", PASSWORD, Some(&digits(&world, &secret))).await.problem("sign-in-refused");
    world.app().clock.advance(60_000);
    let code = digits(&world, &secret);
    assert_eq!(other.sign_in("ana", PASSWORD, Some(&code)).await.is(200)["mfa"], true);
    Browser::new(&world).sign_in("ana", PASSWORD, Some(&code)).await.problem("sign-in-refused");
    // When the phone is gone: each code once, also in another spelling.
    let mut third = Browser::new(&world);
    third.sign_in("ana", PASSWORD, Some(&codes[0].to_lowercase().replace('-', " "))).await.is(200);
    Browser::new(&world).sign_in("ana", PASSWORD, Some(&codes[0])).await.problem("sign-in-refused");
    assert_eq!(
        third.get("/api/v1/auth/totp").await.is(200),
        json!({ "second_factor": true, "app": true, "recovery_codes_left": 9 })
    );
    let renewed = third.post("/api/v1/auth/recovery-codes", json!({})).await.is(200);
    world.app().clock.advance(60_000);
    Browser::new(&world).sign_in("ana", PASSWORD, Some(&codes[1])).await.problem("sign-in-refused");
    let renewed = renewed["recovery_codes"][0].as_str().unwrap();
    Browser::new(&world).sign_in("ana", PASSWORD, Some(renewed)).await.is(200);
    // Without it, and not without having had it.
    third.delete("/api/v1/auth/totp").await.is(200);
    assert_eq!(third.get("/api/v1/me").await.is(200)["mfa"], false);
    third.delete("/api/v1/auth/totp").await.problem("second-factor-needed");
    Browser::new(&world).sign_in("ana", PASSWORD, None).await.is(200);
    world.end().await;
}

#[tokio::test]
async fn a_feed_ends_with_the_session_that_watches_it() {
    let world = World::start().await;
    let mut ana = signed_in(&world, "ana", &["viewer"]).await;
    let request = world.stranger().request(Method::GET, "/api/v1/events").header("cookie", ana.cookie.clone().unwrap());
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    ana.post("/api/v1/auth/sign-out", json!({})).await.is(204);
    // The next thing that happens is not told any more.
    world.host("web-1", &[]).await;
    let told = testkit::soon("the feed's end", response.text()).await.unwrap();
    assert!(!told.contains("web-1"), "{told}");
    world.end().await;
}

#[tokio::test]
async fn headers_of_any_size_are_answered_and_read_by_nobody() {
    let world = World::start().await;
    for (name, value) in [
        ("authorization", format!("Bearer lgk_{}", "x".repeat(20_000))),
        ("authorization", "Bearer lgk_01J9Z6ZZZZZZZZZZZZZZZZZZZZ_".to_owned()),
        ("authorization", "Basic YWRtaW46YWRtaW4=".to_owned()),
        ("cookie", format!("legator=lgs_{}", "x".repeat(20_000))),
        ("cookie", "legator=lgs_; ".repeat(1_000)),
    ] {
        let (answer, _) = Browser::new(&world).send_as(Method::GET, "/api/v1/me", None, &[(name, &value)]).await;
        answer.problem("unauthenticated");
    }
    let huge = "x".repeat(2_000_000);
    let request = world.stranger().request(Method::GET, "/api/v1/me").header("authorization", &huge).send().await;
    assert!(request.is_err() || request.unwrap().status().is_client_error());
    let long = Browser::new(&world).sign_in(&"n".repeat(100_000), &"p".repeat(100_000), None).await;
    long.problem("sign-in-refused");
    world.end().await;
}
