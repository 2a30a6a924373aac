//! `tenants …`, `users grants`, `providers …`, `keys rotate` and `keys rotate-seal`.

use serde_json::json;
use testkit::World;

use super::{Desk, fields, has, text};

#[tokio::test]
async fn tenants_are_made_and_changed_and_people_are_granted_them() {
    let world = World::start().await;
    let vera = world.person("vera", &["viewer"]).await;
    let [admin, vera] = [&world.admin(), &vera].map(|person| Desk::of(&world, person));
    let made = admin.types(&["tenants", "create", "blue", "--title", "Blue Ltd", "--org", "colours"]).await;
    assert!(made.code == 0 && made.stdout == "blue\n" && made.stderr.contains("--grant tenant:blue"), "{made:?}");
    admin.refused(&["tenants", "create", "blue"], 1, "there is a tenant `blue` already").await;
    admin.refused(&["tenants", "create", "Blue"], 1, "name").await;
    admin.refused(&["tenants", "create", &"x".repeat(41)], 1, "name").await;
    vera.refused(&["tenants", "create", "red"], 7, "policy does not let `vera`").await;
    let red = admin.json(&["tenants", "create", "red", "--org", "colours"]).await;
    has(&red, &["name", "org", "created_at"]);

    admin.refused(&["tenants", "change", "blue"], 2, "--title").await;
    let changed = admin.well(&["tenants", "change", "blue", "--title", "Bleu SA"]).await;
    assert!(changed.contains("Bleu SA") && changed.contains("colours"), "{changed}");
    let changed = admin.json(&["tenants", "change", "blue", "--org", ""]).await;
    assert_eq!((&changed["org"], text(&changed, "title")), (&json!(null), "Bleu SA"), "{changed}");
    admin.refused(&["tenants", "change", "grey", "--title", "x"], 1, "there is no tenant `grey`").await;
    vera.refused(&["tenants", "change", "default", "--title", "x"], 7, "policy does not let `vera`").await;

    // What somebody is granted is shown, set, and taken away; what does not exist is not given.
    let ana = admin.well(&["users", "create", "ana", "--role", "operator", "--grant", "tenant:blue"]).await;
    let shown = admin.json(&["users", "grants", "ana"]).await;
    assert_eq!((&shown["grants"], &shown["tenants"]), (&json!(["tenant:blue"]), &json!(["blue"])), "{shown}");
    let set = admin.well(&["users", "grants", &ana, "org:colours", "scope:web"]).await;
    assert!(set.contains("org:colours") && set.contains("red") && !set.contains("blue"), "{set}");
    admin.refused(&["users", "grants", "ana", "tenant:grey"], 1, "grey").await;
    admin.refused(&["users", "grants", "ana", "everything"], 1, "everything").await;
    admin.refused(&["users", "grants", "ana", "tenant:red", "--none"], 2, "--none").await;
    admin.refused(&["users", "grants", "nobody", "tenant:red"], 1, "there is no person `nobody`").await;
    vera.refused(&["users", "grants", "ana", "tenant:red"], 7, "policy does not let `vera`").await;
    vera.refused(&["users", "grants", "ana"], 7, "policy does not let `vera`").await;
    let none = admin.json(&["users", "grants", "ana", "--none"]).await;
    assert_eq!((&none["grants"], &none["tenants"]), (&json!([]), &json!(["default"])), "{none}");
    world.end().await;
}

