//! How a case is written. `policies/README.md` documents the format.

use std::collections::BTreeSet;

use legator_protocol::{CommandSpec, Level};
use serde::Deserialize;
use toml::Spanned;

use crate::bundle::{Fault, written};
use crate::capacity::{Capacity, GroupLoad, ProbeLoad};
use crate::decision::{Classified, Decision, Outcome};
use crate::facts::{
    Approval, Approvals, Ask, Context, Facts, Origin, Other, Principal, PrincipalKind, Probe, Resource,
};

/// One case, ready to be decided.
pub(crate) struct Case {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) name: String,
    pub(crate) facts: Facts,
    /// What the case says that its command is; the table is asked where it says nothing.
    pub(crate) classified: Option<Classified>,
    pub(crate) expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, rename = "case")]
    cases: Vec<Spanned<WrittenCase>>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCase {
    name: String,
    #[serde(default)]
    principal: WrittenPrincipal,
    #[serde(default)]
    command: Option<WrittenCommand>,
    #[serde(default)]
    classified: Option<WrittenClass>,
    #[serde(default)]
    operation: Option<OneOrMany>,
    #[serde(default)]
    probe: Option<WrittenProbe>,
    #[serde(default)]
    approval: Option<WrittenApproval>,
    #[serde(default)]
    resource: Option<Other>,
    #[serde(default)]
    context: WrittenContext,
    #[serde(default)]
    at_ms: u64,
    #[serde(default)]
    capacity: WrittenCapacity,
    expect: Expect,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum WrittenCommand {
    Shell(String),
    Argv(Vec<String>),
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenPrincipal {
    kind: Option<PrincipalKind>,
    id: Option<String>,
    roles: BTreeSet<String>,
    groups: BTreeSet<String>,
    tenant: Option<String>,
    acts_for: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenClass {
    level: Level,
    #[serde(default = "yes")]
    parsed: bool,
    #[serde(default = "yes")]
    known: bool,
    #[serde(default)]
    programs: BTreeSet<String>,
    #[serde(default)]
    effects: BTreeSet<String>,
    #[serde(default)]
    targets: BTreeSet<String>,
}

const fn yes() -> bool {
    true
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenProbe {
    id: Option<String>,
    tags: BTreeSet<String>,
    site: Option<String>,
    tenant: Option<String>,
    hostname: String,
    os: String,
    arch: String,
    status: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenApproval {
    requester: String,
    #[serde(default)]
    requester_acts_for: Option<String>,
    #[serde(default)]
    tags: BTreeSet<String>,
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    level: Option<Level>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenContext {
    origin: Option<Origin>,
    approved_by: BTreeSet<String>,
    approver_groups: BTreeSet<String>,
    mfa: bool,
    tainted: bool,
    breakglass: Option<String>,
    reason: Option<String>,
}

/// `unknown`, or figures; an idle probe that is online where nothing is said.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum WrittenCapacity {
    Word(String),
    Figures(Box<WrittenFigures>),
}

impl Default for WrittenCapacity {
    fn default() -> Self {
        Self::Figures(Box::default())
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenFigures {
    probe: Option<ProbeLoad>,
    tags: std::collections::BTreeMap<String, GroupLoad>,
    fleet: GroupLoad,
}

/// What a case says that the decision is. What it does not say is not looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    outcome: String,
    approvals: Option<u32>,
    /// Exactly these determine.
    policies: Option<BTreeSet<String>>,
    /// Where no policy permits: the one that comes closest.
    nearest: Option<String>,
    /// Exactly these indicators drive.
    indicators: Option<BTreeSet<String>>,
    /// A part of the sentence that says what would make it pass.
    would_pass: Option<String>,
    level: Option<Level>,
}

impl Expect {
    pub(crate) fn problems(&self, decision: &Decision) -> Vec<String> {
        let mut problems = Vec::new();
        let mut differ = |what: &str, wanted: String, got: String| {
            if wanted != got {
                problems.push(format!("{what} is {got}, the case says {wanted}"));
            }
        };
        let rationale = &decision.rationale;
        differ("the outcome", self.outcome.clone(), decision.outcome.as_str().to_owned());
        if let Some(approvals) = self.approvals {
            let got = match decision.outcome {
                Outcome::Hold { approvals } => approvals,
                _ => 0,
            };
            differ("the number of missing approvals", approvals.to_string(), got.to_string());
        }
        if let Some(policies) = &self.policies {
            let got: BTreeSet<String> = rationale.policies.iter().map(|policy| policy.id.clone()).collect();
            differ("the set of determining policies", format!("{policies:?}"), format!("{got:?}"));
        }
        if let Some(nearest) = &self.nearest {
            let got = rationale.nearest.as_ref().map(|policy| policy.id.clone()).unwrap_or_default();
            differ("the nearest permit", nearest.clone(), got);
        }
        if let Some(indicators) = &self.indicators {
            let scripts = rationale.admission.iter().flat_map(|said| &said.scripts);
            let driving = scripts.flat_map(|script| &script.indicators).filter(|indicator| indicator.drove_outcome);
            let got: BTreeSet<String> = driving.map(|indicator| indicator.name.clone()).collect();
            differ("the set of driving indicators", format!("{indicators:?}"), format!("{got:?}"));
        }
        if let Some(level) = self.level {
            let got = decision.classification.as_ref().map(|said| said.level.to_string()).unwrap_or_default();
            differ("the level", level.to_string(), got);
        }
        if let Some(part) = &self.would_pass {
            let got = rationale.counterfactual.as_ref().map(|it| it.message().to_owned()).unwrap_or_default();
            if !got.contains(part.as_str()) {
                problems.push(format!("what would make it pass is `{got}`, which does not say `{part}`"));
            }
        }
        problems
    }
}

/// Reads the cases of one file.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Case>, Vec<Fault>> {
    let written: Written = written::read(file, text, "the cases cannot be read", written::CASES)?;
    let (mut cases, mut faults) = (Vec::new(), Vec::new());
    for spanned in written.cases {
        let range = spanned.span();
        let written = spanned.into_inner();
        let place = Fault::at(file, text, range.start..range.start + 1, "");
        let fault = |message: String| Fault { message, ..place.clone() };
        match written.asks() {
            Ok(asks) => {
                let many = asks.len() > 1;
                for ask in asks {
                    let name = match &ask {
                        Ask::Operation(operation) if many => format!("{} ({operation})", written.name),
                        _ => written.name.clone(),
                    };
                    let classified = written.classified.clone().map(Classified::from);
                    let (facts, expect) = (written.facts(ask), written.expect.clone());
                    cases.push(Case { file: file.to_owned(), line: place.line, name, facts, classified, expect });
                }
            }
            Err(message) => faults.push(fault(format!("case `{}`: {message}", written.name))),
        }
        if !["allow", "queue", "hold", "deny"].contains(&written.expect.outcome.as_str()) {
            let wrong = &written.expect.outcome;
            faults.push(fault(format!("`{wrong}` is no outcome; one of `allow`, `queue`, `hold`, `deny`")));
        }
        if let WrittenCapacity::Word(word) = &written.capacity
            && word != "unknown"
        {
            faults.push(fault(format!("`{word}` is no capacity; `unknown`, or a table of figures")));
        }
    }
    if faults.is_empty() { Ok(cases) } else { Err(faults) }
}

impl WrittenCase {
    fn asks(&self) -> Result<Vec<Ask>, &'static str> {
        match (&self.command, &self.operation) {
            (Some(WrittenCommand::Argv(argv)), None) => Ok(vec![Ask::Command(CommandSpec::argv(argv.clone()))]),
            (Some(WrittenCommand::Shell(line)), None) => Ok(vec![Ask::Command(CommandSpec::shell(line.clone()))]),
            (None, Some(_)) if self.classified.is_some() => Err("an operation is not `classified`"),
            (None, Some(OneOrMany::One(name))) => Ok(vec![Ask::Operation(name.clone())]),
            (None, Some(OneOrMany::Many(names))) => Ok(names.iter().cloned().map(Ask::Operation).collect()),
            _ => Err("it asks for a `command` or for an `operation`, and not for both"),
        }
    }

    fn facts(&self, ask: Ask) -> Facts {
        let resource = match (&self.probe, &self.approval, &self.resource, &ask) {
            (None, Some(approval), _, _) => Resource::Approval(approval.fact()),
            (None, None, Some(other), _) => Resource::Other(other.clone()),
            (None, None, None, Ask::Operation(_)) => Resource::control_plane(),
            (probe, ..) => Resource::Probe(probe.clone().unwrap_or_default().fact()),
        };
        let capacity = match &self.capacity {
            WrittenCapacity::Word(_) => None,
            WrittenCapacity::Figures(figures) => Some(figures.fact()),
        };
        let (principal, context) = (self.principal.fact(), self.context.fact());
        Facts { at_ms: self.at_ms, principal, ask, resource, context, capacity }
    }
}

impl WrittenPrincipal {
    fn fact(&self) -> Principal {
        let kind = self.kind.unwrap_or(PrincipalKind::User);
        let mut principal = Principal::new(kind, self.id.as_deref().unwrap_or("ana"));
        principal.roles = self.roles.clone();
        principal.groups = self.groups.clone();
        principal.tenant = self.tenant.clone();
        principal.acts_for = self.acts_for.clone();
        principal
    }
}

impl WrittenProbe {
    fn fact(self) -> Probe {
        let id = self.id.unwrap_or_else(|| "prb_example".to_owned());
        let Self { tags, site, tenant, hostname, os, arch, status, .. } = self;
        Probe { name: id.clone(), id, hostname, tags, site, tenant, os, arch, status }
    }
}

impl WrittenApproval {
    fn fact(&self) -> Approval {
        Approval {
            id: "apr_example".to_owned(),
            requester: self.requester.clone(),
            requester_acts_for: self.requester_acts_for.clone(),
            probe: "prb_example".to_owned(),
            tags: self.tags.clone(),
            tenant: self.tenant.clone(),
            level: self.level.unwrap_or(Level::Remediate),
            command: "systemctl restart nginx".to_owned(),
        }
    }
}

impl WrittenContext {
    fn fact(&self) -> Context {
        Context {
            origin: self.origin.unwrap_or(Origin::Api),
            approvals: Approvals { by: self.approved_by.clone(), groups: self.approver_groups.clone() },
            mfa: self.mfa,
            tainted: self.tainted,
            breakglass: self.breakglass.clone(),
            reason: self.reason.clone(),
        }
    }
}

impl WrittenFigures {
    fn fact(&self) -> Capacity {
        let mut probe = self.probe.clone().unwrap_or_default();
        if probe.status.is_empty() {
            "online".clone_into(&mut probe.status);
        }
        Capacity { probe, tags: self.tags.clone(), fleet: self.fleet }
    }
}

impl From<WrittenClass> for Classified {
    fn from(written: WrittenClass) -> Self {
        let WrittenClass { level, parsed, known, programs, effects, targets } = written;
        Self { level, parsed, known, programs, effects, targets, parts: Vec::new(), look: Vec::new() }
    }
}
