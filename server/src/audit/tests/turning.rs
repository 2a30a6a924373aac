//! The key of the log is turned: who can follow, what a broken turn leaves, and what is refused.

use legator_engine::tlog::{Checkpoint, CheckpointFault, Keys, TURNED, Turn};

use super::*;

fn by_ana() -> Draft {
    Draft::new(TURNED, "ana", ORIGIN)
}

fn lines(data: &Path) -> Vec<String> {
    std::fs::read_to_string(data.join("log.key")).unwrap().lines().map(str::to_owned).collect()
}

async fn turn(ledger: &Ledger) -> Head {
    ledger.turn_key(7, by_ana(), None).await.unwrap()
}

/// The log taken up again, with the key file as it is.
async fn again(data: &Path) -> Result<Ledger, OpenFault> {
    let db = Db::open(data).await.unwrap();
    let (ledger, writer) = Ledger::open(db, key_file(data), ORIGIN).await?;
    tokio::spawn(writer);
    Ok(ledger)
}

#[tokio::test]
async fn the_turn_is_an_entry_and_its_checkpoint_is_signed_by_both() {
    let (folder, ledger) = fresh().await;
    fill(&ledger, 5).await;
    let (old, before) = (ledger.verifier(), lines(folder.path()));
    let head = turn(&ledger).await;
    let new = ledger.verifier();
    assert!(new != old && head.verifier.as_ref() == new.to_string() && head.size == 6);
    for key in [&old, &new] {
        assert_eq!(Checkpoint::open(&head.note, key).unwrap().size, 6);
    }
    let entry = ledger.entry(5).await.unwrap().unwrap();
    let told = Turn::read(entry.json.as_deref().unwrap()).unwrap().unwrap();
    assert_eq!((told.index, &told.old, &told.new), (5, &old, &new));
    // From here on the new key signs, alone.
    fill(&ledger, 2).await;
    let head = ledger.head();
    assert!(Checkpoint::open(&head.note, &new).is_ok() && Checkpoint::open(&head.note, &old).is_err());
    let keys = Keys::trusting(&old, &[told]).unwrap();
    assert_eq!(keys.open(&head.note).unwrap().size, 8);
    // The old private key is nowhere any more.
    let after = lines(folder.path());
    assert!(after.len() == 1 && after != before, "{}", after.len());
    let report = ledger.verify_all().await.unwrap();
    assert!(report.is_good() && report.turns == 1, "{report:?}");
}

#[tokio::test]
async fn kept_checkpoints_of_every_key_agree_and_an_old_keys_later_one_does_not() {
    let (_folder, ledger) = fresh().await;
    let mut kept = Vec::new();
    for _ in 0..3 {
        fill(&ledger, 3).await;
        kept.push(ledger.head().note);
        kept.push(turn(&ledger).await.note);
    }
    for note in &kept {
        ledger.agree(note).await.unwrap();
    }
    fill(&ledger, 3).await;
    let head = ledger.head();
    let thief = legator_engine::tlog::Signer::new(ORIGIN, key()).unwrap();
    let late = ledger.agree(&Checkpoint::sign(head.size, head.root, &thief)).await;
    assert!(matches!(late, Err(KeptFault::Foreign(CheckpointFault::Turned { size: 15 }))), "{late:?}");
    assert_eq!(ledger.verify_all().await.unwrap().turns, 3);
    let keys = ledger.log_keys().await.unwrap();
    let sizes: Vec<_> = keys.iter().map(|key| (key.from, key.until)).collect();
    assert_eq!(sizes, [(0, Some(4)), (4, Some(8)), (8, Some(12)), (12, None)]);
    assert!(keys[1..].iter().all(|key| key.cosigned.is_some() && key.began.as_ref().unwrap().kind == TURNED));
}

#[tokio::test]
async fn a_turn_ends_its_group_and_nothing_of_those_beside_it_is_lost() {
    let (_folder, ledger) = fresh().await;
    let writes = (0..200).map(|n| {
        let ledger = ledger.clone();
        tokio::spawn(async move { add(&ledger, n).await.unwrap() })
    });
    let writes: Vec<_> = writes.collect();
    let head = turn(&ledger).await;
    for write in writes {
        write.await.unwrap();
    }
    assert_eq!(ledger.head().size, 201);
    let last = ledger.entry(head.size - 1).await.unwrap().unwrap();
    assert_eq!(last.kind, TURNED, "the turn is the last entry of what both keys signed");
    let report = ledger.verify_all().await.unwrap();
    assert!(report.is_good(), "{report:?}");
}

#[tokio::test]
async fn of_two_who_looked_at_the_same_key_one_turns_it() {
    let (_folder, ledger) = fresh().await;
    let seen = ledger.verifier().to_string();
    let (one, two) = tokio::join!(ledger.turn_key(7, by_ana(), Some(&seen)), ledger.turn_key(7, by_ana(), Some(&seen)));
    let refused = if one.is_ok() { two } else { one };
    assert!(matches!(refused, Err(LogKeyFault::Turning | LogKeyFault::Another(_))), "{refused:?}");
    let late = ledger.turn_key(7, by_ana(), Some(&seen)).await;
    assert!(matches!(late, Err(LogKeyFault::Another(_))), "{late:?}");
    assert_eq!(ledger.keys().n_turns(), 1);
}

