//! Searching, paging and proving.

use legator_engine::tlog::{Ticket, Tree, leaf_hash, verify_consistency};

use super::*;
use crate::tenant::{Reach, Tenant};

async fn found(ledger: &Ledger, filter: Filter) -> Vec<u64> {
    ledger.entries(&filter, None, 100).await.unwrap().entries.iter().map(|entry| entry.index).collect()
}

const NONE: [u64; 0] = [];

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn gives_back_what_was_written_byte_for_byte() {
    let (_folder, ledger) = fresh().await;
    add(&ledger, 0).await.unwrap();
    let entry = ledger.entry(0).await.unwrap().unwrap();
    let json = r#"{"v":1,"index":0,"at":1000,"kind":"command.decided","actor":"ana","subject":"cmd_0","command":"cmd_0","probe":"prb_0","tenant":null,"body":{"line":"echo \"100%_done\"","n":0}}"#;
    assert_eq!(entry.json.as_deref(), Some(json));
    assert_eq!(entry.leaf_hash, leaf_hash(json.as_bytes()));
    assert_eq!(entry.body().unwrap().to_string(), draft(0).body.get());
    assert_eq!((entry.at_ms, entry.kind.as_str(), entry.actor.as_str()), (1000, "command.decided", "ana"));
    assert_eq!(ledger.entry(1).await.unwrap(), None);
    assert_eq!(ledger.entry(u64::MAX).await.unwrap(), None);
}

