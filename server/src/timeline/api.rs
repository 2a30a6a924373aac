//! The audit log for people and for verifiers.

use chrono::{DateTime, Utc};
use legator_engine::{OtherKind, Resource};
use poem::Body;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Binary, Json, PlainText};
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, Tags};

use super::export::{Form, export};
use crate::audit::{Entry, Filter, Ledger, LogKey};
use crate::clock::Clock;
use crate::error::{Problem, at};
use crate::identity::api::Authenticated;
use crate::identity::{Caller, ExportAudit, Identity, ReadAudit};

#[derive(Tags)]
enum Room {
    /// The transparency log: what happened, and the proof of it.
    Audit,
}

/// An entry of the log.
#[derive(Object)]
pub struct EntryOut {
    /// Its place in the log, from 0.
    index: u64,
    at: DateTime<Utc>,
    /// `command.decided`, `approval.voted`, …
    kind: String,
    actor: String,
    subject: String,
    #[oai(skip_serializing_if_is_none)]
    command: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    probe: Option<String>,
    /// Whose it is; absent for the default tenant.
    #[oai(skip_serializing_if_is_none)]
    tenant: Option<String>,
    /// Base 64 of the RFC 6962 leaf hash.
    leaf_hash: String,
    /// What its writer said.
    #[oai(skip_serializing_if_is_none)]
    body: Option<serde_json::Value>,
    /// The exact bytes that were hashed.
    #[oai(skip_serializing_if_is_none)]
    json: Option<String>,
}

#[derive(Object)]
pub struct EntryPage {
    entries: Vec<EntryOut>,
    /// Give it as `cursor` to go on.
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<u64>,
}

/// A signed head of the log.
#[derive(Object)]
pub struct CheckpointOut {
    size: u64,
    /// Base 64.
    root: String,
    /// The C2SP signed note. Keep it: it shows later whether the log was cut or rewritten.
    note: String,
    /// The key that checks it: `name+keyid+base64`.
    verifier: String,
}

/// A proof that an entry is in the log.
#[derive(Object)]
pub struct ProofOut {
    index: u64,
    /// The exact bytes that were hashed.
    #[oai(skip_serializing_if_is_none)]
    entry: Option<String>,
    /// Base 64.
    leaf_hash: String,
    /// The C2SP `tlog-proof`: index, path and checkpoint.
    proof: String,
    verifier: String,
}

/// A proof that the log of today begins with the log of `from` entries.
#[derive(Object)]
pub struct ConsistencyOut {
    from: u64,
    size: u64,
    /// Base 64, in the order of RFC 6962.
    path: Vec<String>,
    note: String,
    verifier: String,
}

/// The keys of the log.
#[derive(Object)]
pub struct LogKeys {
    /// The key that signs now: `name+keyid+base64`.
    verifier: String,
    keys: Vec<LogKeyOut>,
}

/// A key that signs the log or did.
#[derive(Object)]
pub struct LogKeyOut {
    verifier: String,
    /// The first size of the log that it signs.
    from: u64,
    /// The last one; absent for the key of now.
    #[oai(skip_serializing_if_is_none)]
    until: Option<u64>,
    /// Absent while the log is empty.
    #[oai(skip_serializing_if_is_none)]
    since: Option<DateTime<Utc>>,
    /// The turn that brought it; absent for the first key.
    #[oai(skip_serializing_if_is_none)]
    turn: Option<TurnOut>,
}

/// A turn of the log's key.
#[derive(Object)]
pub struct TurnOut {
    index: u64,
    by: String,
    /// The entry, as it was hashed: old key, new key, and a note that both signed.
    entry: String,
    /// The C2SP `tlog-proof` of the entry in the log of now.
    proof: String,
    /// The checkpoint right after it, which both keys signed.
    note: String,
}

/// What a check of the whole log found.
#[derive(Object)]
pub struct Verified {
    ok: bool,
    /// Entries that fit, from the first on.
    entries: u64,
    checkpoints: u64,
    /// Turns of the log's key that fit: each is signed by the key before and the key after.
    turns: u64,
    size: u64,
    root: String,
    /// The first thing that does not fit.
    #[oai(skip_serializing_if_is_none)]
    first_bad: Option<String>,
}

#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub enum ExportForm {
    /// A row for each entry, for spreadsheets.
    Csv,
    /// The exact bytes of each entry, one a line.
    Jsonl,
    /// A tar with each entry, its proof, the log's key and a manifest; `legatorctl audit verify-evidence` checks it.
    Evidence,
}

