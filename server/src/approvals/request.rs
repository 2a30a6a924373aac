//! A request to people, and their votes.

use std::collections::BTreeSet;

use legator_engine::vote::SignedBy;
use legator_engine::{Asking, Resource};
use legator_protocol::{ApprovalId, CommandId, GrantId, Level, ProbeId};
use serde::{Deserialize, Serialize};

use crate::tenant::{Reach, Tenant};

/// What people are asked.
#[derive(Clone, Debug)]
pub struct Request {
    pub id: ApprovalId,
    pub subject: Subject,
    pub asked: Asked,
    /// Hex, over exactly what will run; a vote binds to it.
    pub digest: String,
    /// How many approvals are needed in all, by the newest decision.
    pub needed: u32,
    pub state: RequestState,
    pub created_at: i64,
    pub expires_at: i64,
    pub closed_at: Option<i64>,
    /// When more people heard of it, because too few had answered.
    pub escalated_at: Option<i64>,
    pub votes: Vec<Vote>,
}

/// What the request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A held command.
    Command { command: CommandId, probe: ProbeId },
    /// A revision that somebody wants to put in force.
    Activation { revision: String },
    /// A pattern of commands that somebody wants agreed to ahead.
    Grant { grant: GrantId },
}

impl Subject {
    pub const fn command(&self) -> Option<CommandId> {
        match self {
            Self::Command { command, .. } => Some(*command),
            Self::Activation { .. } | Self::Grant { .. } => None,
        }
    }

    pub const fn probe(&self) -> Option<ProbeId> {
        match self {
            Self::Command { probe, .. } => Some(*probe),
            Self::Activation { .. } | Self::Grant { .. } => None,
        }
    }

    pub fn revision(&self) -> Option<&str> {
        match self {
            Self::Command { .. } | Self::Grant { .. } => None,
            Self::Activation { revision } => Some(revision),
        }
    }

    pub const fn grant(&self) -> Option<GrantId> {
        match self {
            Self::Grant { grant } => Some(*grant),
            Self::Command { .. } | Self::Activation { .. } => None,
        }
    }

    /// `command`, `activation` or `grant`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Command { .. } => "command",
            Self::Activation { .. } => "activation",
            Self::Grant { .. } => "grant",
        }
    }
}

/// What a voter has to know, as it was when it was asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Asked {
    pub requester: String,
    pub requester_name: String,
    /// What they asked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    pub acts_for: Option<String>,
    pub probe_name: String,
    pub tags: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "is_default", with = "said")]
    pub tenant: Tenant,
    pub level: Option<Level>,
    pub line: String,
    pub reason: Option<String>,
    /// Why it waits, in a sentence.
    pub why: String,
    /// Whether a vote has to say why, by the policies that hold it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reason_required: bool,
    /// After how long more people hear of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_after_ms: Option<i64>,
    /// The groups that hear of it then, beside everybody who may vote.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub escalate_to: BTreeSet<String>,
}

fn is_default(tenant: &Tenant) -> bool {
    tenant.said().is_none()
}

/// A tenant as a column says it.
mod said {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use crate::tenant::Tenant;

    pub fn serialize<S: Serializer>(tenant: &Tenant, to: S) -> Result<S::Ok, S::Error> {
        tenant.said().serialize(to)
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Tenant, D::Error> {
        Ok(Tenant::of_column(Option::<String>::deserialize(from)?.as_deref()))
    }
}

impl Asked {
    /// Takes up how the policies that hold it want people to be asked.
    #[must_use]
    pub fn asking(mut self, asking: &Asking) -> Self {
        self.reason_required = asking.reason;
        self.escalate_after_ms = asking.escalate_after_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX));
        self.escalate_to.clone_from(&asking.escalate_to);
        self
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestState {
    Pending,
    Approved,
    Denied,
    Expired,
    /// The command was canceled, or no longer needs people.
    Withdrawn,
}

impl RequestState {
    pub const ALL: [Self; 5] = [Self::Pending, Self::Approved, Self::Denied, Self::Expired, Self::Withdrawn];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Approve,
    Deny,
}

impl Choice {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }
}

/// One person's answer.
#[derive(Clone, Debug)]
pub struct Vote {
    pub person: String,
    pub name: String,
    pub groups: BTreeSet<String>,
    pub choice: Choice,
    pub reason: Option<String>,
    pub at: i64,
    /// In whose place they voted.
    pub stands_for: Option<StandsFor>,
    /// When they first looked at the request.
    pub seen_at: Option<i64>,
    /// The signature of their own key.
    pub signed: Option<SignedBy>,
}

/// Somebody whose votes another person casts for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandsFor {
    pub person: String,
    pub name: String,
}

impl Vote {
    /// Whose voice it is: of two people it is one.
    pub fn voice(&self) -> &str {
        self.stands_for.as_ref().map_or(&self.person, |other| &other.person)
    }

    /// Whether this person has spoken with it, themselves or through another.
    pub fn is_of(&self, person: &str) -> bool {
        self.person == person || self.voice() == person
    }
}

impl Request {
    /// The request as the policies on `decideApproval` see it.
    pub fn resource(&self) -> Resource {
        Resource::Approval(legator_engine::Approval {
            id: self.id.to_string(),
            requester: self.asked.requester.clone(),
            requester_acts_for: self.asked.acts_for.clone(),
            probe: self.subject.probe().map(|probe| probe.to_string()).unwrap_or_default(),
            tags: self.asked.tags.clone(),
            // The directory knows its organization: `Identity::placed`.
            org: None,
            tenant: self.asked.tenant.said().map(str::to_owned),
            level: self.asked.level.unwrap_or(Level::Destroy),
            command: self.asked.line.clone(),
        })
    }

    /// Whether somebody who reaches so far may know of it.
    pub fn is_within(&self, reach: &Reach) -> bool {
        reach.covers(&self.asked.tenant, &self.asked.tags)
    }

    /// The approvals that count: one for each person who approved and is still there.
    pub fn approvals(&self, there: impl Fn(&str) -> bool) -> legator_engine::Approvals {
        let agreed = || {
            let agreed = self.votes.iter().filter(|vote| vote.choice == Choice::Approve);
            agreed.filter(|vote| there(&vote.person) && there(vote.voice()))
        };
        legator_engine::Approvals {
            by: agreed().map(|vote| vote.voice().to_owned()).collect(),
            grant: None,
            groups: agreed().flat_map(|vote| vote.groups.iter().cloned()).collect(),
            signed: agreed().filter(|vote| vote.signed.is_some()).map(|vote| vote.voice().to_owned()).collect(),
        }
    }

    /// Whether this person has voted on it, themselves or through another.
    pub fn heard(&self, person: &str) -> bool {
        self.votes.iter().any(|vote| vote.is_of(person))
    }

    /// The first vote against it.
    pub fn denial(&self) -> Option<&Vote> {
        self.votes.iter().find(|vote| vote.choice == Choice::Deny)
    }
}
