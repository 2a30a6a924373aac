//! People, machine accounts and their keys: who may do what, and what happens when that changes.

use serde_json::{Value, json};
use testkit::{Person, World};

use crate::identity_sessions::{Browser, PASSWORD, signed_in};

async fn keyed(world: &World, name: &str, key: Value) -> Person {
    let wanted = [("user", json!(name)), ("name", json!("k"))];
    let mut body: serde_json::Map<String, Value> =
        wanted.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    body.extend(key.as_object().unwrap().clone());
    let made = world.admin().post("/api/v1/auth/keys", Value::Object(body)).await.is(201);
    world.stranger().with_key(Some(crate::text(&made, "plain_key")))
}

#[tokio::test]
async fn nobody_takes_a_name_that_can_be_taken_for_another() {
    let world = World::start().await;
    let admin = world.admin();
    world.person("paul", &["viewer"]).await;
    for name in ["Paul", "PAUL", "pau1", "ADM1N", "Admln"] {
        admin.post("/api/v1/users", json!({ "name": name, "roles": [] })).await.problem("conflict");
    }
    for name in ["раul", "paul\u{200b}", "ｐaul", " paul"] {
        admin.post("/api/v1/users", json!({ "name": name, "roles": [] })).await.problem("invalid");
    }
    admin.post("/api/v1/users", json!({ "name": "bob", "roles": ["oprator"] })).await.problem("invalid");
    admin.post("/api/v1/users", json!({ "name": "Анна", "roles": ["viewer"] })).await.is(201);
    world.end().await;
}

#[tokio::test]
async fn the_last_administrator_cannot_be_sent_away_by_any_door() {
    let world = World::start().await;
    let admin = world.admin();
    let me = admin.get("/api/v1/me").await.is(200);
    let path = format!("/api/v1/users/{}", crate::text(&me, "id"));
    for change in [json!({ "roles": ["viewer"] }), json!({ "disabled": true }), json!({ "roles": [] })] {
        admin.patch(&path, change).await.problem("conflict");
    }
    admin.delete(&path).await.problem("conflict");
    admin.delete(&format!("/api/v1/auth/keys/{}", crate::text(&me, "key"))).await.problem("conflict");
    // Somebody with the right and no way in is no help.
    admin.post("/api/v1/users", json!({ "name": "ana", "roles": ["administrator"] })).await.is(201);
    admin.patch(&path, json!({ "roles": ["viewer"] })).await.problem("conflict");
    keyed(&world, "ana", json!({ "scopes": ["manageUsers"] })).await;
    admin.patch(&path, json!({ "roles": ["viewer"] })).await.problem("conflict");
    let ana = keyed(&world, "ana", json!({})).await;
    ana.patch(&path, json!({ "roles": ["viewer"] })).await.is(200);
    admin.get("/api/v1/users").await.problem("forbidden");
    ana.patch(&path, json!({ "roles": ["administrator"] })).await.is(200);
    world.end().await;
}

#[tokio::test]
async fn a_key_is_for_its_scopes_and_for_nothing_else() {
    let world = World::start().await;
    world.host("web-1", &[]).await;
    world.person("ana", &["operator"]).await;
    let reader = keyed(&world, "ana", json!({ "scopes": ["viewFleet", "observe"] })).await;
    reader.get("/api/v1/probes").await.is(200);
    reader.get("/api/v1/approvals").await.problem("forbidden");
    assert_eq!(reader.ask("web-1", &["uptime"]).await.status, 202);
    let problem = reader.ask("web-1", crate::RESTART).await.problem("denied");
    assert!(crate::text(&problem, "detail").contains("the key that was used is not for `remediate`"), "{problem}");
    let me = reader.get("/api/v1/me").await.is(200);
    assert_eq!(me["permissions"], json!(["observe", "viewFleet"]));
    // A scope gives nothing that its owner does not have.
    let more = keyed(&world, "ana", json!({ "scopes": ["manageUsers", "readAudit"] })).await;
    more.get("/api/v1/users").await.problem("forbidden");
    more.get("/api/v1/audit").await.problem("forbidden");
    // A bounded key of an administrator makes no unbounded one.
    let bounded = keyed(&world, "admin", json!({ "scopes": ["manageKeys"] })).await;
    bounded.post("/api/v1/auth/keys", json!({ "user": "admin", "name": "x" })).await.problem("invalid");
    let admin = world.admin();
    for scopes in [json!([]), json!(["launchMissiles"])] {
        let body = json!({ "user": "ana", "name": "x", "scopes": scopes });
        admin.post("/api/v1/auth/keys", body).await.problem("invalid");
    }
    let keys = admin.get("/api/v1/auth/keys").await.is(200);
    let used =
        keys["keys"].as_array().unwrap().iter().find(|key| key["scopes"] == json!(["observe", "viewFleet"])).unwrap();
    assert_eq!(used["last_used_from"], "127.0.0.1");
    world.end().await;
}

