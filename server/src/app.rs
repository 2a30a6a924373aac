//! The only wiring: builds the handles bottom-up, spawns the tasks, and connects the hub to the rooms behind it.

use std::path::Path;
use std::sync::Arc;

use legator_protocol::{Hello, ProbeId, Ready, ToProbe, ToServer};
use tokio::sync::broadcast::error::RecvError;

use crate::approvals::{self, Approvals};
use crate::audit::{Draft, KeyFile, Ledger};
use crate::capacity::Capacity;
use crate::clock::Clock;
use crate::command::{self, KeyringFault, Needs, Road};
use crate::config::Config;
use crate::db::Db;
use crate::events::Events;
use crate::fleet::Fleet;
use crate::grants::{self, Ahead};
use crate::hub::{Greeting, Hub, Proved, SessionEnd, Switchboard};
use crate::identity::{self, Identity, Rate, Rates, SessionLimits, Trickle};
use crate::policy::{self, Activations, Ceilings, Policy, Source};
use crate::replay::{self, Replays};
use crate::rotation::{self, Rotation};
use crate::telemetry::{By, Metrics};
use crate::tenant::Reach;
use crate::tls::{Cards, Certificate, Clients};
use crate::vault::{Secret, Vault, key_file, write_private};

/// Every handle of the house. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub clock: Clock,
    pub events: Events,
    pub metrics: Metrics,
    pub ledger: Ledger,
    pub policy: Policy,
    pub identity: Identity,
    pub fleet: Fleet,
    pub capacity: Capacity,
    pub approvals: Approvals,
    pub hub: Hub,
    pub road: Road,
    pub replays: Replays,
    pub rotation: Rotation,
    /// The options that it was started with.
    pub config: Arc<Config>,
    /// Which connections showed which certificates.
    pub cards: Cards,
    strangers: Arc<Trickle>,
}

/// A house that was built, and what its first start gave.
pub struct Built {
    pub app: App,
    pub certificate: Option<Certificate>,
    /// The first administrator's API key, on the first start only.
    pub first_key: Option<Secret<String>>,
    /// What the first administrator's link carries, until somebody has a password.
    pub setup_link: Option<Secret<String>>,
}

impl App {
    /// Opens everything under the data folder and starts the tasks.
    pub async fn build(config: &Config, clock: Clock) -> anyhow::Result<Built> {
        use anyhow::Context as _;
        let data = config.data.as_path();
        let db = Db::open(data).await?;
        let (events, metrics) = (Events::new(clock.now()), Metrics::new());
        let vault = Vault::open(&data.join("server.key"), &clock)?;
        let log_key = KeyFile::at(data.join("log.key"), clock.clone());
        let mut certificate = Certificate::load(&config.tls(), data)?;
        if let Some(authority) = &config.client_ca {
            let own = certificate.context("`--client-ca` asks for certificates, and plain HTTP has none")?;
            let (required, list) = (!config.client_cert_optional, config.client_crl.as_deref());
            certificate = Some(own.asking(Clients::read(authority, required, list, clock.now())?));
        }

        let (ledger, writer) = Ledger::open(db.clone(), log_key, &config.log_origin).await?;
        tokio::spawn(writer);
        let policy = Policy::open(policy::Needs {
            source: Source::of(config)?,
            mode: config.bundles.activate,
            signers: policy::signers(config.bundles.signers.as_deref())?,
            db: db.clone(),
            ledger: ledger.clone(),
            events: events.clone(),
            metrics: metrics.clone(),
            clock: clock.clone(),
        })
        .await?;
        let needs = identity::Needs {
            clock: clock.clone(),
            db: db.clone(),
            ledger: ledger.clone(),
            vault: vault.clone(),
            bundle: policy.watch(),
            limits: limits_of(config),
            providers: config.oidc.providers()?,
            public_url: config.public_url.clone(),
            rates: rates_of(config),
            metrics: metrics.clone(),
            proxies: config.trusted_proxies.clone(),
        };
        let identity = Identity::open(needs, data).await?;
        let pin = certificate.as_ref().map(|certificate| certificate.pin.clone());
        let fleet = Fleet::open(db.clone(), ledger.clone(), events.clone(), clock.clone(), vault.clone(), pin).await?;
        let approvals = Approvals::open(approvals::Needs {
            db: db.clone(),
            ledger: ledger.clone(),
            events: events.clone(),
            metrics: metrics.clone(),
            clock: clock.clone(),
            escalate_after_ms: (config.escalate_after_s > 0).then(|| i64::from(config.escalate_after_s) * 1000),
        })
        .await?;
        let (capacity, hub) = (Capacity::default(), Hub::default());
        let needs = Needs {
            clock: clock.clone(),
            db: db.clone(),
            ledger: ledger.clone(),
            events: events.clone(),
            metrics: metrics.clone(),
            identity: identity.clone(),
            fleet: fleet.clone(),
            approvals: approvals.clone(),
            capacity: capacity.clone(),
            hub: hub.clone(),
            vault: vault.clone(),
            bundle: policy.watch(),
        };
        let road = Road::open(needs).await?;
        let needs = replay::Needs {
            clock: clock.clone(),
            db,
            ledger: ledger.clone(),
            events: events.clone(),
            metrics: metrics.clone(),
            policy: policy.clone(),
            identity: identity.clone(),
            road: road.clone(),
            mask_key: key_file(&data.join("mask.key"), &clock)?,
        };
        let replays = Replays::open(needs).await?;

        let rotation = Rotation::new(rotation::Needs {
            clock: clock.clone(),
            ledger: ledger.clone(),
            vault,
            identity: identity.clone(),
            fleet: fleet.clone(),
            hub: hub.clone(),
        });
        let first_key = identity.bootstrap().await?.map(|minted| minted.text);
        if let Some(key) = &first_key {
            write_private(&data.join("admin.key"), key.expose().as_bytes()).context("could not keep the first key")?;
        }
        let setup_link = identity.setup_link().await?;
        if let Some(certificate) = &certificate {
            write_pin(data, &certificate.pin).context("could not write the certificate's fingerprint")?;
        }
        let app = Self {
            clock,
            events,
            metrics,
            ledger,
            policy,
            identity,
            fleet,
            capacity,
            approvals,
            hub,
            road,
            replays,
            rotation,
            config: Arc::new(config.clone()),
            cards: certificate
                .as_ref()
                .and_then(|it| it.clients.as_ref())
                .map(|it| it.cards.clone())
                .unwrap_or_default(),
            strangers: Arc::default(),
        };
        app.start();
        Ok(Built { app, certificate, first_key, setup_link })
    }

