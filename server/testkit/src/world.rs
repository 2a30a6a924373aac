//! The world: one server in this process, on a runtime of its own, so that it can be ended and started again as a whole.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use legator_protocol::CommandId;
use legator_server::app::App;
use legator_server::clock::Clock;
use legator_server::command::State;
use legator_server::config::{Bundles, Config};
use legator_server::http;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::person::Base;
use crate::{Database, Host, Person, aftermath, soon};

/// When the manual clock of a world begins.
pub const MORNING: i64 = 1_800_000_000_000;

/// How a world is to be.
#[derive(Default)]
pub struct Plan {
    clock: Option<Clock>,
    bundle: Option<PathBuf>,
    bundles: Option<Bundles>,
    configure: Option<Configure>,
}

type Configure = Box<dyn FnOnce(&mut Config) + Send>;

/// A server, its people and its hosts.
pub struct World {
    config: Config,
    clock: Clock,
    base: Base,
    http: reqwest::Client,
    admin_key: String,
    server: Option<Server>,
    folder: TempDir,
}

/// One start of the server.
struct Server {
    app: App,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Plan {
    /// The clock stands still until the test moves it.
    pub fn with_manual_clock(mut self) -> Self {
        self.clock = Some(Clock::manual(MORNING));
        self
    }

    /// The bundle is read from this folder, and watched.
    pub fn with_bundle(mut self, folder: &Path) -> Self {
        self.bundle = Some(folder.to_owned());
        self
    }

    /// Bundles come from here, and come into force as it says.
    pub fn with_bundles(mut self, bundles: Bundles) -> Self {
        self.bundles = Some(bundles);
        self
    }

    /// Whatever else is to be different.
    pub fn configure(&mut self, change: impl FnOnce(&mut Config) + Send + 'static) {
        self.configure = Some(Box::new(change));
    }

    pub async fn start(self) -> World {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { bundle: self.bundle, ..Config::on_loopback(&folder.path().join("data")) };
        config.bundles = self.bundles.unwrap_or(config.bundles);
        if let Some(configure) = self.configure {
            configure(&mut config);
        }
        let clock = self.clock.unwrap_or_else(Clock::system);
        let base = Arc::new(Mutex::new(String::new()));
        let mut world =
            World { config, clock, base, http: crate::http(), admin_key: String::new(), server: None, folder };
        world.begin().await.unwrap();
        world.admin_key = std::fs::read_to_string(world.data().join("admin.key")).unwrap().trim().to_owned();
        world
    }
}

impl World {
    /// A fresh server with the shipped bundle, by the system's clock.
    pub async fn start() -> Self {
        Plan::default().start().await
    }

    pub fn plan() -> Plan {
        Plan::default()
    }

    /// The running server's handles.
    pub fn app(&self) -> &App {
        &self.server.as_ref().unwrap().app
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn base(&self) -> String {
        self.base.lock().unwrap().clone()
    }

    pub fn data(&self) -> &Path {
        &self.config.data
    }

    /// A folder of this world's own, beside the server's data.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The database file, behind the server's back.
    pub async fn database(&self) -> Database {
        Database::open(&self.data().join("legator.db")).await
    }

    /// Ends the server, as if its process had ended: what it was doing stops where it is.
    pub async fn stop(&mut self) {
        let Some(Server { app, stop, thread }) = self.server.take() else { return };
        drop(app);
        let _ = stop.send(());
        tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
    }

    /// Starts the server again on the same folder; says why if it does not start.
    pub async fn begin(&mut self) -> Result<(), String> {
        let (ready, started) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let (config, clock) = (self.config.clone(), self.clock.clone());
        let thread = std::thread::spawn(move || run(&config, clock, ready, stopped));
        match soon("the server to start", started).await.unwrap() {
            Ok((app, base)) => {
                *self.base.lock().unwrap() = base;
                self.server = Some(Server { app, stop, thread });
                Ok(())
            }
            Err(fault) => {
                thread.join().unwrap();
                Err(fault)
            }
        }
    }

    /// Ends the server and starts it again.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.begin().await.unwrap();
    }

    /// The first administrator.
    pub fn admin(&self) -> Person {
        Person::new("admin", "", Some(self.admin_key.clone()), &self.base, &self.http)
    }

    /// Somebody without a key.
    pub fn stranger(&self) -> Person {
        Person::new("stranger", "", None, &self.base, &self.http)
    }

    /// Somebody new with these roles, and a key.
    pub async fn person(&self, name: &str, roles: &[&str]) -> Person {
        let admin = self.admin();
        let made = admin.post("/api/v1/users", json!({ "name": name, "roles": roles })).await.is(201);
        let key = admin.post("/api/v1/auth/keys", json!({ "user": name, "name": "laptop" })).await.is(201);
        let key = key["plain_key"].as_str().unwrap().to_owned();
        Person::new(name, made["id"].as_str().unwrap(), Some(key), &self.base, &self.http)
    }