#[derive(ApiResponse)]
pub enum AuditExport {
    #[oai(status = 200)]
    File(Binary<Body>, #[oai(header = "Content-Disposition")] String),
}

pub struct TimelineApi {
    pub clock: Clock,
    pub ledger: Ledger,
    pub identity: Identity,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Audit")]
impl TimelineApi {
    /// Entries, newest first.
    #[oai(path = "/audit", method = "get", operation_id = "list_audit_entries")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the query")]
    async fn list(
        &self,
        caller: Authenticated,
        actor: Query<Option<String>>,
        /// A kind, or all of a noun: `command.`.
        kind: Query<Option<String>>,
        command: Query<Option<String>>,
        probe: Query<Option<String>>,
        since: Query<Option<DateTime<Utc>>>,
        until: Query<Option<DateTime<Utc>>>,
        /// Somewhere in the entry.
        q: Query<Option<String>>,
        #[oai(default = "fifty", validator(minimum(value = "1"), maximum(value = "1000")))] limit: Query<u32>,
        cursor: Query<Option<u64>>,
    ) -> Result<Json<EntryPage>, Problem> {
        self.identity.permit::<ReadAudit>(&caller.0, log()).await?;
        let filter = Filter {
            actor: actor.0,
            kind: kind.0,
            command: command.0,
            probe: probe.0,
            reach: caller.0.reach.clone(),
            since_ms: since.0.map(|at| at.timestamp_millis()),
            until_ms: until.0.map(|at| at.timestamp_millis()),
            text: q.0,
        };
        let page = self.ledger.entries(&filter, cursor.0, limit.0).await?;
        Ok(Json(EntryPage { entries: page.entries.into_iter().map(shape).collect(), next_cursor: page.next }))
    }

    /// Recomputes the whole log and holds it against its checkpoints.
    #[oai(path = "/audit/verify", method = "get", operation_id = "verify_audit_log")]
    async fn verify(&self, caller: Authenticated) -> Result<Json<Verified>, Problem> {
        self.identity.permit::<ReadAudit>(&caller.0, log()).await?;
        let report = self.ledger.verify_all().await?;
        Ok(Json(Verified {
            ok: report.is_good(),
            entries: report.entries,
            checkpoints: report.checkpoints,
            turns: report.turns,
            size: report.head.size,
            root: report.head.root.to_base64(),
            first_bad: report.first_bad.map(|finding| finding.to_string()),
        }))
    }

    /// The newest signed head of the log.
    #[oai(path = "/audit/checkpoint", method = "get", operation_id = "get_audit_checkpoint")]
    async fn checkpoint(&self, caller: Authenticated) -> Result<Json<CheckpointOut>, Problem> {
        self.identity.permit::<ReadAudit>(&caller.0, log()).await?;
        let head = self.ledger.head();
        Ok(Json(CheckpointOut {
            size: head.size,
            root: head.root.to_base64(),
            note: head.note.to_string(),
            verifier: head.verifier.to_string(),
        }))
    }

    /// The keys that sign the log or did, the first one first. Each but the first comes with the entry in which the key
    /// before it named it, signed by both, and the proof that this entry is in the log: enough to follow from any to the last.
    #[oai(path = "/audit/keys", method = "get", operation_id = "list_audit_keys")]
    async fn keys(&self, caller: Authenticated) -> Result<Json<LogKeys>, Problem> {
        self.identity.permit::<ReadAudit>(&caller.0, log()).await?;
        let mut keys = Vec::new();
        for key in self.ledger.log_keys().await? {
            keys.push(self.key(key).await?);
        }
        Ok(Json(LogKeys { verifier: self.ledger.verifier().to_string(), keys }))
    }

    /// Proves that the log of today begins with the log as it was at `from` entries.
    #[oai(path = "/audit/consistency", method = "get", operation_id = "prove_audit_consistency")]
    async fn consistency(&self, caller: Authenticated, from: Query<u64>) -> Result<Json<ConsistencyOut>, Problem> {
        self.identity.permit::<ReadAudit>(&caller.0, log()).await?;
        let proof = self.ledger.consistency(from.0).await?;
        Ok(Json(ConsistencyOut {
            from: proof.old,
            size: proof.head.size,
            path: proof.path.iter().map(|hash| hash.to_base64()).collect(),
            note: proof.head.note.to_string(),
            verifier: proof.head.verifier.to_string(),
        }))
    }

    /// The exact bytes of entries, oldest first, one a line: enough to recompute the log elsewhere.
    #[oai(path = "/audit/export", method = "get", operation_id = "export_audit_log")]
    async fn export(
        &self,
        caller: Authenticated,
        /// The first entry.
        #[oai(default)]
        from: Query<u64>,
        #[oai(default = "thousand", validator(minimum(value = "1"), maximum(value = "1000")))] limit: Query<u32>,
    ) -> Result<PlainText<String>, Problem> {
        self.identity.permit::<ReadAudit>(&caller.0, Resource::other(OtherKind::AuditLog, "whole")).await?;
        let to = from.0.saturating_add(u64::from(limit.0)).min(self.ledger.head().size);
        let page = self.ledger.entries(&Filter::default(), Some(to), limit.0).await?;
        let mut text = String::new();
        for entry in page.entries.iter().rev().filter(|entry| entry.index >= from.0) {
            text.push_str(entry.json.as_deref().unwrap_or("null"));
            text.push('\n');
        }
        Ok(PlainText(text))
    }

