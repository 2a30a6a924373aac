//! The respects in which a request can differ from an ordinary one.

use std::collections::BTreeSet;

use super::{Material, Request};
use crate::capacity::ProbeLoad;
use crate::facts::{Origin, PrincipalKind, Resource};

/// Changes of one respect, of which a request has at most one.
pub(super) type Axis = Vec<Change>;
pub(super) type Change = Box<dyn Fn(&mut Request)>;

fn change(make: impl Fn(&mut Request) + 'static) -> Change {
    Box::new(make)
}

fn put(names: &mut BTreeSet<String>, name: &str) {
    names.insert(name.to_owned());
}

/// Those that policies speak of most come first.
pub(super) fn axes(material: &Material) -> Vec<Axis> {
    let mut axes = vec![tags(material), approvals(material), kinds(), glass()];
    axes.extend(commands(material));
    axes.extend(places(material));
    axes.extend(people(material));
    axes.push(times(material));
    axes.extend(loads(material));
    axes.retain(|axis| !axis.is_empty());
    axes
}

fn tags(material: &Material) -> Axis {
    let one = material.tags.iter().cloned().map(|tag| {
        change(move |it| match &mut it.facts.resource {
            Resource::Probe(probe) => put(&mut probe.tags, &tag),
            Resource::Approval(approval) => put(&mut approval.tags, &tag),
            Resource::Other(_) => {}
        })
    });
    one.collect()
}

/// As many people as policies count, one fewer and one more.
fn approvals(material: &Material) -> Axis {
    let near = material.numbers.iter().flat_map(|number| [number - 1, *number, number + 1]);
    let mut counts: Vec<i64> = near.chain([1, 2]).filter(|count| (1..=4).contains(count)).collect();
    counts.sort_unstable();
    counts.dedup();
    let some = counts.into_iter().map(|count| {
        change(move |it| it.facts.context.approvals.by = (1..=count).map(|n| format!("approver-{n}")).collect())
    });
    some.collect()
}

fn kinds() -> Axis {
    let kinds = [PrincipalKind::Agent, PrincipalKind::Run, PrincipalKind::ServiceAccount];
    kinds.into_iter().map(|kind| change(move |it| it.facts.principal.kind = kind)).collect()
}

fn glass() -> Axis {
    let why = || Some("the site is down".to_owned());
    vec![
        change(move |it| (it.facts.context.breakglass, it.facts.context.mfa) = (why(), true)),
        change(move |it| it.facts.context.breakglass = why()),
        change(|it| it.facts.context.mfa = true),
    ]
}

fn commands(material: &Material) -> Vec<Axis> {
    let read = vec![
        change(|it| it.classified.iter_mut().for_each(|said| said.parsed = false)),
        change(|it| it.classified.iter_mut().for_each(|said| said.known = false)),
    ];
    let texts = material.texts.iter().chain(&material.words);
    let named = texts.cloned().flat_map(|text| {
        let (program, effect, target, reason) = (text.clone(), text.clone(), text.clone(), text);
        [
            change(move |it| it.classified.iter_mut().for_each(|said| put(&mut said.programs, &program))),
            change(move |it| it.classified.iter_mut().for_each(|said| put(&mut said.effects, &effect))),
            change(move |it| it.classified.iter_mut().for_each(|said| put(&mut said.targets, &target))),
            change(move |it| it.facts.context.reason = Some(reason.clone())),
        ]
    });
    let origins = Origin::ALL.into_iter().map(|origin| change(move |it| it.facts.context.origin = origin));
    vec![vec![change(|it| it.facts.context.tainted = true)], read, named.collect(), origins.collect()]
}

fn places(material: &Material) -> Vec<Axis> {
    let mut tenants: Vec<String> = material.tenants.iter().cloned().collect();
    tenants.extend(["blue", "red"].map(str::to_owned));
    let theirs = tenants.clone().into_iter().take(8).map(|tenant| {
        change(move |it| match &mut it.facts.resource {
            Resource::Probe(probe) => probe.tenant = Some(tenant.clone()),
            Resource::Approval(approval) => approval.tenant = Some(tenant.clone()),
            Resource::Other(_) => {}
        })
    });
    let own = tenants.into_iter().take(8);
    let own = own.map(|tenant| change(move |it| put(&mut it.facts.principal.grants, &format!("tenant:{tenant}"))));
    let sites = material.sites.iter().cloned().map(|site| {
        change(move |it| {
            if let Resource::Probe(probe) = &mut it.facts.resource {
                probe.site = Some(site.clone());
            }
        })
    });
    let resources = super::others().map(|resource| {
        change(move |it| {
            if it.classified.is_none() {
                it.facts.resource = resource.clone();
            }
        })
    });
    // Of the same organization, and of another one.
    let of_orgs = ["acme", "other"].map(|org| {
        change(move |it| {
            put(&mut it.facts.principal.grants, "org:acme");
            match &mut it.facts.resource {
                Resource::Probe(probe) => probe.org = Some(org.to_owned()),
                Resource::Approval(approval) => approval.org = Some(org.to_owned()),
                Resource::Other(_) => {}
            }
        })
    });
    let scopes = material.tags.iter().map(|tag| format!("scope:{tag}"));
    let scopes = scopes.chain(["scope:other".to_owned()]).take(8);
    let scopes = scopes.map(|scope| change(move |it| put(&mut it.facts.principal.grants, &scope)));
    let grants = of_orgs.into_iter().chain(scopes);
    vec![theirs.collect(), own.collect(), grants.collect(), sites.collect(), resources.collect()]
}

