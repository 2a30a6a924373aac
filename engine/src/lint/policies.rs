//! Rules about policies and how they stand to each other.

use std::collections::{BTreeMap, BTreeSet};

use super::Looked;
use super::scope::Scope;
use crate::bundle::Fault;
use crate::bundle::references::{entities, named};
use crate::guard::Guardrail;
use crate::rationale::Effect;

/// Comparing each with each is for bundles that people wrote; what is generated has other tests.
const MOST_COMPARED: usize = 2_000;

pub(super) fn look(looked: &Looked<'_>, found: &mut Vec<Fault>) {
    let scoped: Vec<(&Guardrail, Scope)> =
        looked.guardrails().iter().map(|guardrail| (&**guardrail, Scope::of(looked, guardrail))).collect();
    let everywhere = looked.bundle.actions().count();
    for (guardrail, scope) in &scoped {
        alone(looked, guardrail, scope, everywhere, found);
        destroying(looked, guardrail, scope, &scoped, found);
    }
    if scoped.len() <= MOST_COMPARED {
        for (guardrail, scope) in &scoped {
            compared(looked, guardrail, scope, &scoped, found);
        }
    }
    rationales(looked, found);
    names(looked, found);
}

fn alone(looked: &Looked<'_>, guardrail: &Guardrail, scope: &Scope, everywhere: usize, found: &mut Vec<Fault>) {
    let info = &guardrail.info;
    let unscoped = scope.names_nobody() && scope.names_nothing() && scope.actions.len() == everywhere;
    match (unscoped, info.effect, &guardrail.condition) {
        (true, Effect::Permit, None) => {
            found.push(looked.on(guardrail, "permit-everything", format!("`{}` permits everything", info.id)));
        }
        (true, ..) => {
            let message = format!("`{}` is evaluated for every request", info.id);
            found.push(looked.on(guardrail, "unscoped-policy", message));
        }
        _ => {}
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !info.id.chars().all(plain) {
        found.push(looked.on(guardrail, "id-shape", format!("`{}` is not in words with `-` between them", info.id)));
    }
    if info.rationale.split_whitespace().count() < 3 {
        found.push(looked.on(guardrail, "short-rationale", format!("`{}` says only \"{}\"", info.id, info.rationale)));
    }
}

fn destroying(
    looked: &Looked<'_>,
    guardrail: &Guardrail,
    scope: &Scope,
    scoped: &[(&Guardrail, Scope)],
    found: &mut Vec<Fault>,
) {
    let bare = guardrail.info.effect == Effect::Permit && guardrail.condition.is_none();
    if !bare || !scope.actions.contains("destroy") {
        return;
    }
    let guarded = scoped.iter().any(|(other, over)| {
        let everybody = over.names_nobody() && over.names_nothing() && over.actions.contains("destroy");
        other.info.effect == Effect::Forbid && everybody
    });
    if !guarded {
        let message =
            format!("`{}` lets destroy without a condition, and no guardrail stands over it", guardrail.info.id);
        found.push(looked.on(guardrail, "bare-destroy-permit", message));
    }
}

fn compared(
    looked: &Looked<'_>,
    guardrail: &Guardrail,
    scope: &Scope,
    scoped: &[(&Guardrail, Scope)],
    found: &mut Vec<Fault>,
) {
    let info = &guardrail.info;
    for (other, wider) in scoped.iter().filter(|(other, _)| other.info.id != info.id) {
        let over = wider.covers(scope);
        let same_effect = other.info.effect == info.effect;
        let place = format!("{}:{}", other.info.file, other.info.span.line);
        let equal = same_effect && over && scope.covers(wider) && same_conditions(guardrail, other);
        if equal {
            // Of two that are the same, the later is one too many.
            if (&other.info.file, other.info.span.line) < (&info.file, info.span.line) {
                let message = format!("`{}` says the same as `{}` ({place})", info.id, other.info.id);
                found.push(looked.on(guardrail, "duplicate-policy", message));
            }
        } else if over && other.condition.is_none() && same_effect {
            let message = format!("`{}` changes nothing: `{}` ({place}) covers it", info.id, other.info.id);
            found.push(looked.on(guardrail, "shadowed-policy", message));
        } else if over && other.condition.is_none() && info.effect == Effect::Permit {
            let message = format!("`{}` permits nothing: `{}` ({place}) forbids all of it", info.id, other.info.id);
            found.push(looked.on(guardrail, "unreachable-permit", message));
        }
    }
}

fn same_conditions(one: &Guardrail, other: &Guardrail) -> bool {
    match (&one.condition, &other.condition) {
        (None, None) => true,
        (Some(one), Some(other)) => one.eq_shape(other),
        _ => false,
    }
}

fn rationales(looked: &Looked<'_>, found: &mut Vec<Fault>) {
    let mut first: BTreeMap<String, &str> = BTreeMap::new();
    for guardrail in looked.guardrails() {
        let info = &guardrail.info;
        match first.get(&info.rationale.to_lowercase()) {
            Some(other) => {
                let message = format!("`{}` gives the same reason as `{other}`", info.id);
                found.push(looked.on(guardrail, "duplicate-rationale", message));
            }
            None => {
                first.insert(info.rationale.to_lowercase(), &info.id);
            }
        }
    }
}

/// Roles and tags that only policies speak of.
fn names(looked: &Looked<'_>, found: &mut Vec<Fault>) {
    let cases = looked.bundle.cases().map(|case| &case.facts);
    let roles: BTreeSet<&str> = cases.clone().flat_map(|facts| &facts.principal.roles).map(String::as_str).collect();
    let tags: BTreeSet<&str> = cases
        .flat_map(|facts| match &facts.resource {
            crate::Resource::Probe(probe) => probe.tags.iter().map(String::as_str).collect::<Vec<_>>(),
            crate::Resource::Approval(approval) => approval.tags.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        })
        .collect();
    for guardrail in looked.guardrails() {
        let file = &guardrail.info.file;
        for (uid, at) in entities(guardrail) {
            let (kind, name) = named(&uid);
            let (code, known) = match kind.as_str() {
                "Role" => ("role-nobody-has", &roles),
                "Tag" => ("tag-nobody-has", &tags),
                _ => continue,
            };
            // A list in the manifest is held against by `bundle check`.
            if looked.manifest.names.of(&kind).is_some() || known.contains(name) {
                continue;
            }
            let kind = kind.to_lowercase();
            let message = format!("`{}` names the {kind} `{name}`, which no case has", guardrail.info.id);
            let fault = Fault::at(file, looked.text(file), at, message).code(code);
            found.push(match crate::bundle::nearest::nearest(name, known.iter().copied()) {
                Some(meant) => fault.help(format!("did you mean `{meant}`?")),
                None => fault,
            });
        }
    }
}
