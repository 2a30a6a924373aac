//! Names that lead nowhere: a policy, a case or a manifest that speaks of something which is not there.

use std::collections::BTreeSet;
use std::ops::Range;

use ahash::HashSet;
use cedar_policy_core::ast::{
    ActionConstraint, EntityReference, EntityUID, ExprKind, Literal, PrincipalOrResourceConstraint as Constraint,
};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::kept::Texts;
use super::nearest::nearest;
use super::{Fault, Names, Part};
use crate::guard::{Guard, Guardrail};

pub(super) fn look(guard: &Guard, names: &Names, texts: &Texts, faults: &mut Vec<Fault>) {
    let listed = ["Role", "Group", "Tag", "Site", "Tenant"].into_iter().any(|kind| names.of(kind).is_some());
    for guardrail in guard.guardrails().iter().filter(|_| listed) {
        let Some(text) = texts.get(&guardrail.info.file) else { continue };
        for (uid, at) in entities(guardrail) {
            faults.extend(unlisted(&guardrail.info.file, text, at, &uid, names));
        }
    }
    let mut policies: Option<HashSet<&str>> = None;
    for (path, text) in texts {
        if matches!(Part::of(path), Some(Part::PolicyCases | Part::ScriptCases(_)))
            && let Ok(document) = DeTable::parse(text)
        {
            let policies = policies.get_or_insert_with(|| guard.policies().map(|policy| policy.id.as_str()).collect());
            Cases { guard, policies, names, path, text, faults }.look(document.get_ref());
        }
    }
}

/// Every entity that a policy names, with its place.
pub(crate) fn entities(guardrail: &Guardrail) -> Vec<(EntityUID, Range<usize>)> {
    let policy = &guardrail.policy;
    let mut found: Vec<EntityUID> = Vec::new();
    for constraint in [policy.principal_constraint().into_inner(), policy.resource_constraint().into_inner()] {
        if let Constraint::In(EntityReference::EUID(uid))
        | Constraint::Eq(EntityReference::EUID(uid))
        | Constraint::IsIn(_, EntityReference::EUID(uid)) = constraint
        {
            found.push(uid.as_ref().clone());
        }
    }
    match policy.action_constraint() {
        ActionConstraint::Any => {}
        ActionConstraint::Eq(uid) => found.push(uid.as_ref().clone()),
        ActionConstraint::In(uids) => found.extend(uids.iter().map(|uid| uid.as_ref().clone())),
    }
    let whole = guardrail.offset..guardrail.offset + guardrail.info.source.len();
    let placed = |uid: EntityUID| {
        let at = uid.loc().map_or(whole.clone(), |loc| loc.start()..loc.end());
        (uid, at)
    };
    let mut all: Vec<(EntityUID, Range<usize>)> = found.into_iter().map(placed).collect();
    for part in guardrail.condition.iter().flat_map(|condition| condition.subexpressions()) {
        if let ExprKind::Lit(Literal::EntityUID(uid)) = part.expr_kind() {
            let at = part.source_loc().or_else(|| uid.loc()).map_or(whole.clone(), |loc| loc.start()..loc.end());
            all.push((uid.as_ref().clone(), at));
        }
    }
    all
}

/// Type and id of an entity, as the manifest lists them.
pub(crate) fn named(uid: &EntityUID) -> (String, &str) {
    (uid.entity_type().to_string(), uid.eid().as_ref())
}

fn unlisted(file: &str, text: &str, at: Range<usize>, uid: &EntityUID, names: &Names) -> Option<Fault> {
    let (kind, name) = named(uid);
    let listed = names.of(&kind)?;
    if listed.contains(name) {
        return None;
    }
    let list = format!("{}s", kind.to_lowercase());
    let fault = Fault::at(file, text, at, format!("`[names] {list}` of the manifest has no `{name}`"));
    Some(fault.code("name-unknown").help(match nearest(name, listed.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("add it to `{list}`, if it exists"),
    }))
}

struct Cases<'c> {
    guard: &'c Guard,
    policies: &'c HashSet<&'c str>,
    names: &'c Names,
    path: &'c str,
    text: &'c str,
    faults: &'c mut Vec<Fault>,
}

