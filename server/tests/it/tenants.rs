//! Two tenants with one of everything: nothing of one is to be seen, or found out, by who has a grant for the other.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use testkit::reqwest::Method;
use testkit::{Answer, Host, Person, Serving, World, soon};

use crate::identity::{Operation, body, operations};
use crate::text;

const ROLES: [&str; 6] = ["viewer", "operator", "approver", "auditor", "policy-author", "administrator"];

/// A tenant with one of everything.
pub struct Side {
    tenant: &'static str,
    pub host: Host,
    pub spare: Host,
    _probe: Serving,
    token: String,
    tag: String,
    pub operator: Person,
    key: String,
    pub done: String,
    pub held: String,
    pub approval: String,
    /// An entry of its part of the log.
    entry: String,
    /// What its operator asked of the API.
    asked: String,
    /// Somebody who votes, with a key for votes and a deputy.
    approver: Person,
    delegation: String,
    vote_key: String,
    /// What was asked to be agreed to ahead.
    grant: String,
}

/// Something that exists, and something that does not, in the same form.
struct Pair {
    theirs: String,
    unknown: String,
}

pub fn in_a_day(world: &World) -> String {
    let at = chrono::DateTime::from_timestamp_millis(world.clock().now() + 86_400_000).unwrap();
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

async fn side(world: &World, tenant: &'static str) -> Side {
    world.tenant(tenant).await;
    let admin = world.admin();
    let (name, tag) = (format!("{tenant}-web-1"), format!("{tenant}tag"));
    let wishes =
        |name: &str, tags: &[&str]| json!({ "name": format!("{tenant} {name}"), "tags": tags, "tenant": tenant });
    let host = world.host_with(&name, wishes("first", &[&tag, "prod", "shared"])).await;
    let spare = world.host_with(&format!("{tenant}-spare"), wishes("second", &[&tag])).await;
    let probe = host.obey().await;
    let operator = world.granted(&format!("{tenant} operator"), &["operator"], &[&format!("tenant:{tenant}")]).await;
    let run = format!("/api/v1/probes/{name}/command?wait=true");
    let ask = json!({ "argv": ["uptime"], "reason": format!("{tenant} reason") });
    let done = operator.post(&run, ask).await.is(200);
    let held = operator.ask(&name, crate::RESTART).await.is(202);
    let token = world.token(wishes("kept", &[&tag])).await;
    let keys = admin.get("/api/v1/auth/keys").await.is(200);
    let of_operator = |key: &&Value| text(key, "user") == operator.id;
    let key = text(keys["keys"].as_array().unwrap().iter().find(of_operator).unwrap(), "id").to_owned();
    let log = admin.get(&format!("/api/v1/audit?command={}", text(&done, "id"))).await.is(200);
    let entry = log["entries"][0]["index"].to_string();
    operator.get("/api/v1/policies").await.is(200);
    let list = format!("/api/v1/decisions/operations?principal={}", operator.name.replace(' ', "%20"));
    let asked = text(&admin.get(&list).await.is(200)["operations"][0], "id").to_owned();
    let of = |value: &Value, name: &str| text(value, name).to_owned();
    let grants = [format!("tenant:{tenant}")];
    let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
    let approver = world.granted(&format!("{tenant} approver"), &["approver"], &grants).await;
    let deputy = world.granted(&format!("{tenant} deputy"), &["approver"], &grants).await;
    let until = json!({ "to": deputy.id, "until": in_a_day(world), "reason": format!("{tenant} reason") });
    let delegation = approver.post("/api/v1/approvals/delegations", until).await.is(201);
    let vote_key = crate::approvals::enroll(&approver, tenant.len() as u8).await;
    let comment = json!({ "text": format!("{tenant} reason") });
    approver.post(&format!("/api/v1/approvals/{}/comments", text(&held, "approval")), comment).await.is(201);
    let wish = json!({
        "tag": tag, "level": "remediate", "programs": ["systemctl"], "for_s": 3_600, "reason": format!("{tenant} reason"),
    });
    let grant = operator.post("/api/v1/grants", wish).await.is(202);
    Side {
        tenant,
        approver,
        delegation: of(&delegation, "id"),
        vote_key,
        grant: of(&grant, "id"),
        spare,
        _probe: probe,
        token: of(&token, "id"),
        tag,
        key,
        done: of(&done, "id"),
        held: of(&held, "id"),
        approval: of(&held, "approval"),
        entry,
        asked,
        operator,
        host,
    }
}

/// A world with two tenants, and an administrator of the whole house.
pub async fn world() -> (World, Side, Side) {
    let world = World::start().await;
    let admin = world.admin();
    let id = text(&admin.get("/api/v1/me").await.is(200), "id").to_owned();
    admin.put(&format!("/api/v1/users/{id}/grants"), json!({ "grants": ["org:house"] })).await.is(200);
    let (blue, red) = (side(&world, "blue").await, side(&world, "red").await);
    (world, blue, red)
}

impl Side {
    /// What of this side a parameter of an operation can name: what there is, and one of the same form that is not.
    fn ids(&self, operation: &Operation) -> Vec<Pair> {
        let pair = |theirs: &str, unknown: &str| Pair { theirs: theirs.to_owned(), unknown: unknown.to_owned() };
        // As long and as well-formed as one of ours, and nobody's.
        let other =
            |id: &str| Pair { theirs: id.to_owned(), unknown: format!("{}{}", &id[..4], "7ZZZZZZZZZ0000000000000000") };
        let path = operation.path.as_str();
        let of = |part: &str| path.contains(part);
        if of("/commands/{id}") {
            vec![other(&self.done), other(&self.held)]
        } else if of("/delegations/{id}") {
            vec![other(&self.delegation)]
        } else if of("/approvals/keys/{id}") {
            vec![Pair { theirs: self.vote_key.clone(), unknown: "vkey_7ZZZZZZZZZ0000000000000000".to_owned() }]
        } else if of("/grants/{id}") {
            vec![other(&self.grant)]
        } else if of("/approvals/{id}") {
            vec![other(&self.approval)]
        } else if of("/operations/{id}") {
            vec![other(&self.asked)]
        } else if of("/tokens/{id}") {
            vec![other(&self.token)]
        } else if of("/breakglass/{id}") {
            vec![other(&self.done)]
        } else if of("/auth/keys/{id}") {
            vec![other(&self.key)]
        } else if of("/users/{id}") {
            vec![other(&self.operator.id), pair(&self.operator.name, "grey operator")]
        } else if of("/probes/{id}") {
            let id = self.spare.id.to_string();
            vec![other(&id), pair(&self.host.name, "grey-web-1")]
        } else if of("/tenants/{name}") {
            vec![pair(self.tenant, "grey")]
        } else if of("{tag}") {
            vec![pair(&self.tag, "greytag")]
        } else if of("{index}") {
            vec![pair(&self.entry, "99999999")]
        } else {
            Vec::new()
        }
    }

    /// Words that nobody of another tenant is to read.
    fn marks(&self) -> Vec<String> {
        let ids = [&self.token, &self.key, &self.done, &self.held, &self.approval, &self.operator.id];
        let arranged = [&self.approver.id, &self.delegation, &self.vote_key, &self.grant];
        let hosts = [self.host.id.to_string(), self.spare.id.to_string()];
        ids.into_iter().chain(arranged).cloned().chain(hosts).chain([self.tenant.to_owned()]).collect()
    }
}

/// Fills the parameters of a path: `{id}`, `{tag}`, … with this, and the others with what is of no matter.
fn filled(operation: &Operation, id: &str) -> String {
    let id = id.replace(' ', "%20");
    let mut path = operation.path.clone();
    for (name, value) in [
        ("{id}", id.as_str()),
        ("{tag}", &id),
        ("{name}", &id),
        ("{index}", &id),
        ("{policy}", "nothing"),
        ("{revision}", "active"),
        ("{rev}", "active"),
        ("{other}", "active"),
        ("{command}", "cmd_nothing"),
        ("{path}", "policies%2Froles.cedar"),
        ("{n}", "1"),
        ("{code}", "NOTH-INGS"),
    ] {
        path = path.replace(name, value);
    }
    let parameters = operation.spec["parameters"].as_array().into_iter().flatten();
    for parameter in parameters.filter(|it| it["in"] == "query" && it["required"] == true) {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str(&format!("{}=1", text(parameter, "name")));
    }
    if operation.name == "download_audit_log" {
        path.push_str("?form=csv");
    }
    path
}

async fn call(person: &Person, operation: &Operation, path: &str, body: &Value) -> testkit::reqwest::Response {
    let method = Method::from_bytes(operation.method.as_bytes()).unwrap();
    let mut request = person.request(method, path);
    if operation.spec.get("requestBody").is_some() {
        request = request.json(body);
    }
    soon(&operation.name, request.send()).await.unwrap()
}

/// A body with which the operation would do something, if it were let.
fn meant(operation: &str) -> Value {
    match operation {
        "set_probe_tags" => json!({ "tags": ["x"] }),
        "set_user_grants" => json!({ "grants": [] }),
        "decide_approval" => json!({ "decision": "approve" }),
        "comment_on_approval" => json!({ "text": "x" }),
        "revoke_grant" => json!({ "reason": "x" }),
        other => body(other),
    }
}

fn document(world: &World) -> Vec<Operation> {
    operations(&serde_json::from_str(&legator_server::http::document(world.app())).unwrap())
}

/// Everybody who is granted something alone: each role, and an agent of its administrator.
async fn people(world: &World, name: &str, grant: &str) -> Vec<(String, Person)> {
    let mut people = Vec::new();
    for role in ROLES {
        people.push((role.to_owned(), world.granted(&format!("{name} {role} too"), &[role], &[grant]).await));
    }
    let (agent, owner) = (format!("{name} agent"), format!("{name} administrator too"));
    let agent = json!({ "name": agent, "kind": "agent", "owner": owner, "roles": ["agent"], "grants": [grant] });
    people.push(("agent".to_owned(), world.keyed(agent).await));
    people
}

/// An answer, but for what is of each request alone and for the name that it was asked by.
fn plain(answer: &Answer, asked: &str) -> (u16, String) {
    let mut body = answer.body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("request_id");
        if let Some(decision) = fields.get_mut("decision").and_then(Value::as_object_mut) {
            // It is over the time too.
            decision.remove("facts_digest");
        }
    }
    // An index stands in many a digest by chance; as a name it stands in backticks.
    let named = if asked.parse::<u64>().is_ok() { format!("`{asked}`") } else { asked.to_owned() };
    (answer.status, body.to_string().replace(&named, "…"))
}

