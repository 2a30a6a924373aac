//! The disk does not take a write: nothing is claimed, reading goes on, and writing comes back by itself.

use std::time::Duration;

use super::*;

/// Fills the database up to the last page that it may have, and returns when it is full.
async fn fill_up(ledger: &Ledger) -> WriteFault {
    ledger
        .write(0, |batch| {
            Box::pin(async move {
                let connection = batch.connection().await?;
                query("CREATE TABLE ballast (bytes BLOB)").execute(&mut *connection).await?;
                query("INSERT INTO ballast VALUES (zeroblob(2000000))").execute(connection).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    ledger
        .write(0, |batch| {
            Box::pin(async move {
                query("PRAGMA max_page_count = 1").execute(batch.connection().await?).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    loop {
        if let Err(fault) = add(ledger, 0).await {
            return fault;
        }
    }
}

fn is_full(fault: &WriteFault) -> bool {
    matches!(fault, WriteFault::Unwritable(cause) if matches!(**cause, DbFault::Full(_)))
}

#[tokio::test]
async fn says_that_the_disk_is_full_and_comes_back_when_there_is_room() {
    let (folder, ledger) = fresh().await;
    let fault = fill_up(&ledger).await;
    assert!(is_full(&fault), "{fault:?}");
    assert!(fault.to_string().contains("full"), "{fault}");
    assert!(matches!(ledger.health(), Health::Bad(cause) if matches!(*cause, DbFault::Full(_))));
    let head = ledger.head();

    // Everyone in a group hears it, a part with rows of its own too, and reading goes on.
    let row = ledger.write(0, |batch| {
        Box::pin(async move {
            query("INSERT INTO ballast VALUES (zeroblob(500000))").execute(batch.connection().await?).await?;
            batch.entry(draft(0))
        })
    });
    let (one, two, three) = tokio::join!(add(&ledger, 1), row, add(&ledger, 2));
    assert!(is_full(&one.unwrap_err()));
    assert!(two.is_err());
    assert!(is_full(&three.unwrap_err()));
    assert_eq!(ledger.head(), head);
    assert!(ledger.verify_all().await.unwrap().is_good());
    assert!(ledger.entry(0).await.unwrap().is_some());

    let mut health = ledger.watch_health();
    assert!(!health.borrow().is_good());
    let mut shell = shell(folder.path()).await;
    run(&mut shell, "DELETE FROM ballast").await;
    // Nobody writes meanwhile: the ledger finds out alone.
    tokio::time::timeout(Duration::from_secs(60), health.wait_for(Health::is_good)).await.unwrap().unwrap();
    assert_eq!(add(&ledger, 3).await.unwrap(), head.size);
    assert!(ledger.verify_all().await.unwrap().is_good());
    assert_eq!(count(&ledger, "SELECT count(*) FROM audit_entry").await, head.size as i64 + 1);
}

#[tokio::test]
async fn takes_back_an_index_that_a_failed_group_gave_out() {
    let (folder, ledger) = fresh().await;
    fill_up(&ledger).await;
    let size = ledger.head().size;
    assert!(is_full(&add(&ledger, 7).await.unwrap_err()));
    let mut shell = shell(folder.path()).await;
    run(&mut shell, "DELETE FROM ballast").await;
    assert_eq!(add(&ledger, 8).await.unwrap(), size);
    assert!(ledger.health().is_good());
}

#[tokio::test]
async fn writes_no_entry_after_a_part_that_overlooked_that_its_transaction_is_gone() {
    let (_folder, ledger) = fresh().await;
    fill_up(&ledger).await;
    let size = ledger.head().size;
    let careless = ledger.write(0, |batch| {
        Box::pin(async move {
            let connection = batch.connection().await?;
            let refused = query("INSERT INTO ballast VALUES (zeroblob(500000))").execute(&mut *connection).await;
            assert!(refused.is_err());
            // Whatever made the statement fail: SQLite may do this to a transaction by itself.
            let _ = query("ROLLBACK").execute(connection).await;
            Ok(())
        })
    });
    let (careless, bystander) = tokio::join!(careless, add(&ledger, 1));
    assert!(careless.is_err());
    assert!(bystander.is_err());
    assert_eq!(count(&ledger, "SELECT coalesce(max(position) + 1, 0) FROM audit_entry").await, size as i64);
}

#[tokio::test]
async fn fails_the_whole_group_when_its_commit_fails_and_believes_the_disk_afterwards() {
    let (_folder, ledger) = fresh().await;
    add(&ledger, 0).await.unwrap();
    // A deferred foreign key lets every statement pass and the commit fail.
    ledger
        .write(0, |batch| {
            Box::pin(async move {
                let connection = batch.connection().await?;
                query("CREATE TABLE child (parent INTEGER REFERENCES audit_entry (position) DEFERRABLE INITIALLY DEFERRED)")
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    let orphan = ledger.write(0, |batch| {
        Box::pin(async move {
            query("INSERT INTO child VALUES (12345)").execute(batch.connection().await?).await?;
            batch.entry(draft(1))
        })
    });
    let (orphan, bystander) = tokio::join!(orphan, add(&ledger, 2));
    assert!(matches!(orphan, Err(WriteFault::Unwritable(_))), "{orphan:?}");
    assert!(matches!(bystander, Err(WriteFault::Unwritable(_))), "{bystander:?}");
    assert_eq!(ledger.head().size, 1);
    assert_eq!(add(&ledger, 3).await.unwrap(), 1);
    assert!(ledger.health().is_good());
    assert!(ledger.verify_all().await.unwrap().is_good());
}

#[tokio::test]
async fn does_not_write_on_after_someone_else_has() {
    let (folder, ledger) = fresh().await;
    add(&ledger, 0).await.unwrap();
    let mut shell = shell(folder.path()).await;
    run(&mut shell, "INSERT INTO audit_entry (position, leaf_hash, at, kind, actor, subject) VALUES (1, zeroblob(32), 0, 'forged', 'eve', '')").await;
    for n in 1..3 {
        assert!(matches!(add(&ledger, n).await, Err(WriteFault::Unwritable(_))));
        assert!(!ledger.health().is_good());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_more_in_the_line_hears_of_a_failure_before_that_is_run() {
    let (folder, ledger) = fresh().await;
    run(
        &mut shell(folder.path()).await,
        "CREATE TRIGGER stuck BEFORE INSERT ON audit_entry WHEN new.kind = 'stuck' BEGIN SELECT RAISE(ABORT, 'stuck'); END",
    )
    .await;
    let (say, heard) = std::sync::mpsc::channel();
    let (let_go, gone) = std::sync::mpsc::channel::<()>();
    let (ran, seen) = std::sync::mpsc::channel::<()>();
    let (say_first, say_both) = (say.clone(), say.clone());
    let first = move |batch: &mut Batch| {
        say.send("the first is run").unwrap();
        gone.recv().unwrap();
        batch.entry(Draft::new("stuck", "ana", "x")).map(drop)
    };
    let then = move |written: Result<(), WriteFault>| {
        // The second would have all this time to be run before the first is told.
        let alone = seen.recv_timeout(Duration::from_millis(50)).is_err();
        say_first.send(if written.is_err() && alone { "the first is told" } else { "too late" }).unwrap();
    };
    ledger.slot().await.unwrap().take(0, first, then);
    let next = move || tokio::task::block_in_place(|| heard.recv_timeout(Duration::from_secs(30))).unwrap();
    assert_eq!(next(), "the first is run");
    let second = move |batch: &mut Batch| {
        let _ = ran.send(());
        batch.entry(draft(1)).map(drop)
    };
    let then = move |written: Result<(), WriteFault>| {
        say_both.send(if written.is_ok() { "both are over" } else { "the second failed" }).unwrap();
    };
    ledger.slot().await.unwrap().take(0, second, then);
    let_go.send(()).unwrap();
    assert_eq!([next(), next()], ["the first is told", "both are over"]);
}
