//! The whole road with a durable log: ask over HTTP, decide, record, seal, a probe's answers, and the end back to the caller.
//!
//! The server is the real binary on SQLite (`synchronous=FULL`); the probe speaks the real wire and pretends to run.
//! Callers, server and probe share the machine. `cargo bench -p legator-server --bench road`.

mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use world::server::BenchServer;
use world::swarm::{Seen, enroll, live};

const ROUND: Duration = Duration::from_secs(8);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let server = BenchServer::start(env!("CARGO_BIN_EXE_legator"), folder.path(), 18_471).await?;
    println!("{}", json!({ "name": "server: start to first answer", "ms": server.first_answer.as_millis() }));
    println!("{}", json!({ "name": "server: idle memory", "rss_mib": server.rss_kib()? / 1024 }));
    let token = server.token("bench").await?;
    let members = enroll(&server.base, &token, 1).await?;
    let seen = Arc::new(Seen::default());
    let probe = members[0].probe.to_string();
    tokio::spawn(live(server.address.clone(), members[0].clone(), Arc::clone(&seen)));
    while seen.connected.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for callers in [1, 16, 64] {
        println!("{}", round(&server, &probe, callers, "").await?);
    }
    // The same with a bundle in the shadow: the live one, so that both decide the same amount.
    let shadow = format!("{}/api/v1/bundles/live/shadow", server.base);
    let answer = reqwest::Client::new().post(shadow).bearer_auth(&server.key).send().await?;
    anyhow::ensure!(answer.status().is_success(), "{}", answer.text().await?);
    for callers in [1, 64] {
        println!("{}", round(&server, &probe, callers, ", with a shadow").await?);
    }
    server.kill()
}

async fn round(server: &BenchServer, probe: &str, callers: usize, how: &str) -> anyhow::Result<serde_json::Value> {
    let url = format!("{}/api/v1/probes/{probe}/command?wait=true", server.base);
    let stop = Arc::new(AtomicBool::new(false));
    let cpu = server.cpu_ms()?;
    let started = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..callers {
        let (url, key, stop) = (url.clone(), server.key.clone(), Arc::clone(&stop));
        tasks.push(tokio::spawn(async move {
            let client = reqwest::Client::new();
            let body = json!({ "argv": ["uptime"] });
            let mut took = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let asked = Instant::now();
                let answer = client.post(&url).bearer_auth(&key).json(&body).send().await?;
                anyhow::ensure!(answer.status().as_u16() == 200, "{}", answer.text().await?);
                answer.bytes().await?;
                took.push(asked.elapsed());
            }
            Ok(took)
        }));
    }
    tokio::time::sleep(ROUND).await;
    stop.store(true, Ordering::Relaxed);
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await??);
    }
    let wall = started.elapsed().as_secs_f64();
    took.sort();
    let ms = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    let commands = took.len();
    Ok(json!({
        "name": format!("road: {callers} callers{how}"),
        "n": commands,
        "per_s": (commands as f64 / wall) as u64,
        "p50_ms": (ms(0.5) * 100.0).round() / 100.0,
        "p99_ms": (ms(0.99) * 100.0).round() / 100.0,
        "server_cpu_us_each": (server.cpu_ms()? - cpu) * 1000 / commands.max(1) as u64,
    }))
}