    /// The room's verbs that ask people where policy wants it.
    pub fn activations(&self) -> Activations {
        let Self { policy, identity, approvals, .. } = self.clone();
        Activations { policy, identity, approvals }
    }

    /// The room's verbs that have commands agreed to ahead.
    pub fn ahead(&self) -> Ahead {
        let Self { clock, approvals, identity, fleet, .. } = self.clone();
        Ahead { clock, approvals, identity, fleet }
    }

    /// What lets probes' ceilings follow the templates that are applied to them.
    pub fn ceilings(&self) -> Ceilings {
        let Self { policy, fleet, hub, .. } = self.clone();
        Ceilings { policy, fleet, hub }
    }

    /// A one-time link for an administrator who is locked out. It takes the data folder, and that no server runs on it.
    pub async fn recover(config: &Config, clock: Clock, name: &str) -> anyhow::Result<Secret<String>> {
        let data = config.data.as_path();
        anyhow::ensure!(data.join("server.key").exists(), "`{}` is not the data folder of a server", data.display());
        let db = Db::open(data).await?;
        let vault = Vault::open(&data.join("server.key"), &clock)?;
        let log_key = KeyFile::at(data.join("log.key"), clock.clone());
        let (ledger, writer) = Ledger::open(db.clone(), log_key, &config.log_origin).await?;
        let writing = tokio::spawn(writer);
        let (events, metrics) = (Events::new(clock.now()), Metrics::new());
        let source = Source::of(config)?;
        let mode = config.bundles.activate;
        let needs = policy::Needs {
            source,
            mode,
            signers: Vec::new(),
            db: db.clone(),
            ledger: ledger.clone(),
            events,
            metrics,
            clock: clock.clone(),
        };
        let policy = Policy::open(needs).await?;
        let limits = limits_of(config);
        let needs = identity::Needs {
            clock,
            db,
            ledger,
            vault,
            bundle: policy.watch(),
            limits,
            providers: Vec::new(),
            public_url: None,
            rates: rates_of(config),
            metrics: Metrics::new(),
            proxies: Vec::new(),
        };
        let identity = Identity::open(needs, data).await?;
        let link = identity.recover(name).await;
        // The folder is free again when the log's writer has gone, which it does with the last handle.
        drop((identity, policy));
        writing.await?;
        link.map_err(anyhow::Error::from)
    }