#[tokio::test]
async fn what_is_another_tenants_answers_like_what_does_not_exist() {
    let (world, _blue, red) = world().await;
    let mut asked = 0;
    for (role, person) in people(&world, "blue", "tenant:blue").await {
        for operation in document(&world) {
            for Pair { theirs, unknown } in red.ids(&operation) {
                let body = meant(&operation.name);
                let mut answers = Vec::new();
                for id in [&theirs, &unknown] {
                    let answer = call(&person, &operation, &filled(&operation, id), &body).await;
                    answers.push(plain(&Answer::read(answer).await, id));
                }
                assert_eq!(answers[0], answers[1], "{role}: {} of `{theirs}` and `{unknown}`", operation.name);
                assert!(
                    matches!(answers[0].0, 404 | 403 | 400 | 200),
                    "{role}: {} says {}",
                    operation.name,
                    answers[0].0
                );
                asked += 1;
            }
        }
    }
    assert!(asked > 7 * 30, "{asked}");
    // None of it did anything.
    let admin = world.admin();
    assert_eq!(admin.get(&format!("/api/v1/probes/{}", red.spare.id)).await.is(200)["tags"], json!(["redtag"]));
    assert_eq!(admin.get(&format!("/api/v1/approvals/{}", red.approval)).await.is(200)["votes"], json!([]));
    assert!(admin.get(&format!("/api/v1/users/{}", red.operator.id)).await.is(200)["disabled"] == false);
    world.end().await;
}

