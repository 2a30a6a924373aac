//! A request as a case to paste into a file of cases.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Request;
use crate::decision::{Decision, Outcome};
use crate::facts::{Ask, PrincipalKind, Resource};

impl Request {
    /// A case that holds where this decision is the answer.
    pub(crate) fn case(&self, name: &str, decision: &Decision) -> String {
        let mut lines = vec!["[[case]]".to_owned(), format!("name = {}", quoted(name))];
        let mut say = |key: &str, map: Map<String, Value>| {
            if !map.is_empty() {
                lines.push(format!("{key} = {}", inline(&Value::Object(map))));
            }
        };
        let facts = &self.facts;
        let principal = &facts.principal;
        say(
            "principal",
            table([
                ("kind", (principal.kind != PrincipalKind::User).then(|| json!(principal.kind))),
                ("id", (principal.id != "ana").then(|| json!(principal.id))),
                ("roles", list(&principal.roles)),
                ("groups", list(&principal.groups)),
                ("grants", list(&principal.grants)),
            ]),
        );
        match &facts.ask {
            Ask::Operation(name) => lines.push(format!("operation = {}", quoted(name))),
            Ask::Command(_) => {
                lines.push("command = [\"true\"]".to_owned());
                if let Some(said) = &self.classified {
                    let map = table([
                        ("level", Some(json!(said.level.as_str()))),
                        ("parsed", (!said.parsed).then(|| json!(false))),
                        ("known", (!said.known).then(|| json!(false))),
                        ("programs", list(&said.programs)),
                        ("effects", list(&said.effects)),
                        ("targets", list(&said.targets)),
                    ]);
                    lines.push(format!("classified = {}", inline(&Value::Object(map))));
                }
            }
        }
        lines.extend(self.resource());
        let context = &facts.context;
        let map = table([
            ("origin", (context.origin.as_str() != "api").then(|| json!(context.origin.as_str()))),
            ("approved_by", list(&context.approvals.by)),
            ("approver_groups", list(&context.approvals.groups)),
            ("mfa", context.mfa.then(|| json!(true))),
            ("tainted", context.tainted.then(|| json!(true))),
            ("breakglass", context.breakglass.as_ref().map(|it| json!(it))),
            ("reason", context.reason.as_ref().map(|it| json!(it))),
        ]);
        if !map.is_empty() {
            lines.push(format!("context = {}", inline(&Value::Object(map))));
        }
        if facts.at_ms > 0 {
            lines.push(format!("at_ms = {}", facts.at_ms));
        }
        match &facts.capacity {
            None if self.classified.is_some() => lines.push("capacity = \"unknown\"".to_owned()),
            Some(capacity) => {
                let mut load = json!(capacity.probe);
                if let Value::Object(map) = &mut load {
                    map.retain(|key, value| *value != json!(0) && !(key == "status" && *value == json!("online")));
                    if !map.is_empty() {
                        lines.push(format!("capacity = {{ probe = {} }}", inline(&load)));
                    }
                }
            }
            None => {}
        }
        lines.push(format!("expect = {}", inline(&Value::Object(expected(decision)))));
        lines.join("\n")
    }

    fn resource(&self) -> Option<String> {
        let map = match &self.facts.resource {
            Resource::Probe(probe) => {
                let map = table([
                    ("tags", list(&probe.tags)),
                    ("site", probe.site.as_ref().map(|it| json!(it))),
                    ("org", probe.org.as_ref().map(|it| json!(it))),
                    ("tenant", probe.tenant.as_ref().map(|it| json!(it))),
                ]);
                // An operation on a probe has to name it; a command's probe is there by itself.
                return (!map.is_empty() || self.classified.is_none())
                    .then(|| format!("probe = {}", inline(&Value::Object(map))));
            }
            Resource::Approval(approval) => {
                let map = table([
                    ("requester", Some(json!(approval.requester))),
                    ("requester_acts_for", approval.requester_acts_for.as_ref().map(|it| json!(it))),
                    ("tags", list(&approval.tags)),
                    ("org", approval.org.as_ref().map(|it| json!(it))),
                    ("tenant", approval.tenant.as_ref().map(|it| json!(it))),
                ]);
                return Some(format!("approval = {}", inline(&Value::Object(map))));
            }
            Resource::Other(other) if other.kind.as_str() == "ControlPlane" => return None,
            Resource::Other(other) => table([("id", Some(json!(other.id))), ("kind", Some(json!(other.kind)))]),
        };
        Some(format!("resource = {}", inline(&Value::Object(map))))
    }
}

fn expected(decision: &Decision) -> Map<String, Value> {
    let approvals = match decision.outcome {
        Outcome::Hold { approvals } => Some(json!(approvals)),
        _ => None,
    };
    let policies: BTreeSet<String> = decision.rationale.policies.iter().map(|policy| policy.id.clone()).collect();
    table([
        ("outcome", Some(json!(decision.outcome.as_str()))),
        ("approvals", approvals),
        ("policies", Some(json!(policies))),
    ])
}

fn table<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Map<String, Value> {
    pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn list(items: &BTreeSet<String>) -> Option<Value> {
    (!items.is_empty()).then(|| json!(items))
}

/// A value as TOML writes it on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let pairs: Vec<String> = map.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
        }
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::String(text) => quoted(text),
        Value::Null => "\"\"".to_owned(),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
