//! What has to be true of every world, whatever happened in it: the log verifies, every stored decision is what the
//! engine decides from its stored facts, and every command has a story without a missing page.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use legator_engine::Bundle;
use legator_engine::replay::{Kind, Record, replay};
use sqlx::Row as _;

use crate::{Database, Person};

/// Looks at a server's data; through its API as well, if it runs.
pub async fn look_back(data: &Path, auditor: Option<&Person>) {
    if let Some(auditor) = auditor {
        // Asking for them has what is still in memory written down.
        auditor.get("/api/v1/decisions/operations?limit=1").await.is(200);
    }
    let mut database = Database::open(&data.join("legator.db")).await;
    // Something may go on while it is looked at: all of it is looked at as it is now.
    database.run("BEGIN").await;
    every_decision_is_replayed_to_the_byte(&mut database).await;
    every_command_has_its_story(&mut database).await;
    database.run("COMMIT").await;
    if let Some(auditor) = auditor {
        let report = auditor.get("/api/v1/audit/verify").await.is(200);
        assert_eq!(report["ok"], true, "{report}");
        let metrics = auditor.get("/api/v1/metrics").await.text;
        assert!(metrics.contains("\nlegator_index_mismatches_total 0\n"), "the scope index and plain Cedar disagree");
    }
}

/// The identity that replay promises: under the revision that made it, a decision comes out the same to the byte.
async fn every_decision_is_replayed_to_the_byte(database: &mut Database) {
    let decisions = "SELECT command, n, at, revision, facts, decision FROM command_decision UNION ALL \
                     SELECT id, 1, at, json_extract(decision, '$.revision'), facts, decision FROM identity_asked";
    for row in database.rows(decisions).await {
        let (command, n, at): (String, u32, i64) = (row.get(0), row.get(1), row.get(2));
        let (facts, decision): (String, String) = (row.get(4), row.get(5));
        let bundle = bundle(database, row.get(3)).await;
        let which = format!("{command}, judgement {n}");
        let record = Record::read(&command, n, at, &facts, &decision).unwrap_or_else(|why| panic!("{which}: {why}"));
        assert_eq!(record.facts.canonical(), facts, "the facts of {which}");
        let replayed = replay(&bundle, &record).unwrap_or_else(|why| panic!("{which}: {why}"));
        assert_eq!(replayed.decision.canonical(), decision, "{which}");
        assert_eq!((replayed.kind, replayed.identical), (Kind::Same, Some(true)), "{which}");
    }
}

/// A revision as the database keeps it. Loading one takes a moment, and most worlds have the same.
async fn bundle(database: &mut Database, revision: &str) -> Arc<Bundle> {
    static LOADED: LazyLock<Mutex<HashMap<String, Arc<Bundle>>>> = LazyLock::new(Mutex::default);
    if let Some(loaded) = LOADED.lock().unwrap().get(revision) {
        return Arc::clone(loaded);
    }
    let kept =
        format!("SELECT path, text FROM policy_file JOIN policy_text USING (digest) WHERE revision = '{revision}'");
    let rows = database.rows(&kept).await;
    let files: BTreeMap<String, Vec<u8>> =
        rows.iter().map(|row| (row.get(0), row.get::<String, _>(1).into_bytes())).collect();
    let bundle = Arc::new(Bundle::load(&files).unwrap());
    assert_eq!(bundle.revision(), revision);
    LOADED.lock().unwrap().insert(revision.to_owned(), Arc::clone(&bundle));
    bundle
}

async fn every_command_has_its_story(database: &mut Database) {
    let commands = "SELECT id, state, sealable IS NOT NULL, started_at IS NOT NULL FROM command_command";
    for row in database.rows(commands).await {
        let (id, state): (String, String) = (row.get(0), row.get(1));
        let (cleared, started): (bool, bool) = (row.get(2), row.get(3));
        let told = database
            .rows(&format!(
                "SELECT kind, coalesce(json_extract(json, '$.body.state'), '') FROM audit_entry JOIN audit_body USING (position) \
                 WHERE command = '{id}' ORDER BY position"
            ))
            .await;
        let told: Vec<(String, String)> = told.iter().map(|row| (row.get(0), row.get(1))).collect();
        let at = |kind: &str| told.iter().position(|(told, _)| told == kind);
        let say = format!("{id} is {state}: {told:?}");

        assert_eq!(at("command.decided"), Some(0), "{say}");
        let allowed = told.iter().position(|(kind, state)| kind == "command.decided" && state == "dispatched");
        assert_eq!(allowed.is_some(), cleared, "{say}");
        if started {
            assert!(at("command.started") > allowed && allowed.is_some(), "{say}");
        }
        let ends: Vec<_> = told.iter().filter(|(kind, _)| kind == "command.settled").collect();
        let refused = told.iter().any(|(kind, state)| kind == "command.decided" && state == "denied");
        let found = at("command.found").is_some();
        let open = ["held", "queued", "dispatched", "running"].contains(&state.as_str());
        assert_eq!(ends.len() + usize::from(refused), usize::from(!open), "{say}");
        if let Some((_, last)) = ends.first() {
            assert!(*last == state || (found && last == "lost"), "{say}");
        }
        let gaps = format!("SELECT max(seq) - count(*) FROM command_event WHERE command = '{id}'");
        assert_eq!(database.number(&gaps).await, 0, "the events of {say}");
    }
}