#[tokio::test]
async fn finds_entries_by_every_filter() {
    let (_folder, ledger) = fresh().await;
    for n in 0..6 {
        add(&ledger, n).await.unwrap();
    }
    let other = Draft { kind: "commander.named", tenant: some("north"), ..draft(9) }.body(json!("100 done"));
    ledger.write(2000, move |batch| Box::pin(async move { batch.entry(other) })).await.unwrap();
    let all = Filter::default();
    assert_eq!(found(&ledger, all.clone()).await, [6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(found(&ledger, Filter { actor: some("ana"), ..all.clone() }).await, [4, 2, 0]);
    assert_eq!(found(&ledger, Filter { kind: some("command.decided"), ..all.clone() }).await, [5, 4, 3, 2, 1, 0]);
    assert_eq!(found(&ledger, Filter { kind: some("command."), ..all.clone() }).await, [5, 4, 3, 2, 1, 0]);
    assert_eq!(found(&ledger, Filter { kind: some("command"), ..all.clone() }).await, NONE);
    assert_eq!(found(&ledger, Filter { command: some("cmd_2"), ..all.clone() }).await, [2]);
    assert_eq!(found(&ledger, Filter { probe: some("prb_3"), ..all.clone() }).await, [3]);
    assert_eq!(
        found(&ledger, Filter { reach: Reach::of(Some([Tenant::named("north")].into()), [].into()), ..all.clone() })
            .await,
        [6]
    );
    assert_eq!(found(&ledger, Filter { since_ms: Some(1004), ..all.clone() }).await, [6, 5, 4]);
    assert_eq!(found(&ledger, Filter { until_ms: Some(1001), ..all.clone() }).await, [1, 0]);
    assert_eq!(found(&ledger, Filter { since_ms: Some(1002), until_ms: Some(1003), ..all.clone() }).await, [3, 2]);
    assert_eq!(found(&ledger, Filter { text: some("CMD_4"), ..all.clone() }).await, [4]);
    assert_eq!(found(&ledger, Filter { text: some("\"100%_DONE\""), ..all.clone() }).await, [5, 4, 3, 2, 1, 0]);
    assert_eq!(found(&ledger, Filter { text: some("100_done"), ..all.clone() }).await, NONE);
    assert_eq!(found(&ledger, Filter { text: some("' OR 1=1 --"), ..all.clone() }).await, NONE);
    let both = Filter { actor: some("ana"), text: some("cmd_2"), ..all };
    assert_eq!(found(&ledger, both).await, [2]);
}

#[tokio::test]
async fn finds_an_entry_whose_clock_ran_ahead_of_a_later_one() {
    let (_folder, ledger) = fresh().await;
    for at_ms in [100, 300, 200, 250] {
        ledger.write(at_ms, |batch| Box::pin(async move { batch.entry(draft(0)) })).await.unwrap();
    }
    assert_eq!(found(&ledger, Filter { since_ms: Some(200), ..Filter::default() }).await, [3, 2, 1]);
    assert_eq!(found(&ledger, Filter { since_ms: Some(301), ..Filter::default() }).await, NONE);
}

#[tokio::test]
async fn pages_to_the_end_without_a_gap_or_a_repeat() {
    let (_folder, ledger) = fresh().await;
    fill(&ledger, 23).await;
    let filter = Filter { actor: some("ana"), ..Filter::default() };
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = ledger.entries(&filter, before, 4).await.unwrap();
        assert!(page.entries.len() <= 4);
        seen.extend(page.entries.iter().map(|entry| entry.index));
        // What is written meanwhile is newer than the first page and disturbs none.
        add(&ledger, 0).await.unwrap();
        match page.next {
            Some(next) => before = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, (0..23).rev().filter(|n| n % 2 == 0).collect::<Vec<_>>());
}

#[tokio::test]
async fn says_that_a_page_is_the_last_when_it_is_exactly_full() {
    let (_folder, ledger) = fresh().await;
    fill(&ledger, 4).await;
    let page = ledger.entries(&Filter::default(), None, 4).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (4, None));
}

#[tokio::test]
async fn proves_entries_and_growth_across_stored_levels() {
    let (folder, ledger) = fresh().await;
    // More than 65,536 entries, so that the second stored level has a hash.
    let mut kept = vec![(0, Hash::of_nothing())];
    for step in [1, 255, 1, 700, 64_000, 579, 1, 463] {
        fill(&ledger, step).await;
        kept.push((ledger.head().size, ledger.head().root));
    }
    let head = ledger.head();
    assert_eq!(head.size, 66_000);
    for index in [0, 1, 254, 255, 256, 957, 40_000, 65_535, 65_536, 65_999] {
        let entry = ledger.entry(index).await.unwrap().unwrap();
        let proof = ledger.proof(index).await.unwrap().unwrap();
        assert_eq!(proof.leaf_hash, entry.leaf_hash);
        let ticket = Ticket::parse(&proof.ticket.to_string()).unwrap();
        let json = entry.json.unwrap();
        assert_eq!(ticket.verify(json.as_bytes(), &ledger.verifier()).unwrap().root, head.root);
    }
    assert!(ledger.proof(66_000).await.unwrap().is_none());
    for (old, root) in kept {
        let proof = ledger.consistency(old).await.unwrap();
        assert_eq!(verify_consistency(old, root, head.size, head.root, &proof.path), Ok(()));
    }
    assert!(matches!(ledger.consistency(66_001).await, Err(ReadFault::Plan(_))));
    let report = ledger.verify_all().await.unwrap();
    assert_eq!((report.entries, report.checkpoints, report.first_bad), (66_000, 8, None));
    close(folder.path(), ledger).await;
    assert_eq!(open(folder.path()).await.head(), head);
}

#[tokio::test]
async fn agrees_with_every_checkpoint_that_it_ever_signed() {
    let (_folder, ledger) = fresh().await;
    let mut kept = vec![ledger.head().note];
    for n in 0..9 {
        add(&ledger, n).await.unwrap();
        kept.push(ledger.head().note);
    }
    for note in kept {
        ledger.agree(&note).await.unwrap();
    }
}

#[tokio::test]
async fn leads_to_the_root_that_anyone_computes_from_the_entries() {
    let (_folder, ledger) = fresh().await;
    fill(&ledger, 37).await;
    let mut tree = Tree::new();
    for index in 0..37 {
        let entry = ledger.entry(index).await.unwrap().unwrap();
        tree.append(leaf_hash(entry.json.unwrap().as_bytes()), |_, _| {});
    }
    assert_eq!(tree.root(), ledger.head().root);
}
