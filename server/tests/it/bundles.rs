//! Revisions: published, compared, put in force, held for people, taken back; and what a source may do to them.

use std::fs;

use legator_protocol::{Level, ToProbe};
use legator_server::config::{Activate, Bundles};
use serde_json::{Value, json};
use testkit::{Person, World, soon};

use crate::bundle::shipped;
use crate::{RESTART, text};

/// Lets nobody restart anything on hosts of the lab.
pub const FROZEN: &str = "@id(\"the-lab-is-frozen\")\n@rationale(\"The lab is frozen.\")\n\
                          forbid (principal, action == Action::\"remediate\", resource in Tag::\"lab\");\n";

/// A bundle that is what decides now with one file more.
pub fn with(path: &str, content: &str) -> Value {
    json!({ "base": "active", "files": { path: content }, "message": "a change" })
}

/// Publishes what decides now with one policy file more; its revision.
pub async fn published(person: &Person, content: &str) -> String {
    let out = person.post("/api/v1/bundles", with("policies/own.cedar", content)).await.is(201);
    assert_eq!((&out["passed"], &out["stored"]), (&json!(true), &json!(true)), "{out}");
    text(&out, "revision").to_owned()
}

pub async fn activate(person: &Person, revision: &str) -> testkit::Answer {
    person.post(&format!("/api/v1/bundles/{revision}/activate"), json!({ "reason": "for a test" })).await
}

async fn active(world: &World) -> String {
    text(&world.admin().get("/version").await.is(200), "revision").to_owned()
}

fn another(n: usize) -> String {
    FROZEN.replace("the-lab-is-frozen", &format!("the-lab-is-frozen-{n}"))
}

#[tokio::test]
async fn a_published_revision_decides_when_it_is_put_in_force_and_not_before() {
    let world = World::start().await;
    let (ana, admin) = (world.person("ana", &["operator"]).await, world.admin());
    let pia = world.person("pia", &["policy-author"]).await;
    let _probe = world.host("lab-1", &["lab"]).await.obey().await;
    let first = active(&world).await;
    let revision = published(&pia, FROZEN).await;
    assert_eq!(active(&world).await, first);
    ana.run("lab-1", RESTART).await.is(200);

    activate(&pia, &revision).await.problem("forbidden");
    let done = activate(&admin, &revision[..12]).await.is(200);
    assert_eq!((text(&done, "revision"), text(&done, "how")), (revision.as_str(), "person"));
    let denied = ana.ask("lab-1", RESTART).await.problem("denied");
    assert_eq!(denied["decision"]["revision"], revision);
    activate(&admin, &revision).await.problem("conflict");

    let entry = world.entry("bundle.activated", |entry| entry["subject"] == revision.as_str()).await;
    assert_eq!((text(&entry, "actor"), &entry["body"]["before"]), ("admin", &json!(first)));
    assert_eq!(entry["body"]["reason"], "for a test");
    let entry = world.entry("bundle.published", |entry| entry["actor"] == "pia").await;
    assert_eq!(entry["body"]["origin"], json!({ "kind": "upload", "place": first }));
    world.end().await;
}

#[tokio::test]
async fn the_same_files_are_the_same_revision_and_are_stored_once() {
    let world = World::start().await;
    let admin = world.admin();
    let revision = published(&admin, FROZEN).await;
    let again = admin.post("/api/v1/bundles", with("policies/own.cedar", &FROZEN.replace('\n', "\r\n"))).await.is(200);
    assert_eq!((text(&again, "revision"), &again["stored"]), (revision.as_str(), &json!(false)));
    let listed = admin.get("/api/v1/bundles").await.is(200);
    assert_eq!(listed["bundles"].as_array().unwrap().len(), 2, "{listed}");
    assert_eq!((&listed["bundles"][0]["active"], &listed["bundles"][1]["active"]), (&json!(false), &json!(true)));
    let mut database = world.database().await;
    let texts = database.number("SELECT count(*) FROM policy_text").await;
    assert_eq!(database.number("SELECT count(DISTINCT digest) FROM policy_file").await, texts);
    assert!(database.number("SELECT count(*) FROM policy_file").await > texts * 3 / 2);
    world.end().await;
}