    /// Entries to take along, oldest first. It streams, and is an entry of the log itself.
    #[oai(path = "/audit/download", method = "get", operation_id = "download_audit_log")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the query")]
    async fn download(
        &self,
        caller: Authenticated,
        form: Query<ExportForm>,
        actor: Query<Option<String>>,
        /// A kind, or all of a noun: `command.`.
        kind: Query<Option<String>>,
        command: Query<Option<String>>,
        probe: Query<Option<String>>,
        since: Query<Option<DateTime<Utc>>>,
        until: Query<Option<DateTime<Utc>>>,
    ) -> Result<AuditExport, Problem> {
        let permit = self.identity.permit::<ExportAudit>(&caller.0, log()).await?;
        let filter = Filter {
            actor: actor.0,
            kind: kind.0,
            command: command.0,
            probe: probe.0,
            reach: caller.0.reach.clone(),
            since_ms: since.0.map(|at| at.timestamp_millis()),
            until_ms: until.0.map(|at| at.timestamp_millis()),
            text: None,
        };
        let form = match form.0 {
            ExportForm::Csv => Form::Csv,
            ExportForm::Jsonl => Form::Jsonl,
            ExportForm::Evidence => Form::Evidence,
        };
        let stream = export(&self.ledger, &self.clock, permit, form, filter).await?;
        let name = format!("attachment; filename=\"legator-audit.{}\"", form.ending());
        Ok(AuditExport::File(Binary(Body::from_bytes_stream(stream)), name))
    }

    /// One entry.
    #[oai(path = "/audit/entries/:index", method = "get", operation_id = "get_audit_entry")]
    async fn entry(&self, caller: Authenticated, index: Path<u64>) -> Result<Json<EntryOut>, Problem> {
        self.identity.permit::<ReadAudit>(&caller.0, log()).await?;
        Ok(Json(shape(self.find(&caller.0, index.0).await?)))
    }

    /// Proves, for a check that needs no server, that an entry is in the log.
    #[oai(path = "/audit/entries/:index/proof", method = "get", operation_id = "prove_audit_entry")]
    async fn proof(&self, caller: Authenticated, index: Path<u64>) -> Result<Json<ProofOut>, Problem> {
        self.identity.permit::<ReadAudit>(&caller.0, log()).await?;
        let entry = self.find(&caller.0, index.0).await?;
        let proof = self.ledger.proof(index.0).await?.ok_or_else(|| Problem::not_found("entry", index.0))?;
        Ok(Json(ProofOut {
            index: index.0,
            entry: entry.json,
            leaf_hash: proof.leaf_hash.to_base64(),
            proof: proof.ticket.to_string(),
            verifier: proof.head.verifier.to_string(),
        }))
    }
}

impl TimelineApi {
    async fn key(&self, key: LogKey) -> Result<LogKeyOut, Problem> {
        let LogKey { verifier, from, until, began, cosigned } = key;
        let (verifier, since) = (verifier.to_string(), began.as_ref().map(|entry| at(entry.at_ms)));
        // The first key was there from the beginning; nobody turned to it.
        let Some(entry) = began.filter(|_| from > 0) else {
            return Ok(LogKeyOut { verifier, from, until, since, turn: None });
        };
        let proof = self.ledger.proof(entry.index).await?.map(|proof| proof.ticket.to_string()).unwrap_or_default();
        let (index, by) = (entry.index, entry.actor);
        let turn =
            TurnOut { index, by, entry: entry.json.unwrap_or_default(), proof, note: cosigned.unwrap_or_default() };
        Ok(LogKeyOut { verifier, from, until, since, turn: Some(turn) })
    }

    /// An entry within the caller's reach. Another is as unknown as one that the log has not come to.
    async fn find(&self, caller: &Caller, index: u64) -> Result<Entry, Problem> {
        let entry = self.ledger.entry(index).await?.filter(|entry| caller.reach.has(&entry.tenant()));
        entry.ok_or_else(|| Problem::not_found("entry", index))
    }
}

const fn fifty() -> u32 {
    50
}

const fn thousand() -> u32 {
    1000
}

fn log() -> Resource {
    Resource::other(OtherKind::AuditLog, "log")
}

fn shape(entry: Entry) -> EntryOut {
    EntryOut {
        index: entry.index,
        at: at(entry.at_ms),
        body: entry.body(),
        kind: entry.kind,
        actor: entry.actor,
        subject: entry.subject,
        command: entry.command,
        probe: entry.probe,
        tenant: entry.tenant,
        leaf_hash: entry.leaf_hash.to_base64(),
        json: entry.json,
    }
}
