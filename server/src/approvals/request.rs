//! A request to people, and their votes.

use std::collections::BTreeSet;

use legator_engine::Resource;
use legator_protocol::{ApprovalId, CommandId, Level, ProbeId};

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
    pub votes: Vec<Vote>,
}

/// What the request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A held command.
    Command { command: CommandId, probe: ProbeId },
    /// A revision that somebody wants to put in force.
    Activation { revision: String },
}

impl Subject {
    pub const fn command(&self) -> Option<CommandId> {
        match self {
            Self::Command { command, .. } => Some(*command),
            Self::Activation { .. } => None,
        }
    }

    pub const fn probe(&self) -> Option<ProbeId> {
        match self {
            Self::Command { probe, .. } => Some(*probe),
            Self::Activation { .. } => None,
        }
    }

    pub fn revision(&self) -> Option<&str> {
        match self {
            Self::Command { .. } => None,
            Self::Activation { revision } => Some(revision),
        }
    }
}

/// What a voter has to know, as it was when it was asked.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub requester: String,
    pub requester_name: String,
    /// The API key that they asked with.
    pub key: Option<String>,
    pub acts_for: Option<String>,
    pub probe_name: String,
    pub tags: BTreeSet<String>,
    pub tenant: Tenant,
    pub level: Option<Level>,
    pub line: String,
    pub reason: Option<String>,
    /// Why it waits, in a sentence.
    pub why: String,
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

    /// The approvals that count: one for each person who approved.
    pub fn approvals(&self) -> legator_engine::Approvals {
        let agreed = || self.votes.iter().filter(|vote| vote.choice == Choice::Approve);
        legator_engine::Approvals {
            by: agreed().map(|vote| vote.person.clone()).collect(),
            groups: agreed().flat_map(|vote| vote.groups.iter().cloned()).collect(),
        }
    }

    /// The first vote against it.
    pub fn denial(&self) -> Option<&Vote> {
        self.votes.iter().find(|vote| vote.choice == Choice::Deny)
    }
}