#[tokio::test]
async fn one_tenant_is_looked_at_alone_and_another_is_as_unknown_as_none() {
    let world = World::start().await;
    let admin = world.admin();
    let me = admin.get("/api/v1/me").await.is(200);
    let path = format!("/api/v1/users/{}/grants", text(&me, "id"));
    admin.put(&path, json!({ "grants": ["org:house"] })).await.is(200);
    for tenant in ["blue", "red"] {
        world.tenant(tenant).await;
        world.host_with(&format!("{tenant}-1"), json!({ "name": tenant, "tenant": tenant })).await;
    }
    let bea = world.granted("bea", &["viewer"], &["tenant:blue"]).await;
    let [admin, bea] = [&admin, &bea].map(|person| Desk::of(&world, person));
    let names = |page: serde_json::Value| -> Vec<String> {
        page["probes"].as_array().unwrap().iter().map(|probe| text(probe, "name").to_owned()).collect()
    };
    assert_eq!(names(admin.json(&["probes"]).await).len(), 2);
    assert_eq!(names(admin.json(&["--tenant", "red", "probes"]).await), ["red-1"]);
    assert_eq!(names(bea.json(&["probes"]).await), ["blue-1"]);
    assert_eq!(names(bea.json(&["--tenant", "blue", "probes"]).await), ["blue-1"]);
    bea.refused(&["--tenant", "red", "probes"], 1, "there is no tenant `red`").await;
    bea.refused(&["--tenant", "grey", "probes"], 1, "there is no tenant `grey`").await;
    let all = bea.json(&["tenants"]).await;
    assert_eq!(all["tenants"].as_array().unwrap().len(), 1, "{all}");
    assert!(!bea.well(&["tenants"]).await.contains("red"));
    world.end().await;
}

#[tokio::test]
async fn a_provider_is_described_checked_and_taken_away() {
    let world = World::start().await;
    let vera = world.person("vera", &["viewer"]).await;
    let [admin, vera] = [&world.admin(), &vera].map(|person| Desk::of(&world, person));
    // Nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let issuer = format!("http://127.0.0.1:{port}");
    let set = ["providers", "set", "corp", "--name", "Corp", "--issuer", &issuer, "--client-id", "legator"];
    let more = [&set[..], &["--secret-stdin", "--group", "ops=operators", "--default-role", "viewer"]].concat();
    let ended = admin.types_with(&more, "hush-hush\n").await;
    assert!(ended.code == 0 && ended.stdout == "corp\n" && ended.stderr.contains("providers check"), "{ended:?}");
    let list = admin.types(&["providers", "-o", "json"]).await;
    assert!(list.code == 0 && !list.stdout.contains("hush-hush"), "a secret is not shown again: {list:?}");
    let one = &list.json()["providers"][0];
    assert_eq!(
        (text(one, "id"), text(one, "issuer"), &one["fixed"]),
        ("corp", issuer.as_str(), &json!(false)),
        "{one}"
    );
    assert!(admin.well(&["providers"]).await.contains(&issuer));

    let ended = admin.types(&["providers", "check", "corp"]).await;
    assert!(ended.code == 1 && ended.stderr.starts_with("it cannot be used: "), "{ended:?}");
    let ended = admin.types(&["providers", "check", "corp", "-o", "json"]).await;
    assert_eq!((ended.code, &ended.json()["good"]), (1, &json!(false)), "{ended:?}");
    admin.refused(&["providers", "check", "other"], 1, "there is no provider `other`").await;
    vera.refused(&["providers"], 7, "policy does not let `vera`").await;
    vera.refused(&["providers", "check", "corp"], 7, "policy does not let `vera`").await;
    vera.refused(&set, 7, "policy does not let `vera`").await;
    vera.refused(&["providers", "remove", "corp"], 7, "policy does not let `vera`").await;

    // In the clear, over somebody's network.
    let plain = ["providers", "set", "x", "--name", "X", "--issuer", "http://id.example", "--client-id", "l"];
    admin.refused(&plain, 1, "https").await;
    let named = ["providers", "set", "No Word", "--name", "X", "--issuer", &issuer, "--client-id", "l"];
    admin.refused(&named, 1, "letters").await;
    admin.refused(&[&set[..], &["--role", "nonsense"]].concat(), 2, "value=word").await;
    admin.refused(&set[..7], 2, "--client-id").await;
    assert_eq!(admin.json(&["providers", "remove", "corp"]).await, json!({ "removed": "corp" }));
    admin.refused(&["providers", "remove", "corp"], 1, "there is no provider `corp`").await;
    assert_eq!(admin.json(&["providers"]).await["providers"], json!([]));
    world.end().await;
}

