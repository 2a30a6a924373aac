//! What an attacker tries, or an administrator does by mistake: each is refused, and stands in the log.

use legator_server::command::State;
use serde_json::{Value, json};
use testkit::reqwest::Method;
use testkit::{Person, World, soon};

use crate::bundle::shipped;
use crate::bundles::activate;
use crate::identity::{body, operations};
use crate::identity_sessions::{Browser, PASSWORD, signed_in};
use crate::{RESTART, text};

/// The shipped roles, with this in place of what an administrator may.
fn roles(administrators: &str) -> String {
    let files = legator_engine::Bundle::shipped();
    let text = String::from_utf8(files["policies/roles.cedar"].clone()).unwrap();
    let all = "permit (principal in Role::\"administrator\", action, resource);";
    assert!(text.contains(all));
    text.replace(all, administrators)
}

async fn published(admin: &Person, administrators: &str) -> String {
    let cases: Vec<String> =
        legator_engine::Bundle::shipped().into_keys().filter(|path| path.ends_with(".cases.toml")).collect();
    let body = json!({ "base": "active", "files": { "policies/roles.cedar": roles(administrators) }, "remove": cases });
    let out = admin.post("/api/v1/bundles", body).await.is(201);
    assert_eq!(out["passed"], true, "{out}");
    text(&out, "revision").to_owned()
}

#[tokio::test]
async fn nobody_takes_their_own_role_away_by_its_policy_either() {
    let world = World::start().await;
    let admin = world.admin();
    let first = text(&admin.get("/version").await.is(200), "revision").to_owned();
    let but = |action: &str| {
        format!(
            "permit (principal in Role::\"administrator\", action, resource) unless {{ action == Action::\"{action}\" }};"
        )
    };
    // Without the right to manage people, and without the right to put another bundle in force, nothing could be undone.
    for action in ["manageUsers", "activateBundle"] {
        let revision = published(&admin, &but(action)).await;
        let problem = activate(&admin, &revision).await.problem("conflict");
        assert!(text(&problem, "detail").contains("nobody could administer"), "{problem}");
    }
    assert_eq!(admin.get("/version").await.is(200)["revision"], first.as_str());
    // Another right may go, and may come back.
    let revision = published(&admin, &but("readAudit")).await;
    activate(&admin, &revision).await.is(200);
    admin.get("/api/v1/audit").await.problem("forbidden");
    admin.post("/api/v1/bundles/rollback", json!({})).await.is(200);
    admin.get("/api/v1/audit").await.is(200);
    world.end().await;
}

#[tokio::test]
async fn every_change_with_a_cookie_and_every_sign_in_comes_from_this_site() {
    let world = World::start().await;
    let ana = signed_in(&world, "ana", &["administrator"]).await;
    // A machine, a repository and a provider bring a proof of their own and no cookie counts for them.
    let without_cookies = ["register_probe", "tell_bundle_webhook", "end_provider_sessions"];
    let document: Value = serde_json::from_str(&legator_server::http::document(world.app())).unwrap();
    let mut asked = 0;
    for operation in operations(&document).iter().filter(|it| it.method != "GET") {
        if without_cookies.contains(&operation.name.as_str()) {
            continue;
        }
        let path = ["{id}", "{tag}", "{name}", "{index}", "{n}", "{rev}", "{revision}", "{policy}", "{code}"]
            .iter()
            .fold(operation.path.clone(), |path, name| path.replace(name, "x"));
        let method = Method::from_bytes(operation.method.as_bytes()).unwrap();
        let sent = operation.spec.get("requestBody").is_some().then(|| body(&operation.name));
        for headers in [[("sec-fetch-site", "cross-site")], [("origin", "https://evil.example")]] {
            let (answer, cookie) = ana.send_as(method.clone(), &path, sent.clone(), &headers).await;
            assert_eq!(answer.body["code"], "cross-site-request", "{} {path}: {}", operation.method, answer.text);
            assert_eq!(cookie, None, "{path}");
        }
        asked += 1;
    }
    assert!(asked > 60, "{asked}");
    // Nor is it told whether a session is one: it is refused before its cookie is looked up.
    let made_up = Browser { cookie: Some(format!("legator=lgs_{}", "A".repeat(70))), ..Browser::new(&world) };
    let from_elsewhere = [("sec-fetch-site", "cross-site")];
    let (answer, _) =
        made_up.send_as(Method::POST, "/api/v1/tokens", Some(json!({ "name": "x" })), &from_elsewhere).await;
    answer.problem("cross-site-request");
    world.end().await;
}

