//! What a script sees: getters over the facts, so that nothing is converted that is not asked for.
//! What is not known is `()`, never zero.

use std::sync::Arc;

use legator_protocol::Level;
use rhai::{Array, Dynamic, Engine, ImmutableString};

use crate::capacity::{Capacity, GroupLoad, ProbeLoad};
use crate::decision::Classified;
use crate::facts::{Ask, Facts, Resource};

/// `request`: who wants what, where, and what it is classified as.
#[derive(Clone)]
pub(super) struct Request(Arc<Inner>);

struct Inner {
    facts: Facts,
    classified: Option<Classified>,
}

/// `capacity`: the newest load that is known.
#[derive(Clone)]
pub(super) struct Load(Arc<Option<Capacity>>);

#[derive(Clone)]
struct ProbeView(Arc<Option<Capacity>>);

#[derive(Clone)]
struct GroupView(GroupLoad);

/// Both arguments of `admit`.
pub(super) fn arguments(facts: &Facts, classified: Option<&Classified>) -> (Request, Load) {
    let Facts { at_ms, principal, ask, resource, context, capacity } = facts;
    let (principal, ask, resource, context) = (principal.clone(), ask.clone(), resource.clone(), context.clone());
    let facts = Facts { at_ms: *at_ms, principal, ask, resource, context, capacity: None };
    let inner = Inner { facts, classified: classified.cloned() };
    (Request(Arc::new(inner)), Load(Arc::new(capacity.clone())))
}

pub(super) fn register(engine: &mut Engine) {
    register_request(engine);
    register_capacity(engine);
}

pub(super) fn text(value: &str) -> Dynamic {
    Dynamic::from(ImmutableString::from(value))
}

pub(super) fn texts<'t>(items: impl IntoIterator<Item = &'t String>) -> Dynamic {
    Dynamic::from_array(items.into_iter().map(|item| text(item)).collect::<Array>())
}

pub(super) fn optional(value: Option<&String>) -> Dynamic {
    value.map_or(Dynamic::UNIT, |value| text(value))
}

fn number(value: impl Into<u64>) -> Dynamic {
    Dynamic::from_int(i64::try_from(value.into()).unwrap_or(i64::MAX))
}

fn known<N: Into<u64>>(value: Option<N>) -> Dynamic {
    value.map_or(Dynamic::UNIT, number)
}

type Getter = fn(&Inner) -> Dynamic;
type ProbeGetter = fn(&ProbeLoad) -> Dynamic;
type GroupGetter = fn(&GroupLoad) -> u32;

/// `request.…`
const REQUEST: [(&str, Getter); 23] = [
    ("at_ms", |it| number(it.facts.at_ms)),
    ("level", |it| it.classified.as_ref().map_or(Dynamic::UNIT, |said| text(said.level.as_str()))),
    ("is_change", |it| it.classified.as_ref().is_none_or(|said| said.level >= Level::Remediate).into()),
    ("parsed", |it| it.classified.as_ref().is_some_and(|said| said.parsed).into()),
    ("known", |it| it.classified.as_ref().is_some_and(|said| said.known).into()),
    ("programs", |it| texts(it.classified.iter().flat_map(|said| &said.programs))),
    ("effects", |it| texts(it.classified.iter().flat_map(|said| &said.effects))),
    ("targets", |it| texts(it.classified.iter().flat_map(|said| &said.targets))),
    ("line", |it| match &it.facts.ask {
        Ask::Command(spec) => text(&spec.line()),
        Ask::Operation(name) => text(name),
    }),
    ("principal", |it| text(&it.facts.principal.id)),
    ("principal_kind", |it| text(it.facts.principal.kind.as_str())),
    ("roles", |it| texts(&it.facts.principal.roles)),
    ("groups", |it| texts(&it.facts.principal.groups)),
    ("origin", |it| text(it.facts.context.origin.as_str())),
    ("reason", |it| optional(it.facts.context.reason.as_ref())),
    ("breakglass", |it| optional(it.facts.context.breakglass.as_ref())),
    ("tainted", |it| it.facts.context.tainted.into()),
    ("approvals", |it| number(u64::try_from(it.facts.context.approvals.by.len()).unwrap_or(u64::MAX))),
    ("probe", |it| probe(it).map_or(Dynamic::UNIT, |probe| text(&probe.id))),
    ("hostname", |it| probe(it).map_or(Dynamic::UNIT, |probe| text(&probe.hostname))),
    ("tags", |it| texts(probe(it).into_iter().flat_map(|probe| &probe.tags))),
    ("site", |it| optional(probe(it).and_then(|probe| probe.site.as_ref()))),
    ("tenant", |it| optional(probe(it).and_then(|probe| probe.tenant.as_ref()))),
];