#[tokio::test]
async fn a_key_is_replaced_and_the_old_one_goes_on_for_as_long_as_was_said() {
    let world = World::start().await;
    let (ana, vera) = (world.person("ana", &["viewer"]).await, world.person("vera", &["viewer"]).await);
    let [admin, ana, vera] = [&world.admin(), &ana, &vera].map(|person| Desk::of(&world, person));
    let keys = admin.json(&["keys"]).await;
    let of_ana = |keys: &serde_json::Value, live: bool| {
        let all = keys["keys"].as_array().unwrap().iter();
        let hers: Vec<String> = all
            .filter(|key| key["name"] == "laptop" && key["expires_at"].is_null() == live)
            .map(|key| text(key, "id").to_owned())
            .collect();
        hers
    };
    assert_eq!(of_ana(&keys, true).len(), 2, "ana's and vera's: {keys}");
    let id = text(&ana.json(&["whoami"]).await, "key").to_owned();

    vera.refused(&["keys", "rotate", &id], 7, "policy does not let `vera`").await;
    admin.refused(&["keys", "rotate", "key_nothing"], 1, "there is no key").await;
    admin.refused(&["keys", "rotate", &id, "--overlap", "a while"], 2, "--overlap").await;
    let ended = admin.types(&["keys", "rotate", &id, "--overlap", "1h"]).await;
    assert!(ended.code == 0 && ended.stderr.contains("it is not shown again"), "{ended:?}");
    let fresh = ended.stdout.trim_end().to_owned();
    assert!(fresh.starts_with("lgk_") && !ended.stderr.contains(&fresh), "the key is data and stands there once");
    assert_eq!(ana.types(&["whoami"]).await.code, 0, "the old key goes on");
    let ana = ana.with_key(&fresh);
    let next = text(&ana.json(&["whoami"]).await, "key").to_owned();
    assert_ne!(next, id);

    // Without an overlap the old one ends with the new one's birth.
    let turned = admin.json(&["keys", "rotate", &next, "--overlap", "0s"]).await;
    has(&turned, &["id", "name", "user", "plain_key", "created_at"]);
    ana.refused(&["whoami"], 7, "no valid credential").await;
    admin.refused(&["keys", "rotate", &next], 1, "this key has ended").await;
    let ana = ana.with_key(text(&turned, "plain_key"));
    assert_eq!(ana.types(&["whoami"]).await.code, 0);
    let gone = admin.json(&["keys", "revoke", text(&turned, "id")]).await;
    assert_eq!(gone["revoked"], true);
    ana.refused(&["whoami"], 7, "no valid credential").await;
    admin.refused(&["keys", "rotate", text(&turned, "id")], 1, "this key has ended").await;
    let listed = admin.types(&["keys", "-o", "json"]).await;
    assert!(!listed.stdout.contains("lgk_"), "{listed:?}");
    world.end().await;
}

#[tokio::test]
async fn the_seal_key_is_turned_from_the_command_line() {
    let world = World::start().await;
    let vera = world.person("vera", &["viewer"]).await;
    let _host = world.host("web-1", &[]).await;
    let [admin, vera] = [&world.admin(), &vera].map(|person| Desk::of(&world, person));
    vera.refused(&["keys", "rotate-seal"], 7, "policy does not let `vera`").await;
    let ended = admin.types(&["keys", "rotate-seal"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("1 secrets were sealed anew") && ended.stderr.contains("a minute more"), "{ended:?}");
    let again = admin.json(&["keys", "rotate-seal"]).await;
    assert_eq!(fields(&again), ["sealed_anew", "turning"]);
    assert_eq!((&again["turning"], &again["sealed_anew"]), (&json!(true), &json!(0)), "{again}");
    assert_eq!(world.entries("seal-key.turned").await.len(), 1, "asked again, it goes on with the same turn");
    world.end().await;
}
