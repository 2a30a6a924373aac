//! Groups: who is in them, who is undone, and what is there after a crash.

use std::collections::BTreeSet;

use super::*;

async fn with_table() -> (TempDir, Ledger) {
    let (folder, ledger) = fresh().await;
    ledger
        .write(0, |batch| {
            Box::pin(async move {
                query("CREATE TABLE note (n INTEGER PRIMARY KEY)").execute(batch.connection().await?).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    (folder, ledger)
}

/// Writes a row and an entry, and then fails when it is told to.
async fn note(ledger: &Ledger, n: i64, fails: bool) -> Result<u64, WriteFault> {
    ledger
        .write(n, move |batch| {
            Box::pin(async move {
                query("INSERT INTO note (n) VALUES (?)").bind(n).execute(batch.connection().await?).await?;
                let index = batch.entry(draft(n as u64))?;
                if fails {
                    query("INSERT INTO note (n) VALUES (?)").bind(n).execute(batch.connection().await?).await?;
                }
                Ok(index)
            })
        })
        .await
}

async fn notes(ledger: &Ledger) -> Vec<i64> {
    query_scalar("SELECT n FROM note ORDER BY n").fetch_all(ledger.db.reads()).await.unwrap()
}

#[tokio::test]
async fn begins_with_the_signed_head_of_nothing() {
    let (_folder, ledger) = fresh().await;
    let head = ledger.head();
    assert_eq!((head.size, head.root, head.at_ms), (0, Hash::of_nothing(), 0));
    ledger.verifier().open(&head.note).unwrap();
    assert!(ledger.verify_all().await.unwrap().is_good());
}

#[tokio::test]
async fn numbers_entries_from_zero_and_signs_every_group() {
    let (_folder, ledger) = fresh().await;
    let mut heads = ledger.watch();
    for n in 0..3 {
        assert_eq!(add(&ledger, n).await.unwrap(), n);
        let head = heads.borrow_and_update().clone();
        assert_eq!((head.size, head.at_ms), (n + 1, 1000 + n as i64));
        ledger.verifier().open(&head.note).unwrap();
    }
    assert_eq!(count(&ledger, "SELECT count(*) FROM audit_checkpoint").await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn gives_every_one_of_many_callers_an_entry_of_its_own() {
    let (_folder, ledger) = fresh().await;
    let callers: Vec<_> = (0..256)
        .map(|n| {
            let ledger = ledger.clone();
            tokio::spawn(async move { (n, add(&ledger, n).await.unwrap()) })
        })
        .collect();
    let mut indexes = BTreeSet::new();
    for caller in callers {
        let (n, index) = caller.await.unwrap();
        assert_eq!(ledger.entry(index).await.unwrap().unwrap().subject, format!("cmd_{n}"));
        indexes.insert(index);
    }
    assert_eq!(indexes, (0..256).collect());
    let report = ledger.verify_all().await.unwrap();
    assert!(report.is_good());
    assert_eq!(report.entries, 256);
}

#[tokio::test]
async fn commits_callers_that_wait_together_in_one_group() {
    let (_folder, ledger) = fresh().await;
    futures_util::future::join_all((0..64).map(|n| add(&ledger, n))).await;
    assert_eq!(count(&ledger, "SELECT count(*) FROM audit_checkpoint").await, 1);
}

#[tokio::test]
async fn undoes_only_the_part_that_failed() {
    let (_folder, ledger) = with_table().await;
    let (first, second, third, fourth, fifth) = tokio::join!(
        note(&ledger, 1, false),
        note(&ledger, 2, true),
        note(&ledger, 3, false),
        add(&ledger, 4),
        note(&ledger, 3, false),
    );
    assert_eq!((first.unwrap(), third.unwrap(), fourth.unwrap()), (0, 1, 2));
    assert!(matches!(second, Err(WriteFault::Statement(_))), "{second:?}");
    assert!(matches!(fifth, Err(WriteFault::Statement(_))), "{fifth:?}");
    assert_eq!(notes(&ledger).await, [1, 3]);
    assert_eq!(count(&ledger, "SELECT count(*) FROM audit_checkpoint").await, 1);
    assert!(ledger.health().is_good());
    assert!(ledger.verify_all().await.unwrap().is_good());
}

#[tokio::test]
async fn undoes_the_entries_of_a_part_that_touched_no_row() {
    #[derive(Debug, PartialEq)]
    enum Change {
        Mind,
        Ledger,
    }
    impl From<WriteFault> for Change {
        fn from(_: WriteFault) -> Self {
            Self::Ledger
        }
    }
    let (_folder, ledger) = fresh().await;
    let changed: Result<(), Change> = ledger
        .attempt(0, |batch| {
            Box::pin(async move {
                batch.entry(draft(0))?;
                Err(Change::Mind)
            })
        })
        .await;
    assert_eq!(changed, Err(Change::Mind));
    assert_eq!(add(&ledger, 1).await.unwrap(), 0);
}

#[tokio::test]
async fn outlives_parts_that_panic() {
    let (_folder, ledger) = with_table().await;
    let before: Result<(), WriteFault> = ledger.write(0, |_batch| panic!("before the future")).await;
    let within: Result<(), WriteFault> = ledger
        .write(0, |batch| {
            Box::pin(async move {
                query("INSERT INTO note (n) VALUES (9)").execute(batch.connection().await?).await?;
                batch.entry(draft(9))?;
                panic!("after a row and an entry")
            })
        })
        .await;
    assert!(matches!(before, Err(WriteFault::Panicked)));
    assert!(matches!(within, Err(WriteFault::Panicked)));
    assert_eq!(note(&ledger, 1, false).await.unwrap(), 0);
    assert_eq!(notes(&ledger).await, [1]);
}

#[tokio::test]
async fn gives_up_on_a_part_that_never_ends() {
    let (_folder, ledger) = fresh().await;
    let stuck: Result<(), WriteFault> = ledger.write(0, |_batch| Box::pin(std::future::pending())).await;
    assert!(matches!(stuck, Err(WriteFault::Slow(_))));
    assert_eq!(add(&ledger, 1).await.unwrap(), 0);
}

#[tokio::test]
async fn finishes_the_write_of_a_caller_that_went_away() {
    let (_folder, ledger) = fresh().await;
    let mut gone = Box::pin(add(&ledger, 0));
    assert!(futures_util::poll!(&mut gone).is_pending());
    drop(gone);
    assert_eq!(add(&ledger, 1).await.unwrap(), 1);
    assert_eq!(ledger.entry(0).await.unwrap().unwrap().subject, "cmd_0");
}

#[tokio::test]
async fn writes_rows_without_an_entry_and_leaves_the_head() {
    let (_folder, ledger) = with_table().await;
    ledger
        .write(0, |batch| {
            Box::pin(async move {
                query("INSERT INTO note (n) VALUES (5)").execute(batch.connection().await?).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    assert_eq!(notes(&ledger).await, [5]);
    assert_eq!(ledger.head().size, 0);
}

#[tokio::test]
async fn refuses_an_entry_that_is_too_long() {
    let (_folder, ledger) = fresh().await;
    let long = Draft::new("command.output", "", "").body("x".repeat(2 << 20));
    let refused = ledger.write(0, move |batch| Box::pin(async move { batch.entry(long) })).await;
    assert!(matches!(refused, Err(WriteFault::TooLong { .. })));
    assert_eq!(ledger.head().size, 0);
}

#[tokio::test]
async fn ends_when_the_last_handle_is_gone_and_says_closed_when_it_ended_before() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, writer) = try_open(folder.path(), key(), ORIGIN).await.unwrap();
    add(&ledger, 0).await.unwrap();
    drop(ledger);
    writer.await.unwrap();
    let (ledger, writer) = try_open(folder.path(), key(), ORIGIN).await.unwrap();
    writer.abort();
    assert!(writer.await.unwrap_err().is_cancelled());
    assert!(matches!(add(&ledger, 1).await, Err(WriteFault::Closed)));
}

#[tokio::test]
async fn stands_after_a_crash_where_it_last_answered() {
    let (folder, ledger) = fresh().await;
    fill(&ledger, 300).await;
    add(&ledger, 300).await.unwrap();
    // What is in the files now is what a power cut would leave: nothing was closed or folded in.
    let crashed = tempfile::tempdir().unwrap();
    for file in ["legator.db", "legator.db-wal"] {
        std::fs::copy(folder.path().join(file), crashed.path().join(file)).unwrap();
    }
    let after = open(crashed.path()).await;
    assert_eq!(after.head(), ledger.head());
    assert_eq!(after.verify_all().await.unwrap().entries, 301);
    assert_eq!(add(&after, 301).await.unwrap(), 301);
    after.agree(&ledger.head().note).await.unwrap();
}

#[tokio::test]
async fn takes_the_log_up_where_it_was_closed() {
    let (folder, ledger) = fresh().await;
    for _ in 0..4 {
        fill(&ledger, 199).await;
    }
    let head = ledger.head();
    close(folder.path(), ledger).await;
    let ledger = open(folder.path()).await;
    assert_eq!(ledger.head(), head);
    assert_eq!(add(&ledger, 0).await.unwrap(), 796);
    assert!(ledger.verify_all().await.unwrap().is_good());
}

#[tokio::test]
async fn does_not_take_up_a_log_of_another_key_or_name() {
    let (folder, ledger) = fresh().await;
    add(&ledger, 0).await.unwrap();
    close(folder.path(), ledger).await;
    for (key, origin) in [(SigningKey::from_bytes(&[8; 32]), ORIGIN), (key(), "other.test/audit")] {
        let refused = try_open(folder.path(), key, origin).await;
        assert!(matches!(refused, Err(OpenFault::Checkpoint(_))));
    }
    let unnamed = try_open(folder.path(), key(), "no spaces please").await;
    assert!(matches!(unnamed, Err(OpenFault::Origin(_))));
}
