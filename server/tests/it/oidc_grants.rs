//! What somebody reaches who comes by a provider: mapped, given and taken back at every sign-in, and never more than was said.

use serde_json::{Value, json};
use testkit::World;

use crate::oidc::Traveller;
use crate::oidc_provider::Provider;
use crate::text;

const CORP: &str = "/api/v1/auth/providers/corp";

fn described(provider: &Provider, more: Value) -> Value {
    let mut described = json!({
        "name": "Corp", "issuer": provider.issuer, "client_id": "legator", "client_secret": "hush",
        "roles": { "idp-ops": "operator" },
        "grants": { "idp-blue": ["tenant:blue"], "idp-red": ["tenant:red", "scope:web"], "idp-acme": ["org:acme"] },
    });
    described.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    described
}

async fn two_tenants(world: &World) {
    world.tenant("blue").await;
    world.admin().post("/api/v1/tenants", json!({ "name": "red", "org": "acme" })).await.is(201);
}

/// Comes in with these groups; gives who they are then.
async fn arrive(world: &World, provider: &Provider, groups: &[&str]) -> Value {
    provider.set(|person| person["groups"] = json!(groups));
    let mut somebody = Traveller::new(world);
    assert_eq!(somebody.travel(world, provider).await, "/fleet?q=a");
    let me = somebody.me().await.is(200);
    world.admin().get(&format!("/api/v1/users/{}", text(&me, "id"))).await.is(200)
}

#[tokio::test]
async fn a_newcomer_is_of_the_tenant_that_their_groups_are_mapped_to() {
    let mut world = World::start().await;
    two_tenants(&world).await;
    let provider = Provider::start().await;
    world.admin().put(CORP, described(&provider, json!({}))).await.ok();
    provider.set(|person| person["groups"] = json!(["idp-ops", "idp-blue", "tenant:red", "org:house"]));
    let mut ana = Traveller::new(&world);
    ana.travel(&world, &provider).await;
    let me = ana.me().await.is(200);
    let gus = world.granted("gus", &["auditor"], &["org:house"]).await;
    let newest = async |kind: &str| {
        gus.get(&format!("/api/v1/audit?kind={kind}&limit=1000")).await.is(200)["entries"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["body"]["provider"] == "corp")
            .unwrap_or_else(|| panic!("no {kind} of a provider"))
            .clone()
    };
    let added = newest("person.added").await;
    assert_eq!((&added["tenant"], &added["body"]["grants"]), (&json!("blue"), &json!(["tenant:blue"])));
    let seen = world.admin().get(&format!("/api/v1/users/{}", text(&me, "id"))).await.is(200);
    assert_eq!(seen["grants"], json!(["tenant:blue"]), "a group that is called like a grant is none");
    // Another's administrator sees nobody.
    let red = world.granted("rosa", &["administrator"], &["tenant:red"]).await;
    red.get(&format!("/api/v1/users/{}", text(&me, "id"))).await.problem("not-found");
    // What the provider gives no more is taken back, also after a restart; what an administrator gave stays.
    let grants = json!({ "grants": ["tenant:blue", "tenant:default"] });
    world.admin().put(&format!("/api/v1/users/{}/grants", text(&me, "id")), grants).await.is(200);
    world.restart().await;
    let now = arrive(&world, &provider, &["idp-ops", "idp-red"]).await;
    assert_eq!((&now["id"], &now["grants"]), (&me["id"], &json!(["scope:web", "tenant:default", "tenant:red"])));
    let there = world.admin().get(&format!("/api/v1/users/{}/connections", text(&me, "id"))).await.is(200);
    assert_eq!(there["connections"][0]["grants"], json!(["scope:web", "tenant:red"]));
    let now = arrive(&world, &provider, &["idp-ops", "idp-acme"]).await;
    assert_eq!(now["grants"], json!(["org:acme", "tenant:default"]));
    assert_eq!(newest("person.changed").await["body"]["grants"], json!(["org:acme", "tenant:default"]));
    world.end().await;
}

#[tokio::test]
async fn who_is_sent_out_of_a_tenant_is_not_of_the_default_one_instead() {
    let world = World::start().await;
    two_tenants(&world).await;
    let host = world.host("web-1", &[]).await;
    let provider = Provider::start().await;
    world.admin().put(CORP, described(&provider, json!({}))).await.ok();
    let ana = arrive(&world, &provider, &["idp-ops", "idp-blue"]).await;
    for _ in 0..2 {
        let now = arrive(&world, &provider, &["idp-ops"]).await;
        assert_eq!((&now["id"], &now["grants"]), (&ana["id"], &json!(["tenant:-"])));
    }
    let mut gone = Traveller::new(&world);
    gone.travel(&world, &provider).await;
    let seen = gone.get("/api/v1/probes").await.is(200);
    assert_eq!(seen["probes"], json!([]), "nothing of `{}`", host.base());
    // Back in, and cut off by an administrator: what the provider gave goes with it.
    assert_eq!(arrive(&world, &provider, &["idp-blue"]).await["grants"], json!(["tenant:blue"]));
    let id = text(&ana, "id");
    let query = format!("/api/v1/users/{id}/connections?issuer={}&subject=u-1", provider.issuer);
    world.admin().delete(&query).await.is(204);
    let cut = world.admin().get(&format!("/api/v1/users/{id}")).await.is(200);
    assert_eq!((&cut["grants"], &cut["roles"]), (&json!(["tenant:-"]), &json!([])));
    world.end().await;
}