#[tokio::test]
async fn what_is_another_tenants_is_as_unknown_in_queries_and_bodies() {
    let (world, _blue, red) = world().await;
    let ana = world.granted("ana", &["administrator"], &["tenant:blue"]).await;
    let same = async |what: &str, theirs: &str, unknown: &str| {
        let (path, id) = (what.split_once(' ').unwrap().1, what.split_once(' ').unwrap().0);
        let mut answers = Vec::new();
        for named in [theirs, unknown] {
            let answer = match id {
                "GET" => ana.get(&path.replace('*', &named.replace(' ', "%20"))).await,
                "several" => ana.post(path, json!({ "probes": [named], "argv": ["uptime"] })).await,
                "token" => ana.post("/api/v1/tokens", json!({ "probe": named })).await,
                "of" => ana.post("/api/v1/tokens", json!({ "tenant": named })).await,
                "key" => ana.post("/api/v1/auth/keys", json!({ "user": named, "name": "k" })).await,
                "group" => ana.put("/api/v1/groups/g", json!({ "members": [named] })).await,
                "owner" => {
                    let body = json!({ "name": "a robot", "kind": "agent", "owner": named, "roles": [] });
                    ana.post("/api/v1/users", body).await
                }
                "added" => {
                    let grants = [format!("tenant:{named}")];
                    ana.post("/api/v1/users", json!({ "name": "somebody", "roles": ["viewer"], "grants": grants }))
                        .await
                }
                "grant" => {
                    let body = json!({ "grants": [format!("tenant:{named}")] });
                    ana.put(&format!("/api/v1/users/{}/grants", ana.id), body).await
                }
                _ => unreachable!(),
            };
            answers.push(plain(&answer, named));
        }
        assert_eq!(answers[0], answers[1], "{what}");
        answers[0].0
    };
    let host = red.spare.id.to_string();
    let other = "prb_7ZZZZZZZZZ0000000000000000";
    assert_eq!(same("GET /api/v1/commands?probe=*", &host, other).await, 404);
    assert_eq!(same("GET /api/v1/probes?tag=*", "redtag", "greytag").await, 200);
    assert_eq!(same("GET /api/v1/probes?q=*", "red", "grey").await, 200);
    assert_eq!(same("GET /api/v1/probes?tenant=*", "red", "grey").await, 404);
    assert_eq!(same("GET /api/v1/me?tenant=*", "red", "grey").await, 404);
    assert_eq!(same("GET /api/v1/audit?q=*", "red-web-1", "grey-web-1").await, 200);
    assert_eq!(same("GET /api/v1/audit?probe=*", &host, other).await, 200);
    assert_eq!(same("several /api/v1/commands", &host, other).await, 404);
    assert_eq!(same("several /api/v1/commands/simulate", &red.host.name, "grey-web-1").await, 404);
    assert_eq!(same("token x", &red.host.name, "grey-web-1").await, 404);
    assert_eq!(same("of x", "red", "grey").await, 404);
    assert_eq!(same("key x", &red.operator.id, "usr_7ZZZZZZZZZ0000000000000000").await, 404);
    assert_eq!(same("group x", &red.operator.name, "grey operator").await, 404);
    assert_eq!(same("owner x", &red.operator.name, "grey operator").await, 404);
    assert_eq!(same("grant x", "red", "grey").await, 422);
    assert_eq!(same("added x", "red", "grey").await, 422);
    world.end().await;
}

