//! Requests at which an answer can change, made from what policies and scripts speak of: ordinary ones, and those that
//! differ from an ordinary one in one, two or three respects.
//! Never: chance. The same material gives the same requests, in the same order.

mod axes;
mod material;
mod written;

use std::collections::BTreeSet;

use legator_protocol::{CommandSpec, Level};

use axes::{Axis, axes};
pub(crate) use material::Material;

use crate::Bundle;
use crate::capacity::{Capacity, ProbeLoad};
use crate::decide::decide_classified;
use crate::decision::{Classified, Decision};
use crate::facts::{Approval, Ask, Context, Facts, Origin, OtherKind, Principal, Probe, Resource};
use crate::guard::{Question, Way};

/// A request that somebody could make, with what its command is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) facts: Facts,
    pub(crate) classified: Option<Classified>,
}

impl Request {
    pub(crate) fn decided(&self, bundle: &Bundle) -> Decision {
        decide_classified(bundle, &self.facts, self.classified.clone(), Way::Indexed)
    }

    /// Whether the schema lets it be asked at all.
    pub(crate) fn askable(&self, bundle: &Bundle) -> bool {
        let action = match (&self.facts.ask, &self.classified) {
            (Ask::Operation(name), _) => name.as_str(),
            (_, Some(said)) => said.level.as_str(),
            _ => return false,
        };
        let said = self.classified.as_ref();
        Question::new(&bundle.guard.vocabulary, action, &self.facts, said, Way::Indexed).is_ok()
    }
}

/// The first request that `differs`, looking at no more than `most`.
pub(crate) fn find<T>(material: &Material, most: usize, mut differs: impl FnMut(&Request) -> Option<T>) -> Option<T> {
    let (bases, axes) = (bases(material), axes(material));
    let mut left = most;
    let mut look = |request: &Request| {
        left = left.checked_sub(1)?;
        differs(request)
    };
    for depth in 0..=3 {
        for base in &bases {
            if let Some(found) = vary(base, &axes, depth, &mut look) {
                return Some(found);
            }
        }
    }
    None
}

/// Every request that differs from an ordinary one in at most two respects, up to `most`; where some actions matter
/// most, of these.
pub(crate) fn requests(material: &Material, most: usize) -> Vec<Request> {
    let mut all: Vec<Request> = Vec::new();
    let mut material = material.clone();
    if !material.focus.is_empty() {
        material.actions.clone_from(&material.focus);
    }
    let (bases, axes) = (bases(&material), axes(&material));
    for depth in 0..=2 {
        for base in &bases {
            let stopped = vary(base, &axes, depth, &mut |request: &Request| {
                if all.len() >= most {
                    return Some(());
                }
                all.push(request.clone());
                None
            });
            if stopped.is_some() {
                return all;
            }
        }
    }
    all
}

/// Lays `depth` changes of different axes over a base.
fn vary<T>(base: &Request, axes: &[Axis], depth: usize, look: &mut dyn FnMut(&Request) -> Option<T>) -> Option<T> {
    if depth == 0 {
        return look(base);
    }
    for (n, axis) in axes.iter().enumerate() {
        let rest = axes.get(n + 1..).unwrap_or_default();
        for change in axis {
            let mut changed = base.clone();
            change(&mut changed);
            if changed == *base {
                continue;
            }
            if let Some(found) = vary(&changed, rest, depth - 1, look) {
                return Some(found);
            }
        }
    }
    None
}

/// An ordinary request for each action and each role: by a user, for the resource that it is about.
fn bases(material: &Material) -> Vec<Request> {
    let roles: Vec<Option<&String>> = material.roles.iter().map(Some).chain([None]).collect();
    // Where no role is known, somebody without one asks.
    let mut bases = Vec::new();
    let others = material.actions.iter().filter(|action| !material.focus.contains(*action));
    for action in material.focus.iter().chain(others) {
        for role in &roles {
            let mut principal = Principal::user("ana");
            principal.roles = role.iter().map(|role| (*role).clone()).collect();
            let resources = match (action.parse::<Level>(), action.as_str()) {
                (Ok(_), _) => vec![Resource::Probe(probe())],
                (_, "decideApproval") => vec![Resource::Approval(approval())],
                _ => vec![Resource::control_plane()],
            };
            for resource in resources {
                let (ask, classified) = match action.parse::<Level>() {
                    Ok(level) => (Ask::Command(CommandSpec::argv(["true"])), Some(classified(level))),
                    Err(_) => (Ask::Operation(action.clone()), None),
                };
                let capacity = classified.is_some().then(|| Capacity {
                    probe: ProbeLoad { status: "online".to_owned(), ..ProbeLoad::default() },
                    ..Capacity::default()
                });
                let (principal, context) = (principal.clone(), Context::new(Origin::Api));
                let facts = Facts { at_ms: 0, principal, ask, resource, context, capacity };
                bases.push(Request { facts, classified });
            }
        }
    }
    bases
}

fn probe() -> Probe {
    Probe { id: "prb_example".to_owned(), name: "prb_example".to_owned(), ..Probe::default() }
}

fn approval() -> Approval {
    Approval {
        id: "apr_example".to_owned(),
        requester: "ben".to_owned(),
        requester_acts_for: None,
        probe: "prb_example".to_owned(),
        tags: BTreeSet::new(),
        org: None,
        tenant: None,
        level: Level::Remediate,
        command: "systemctl restart nginx".to_owned(),
    }
}

/// The other resources that an operation can be about.
fn others() -> impl Iterator<Item = Resource> {
    let kinds = OtherKind::ALL.into_iter().filter(|kind| *kind != OtherKind::ControlPlane);
    kinds.map(|kind| Resource::other(kind, "example")).chain([Resource::Probe(probe()), Resource::Approval(approval())])
}

fn classified(level: Level) -> Classified {
    let none = BTreeSet::new;
    Classified {
        level,
        parsed: true,
        known: true,
        programs: none(),
        effects: none(),
        targets: none(),
        parts: Vec::new(),
        look: Vec::new(),
    }
}
