//! Appends to the audit log, each caller waiting for its own commit: `cargo bench -p legator-server --bench audit`.
//!
//! One JSON line for each number of callers, without and with a row of their own beside the entry. The database is a file in the folder that `LEGATOR_BENCH_DIR` names, or the
//! system's temporary one: a disk that does not sync, such as a tmpfs, measures something else.

use std::time::{Duration, Instant};

use legator_server::audit::{Draft, KeyFile, Ledger};
use legator_server::clock::Clock;
use legator_server::db::Db;
use serde_json::json;

/// How long each number of callers appends.
const ROUND: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let folder = match std::env::var_os("LEGATOR_BENCH_DIR") {
        Some(path) => tempfile::tempdir_in(path)?,
        None => tempfile::tempdir()?,
    };
    let db = Db::open(folder.path()).await?;
    let (ledger, writer) =
        Ledger::open(db, KeyFile::at(folder.path().join("log.key"), Clock::system()), "bench.test/audit").await?;
    let writer = tokio::spawn(writer);
    ledger
        .write(0, |batch| {
            Box::pin(async move {
                sqlx::query("CREATE TABLE bench (n INTEGER PRIMARY KEY)").execute(batch.connection().await?).await?;
                Ok(())
            })
        })
        .await?;
    for rows in [0, 1] {
        for callers in [1, 16, 64, 256] {
            println!("{}", round(&ledger, callers, rows).await?);
        }
    }
    let started = Instant::now();
    let report = ledger.verify_all().await?;
    anyhow::ensure!(report.is_good(), "the log does not verify: {:?}", report.first_bad);
    let per_second = report.entries as f64 / started.elapsed().as_secs_f64();
    println!("{}", json!({ "measure": "audit-verify", "entries": report.entries, "per_second": per_second.round() }));
    drop(ledger);
    writer.await?;
    Ok(())
}

async fn round(ledger: &Ledger, callers: usize, rows: usize) -> anyhow::Result<serde_json::Value> {
    let started = Instant::now();
    let tasks: Vec<_> =
        (0..callers).map(|caller| tokio::spawn(append(ledger.clone(), caller, rows, started))).collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await??);
    }
    let seconds = started.elapsed().as_secs_f64();
    waits.sort_unstable();
    let at = |share: f64| {
        let rank = ((waits.len() as f64 * share) as usize).min(waits.len().saturating_sub(1));
        waits.get(rank).map_or(0.0, |wait| (wait.as_secs_f64() * 1e5).round() / 100.0)
    };
    Ok(json!({
        "measure": "audit-append",
        "callers": callers,
        "rows": rows,
        "appends": waits.len(),
        "per_second": (waits.len() as f64 / seconds).round(),
        "p50_ms": at(0.50),
        "p99_ms": at(0.99),
    }))
}

async fn append(ledger: Ledger, caller: usize, rows: usize, started: Instant) -> anyhow::Result<Vec<Duration>> {
    let mut waits = Vec::new();
    while started.elapsed() < ROUND {
        let draft = draft(caller, waits.len());
        let asked = Instant::now();
        ledger
            .write(asked.duration_since(started).as_millis() as i64, move |batch| {
                Box::pin(async move {
                    for _ in 0..rows {
                        sqlx::query("INSERT INTO bench DEFAULT VALUES").execute(batch.connection().await?).await?;
                    }
                    batch.entry(draft)
                })
            })
            .await?;
        waits.push(asked.elapsed());
    }
    Ok(waits)
}

/// As long as a decision's entry: about 500 bytes.
fn draft(caller: usize, n: usize) -> Draft {
    let draft = Draft::new("command.decided", format!("user{caller}"), format!("cmd_{caller:013}{n:013}"));
    let (command, probe) = (format!("cmd_{caller:013}{n:013}"), format!("prb_{:026}", n % 1000));
    Draft { command: Some(command), probe: Some(probe), ..draft }.body(json!({
        "outcome": "allow",
        "action": "diagnose",
        "line": "journalctl --unit nginx --since -1h --no-pager",
        "reasons": ["people-may-diagnose"],
        "facts": "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4",
        "revision": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    }))
}