#[tokio::test]
async fn nothing_of_another_tenant_is_in_any_answer() {
    let (world, blue, red) = world().await;
    let mut read = 0;
    for (role, person) in people(&world, "blue", "tenant:blue").await {
        for operation in document(&world).iter().filter(|it| it.method == "GET" && it.name != "watch_events") {
            let ids = blue.ids(operation);
            let ids: Vec<&str> =
                if ids.is_empty() { vec!["x"] } else { ids.iter().map(|it| it.theirs.as_str()).collect() };
            for id in ids {
                if id == blue.held && operation.name == "stream_command" {
                    continue; // It goes on for as long as somebody is waited for.
                }
                for more in ["limit=200&status=all", "limit=1&status=all", "q=red&tag=shared"] {
                    let path = filled(operation, id);
                    let path = format!("{path}{}{more}", if path.contains('?') { '&' } else { '?' });
                    let answer = Answer::read(call(&person, operation, &path, &Value::Null).await).await;
                    for mark in red.marks().iter().filter(|mark| answer.text.contains(mark.as_str())) {
                        // The words of an answer that hold these letters by chance.
                        let by_chance = mark == "red" && !red_of(&answer.text);
                        assert!(by_chance, "{role}: {path} says `{mark}`: {}", answer.text);
                    }
                    read += 1;
                }
            }
        }
    }
    assert!(read > 800, "{read}");
    world.end().await;
}

/// Whether a text speaks of something that the red tenant's things are called.
fn red_of(text: &str) -> bool {
    ["red-", "redtag", "red operator", "red reason", "red first", "red second", "red kept", "\"red\"", "tenant:red"]
        .iter()
        .any(|mark| text.contains(mark))
}

/// A number has no name in it: each is compared with what there is of the own tenant.
#[tokio::test]
async fn nothing_of_another_tenant_is_counted() {
    let (world, _blue, red) = world().await;
    let ana = world.granted("ana", &["viewer", "approver"], &["tenant:blue"]).await;
    let read = async |path: &str| {
        let mut answer = ana.get(path).await.is(200);
        answer.as_object_mut().unwrap().remove("since"); // so long ago
        answer
    };
    let waiting = read("/api/v1/approvals?status=pending").await;
    let own = waiting["approvals"].as_array().unwrap().len();
    assert!(own > 0 && waiting["pending_count"] == own, "{waiting}");
    let (figures, capacity) = (read("/api/v1/approvals/figures").await, read("/api/v1/capacity").await);

    red.approver.vote(&red.approval, "deny").await.is(200);
    let room = json!({ "argv": ["sleep", "60"] });
    let path = format!("/api/v1/probes/{}/command", red.spare.name);
    red.operator.post(&path, room).await.is(202);
    let after = world.admin().get("/api/v1/approvals/figures").await.is(200);
    assert!(after["all"]["votes"].as_u64() > figures["all"]["votes"].as_u64(), "{after}");
    assert_eq!(read("/api/v1/approvals?status=pending").await["pending_count"], own);
    for (path, before) in [("/api/v1/approvals/figures", figures), ("/api/v1/capacity", capacity)] {
        assert_eq!(read(path).await, before, "{path}");
    }
    world.end().await;
}

