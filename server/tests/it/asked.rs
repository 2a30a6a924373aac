//! What was asked of the API: kept with its facts, listed for auditors, and decided again like commands.

use legator_engine::Bundle;
use legator_engine::replay::{Line, replay};
use serde_json::{Value, json};
use testkit::{Person, World, soon};

use crate::replay::with_policy;
use crate::text;

const LIST: &str = "/api/v1/decisions/operations";

/// Nobody reads the policies.
const BLIND: &str = "@id(\"nobody-reads-the-policies\")\n@rationale(\"It is hidden.\")\n\
                     forbid (principal, action == Action::\"viewPolicies\", resource);\n";

async fn listed(auditor: &Person, narrow: &str) -> Vec<Value> {
    auditor.get(&format!("{LIST}?{narrow}")).await.is(200)["operations"].as_array().unwrap().clone()
}

async fn replayed(world: &World, body: Value) -> Value {
    let started = world.admin().post("/api/v1/replays", body).await.is(202);
    let id = text(&started, "id").to_owned();
    world.entry("replay.ended", |entry| entry["subject"] == id).await;
    world.admin().get(&format!("/api/v1/replays/{id}")).await.is(200)
}

#[tokio::test]
async fn auditors_see_what_was_asked_how_often_and_why_it_was_refused() {
    let world = World::start().await;
    let (admin, ana) = (world.admin(), world.person("ana", &["operator"]).await);
    ana.get("/api/v1/users").await.problem("forbidden");
    ana.get("/api/v1/users").await.problem("forbidden");
    ana.get("/api/v1/policies").await.is(200);

    let refused = listed(&admin, "principal=ana&outcome=deny").await;
    let [refused] = refused.as_slice() else { panic!("one question is one row: {refused:?}") };
    assert_eq!((text(refused, "action"), &refused["times"]), ("manageUsers", &json!(2)));
    let seen = listed(&admin, "principal=ana&action=viewPolicies").await;
    assert_eq!((seen.len(), text(&seen[0], "outcome")), (1, "allow"));
    assert_eq!(listed(&admin, "principal=ana&until=2001-01-01T00:00:00Z").await.len(), 0);

    let whole = admin.get(&format!("{LIST}/{}", text(refused, "id"))).await.is(200);
    assert_eq!(whole["facts"]["ask"], json!({ "operation": "manageUsers" }));
    assert_eq!(whole["facts"]["principal"]["roles"], json!(["operator"]));
    assert_eq!((&whole["decision"]["outcome"]["kind"], text(&whole, "outcome")), (&json!("deny"), "deny"));
    assert_eq!(whole["summary"], whole["decision"]["rationale"]["summary"]);

    // A page at a time, newest first.
    let page = admin.get(&format!("{LIST}?limit=1")).await.is(200);
    let next = admin.get(&format!("{LIST}?limit=1&cursor={}", text(&page, "next_cursor"))).await.is(200);
    assert!(text(&page["operations"][0], "id") > text(&next["operations"][0], "id"));

    ana.get(LIST).await.problem("forbidden");
    ana.get(&format!("{LIST}/{}", text(refused, "id"))).await.problem("forbidden");
    admin.get(&format!("{LIST}/opn_01ARZ3NDEKTSV4RRFFQ69G5FAV")).await.problem("not-found");
    admin.get(&format!("{LIST}?limit=0")).await.problem("bad-request");
    world.end().await;
}

#[tokio::test]
async fn a_program_is_judged_with_its_owner_and_both_answers_are_kept() {
    let world = World::start().await;
    let admin = world.admin();
    world.person("ana", &["viewer"]).await;
    let bot = json!({ "name": "bot", "kind": "service", "owner": "ana", "roles": ["administrator"] });
    let bot = world.keyed(bot).await;
    bot.get("/api/v1/users").await.problem("forbidden");
    let of = async |who: &str| listed(&admin, &format!("principal={who}&action=manageUsers")).await;
    assert_eq!(text(&of("bot").await[0], "outcome"), "allow");
    assert_eq!(text(&of("ana").await[0], "outcome"), "deny", "the owner's answer is the one that counts");
    world.end().await;
}

#[tokio::test]
async fn operations_are_decided_again_under_a_candidate() {
    let world = World::start().await;
    let (admin, ana) = (world.admin(), world.person("ana", &["operator"]).await);
    ana.get("/api/v1/policies").await.is(200);
    ana.get("/api/v1/users").await.problem("forbidden");

    let same = replayed(&world, json!({ "revision": "live", "of": "operations", "principal": "ana" })).await;
    let tally = &same["tally"];
    assert_eq!((&tally["decisions"], &tally["identical"]), (&json!(2), &json!(2)), "{same}");
    assert_eq!(same["selection"]["of"], "operations");

    let files = with_policy(BLIND);
    let changed = replayed(&world, json!({ "files": files, "of": "operations", "principal": "ana" })).await;
    assert_eq!(changed["tally"]["kinds"], json!({ "newly-denied": 1, "same": 1 }), "{changed}");
    assert_eq!(changed["tally"]["by_policy"], json!({ "nobody-reads-the-policies": { "newly-denied": 1 } }));
    let at = format!("/api/v1/replays/{}/findings", text(&changed, "id"));
    let found = admin.get(&at).await.is(200)["differences"][0].clone();
    assert_eq!((text(&found, "line"), text(&found, "action_before")), ("viewPolicies live", "viewPolicies"));
    assert_eq!(admin.get(text(&found, "command_url")).await.is(200)["id"], found["command"]);
    let both = admin.get(&format!("{at}/{}/1", text(&found, "command"))).await.is(200);
    assert_eq!(both["before"]["outcome"]["kind"], "allow");
    assert_eq!(both["after"]["rationale"]["policies"][0]["id"], "nobody-reads-the-policies");
    admin.get(&format!("{at}/{}/2", text(&found, "command"))).await.problem("not-found");
    admin.post("/api/v1/replays", json!({ "revision": "live", "of": "nothing" })).await.problem("bad-request");
    world.end().await;
}

