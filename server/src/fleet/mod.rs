//! The fleet: enrollment tokens, probes, their tags, health and inventory.
//! Never: reaches a host. It knows probes; only the command room talks them into anything.

pub mod api;
mod enroll;
#[cfg(any(test, fuzzing))]
pub mod hostile;
mod inventory;
mod key;
mod probe;
mod store;
mod token;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use legator_protocol::{Heartbeat, Inventory, ProbeId, Ready};
use parking_lot::{Mutex, RwLock};

use self::enroll::modest;
pub use self::enroll::{Enrolled, Enrollment};
pub use self::key::{Kept, KeyTurn, SealedKeys, label as key_label};
pub use self::probe::{Census, Censuses, Filter, Health, Probe, Standing, Status, percent};
pub use self::token::{NewToken, Token};

use self::probe::Entry;
use crate::audit::{Draft, Ledger, WriteFault};
use crate::clock::Clock;
use crate::db::{Db, DbFault};
use crate::events::Events;
use crate::identity::{ManageProbe, Permit};
use crate::tenant::Reach;
use crate::vault::{Vault, VaultFault};

/// Knows every probe. Cheap to clone.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    clock: Clock,
    db: Db,
    ledger: Ledger,
    events: Events,
    vault: Vault,
    /// What a probe may be asked for before anybody says otherwise.
    first_ceiling: legator_protocol::Level,
    /// The pin that tokens carry, if the server's certificate is its own.
    pin: Option<String>,
    probes: RwLock<HashMap<ProbeId, Arc<Entry>>>,
    /// Counted anew when it is older than a second.
    census: Mutex<(i64, Arc<Censuses>)>,
    /// One enrollment or change of tags at a time.
    changing: tokio::sync::Mutex<()>,
}

