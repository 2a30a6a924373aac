//! Facts: every input that a decision reads, as one value that can be stored and decided again.
//! Never: anything that a decision does not read, a float, or a map whose order is not fixed.
//!
//! The fields of these types stand in the order of their names, so that what serde writes is canonical as it comes.

use std::collections::{BTreeMap, BTreeSet};

use legator_protocol::{CommandSpec, Invocation, Level};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::capacity::Capacity;

/// The tenant of everything that says no other: of those who run the server, and of all that was there before tenants.
pub const DEFAULT_TENANT: &str = "default";

/// Everything that one decision reads. The same facts under the same bundle give the same decision, to the byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    pub ask: Ask,
    /// When it was asked, in UTC milliseconds since 1970.
    pub at_ms: u64,
    /// The newest load that is known; admission judges it. Without it admission sees `unknown`, never zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    pub context: Context,
    pub principal: Principal,
    pub resource: Resource,
}

impl Facts {
    /// JSON with sorted keys and without white space: the bytes that are stored and digested.
    pub fn canonical(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// SHA-256 (hex) over [`Facts::canonical`].
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.canonical()))
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Principal {
    /// The id of the person that an agent or a run acts for. Its roles and groups are then that person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts_for: Option<String>,
    /// What they are bound to: `tenant:blue`, `org:acme`, `scope:web`. Nothing here is no bound: all that there is.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub grants: BTreeSet<String>,
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// The entity id that policies compare with (`User::"usr_…"`).
    pub id: String,
    pub kind: PrincipalKind,
    /// What people call it; for showing and for policies that match on names.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub roles: BTreeSet<String>,
    /// The actions that the key they came with is for; no bound of its own, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<BTreeSet<String>>,
}

impl Principal {
    pub fn user(id: impl Into<String>) -> Self {
        Self::new(PrincipalKind::User, id)
    }

    pub fn new(kind: PrincipalKind, id: impl Into<String>) -> Self {
        let id = id.into();
        let (roles, groups, grants) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Self { kind, name: id.clone(), id, roles, groups, grants, scopes: None, acts_for: None }
    }

    /// The names of the grants of one kind: `tenant`, `org` or `scope`.
    pub fn granted<'p>(&'p self, kind: &'p str) -> impl Iterator<Item = &'p str> {
        self.grants.iter().filter_map(move |grant| grant.strip_prefix(kind)?.strip_prefix(':'))
    }

    #[must_use]
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.roles.insert(role.into());
        self
    }
}

/// The kinds of principal, by the names that policies use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PrincipalKind {
    User,
    /// An API key.
    ServiceAccount,
    /// A language model that acts for a person.
    Agent,
    /// A run of a job, for its owner.
    Run,
    /// What a probe itself may send.
    Probe,
}

impl PrincipalKind {
    pub const ALL: [Self; 5] = [Self::User, Self::ServiceAccount, Self::Agent, Self::Run, Self::Probe];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::ServiceAccount => "ServiceAccount",
            Self::Agent => "Agent",
            Self::Run => "Run",
            Self::Probe => "Probe",
        }
    }
}

/// What is asked. A command's action is its level, which only the classification says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ask {
    #[serde(serialize_with = "by_name")]
    Command(CommandSpec),
    /// A name of an action in the schema (`readAudit`).
    Operation(String),
}

/// A command with its fields in the order of their names.
fn by_name<S: Serializer>(spec: &CommandSpec, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct ByName<'s> {
        #[serde(skip_serializing_if = "Option::is_none")]
        cwd: &'s Option<String>,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        env: &'s BTreeMap<String, String>,
        run: &'s Invocation,
        timeout_ms: u64,
    }
    let CommandSpec { run, env, cwd, timeout_ms } = spec;
    ByName { cwd, env, run, timeout_ms: *timeout_ms }.serialize(serializer)
}

/// What it is asked of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    Probe(Probe),
    Approval(Approval),
    Other(Other),
}

impl Resource {
    /// The control plane as a whole: the resource of operations that are about no single thing.
    pub fn control_plane() -> Self {
        Self::Other(Other { kind: OtherKind::ControlPlane, id: "legator".to_owned() })
    }

