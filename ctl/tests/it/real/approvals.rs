//! `approvals …`, `approve` and `deny`: votes, talk, standing in, keys for votes, and figures.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use testkit::{Person, World};

use super::{Desk, RESTART, bundle_with, has, text};

/// What cannot be taken back: two people have to agree.
const WIPE: &[&str] = &["rm", "-rf", "/srv/old"];

async fn held(person: &Person, line: &[&str]) -> Value {
    let held = person.ask("web-1", line).await.is(202);
    assert_eq!(held["state"], "held", "{held}");
    held
}

#[tokio::test]
async fn two_people_decide_talk_and_think_again() {
    let world = World::start().await;
    let (ana, vera) = (world.person("ana", &["operator"]).await, world.person("vera", &["viewer"]).await);
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let _probe = world.host("web-1", &[]).await.obey().await;
    let command = held(&ana, WIPE).await;
    let (id, request) = (text(&command, "id"), text(&command, "approval"));
    let [ana, vera, ben, cleo] = [&ana, &vera, &ben, &cleo].map(|person| Desk::of(&world, person));

    let list = ben.well(&["approvals"]).await;
    assert!(list.contains(id) && list.contains("rm -rf /srv/old") && list.contains("0/2"), "{list}");
    let page = ben.json(&["approvals"]).await;
    assert_eq!((&page["pending_count"], &page["approvals"][0]["id"]), (&json!(1), &json!(request)), "{page}");

    let comment = ben.well(&["approvals", "comment", id, "Does it drain first?"]).await;
    assert!(comment.starts_with("cmt_") && !comment.contains('\n'), "{comment}");
    let answer = ana.json(&["approvals", "comment", request, "It does.", "--reply-to", &comment]).await;
    assert_eq!((text(&answer, "reply_to"), text(&answer, "name")), (comment.as_str(), "ana"));
    vera.refused(&["approvals", "comment", id, "hello"], 7, "policy does not let `vera`").await;
    ben.refused(&["approvals", "comment", id, " "], 1, "4,000").await;
    ben.refused(&["approvals", "comment", "apr_nothing", "x"], 1, "there is no approval").await;

    // Nothing to take back yet, and nobody votes for what is theirs or may not at all.
    ben.refused(&["approvals", "withdraw", id], 1, "have not voted").await;
    ana.refused(&["approve", id, "--yes"], 7, "policy does not let `ana`").await;
    vera.refused(&["deny", id, "--yes"], 7, "policy does not let `vera`").await;
    let ended = ben.types(&["approve", id, "--reason", "looks right", "--no-wait"]).await;
    assert!(ended.code == 0 && ended.stderr.contains("pending 1 more needed"), "{ended:?}");
    ben.refused(&["approve", id], 1, "voted").await;
    let shown = ben.well(&["approvals", "show", id]).await;
    for said in ["1 of 2 approvals", "looks right", "Does it drain first?", "ana answers cmt_", "digest"] {
        assert!(shown.contains(said), "`{said}` is not in {shown}");
    }
    let ended = ben.types(&["approvals", "withdraw", id, "--reason", "not tonight"]).await;
    assert!(ended.code == 0 && ended.stderr.contains("your vote is withdrawn"), "{ended:?}");
    let shown = ben.json(&["approvals", "show", request]).await;
    assert_eq!((&shown["votes"], text(&shown["withdrawn"][0], "why")), (&json!([]), "not tonight"), "{shown}");
    assert_eq!(shown["comments"].as_array().unwrap().len(), 2, "{shown}");

    // They think again; the other's vote is the last that is wanted, and what ran is followed to its end.
    let voted = ben.json(&["approve", id, "--no-wait"]).await;
    assert_eq!((text(&voted, "state"), &voted["needed"]), ("pending", &json!(2)), "{voted}");
    let done = cleo.json(&["approve", request]).await;
    assert_eq!((text(&done, "state"), text(&done["result"], "state")), ("approved", "succeeded"), "{done}");
    cleo.refused(&["approvals", "withdraw", request], 1, "approved already").await;
    cleo.refused(&["deny", id], 1, "approved already").await;

    let past = ben.json(&["approvals", "--by", "cleo", "--since", "1h", "--query", "srv/old"]).await;
    assert_eq!(past["approvals"].as_array().unwrap().len(), 1, "{past}");
    let none = ben.types(&["approvals"]).await;
    assert_eq!((none.code, none.stdout.as_str(), none.stderr.as_str()), (0, "", "nothing to show\n"));
    world.end().await;
}