    fn start(&self) {
        tokio::spawn(policy::watch(self.policy.clone()));
        tokio::spawn(policy::reconcile_activations(self.activations()));
        tokio::spawn(policy::reconcile_ceilings(self.ceilings(), self.events.clone()));
        tokio::spawn(hand_out_tables(self.clone()));
        tokio::spawn(approvals::reconcile_silence(self.approvals.clone(), self.identity.clone()));
        tokio::spawn(approvals::reconcile_keys(self.approvals.clone(), self.identity.clone()));
        tokio::spawn(grants::reconcile_grants(self.ahead()));
        tokio::spawn(command::reconcile_held(self.road.clone()));
        tokio::spawn(command::reconcile_queued(self.road.clone()));
        tokio::spawn(command::reconcile_outbox(self.road.clone()));
        tokio::spawn(replay::work(self.replays.clone()));
        tokio::spawn(replay::keep_shadow(self.replays.clone()));
        tokio::spawn(hand_out_checkpoints(self.clone()));
        tokio::spawn(end_sessions(self.clone()));
        tokio::spawn(rotation::reconcile(self.rotation.clone()));
        tokio::spawn(remember_uses(self.identity.clone()));
        tokio::spawn(identity::keep_asked(self.identity.clone()));
    }
}

/// Hands the log's newest head to every connected probe now and then, so that each is a witness against a cut log.
async fn hand_out_checkpoints(app: App) {
    const ROUND: std::time::Duration = std::time::Duration::from_secs(60);
    let mut head = app.ledger.watch();
    while head.changed().await.is_ok() {
        let note = head.borrow_and_update().note.to_string();
        app.hub.broadcast(&ToProbe::Checkpoint { note });
        tokio::time::sleep(ROUND).await;
    }
}

/// Writes down now and then when sessions and keys were used, so that a restart does not forget it.
async fn remember_uses(identity: Identity) {
    const ROUND: std::time::Duration = std::time::Duration::from_secs(60);
    loop {
        tokio::time::sleep(ROUND).await;
        if let Err(fault) = identity.remember().await {
            tracing::warn!(%fault, "the uses of sessions and keys could not be written down");
        }
    }
}

/// Hands a changed command table to every connected probe, so that it reads commands as the server does. A probe that
/// is away gets it when it opens its next session.
async fn hand_out_tables(app: App) {
    let mut live = app.policy.watch();
    let mut known = live.borrow_and_update().table().digest().to_owned();
    while live.changed().await.is_ok() {
        let bundle = Arc::clone(&live.borrow_and_update());
        if bundle.table().digest() == known {
            continue;
        }
        bundle.table().digest().clone_into(&mut known);
        for (probe, _) in app.fleet.list(&Reach::everything(), &crate::fleet::Filter::default()) {
            let table = Some(bundle.table().files().clone());
            app.hub
                .send(probe.id, &ToProbe::Policy { ceiling: probe.ceiling, table, inventory: probe.inventory.clone() });
        }
    }
}

/// Ends the session of a probe whose key is no longer the one that opened it: it was removed, or has enrolled again.
async fn end_sessions(app: App) {
    let mut live = app.events.watch(None).live;
    loop {
        match live.recv().await {
            Ok(event) if matches!(event.topic, "probe.removed" | "probe.enrolled_again") => {
                if let Ok(probe) = event.id.parse() {
                    app.hub.drop_session(probe, "its key is no longer valid");
                }
            }
            Ok(_) => {}
            // What was missed is not known, so nobody is trusted; whoever is known still comes back at once.
            Err(RecvError::Lagged(_)) => app.hub.drop_all("its key has to be proved again"),
            Err(RecvError::Closed) => return,
        }
    }
}

impl Switchboard for App {
    async fn greet(&self, text: &str, hello: &Hello) -> Result<Greeting, (&'static str, String)> {
        self.road.keyring().greet(text, hello).await.map_err(|fault| match fault {
            KeyringFault::Unknown(_) => ("unknown-probe", fault.to_string()),
            KeyringFault::OtherKey(_) => ("unknown-key", fault.to_string()),
            KeyringFault::Handshake(_) => ("version", fault.to_string()),
            _ => {
                tracing::error!(%fault, "a probe could not be greeted");
                ("internal", "the server failed; it is tried again".to_owned())
            }
        })
    }