    pub fn other(kind: OtherKind, id: impl Into<String>) -> Self {
        Self::Other(Other { kind, id: id.into() })
    }

    pub fn id(&self) -> &str {
        match self {
            Self::Probe(probe) => &probe.id,
            Self::Approval(approval) => &approval.id,
            Self::Other(other) => &other.id,
        }
    }

    /// The name of its entity type.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Probe(_) => "Probe",
            Self::Approval(_) => "Approval",
            Self::Other(other) => other.kind.as_str(),
        }
    }
}

/// A probe, as policies see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    #[serde(default)]
    pub arch: String,
    #[serde(default)]
    pub hostname: String,
    pub id: String,
    #[serde(default)]
    pub name: String,
    /// The organization that its tenant is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    #[serde(default)]
    pub os: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// `online`, `offline`, …
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub tags: BTreeSet<String>,
    /// [`DEFAULT_TENANT`], if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// A request for approval, as the policies on `decideApproval` see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The held command, as a person would type it.
    pub command: String,
    pub id: String,
    /// What the held command is.
    pub level: Level,
    /// The organization that its tenant is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// The probe's id.
    pub probe: String,
    /// The id of the principal that asked.
    pub requester: String,
    /// The person whom that principal acts for, where it is an agent or a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_acts_for: Option<String>,
    #[serde(default)]
    pub tags: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// Anything else that an operation is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Other {
    pub id: String,
    pub kind: OtherKind,
}

/// The kinds of resource that have an id and nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OtherKind {
    Alert,
    AuditLog,
    Bundle,
    ControlPlane,
    Job,
    Token,
}

impl OtherKind {
    pub const ALL: [Self; 6] = [Self::Alert, Self::AuditLog, Self::Bundle, Self::ControlPlane, Self::Job, Self::Token];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "Alert",
            Self::AuditLog => "AuditLog",
            Self::Bundle => "Bundle",
            Self::ControlPlane => "ControlPlane",
            Self::Job => "Job",
            Self::Token => "Token",
        }
    }
}

/// The circumstances of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Who has approved this exact command so far.
    #[serde(default)]
    pub approvals: Approvals,
    /// Why the glass is broken, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakglass: Option<String>,
    /// How often the principal broke it before, where it is broken now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakglass_uses: Option<BreakglassUses>,
    /// What people agreed to ahead, for this principal. Each says itself what it covers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    /// Whether the login proved a second factor.
    #[serde(default)]
    pub mfa: bool,
    pub origin: Origin,
    /// What the principal says it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether a model read output, a page or a file of others before it proposed this.
    #[serde(default)]
    pub tainted: bool,
    /// How a vote came in, where one is what is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vote: Option<Ballot>,
}

impl Context {
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            approvals: Approvals::default(),
            mfa: false,
            tainted: false,
            breakglass: None,
            breakglass_uses: None,
            grants: Vec::new(),
            reason: None,
            vote: None,
        }
    }
}

/// How often somebody broke the glass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakglassUses {
    /// In the last 24 hours.
    pub recent: u32,
    /// Those that nobody has reviewed yet, however long ago.
    pub unreviewed: u32,
}

/// How a vote came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ballot {
    /// The voter has a key that votes are signed with.
    pub enrolled: bool,
    /// The vote is signed with it.
    pub signed: bool,
}

/// What people agreed to ahead: a policy that says which commands, and whose agreement it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Ids of the people who agreed.
    pub by: BTreeSet<String>,
    /// The groups that they belonged to.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    pub id: String,
    /// A `permit`, as Cedar text: the commands that it covers.
    pub policy: String,
    /// Those of `by` whose vote was signed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub signed: BTreeSet<String>,
    /// It covers nothing from then on, in UTC milliseconds.
    pub until_ms: u64,
}

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    Alert,
    Api,
    Chat,
    Cli,
    Job,
    Mcp,
    Ui,
}