#[tokio::test]
async fn a_revision_shows_its_files_its_report_and_what_it_changes() {
    let world = World::start().await;
    let (admin, viewer) = (world.admin(), world.person("vera", &["viewer"]).await);
    let first = active(&world).await;
    let revision = published(&admin, FROZEN).await;
    let bundle = viewer.get(&format!("/api/v1/bundles/{revision}")).await.is(200);
    assert_eq!((text(&bundle, "message"), &bundle["passed"]), ("a change", &json!(true)));
    assert!(bundle["report"]["cases"].as_u64().unwrap() > 50, "{}", bundle["report"]);
    assert!(bundle["report"]["gaps"].to_string().contains("the-lab-is-frozen"), "{}", bundle["report"]);
    let paths: Vec<&str> = bundle["files"].as_array().unwrap().iter().map(|file| text(file, "path")).collect();
    assert!(paths.contains(&"policies/own.cedar") && paths.contains(&"policies/schema.cedarschema"), "{paths:?}");
    let file = viewer.get(&format!("/api/v1/bundles/{revision}/files/policies%2Fown.cedar")).await.is(200);
    assert_eq!(text(&file, "text"), FROZEN);
    viewer.get(&format!("/api/v1/bundles/{revision}/files/policies%2Fnone.cedar")).await.problem("not-found");
    let diff = viewer.get(&format!("/api/v1/bundles/active/diff/{revision}")).await.is(200);
    assert_eq!((text(&diff, "from"), text(&diff, "to")), (first.as_str(), revision.as_str()));
    assert_eq!(
        (&diff["policies"][0]["id"], &diff["policies"][0]["change"]),
        (&json!("the-lab-is-frozen"), &json!("added"))
    );
    assert_eq!(diff["files"].as_array().unwrap().len(), 1);
    assert!(text(&diff["files"][0], "diff").contains("+@id(\"the-lab-is-frozen\")"), "{diff}");
    viewer.get("/api/v1/bundles/abc").await.problem("not-found");
    viewer.get("/api/v1/bundles/ffffffffffff").await.problem("not-found");
    viewer.post("/api/v1/bundles", with("policies/own.cedar", FROZEN)).await.problem("forbidden");
    world.end().await;
}