#[tokio::test]
async fn nothing_of_another_tenant_is_in_the_live_feed() {
    let (world, blue, red) = world().await;
    let ana = world.granted("ana", &["viewer"], &["tenant:blue"]).await;
    let request = ana.request(Method::GET, "/api/v1/events");
    let mut feed = soon("the feed", request.send()).await.unwrap();
    // Everything that happens in one, and then something in the other.
    red.operator.run(&red.host.name, &["uptime"]).await.is(200);
    red.operator.ask(&red.host.name, crate::RESTART).await.is(202);
    let admin = world.admin();
    admin.put(&format!("/api/v1/probes/{}/tags", red.spare.id), json!({ "tags": ["redtag", "new"] })).await.is(200);
    admin.vote(&red.approval, "deny").await.is(200);
    admin.delete(&format!("/api/v1/probes/{}", red.spare.id)).await.is(204);
    // And what is the house's, which somebody of one tenant does not see either.
    world.tenant("green").await;
    let last = blue.operator.run(&blue.host.name, &["uptime"]).await.is(200);
    let mut seen = String::new();
    while !seen.contains(text(&last, "id")) {
        let chunk = soon("an event", feed.chunk()).await.unwrap().unwrap();
        seen.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    for mark in red.marks().into_iter().chain(["green".to_owned()]) {
        assert!(!seen.contains(&mark), "{mark}: {seen}");
    }
    world.end().await;
}

/// Every operation, asked by each role: by who is bound to no tenant, and by who is bound to one, of what is its own and
/// of what is another's. 403 is denied, 404 where the one before it is not is hidden, all else was let through. What
/// names nothing has no third part. A change of this table is a change of who may do what.
#[tokio::test]
async fn every_operation_answers_every_role_as_the_table_says() {
    let (world, blue, red) = world().await;
    let everywhere = people(&world, "house", "org:house").await;
    let of_blue = people(&world, "blue", "tenant:blue").await;
    let mut table = format!("{:26}", "");
    for (role, _) in &everywhere {
        write!(table, " {role:>13}").unwrap();
    }
    table.push('\n');
    for operation in document(&world) {
        write!(table, "{:26}", operation.name).unwrap();
        for ((role, unbound), (_, bound)) in everywhere.iter().zip(&of_blue) {
            let mut cell = Vec::new();
            for (person, side) in [(unbound, &blue), (bound, &blue), (bound, &red)] {
                let ids = side.ids(&operation);
                if ids.is_empty() && cell.len() == 2 {
                    break;
                }
                let (theirs, unknown) = ids.first().map_or(("nothing", "nothing"), |it| (&it.theirs, &it.unknown));
                // Nothing is changed: the bodies are of no use, and what takes something away asks for what is not there.
                let taken =
                    TAKING.contains(&operation.name.as_str()) && role == "administrator" && side.tenant == "blue";
                cell.push(status(person, &operation, if taken { unknown } else { theirs }).await.to_string());
            }
            write!(table, " {:>13}", format!("{:11}", cell.join(" "))).unwrap();
        }
        table.push('\n');
    }
    insta::assert_snapshot!("access", table);
    world.end().await;
}

const TAKING: [&str; 6] = ["delete_probe", "delete_user", "reset_user", "revoke_key", "revoke_token", "rotate_key"];

async fn status(person: &Person, operation: &Operation, id: &str) -> u16 {
    let body = match operation.name.as_str() {
        // One vote ends the request for the next; so each asks with a digest that does not fit.
        "decide_approval" => json!({ "decision": "approve", "digest": "0" }),
        other => body(other),
    };
    // A stream that is let through does not end; its status is enough.
    match call(person, operation, &filled(operation, id), &body).await.status().as_u16() {
        // One guess too many is refused as a guess is.
        429 => 401,
        status => status,
    }
}

/// The parameters that the table above fills: a new one is to be given something that there is.
#[tokio::test]
async fn every_parameter_of_a_path_is_known_here() {
    let world = World::start().await;
    let mut unknown = BTreeMap::new();
    for operation in document(&world) {
        if filled(&operation, "x").contains('{') {
            unknown.insert(operation.name.clone(), operation.path.clone());
        }
    }
    assert_eq!(unknown, BTreeMap::new());
    world.end().await;
}