    async fn opened(&self, probe: ProbeId, ready: Ready, proved: Proved) {
        match self.road.proved(probe, &proved.key).await {
            Ok(true) => self.fleet.note_can_turn(probe, proved.can_turn),
            Ok(false) => return self.hub.drop_session(probe, "its key is no longer valid"),
            Err(fault) => {
                tracing::error!(%fault, probe.id = %probe, "a probe's key could not be looked up");
                return self.hub.drop_session(probe, "the server cannot read its keys");
            }
        }
        let table = self.policy.bundle();
        let known = self.fleet.get(probe);
        let message = ToProbe::Policy {
            ceiling: known.as_ref().map_or(legator_protocol::Level::Observe, |probe| probe.ceiling),
            table: (ready.table != table.table().digest()).then(|| table.table().files().clone()),
            inventory: known.and_then(|probe| probe.inventory.clone()),
        };
        self.hub.send(probe, &message);
        self.hub.send(probe, &ToProbe::Checkpoint { note: self.ledger.head().note.to_string() });
        if let Err(fault) = self.fleet.connected(probe, ready).await {
            tracing::error!(%fault, probe.id = %probe, "a probe's session could not be recorded");
            return self.hub.drop_session(probe, "the server cannot write its log");
        }
        self.road.resume(probe).await;
        self.road.offer_key(probe);
        self.capacity.nudge();
    }

    async fn hear(&self, probe: ProbeId, message: ToServer) {
        self.fleet.heard(probe);
        match message {
            ToServer::Heartbeat(beat) => {
                self.fleet.beat(probe, beat);
                self.capacity.nudge();
            }
            ToServer::Accepted { command, .. } => self.road.accepted(probe, command).await,
            ToServer::Output(output) => self.road.output(probe, output).await,
            ToServer::Result(result) => self.road.result(probe, result).await,
            ToServer::Refused { command, by, detail } => self.road.refused(probe, command, by, detail).await,
            ToServer::Inventory(inventory) => match self.fleet.take_inventory(probe, inventory).await {
                Ok(true) => {}
                Ok(false) => self.ask_for_inventory(probe),
                Err(fault) => tracing::warn!(%fault, probe.id = %probe, "an inventory was not taken"),
            },
            ToServer::KeyKept { turn, public, proof } => self.road.key_kept(probe, &turn, &public, &proof).await,
            ToServer::KeyNotKept { turn, why } => self.road.key_not_kept(probe, &turn, &why).await,
            ToServer::Ready(_) | ToServer::Pong { .. } => {}
        }
    }

    async fn closed(&self, probe: ProbeId, end: &SessionEnd) {
        if end.suspicious() {
            self.note_bad_frame(Some(probe), true, end).await;
        }
        if let Err(fault) = self.fleet.disconnected(probe, &end.to_string()).await {
            tracing::error!(%fault, probe.id = %probe, "the end of a session could not be recorded");
        }
    }

    async fn failed(&self, probe: Option<ProbeId>, end: &SessionEnd) {
        tracing::info!(?probe, %end, "a session was not opened");
        if end.suspicious() {
            self.note_bad_frame(probe, false, end).await;
        }
    }
}

impl App {
    fn ask_for_inventory(&self, probe: ProbeId) {
        if let Some(known) = self.fleet.get(probe) {
            self.hub.send(probe, &ToProbe::Policy { ceiling: known.ceiling, table: None, inventory: None });
        }
    }

    async fn note_bad_frame(&self, probe: Option<ProbeId>, proved: bool, end: &SessionEnd) {
        self.metrics.bad_frames.get_or_create(&By { name: end.code() }).inc();
        // Until a session is open nobody has proved anything, so whoever it says it is, it is a stranger.
        if !proved && !self.strangers.lets_through(self.clock.now()) {
            return;
        }
        let actor = probe.map_or_else(|| "stranger".to_owned(), |probe| probe.to_string());
        let mut draft = Draft::new("frame.refused", actor.clone(), actor)
            .body(serde_json::json!({ "code": end.code(), "detail": end.to_string() }));
        // Only a probe that is known is named as one: anybody can say an id.
        if let Some(probe) = probe.and_then(|probe| self.fleet.get(probe)) {
            draft = draft.probe(probe.id).tenant(&probe.tenant);
        }
        if let Err(fault) = self.ledger.append(self.clock.now(), draft).await {
            tracing::error!(%fault, "a refused frame could not be recorded");
        }
    }
}

fn rates_of(config: &Config) -> Rates {
    let person = Rate { per_s: config.rate_per_s, burst: config.rate_burst };
    let stranger = Rate { per_s: config.stranger_rate_per_s, burst: config.stranger_rate_burst };
    Rates { person, stranger }
}

fn limits_of(config: &Config) -> SessionLimits {
    SessionLimits {
        idle_ms: i64::from(config.session_idle_s) * 1000,
        longest_ms: i64::from(config.session_longest_s) * 1000,
    }
}

/// The pin stands beside the data, so that a person can compare it.
fn write_pin(data: &Path, pin: &str) -> std::io::Result<()> {
    std::fs::write(data.join("tls.fingerprint"), format!("{pin}\n"))
}
