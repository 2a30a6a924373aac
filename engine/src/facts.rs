//! Facts: every input that a decision reads, as one value that can be stored and decided again.
//! Never: anything that a decision does not read, a float, or a map whose order is not fixed.

use std::collections::{BTreeMap, BTreeSet};

use legator_protocol::{CommandSpec, Level};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::canonical;

/// Everything that one decision reads. The same facts under the same bundle give the same decision, to the byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// When it was asked, in UTC milliseconds since 1970.
    pub at_ms: u64,
    pub principal: Principal,
    pub ask: Ask,
    pub resource: Resource,
    pub context: Context,
    /// The newest load that is known; admission judges it. Without it admission sees `unknown`, never zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
}

impl Facts {
    /// JSON with sorted keys and without white space: the bytes that are stored and digested.
    pub fn canonical(&self) -> String {
        canonical::json(self)
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
    pub kind: PrincipalKind,
    /// The entity id that policies compare with (`User::"usr_…"`).
    pub id: String,
    /// What people call it; for showing and for policies that match on names.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub roles: BTreeSet<String>,
    #[serde(default)]
    pub groups: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The id of the person that an agent or a run acts for. Its roles and groups are then that person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts_for: Option<String>,
}

impl Principal {
    pub fn user(id: impl Into<String>) -> Self {
        Self::new(PrincipalKind::User, id)
    }

    pub fn new(kind: PrincipalKind, id: impl Into<String>) -> Self {
        let id = id.into();
        let (roles, groups) = (BTreeSet::new(), BTreeSet::new());
        Self { kind, name: id.clone(), id, roles, groups, tenant: None, acts_for: None }
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
    Command(CommandSpec),
    /// A name of an action in the schema (`readAudit`).
    Operation(String),
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
    pub id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub hostname: String,
    #[serde(default)]
    pub tags: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    #[serde(default)]
    pub os: String,
    #[serde(default)]
    pub arch: String,
    /// `online`, `offline`, …
    #[serde(default)]
    pub status: String,
}

/// A request for approval, as the policies on `decideApproval` see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    pub id: String,
    /// The id of the principal that asked.
    pub requester: String,
    /// The person whom that principal acts for, where it is an agent or a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_acts_for: Option<String>,
    /// The probe's id.
    pub probe: String,
    #[serde(default)]
    pub tags: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What the held command is.
    pub level: Level,
    /// The held command, as a person would type it.
    pub command: String,
}

/// Anything else that an operation is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Other {
    pub kind: OtherKind,
    pub id: String,
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
    pub origin: Origin,
    /// Who has approved this exact command so far.
    #[serde(default)]
    pub approvals: Approvals,
    /// Whether the login proved a second factor.
    #[serde(default)]
    pub mfa: bool,
    /// Whether a model read output, a page or a file of others before it proposed this.
    #[serde(default)]
    pub tainted: bool,
    /// Why the glass is broken, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakglass: Option<String>,
    /// What the principal says it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Context {
    pub fn new(origin: Origin) -> Self {
        Self { origin, approvals: Approvals::default(), mfa: false, tainted: false, breakglass: None, reason: None }
    }
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
    /// The groups that they belong to.
    #[serde(default)]
    pub groups: BTreeSet<String>,
}

/// How busy the probe, its tags and the fleet are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    pub probe: ProbeLoad,
    #[serde(default)]
    pub tags: BTreeMap<String, GroupLoad>,
    #[serde(default)]
    pub fleet: GroupLoad,
}

/// How busy one probe is. What was not measured is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeLoad {
    /// `online`, `offline`, …
    #[serde(default)]
    pub status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_age_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// The one-minute load average, in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load1_milli: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mem_used_pct: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_used_pct: Option<u32>,
    /// Pressure stall (`some avg10`), in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressure_cpu_pct: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressure_mem_pct: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressure_io_pct: Option<u32>,
    /// Commands that run there now.
    #[serde(default)]
    pub running: u32,
    #[serde(default)]
    pub queued: u32,
    /// Those that run and are `remediate` or higher.
    #[serde(default)]
    pub running_changes: u32,
}

/// How busy a set of probes is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupLoad {
    #[serde(default)]
    pub probes: u32,
    #[serde(default)]
    pub online: u32,
    #[serde(default)]
    pub running: u32,
    #[serde(default)]
    pub queued: u32,
    #[serde(default)]
    pub running_changes: u32,
}
