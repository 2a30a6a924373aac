//! Bundles of 10,000 policies over HTTP: published, put in force, one policy changed, taken back.
//!
//! The server is the real binary on SQLite (`synchronous=FULL`). `cargo bench -p legator-server --bench bundles`.

#[expect(dead_code, reason = "the measurements share one world, and this one has no probes")]
mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use serde_json::{Value, json};
use world::server::BenchServer;

const POLICIES: usize = 10_000;
const IN_A_FILE: usize = 100;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let server = BenchServer::start(env!("CARGO_BIN_EXE_legator"), folder.path(), 18_473).await?;
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for file in 0..POLICIES / IN_A_FILE {
        files.insert(format!("policies/many/f{file:03}.cedar"), policies(file, "This service is frozen."));
    }
    let first = publish(&server, "10,000 policies", json!({ "base": "active", "files": files })).await?;
    activate(&server, "10,000 policies", &first).await?;
    let changed = json!({ "policies/many/f007.cedar": policies(7, "This service is closed.") });
    let second =
        publish(&server, "one policy of 10,000 changed", json!({ "base": "active", "files": changed })).await?;
    activate(&server, "one policy of 10,000 changed", &second).await?;
    post(&server, "bundle: roll back, 10,000 policies", "bundles/rollback", json!({})).await?;
    println!("{}", json!({ "name": "bundle: memory with 10,000 policies", "rss_mib": server.rss_kib()? / 1024 }));
    server.kill()
}

/// A mixed file: by tag, by role, by person, with conditions and without.
fn policies(file: usize, rationale: &str) -> String {
    let mut text = String::new();
    for n in file * IN_A_FILE..(file + 1) * IN_A_FILE {
        let _ = writeln!(text, "@id(\"p{n}\")\n@rationale(\"{rationale}\")");
        let _ = match n % 4 {
            0 => writeln!(text, "forbid (principal, action == Action::\"destroy\", resource in Tag::\"svc-{n}\");"),
            1 => writeln!(
                text,
                "permit (principal in Role::\"r{n}\", action in Action::\"command\", resource in Tag::\"svc-{n}\") when {{ !context.tainted }};"
            ),
            2 => writeln!(
                text,
                "forbid (principal in Group::\"g{n}\", action == Action::\"remediate\", resource) unless {{ context.approvals.count >= 1 }};"
            ),
            _ => writeln!(
                text,
                "permit (principal == User::\"usr_{n}\", action == Action::\"observe\", resource) when {{ context.time.hour < 20 }};"
            ),
        };
    }
    text
}

async fn publish(server: &BenchServer, name: &str, body: Value) -> anyhow::Result<String> {
    let out = post(server, &format!("bundle: publish, {name}"), "bundles", body).await?;
    anyhow::ensure!(out["passed"] == true, "{out}");
    Ok(out["revision"].as_str().unwrap_or_default().to_owned())
}

async fn activate(server: &BenchServer, name: &str, revision: &str) -> anyhow::Result<()> {
    let path = format!("bundles/{revision}/activate");
    post(server, &format!("bundle: put in force, {name}"), &path, json!({})).await.map(drop)
}

async fn post(server: &BenchServer, name: &str, path: &str, body: Value) -> anyhow::Result<Value> {
    let client = reqwest::Client::new();
    let request = client.post(format!("{}/api/v1/{path}", server.base)).bearer_auth(&server.key).json(&body);
    let started = Instant::now();
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    anyhow::ensure!(status.is_success(), "{name}: {text}");
    println!("{}", json!({ "name": name, "ms": started.elapsed().as_secs_f64() * 1000.0 }));
    Ok(serde_json::from_str(&text)?)
}