#[tokio::test]
async fn a_vote_against_ends_it_and_says_so() {
    let world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    world.host("web-1", &["prod"]).await;
    let command = held(&ana, RESTART).await;
    let ben = Desk::of(&world, &ben);
    let ended = ben.types(&["deny", text(&command, "id"), "--reason", "not today"]).await;
    assert!(ended.code == 0 && ended.stderr.ends_with("denied  the command does not run\n"), "{ended:?}");
    let asked = ["run", "web-1", "--wait=30", "--reason", "again", "--"];
    let ana = Desk::of(&world, &ana);
    let waiting = tokio::spawn(async move { ana.types(&[&asked[..], RESTART].concat()).await });
    let entry = world.entry("command.decided", |entry| entry["command"] != command["id"]).await;
    ben.well(&["deny", text(&entry, "command"), "--reason", "still not today"]).await;
    let ended = waiting.await.unwrap();
    assert!(ended.code == 3 && ended.stderr.contains("denied  by ben: still not today"), "{ended:?}");
    world.end().await;
}

#[tokio::test]
async fn votes_are_handed_on_for_a_while_and_taken_back() {
    let world = World::start().await;
    let (ana, vera) = (world.person("ana", &["operator"]).await, world.person("vera", &["viewer"]).await);
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let dora = world.person("dora", &["approver"]).await;
    world.host("web-1", &[]).await;
    let command = held(&ana, WIPE).await;
    let id = text(&command, "id");
    let (ben_id, [vera, ben, cleo, dora]) =
        (ben.id.clone(), [&vera, &ben, &cleo, &dora].map(|person| Desk::of(&world, person)));

    cleo.refused(&["approve", id, "--for", "ben"], 2, "`ben` has handed on their votes to nobody").await;
    ben.refused(&["approvals", "delegate", "to", "vera", "--for", "1d"], 1, "policy does not let `vera` vote").await;
    ben.refused(&["approvals", "delegate", "to", "nobody", "--for", "1d"], 1, "there is nobody `nobody`").await;
    ben.refused(&["approvals", "delegate", "to", "cleo", "--for", "91d"], 1, "at most 90 days").await;
    ben.refused(&["approvals", "delegate", "to", "cleo"], 2, "--for").await;
    vera.refused(&["approvals", "delegate", "to", "ben", "--for", "1d"], 7, "policy does not let `vera`").await;

    let ended = ben.types(&["approvals", "delegate", "to", "cleo", "--for", "14d", "--reason", "on leave"]).await;
    assert!(ended.code == 0 && ended.stderr.contains("`cleo` votes in your place until"), "{ended:?}");
    let made = ended.stdout.trim_end().to_owned();
    assert!(made.starts_with("dlg_"), "{made}");
    let list = vera.well(&["approvals", "delegate", "list"]).await;
    assert!(list.contains(&made) && list.contains("on leave"), "{list}");
    let list = vera.json(&["approvals", "delegate", "list"]).await;
    has(&list["delegations"][0], &["id", "person", "name", "delegate", "delegate_name", "reason", "since", "until"]);

    dora.refused(&["approve", id, "--for", "ben"], 1, "has not handed on their votes to you").await;
    let voted = cleo.json(&["approve", id, "--for", "ben", "--no-wait"]).await;
    assert_eq!(text(&voted["votes"][0], "stands_for"), "ben", "{voted}");
    let shown = dora.well(&["approvals", "show", id]).await;
    assert!(shown.contains("cleo for ben"), "{shown}");
    ben.refused(&["approve", id], 1, "voted").await;

    dora.refused(&["approvals", "delegate", "end", &made], 1, "ended by who made it or who stands in").await;
    dora.refused(&["approvals", "delegate", "end", "dlg_nothing"], 1, "there is no delegation").await;
    let gone = cleo.json(&["approvals", "delegate", "end", &made]).await;
    assert_eq!(gone, json!({ "id": made, "ended": true }));
    ben.refused(&["approvals", "delegate", "end", &made], 1, "there is no delegation").await;
    assert_eq!(ben.json(&["approvals", "delegate", "list"]).await["delegations"], json!([]));
    let all = ben.json(&["approvals", "delegate", "list", "--all"]).await;
    assert!(text(&all["delegations"][0], "person") == ben_id && all["delegations"][0]["ended_at"].is_string(), "{all}");
    world.end().await;
}