/// Why the fleet could not do something.
#[derive(Debug, thiserror::Error)]
pub enum FleetFault {
    #[error("there is no probe `{0}`")]
    NoProbe(String),
    #[error("`{0}` is a probe of more than one of your tenants")]
    Ambiguous(String),
    #[error("there is no token `{0}`")]
    NoToken(String),
    #[error("the enrollment token is unknown, used up, ended or expired")]
    BadToken,
    #[error("this machine is enrolled as `{name}` (`{probe}`)")]
    KnownMachine { probe: ProbeId, name: String },
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Vault(#[from] VaultFault),
    #[error(transparent)]
    Write(#[from] WriteFault),
    #[error(transparent)]
    Read(#[from] DbFault),
}

/// How the fleet stands, in numbers.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub total: usize,
    pub by_status: BTreeMap<&'static str, usize>,
    pub by_os: BTreeMap<String, usize>,
    pub by_tag: BTreeMap<String, usize>,
    pub cpus: u64,
    pub mem_bytes: u64,
}

impl Fleet {
    pub async fn open(
        db: Db,
        ledger: Ledger,
        events: Events,
        clock: Clock,
        vault: Vault,
        pin: Option<String>,
    ) -> Result<Self, FleetFault> {
        let probes = store::probes(&db).await?.into_iter();
        let probes = probes.map(|probe| (probe.id, Arc::new(Entry::new(probe)))).collect();
        let inner = Inner {
            clock,
            db,
            ledger,
            events,
            vault,
            first_ceiling: legator_protocol::Level::Destroy,
            pin,
            probes: RwLock::new(probes),
            census: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// A probe by its id or its name, within a reach. One beyond it is as unknown as none.
    pub fn find(&self, reach: &Reach, id_or_name: &str) -> Result<Arc<Probe>, FleetFault> {
        let within = |entry: &Arc<Entry>| Some(entry.probe()).filter(|probe| reach.covers(&probe.tenant, &probe.tags));
        let probes = self.0.probes.read();
        if let Some(found) = id_or_name.parse().ok().and_then(|id: ProbeId| probes.get(&id)).and_then(within) {
            return Ok(found);
        }
        let mut named = probes.values().filter(|entry| entry.is_named(id_or_name)).filter_map(within);
        match (named.next(), named.next()) {
            (Some(found), None) => Ok(found),
            (Some(_), Some(_)) => Err(FleetFault::Ambiguous(id_or_name.chars().take(80).collect())),
            (None, _) => Err(FleetFault::NoProbe(id_or_name.chars().take(80).collect())),
        }
    }

    pub fn get(&self, id: ProbeId) -> Option<Arc<Probe>> {
        self.0.probes.read().get(&id).map(|entry| entry.probe())
    }

    /// What is known of a probe at this moment.
    pub fn standing(&self, id: ProbeId) -> Standing {
        let entry = self.0.probes.read().get(&id).cloned();
        entry.map_or_else(Standing::default, |entry| entry.standing(self.0.clock.now()))
    }

    /// The probes within a reach that `filter` leaves, by name.
    pub fn list(&self, reach: &Reach, filter: &Filter) -> Vec<(Arc<Probe>, Standing)> {
        let now = self.0.clock.now();
        let probes = self.0.probes.read();
        let mut found: Vec<_> = probes
            .values()
            .map(|entry| (entry.probe(), entry))
            .filter(|(probe, _)| reach.covers(&probe.tenant, &probe.tags))
            .map(|(probe, entry)| (probe, entry.standing(now)))
            .filter(|(probe, standing)| filter.takes(probe, standing))
            .collect();
        drop(probes);
        found.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        found
    }

    /// The probes within a reach that have a tag, by name.
    pub fn tagged(&self, reach: &Reach, tag: &str) -> Vec<Arc<Probe>> {
        let filter = Filter { tag: Some(tag.to_owned()), ..Filter::default() };
        self.list(reach, &filter).into_iter().map(|(probe, _)| probe).collect()
    }

    pub fn summary(&self, reach: &Reach, filter: &Filter, shown: impl Fn(&Probe) -> bool) -> Summary {
        let mut summary = Summary::default();
        for (probe, standing) in self.list(reach, filter).into_iter().filter(|(probe, _)| shown(probe)) {
            summary.total += 1;
            *summary.by_status.entry(standing.status.as_str()).or_default() += 1;
            *summary.by_os.entry(probe.os.clone()).or_default() += 1;
            for tag in &probe.tags {
                *summary.by_tag.entry(tag.clone()).or_default() += 1;
            }
            if let Some(beat) = &standing.heartbeat {
                summary.cpus += u64::from(beat.cpus);
                summary.mem_bytes += beat.mem_total_bytes;
            }
        }
        summary
    }

    /// How many probes each tenant has and how many of them are online, by tag; at most a second old.
    pub fn census(&self) -> Arc<Censuses> {
        let now = self.0.clock.now();
        let mut census = self.0.census.lock();
        if census.0 == 0 || now - census.0 > 1_000 {
            let mut fresh = Censuses::default();
            for entry in self.0.probes.read().values() {
                let probe = entry.probe();
                fresh.entry(probe.tenant.clone()).or_default().count(&probe, entry.standing(now).status);
            }
            *census = (now, Arc::new(fresh));
        }
        Arc::clone(&census.1)
    }

    /// The sections of a probe's inventory.
    pub async fn inventory(&self, id: ProbeId) -> Result<BTreeMap<String, serde_json::Value>, FleetFault> {
        Ok(store::inventory(&self.0.db, id).await?)
    }

    /// Replaces a probe's tags.
    pub async fn set_tags(
        &self,
        permit: Permit<ManageProbe>,
        id: ProbeId,
        tags: BTreeSet<String>,
    ) -> Result<Arc<Probe>, FleetFault> {
        probe::check_tags(&tags).map_err(FleetFault::Invalid)?;
        let _changing = self.0.changing.lock().await;
        let entry = self.entry(id)?;
        let before = entry.probe();
        let draft = Draft::new("probe.tagged", permit.caller().person.name.clone(), before.name.clone())
            .probe(id)
            .tenant(&before.tenant)
            .body(serde_json::json!({ "before": before.tags, "after": tags }));
        let row = tags.clone();
        self.write(move |batch| {
            Box::pin(async move {
                store::set_tags(batch.connection().await?, id, &row).await?;
                batch.entry(draft)?;
                Ok(())
            })
        })
        .await?;
        let after = entry.change(|probe| probe.tags = tags);
        self.publish(&after, "probe.tagged", serde_json::json!({ "tags": after.tags }));
        Ok(after)
    }

    /// Sets the highest level that a probe takes. `why` is what asked for it.
    pub async fn set_ceiling(
        &self,
        id: ProbeId,
        ceiling: legator_protocol::Level,
        why: serde_json::Value,
    ) -> Result<Arc<Probe>, FleetFault> {
        let _changing = self.0.changing.lock().await;
        let entry = self.entry(id)?;
        let before = entry.probe();
        if before.ceiling == ceiling {
            return Ok(before);
        }
        let draft = Draft::new("probe.ceiling_changed", "server", before.name.clone())
            .probe(id)
            .tenant(&before.tenant)
            .body(serde_json::json!({ "before": before.ceiling, "after": ceiling, "why": why }));
        self.write(move |batch| {
            Box::pin(async move {
                store::set_ceiling(batch.connection().await?, id, ceiling).await?;
                batch.entry(draft)?;
                Ok(())
            })
        })
        .await?;
        let after = entry.change(|probe| probe.ceiling = ceiling);
        self.publish(&after, "probe.ceiling", serde_json::json!({ "ceiling": ceiling }));
        Ok(after)
    }

    /// Removes a probe: its key is forgotten, so it can never open a session again.
    pub async fn remove(&self, permit: Permit<ManageProbe>, id: ProbeId) -> Result<(), FleetFault> {
        let _changing = self.0.changing.lock().await;
        let probe = self.entry(id)?.probe();
        let at = self.0.clock.now();
        let draft = Draft::new("probe.removed", permit.caller().person.name.clone(), probe.name.clone())
            .probe(id)
            .tenant(&probe.tenant);
        self.write(move |batch| {
            Box::pin(async move {
                store::remove(batch.connection().await?, id, at).await?;
                batch.entry(draft)?;
                Ok(())
            })
        })
        .await?;
        self.0.probes.write().remove(&id);
        self.publish(&probe, "probe.removed", serde_json::Value::Null);
        Ok(())
    }

    /// A session opened.
    pub async fn connected(&self, id: ProbeId, ready: Ready) -> Result<(), FleetFault> {
        let entry = self.entry(id)?;
        let ready = modest(ready, &entry.probe());
        let now = self.0.clock.now();
        let floor = serde_json::json!({ "level": ready.floor.level, "rules": ready.floor.rules });
        let draft = Draft::new("probe.connected", id.to_string(), entry.probe().name.clone())
            .probe(id)
            .tenant(&entry.probe().tenant)
            .body(serde_json::json!({ "agent": ready.agent, "clock_ahead_ms": ready.clock_ahead_ms, "floor": floor }));
        let (version, hostname) = (ready.agent.clone(), ready.hostname.clone());
        let row = (version.clone(), hostname.clone(), floor.to_string());
        self.write(move |batch| {
            Box::pin(async move {
                store::connected(batch.connection().await?, id, &row.0, &row.1, &row.2, now).await?;
                batch.entry(draft)?;
                Ok(())
            })
        })
        .await?;
        entry.change(|probe| {
            probe.version = version;
            probe.hostname = hostname;
            probe.floor = Some(floor);
            probe.last_seen_at = Some(now);
        });
        entry.opened(now, ready);
        self.publish(&entry.probe(), "probe.online", serde_json::Value::Null);
        Ok(())
    }

    /// A session ended; `why` is what ended it.
    pub async fn disconnected(&self, id: ProbeId, why: &str) -> Result<(), FleetFault> {
        let Ok(entry) = self.entry(id) else { return Ok(()) };
        let last_seen = entry.closed();
        let draft = Draft::new("probe.disconnected", id.to_string(), entry.probe().name.clone())
            .probe(id)
            .tenant(&entry.probe().tenant)
            .body(serde_json::json!({ "why": why }));
        entry.change(|probe| probe.last_seen_at = last_seen.or(probe.last_seen_at));
        self.publish(&entry.probe(), "probe.offline", serde_json::json!({ "why": why }));
        self.write(move |batch| {
            Box::pin(async move {
                store::seen(batch.connection().await?, id, last_seen).await?;
                batch.entry(draft)?;
                Ok(())
            })
        })
        .await
    }

    /// A probe lives, and says how.
    pub fn beat(&self, id: ProbeId, heartbeat: Heartbeat) {
        let entry = self.0.probes.read().get(&id).cloned();
        let Some(entry) = entry else { return };
        let now = self.0.clock.now();
        let before = entry.standing(now).status;
        entry.beat(now, heartbeat);
        let after = entry.standing(now);
        if before != after.status {
            self.publish(&entry.probe(), "probe.status", serde_json::json!({ "status": after.status.as_str() }));
        }
    }

    /// A probe was heard of at all.
    pub fn heard(&self, id: ProbeId) {
        if let Some(entry) = self.0.probes.read().get(&id) {
            entry.heard(self.0.clock.now());
        }
    }

    /// Takes an inventory, or says that all of it is needed (`false`).
    pub async fn take_inventory(&self, id: ProbeId, inventory: Inventory) -> Result<bool, FleetFault> {
        let entry = self.entry(id)?;
        if inventory.base.is_some() && inventory.base != entry.probe().inventory {
            return Ok(false);
        }
        let sections = inventory::checked(&inventory).map_err(FleetFault::Invalid)?;
        let digest = inventory.digest.clone();
        let draft = Draft::new("inventory.updated", id.to_string(), entry.probe().name.clone()).probe(id);
        let draft = draft.tenant(&entry.probe().tenant).body(
            serde_json::json!({ "digest": digest, "sections": sections.iter().map(|(name, _)| name).collect::<Vec<_>>() }),
        );
        let full = inventory.base.is_none();
        let at = self.0.clock.now();
        self.write(move |batch| {
            Box::pin(async move {
                store::put_inventory(batch.connection().await?, id, &digest, full, &sections, at).await?;
                batch.entry(draft)?;
                Ok(())
            })
        })
        .await?;
        entry.change(|probe| probe.inventory = Some(inventory.digest));
        self.publish(&entry.probe(), "probe.inventory", serde_json::Value::Null);
        Ok(true)
    }

    fn entry(&self, id: ProbeId) -> Result<Arc<Entry>, FleetFault> {
        self.0.probes.read().get(&id).cloned().ok_or_else(|| FleetFault::NoProbe(id.to_string()))
    }

    fn publish(&self, probe: &Probe, topic: &'static str, body: serde_json::Value) {
        self.0.events.publish(self.0.clock.now(), &probe.tenant, topic, probe.id.to_string(), body);
    }

    async fn write<T, F>(&self, work: F) -> Result<T, FleetFault>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut crate::audit::Batch) -> futures_util::future::BoxFuture<'c, Result<T, WriteFault>>
            + Send
            + 'static,
    {
        Ok(self.0.ledger.write(self.0.clock.now(), work).await?)
    }
}