#[tokio::test]
async fn a_check_finds_every_fault_and_stores_nothing() {
    let world = World::start().await;
    let admin = world.admin();
    let broken = json!({ "base": "active", "files": {
        "policies/a.cedar": "permit (", "policies/b.cedar": "@id(\"b\")\npermit (principal, action, resource);",
    } });
    let out = admin.post("/api/v1/bundles?check_only=true", broken.clone()).await.is(200);
    let files: Vec<&str> = out["faults"].as_array().unwrap().iter().map(|fault| text(fault, "file")).collect();
    assert_eq!((files, &out["passed"]), (vec!["policies/a.cedar", "policies/b.cedar"], &json!(false)), "{out}");
    let problem = admin.post("/api/v1/bundles", broken).await.problem("bundle-refused");
    assert_eq!(problem["faults"].as_array().unwrap().len(), 2);
    let good = admin.post("/api/v1/bundles?check_only=true", with("policies/own.cedar", FROZEN)).await.is(200);
    assert_eq!((&good["passed"], &good["stored"]), (&json!(true), &json!(false)));
    assert_eq!(admin.get("/api/v1/bundles").await.is(200)["bundles"].as_array().unwrap().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_revision_whose_cases_do_not_hold_is_kept_and_never_decides() {
    let world = World::start().await;
    let admin = world.admin();
    let first = active(&world).await;
    let case = "[[case]]\nname = \"everybody may wipe\"\ncommand = [\"rm\", \"-rf\", \"/srv\"]\nexpect = { outcome = \"allow\" }\n";
    let out = admin.post("/api/v1/bundles", with("policies/own.cases.toml", case)).await.is(201);
    assert_eq!(out["passed"], false);
    assert_eq!((&out["faults"][0]["file"], &out["faults"][0]["line"]), (&json!("policies/own.cases.toml"), &json!(1)));
    let problem = activate(&admin, text(&out, "revision")).await.problem("bundle-refused");
    assert!(problem["faults"][0]["message"].as_str().unwrap().contains("everybody may wipe"), "{problem}");
    assert_eq!(active(&world).await, first);
    // Nor behind the server's back.
    let mut database = world.database().await;
    let forced = format!(
        "INSERT INTO policy_activation (revision, at, actor, how) VALUES ('{}', 0, 'x', 'person')",
        text(&out, "revision")
    );
    assert!(database.refused(&forced).await.contains("only a revision that passed"));
    world.end().await;
}

#[tokio::test]
async fn files_that_lead_out_of_the_bundle_or_weigh_too_much_are_refused() {
    let world = World::start().await;
    let admin = world.admin();
    for path in [
        "../a.cedar",
        "/policies/a.cedar",
        "policies//a.cedar",
        "policies/./a.cedar",
        "policies/.a.cedar",
        "policies\\a.cedar",
        "policies/a\n.cedar",
        "",
    ] {
        let problem = admin.post("/api/v1/bundles", with(path, FROZEN)).await.problem("invalid");
        assert!(text(&problem, "detail").contains("not a plain one"), "{problem}");
    }
    admin.post("/api/v1/bundles", with("policies/a.cedar", &"/".repeat(4_200_000))).await.problem("invalid");
    let gone = json!({ "base": "active", "files": {}, "remove": ["policies/none.cedar"] });
    admin.post("/api/v1/bundles", gone).await.problem("invalid");
    // Only who has a key may send so much.
    let large = world.stranger().post("/api/v1/bundles", with("policies/a.cedar", &"/".repeat(1_100_000))).await;
    large.problem("payload-too-large");
    world.end().await;
}

#[tokio::test]
async fn a_rollback_is_one_call_and_each_goes_one_further_back() {
    let mut world = World::start().await;
    let admin = world.admin();
    let first = active(&world).await;
    admin.post("/api/v1/bundles/rollback", json!({})).await.problem("conflict");
    let second = published(&admin, &another(2)).await;
    activate(&admin, &second).await.is(200);
    let third = published(&admin, &another(3)).await;
    activate(&admin, &third).await.is(200);

    let back = admin.post("/api/v1/bundles/rollback", json!({ "reason": "it broke" })).await.is(200);
    assert_eq!((text(&back, "revision"), text(&back, "how")), (second.as_str(), "rollback"));
    world.restart().await;
    let admin = world.admin();
    assert_eq!(active(&world).await, second);
    admin.post("/api/v1/bundles/rollback", json!({})).await.is(200);
    assert_eq!(active(&world).await, first);
    admin.post("/api/v1/bundles/rollback", json!({})).await.problem("conflict");

    let history = admin.get("/api/v1/bundles/history").await.is(200);
    let said: Vec<&str> = history["activations"].as_array().unwrap().iter().map(|one| text(one, "revision")).collect();
    assert_eq!(said, [&first, &second, &third, &second, &first].map(String::as_str));
    assert_eq!(history["activations"][1]["reason"], "it broke");
    let page = admin.get("/api/v1/bundles/history?limit=2").await.is(200);
    let next = admin.get(&format!("/api/v1/bundles/history?cursor={}", page["next_cursor"])).await.is(200);
    assert_eq!(text(&next["activations"][0], "revision"), third);
    world.end().await;
}

#[tokio::test]
async fn of_two_activations_at_once_one_wins_and_the_other_is_told() {
    let world = World::start().await;
    let admin = world.admin();
    let first = active(&world).await;
    let (one, two) = (published(&admin, &another(1)).await, published(&admin, &another(2)).await);
    let wish = json!({ "expect": first });
    let answers = tokio::join!(
        admin.post_owned(&format!("/api/v1/bundles/{one}/activate"), wish.clone()),
        admin.post_owned(&format!("/api/v1/bundles/{two}/activate"), wish),
    );
    let (won, lost) = match (answers.0.status, answers.1.status) {
        (200, _) => (one, answers.1),
        _ => (two, answers.0),
    };
    lost.problem("conflict");
    assert_eq!(active(&world).await, won);
    let moved = admin.post(&format!("/api/v1/bundles/{first}/activate"), json!({ "expect": first })).await;
    assert!(text(&moved.problem("conflict"), "detail").contains(&won));
    world.end().await;
}

/// Somebody whose activations wait for another person.
async fn careful(world: &World) -> Person {
    let admin = world.admin();
    let made = json!({ "name": "ana", "roles": ["administrator", "approver"], "groups": ["policy-four-eyes"] });
    admin.post("/api/v1/users", made).await.is(201);
    let key = admin.post("/api/v1/auth/keys", json!({ "user": "ana", "name": "laptop" })).await.is(201);
    admin.with_key(key["plain_key"].as_str())
}

#[tokio::test]
async fn an_activation_waits_for_the_people_whom_policy_wants() {
    let mut world = World::start().await;
    let (ana, ben) = (careful(&world).await, world.person("ben", &["approver"]).await);
    let first = active(&world).await;
    let revision = published(&ana, FROZEN).await;
    let held = activate(&ana, &revision).await.is(202);
    assert_eq!((&held["needed"], text(&held, "revision")), (&json!(1), revision.as_str()));
    assert!(text(&held, "why").contains("only with another person's approval"), "{held}");
    let approval = text(&held, "approval").to_owned();
    // Asking again asks nobody twice.
    assert_eq!(text(&activate(&ana, &revision).await.is(202), "approval"), approval);
    assert_eq!(active(&world).await, first);
    let shown = ben.get(&format!("/api/v1/approvals/{approval}")).await.is(200);
    assert_eq!((text(&shown, "kind"), text(&shown, "revision")), ("activation", revision.as_str()));
    assert_eq!((text(&shown, "state"), &shown["can_decide"]), ("pending", &json!(true)));
    assert_eq!(text(&shown, "reason"), "for a test");
    ana.vote(&approval, "approve").await.problem("forbidden");

    // It waits over a restart, too.
    world.restart().await;
    ben.vote(&approval, "approve").await.is(200);
    world.entry("bundle.activated", |entry| entry["body"]["approval"] == approval.as_str()).await;
    soon("the revision to decide", async { while active(&world).await != revision {} }).await;
    assert_eq!(text(&ben.get(&format!("/api/v1/approvals/{approval}")).await.is(200), "state"), "approved");
    let history = ben.get("/api/v1/bundles/history").await.is(200);
    assert_eq!(
        (text(&history["activations"][0], "actor"), text(&history["activations"][0], "approval")),
        ("ana", approval.as_str())
    );
    world.end().await;
}

#[tokio::test]
async fn a_vote_against_it_ends_an_activation_and_so_does_the_end_of_a_key() {
    let world = World::start().await;
    let (ana, ben) = (careful(&world).await, world.person("ben", &["approver"]).await);
    let first = active(&world).await;
    let (one, two) = (published(&ana, &another(1)).await, published(&ana, &another(2)).await);
    let denied = activate(&ana, &one).await.is(202);
    ben.vote(text(&denied, "approval"), "deny").await.is(200);
    let entry = world.entry("bundle.not_activated", |entry| entry["actor"] == "ben").await;
    assert_eq!((text(&entry["body"], "state"), text(&entry, "subject")), ("denied", one.as_str()));

    let held = activate(&ana, &two).await.is(202);
    let keys = world.admin().get("/api/v1/auth/keys").await.is(200);
    let key =
        keys["keys"].as_array().unwrap().iter().find(|key| key["name"] == "laptop" && key["user"] != ben.id.as_str());
    world.admin().delete(&format!("/api/v1/auth/keys/{}", text(key.unwrap(), "id"))).await.ok();
    let entry = world.entry("bundle.not_activated", |entry| entry["actor"] == "server").await;
    assert_eq!(text(&entry["body"], "approval"), text(&held, "approval"));
    assert_eq!(active(&world).await, first);
    world.end().await;
}

#[tokio::test]
async fn nobody_agrees_in_time_and_the_activation_expires() {
    let world = World::plan().with_manual_clock().start().await;
    let ana = careful(&world).await;
    let revision = published(&ana, FROZEN).await;
    let held = activate(&ana, &revision).await.is(202);
    world.clock().advance(24 * 60 * 60 * 1000);
    let entry = world.entry("bundle.not_activated", |_| true).await;
    assert_eq!((text(&entry["body"], "state"), text(&entry["body"], "approval")), ("expired", text(&held, "approval")));
    world.end().await;
}

#[tokio::test]
async fn what_a_person_put_in_force_is_not_taken_back_by_the_source_until_the_pin_is_gone() {
    let folder = shipped();
    let mut world = World::plan().with_bundle(folder.path()).start().await;
    let admin = world.admin();
    let first = active(&world).await;
    let revision = published(&admin, FROZEN).await;
    activate(&admin, &revision).await.is(200);
    let source = admin.get("/api/v1/bundles/source").await.is(200);
    assert_eq!((text(&source, "kind"), text(&source["pin"], "actor")), ("folder", "admin"));
    assert_eq!(text(&source["seen"], "revision"), first);

    fs::write(folder.path().join("policies/later.cedar"), another(9)).unwrap();
    assert_eq!(admin.post("/api/v1/policies/reload", json!(null)).await.is(200)["changed"], false);
    let source = admin.get("/api/v1/bundles/source").await.is(200);
    let later = text(&source["seen"], "revision").to_owned();
    assert!(later != first && text(&source, "active") == revision, "{source}");
    world.restart().await;
    let admin = world.admin();
    assert_eq!(active(&world).await, revision);

    assert_eq!(admin.delete("/api/v1/bundles/pin").await.status, 204);
    soon("the source to count again", async { while active(&world).await != later {} }).await;
    admin.delete("/api/v1/bundles/pin").await.problem("conflict");
    world.end().await;
}

#[tokio::test]
async fn a_source_that_only_publishes_leaves_what_is_in_force() {
    let folder = shipped();
    let bundles = Bundles { activate: Activate::Manual, ..Bundles::default() };
    let world = World::plan().with_bundle(folder.path()).with_bundles(bundles).start().await;
    let admin = world.admin();
    let first = active(&world).await;
    fs::write(folder.path().join("policies/later.cedar"), another(9)).unwrap();
    let entry = world.entry("bundle.published", |entry| entry["subject"] != first.as_str()).await;
    assert_eq!(active(&world).await, first);
    activate(&admin, text(&entry, "subject")).await.is(200);
    assert!(admin.get("/api/v1/bundles/source").await.is(200)["pin"].is_null());
    assert_eq!(active(&world).await, text(&entry, "subject"));
    world.end().await;
}

#[tokio::test]
async fn a_folder_whose_cases_do_not_hold_is_refused_with_their_place() {
    let folder = shipped();
    let world = World::plan().with_bundle(folder.path()).start().await;
    let first = active(&world).await;
    let case = "\n[[case]]\nname = \"everybody may wipe\"\ncommand = [\"rm\", \"-rf\", \"/srv\"]\nexpect = { outcome = \"allow\" }\n";
    fs::write(folder.path().join("policies/own.cases.toml"), case).unwrap();
    let problem = world.admin().post("/api/v1/policies/reload", json!(null)).await.problem("bundle-refused");
    assert_eq!(
        (&problem["faults"][0]["file"], &problem["faults"][0]["line"]),
        (&json!("policies/own.cases.toml"), &json!(2))
    );
    assert_eq!(active(&world).await, first);
    world.end().await;
}

#[tokio::test]
async fn a_changed_command_table_reaches_the_probes_that_are_connected() {
    let world = World::start().await;
    let admin = world.admin();
    let host = world.host("lab-1", &["lab"]).await;
    let mut link = host.connect().await;
    let table = "[brew-coffee]\nlevel = \"observe\"\n";
    let out = admin.post("/api/v1/bundles", with("policies/commands/own.toml", table)).await.is(201);
    activate(&admin, text(&out, "revision")).await.is(200);
    loop {
        let message = link.hear().await.unwrap();
        if let ToProbe::Policy { table: Some(files), ceiling, .. } = message
            && files.keys().any(|file| file.ends_with("own.toml"))
        {
            assert_eq!(ceiling, Level::Destroy);
            break;
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_decision_is_made_by_a_part_of_one_revision_and_a_part_of_another() {
    let world = World::start().await;
    let (ana, admin) = (world.person("ana", &["operator"]).await, world.admin());
    let _probe = world.host("lab-1", &["lab"]).await.obey().await;
    // Two policies in two files, which always change together.
    let edition = |word: &str| {
        let policy = |name: &str| {
            FROZEN.replace("the-lab-is-frozen", name).replace("The lab is frozen.", &format!("Edition {word}."))
        };
        json!({ "base": "active", "files": { "policies/own.cedar": policy("one"), "policies/other.cedar": policy("two") } })
    };
    let mut revisions = Vec::new();
    for word in ["red", "blue"] {
        let out = admin.post("/api/v1/bundles", edition(word)).await.is(201);
        revisions.push((word, text(&out, "revision").to_owned()));
    }
    activate(&admin, &revisions[0].1).await.is(200);
    let turning = async {
        for n in 1_usize.. {
            activate(&admin, &revisions[n % 2].1).await.is(200);
        }
    };
    let asking = async {
        let (mut seen, mut asked) = (std::collections::BTreeSet::new(), 0);
        while asked < 48 || seen.len() < 2 {
            asked += 1;
            let denied = ana.ask("lab-1", RESTART).await.problem("denied");
            let decision = &denied["decision"];
            let (word, _) = revisions.iter().find(|(_, revision)| *revision == text(decision, "revision")).unwrap();
            let policies = decision["rationale"]["policies"].as_array().unwrap();
            assert_eq!(policies.len(), 2, "{decision}");
            for policy in policies {
                assert_eq!(text(policy, "rationale"), format!("Edition {word}."), "{decision}");
            }
            seen.insert(*word);
        }
    };
    let both = async {
        tokio::select! { () = turning => {}, () = asking => {} }
    };
    soon("both revisions to have decided", both).await;
    world.end().await;
}
