//! How a machine becomes a probe, and how it ceases to be one.

use legator_protocol::VERSIONS;
use serde_json::{Value, json};
use testkit::{Answer, Link, World, registration};

use crate::text;

async fn register(world: &World, token: &Value, name: &str) -> Answer {
    world.stranger().post("/api/v1/register", registration(token, name)).await
}

#[tokio::test]
async fn a_token_is_good_for_one_machine_unless_it_says_otherwise() {
    let world = World::start().await;
    let once = world.token(json!({ "name": "once" })).await;
    register(&world, &once["token"], "web-1").await.is(201);
    register(&world, &once["token"], "web-2").await.problem("bad-token");
    let twice = world.token(json!({ "name": "twice", "max_uses": 2, "tags": ["web"] })).await;
    register(&world, &twice["token"], "web-3").await.is(201);
    register(&world, &twice["token"], "web-4").await.is(201);
    register(&world, &twice["token"], "web-5").await.problem("bad-token");
    let probes = world.admin().get("/api/v1/probes?tag=web").await.is(200);
    assert_eq!(probes["total"], 2);
    let tokens = world.admin().get("/api/v1/tokens").await;
    // `lgt_`, the id's 26 characters, `_`, the secret's 43.
    let secret = &text(&twice, "token")[31..74];
    assert!(!tokens.text.contains(secret), "the secret is shown once");
    assert_eq!(world.entries("probe.enrolled").await.len(), 3);
    world.end().await;
}

#[tokio::test]
async fn two_machines_at_the_same_moment_do_not_share_a_single_use() {
    let world = World::start().await;
    let token = world.token(json!({ "name": "once" })).await;
    let (one, two) =
        tokio::join!(register(&world, &token["token"], "web-1"), register(&world, &token["token"], "web-2"));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 401]);
    world.end().await;
}

#[tokio::test]
async fn a_token_that_expired_or_was_ended_or_never_was_buys_nothing() {
    let world = World::plan().with_manual_clock().start().await;
    let short = world.token(json!({ "name": "short", "ttl_s": 60 })).await;
    world.clock().advance(60_000);
    register(&world, &short["token"], "web-1").await.problem("bad-token");
    let ended = world.token(json!({ "name": "ended" })).await;
    world.admin().delete(&format!("/api/v1/tokens/{}", text(&ended, "id"))).await.is(204);
    register(&world, &ended["token"], "web-1").await.problem("bad-token");
    let good = world.token(json!({ "name": "good" })).await;
    let token = text(&good, "token");
    let forged = token.replacen("lgt_", "lgt_0", 1);
    // Its id is no secret: it stands in lists and in the log. Behind it another letter, and another token's secret.
    let at = "lgt_".len() + 26 + "_".len();
    let other = if &token[at + 5..at + 6] == "A" { "B" } else { "A" };
    let guessed = format!("{}{other}{}", &token[..at + 5], &token[at + 6..]);
    let second = world.token(json!({ "name": "second" })).await;
    let crossed = format!("{}{}", &token[..at], &text(&second, "token")[at..]);
    assert!(guessed.len() == token.len() && crossed.len() == token.len() && guessed != token && crossed != token);
    for bad in ["", "lgt_", "nonsense", &forged, &guessed, &crossed] {
        register(&world, &json!(bad), "web-1").await.problem("bad-token");
    }
    let mut strange = registration(&good["token"], "web-1");
    strange["hostname"] = json!("web 1\n");
    world.stranger().post("/api/v1/register", strange).await.problem("invalid");
    register(&world, &good["token"], "web-1").await.is(201);
    for wrong in [
        json!({ "name": "t", "ttl_s": 0 }),
        json!({ "name": "t", "max_uses": 0 }),
        json!({ "name": "t", "tags": [""] }),
    ] {
        world.admin().post("/api/v1/tokens", wrong).await.problem("invalid");
    }
    world.end().await;
}

