//! `grants …`: what people agreed to ahead.

use serde_json::json;
use testkit::World;

use super::{Desk, RESTART, has, text};

const ASK: &[&str] = &[
    "grants",
    "ask",
    "tag:prod",
    "--program",
    "systemctl",
    "--line",
    "systemctl restart *",
    "--for",
    "1h",
    "--uses",
    "2",
    "--reason",
    "certificates",
];

fn with<'a>(change: &[(&str, &'a str)]) -> Vec<&'a str> {
    let mut words: Vec<&'a str> = ASK.to_vec();
    for (option, value) in change {
        let at = words.iter().position(|word| word == option).unwrap();
        words[at + 1] = value;
    }
    words
}

#[tokio::test]
async fn what_was_asked_for_and_agreed_to_passes_until_it_is_ended() {
    let world = World::start().await;
    let (ana, vera) = (world.person("ana", &["operator"]).await, world.person("vera", &["viewer"]).await);
    let (ben, cleo) = (world.person("ben", &["approver"]).await, world.person("cleo", &["approver"]).await);
    let _probe = world.host("web-1", &["prod"]).await.obey().await;
    let [ana, vera, ben, cleo] = [&ana, &vera, &ben, &cleo].map(|person| Desk::of(&world, person));

    let ended = ana.types(ASK).await;
    assert!(ended.code == 0 && ended.stderr.contains("people are asked in `apr_"), "{ended:?}");
    let grant = ended.stdout.trim_end().to_owned();
    let shown = vera.json(&["grants", "show", &grant]).await;
    has(
        &shown,
        &[
            "id",
            "approval",
            "state",
            "principal",
            "place",
            "level",
            "programs",
            "effects",
            "line",
            "policy",
            "for_s",
            "uses",
            "used",
            "agreed",
        ],
    );
    assert_eq!(
        (text(&shown, "state"), &shown["for_s"], &shown["uses"]),
        ("pending", &json!(3600), &json!(2)),
        "{shown}"
    );
    let request = text(&shown, "approval").to_owned();
    let run = [&["run", "web-1", "--no-wait", "--"], RESTART].concat();
    assert_eq!(ana.types(&run).await.code, 4, "nothing counts before people have agreed");

    for desk in [&ben, &cleo] {
        desk.well(&["approve", &request, "--reason", "every week"]).await;
    }
    world.entry("grant.agreed", |entry| entry["subject"] == json!(grant)).await;
    let ended = ana.types(&[&["run", "web-1", "--"], RESTART].concat()).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "done\n"), "{ended:?}");
    let list = vera.well(&["grants"]).await;
    assert!(list.contains(&grant) && list.contains("1/2") && list.contains("active"), "{list}");
    let page = vera.well(&["grants", "show", &grant]).await;
    assert!(page.contains("ben cleo") && page.contains("permit ("), "the policy that people read: {page}");
    assert_eq!(vera.json(&["grants"]).await["grants"][0]["used"], 1);

    ana.refused(&["grants", "revoke", &grant, "--reason", "over"], 7, "policy does not let `ana`").await;
    ben.refused(&["grants", "revoke", &grant], 2, "--reason").await;
    let ended = ben.types(&["grants", "revoke", &grant, "--reason", "over"]).await;
    assert!(ended.code == 0 && ended.stderr.contains("revoked"), "{ended:?}");
    ben.refused(&["grants", "revoke", &grant, "--reason", "over"], 1, "revoked").await;
    assert_eq!(ana.types(&run).await.code, 4, "it covers nothing any more");
    assert!(vera.well(&["grants", "show", &grant]).await.contains("over"));
    world.end().await;
}

#[tokio::test]
async fn a_preview_says_what_a_wish_would_come_to_and_asks_nobody() {
    let world = World::start().await;
    let (ana, ben) = (world.person("ana", &["operator"]).await, world.person("ben", &["approver"]).await);
    world.host("web-1", &["prod"]).await;
    world.host("web-2", &["prod"]).await;
    world.host("db-1", &["db"]).await;
    let [ana, ben] = [&ana, &ben].map(|person| Desk::of(&world, person));
    let look = [ASK, &["--preview"]].concat();
    let ended = ana.types(&look).await;
    assert!(ended.code == 0 && ended.stdout.contains("permit ("), "{ended:?}");
    assert!(ended.stderr.contains("2 hosts now: web-1, web-2"), "{ended:?}");
    assert!(ended.stderr.contains("2 people would have to agree"), "{ended:?}");
    let seen = ana.json(&look).await;
    has(&seen, &["policy", "hosts", "n_hosts", "approvals", "why"]);
    assert_eq!((&seen["n_hosts"], &seen["approvals"]), (&json!(2), &json!(2)), "{seen}");
    let mut elsewhere = look.clone();
    elsewhere[2] = "web-9";
    ana.refused(&elsewhere, 1, "there is no probe `web-9`").await;
    assert_eq!(ben.json(&["grants"]).await["grants"], json!([]));
    assert_eq!(ben.json(&["approvals"]).await["approvals"], json!([]));
    assert_eq!(world.entries("grant.asked").await.len(), 0);
    world.end().await;
}

#[tokio::test]
async fn a_wish_that_makes_no_sense_is_refused_with_what_would() {
    let world = World::start().await;
    let (ana, vera) = (world.person("ana", &["operator"]).await, world.person("vera", &["viewer"]).await);
    let [ana, vera] = [&ana, &vera].map(|person| Desk::of(&world, person));
    let none = ana.types(&["grants"]).await;
    assert_eq!((none.code, none.stderr.as_str()), (0, "nothing to show\n"));
    assert_eq!(ana.json(&["grants"]).await["grants"], json!([]));
    vera.refused(ASK, 7, "policy does not let `vera`").await;
    ana.refused(&with(&[("--for", "30s")]), 1, "between a minute and 90 days").await;
    ana.refused(&with(&[("--for", "91d")]), 1, "between a minute and 90 days").await;
    ana.refused(&with(&[("--reason", " ")]), 1, "what it is for").await;
    ana.refused(&with(&[("--uses", "0")]), 2, "--uses").await;
    ana.refused(&[ASK, &["--level", "everything"]].concat(), 1, "everything").await;
    ana.refused(&[ASK, &["--principal", "nobody"]].concat(), 1, "there is nobody `nobody`").await;
    let mut no_host = with(&[]);
    no_host[2] = "web-9";
    ana.refused(&no_host, 1, "there is no probe `web-9`").await;
    ana.refused(&["grants", "ask", "tag:prod", "--for", "1h", "--reason", "x"], 2, "--program").await;
    ana.refused(&["grants", "show", "grt_nothing"], 1, "there is no grant").await;
    Desk::of(&world, &world.admin())
        .refused(&["grants", "revoke", "grt_nothing", "--reason", "x"], 1, "there is no grant")
        .await;
    world.end().await;
}