#[tokio::test]
async fn a_cookie_that_is_cut_changed_or_crossed_is_nobodys() {
    let world = World::start().await;
    let mut ana = signed_in(&world, "ana", &["viewer"]).await;
    let mut ben = signed_in(&world, "ben", &["viewer"]).await;
    let (good, other) = (ana.cookie.clone().unwrap(), ben.cookie.clone().unwrap());
    let cut = good.len() - 1;
    let flipped = format!("{}{}", &good[..cut], if good.ends_with('A') { "B" } else { "A" });
    let at = good.rfind('_').unwrap();
    // Its id with another's secret, in other letters, twice, under the name for TLS, and nothing at all.
    let crossed = format!("{}{}", &good[..at], &other[other.rfind('_').unwrap()..]);
    let named = good.replacen("legator=", "__Host-legator=", 1);
    let shouted = format!("legator={}", good["legator=".len()..].to_uppercase());
    let twice = format!("{good}; {other}");
    for bad in [&good[..cut], &flipped, &crossed, &named, &shouted, &twice, "legator=", "legator"] {
        let browser = Browser { cookie: Some(bad.to_owned()), ..Browser::new(&world) };
        let (answer, _) = browser.send_as(Method::GET, "/api/v1/me", None, &[]).await;
        answer.problem("unauthenticated");
    }
    ana.get("/api/v1/me").await.is(200);
    ben.get("/api/v1/me").await.is(200);
    world.end().await;
}

#[tokio::test]
async fn ten_thousand_wrong_digits_after_the_right_password_are_a_handful_of_tries() {
    let world = World::plan().with_manual_clock().start().await;
    let mut ana = signed_in(&world, "ana", &["viewer"]).await;
    crate::identity_sessions::with_app(&world, &mut ana).await;
    let before = world.app().ledger.head().size;
    let (mut refused, mut thief) = (0, Browser::new(&world));
    for n in 0..10_000 {
        // Asking without any digits in between gives no tries back.
        let code = (n % 3 != 0).then(|| format!("{n:06}"));
        let answer = thief.sign_in("ana", PASSWORD, code.as_deref()).await;
        match answer.status {
            401 => refused += u32::from(answer.body["code"] == "sign-in-refused"),
            429 => {}
            other => panic!("{other}: {}", answer.text),
        }
    }
    assert!((4..=5).contains(&refused), "{refused}");
    assert!(world.app().ledger.head().size - before <= 6, "the log is not filled by guessing");
    ana.get("/api/v1/me").await.is(200);
    world.end().await;
}

#[tokio::test]
async fn what_waits_by_a_key_that_was_revoked_does_not_run() {
    let mut world = World::start().await;
    let host = world.host("db-1", &["prod"]).await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    let admin = world.admin();
    let stolen = text(&ana.get("/api/v1/me").await.is(200), "key").to_owned();
    let own = admin.post("/api/v1/auth/keys", json!({ "user": "ana", "name": "other" })).await.is(201);
    let other = ana.with_key(own["plain_key"].as_str());
    let (by_stolen, by_other) = (ana.ask("db-1", RESTART).await.is(202), other.ask("db-1", RESTART).await.is(202));
    // What was asked with it is remembered over a restart.
    world.restart().await;
    let probe = host.obey().await;
    world.admin().delete(&format!("/api/v1/auth/keys/{stolen}")).await.is(204);
    let ended = world.admin().ended(text(&by_stolen, "id")).await;
    assert_eq!(ended["state"], "denied", "{ended}");
    assert!(text(&ended["result"], "reason").contains("the key that it was asked with was revoked"), "{ended}");
    ben.vote(text(&by_stolen, "approval"), "approve").await.problem("conflict");
    // The person is as trusted as before, by another key.
    ben.vote(text(&by_other, "approval"), "approve").await.is(200);
    assert_eq!(other.ended(text(&by_other, "id")).await["state"], "succeeded");
    assert_eq!(probe.ran().len(), 1);
    world.end().await;
}

