//! Signing in by an outside provider: the way in, what it gives and takes, and every token that is refused.

use serde_json::{Value, json};
use testkit::reqwest::{self, Method};
use testkit::{Person, World};

use crate::identity_sessions::{PASSWORD, signed_in};
use crate::oidc_provider::{Provider, Twist};

/// Somebody at a browser that goes to a provider and comes back, and keeps its cookies.
pub struct Traveller {
    stranger: Person,
    http: reqwest::Client,
    pub cookies: Vec<(String, String)>,
}

impl Traveller {
    pub fn new(world: &World) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { stranger: world.stranger(), http, cookies: Vec::new() }
    }

    /// One step: where it leads, and the cookies that came along.
    pub async fn step(&mut self, url: &str) -> String {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = self.http.get(url).header("cookie", cookies.join("; ")).send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let (pair, rest) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let lax = name.ends_with("-leaving");
            assert!(rest.contains("HttpOnly") && rest.contains(if lax { "SameSite=Lax" } else { "SameSite=Strict" }));
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        assert_eq!(answer.status(), 303, "{url}: {}", answer.text().await.unwrap());
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    /// Begins; gives the address at the provider.
    pub async fn leave(&mut self, world: &World, provider: &str) -> String {
        self.step(&format!("{}/api/v1/auth/oidc/{provider}/start?next=/fleet%3Fq=a", world.base())).await
    }

    /// The whole way, with a provider that asks nothing; gives the page where it ends.
    pub async fn travel(&mut self, world: &World, provider: &Provider) -> String {
        let there = self.leave(world, "corp").await;
        let back = provider.let_in(&there);
        self.step(&back).await
    }

    pub async fn me(&self) -> testkit::Answer {
        self.get("/api/v1/me").await
    }

    pub async fn get(&self, path: &str) -> testkit::Answer {
        let session = self.cookies.iter().find(|(name, _)| name == "legator");
        let mut request = self.stranger.request(Method::GET, path);
        if let Some((name, value)) = session {
            request = request.header("cookie", format!("{name}={value}"));
        }
        self.stranger.send(request).await
    }
}

fn described(provider: &Provider) -> Value {
    json!({
        "name": "Corp", "issuer": provider.issuer, "client_id": "legator", "client_secret": "hush",
        "roles": { "idp-admins": "administrator", "idp-ops": "operator" },
        "groups": { "idp-ops": "ops" },
    })
}

pub async fn with_provider(world: &World) -> Provider {
    let provider = Provider::start().await;
    world.admin().put("/api/v1/auth/providers/corp", described(&provider)).await.ok();
    provider
}

