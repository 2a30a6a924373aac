//! How a case is written. `policies/README.md` documents the format.

use std::collections::{BTreeMap, BTreeSet};

use legator_protocol::{CommandSpec, Level};
use serde::Deserialize;
use toml::Spanned;

use super::expect::Expect;
use super::rows::{self, Tabular};
use super::when;
use crate::bundle::Fault;
use crate::capacity::{Capacity, GroupLoad, ProbeLoad};
use crate::decision::Classified;
use crate::facts::{
    Approval, Approvals, Ask, Ballot, BreakglassUses, Context, Facts, Origin, Other, Principal, PrincipalKind, Probe,
    Resource,
};

/// One case, ready to be decided.
#[derive(Clone)]
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

/// A case, or a row of one, which says only what is different.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCase {
    name: String,
    #[serde(default)]
    rows: Vec<Spanned<WrittenCase>>,
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
    at_ms: Option<u64>,
    #[serde(default)]
    at: Option<toml::value::Datetime>,
    #[serde(default)]
    capacity: WrittenCapacity,
    #[serde(default)]
    expect: Option<Expect>,
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
    Spec(WrittenSpec),
}

/// A command with what stands around it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSpec {
    run: Box<WrittenCommand>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    cwd: Option<String>,
    #[serde(default)]
    timeout_ms: Option<u64>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenPrincipal {
    kind: Option<PrincipalKind>,
    id: Option<String>,
    roles: BTreeSet<String>,
    groups: BTreeSet<String>,
    grants: BTreeSet<String>,
    /// Short for the one grant `tenant:…`.
    tenant: Option<String>,
    acts_for: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenClass {
    /// A command that says nothing of it is what one is that nobody knows.
    #[serde(default = "unknown_level")]
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

const fn unknown_level() -> Level {
    Level::Remediate
}

fn somebody() -> String {
    "ben".to_owned()
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
    org: Option<String>,
    tenant: Option<String>,
    hostname: String,
    os: String,
    arch: String,
    status: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenApproval {
    #[serde(default = "somebody")]
    requester: String,
    #[serde(default)]
    requester_acts_for: Option<String>,
    #[serde(default)]
    tags: BTreeSet<String>,
    #[serde(default)]
    org: Option<String>,
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
    breakglass_recent: u32,
    breakglass_unreviewed: u32,
    /// Of `approved_by`, whose vote is signed.
    signed_by: BTreeSet<String>,
    /// Who agreed to this ahead, and the groups that they are in.
    granted_by: BTreeSet<String>,
    granter_groups: BTreeSet<String>,
    /// Of a vote: the voter has a key, and signed with it.
    enrolled: bool,
    signed: bool,
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
    tags: BTreeMap<String, GroupLoad>,
    fleet: GroupLoad,
}

/// Reads the cases of one file. A case with rows gives one for each row, under the names of both.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Case>, Vec<Fault>> {
    let written: Written = rows::read(file, text)?;
    let (mut cases, mut faults) = (Vec::new(), Vec::new());
    rows::each(file, text, written.cases, &mut faults, |case: WrittenCase, name, place, faults| {
        WrittenCase { name, ..case }.ready(file, &place, &mut cases, faults);
    });
    if faults.is_empty() { Ok(cases) } else { Err(faults) }
}

/// Reads requests that say nothing of what is expected: a file of cases, one case without `[[case]]` above it, or facts
/// in JSON as decisions are recorded with.
pub(crate) fn parse_requests(file: &str, text: &str) -> Result<Vec<Case>, Vec<Fault>> {
    if let Ok(facts) = serde_json::from_str::<Facts>(text) {
        let (file, expect) = (file.to_owned(), Expect::default());
        return Ok(vec![Case { file, line: 1, name: "request".to_owned(), facts, classified: None, expect }]);
    }
    let alone = toml::from_str::<toml::Table>(text).is_ok_and(|table| !table.contains_key("case"));
    let headed = format!("[[case]]\nname = \"request\"\n{text}");
    let alone = alone && toml::from_str::<toml::Table>(&headed).is_ok();
    let read = requests(file, if alone { &headed } else { text });
    // What was put above the text is not the reader's.
    let above = if alone { 2 } else { 0 };
    read.map_err(|faults| faults.into_iter().map(|it| Fault { line: it.line.saturating_sub(above), ..it }).collect())
}

fn requests(file: &str, text: &str) -> Result<Vec<Case>, Vec<Fault>> {
    let written: Written = rows::read(file, text)?;
    let (mut cases, mut faults) = (Vec::new(), Vec::new());
    rows::each(file, text, written.cases, &mut faults, |case: WrittenCase, name, place, faults| {
        let expect = Some(Expect::anything());
        WrittenCase { name, expect, ..case }.ready(file, &place, &mut cases, faults);
    });
    if faults.is_empty() { Ok(cases) } else { Err(faults) }
}

impl Tabular for WrittenCase {
    fn name(&self) -> &str {
        &self.name
    }

    fn rows(&self) -> &[Spanned<Self>] {
        &self.rows
    }
}

impl WrittenCase {
    /// Adds what the case asks for, or what is wrong with it.
    fn ready(self, file: &str, place: &Fault, cases: &mut Vec<Case>, faults: &mut Vec<Fault>) {
        let mut fault = |message: String| {
            faults.push(Fault { message: format!("case `{}`: {message}", self.name), ..place.clone() })
        };
        let Some(expect) = self.expect.clone() else { return fault("it has no `expect`".to_owned()) };
        if let Err(message) = expect.sound() {
            fault(message);
        }
        if let WrittenCapacity::Word(word) = &self.capacity
            && word != "unknown"
        {
            fault(format!("`{word}` is no capacity; `unknown`, or a table of figures"));
        }
        let at_ms = match (self.at_ms, &self.at) {
            (Some(_), Some(_)) => return fault("it says `at` and `at_ms`; one of both is enough".to_owned()),
            (at_ms, None) => at_ms.unwrap_or_default(),
            (None, Some(at)) => match when::unix_ms(at) {
                Some(at_ms) => at_ms,
                None => return fault(format!("`{at}` is no moment; write it as `2026-03-01T12:00:00Z`")),
            },
        };
        match self.asks() {
            Ok(asks) => {
                let many = asks.len() > 1;
                for ask in asks {
                    let name = match &ask {
                        Ask::Operation(operation) if many => format!("{} ({operation})", self.name),
                        _ => self.name.clone(),
                    };
                    let classified = self.classified.clone().map(Classified::from);
                    let (file, facts, expect) = (file.to_owned(), self.facts(ask, at_ms), expect.clone());
                    cases.push(Case { file, line: place.line, name, facts, classified, expect });
                }
            }
            Err(message) => fault(message.to_owned()),
        }
    }

    fn asks(&self) -> Result<Vec<Ask>, &'static str> {
        match (&self.command, &self.operation) {
            (Some(command), None) => Ok(vec![Ask::Command(command.spec()?)]),
            (None, Some(_)) if self.classified.is_some() => Err("an operation is not `classified`"),
            (None, Some(OneOrMany::One(name))) => Ok(vec![Ask::Operation(name.clone())]),
            (None, Some(OneOrMany::Many(names))) => Ok(names.iter().cloned().map(Ask::Operation).collect()),
            _ => Err("it asks for a `command` or for an `operation`, and not for both"),
        }
    }

    fn facts(&self, ask: Ask, at_ms: u64) -> Facts {
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
        Facts { at_ms, principal, ask, resource, context, capacity }
    }
}

impl WrittenCommand {
    fn spec(&self) -> Result<CommandSpec, &'static str> {
        match self {
            Self::Argv(argv) => Ok(CommandSpec::argv(argv.clone())),
            Self::Shell(line) => Ok(CommandSpec::shell(line.clone())),
            Self::Spec(written) if matches!(*written.run, Self::Spec(_)) => Err("`run` is a list or a text"),
            Self::Spec(WrittenSpec { run, env, cwd, timeout_ms }) => {
                let plain = run.spec()?;
                let timeout_ms = timeout_ms.unwrap_or(plain.timeout_ms);
                Ok(CommandSpec { env: env.clone(), cwd: cwd.clone(), timeout_ms, ..plain })
            }
        }
    }
}

