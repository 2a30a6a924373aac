//! Keys that turn while the server runs.

use serde_json::json;
use testkit::World;

use crate::identity_sessions::{Browser, PASSWORD, digits, signed_in, with_app};

fn keys_in(world: &World) -> usize {
    std::fs::read_to_string(world.data().join("server.key")).unwrap().lines().count()
}

#[tokio::test]
async fn the_seal_key_is_turned_and_everything_sealed_goes_on() {
    let mut world = World::plan().with_manual_clock().start().await;
    let mut ana = signed_in(&world, "ana", &["viewer"]).await;
    let (secret, _) = with_app(&world, &mut ana).await;
    let probe = world.host("web-1", &["web"]).await.obey().await;
    let described = json!({ "name": "x", "issuer": "https://id.example", "client_id": "l", "client_secret": "hush" });
    world.admin().put("/api/v1/auth/providers/x", described).await.is(200);
    ana.post("/api/v1/server/seal-key/rotate", json!({})).await.problem("forbidden");
    let before = std::fs::read_to_string(world.data().join("server.key")).unwrap();
    let turn = world.admin().post("/api/v1/server/seal-key/rotate", json!({})).await.is(200);
    assert_eq!((&turn["turning"], &turn["sealed_anew"]), (&json!(true), &json!(3)), "an app, a probe, a provider");
    assert_eq!(keys_in(&world), 2);
    // Asked again in the same minute, it changes nothing; over a restart it goes on.
    let turn = world.admin().post("/api/v1/server/seal-key/rotate", json!({})).await.is(200);
    assert_eq!((&turn["turning"], &turn["sealed_anew"]), (&json!(true), &json!(0)));
    drop(probe);
    world.restart().await;
    assert_eq!(world.admin().get("/api/v1/server/seal-key").await.is(200)["turning"], true);
    world.clock().advance(60_000);
    let turn = world.admin().post("/api/v1/server/seal-key/rotate", json!({})).await.is(200);
    assert_eq!(turn["turning"], false);
    let after = std::fs::read_to_string(world.data().join("server.key")).unwrap();
    assert!(keys_in(&world) == 1 && !before.contains(after.trim()));
    world.restart().await;
    let code = digits(&world, &secret);
    Browser::new(&world).sign_in("ana", PASSWORD, Some(&code)).await.is(200);
    assert_eq!(world.entries("seal-key.").await.len(), 2);
    world.end().await;
}

#[tokio::test]
async fn a_key_is_replaced_and_both_are_good_for_the_overlap() {
    let world = World::plan().with_manual_clock().start().await;
    let (ana, admin) = (world.person("ana", &["viewer"]).await, world.admin());
    let wanted = json!({ "user": "ana", "name": "ci", "scopes": ["viewFleet"] });
    let old = admin.post("/api/v1/auth/keys", wanted).await.is(201);
    let path = format!("/api/v1/auth/keys/{}/rotate", crate::text(&old, "id"));
    ana.post(&path, json!({})).await.problem("forbidden");
    let new = admin.post(&path, json!({ "overlap_s": 60 })).await.is(201);
    assert_eq!((&new["name"], &new["scopes"], &new["user"]), (&json!("ci"), &json!(["viewFleet"]), &old["user"]));
    let (before, after) = (ana.with_key(old["plain_key"].as_str()), ana.with_key(new["plain_key"].as_str()));
    before.get("/api/v1/me").await.is(200);
    after.get("/api/v1/me").await.is(200);
    world.clock().advance(60_000);
    before.get("/api/v1/me").await.problem("unauthenticated");
    after.get("/api/v1/me").await.is(200);
    admin.post(&path, json!({})).await.problem("conflict");
    admin.post("/api/v1/auth/keys/nothing/rotate", json!({})).await.problem("not-found");
    assert_eq!(world.entries("key.rotated").await.len(), 1);
    world.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn what_doctor_finds_is_told_to_who_looks_after_the_server_and_to_nobody_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::start().await;
    let ana = world.person("ana", &["viewer"]).await;
    ana.get("/api/v1/server/findings").await.problem("forbidden");
    let found = async || -> Vec<String> {
        let page = world.admin().get("/api/v1/server/findings").await.is(200);
        let found = page["findings"].as_array().unwrap().iter();
        found.map(|one| format!("{} {}", crate::text(one, "weight"), crate::text(one, "what"))).collect()
    };
    let key = world.data().join("server.key");
    let about_key = |one: &String| one.starts_with("unsafe") && one.contains(key.to_str().unwrap());
    let before = found().await;
    assert!(!before.iter().any(about_key), "{before:?}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let after = found().await;
    assert!(after.iter().any(about_key), "as it is now: {after:?}");
    let last_unsafe = after.iter().rposition(|one| one.starts_with("unsafe"));
    let first_advice = after.iter().position(|one| one.starts_with("advice"));
    assert!(first_advice.is_none_or(|advice| last_unsafe < Some(advice)), "what is unsafe comes first: {after:?}");
    world.end().await;
}
