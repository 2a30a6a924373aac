//! Someone with a shell changes the database; the log finds it, or a kept checkpoint does.

use super::*;

const UNGUARD: &str =
    "DROP TRIGGER audit_entry_insert; DROP TRIGGER audit_entry_update; DROP TRIGGER audit_entry_delete;
    DROP TRIGGER audit_body_insert; DROP TRIGGER audit_body_update; DROP TRIGGER audit_body_delete;
    DROP TRIGGER audit_node_update; DROP TRIGGER audit_node_delete;
    DROP TRIGGER audit_checkpoint_update; DROP TRIGGER audit_checkpoint_delete; PRAGMA foreign_keys = off;";

/// A log of 600 entries, in groups of 100, that was changed by `sql` behind its triggers.
async fn tampered(sql: &'static str) -> (TempDir, Ledger) {
    let (folder, ledger) = fresh().await;
    for _ in 0..6 {
        fill(&ledger, 100).await;
    }
    assert!(ledger.verify_all().await.unwrap().is_good());
    let mut shell = shell(folder.path()).await;
    run(&mut shell, UNGUARD).await;
    run(&mut shell, sql).await;
    (folder, ledger)
}

async fn first_bad(sql: &'static str) -> Finding {
    let (_folder, ledger) = tampered(sql).await;
    ledger.verify_all().await.unwrap().first_bad.unwrap()
}