/// The reasons that the log gives for refused sign-ins, newest last.
async fn reasons(world: &World) -> Vec<String> {
    let entries = world.entries("session.refused").await;
    entries.iter().map(|entry| entry["body"]["why"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn somebody_new_comes_in_with_what_their_groups_are_mapped_to() {
    let world = World::start().await;
    let provider = with_provider(&world).await;
    let state = world.stranger().get("/api/v1/auth/state").await.is(200);
    assert_eq!(state["providers"], json!([{ "id": "corp", "name": "Corp" }]));
    let mut ana = Traveller::new(&world);
    assert_eq!(ana.travel(&world, &provider).await, "/fleet?q=a");
    let me = ana.me().await.is(200);
    assert_eq!((&me["name"], &me["roles"], &me["groups"]), (&json!("ana"), &json!(["operator"]), &json!(["ops"])));
    assert_eq!((&me["mfa"], &me["has_password"]), (&json!(false), &json!(false)));
    // The second time they are who they are, also under another name, and with what they are given now.
    provider.set(|person| {
        person["preferred_username"] = json!("someone else");
        person["groups"] = json!(["idp-admins"]);
        person["amr"] = json!(["pwd", "mfa"]);
    });
    let mut again = Traveller::new(&world);
    again.travel(&world, &provider).await;
    let now = again.me().await.is(200);
    assert_eq!((&now["id"], &now["name"]), (&me["id"], &json!("ana")));
    assert_eq!((&now["roles"], &now["groups"], &now["mfa"]), (&json!(["administrator"]), &json!([]), &json!(true)));
    let opened = world.entries("session.opened").await;
    assert_eq!(opened.last().unwrap()["body"]["provider"], "corp");
    assert_eq!(world.entries("person.changed").await.len(), 1);
    let id = me["id"].as_str().unwrap();
    let there = world.admin().get(&format!("/api/v1/users/{id}/connections")).await.is(200);
    assert_eq!(there["connections"][0]["subject"], "u-1");
    world.end().await;
}

#[tokio::test]
async fn what_an_administrator_gave_stays_when_the_provider_takes_back_its_own() {
    let world = World::start().await;
    let provider = with_provider(&world).await;
    let mut ana = Traveller::new(&world);
    ana.travel(&world, &provider).await;
    let id = ana.me().await.is(200)["id"].as_str().unwrap().to_owned();
    let change = json!({ "roles": ["operator", "auditor"], "groups": ["ops", "night"] });
    world.admin().patch(&format!("/api/v1/users/{id}"), change).await.is(200);
    provider.set(|person| person["groups"] = json!([]));
    ana.travel(&world, &provider).await;
    let me = ana.me().await.is(200);
    assert_eq!((&me["roles"], &me["groups"]), (&json!(["auditor"]), &json!(["night"])));
    world.end().await;
}

#[tokio::test]
async fn a_name_that_is_taken_is_nobodys_way_in() {
    let world = World::start().await;
    let provider = with_provider(&world).await;
    let mut admin = signed_in(&world, "root", &["administrator"]).await;
    for (name, told) in [
        ("root", "name-taken"),
        ("Root", "name-taken"),
        ("ROOT ", "name-taken"),
        ("r\u{43e}\u{43e}t", "no-account"),
        ("bad/name\u{202e}", "no-account"),
    ] {
        provider.set(|person| person["preferred_username"] = json!(name));
        let mut eve = Traveller::new(&world);
        assert_eq!(eve.travel(&world, &provider).await, format!("/sign-in?refused={told}"), "{name}");
        eve.me().await.problem("unauthenticated");
    }
    admin.get("/api/v1/me").await.is(200);
    world.end().await;
}

#[tokio::test]
async fn a_provider_that_makes_nobody_lets_in_only_who_connected_before() {
    let world = World::start().await;
    let provider = with_provider(&world).await;
    let mut described = described(&provider);
    described["makes_people"] = json!(false);
    world.admin().put("/api/v1/auth/providers/corp", described).await.ok();
    let mut ana = Traveller::new(&world);
    assert_eq!(ana.travel(&world, &provider).await, "/sign-in?refused=no-account");
    // Somebody who is signed in connects; another site cannot make their browser do it, since the cookie is `Strict`.
    let mut start = format!("{}/api/v1/auth/oidc/corp/start?connect=true&next=/account", world.base());
    assert_eq!(ana.step(&start).await, "/sign-in?refused=expired");
    let mut local = signed_in(&world, "local-ana", &["viewer"]).await;
    let (_, value) = local.cookie.as_ref().unwrap().split_once('=').unwrap();
    ana.cookies.push(("legator".to_owned(), value.to_owned()));
    start = ana.step(&start).await;
    // On the way back the session's cookie does not come along.
    ana.cookies.retain(|(name, _)| name != "legator");
    assert_eq!(ana.step(&provider.let_in(&start)).await, "/account");
    ana.travel(&world, &provider).await;
    assert_eq!(ana.me().await.is(200)["name"], "local-ana");
    assert_eq!(world.entries("person.connected").await.len(), 1);
    // Whoever is connected with somebody is not somebody else's too.
    let mut ben = signed_in(&world, "ben", &["viewer"]).await;
    let mut other = Traveller::new(&world);
    let (_, value) = ben.cookie.as_ref().unwrap().split_once('=').unwrap();
    other.cookies.push(("legator".to_owned(), value.to_owned()));
    let there = other.step(&format!("{}/api/v1/auth/oidc/corp/start?connect=true", world.base())).await;
    assert_eq!(other.step(&provider.let_in(&there)).await, "/sign-in?refused=name-taken");
    ben.get("/api/v1/me").await.is(200);
    let query = format!("issuer={}&subject=u-1", provider.issuer);
    local.delete(&format!("/api/v1/auth/connections?{query}")).await.is(204);
    assert_eq!(ana.travel(&world, &provider).await, "/sign-in?refused=no-account");
    world.end().await;
}

#[tokio::test]
async fn every_bad_token_is_refused_alike_and_the_log_says_why() {
    let world = World::start().await;
    let provider = with_provider(&world).await;
    for (twist, why) in [
        (Twist::Expired, "expired"),
        (Twist::Audience, "for somebody else"),
        (Twist::Issuer, "of another issuer"),
        (Twist::Nonce, "nonce"),
        (Twist::NoNonce, "nonce"),
        (Twist::UnknownKey, "does not publish"),
        (Twist::ForeignSignature, "signature"),
        (Twist::None, "algorithm"),
        (Twist::Hs256, "algorithm"),
        (Twist::Truncated, "cannot be read"),
        (Twist::Unsigned, "signature"),
        (Twist::NotYet, "not valid yet"),
        (Twist::AnotherUserInfo, "somebody else"),
        (Twist::RefusedCode, "invalid_grant"),
        (Twist::NoJson, "cannot be read"),
        (Twist::Redirect, "answered 302"),
        (Twist::Huge, "cannot be read"),
    ] {
        provider.twist(twist);
        let mut eve = Traveller::new(&world);
        let page = eve.travel(&world, &provider).await;
        let told = page.strip_prefix("/sign-in?refused=").unwrap_or_else(|| panic!("{twist:?} was let in: {page}"));
        assert!(["refused", "provider"].contains(&told), "{twist:?}: {page}");
        eve.me().await.problem("unauthenticated");
        let reasons = reasons(&world).await;
        assert!(reasons.last().unwrap().contains(why), "{twist:?}: {reasons:?}");
    }
    provider.twist(Twist::Nothing);
    let mut ana = Traveller::new(&world);
    assert_eq!(ana.travel(&world, &provider).await, "/fleet?q=a", "nothing of it stays");
    assert_eq!(world.entries("person.added").await.len(), 2, "the bootstrap's and ana, nobody of the refused");
    world.end().await;
}

#[tokio::test]
async fn an_answer_counts_once_and_for_the_browser_that_asked() {
    let world = World::start().await;
    let provider = with_provider(&world).await;
    let mut ana = Traveller::new(&world);
    let there = ana.leave(&world, "corp").await;
    let back = provider.let_in(&there);
    // Somebody who was sent the link: they would be signed in as another.
    assert_eq!(Traveller::new(&world).step(&back).await, "/sign-in?refused=expired");
    assert_eq!(ana.step(&back).await, "/sign-in?refused=expired", "and it is used up");
    let there = ana.leave(&world, "corp").await;
    let back = provider.let_in(&there);
    assert_eq!(ana.step(&back).await, "/fleet?q=a");
    assert_eq!(ana.step(&back).await, "/sign-in?refused=expired", "replayed");
    for bad in ["", "?", "?code=x", "?state=x&code=x", "?state=&code="] {
        let url = format!("{}/api/v1/auth/oidc/callback{bad}", world.base());
        assert_eq!(ana.step(&url).await, "/sign-in?refused=expired", "{bad}");
    }
    // The provider's own refusal, and an answer in another's name.
    for (more, why) in
        [("error=access_denied%22%3E", "access_denied"), ("code=x&iss=https://evil.example", "another issuer")]
    {
        let there = reqwest::Url::parse(&ana.leave(&world, "corp").await).unwrap();
        let state = there.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let url = format!("{}/api/v1/auth/oidc/callback?state={state}&{more}", world.base());
        assert_eq!(ana.step(&url).await, "/sign-in?refused=refused");
        assert!(reasons(&world).await.last().unwrap().contains(why), "{why}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_session_that_was_planted_is_not_the_one_that_is_signed_in() {
    let world = World::start().await;
    let provider = with_provider(&world).await;
    let eve = signed_in(&world, "eve", &["viewer"]).await;
    let (_, planted) = eve.cookie.as_ref().unwrap().split_once('=').unwrap();
    let mut ana = Traveller::new(&world);
    ana.cookies.push(("legator".to_owned(), planted.to_owned()));
    ana.travel(&world, &provider).await;
    assert_eq!(ana.me().await.is(200)["name"], "ana");
    assert_ne!(ana.cookies.iter().find(|(name, _)| name == "legator").unwrap().1, planted);
    eve.copy().get("/api/v1/me").await.problem("unauthenticated");
    world.end().await;
}

#[tokio::test]
async fn new_keys_of_the_provider_are_found_and_a_flood_of_unknown_ones_asks_seldom() {
    let world = World::plan().with_manual_clock().start().await;
    let provider = with_provider(&world).await;
    let tell_time = || provider.set(|person| person["now_s"] = json!(world.clock().now() / 1000));
    tell_time();
    let mut ana = Traveller::new(&world);
    assert_eq!(ana.travel(&world, &provider).await, "/fleet?q=a");
    provider.rotate();
    assert_eq!(ana.travel(&world, &provider).await, "/fleet?q=a");
    let asked = provider.n_key_reads();
    provider.twist(Twist::UnknownKey);
    for _ in 0..5 {
        assert_eq!(ana.travel(&world, &provider).await, "/sign-in?refused=refused");
    }
    assert_eq!(provider.n_key_reads(), asked, "it was looked just now");
    world.clock().advance(31_000);
    tell_time();
    for _ in 0..5 {
        ana.travel(&world, &provider).await;
    }
    assert_eq!(provider.n_key_reads(), asked + 1);
    // A key that the provider took back is not trusted for ever.
    provider.twist(Twist::Nothing);
    let old = provider.swap_keys();
    provider.sign_with(old);
    world.clock().advance(61 * 60_000);
    tell_time();
    assert_eq!(ana.travel(&world, &provider).await, "/sign-in?refused=refused");
    world.end().await;
}

#[tokio::test]
async fn signing_out_leads_to_the_provider_and_a_removed_person_is_gone() {
    let world = World::start().await;
    let provider = with_provider(&world).await;
    let mut ana = Traveller::new(&world);
    ana.travel(&world, &provider).await;
    let id = ana.me().await.is(200)["id"].as_str().unwrap().to_owned();
    let session = ana.cookies.iter().find(|(name, _)| name == "legator").unwrap().1.clone();
    let request = world.stranger().request(Method::POST, "/api/v1/auth/sign-out");
    let request = request.header("cookie", format!("legator={session}")).header("sec-fetch-site", "same-origin");
    let out = world.stranger().send(request).await.is(200);
    let there = out["sign_out_at"].as_str().unwrap();
    assert!(there.starts_with(&format!("{}/out?id_token_hint=ey", provider.issuer)), "{there}");
    ana.me().await.problem("unauthenticated");
    world.admin().patch(&format!("/api/v1/users/{id}"), json!({ "disabled": true })).await.is(200);
    assert_eq!(ana.travel(&world, &provider).await, "/sign-in?refused=refused");
    assert!(reasons(&world).await.last().unwrap().contains("disabled"));
    world.end().await;
}

#[tokio::test]
async fn the_provider_does_not_take_away_the_last_administrator() {
    let world = World::start().await;
    let provider = with_provider(&world).await;
    provider.set(|person| person["groups"] = json!(["idp-admins"]));
    let mut ana = Traveller::new(&world);
    ana.travel(&world, &provider).await;
    let me = ana.me().await.is(200);
    let id = me["id"].as_str().unwrap();
    // She has a password of her own, and is the only one left who may manage people.
    let link = world.admin().post(&format!("/api/v1/users/{id}/reset"), json!({})).await.is(200);
    let chosen = json!({ "token": link["token"], "password": PASSWORD });
    world.stranger().post("/api/v1/auth/setup", chosen).await.is(200);
    let admin = world.admin().get("/api/v1/me").await.is(200)["id"].as_str().unwrap().to_owned();
    world.admin().patch(&format!("/api/v1/users/{admin}"), json!({ "roles": ["viewer"] })).await.is(200);
    provider.set(|person| person["groups"] = json!([]));
    ana.travel(&world, &provider).await;
    assert_eq!(ana.me().await.is(200)["roles"], json!(["administrator"]));
    drop(world);
}

#[tokio::test]
async fn providers_are_described_by_administrators_and_keep_their_secret() {
    let mut world = World::start().await;
    let provider = with_provider(&world).await;
    let viewer = world.person("vera", &["viewer"]).await;
    viewer.get("/api/v1/auth/providers").await.problem("forbidden");
    viewer.put("/api/v1/auth/providers/corp", described(&provider)).await.problem("forbidden");
    let admin = world.admin();
    let bad = |change: Value| {
        let mut wanted = described(&provider);
        wanted.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        wanted
    };
    for change in [
        json!({ "issuer": "http://id.example" }),
        json!({ "issuer": "file:///etc/passwd" }),
        json!({ "scopes": ["email"] }),
        json!({ "name": "" }),
        json!({ "roles": { "*": "viewer" } }),
        json!({ "default_roles": ["no-such-role"] }),
    ] {
        admin.put("/api/v1/auth/providers/corp", bad(change)).await.problem("invalid");
    }
    admin.put("/api/v1/auth/providers/Bad_Id", bad(json!({ "roles": {} }))).await.problem("invalid");
    let plain = bad(json!({ "roles": { "idp-ops": "operator" } }));
    admin.put("/api/v1/auth/providers/corp", plain.clone()).await.is(200);
    let listed = admin.get("/api/v1/auth/providers").await;
    assert!(!listed.text.contains("hush"));
    assert_eq!(listed.is(200)["providers"][0]["has_secret"], true);
    assert_eq!(admin.post("/api/v1/auth/providers/corp/check", json!({})).await.is(200)["good"], true);
    // The secret stays while it goes to the same issuer, over a restart, and goes to no other.
    let mut silent = plain.clone();
    silent.as_object_mut().unwrap().remove("client_secret");
    assert_eq!(admin.put("/api/v1/auth/providers/corp", silent.clone()).await.is(200)["has_secret"], true);
    world.restart().await;
    let mut ana = Traveller::new(&world);
    assert_eq!(ana.travel(&world, &provider).await, "/fleet?q=a");
    silent["issuer"] = json!("https://id.example");
    assert_eq!(world.admin().put("/api/v1/auth/providers/corp", silent).await.is(200)["has_secret"], false);
    world.admin().delete("/api/v1/auth/providers/corp").await.is(204);
    world.admin().delete("/api/v1/auth/providers/corp").await.problem("not-found");
    let gone = ana.step(&format!("{}/api/v1/auth/oidc/corp/start", world.base())).await;
    assert_eq!(gone, "/sign-in?refused=provider");
    ana.me().await.is(200);
    let log = world.entries("provider.").await;
    assert!(log.len() >= 4 && !format!("{log:?}").contains("hush"));
    world.end().await;
}

#[tokio::test]
async fn a_provider_that_is_not_who_it_was_said_to_be_is_not_used() {
    let world = World::start().await;
    let provider = with_provider(&world).await;
    for twist in [Twist::OtherDescription, Twist::PlainEndpoint] {
        provider.twist(twist);
        let checked = world.admin().post("/api/v1/auth/providers/corp/check", json!({})).await.is(200);
        assert_eq!(checked["good"], false, "{twist:?}: {checked}");
        let page = Traveller::new(&world).leave(&world, "corp").await;
        assert_eq!(page, "/sign-in?refused=provider");
    }
    world.end().await;
}