#[tokio::test]
async fn commands_and_operations_go_through_one_replay_page_by_page() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    let _probe = world.host("lab-1", &["lab"]).await.obey().await;
    ana.run("lab-1", &["uptime"]).await.is(200);
    ana.get("/api/v1/policies").await.is(200);
    listed(&world.admin(), "").await;
    // More than a page of operations behind the one command.
    let many = "WITH RECURSIVE more(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM more WHERE k < 2500) \
                INSERT INTO identity_asked SELECT printf('%s%04d', substr(id, 1, 26), k), at, last_at, 1, action, \
                principal, tenant, outcome, facts, decision FROM more, \
                (SELECT * FROM identity_asked WHERE action = 'viewPolicies' AND principal = 'ana')";
    world.database().await.run(many).await;
    let both = replayed(&world, json!({ "revision": "live", "principal": "ana" })).await;
    assert_eq!(both["tally"]["decisions"], 2502, "{both}");
    assert_eq!(both["tally"]["identical"], 2502);
    assert_eq!(both["seen"], both["total"]);
    let commands = replayed(&world, json!({ "revision": "live", "of": "commands" })).await;
    assert_eq!((&commands["tally"]["decisions"], &commands["total"]), (&json!(1), &json!(1)));
    world.end().await;
}

#[tokio::test]
async fn the_shadow_hears_each_new_question_once() {
    let world = World::start().await;
    let (admin, ana) = (world.admin(), world.person("ana", &["operator"]).await);
    let start = json!({ "files": with_policy(BLIND), "of": "operations" });
    assert_eq!(admin.post("/api/v1/bundles/shadow", start).await.is(200)["of"], "operations");
    for _ in 0..3 {
        ana.get("/api/v1/policies").await.is(200);
    }
    let seen = async {
        loop {
            let shadow = admin.get("/api/v1/bundles/shadow").await.is(200);
            if shadow["tally"]["kinds"]["newly-denied"] == 1 {
                return shadow;
            }
            tokio::task::yield_now().await;
        }
    };
    let shadow = soon("the shadow to decide", seen).await;
    let difference = &shadow["differences"][0];
    assert_eq!((text(difference, "line"), text(difference, "principal")), ("viewPolicies live", "ana"));
    let both = admin.get(&format!("/api/v1/bundles/shadow/{}/1", text(difference, "command"))).await.is(200);
    assert_eq!(both["after"]["outcome"]["kind"], "deny");
    world.end().await;
}

#[tokio::test]
async fn what_was_asked_is_there_after_a_restart_and_never_changes() {
    let mut world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    ana.get("/api/v1/policies").await.is(200);
    let before = listed(&world.admin(), "principal=ana").await;
    world.restart().await;
    ana.get("/api/v1/policies").await.is(200);
    let after = listed(&world.admin(), "principal=ana").await;
    assert_eq!(after.len(), before.len() + 1, "memory starts anew, and so does the count");
    assert_eq!(after.last(), before.last());
    let fault = world.database().await.refused("UPDATE identity_asked SET outcome = 'allow'").await;
    assert!(fault.contains("a decision cannot be changed"), "{fault}");
    world.end().await;
}

#[tokio::test]
async fn a_tenants_auditor_sees_what_its_people_asked() {
    let world = World::start().await;
    world.tenant("blue").await;
    let bo = world.granted("bo", &["auditor"], &["tenant:blue"]).await;
    let ana = world.granted("ana", &["operator"], &["tenant:default"]).await;
    ana.get("/api/v1/policies").await.is(200);
    bo.get("/api/v1/policies").await.is(200);
    let seen = listed(&bo, "").await;
    assert!(!seen.is_empty() && seen.iter().all(|asked| asked["tenant"] == "blue"), "{seen:?}");
    let other = listed(&world.admin(), "principal=ana").await;
    bo.get(&format!("{LIST}/{}", text(&other[0], "id"))).await.problem("not-found");
    world.end().await;
}

#[tokio::test]
async fn an_export_has_operations_too_and_they_replay_elsewhere() {
    let world = World::start().await;
    let ana = world.person("ana", &["operator"]).await;
    ana.get("/api/v1/policies").await.is(200);
    let bundle = Bundle::load(&Bundle::shipped()).unwrap();
    for (masked, name) in [("false", "ana"), ("true", "m")] {
        let path = format!("/api/v1/decisions/export?of=operations&action=viewPolicies&masked={masked}");
        let text = world.admin().get(&path).await.text;
        let lines: Vec<Line> = text.lines().map(|line| Line::parse(line).unwrap()).collect();
        let records: Vec<_> = lines
            .iter()
            .filter_map(|line| if let Line::Decision(record) = line { Some(record) } else { None })
            .collect();
        assert_eq!(lines.last(), Some(&Line::End(records.len() as u64)));
        assert!(records.iter().any(|record| record.principal().starts_with(name)), "{text}");
        for record in records {
            assert_eq!(replay(&bundle, record).unwrap().identical, Some(true));
        }
    }
    world.end().await;
}