/// Rules by which anybody at all may run anything, as long as one other person agrees on production.
#[tokio::test]
async fn somebody_who_was_removed_runs_nothing_whatever_the_policies_say() {
    let folder = shipped();
    let anybody = "@id(\"anybody\")\n@rationale(\"Anybody may.\")\npermit (principal, action in Action::\"command\", resource);\n";
    std::fs::write(folder.path().join("policies/anybody.cedar"), anybody).unwrap();
    // The cases of what ships say what this takes away.
    for file in std::fs::read_dir(folder.path().join("policies")).unwrap() {
        let file = file.unwrap().path();
        if file.to_string_lossy().ends_with(".cases.toml") {
            std::fs::remove_file(file).unwrap();
        }
    }
    let world = World::plan().with_bundle(folder.path()).start().await;
    let probe = world.host("db-1", &["prod"]).await.obey().await;
    let (ana, ben) = (world.person("ana", &[]).await, world.person("ben", &["approver"]).await);
    let admin = world.admin();
    let robot = json!({ "name": "robot", "kind": "service", "owner": "ana", "roles": [] });
    admin.post("/api/v1/users", robot).await.is(201);
    let key = admin.post("/api/v1/auth/keys", json!({ "user": "robot", "name": "k" })).await.is(201);
    let robot = ana.with_key(key["plain_key"].as_str());
    let (own, acted) = (ana.ask("db-1", RESTART).await.is(202), robot.ask("db-1", RESTART).await.is(202));
    admin.delete(&format!("/api/v1/users/{}", ana.id)).await.is(204);
    for held in [&own, &acted] {
        // Whichever comes first, the vote or the look at who is there.
        let vote = ben.vote(text(held, "approval"), "approve").await;
        assert!([200, 409].contains(&vote.status), "{}", vote.text);
        let ended = admin.ended(text(held, "id")).await;
        assert_eq!(ended["state"], "denied", "{ended}");
        assert!(text(&ended["result"], "reason").contains("may no longer sign in"), "{ended}");
    }
    assert!(probe.ran().is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_feed_ends_when_its_watcher_may_not_watch_any_more() {
    let world = World::start().await;
    let (ana, vera) = (world.person("ana", &["operator"]).await, world.person("vera", &["viewer"]).await);
    let host = world.host("web-1", &[]).await;
    let mut link = host.connect().await;
    let asked = ana.ask("web-1", &["uptime"]).await.is(202);
    let (order, _) = link.order().await;
    link.accept(order.command).await;
    world.until(text(&asked, "id"), State::Running).await;
    let stream = format!("/api/v1/commands/{}/stream", text(&asked, "id"));
    let feed = soon("the feed", vera.request(Method::GET, "/api/v1/events").send()).await.unwrap();
    let told = soon("the stream", vera.request(Method::GET, &stream).send()).await.unwrap();
    assert_eq!((feed.status().as_u16(), told.status().as_u16()), (200, 200));
    // The key is as good as before; the role is gone.
    world.admin().patch(&format!("/api/v1/users/{}", vera.id), json!({ "roles": [] })).await.is(200);
    link.output(order.command, 0, "a secret").await;
    link.finish(order.command, 1, legator_protocol::End::Exited { code: 0 }).await;
    ana.ended(text(&asked, "id")).await;
    world.host("web-2", &[]).await;
    let feed = soon("the feed's end", feed.text()).await.unwrap();
    assert!(!feed.contains("web-2") && !feed.contains("succeeded"), "{feed}");
    let told = soon("the stream's end", told.text()).await.unwrap();
    assert!(!told.contains("YSBzZWNyZXQ") && !told.contains("ended"), "{told}");
    world.end().await;
}

#[tokio::test]
async fn of_two_tenants_that_are_asked_for_none_is_guessed() {
    let world = World::start().await;
    world.tenant("blue").await;
    let ana = world.granted("ana", &["viewer"], &["tenant:blue"]).await;
    ana.get("/api/v1/probes?tenant=blue").await.is(200);
    ana.get("/api/v1/probes?tenant=blue&tenant=blue").await.problem("bad-request");
    ana.get("/api/v1/probes?tenant=blue&tenant=red").await.problem("bad-request");
    world.end().await;
}

#[tokio::test]
async fn somebody_of_other_tenants_is_nobody_here_however_many_they_are_of() {
    let world = World::start().await;
    for tenant in ["blue", "red", "green"] {
        world.tenant(tenant).await;
    }
    let rosa = world.granted("rosa", &["approver"], &["tenant:red", "tenant:green"]).await;
    let (bea, gina) = (
        world.granted("bea", &["approver"], &["tenant:blue"]).await,
        world.granted("gina", &["approver"], &["tenant:green"]).await,
    );
    let key = crate::approvals::enroll(&rosa, 99).await;
    let path = "/api/v1/approvals/delegations";
    let to = |name: &str| json!({ "to": name, "until": crate::tenants::in_a_day(&world) });
    let theirs = bea.post(path, to("rosa")).await.problem("invalid");
    let nobody = bea.post(path, to("nora")).await.problem("invalid");
    assert_eq!(text(&theirs, "detail").replace("rosa", "…"), text(&nobody, "detail").replace("nora", "…"));
    let keys = bea.get("/api/v1/approvals/keys").await;
    assert!(!keys.text.contains(&key) && !keys.text.contains(&rosa.id), "{}", keys.text);
    // Who shares a tenant with them knows them; what is between them is nothing to a third, by id either.
    assert!(gina.get("/api/v1/approvals/keys").await.text.contains(&key));
    let made = gina.post(path, to("rosa")).await.is(201);
    let one = format!("{path}/{}", text(&made, "id"));
    let unknown = format!("{path}/dlg_7ZZZZZZZZZ0000000000000000");
    for theirs in [one, unknown] {
        bea.delete(&theirs).await.problem("not-found");
    }
    assert_eq!(bea.get(path).await.is(200)["delegations"], json!([]));
    world.end().await;
}