impl Cases<'_> {
    fn look(&mut self, document: &DeTable<'_>) {
        for case in tables(get(document, "case")) {
            self.one(case);
            for row in tables(get(case, "rows")) {
                self.one(row);
            }
        }
    }

    fn one(&mut self, case: &DeTable<'_>) {
        let expect = get(case, "expect").and_then(|value| value.get_ref().as_table());
        let of = |key: &str| expect.and_then(|expect| get(expect, key));
        for (name, at) in texts_of(of("policies")).chain(texts_of(of("nearest"))) {
            if !self.policies.contains(name) {
                let known: Vec<&str> = self.policies.iter().copied().collect();
                self.unknown(at, "case-policy", format!("the bundle has no policy `{name}`"), name, &known);
            }
        }
        for (name, at) in texts_of(get(case, "operation")) {
            let known: Vec<&str> = self.guard.vocabulary.askable().collect();
            // That nobody may do what does not exist is worth a case of its own.
            let denied = texts_of(of("outcome")).any(|(outcome, _)| outcome == "deny");
            let meant = denied && nearest(name, known.iter().copied()).is_none();
            if !known.contains(&name) && !meant {
                self.unknown(at, "case-action", format!("the schema has no action `{name}`"), name, &known);
            }
        }
        for (place, key, kind) in [
            ("principal", "roles", "Role"),
            ("principal", "groups", "Group"),
            ("probe", "tags", "Tag"),
            ("probe", "site", "Site"),
            ("principal", "tenant", "Tenant"),
            ("probe", "tenant", "Tenant"),
            ("probe", "org", "Org"),
        ] {
            let table = get(case, place).and_then(|value| value.get_ref().as_table());
            let Some(listed) = self.names.of(kind) else { continue };
            let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
            for (name, at) in texts_of(table.and_then(|table| get(table, key))) {
                if !listed.contains(&name) {
                    let message = format!("`[names]` of the manifest has no {} `{name}`", kind.to_lowercase());
                    self.unknown(at, "name-unknown", message, name, &listed);
                }
            }
        }
    }

    fn unknown(&mut self, at: Range<usize>, code: &str, message: String, wrong: &str, known: &[&str]) {
        let distinct: BTreeSet<&str> = known.iter().copied().collect();
        let fault = Fault::at(self.path, self.text, at, message).code(code);
        let few = distinct.len() <= 8;
        self.faults.push(match nearest(wrong, distinct.iter().copied()) {
            Some(meant) => fault.help(format!("did you mean `{meant}`?")),
            None if few && !distinct.is_empty() => {
                let all: Vec<String> = distinct.iter().map(|name| format!("`{name}`")).collect();
                fault.help(format!("one of {}", all.join(", ")))
            }
            None => fault.help("nothing in the bundle is called nearly so"),
        });
    }
}

/// The tables of a list of tables.
pub(crate) fn tables_of<'t, 'd>(table: &'t DeTable<'d>, key: &str) -> impl Iterator<Item = &'t DeTable<'d>> {
    tables(get(table, key))
}

/// Every policy that a file of cases expects to decide, or to come nearest.
pub(crate) fn expected_policies(document: &DeTable<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for case in tables_of(document, "case") {
        for one in std::iter::once(case).chain(tables_of(case, "rows")) {
            let expect = get(one, "expect").and_then(|value| value.get_ref().as_table());
            let of = |key: &str| expect.and_then(|expect| get(expect, key));
            found.extend(texts_of(of("policies")).chain(texts_of(of("nearest"))).map(|(name, _)| name.to_owned()));
        }
    }
    found
}

fn get<'t, 'd>(table: &'t DeTable<'d>, key: &str) -> Option<&'t Spanned<DeValue<'d>>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
}

fn tables<'t, 'd>(value: Option<&'t Spanned<DeValue<'d>>>) -> impl Iterator<Item = &'t DeTable<'d>> {
    let items = value.and_then(|value| value.get_ref().as_array()).into_iter().flat_map(|items| items.iter());
    items.filter_map(|item| item.get_ref().as_table())
}

/// A text, or the texts of a list, with their places.
fn texts_of<'t>(value: Option<&'t Spanned<DeValue<'_>>>) -> impl Iterator<Item = (&'t str, Range<usize>)> {
    let mut found = Vec::new();
    if let Some(value) = value {
        match value.get_ref() {
            DeValue::String(text) => found.push((text.as_ref(), value.span())),
            DeValue::Array(items) => {
                found.extend(items.iter().filter_map(|item| Some((item.get_ref().as_str()?, item.span()))));
            }
            _ => {}
        }
    }
    found.into_iter()
}