#[tokio::test]
async fn a_machine_account_may_never_do_more_than_its_owner() {
    let world = World::start().await;
    world.host("web-1", &[]).await;
    let admin = world.admin();
    let ana = world.person("ana", &["viewer"]).await;
    for (name, kind) in [("robot", "service"), ("model", "agent")] {
        let roles = if kind == "agent" { json!(["operator", "agent"]) } else { json!(["administrator"]) };
        let body = json!({ "name": name, "kind": kind, "roles": roles });
        admin.post("/api/v1/users", body.clone()).await.problem("invalid");
        let mut owned = body;
        owned["owner"] = "ana".into();
        admin.post("/api/v1/users", owned).await.is(201);
        let machine = keyed(&world, name, json!({})).await;
        machine.get("/api/v1/probes").await.is(200);
        machine.get("/api/v1/users").await.problem("forbidden");
        machine.ask("web-1", &["uptime"]).await.problem("denied");
        machine.ask("web-1", crate::RESTART).await.problem("denied");
        let me = machine.get("/api/v1/me").await.is(200);
        assert_eq!((&me["kind"], &me["owner"]), (&json!(kind), &json!(ana.id)));
        assert!(!me["permissions"].as_array().unwrap().contains(&"observe".into()), "{me}");
    }
    // The owner may do more from now on, and so may they, as far as their own roles go.
    admin.patch(&format!("/api/v1/users/{}", ana.id), json!({ "roles": ["operator"] })).await.is(200);
    let robot = keyed(&world, "robot", json!({})).await;
    assert_eq!(robot.ask("web-1", &["uptime"]).await.status, 202);
    admin.patch(&format!("/api/v1/users/{}", ana.id), json!({ "disabled": true })).await.is(200);
    robot.get("/api/v1/probes").await.problem("unauthenticated");
    world.end().await;
}

#[tokio::test]
async fn a_key_that_was_revoked_is_nothing_from_that_moment() {
    let world = World::start().await;
    world.person("ana", &["viewer"]).await;
    let ana = keyed(&world, "ana", json!({})).await;
    let id = crate::text(&ana.get("/api/v1/me").await.is(200), "key").to_owned();
    let watching = ana.request(testkit::reqwest::Method::GET, "/api/v1/events").send().await.unwrap();
    world.admin().delete(&format!("/api/v1/auth/keys/{id}")).await.is(204);
    ana.get("/api/v1/me").await.problem("unauthenticated");
    world.host("web-1", &[]).await;
    let told = testkit::soon("the feed's end", watching.text()).await.unwrap();
    assert!(!told.contains("web-1"), "{told}");
    world.end().await;
}

#[tokio::test]
async fn what_waits_in_the_name_of_somebody_who_was_removed_does_not_run() {
    let world = World::start().await;
    let _host = world.host("db-1", &["prod"]).await.obey().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    let held = ana.ask("db-1", crate::RESTART).await.is(202);
    world.admin().delete(&format!("/api/v1/users/{}", ana.id)).await.is(204);
    ana.get("/api/v1/me").await.problem("unauthenticated");
    ben.vote(crate::text(&held, "approval"), "approve").await.is(200);
    let ended = world.admin().ended(crate::text(&held, "id")).await;
    assert_eq!(ended["state"], "denied", "{ended}");
    // The name stays theirs.
    let again = world.admin().post("/api/v1/users", json!({ "name": "ana", "roles": ["operator"] })).await;
    again.problem("conflict");
    world.end().await;
}