#[tokio::test]
async fn a_key_for_votes_is_made_here_signs_here_and_is_ended() {
    let world = World::start().await;
    let (ana, vera) = (world.person("ana", &["operator"]).await, world.person("vera", &["viewer"]).await);
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let _probe = world.host("web-1", &["signed"]).await.obey().await;
    let command = held(&ana, RESTART).await;
    let id = text(&command, "id");
    let [vera, ben, cleo] = [&vera, &ben, &cleo].map(|person| Desk::of(&world, person));

    vera.refused(&["approvals", "key", "enroll"], 7, "policy does not let `vera`").await;
    let key = ben.well(&["approvals", "key", "enroll", "--name", "laptop"]).await;
    assert!(key.starts_with("vkey_"), "{key}");
    let folder = ben.home.path().join(".config/legator/vote-keys");
    let kept: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(std::fs::metadata(&kept[0]).unwrap().permissions().mode() & 0o777, 0o600);
    ben.refused(&["approvals", "key", "enroll"], 2, "there is a key in").await;
    let left = std::fs::read_dir(vera.home.path().join(".config/legator/vote-keys")).map(|files| files.count());
    assert_eq!(left.unwrap_or_default(), 0, "what was refused leaves no key behind");
    let list = cleo.json(&["approvals", "key", "list"]).await;
    assert_eq!(list["keys"].as_array().unwrap().len(), 1, "{list}");
    has(&list["keys"][0], &["id", "person", "name", "algorithm", "public_key", "created_at"]);
    assert_eq!((text(&list["keys"][0], "name"), text(&list["keys"][0], "algorithm")), ("laptop", "ed25519"));

    // Nobody signs with a key that others can read.
    std::fs::set_permissions(&kept[0], std::fs::Permissions::from_mode(0o644)).unwrap();
    ben.refused(&["approve", id], 2, "chmod 600").await;
    std::fs::set_permissions(&kept[0], std::fs::Permissions::from_mode(0o600)).unwrap();
    let done = ben.json(&["approve", id, "--reason", "looks right"]).await;
    assert_eq!(
        (text(&done["votes"][0], "signed_with"), &done["result"]["state"]),
        (&*key, &json!("succeeded")),
        "{done}"
    );
    let shown = ben.well(&["approvals", "show", id]).await;
    assert!(shown.contains("signed"), "{shown}");
    let verified = Desk::of(&world, &world.admin()).json(&["audit", "verify", "--full"]).await;
    assert_eq!(verified["ok"], true, "{verified}");
    assert_eq!(
        verified["votes"],
        json!({ "signed": 1, "by_passkey": 0, "unknown_keys": 0, "unsigned": 0 }),
        "{verified}"
    );

    cleo.refused(&["approvals", "key", "revoke", &key], 1, "there is no key").await;
    assert_eq!(ben.json(&["approvals", "key", "revoke", &key]).await, json!({ "id": key, "revoked": true }));
    assert!(!kept[0].exists(), "the secret goes with it");
    ben.refused(&["approvals", "key", "revoke", &key], 1, "there is no key").await;
    let second = ben.well(&["approvals", "key", "enroll"]).await;
    assert_ne!(second, key);
    std::fs::write(&kept[0], "id = 1").unwrap();
    let other = held(&ana, RESTART).await;
    ben.refused(&["approve", text(&other, "id")], 2, "holds no key that `approvals key enroll` made").await;
    world.end().await;
}

#[tokio::test]
async fn where_policy_wants_a_reason_none_is_a_vote_without() {
    let named = "@id(\"prod-changes-need-a-second-pair-of-eyes\")";
    let folder = bundle_with(named, &format!("{named}\n@reason(\"required\")"));
    let world = World::plan().with_bundle(folder.path()).start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    world.host("web-1", &["prod"]).await;
    let command = held(&ana, RESTART).await;
    let ben = Desk::of(&world, &ben);
    ben.refused(&["deny", text(&command, "id")], 2, "policy asks for a reason: give `--reason WHY`").await;
    ben.refused(&["deny", text(&command, "id"), "--reason", " "], 2, "policy asks for a reason").await;
    ben.well(&["deny", text(&command, "id"), "--reason", "no"]).await;
    world.end().await;
}

#[tokio::test]
async fn figures_say_how_people_decide() {
    let world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    world.host("web-1", &["prod"]).await;
    let command = held(&ana, RESTART).await;
    ben.vote(text(&command, "approval"), "deny").await.is(200);
    let (ana, stranger) = (Desk::of(&world, &ana), Desk::of(&world, &world.stranger()).with_key("lgk_nobodys"));
    let figures = ana.json(&["approvals", "figures", "--since", "1h"]).await;
    has(&figures, &["since", "all", "voters", "breakglass_unreviewed"]);
    has(
        &figures["all"],
        &["votes", "approvals", "denials", "withdrawn", "p50_ms", "p90_ms", "hasty", "unseen", "hasty_pct"],
    );
    assert_eq!((&figures["all"]["votes"], &figures["all"]["unseen"]), (&json!(1), &json!(1)), "{figures}");
    let table = ana.well(&["approvals", "figures"]).await;
    let row = table.lines().find(|line| line.starts_with("ben")).unwrap_or_else(|| panic!("{table}"));
    assert!(row.contains("100 %") && table.contains("everybody"), "{table}");
    stranger.refused(&["approvals", "figures"], 7, "no valid credential").await;
    ana.refused(&["approvals", "figures", "--since", "yesterday"], 2, "--since").await;
    world.end().await;
}