/// The same log, taken up again.
async fn reopened(sql: &'static str) -> Result<Ledger, OpenFault> {
    let (folder, ledger) = tampered(sql).await;
    close(folder.path(), ledger).await;
    try_open(folder.path(), key(), ORIGIN).await.map(|(ledger, _)| ledger)
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_the_log() {
    let (folder, ledger) = fresh().await;
    fill(&ledger, 256).await;
    let mut shell = shell(folder.path()).await;
    for sql in [
        "UPDATE audit_entry SET actor = 'eve' WHERE position = 1",
        "DELETE FROM audit_entry WHERE position = 255",
        "DELETE FROM audit_entry",
        "INSERT OR REPLACE INTO audit_entry (position, leaf_hash, at, kind, actor, subject) VALUES (1, zeroblob(32), 0, '', '', '')",
        "INSERT INTO audit_entry (position, leaf_hash, at, kind, actor, subject) VALUES (300, zeroblob(32), 0, '', '', '')",
        "INSERT INTO audit_entry (position, leaf_hash, at, kind, actor, subject) VALUES (256, zeroblob(31), 0, '', '', '')",
        "UPDATE audit_body SET json = '{}' WHERE position = 1",
        "DELETE FROM audit_body WHERE position = 1",
        "REPLACE INTO audit_body (position, json) VALUES (1, '{}')",
        "INSERT INTO audit_body (position, json) VALUES (300, '{}')",
        "UPDATE audit_node SET hash = zeroblob(32)",
        "DELETE FROM audit_node",
        "REPLACE INTO audit_node (level, position, hash) VALUES (1, 0, zeroblob(32))",
        "UPDATE audit_checkpoint SET note = ''",
        "DELETE FROM audit_checkpoint",
        "REPLACE INTO audit_checkpoint (size, root, at, note) VALUES (256, zeroblob(32), 0, '')",
        "INSERT INTO audit_checkpoint (size, root, at, note) VALUES (2, zeroblob(32), 0, '')",
    ] {
        let refused = query(sql).execute(&mut shell).await;
        assert!(matches!(refused, Err(sqlx::Error::Database(_))), "{sql}");
    }
    assert!(ledger.verify_all().await.unwrap().is_good());
    assert_eq!(add(&ledger, 0).await.unwrap(), 256);
}

#[tokio::test]
async fn finds_a_changed_body() {
    let finding = first_bad("UPDATE audit_body SET json = replace(json, 'ana', 'eve') WHERE position = 42").await;
    assert_eq!(finding, Finding { index: 42, flaw: Flaw::Body });
    assert_eq!(finding.to_string(), "entry 42: the body is not the one that was hashed");
}

#[tokio::test]
async fn finds_a_body_that_was_taken_away() {
    let finding = first_bad("DELETE FROM audit_body WHERE position = 599").await;
    assert_eq!(finding, Finding { index: 599, flaw: Flaw::BodyMissing });
}

#[tokio::test]
async fn finds_columns_that_say_something_else() {
    for sql in [
        "UPDATE audit_entry SET actor = 'eve' WHERE position = 42",
        "UPDATE audit_entry SET at = 7 WHERE position = 42",
        "UPDATE audit_entry SET kind = 'command.denied' WHERE position = 42",
        "UPDATE audit_entry SET subject = 'cmd_7' WHERE position = 42",
        "UPDATE audit_entry SET command = NULL WHERE position = 42",
        "UPDATE audit_entry SET probe = 'prb_7' WHERE position = 42",
        "UPDATE audit_entry SET tenant = 'north' WHERE position = 42",
    ] {
        assert_eq!(first_bad(sql).await, Finding { index: 42, flaw: Flaw::Columns }, "{sql}");
    }
}

#[tokio::test]
async fn finds_swapped_entries() {
    let finding = first_bad(
        "CREATE TEMP TABLE entries AS SELECT * FROM audit_entry WHERE position IN (41, 42);
         CREATE TEMP TABLE bodies AS SELECT * FROM audit_body WHERE position IN (41, 42);
         DELETE FROM audit_body WHERE position IN (41, 42);
         DELETE FROM audit_entry WHERE position IN (41, 42);
         INSERT INTO audit_entry SELECT 83 - position, leaf_hash, at, kind, actor, subject, command, probe, tenant FROM entries;
         INSERT INTO audit_body SELECT 83 - position, json FROM bodies;",
    )
    .await;
    assert_eq!(finding, Finding { index: 41, flaw: Flaw::Columns });
}

#[tokio::test]
async fn finds_an_entry_that_was_rewritten_with_its_hash() {
    let (folder, ledger) = tampered("SELECT 1").await;
    let mut entry = ledger.entry(142).await.unwrap().unwrap();
    entry.json = entry.json.map(|json| json.replace("ana", "eve"));
    let json = entry.json.unwrap();
    let hash = legator_engine::tlog::leaf_hash(json.as_bytes());
    let mut shell = shell(folder.path()).await;
    query("UPDATE audit_entry SET actor = 'eve', leaf_hash = ? WHERE position = 142")
        .bind(hash.as_bytes().as_slice())
        .execute(&mut shell)
        .await
        .unwrap();
    query("UPDATE audit_body SET json = ? WHERE position = 142").bind(json).execute(&mut shell).await.unwrap();
    let finding = ledger.verify_all().await.unwrap().first_bad.unwrap();
    assert_eq!(finding, Finding { index: 199, flaw: Flaw::Checkpoint { size: 200 } });
}

#[tokio::test]
async fn finds_changed_nodes_and_checkpoints() {
    let finding = first_bad("UPDATE audit_node SET hash = zeroblob(32) WHERE position = 1").await;
    assert_eq!(finding, Finding { index: 511, flaw: Flaw::Node { level: 8 } });
    let finding = first_bad("DELETE FROM audit_node WHERE position = 0").await;
    assert_eq!(finding, Finding { index: 255, flaw: Flaw::Node { level: 8 } });
    for sql in [
        "UPDATE audit_checkpoint SET root = zeroblob(32) WHERE size = 300",
        "UPDATE audit_checkpoint SET note = replace(note, char(10) || '300' || char(10), char(10) || '299' || char(10)) WHERE size = 300",
        "UPDATE audit_checkpoint SET note = '' WHERE size = 300",
        "UPDATE audit_checkpoint SET size = 299 WHERE size = 300",
    ] {
        let finding = first_bad(sql).await;
        assert!(matches!(finding.flaw, Flaw::Checkpoint { size: 299 | 300 }), "{finding}");
    }
}

#[tokio::test]
async fn finds_entries_that_were_taken_away_while_it_runs() {
    let finding =
        first_bad("DELETE FROM audit_body WHERE position = 42; DELETE FROM audit_entry WHERE position = 42").await;
    assert_eq!(finding, Finding { index: 42, flaw: Flaw::Missing });
    let finding = first_bad(
        "DELETE FROM audit_checkpoint WHERE size > 500; DELETE FROM audit_body WHERE position >= 500; DELETE FROM audit_entry WHERE position >= 500",
    )
    .await;
    assert_eq!(finding, Finding { index: 500, flaw: Flaw::Missing });
}

#[tokio::test]
async fn does_not_take_up_a_log_that_lost_its_tail_or_its_checkpoints() {
    let refused =
        reopened("DELETE FROM audit_body WHERE position = 599; DELETE FROM audit_entry WHERE position = 599").await;
    assert!(matches!(refused, Err(OpenFault::Size { size: 599, signed: 600 })));
    let refused = reopened("DELETE FROM audit_checkpoint").await;
    assert!(matches!(refused, Err(OpenFault::Size { size: 600, signed: 0 })));
    let refused = reopened("UPDATE audit_entry SET leaf_hash = zeroblob(32) WHERE position = 598").await;
    assert!(matches!(refused, Err(OpenFault::Root { size: 600 })));
    let refused = reopened("UPDATE audit_node SET hash = zeroblob(32) WHERE position = 1").await;
    assert!(matches!(refused, Err(OpenFault::Root { size: 600 })));
    let refused = reopened("DELETE FROM audit_node").await;
    assert!(matches!(refused, Err(OpenFault::Incomplete(_))));
    let refused = reopened("UPDATE audit_checkpoint SET note = replace(note, 'test', 'Test')").await;
    assert!(matches!(refused, Err(OpenFault::Checkpoint(_))));
}

#[tokio::test]
async fn a_kept_checkpoint_finds_a_tail_that_was_cut_cleanly() {
    let (folder, ledger) = tampered("SELECT 1").await;
    let (kept, older) = (ledger.head().note, ledger.head().size);
    assert_eq!(older, 600);
    let mut shell = shell(folder.path()).await;
    run(
        &mut shell,
        "DELETE FROM audit_checkpoint WHERE size > 500; DELETE FROM audit_node WHERE position = 1; DELETE FROM audit_body WHERE position >= 500; DELETE FROM audit_entry WHERE position >= 500",
    )
    .await;
    close(folder.path(), ledger).await;
    // The log alone cannot know: what is left is a whole log of 500 entries.
    let ledger = open(folder.path()).await;
    assert!(ledger.verify_all().await.unwrap().is_good());
    assert!(matches!(ledger.agree(&kept).await, Err(KeptFault::Broken(_))));
    // Nor does it help to grow it again.
    ledger
        .write(9, |batch| Box::pin(async move { batch.entry(Draft { kind: "another.history", ..Draft::default() }) }))
        .await
        .unwrap();
    fill(&ledger, 150).await;
    assert!(ledger.verify_all().await.unwrap().is_good());
    assert!(matches!(ledger.agree(&kept).await, Err(KeptFault::Broken(_))));
}

#[tokio::test]
async fn a_kept_checkpoint_finds_a_history_that_was_written_anew_with_the_key() {
    let (_folder, honest) = fresh().await;
    fill(&honest, 100).await;
    let (_other, forged) = fresh().await;
    forged
        .write(0, |batch| Box::pin(async move { batch.entry(Draft { kind: "another.history", ..Draft::default() }) }))
        .await
        .unwrap();
    fill(&forged, 150).await;
    assert!(forged.verify_all().await.unwrap().is_good());
    assert!(matches!(forged.agree(&honest.head().note).await, Err(KeptFault::Broken(_))));
    assert!(matches!(forged.agree("no checkpoint").await, Err(KeptFault::Foreign(_))));
}