fn people(material: &Material) -> Vec<Axis> {
    let groups = material.groups.iter().cloned();
    let groups = groups.map(|group| change(move |it| put(&mut it.facts.principal.groups, &group)));
    let of_approvers = material
        .groups
        .iter()
        .cloned()
        .map(|group| change(move |it| put(&mut it.facts.context.approvals.groups, &group)));
    let ids = material.ids.iter().cloned();
    let ids = ids.map(|id| change(move |it| it.facts.principal.id.clone_from(&id)));
    let approvers = material.ids.iter().cloned();
    let approvers = approvers.map(|id| change(move |it| put(&mut it.facts.context.approvals.by, &id)));
    let own = vec![
        change(|it| {
            let id = it.facts.principal.id.clone();
            if let Resource::Approval(approval) = &mut it.facts.resource {
                approval.requester = id;
            }
        }),
        change(|it| {
            let id = it.facts.principal.id.clone();
            if let Resource::Approval(approval) = &mut it.facts.resource {
                approval.requester_acts_for = Some(id);
            }
        }),
    ];
    let roles = material.roles.iter().cloned();
    let roles = roles.map(|role| change(move |it| put(&mut it.facts.principal.roles, &role)));
    vec![own, groups.collect(), of_approvers.collect(), ids.collect(), approvers.collect(), roles.collect()]
}

/// Hours and days around the numbers that policies name. The first day of 1970 was a Thursday.
fn times(material: &Material) -> Axis {
    const HOUR_MS: u64 = 3_600_000;
    let near = |number: &i64| [number - 1, *number, number + 1];
    let number = |n: i64| u64::try_from(n).ok();
    let small = || material.numbers.iter().flat_map(near).filter_map(number);
    let hours = small().filter(|hour| *hour < 24).map(|hour| hour * HOUR_MS);
    let days = small().filter(|day| (1..=7).contains(day)).map(|day| (day + 3) % 7 * 24 * HOUR_MS);
    let moments = material.numbers.iter().filter(|n| **n > 1_000_000).flat_map(near).filter_map(number);
    let mut all: Vec<u64> = hours.chain(days).chain(moments).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().map(|at_ms| change(move |it| it.facts.at_ms = at_ms)).collect()
}

type Field = fn(&mut ProbeLoad, u32);

const FIELDS: [Field; 10] = [
    |load, n| load.running = n,
    |load, n| load.running_changes = n,
    |load, n| load.queued = n,
    |load, n| load.mem_used_pct = Some(n),
    |load, n| load.disk_used_pct = Some(n),
    |load, n| (load.cpus, load.load1_milli) = (Some(1), Some(u64::from(n))),
    |load, n| load.heartbeat_age_s = Some(u64::from(n)),
    |load, n| load.pressure_cpu_pct = Some(n),
    |load, n| load.pressure_mem_pct = Some(n),
    |load, n| load.pressure_io_pct = Some(n),
];

fn loads(material: &Material) -> Vec<Axis> {
    if material.thresholds.is_empty() && material.words.is_empty() {
        return Vec::new();
    }
    let mut axes: Vec<Axis> = vec![vec![change(|it| it.facts.capacity = None)]];
    let states = material.words.iter().cloned().chain(["offline".to_owned()]);
    axes.push(states.map(|state| load(move |it| it.status.clone_from(&state))).collect());
    for field in FIELDS {
        let near = material.thresholds.iter().flat_map(|n| [n.saturating_sub(1), *n, n.saturating_add(1)]);
        let mut values: Vec<u32> = near.collect();
        values.sort_unstable();
        values.dedup();
        axes.push(values.into_iter().map(|value| load(move |it| field(it, value))).collect());
    }
    axes
}

fn load(make: impl Fn(&mut ProbeLoad) + 'static) -> Change {
    change(move |it| {
        if let Some(capacity) = &mut it.facts.capacity {
            make(&mut capacity.probe);
        }
    })
}