    /// Somebody new with these roles and grants, and a key.
    pub async fn granted(&self, name: &str, roles: &[&str], grants: &[&str]) -> Person {
        let new = json!({ "name": name, "roles": roles, "grants": grants });
        self.keyed(new).await
    }

    /// Somebody new as `new` says, and a key.
    pub async fn keyed(&self, new: Value) -> Person {
        let (admin, name) = (self.admin(), new["name"].as_str().unwrap().to_owned());
        let made = admin.post("/api/v1/users", new).await.is(201);
        let key = admin.post("/api/v1/auth/keys", json!({ "user": name, "name": format!("{name} key") })).await.is(201);
        let key = key["plain_key"].as_str().unwrap().to_owned();
        Person::new(&name, made["id"].as_str().unwrap(), Some(key), &self.base, &self.http)
    }

    /// A tenant, of nobody's organization.
    pub async fn tenant(&self, name: &str) {
        self.admin().post("/api/v1/tenants", json!({ "name": name })).await.is(201);
    }

    /// An enrollment token, made with these wishes.
    pub async fn token(&self, wishes: Value) -> Value {
        self.admin().post("/api/v1/tokens", wishes).await.is(201)
    }

    /// An enrolled host that is not connected yet.
    pub async fn host(&self, name: &str, tags: &[&str]) -> Host {
        self.host_with(name, json!({ "name": name, "tags": tags })).await
    }

    /// An enrolled host, by a token that is made with these wishes.
    pub async fn host_with(&self, name: &str, wishes: Value) -> Host {
        let token = self.token(wishes).await;
        let answer = self.stranger().post("/api/v1/register", registration(&token["token"], name)).await;
        Host::enrolled(&answer.is(201), &self.base)
    }

    /// Waits until an open command is in `state`, or has ended.
    pub async fn until(&self, command: &str, state: State) {
        let id: CommandId = command.parse().unwrap();
        let Some(mut tick) = self.app().road.follow(id) else { return };
        let seen = tick.wait_for(|tick| tick.state == state || tick.state.ended());
        soon(state.as_str(), seen).await.unwrap();
    }

    /// Audit entries of a kind (or of a noun: `command.`), oldest first.
    pub async fn entries(&self, kind: &str) -> Vec<Value> {
        let page = self.admin().get(&format!("/api/v1/audit?kind={kind}&limit=1000")).await.is(200);
        page["entries"].as_array().unwrap().iter().rev().cloned().collect()
    }

    /// Waits until the log has an entry of `kind` that `fits`.
    pub async fn entry(&self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut head = self.app().ledger.watch();
        let waiting = async {
            loop {
                head.borrow_and_update();
                if let Some(found) = self.entries(kind).await.into_iter().find(|entry| fits(entry)) {
                    return found;
                }
                head.changed().await.unwrap();
            }
        };
        soon(kind, waiting).await
    }

    /// What a counter stands at, by its name with labels.
    pub async fn counted(&self, series: &str) -> u64 {
        let text = self.admin().get("/api/v1/metrics").await.text;
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// Ends the world, after a look at what has to be true of every one.
    pub async fn end(mut self) {
        aftermath::look_back(self.data(), Some(&self.admin())).await;
        self.stop().await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(Server { app, stop, thread }) = self.server.take() {
            drop(app);
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

/// What a machine says of itself when it enrolls; its id is its name.
pub fn registration(token: &Value, name: &str) -> Value {
    json!({
        "token": token, "name": name, "hostname": name, "os": "linux", "arch": "x86_64", "version": "0.1.0",
        "machine_id": format!("machine-{name}"),
    })
}

type Ready = Result<(App, String), String>;

/// The server's thread. Its runtime ends with everything that is still in it.
fn run(config: &Config, clock: Clock, ready: oneshot::Sender<Ready>, stop: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async move {
        let started = async {
            let built = App::build(config, clock).await?;
            let bound = http::bind(config.listen, None, false).await?;
            Ok::<_, Box<dyn std::error::Error>>((built.app, bound))
        };
        let (app, bound) = match started.await {
            Ok(started) => started,
            Err(fault) => {
                let _ = ready.send(Err(fault.to_string()));
                return;
            }
        };
        let server = poem::Server::new_with_acceptor(bound.acceptor).run(http::endpoint(&app));
        let _ = ready.send(Ok((app, format!("http://{}", bound.address))));
        tokio::select! {
            _ = server => {}
            _ = stop => {}
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(10));
}