impl WrittenPrincipal {
    fn fact(&self) -> Principal {
        let kind = self.kind.unwrap_or(PrincipalKind::User);
        let mut principal = Principal::new(kind, self.id.as_deref().unwrap_or("ana"));
        principal.roles = self.roles.clone();
        principal.groups = self.groups.clone();
        principal.grants = self.grants.clone();
        principal.grants.extend(self.tenant.iter().map(|tenant| format!("tenant:{tenant}")));
        principal.acts_for = self.acts_for.clone();
        principal
    }
}

impl WrittenProbe {
    fn fact(self) -> Probe {
        let id = self.id.unwrap_or_else(|| "prb_example".to_owned());
        let Self { tags, site, org, tenant, hostname, os, arch, status, .. } = self;
        Probe { name: id.clone(), id, hostname, tags, site, org, tenant, os, arch, status }
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
            org: self.org.clone(),
            tenant: self.tenant.clone(),
            level: self.level.unwrap_or(Level::Remediate),
            command: "systemctl restart nginx".to_owned(),
        }
    }
}

impl WrittenContext {
    fn fact(&self) -> Context {
        let uses = BreakglassUses { recent: self.breakglass_recent, unreviewed: self.breakglass_unreviewed };
        let ballot = Ballot { enrolled: self.enrolled, signed: self.signed };
        Context {
            origin: self.origin.unwrap_or(Origin::Api),
            approvals: Approvals {
                by: self.approved_by.union(&self.granted_by).cloned().collect(),
                // A case is about the policies, so what was agreed to ahead in it covers the case.
                grant: (!self.granted_by.is_empty()).then(|| "grt_example".to_owned()),
                groups: self.approver_groups.union(&self.granter_groups).cloned().collect(),
                signed: self.signed_by.clone(),
            },
            mfa: self.mfa,
            tainted: self.tainted,
            breakglass: self.breakglass.clone(),
            breakglass_uses: (uses != BreakglassUses::default()).then_some(uses),
            grants: Vec::new(),
            reason: self.reason.clone(),
            vote: (ballot != Ballot::default()).then_some(ballot),
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
