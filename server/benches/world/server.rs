//! The real server as a child process, for what is measured from outside.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// A server that ends with this value.
pub struct BenchServer {
    child: Child,
    pub base: String,
    pub address: String,
    pub key: String,
    /// From the start of the process to its first answer.
    pub first_answer: Duration,
}

impl BenchServer {
    /// Starts `binary` on `data` with plain HTTP on `port` of loopback. The bundle is the one that ships, but for the
    /// number of commands that one probe may run at once: the measurements are of the road, not of the queue.
    pub async fn start(binary: &str, data: &Path, port: u16) -> anyhow::Result<Self> {
        let bundle = data.join("bundle");
        for (path, bytes) in legator_engine::Bundle::shipped() {
            let text = String::from_utf8(bytes)?;
            let text = match path.as_str() {
                "scripts/admission/room.rhai" => text.replace("probe.running, 32)", "probe.running, 100000)"),
                _ => text,
            };
            let file = bundle.join(path);
            if !file.to_string_lossy().ends_with(".cases.toml") {
                std::fs::create_dir_all(file.parent().context("a bundle's file has a folder")?)?;
                std::fs::write(file, text)?;
            }
        }
        let address = format!("127.0.0.1:{port}");
        let started = Instant::now();
        let child = Command::new(binary)
            .args(["serve", "--plain-http", "--rate-per-s", "0", "--stranger-rate-per-s", "0"])
            .args(["--listen", &address, "--bundle"])
            .arg(&bundle)
            .arg("--data")
            .arg(data)
            .env("LEGATOR_LOG", "warn")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("could not start `{binary}`"))?;
        let base = format!("http://{address}");
        let mut server = Self { child, base, address, key: String::new(), first_answer: Duration::ZERO };
        let client = reqwest::Client::new();
        loop {
            if client.get(format!("{}/healthz", server.base)).send().await.is_ok() {
                break;
            }
            if started.elapsed() > Duration::from_secs(60) || server.child.try_wait()?.is_some() {
                bail!("the server did not answer");
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        server.first_answer = started.elapsed();
        server.key = std::fs::read_to_string(data.join("admin.key"))?;
        Ok(server)
    }

    /// Resident memory in KiB.
    pub fn rss_kib(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Processor time that it has used, in milliseconds.
    pub fn cpu_ms(&self) -> anyhow::Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<u64>().ok()).unwrap_or_default();
        Ok((ticks(11) + ticks(12)) * 10)
    }

    /// Ends it as `kill -9` would.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// An enrollment token of many uses, with a tag.
    pub async fn token(&self, tag: &str) -> anyhow::Result<String> {
        let body = serde_json::json!({ "tags": [tag], "max_uses": 100_000 });
        let answer: serde_json::Value = reqwest::Client::new()
            .post(format!("{}/api/v1/tokens", self.base))
            .bearer_auth(&self.key)
            .json(&body)
            .send()
            .await?
            .json()
            .await?;
        answer["token"].as_str().map(str::to_owned).with_context(|| answer.to_string())
    }
}

impl Drop for BenchServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
