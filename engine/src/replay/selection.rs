//! Which recorded decisions are decided again.

use serde::{Deserialize, Serialize};

use super::record::Record;

/// What a decision is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    /// Something to be run on a host.
    Commands,
    /// Everything else that the API can do.
    Operations,
}

impl Of {
    pub const ALL: [Self; 2] = [Self::Commands, Self::Operations];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Commands => "commands",
            Self::Operations => "operations",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|of| of.as_str() == name)
    }
}

/// What a decision must be; what is `None` asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// Of commands, or of operations; of both, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<Of>,
    /// From this time on, in UTC milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// Before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// The principal, by id or name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// A tag of the probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The action that was recorded: a command's level, or an operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The outcome that was recorded: `deny`, `hold`, `queue` or `allow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// A policy or script that drove the recorded outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

impl Selection {
    /// Whether it is of the time that is asked for. Of what cannot be read nothing else is known.
    pub fn takes_time(&self, at_ms: i64) -> bool {
        self.since_ms.is_none_or(|since| at_ms >= since) && self.until_ms.is_none_or(|until| at_ms < until)
    }

    pub fn takes(&self, record: &Record) -> bool {
        let fits = |wanted: &Option<String>, given: &str| wanted.as_ref().is_none_or(|wanted| wanted == given);
        let principal = &record.facts.principal;
        let drivers = &record.decision.rationale.drove_outcome;
        self.takes_time(record.at_ms)
            && self.of.is_none_or(|of| of == record.of())
            && (fits(&self.principal, &principal.id) || fits(&self.principal, &principal.name))
            && fits(&self.action, &record.decision.action)
            && fits(&self.outcome, record.decision.outcome.as_str())
            && self.tag.as_ref().is_none_or(|tag| record.probe().is_some_and(|probe| probe.tags.contains(tag)))
            && self.policy.as_ref().is_none_or(|policy| drivers.iter().any(|driver| driver.name == *policy))
    }
}