/// `capacity.probe.…`
const PROBE: [(&str, ProbeGetter); 14] = [
    ("status", |it| text(&it.status)),
    ("heartbeat_age_s", |it| known(it.heartbeat_age_s)),
    ("cpus", |it| known(it.cpus)),
    ("load1_milli", |it| known(it.load1_milli)),
    ("load_per_cpu_milli", |it| known(load_per_cpu_milli(it))),
    ("mem_used_pct", |it| known(it.mem_used_pct)),
    ("disk_used_pct", |it| known(it.disk_used_pct)),
    ("pressure_cpu_pct", |it| known(it.pressure_cpu_pct)),
    ("pressure_mem_pct", |it| known(it.pressure_mem_pct)),
    ("pressure_io_pct", |it| known(it.pressure_io_pct)),
    ("running", |it| number(it.running)),
    ("queued", |it| number(it.queued)),
    ("running_changes", |it| number(it.running_changes)),
    ("online", |it| (it.status == "online").into()),
];

/// `capacity.tag("…").…` and `capacity.fleet.…`
const GROUP: [(&str, GroupGetter); 5] = [
    ("probes", |it| it.probes),
    ("online", |it| it.online),
    ("running", |it| it.running),
    ("queued", |it| it.queued),
    ("running_changes", |it| it.running_changes),
];

fn register_request(engine: &mut Engine) {
    engine.register_type_with_name::<Request>("Request");
    for (name, get) in REQUEST {
        engine.register_get(name, move |request: &mut Request| get(&request.0));
    }
}

fn probe(it: &Inner) -> Option<&crate::facts::Probe> {
    match &it.facts.resource {
        Resource::Probe(probe) => Some(probe),
        _ => None,
    }
}

fn register_capacity(engine: &mut Engine) {
    engine.register_type_with_name::<Load>("Capacity");
    engine.register_type_with_name::<ProbeView>("ProbeLoad");
    engine.register_type_with_name::<GroupView>("GroupLoad");
    engine.register_get("known", |load: &mut Load| load.0.is_some());
    engine.register_get("probe", |load: &mut Load| ProbeView(Arc::clone(&load.0)));
    engine.register_get("fleet", |load: &mut Load| match load.0.as_ref() {
        Some(capacity) => Dynamic::from(GroupView(capacity.fleet)),
        None => Dynamic::UNIT,
    });
    engine.register_fn("tag", |load: &mut Load, name: ImmutableString| {
        let group = load.0.as_ref().as_ref().and_then(|capacity| capacity.tags.get(name.as_str()).copied());
        group.map_or(Dynamic::UNIT, |group| Dynamic::from(GroupView(group)))
    });
    for (name, get) in PROBE {
        engine.register_get(name, move |probe: &mut ProbeView| {
            probe.0.as_ref().as_ref().map_or(Dynamic::UNIT, |capacity| get(&capacity.probe))
        });
    }
    for (name, get) in GROUP {
        engine.register_get(name, move |group: &mut GroupView| number(get(&group.0)));
    }
}

/// `capacity.probe`, which alert rules know as `probe.health`.
pub(super) fn health(load: &Arc<Option<Capacity>>) -> Dynamic {
    Dynamic::from(ProbeView(Arc::clone(load)))
}

fn load_per_cpu_milli(load: &ProbeLoad) -> Option<u64> {
    load.load1_milli?.checked_div(u64::from(load.cpus?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_a_script_sees_is_documented() {
        let readme = include_str!("../../../scripts/README.md");
        let request = REQUEST.iter().map(|(name, _)| format!("`request.{name}`"));
        let probe = PROBE.iter().map(|(name, _)| format!("`capacity.probe.{name}`"));
        let group = GROUP.iter().map(|(name, _)| format!("`{name}`"));
        let missing: Vec<String> = request.chain(probe).chain(group).filter(|name| !readme.contains(name)).collect();
        assert_eq!(missing, Vec::<String>::new());
    }
}