#[tokio::test]
async fn a_known_machine_enrolls_again_only_with_a_token_for_it_and_its_old_key_is_worth_nothing_then() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &[]).await;
    let session = host.connect().await;
    let plain = world.token(json!({ "name": "plain" })).await;
    let problem = register(&world, &plain["token"], "web-1").await.problem("known-machine");
    assert!(text(&problem, "help").contains("--probe web-1"), "{problem}");
    let other = world.host("web-2", &[]).await;
    let theirs = world.token(json!({ "name": "theirs", "probe": "web-2" })).await;
    register(&world, &theirs["token"], "web-1").await.problem("known-machine");

    let own = world.token(json!({ "name": "own", "probe": "web-1" })).await;
    let again = host.again(&register(&world, &own["token"], "web-1").await.is(201));
    assert_eq!(session.closed().await, "dropped");
    let refused = Link::greet(&host.base(), host.id, &host.key, VERSIONS).await.err().unwrap();
    assert!(refused.contains("does not hold this probe's key"), "{refused}");
    let probe = again.obey().await;
    assert_eq!(ana.run("web-1", &["uptime"]).await.is(200)["state"], "succeeded");
    assert_eq!(probe.ran().len(), 1);
    assert_eq!(world.entries("probe.enrolled_again").await.len(), 1);
    drop(other);
    world.end().await;
}

#[tokio::test]
async fn a_removed_probe_loses_its_session_and_opens_no_other() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &["prod"]).await;
    let session = host.connect().await;
    let held = ana.ask("web-1", crate::RESTART).await.is(202);
    world.admin().delete("/api/v1/probes/web-1").await.is(204);
    assert_eq!(session.closed().await, "dropped");
    assert!(Link::greet(&host.base(), host.id, &host.key, VERSIONS).await.err().unwrap().contains("removed"));
    ana.ask("web-1", &["uptime"]).await.problem("not-found");
    assert_eq!(world.admin().get("/api/v1/probes").await.is(200)["total"], 0);
    let command = ana.with_key(world.admin().key.as_deref()).ended(text(&held, "id")).await;
    assert_eq!(command["state"], "canceled");
    // The machine may come back, as another probe.
    let back = world.host("web-1", &[]).await;
    assert_ne!(back.id, host.id);
    let probe = back.obey().await;
    assert_eq!(ana.run("web-1", &["uptime"]).await.is(200)["state"], "succeeded");
    assert_eq!(probe.ran().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn two_machines_of_one_name_are_told_apart() {
    let world = World::start().await;
    let token = world.token(json!({ "name": "many", "max_uses": 2 })).await;
    for (machine, name) in [("a", "web-1"), ("b", "web-1-2")] {
        let mut ask = registration(&token["token"], "web-1");
        ask["machine_id"] = json!(machine);
        assert_eq!(world.stranger().post("/api/v1/register", ask).await.is(201)["name"], name);
    }
    world.end().await;
}

#[tokio::test]
async fn tags_are_replaced_as_a_whole_and_written_down() {
    let world = World::start().await;
    let (admin, ana) = (world.admin(), world.person("ana", &["operator"]).await);
    world.host("web-1", &["web", "old"]).await;
    ana.put("/api/v1/probes/web-1/tags", json!({ "tags": ["x"] })).await.problem("forbidden");
    let tagged = admin.put("/api/v1/probes/web-1/tags", json!({ "tags": ["web", "prod"] })).await.is(200);
    assert_eq!(tagged["tags"], json!(["prod", "web"]));
    admin.put("/api/v1/probes/web-1/tags", json!({ "tags": ["a b"] })).await.problem("invalid");
    assert_eq!(admin.get("/api/v1/fleet/tags").await.is(200)["tags"], json!({ "prod": 1, "web": 1 }));
    let entry = world.entry("probe.tagged", |_| true).await;
    assert_eq!((&entry["body"]["before"], &entry["body"]["after"]), (&json!(["old", "web"]), &json!(["prod", "web"])));
    world.end().await;
}
