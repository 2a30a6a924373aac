//! The real programs as child processes, for stories and for crash tests.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::person::Base;
use crate::{PATIENCE, Person};

/// A server and a probe as processes of their own, on folders of their own. Both die with this.
pub struct Programs {
    pub folder: TempDir,
    server_program: PathBuf,
    probe_program: PathBuf,
    address: String,
    server: Option<Child>,
    probe: Option<Child>,
    base: Base,
}

impl Programs {
    /// `server` is the server's program (`env!("CARGO_BIN_EXE_legator")`); the probe's stands beside it.
    pub fn new(server: &str) -> Self {
        let server_program = PathBuf::from(server);
        let probe_program = server_program.with_file_name("legator-probe");
        assert!(probe_program.exists(), "`{}` is missing: run `cargo build -p legator-probe`", probe_program.display());
        // The port stays the same over restarts, so that the probe finds the server again.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let base = Arc::new(Mutex::new(format!("http://{address}")));
        let folder = tempfile::tempdir().unwrap();
        Self { folder, server_program, probe_program, address, server: None, probe: None, base }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn etc(&self) -> PathBuf {
        self.folder.path().join("etc")
    }

    /// Starts the server; with a crash point it dies there.
    pub fn start_server(&mut self, crash_at: Option<&str>) {
        self.kill_server();
        let mut command = Command::new(&self.server_program);
        command.args(["serve", "--plain-http", "--listen", &self.address]).arg("--data").arg(self.data());
        match crash_at {
            Some(point) => command.env("LEGATOR_CRASH_AT", point),
            None => command.env_remove("LEGATOR_CRASH_AT"),
        };
        self.server = Some(command.stderr(log(&self.folder.path().join("server.log"))).spawn().unwrap());
    }

    /// Waits until the server answers. `false` if it ended instead.
    pub async fn server_answers(&mut self) -> bool {
        let client = crate::http();
        let url = format!("http://{}/healthz", self.address);
        let end = tokio::time::Instant::now() + PATIENCE;
        while tokio::time::Instant::now() < end {
            if client.get(&url).send().await.is_ok() {
                return true;
            }
            if self.server.as_mut().is_none_or(|server| server.try_wait().unwrap().is_some()) {
                return false;
            }
            tokio::task::yield_now().await;
        }
        panic!("the server does not answer; see {}", self.told());
    }

    /// Waits until the server has ended by itself.
    pub async fn server_ends(&mut self) -> ExitStatus {
        let server = self.server.as_mut().unwrap();
        let ended = async {
            let mut round = tokio::time::interval(std::time::Duration::from_millis(10));
            loop {
                round.tick().await;
                if let Some(status) = server.try_wait().unwrap() {
                    return status;
                }
            }
        };
        let Ok(status) = tokio::time::timeout(PATIENCE, ended).await else {
            panic!("the server does not end: {}", self.told())
        };
        self.server = None;
        status
    }

    /// Enrolls the probe, as an administrator of the host would.
    pub async fn enroll(&mut self, name: &str) {
        let token = self.admin().post("/api/v1/tokens", json!({ "name": name })).await.is(201);
        let enrolled = self
            .probe_command()
            .args(["init", "--server", &format!("http://{}", self.address), "--name", name])
            .args(["--token", token["token"].as_str().unwrap()])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(enrolled.success(), "the probe did not enroll: {}", self.told());
    }

    pub fn start_probe(&mut self) {
        self.kill_probe();
        self.probe = Some(self.probe_command().arg("run").spawn().unwrap());
    }

    /// `kill -9`.
    pub fn kill_server(&mut self) {
        end(self.server.take());
    }

    /// `kill -9`.
    pub fn kill_probe(&mut self) {
        end(self.probe.take());
    }

    pub fn admin(&self) -> Person {
        let key = std::fs::read_to_string(self.data().join("admin.key")).unwrap_or_default();
        Person::new("admin", "", Some(key.trim().to_owned()), &self.base, &crate::http())
    }

    /// Where the server listens, and the administrator's key: what a command line needs.
    pub fn door(&self) -> (String, String) {
        let key = std::fs::read_to_string(self.data().join("admin.key")).unwrap_or_default();
        (format!("http://{}", self.address), key.trim().to_owned())
    }

    /// Every command there is.
    pub async fn commands(&self) -> Vec<Value> {
        let page = self.admin().get("/api/v1/commands?limit=500").await.is(200);
        page["commands"].as_array().unwrap().clone()
    }

    /// What both have logged.
    pub fn told(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        format!("server:\n{}\nprobe:\n{}", read("server.log"), read("probe.log"))
    }

    fn probe_command(&self) -> Command {
        let mut command = Command::new(&self.probe_program);
        command.arg("--config-dir").arg(self.etc()).arg("--state-dir").arg(self.folder.path().join("var"));
        command.env("LEGATOR_MACHINE_ID", "machine-1").stderr(log(&self.folder.path().join("probe.log")));
        command
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        self.kill_server();
        self.kill_probe();
    }
}

fn log(path: &Path) -> Stdio {
    std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap().into()
}

fn end(child: Option<Child>) {
    if let Some(mut child) = child {
        let _ = child.kill();
        let _ = child.wait();
    }
}
