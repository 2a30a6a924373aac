//! What one entry says, and the exact bytes that are hashed for it.

use std::sync::Arc;

use legator_protocol::{CommandId, ProbeId};
use serde::Serialize;
use serde_json::value::RawValue;

use super::fault::WriteFault;
use crate::tenant::Tenant;

/// An entry that is about to be written. Its index and time come from the ledger.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// What happened, as noun and verb: `command.decided`.
    pub kind: &'static str,
    /// Who did it: a principal's id, or `system`.
    pub actor: String,
    /// What it happened to, by id.
    pub subject: String,
    pub command: Option<String>,
    pub probe: Option<String>,
    pub tenant: Option<String>,
    /// Everything else that an auditor will ask for, as JSON.
    pub body: Box<RawValue>,
    /// Why there is no body, if it could not be written as JSON.
    pub fault: Option<Arc<serde_json::Error>>,
}

/// An entry's JSON, version 1. The order of fields is the order in the bytes, which is the order for good.
#[derive(Serialize)]
pub(super) struct Leaf<'d> {
    v: u8,
    index: u64,
    at: i64,
    kind: &'d str,
    actor: &'d str,
    subject: &'d str,
    command: Option<&'d str>,
    probe: Option<&'d str>,
    tenant: Option<&'d str>,
    body: &'d RawValue,
}

impl Draft {
    pub fn new(kind: &'static str, actor: impl Into<String>, subject: impl Into<String>) -> Self {
        Self { kind, actor: actor.into(), subject: subject.into(), ..Self::default() }
    }

    #[must_use]
    pub fn command(mut self, command: CommandId) -> Self {
        self.command = Some(command.to_string());
        self
    }

    #[must_use]
    pub fn probe(mut self, probe: ProbeId) -> Self {
        self.probe = Some(probe.to_string());
        self
    }

    /// Whose it is. What is the default tenant's goes without saying.
    #[must_use]
    pub fn tenant(mut self, tenant: &Tenant) -> Self {
        self.tenant = tenant.said().map(str::to_owned);
        self
    }

    #[must_use]
    pub fn body(mut self, body: impl Serialize) -> Self {
        match serde_json::value::to_raw_value(&body) {
            Ok(body) => self.body = body,
            Err(fault) => self.fault = Some(Arc::new(fault)),
        }
        self
    }

    pub(super) fn leaf(&self, index: u64, at_ms: i64) -> Result<Leaf<'_>, WriteFault> {
        if let Some(fault) = &self.fault {
            return Err(WriteFault::Json(Arc::clone(fault)));
        }
        Ok(Leaf {
            v: 1,
            index,
            at: at_ms,
            kind: self.kind,
            actor: &self.actor,
            subject: &self.subject,
            command: self.command.as_deref(),
            probe: self.probe.as_deref(),
            tenant: self.tenant.as_deref(),
            body: &self.body,
        })
    }
}