#[tokio::test]
async fn a_turn_that_was_not_written_leaves_the_old_key() {
    let (folder, ledger) = fresh().await;
    fill(&ledger, 3).await;
    let (old, before) = (ledger.verifier(), lines(folder.path()));
    // As if the server had died when the next key was in the file and nothing was signed with it.
    key_file(folder.path()).prepare(old.key()).unwrap();
    assert_eq!(lines(folder.path()).len(), 2);
    close(folder.path(), ledger).await;
    let ledger = again(folder.path()).await.unwrap();
    assert_eq!((ledger.verifier(), lines(folder.path())), (old, before));
    fill(&ledger, 3).await;
    assert!(ledger.verify_all().await.unwrap().is_good());
}

#[tokio::test]
async fn a_turn_that_was_written_goes_on_after_a_restart() {
    let (folder, ledger) = fresh().await;
    fill(&ledger, 3).await;
    let old = lines(folder.path());
    turn(&ledger).await;
    let new = lines(folder.path());
    close(folder.path(), ledger).await;
    // As if the server had died before the old key was destroyed.
    let both = format!("{}\n{}\n", old[0], new[0]);
    crate::vault::write_private(&folder.path().join("log.key"), both.as_bytes()).unwrap();
    let ledger = again(folder.path()).await.unwrap();
    assert_eq!(lines(folder.path()), new);
    fill(&ledger, 3).await;
    turn(&ledger).await;
    let report = ledger.verify_all().await.unwrap();
    assert!(report.is_good() && report.turns == 2, "{report:?}");
}

#[tokio::test]
async fn after_a_turn_the_log_does_not_open_with_the_old_key() {
    let (folder, ledger) = fresh().await;
    fill(&ledger, 3).await;
    let new = turn(&ledger).await.verifier;
    close(folder.path(), ledger).await;
    let refused = try_open(folder.path(), key(), ORIGIN).await;
    assert!(matches!(&refused, Err(OpenFault::Key { wanted }) if **wanted == *new), "{:?}", refused.err());
    // The refusal has not touched the file: the right one can be put back.
    assert_eq!(lines(folder.path()), [hex::encode(key().to_bytes())]);
}

#[tokio::test]
async fn while_the_log_cannot_be_written_its_key_is_not_turned_and_then_it_is() {
    let (folder, ledger) = fresh().await;
    fill(&ledger, 3).await;
    let old = ledger.verifier();
    let mut shell = shell(folder.path()).await;
    run(&mut shell, "CREATE TRIGGER stuck BEFORE INSERT ON audit_checkpoint BEGIN SELECT RAISE(ABORT, 'stuck'); END")
        .await;
    let refused = ledger.turn_key(7, by_ana(), None).await;
    assert!(matches!(refused, Err(LogKeyFault::Write(WriteFault::Unwritable(_)))), "{refused:?}");
    assert_eq!(ledger.verifier(), old);
    run(&mut shell, "DROP TRIGGER stuck").await;
    // What the broken turn left is put in order before anything else.
    ledger.settle_key().await.unwrap();
    assert_eq!(lines(folder.path()), [hex::encode(key().to_bytes())]);
    turn(&ledger).await;
    fill(&ledger, 2).await;
    let report = ledger.verify_all().await.unwrap();
    assert!(report.is_good() && report.turns == 1 && ledger.verifier() != old, "{report:?}");
}

/// A log with a turn in it, changed by `sql` behind its triggers.
async fn forged(sql: &'static str) -> (TempDir, Ledger) {
    let (folder, ledger) = fresh().await;
    fill(&ledger, 3).await;
    turn(&ledger).await;
    fill(&ledger, 3).await;
    let mut shell = shell(folder.path()).await;
    run(&mut shell, "DROP TRIGGER audit_body_update; DROP TRIGGER audit_body_delete; DROP TRIGGER audit_entry_update; DROP TRIGGER audit_checkpoint_update; DROP TRIGGER audit_checkpoint_delete").await;
    run(&mut shell, sql).await;
    (folder, ledger)
}

#[tokio::test]
async fn a_turn_that_was_forged_or_taken_away_is_found_and_does_not_open() {
    for sql in [
        "UPDATE audit_body SET json = replace(json, 'ana', 'eve') WHERE position = 3",
        "DELETE FROM audit_body WHERE position = 3",
        "UPDATE audit_entry SET kind = 'log-key.turned' WHERE position = 1",
    ] {
        let (folder, ledger) = forged(sql).await;
        assert!(!ledger.verify_all().await.unwrap().is_good(), "{sql}");
        close(folder.path(), ledger).await;
        assert!(matches!(again(folder.path()).await, Err(OpenFault::Lost(1 | 3))), "{sql}");
    }
    // Without the checkpoint that both signed, nobody who trusts the old key alone could follow by checkpoints.
    let cut = "DELETE FROM audit_checkpoint WHERE size = 4";
    let (_folder, ledger) = forged(cut).await;
    let finding = ledger.verify_all().await.unwrap().first_bad.unwrap();
    assert_eq!(finding, Finding { index: 3, flaw: Flaw::Turn });
}
