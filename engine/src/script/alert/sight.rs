//! What an alert rule sees: a probe with its health, metrics and inventory, or the fleet.
//! What is not known is `()`, never zero.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, ImmutableString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::capacity::{Capacity, ProbeLoad};
use crate::script::view;

/// A probe at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeState {
    pub id: String,
    pub name: String,
    pub hostname: String,
    pub tags: BTreeSet<String>,
    pub site: Option<String>,
    pub tenant: Option<String>,
    pub os: String,
    pub arch: String,
    pub health: ProbeLoad,
    /// Figures by name.
    pub metrics: BTreeMap<String, Value>,
    /// What is installed and built in, by name.
    pub inventory: BTreeMap<String, Value>,
}

/// `probe`
#[derive(Clone)]
struct Sight {
    state: Arc<ProbeState>,
    load: Arc<Option<Capacity>>,
}

/// `fleet`
#[derive(Clone)]
struct FleetSight(Arc<Vec<Sight>>);

impl From<ProbeState> for Sight {
    fn from(state: ProbeState) -> Self {
        let load = Capacity { probe: state.health.clone(), ..Capacity::default() };
        Self { state: Arc::new(state), load: Arc::new(Some(load)) }
    }
}

pub(super) fn probe(state: ProbeState) -> Dynamic {
    Dynamic::from(Sight::from(state))
}

pub(super) fn fleet(states: Vec<ProbeState>) -> Dynamic {
    Dynamic::from(FleetSight(Arc::new(states.into_iter().map(Sight::from).collect())))
}

type Getter = fn(&ProbeState) -> Dynamic;

/// `probe.…`
const PROBE: [(&str, Getter); 8] = [
    ("id", |it| view::text(&it.id)),
    ("name", |it| view::text(if it.name.is_empty() { &it.id } else { &it.name })),
    ("hostname", |it| view::text(&it.hostname)),
    ("tags", |it| view::texts(&it.tags)),
    ("site", |it| view::optional(it.site.as_ref())),
    ("tenant", |it| view::optional(it.tenant.as_ref())),
    ("os", |it| view::text(&it.os)),
    ("arch", |it| view::text(&it.arch)),
];

pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Sight>("Probe");
    engine.register_type_with_name::<FleetSight>("Fleet");
    for (name, get) in PROBE {
        engine.register_get(name, move |probe: &mut Sight| get(&probe.state));
    }
    engine.register_get("health", |probe: &mut Sight| view::health(&probe.load));
    engine.register_get("online", |probe: &mut Sight| probe.state.health.status == "online");
    engine.register_fn("metric", |probe: &mut Sight, name: ImmutableString| named(&probe.state.metrics, &name));
    engine.register_fn("inventory", |probe: &mut Sight, name: ImmutableString| named(&probe.state.inventory, &name));
    engine.register_fn("has_tag", |probe: &mut Sight, tag: ImmutableString| probe.state.tags.contains(tag.as_str()));
    engine.register_get("probes", |fleet: &mut FleetSight| -> Array {
        fleet.0.iter().cloned().map(Dynamic::from).collect()
    });
    engine.register_fn("with_tag", |fleet: &mut FleetSight, tag: ImmutableString| -> Array {
        let tagged = fleet.0.iter().filter(|probe| probe.state.tags.contains(tag.as_str()));
        tagged.cloned().map(Dynamic::from).collect()
    });
}

fn named(values: &BTreeMap<String, Value>, name: &str) -> Dynamic {
    values.get(name).and_then(|value| rhai::serde::to_dynamic(value).ok()).unwrap_or(Dynamic::UNIT)
}
