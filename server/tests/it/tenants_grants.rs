//! How far a grant reaches, when it begins and when it ends.

use serde_json::{Value, json};
use testkit::reqwest::Method;
use testkit::{Person, World, soon};

use crate::tenants::world;
use crate::text;

#[tokio::test]
async fn a_grant_that_is_taken_away_ends_what_it_gave_at_once() {
    let (world, blue, red) = world().await;
    let both = world.granted("ana", &["viewer"], &["tenant:blue", "tenant:red"]).await;
    let probes = async |query: &str| {
        let page = both.get(&format!("/api/v1/probes{query}")).await.is(200);
        page["probes"].as_array().unwrap().iter().map(|probe| text(probe, "name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(probes("").await, ["blue-spare", "blue-web-1", "red-spare", "red-web-1"]);
    assert_eq!(probes("?tenant=red").await, ["red-spare", "red-web-1"]);
    let mut feed = soon("the feed", both.request(Method::GET, "/api/v1/events").send()).await.unwrap();
    let admin = world.admin();
    admin.put(&format!("/api/v1/users/{}/grants", both.id), json!({ "grants": ["tenant:blue"] })).await.is(200);
    assert_eq!(probes("").await, ["blue-spare", "blue-web-1"]);
    both.get(&format!("/api/v1/commands/{}", red.done)).await.problem("not-found");
    red.operator.run(&red.host.name, &["uptime"]).await.is(200);
    let last = blue.operator.run(&blue.host.name, &["uptime"]).await.is(200);
    let mut seen = String::new();
    while !seen.contains(text(&last, "id")) {
        seen.push_str(std::str::from_utf8(&soon("an event", feed.chunk()).await.unwrap().unwrap()).unwrap());
    }
    assert!(!seen.contains("red-"), "{seen}");
    let entry = world.entry("person.changed", |entry| entry["body"]["name"] == "ana").await;
    assert_eq!(entry["body"]["before"]["grants"], json!(["tenant:blue", "tenant:red"]));
    assert_eq!(entry["body"]["grants"], json!(["tenant:blue"]));
    world.end().await;
}

#[tokio::test]
async fn a_command_whose_requester_lost_the_tenant_is_denied_when_it_is_judged_again() {
    let (world, _blue, red) = world().await;
    let admin = world.admin();
    let path = format!("/api/v1/users/{}/grants", red.operator.id);
    admin.put(&path, json!({ "grants": ["tenant:blue"] })).await.is(200);
    admin.vote(&red.approval, "approve").await.is(200);
    let ended = admin.ended(&red.held).await;
    assert_eq!((text(&ended, "state"), text(&ended, "tenant")), ("denied", "red"));
    assert!(ended["decision"].to_string().contains("tenants-keep-to-themselves"), "{ended}");
    world.end().await;
}

#[tokio::test]
async fn without_other_tenants_nobody_notices_the_default_one() {
    let mut world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let host = world.host("web-1", &["web"]).await;
    let _probe = host.obey().await;
    let done = ana.run("web-1", &["uptime"]).await.is(200);
    let explained = ana.get(&format!("/api/v1/commands/{}/explain", text(&done, "id"))).await;
    for answer in [ana.get("/api/v1/probes").await, ana.get("/api/v1/commands").await, explained] {
        for word in ["tenant", "grants", "\"org\""] {
            assert!(!answer.text.contains(word), "{word}: {}", answer.text);
        }
    }
    // Whoever was there when others came belongs to it, over a restart too.
    world.tenant("blue").await;
    world.restart().await;
    let tenants = ana.get("/api/v1/tenants").await.is(200);
    assert_eq!(tenants["tenants"].as_array().unwrap().len(), 1);
    assert_eq!(tenants["tenants"][0]["name"], "default");
    ana.get("/api/v1/tenants/blue").await.problem("not-found");
    ana.get(&format!("/api/v1/commands/{}", text(&done, "id"))).await.is(200);
    world.admin().get("/api/v1/decisions/export").await.problem("forbidden");
    world.end().await;
}

#[tokio::test]
async fn names_and_machines_are_told_apart_within_a_tenant() {
    let world = World::start().await;
    world.tenant("blue").await;
    let first = world.host("web-1", &[]).await;
    let token = world.token(json!({ "tenant": "default" })).await;
    world
        .stranger()
        .post("/api/v1/register", testkit::registration(&token["token"], "web-1"))
        .await
        .problem("known-machine");
    let admin = world.admin();
    let id = text(&admin.get("/api/v1/me").await.is(200), "id").to_owned();
    admin.put(&format!("/api/v1/users/{id}/grants"), json!({ "grants": ["org:house"] })).await.is(200);
    // The same machine under the same name, in another tenant: neither is found out.
    let second = world.host_with("web-1", json!({ "tenant": "blue" })).await;
    assert_eq!((first.name.as_str(), second.name.as_str()), ("web-1", "web-1"));
    let problem = admin.get("/api/v1/probes/web-1").await.problem("conflict");
    assert!(text(&problem, "help").contains("?tenant="), "{problem}");
    let found = admin.get("/api/v1/probes/web-1?tenant=blue").await.is(200);
    assert_eq!((text(&found, "id"), text(&found, "tenant")), (second.id.to_string().as_str(), "blue"));
    world.end().await;
}

#[tokio::test]
async fn an_organizations_grant_follows_its_tenants_and_a_scopes_its_tags() {
    let (world, blue, red) = world().await;
    let admin = world.admin();
    admin.patch("/api/v1/tenants/blue", json!({ "org": "acme" })).await.is(200);
    let ana = world.granted("ana", &["operator"], &["org:acme"]).await;
    let ben = world.granted("ben", &["operator"], &["tenant:blue", "scope:prod"]).await;
    let names = async |person: &Person| {
        let page = person.get("/api/v1/probes").await.is(200);
        page["probes"].as_array().unwrap().iter().map(|probe| text(probe, "name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&ana).await, ["blue-spare", "blue-web-1"]);
    assert_eq!(names(&ben).await, ["blue-web-1"]);
    ana.run(&blue.host.name, &["uptime"]).await.is(200);
    ben.ask(&blue.spare.name, &["uptime"]).await.problem("not-found");
    ben.get("/api/v1/audit").await.problem("forbidden");
    admin.patch("/api/v1/tenants/red", json!({ "org": "acme" })).await.is(200);
    assert_eq!(names(&ana).await, ["blue-spare", "blue-web-1", "red-spare", "red-web-1"]);
    admin.patch("/api/v1/tenants/blue", json!({ "org": "" })).await.is(200);
    assert_eq!(names(&ana).await, ["red-spare", "red-web-1"]);
    ana.run(&red.host.name, &["uptime"]).await.is(200);
    world.entry("tenant.changed", |entry| entry["body"]["before"]["org"] == "acme").await;
    world.end().await;
}

#[tokio::test]
async fn nobody_gives_more_than_they_reach_and_the_last_administrator_stays_one_of_the_house() {
    let (world, _blue, _red) = world().await;
    let admin = world.admin();
    let ana = world.granted("ana", &["administrator"], &["tenant:blue"]).await;
    let new = |grants: Value| json!({ "name": "cleo", "roles": ["viewer"], "grants": grants });
    for beyond in
        [json!(["tenant:red"]), json!(["tenant:default"]), json!([]), json!(["org:house"]), json!(["nonsense"])]
    {
        ana.post("/api/v1/users", new(beyond)).await.problem("invalid");
    }
    let own = ana.post("/api/v1/users", json!({ "name": "cleo", "roles": ["viewer"] })).await.is(201);
    assert_eq!(own["grants"], json!(["tenant:blue"]), "who says nothing gives their own");
    ana.post("/api/v1/tenants", json!({ "name": "green" })).await.problem("forbidden");
    ana.put(&format!("/api/v1/users/{}/grants", ana.id), json!({ "grants": ["org:house"] })).await.problem("invalid");
    let id = text(&admin.get("/api/v1/me").await.is(200), "id").to_owned();
    let path = format!("/api/v1/users/{id}/grants");
    admin.put(&path, json!({ "grants": ["tenant:blue"] })).await.problem("conflict");
    for bad in ["", "House", "house", "a b"] {
        admin.post("/api/v1/tenants", json!({ "name": bad })).await.problem("invalid");
    }
    admin.post("/api/v1/tenants", json!({ "name": "blue" })).await.problem("conflict");
    world.end().await;
}
