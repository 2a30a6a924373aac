//! A host with an enrolled probe that the test plays, by hand ([`Host::connect`]) or by a script ([`Host::serve`]).

use std::sync::Arc;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use legator_protocol::{End, Heartbeat, Order, ProbeId, ProbeKey, RefusedBy, ToProbe, ToServer};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::Link;
use crate::person::Base;

/// An enrolled machine.
#[derive(Clone)]
pub struct Host {
    pub name: String,
    pub id: ProbeId,
    pub key: ProbeKey,
    pub(crate) base: Base,
}

/// What a scripted probe does with an order.
#[derive(Clone, Debug)]
pub enum Act {
    /// Runs it: writes this, ends with this code.
    Print(&'static str, i32),
    /// Starts it, and does not end it until it is canceled.
    Hang,
    /// Its own rules do not let it run.
    Refuse(RefusedBy),
}

/// A probe that answers by itself, until it vanishes.
pub struct Serving {
    runs: Arc<Mutex<Vec<Order>>>,
    task: JoinHandle<()>,
}

impl Host {
    /// From the answer to an enrollment.
    pub fn enrolled(registered: &Value, base: &Base) -> Self {
        let text = |name: &str| registered[name].as_str().unwrap().to_owned();
        let (name, id) = (text("name"), text("probe_id").parse().unwrap());
        Self { name, id, key: key(registered), base: Arc::clone(base) }
    }

    /// The same probe with the key that it got when it enrolled again.
    pub fn again(&self, registered: &Value) -> Self {
        Self { key: key(registered), ..self.clone() }
    }

    pub fn base(&self) -> String {
        self.base.lock().unwrap().clone()
    }

    /// An open session, to be played by hand. The first heartbeat has been said, so that load is known.
    pub async fn connect(&self) -> Link {
        let mut link = Link::open(&self.base(), self.id, &self.key).await;
        link.say(&ToServer::Heartbeat(well())).await;
        link
    }

    /// A probe that does with each order what `script` says, each at most once.
    pub async fn serve(&self, script: impl Fn(&Order) -> Act + Send + 'static) -> Serving {
        let link = self.connect().await;
        let runs = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(play(link, script, Arc::clone(&runs)));
        Serving { runs, task }
    }

    /// A probe on which everything prints `done` and succeeds.
    pub async fn obey(&self) -> Serving {
        self.serve(|_| Act::Print("done\n", 0)).await
    }
}

impl Serving {
    /// The command lines that were run so far, in order.
    pub fn ran(&self) -> Vec<String> {
        self.runs.lock().unwrap().iter().map(|order| order.spec.line()).collect()
    }

    /// The connection breaks.
    pub async fn vanish(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

fn key(registered: &Value) -> ProbeKey {
    let bytes = BASE64.decode(registered["key"].as_str().unwrap()).unwrap();
    ProbeKey::new(bytes.try_into().unwrap())
}

/// A host that has nothing to complain of.
pub fn well() -> Heartbeat {
    Heartbeat {
        load: [0.1, 0.1, 0.1],
        cpus: 4,
        mem_used_bytes: 1 << 30,
        mem_total_bytes: 8 << 30,
        disk_used_bytes: 1 << 30,
        disk_total_bytes: 100 << 30,
        uptime_s: 1000,
        ..Heartbeat::default()
    }
}

async fn play(mut link: Link, script: impl Fn(&Order) -> Act + Send + 'static, runs: Arc<Mutex<Vec<Order>>>) {
    while let Ok(message) = link.hear().await {
        if let ToProbe::Cancel { command, .. } = &message {
            link.finish(*command, 0, End::Canceled).await;
            continue;
        }
        let Some((order, _)) = link.open_order(&message) else { continue };
        let id = order.command;
        let act = script(&order);
        match act {
            Act::Print(text, code) => {
                runs.lock().unwrap().push(order);
                link.accept(id).await;
                link.output(id, 0, text).await;
                link.finish(id, 1, End::Exited { code }).await;
            }
            Act::Hang => {
                runs.lock().unwrap().push(order);
                link.accept(id).await;
            }
            Act::Refuse(by) => link.say(&ToServer::Refused { command: id, by, detail: "not here".to_owned() }).await,
        }
    }
}