#[tokio::test]
async fn a_reset_ends_what_there_was_and_the_link_works_once() {
    let world = World::start().await;
    let mut ana = signed_in(&world, "ana", &["viewer"]).await;
    let id = crate::text(&ana.get("/api/v1/me").await.is(200), "id").to_owned();
    let link = world.admin().post(&format!("/api/v1/users/{id}/reset"), json!({})).await.is(200);
    ana.get("/api/v1/me").await.problem("unauthenticated");
    ana.sign_in("ana", PASSWORD, None).await.problem("sign-in-refused");
    let chosen =
        |name: Option<&str>| json!({ "token": link["token"], "name": name, "password": "another horse battery" });
    ana.post("/api/v1/auth/setup", chosen(Some("admin"))).await.problem("invalid");
    ana.post("/api/v1/auth/setup", chosen(None)).await.is(200);
    ana.get("/api/v1/me").await.is(200);
    Browser::new(&world).post("/api/v1/auth/setup", chosen(None)).await.problem("bad-link");
    world.end().await;
}

#[tokio::test]
async fn who_is_locked_out_comes_back_by_the_host_alone() {
    let mut world = World::start().await;
    let mut ana = signed_in(&world, "ana", &["viewer"]).await;
    let clock = world.clock().clone();
    let taken = legator_server::app::App::recover(world.config(), clock.clone(), "ana").await;
    assert!(taken.is_err(), "a server runs on the folder");
    world.stop().await;
    let link = legator_server::app::App::recover(world.config(), clock, "ana").await.unwrap();
    world.begin().await.unwrap();
    ana.sign_in("ana", PASSWORD, None).await.problem("sign-in-refused");
    let chosen = json!({ "token": link.expose(), "password": "another horse battery" });
    let done = ana.post("/api/v1/auth/setup", chosen).await.is(200);
    assert_eq!(done["person"]["roles"], json!(["administrator", "viewer"]));
    world.entry("person.recovered", |entry| entry["actor"] == "recover").await;
    world.end().await;
}

#[tokio::test]
async fn roles_groups_and_actions_are_what_the_policies_say() {
    let world = World::start().await;
    let admin = world.admin();
    let roles = admin.get("/api/v1/roles").await.is(200);
    let of = |name: &str| {
        let role = roles["roles"].as_array().unwrap().iter().find(|role| role["name"] == name).unwrap().clone();
        (role["permissions"].clone(), role["agent_permissions"].clone())
    };
    let names: Vec<&str> = roles["roles"].as_array().unwrap().iter().map(|role| crate::text(role, "name")).collect();
    assert_eq!(names, ["administrator", "agent", "approver", "auditor", "operator", "policy-author", "viewer"]);
    assert!(of("auditor").0.as_array().unwrap().contains(&"readAudit".into()));
    assert!(!of("viewer").0.as_array().unwrap().contains(&"observe".into()));
    assert_eq!(of("agent").0, json!([]), "a person gets nothing from it");
    assert!(of("agent").1.as_array().unwrap().contains(&"diagnose".into()));
    let all = admin.get("/api/v1/auth/permissions").await.is(200);
    let destroy = all["permissions"].as_array().unwrap().iter().find(|it| it["action"] == "destroy").unwrap().clone();
    assert_eq!((&destroy["mine"], &destroy["roles"]), (&json!(true), &json!(["administrator", "operator"])));
    world.person("ana", &["viewer"]).await;
    admin.put("/api/v1/groups/storage", json!({ "members": ["ana", "admin"] })).await.is(200);
    admin.put("/api/v1/groups/storage", json!({ "members": ["ana"] })).await.is(200);
    assert_eq!(
        admin.get("/api/v1/groups").await.is(200),
        json!({ "groups": [{ "name": "storage", "members": ["ana"] }] })
    );
    world.end().await;
}
