//! 10,000 idle probes: memory each, one command to all of them and every result back, and all of them back after a restart.
//!
//! The server is the real binary; the probes are sockets of this process that speak the real wire. Plain HTTP on
//! loopback: TLS adds its own buffers. `cargo bench -p legator-server --bench hub`; `LEGATOR_BENCH_PROBES` says how many.

mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;
use world::server::BenchServer;
use world::swarm::{Seen, enroll, live};

const PORT: u16 = 18_472;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let n: usize = std::env::var("LEGATOR_BENCH_PROBES").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let folder = tempfile::tempdir()?;
    let binary = env!("CARGO_BIN_EXE_legator");
    let server = BenchServer::start(binary, folder.path(), PORT).await?;
    let token = server.token("swarm").await?;
    let enrolling = Instant::now();
    let members = enroll(&server.base, &token, n).await?;
    println!("{}", json!({ "name": "hub: enroll", "n": n, "s": seconds(enrolling) }));
    let before = server.rss_kib()?;

    let seen = Arc::new(Seen::default());
    let connecting = Instant::now();
    for member in members {
        tokio::spawn(live(server.address.clone(), member, Arc::clone(&seen)));
    }
    connected(&server, &seen, n).await?;
    println!("{}", json!({ "name": "hub: connect", "n": n, "s": seconds(connecting) }));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let after = server.rss_kib()?;
    let each = (after.saturating_sub(before)) as f64 / n as f64;
    println!(
        "{}",
        json!({ "name": "hub: memory", "n": n, "kib_each": (each * 10.0).round() / 10.0, "server_mib": after / 1024 })
    );

    for round in 1..=3 {
        let (ran, settled) = (seen.ran.load(Ordering::Relaxed), seen.settled.load(Ordering::Relaxed));
        let cpu = server.cpu_ms()?;
        let asked = Instant::now();
        ask_all(&server).await?;
        let recorded = seconds(asked);
        while seen.ran.load(Ordering::Relaxed) < ran + n {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let delivered = seconds(asked);
        while seen.settled.load(Ordering::Relaxed) < settled + n {
            anyhow::ensure!(asked.elapsed() < Duration::from_secs(120), "commands stay open");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let every_result = seconds(asked);
        println!(
            "{}",
            json!({
                "name": format!("hub: one command to all, round {round}"), "n": n,
                "recorded_s": recorded, "ran_s": delivered, "every_result_s": every_result,
                "server_cpu_s": (server.cpu_ms()? - cpu) as f64 / 1000.0,
            })
        );
    }

    let cpu = server.cpu_ms()?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let idle = (server.cpu_ms()? - cpu) as f64 / 10_000.0 * 100.0;
    println!("{}", json!({ "name": "hub: idle processor", "n": n, "percent_of_a_core": (idle * 10.0).round() / 10.0 }));

    server.kill()?;
    let restarting = Instant::now();
    let server = BenchServer::start(binary, folder.path(), PORT).await?;
    connected(&server, &seen, n).await?;
    println!("{}", json!({ "name": "hub: all back after a restart", "n": n, "s": seconds(restarting) }));
    Ok(())
}

/// Waits until the server itself says that all are connected.
async fn connected(server: &BenchServer, seen: &Seen, n: usize) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        if seen.connected.load(Ordering::Relaxed) >= n {
            let health: serde_json::Value = client.get(format!("{}/healthz", server.base)).send().await?.json().await?;
            if health["probes_connected"].as_u64() >= Some(n as u64) {
                return Ok(());
            }
        }
        anyhow::ensure!(Instant::now() < deadline, "{} of {n} connected", seen.connected.load(Ordering::Relaxed));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn ask_all(server: &BenchServer) -> anyhow::Result<()> {
    let answer: serde_json::Value = reqwest::Client::new()
        .post(format!("{}/api/v1/fleet/by-tag/swarm/command", server.base))
        .bearer_auth(&server.key)
        .json(&json!({ "argv": ["uptime"] }))
        .send()
        .await?
        .json()
        .await?;
    anyhow::ensure!(answer["group"].is_string(), "{answer}");
    Ok(())
}

fn seconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 100.0).round() / 100.0
}
