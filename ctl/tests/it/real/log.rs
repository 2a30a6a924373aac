//! `audit export` and `audit verify-evidence`: taking the log along, and believing nobody about it.

use serde_json::json;
use testkit::World;

use super::{Desk, has, text};

#[tokio::test]
async fn the_log_is_taken_along_in_three_forms() {
    let world = World::start().await;
    let (ana, ada) = (world.person("ana", &["operator"]).await, world.person("ada", &["auditor"]).await);
    let _probe = world.host("web-1", &[]).await.obey().await;
    let done = ana.run("web-1", &["uptime"]).await.is(200);
    let id = text(&done, "id");
    let [ana, ada] = [&ana, &ada].map(|person| Desk::of(&world, person));

    let lines = ada.well(&["audit", "export", "--command", id]).await;
    let kinds: Vec<String> =
        lines.lines().map(|line| text(&serde_json::from_str(line).unwrap(), "kind").to_owned()).collect();
    assert_eq!(kinds, ["command.decided", "command.started", "command.settled"]);
    let table = ada.well(&["audit", "export", "--form", "csv", "--kind", "command.", "--since", "1h"]).await;
    let mut rows = table.lines();
    assert!(rows.next().unwrap().contains("kind") && table.contains("command.settled"), "{table}");
    let person = ada.well(&["audit", "export", "--actor", "nobody"]).await;
    assert_eq!(person, "");

    let file = ada.home.path().join("evidence.tar");
    let path = file.to_str().unwrap();
    let wrote = ada.json(&["audit", "export", "--form", "evidence", "--command", id, "--out", path]).await;
    let size = std::fs::metadata(&file).unwrap().len();
    assert_eq!(wrote, json!({ "bytes": size, "file": path, "form": "evidence" }));
    let said = ada.types(&["audit", "export", "--out", path]).await;
    assert!(said.code == 0 && said.stderr.starts_with("wrote ") && said.stdout.is_empty(), "{said:?}");
    assert!(world.entries("audit.exported").await.len() >= 5, "each is an entry itself");

    ana.refused(&["audit", "export"], 7, "policy does not let `ana`").await;
    ada.refused(&["audit", "export", "--form", "pdf"], 2, "--form").await;
    ada.refused(&["audit", "export", "--since", "soon"], 2, "--since").await;
    let nowhere = ada.home.path().join("no-such-folder/x");
    ada.refused(&["audit", "export", "--out", nowhere.to_str().unwrap()], 1, "could not write").await;
    world.end().await;
}

#[tokio::test]
async fn evidence_is_checked_without_the_server_and_by_the_key_that_one_trusts() {
    let world = World::start().await;
    let (ana, ada) = (world.person("ana", &["operator"]).await, world.person("ada", &["auditor"]).await);
    let _probe = world.host("web-1", &[]).await.obey().await;
    let done = ana.run("web-1", &["uptime"]).await.is(200);
    let ada = Desk::of(&world, &ada);
    let key = text(&ada.json(&["audit", "checkpoint"]).await, "verifier").to_owned();
    let file = ada.home.path().join("evidence.tar");
    let path = file.to_str().unwrap();
    ada.well(&["audit", "export", "--form", "evidence", "--command", text(&done, "id"), "--out", path]).await;
    let whole = std::fs::read(&file).unwrap();
    world.end().await;

    let check = ["audit", "verify-evidence", path, "--verifier", &key];
    let shown = ada.json(&check).await;
    has(&shown, &["ok", "proved", "dropped", "gaps", "by", "narrowed_by", "verifier", "trusted", "votes"]);
    assert_eq!((&shown["ok"], &shown["proved"], &shown["trusted"]), (&json!(true), &json!(3), &json!(true)), "{shown}");
    assert_eq!(text(&shown, "by"), "ada", "{shown}");
    assert!(ada.well(&check).await.contains("3 entries are proved to be in the log"));
    let own = ada.types(&check[..3]).await;
    assert!(own.code == 0 && own.stderr.contains("the key is the one that the file names"), "{own:?}");
    assert_eq!(ada.json(&check[..3]).await["trusted"], false);

    // The key of another log, and what is no key.
    let other = World::start().await;
    let theirs = Desk::of(&other, &other.admin()).json(&["audit", "checkpoint"]).await;
    other.end().await;
    let refused = |line: Vec<String>| {
        let ada = &ada;
        async move {
            let words: Vec<&str> = line.iter().map(String::as_str).collect();
            let ended = ada.types(&words).await;
            assert!(ended.code == 5 && ended.stderr.contains("this is no evidence"), "{ended:?}");
            let ended = ada.types(&[&words[..], &["-o", "json"]].concat()).await;
            assert_eq!((ended.code, &ended.json()["ok"]), (5, &json!(false)), "{ended:?}");
            assert!(!text(&ended.json(), "why").is_empty());
        }
    };
    refused(vec![
        "audit".into(),
        "verify-evidence".into(),
        path.into(),
        "--verifier".into(),
        text(&theirs, "verifier").into(),
    ])
    .await;
    ada.refused(&["audit", "verify-evidence", path, "--verifier", "nonsense"], 2, "key").await;

    // A letter of an entry, a cut, and no archive at all.
    let at = whole.windows(6).position(|bytes| bytes == b"uptime").unwrap();
    let mut changed = whole.clone();
    changed[at] = b'U';
    for bytes in [changed, whole[..whole.len() / 2].to_vec(), Vec::new(), b"PK\x03\x04".repeat(300)] {
        std::fs::write(&file, bytes).unwrap();
        refused(check.iter().map(|word| (*word).to_owned()).collect()).await;
    }
    std::fs::remove_file(&file).unwrap();
    ada.refused(&check, 1, "could not read").await;
}