#[tokio::test]
async fn who_is_mapped_to_nothing_gets_the_default_grant_or_is_of_the_default_tenant() {
    let world = World::start().await;
    two_tenants(&world).await;
    let provider = Provider::start().await;
    world.admin().put(CORP, described(&provider, json!({}))).await.ok();
    assert_eq!(arrive(&world, &provider, &["idp-ops"]).await["grants"], Value::Null, "as before there were mappings");
    world.admin().put(CORP, described(&provider, json!({ "default_grants": ["tenant:blue"] }))).await.ok();
    assert_eq!(arrive(&world, &provider, &["idp-ops"]).await["grants"], json!(["tenant:blue"]));
    assert_eq!(arrive(&world, &provider, &["idp-red"]).await["grants"], json!(["scope:web", "tenant:red"]));
    world.admin().put(CORP, described(&provider, json!({ "default_grants": ["tenant:-"] }))).await.ok();
    provider.set(|person| {
        person["sub"] = json!("u-2");
        person["preferred_username"] = json!("ben");
    });
    world.admin().put(CORP, described(&provider, json!({ "default_grants": ["tenant:-"] }))).await.ok();
    assert_eq!(arrive(&world, &provider, &[]).await["grants"], json!(["tenant:-"]));
    world.end().await;
}

#[tokio::test]
async fn a_mapping_gives_what_there_is_and_what_its_maker_could_give_by_hand() {
    let world = World::start().await;
    two_tenants(&world).await;
    let provider = Provider::start().await;
    for (bad, why) in [
        (json!({ "grants": { "x": ["tenant:green"] } }), "there is no tenant `green`"),
        (json!({ "grants": { "x": ["org:none"] } }), "there is no organization `none`"),
        (json!({ "grants": { "x": ["blue"] } }), "`blue` is no grant"),
        (json!({ "grants": { "*": ["tenant:blue"] } }), "`*`"),
        (json!({ "default_grants": ["role:administrator"] }), "is no grant"),
        (json!({ "default_grants": ["tenant:green"] }), "there is no tenant `green`"),
    ] {
        let refused = world.admin().put(CORP, described(&provider, bad)).await.problem("invalid");
        assert!(text(&refused, "detail").contains(why), "{refused}");
    }
    world.admin().put(CORP, described(&provider, json!({ "grants": { "x": ["org:house"] } }))).await.ok();
    // Providers are `default`'s: who administers another tenant describes none.
    let blue = world.granted("bela", &["administrator"], &["tenant:blue"]).await;
    blue.put(CORP, described(&provider, json!({ "grants": {} }))).await.problem("forbidden");
    blue.get("/api/v1/auth/providers").await.problem("forbidden");
    let listed = world.admin().get("/api/v1/auth/providers").await.is(200);
    assert_eq!(listed["providers"][0]["grants"], json!({ "x": ["org:house"] }));
    world.end().await;
}

#[tokio::test]
async fn who_may_describe_providers_and_govern_no_tenant_maps_none() {
    let folder = crate::bundle::shipped();
    std::fs::write(folder.path().join("policies/keepers.cedar"), KEEPERS).unwrap();
    let world = World::plan().with_bundle(folder.path()).start().await;
    two_tenants(&world).await;
    let provider = Provider::start().await;
    let pia = world.granted("pia", &["provider-keeper"], &["tenant:default"]).await;
    pia.put(CORP, described(&provider, json!({}))).await.problem("invalid");
    pia.put(CORP, described(&provider, json!({ "grants": { "idp-ops": ["tenant:default"] } }))).await.ok();
    // What somebody else mapped is not theirs to see, to change or to point at another issuer.
    world.admin().put(CORP, described(&provider, json!({}))).await.ok();
    let listed = pia.get("/api/v1/auth/providers").await.is(200);
    assert_eq!(listed["providers"][0]["grants"], json!({}), "{listed}");
    let other = described(&provider, json!({ "grants": {}, "issuer": "https://id.example" }));
    pia.put(CORP, other).await.problem("conflict");
    world.end().await;
}

/// A role of its own for providers.
const KEEPERS: &str = r#"
@id("keepers-describe-providers")
@rationale("A keeper of providers describes them.")
permit (principal in Role::"provider-keeper", action in [Action::"manageProviders"], resource);
"#;