impl Origin {
    pub const ALL: [Self; 7] = [Self::Alert, Self::Api, Self::Chat, Self::Cli, Self::Job, Self::Mcp, Self::Ui];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Api => "api",
            Self::Chat => "chat",
            Self::Cli => "cli",
            Self::Job => "job",
            Self::Mcp => "mcp",
            Self::Ui => "ui",
        }
    }
}

/// The approvals that exist. Their count is the number of people in `by`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approvals {
    /// Ids of the people who approved.
    #[serde(default)]
    pub by: BTreeSet<String>,
    /// The grant that stands for some of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The groups that they belong to.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// Those of `by` whose vote is signed by a key of their own.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub signed: BTreeSet<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::{GroupLoad, ProbeLoad};

    fn full() -> Facts {
        let text = || Some("given \"so\"".to_owned());
        let names = || BTreeSet::from(["b".to_owned(), "a".to_owned()]);
        let env = BTreeMap::from([("B".to_owned(), "1".to_owned()), ("A".to_owned(), "2".to_owned())]);
        let spec = CommandSpec { env, cwd: Some("/".to_owned()), ..CommandSpec::shell("a | b") };
        let mut principal = Principal::user("usr_1");
        (principal.roles, principal.groups) = (names(), names());
        (principal.grants, principal.acts_for) = (names(), text());
        principal.scopes = Some(names());
        let probe = Probe {
            id: "prb_1".to_owned(),
            tags: names(),
            site: text(),
            tenant: text(),
            org: text(),
            ..Probe::default()
        };
        let mut context = Context::new(Origin::Mcp);
        (context.breakglass, context.reason) = (text(), text());
        context.approvals = Approvals { by: names(), grant: text(), groups: names(), signed: names() };
        context.breakglass_uses = Some(BreakglassUses { recent: 2, unreviewed: 1 });
        context.vote = Some(Ballot { enrolled: true, signed: true });
        let (id, policy) = ("grt_1".to_owned(), "permit (principal, action, resource);".to_owned());
        context.grants = vec![Grant { by: names(), groups: names(), id, policy, signed: names(), until_ms: 10 }];
        let load = ProbeLoad {
            heartbeat_age_s: Some(1),
            cpus: Some(2),
            load1_milli: Some(3),
            mem_used_pct: Some(4),
            disk_used_pct: Some(5),
            pressure_cpu_pct: Some(6),
            pressure_mem_pct: Some(7),
            pressure_io_pct: Some(8),
            ..ProbeLoad::default()
        };
        let tags = BTreeMap::from([("b".to_owned(), GroupLoad::default()), ("a".to_owned(), GroupLoad::default())]);
        let capacity = Some(Capacity { probe: load, tags, fleet: GroupLoad::default() });
        Facts { at_ms: 9, principal, ask: Ask::Command(spec), resource: Resource::Probe(probe), context, capacity }
    }

    #[test]
    fn what_is_written_is_sorted_and_reads_back() {
        let approval = Approval {
            id: "apr_1".to_owned(),
            requester: "usr_1".to_owned(),
            requester_acts_for: Some("usr_2".to_owned()),
            probe: "prb_1".to_owned(),
            tags: BTreeSet::new(),
            org: Some("acme".to_owned()),
            tenant: Some("blue".to_owned()),
            level: Level::Destroy,
            command: "rm".to_owned(),
        };
        for resource in [Resource::Approval(approval), Resource::control_plane(), full().resource] {
            let facts = Facts { resource, ..full() };
            assert_eq!(facts.canonical(), crate::canonical::json(&facts));
            assert_eq!(serde_json::from_str::<Facts>(&facts.canonical()).unwrap(), facts);
        }
        let bare = Facts { capacity: None, ask: Ask::Operation("readAudit".to_owned()), ..full() };
        assert_eq!(bare.canonical(), crate::canonical::json(&bare));
    }

    #[test]
    fn every_fact_counts_in_the_digest() {
        let digest = full().digest();
        assert_eq!(digest, full().digest());
        assert_ne!(digest, Facts { at_ms: 10, ..full() }.digest());
        let mut other = full();
        other.context.approvals.by.insert("c".to_owned());
        assert_ne!(digest, other.digest());
    }
}
