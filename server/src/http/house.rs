//! The house itself: health, version, metrics, and what the error codes mean.

use std::sync::Arc;

use poem::handler;
use poem::web::Html;
use poem_openapi::payload::{Json, PlainText};
use poem_openapi::{ApiResponse, Object, OpenApi, Tags};

use crate::app::App;
use crate::audit::Health;
use crate::doctor;
use crate::error::{CODES, Problem};
use crate::identity::api::Authenticated;
use crate::identity::{Identity, TurnKeys, ViewMetrics};
use crate::telemetry::Metrics;
use legator_engine::Resource;

#[derive(Tags)]
pub(super) enum Room {
    /// Health, version, metrics.
    House,
}

/// How the server is. Anybody may ask, so it says no more than an operator's monitor needs.
#[derive(Object)]
pub struct ServerHealth {
    /// `ok`, or `degraded`: reading goes on, and something of `problems` does not.
    status: String,
    problems: Vec<String>,
    probes_connected: usize,
}

#[derive(Object)]
pub struct VersionOut {
    version: String,
    /// The versions of the probes' wire that this server speaks.
    wire: Vec<u16>,
    /// The live bundle.
    revision: String,
}

/// Something about the server's options or files that is to be looked at.
#[derive(Object)]
pub struct FindingOut {
    /// Stable, kebab-case.
    code: String,
    /// `unsafe`, or `advice`.
    weight: String,
    what: String,
    /// What would help.
    help: String,
}

#[derive(Object)]
pub struct FindingList {
    /// What is unsafe comes first.
    findings: Vec<FindingOut>,
}

#[derive(ApiResponse)]
pub enum HealthAnswer {
    #[oai(status = 200)]
    Ok(Json<ServerHealth>),
    /// Commands are refused at the moment.
    #[oai(status = 503)]
    Degraded(Json<ServerHealth>),
}

pub struct HouseApi {
    pub app: App,
    pub metrics: Metrics,
    pub identity: Identity,
}

#[OpenApi(tag = "Room::House")]
impl HouseApi {
    /// Whether the server can do its work.
    #[oai(path = "/healthz", method = "get", operation_id = "get_health")]
    async fn health(&self) -> HealthAnswer {
        let mut problems = Vec::new();
        let log = self.app.ledger.health();
        if let Health::Bad(fault) = &log {
            problems.push(format!("the audit log cannot be written, so commands are refused: {fault}"));
        }
        let refused = self.app.policy.state().faults.len();
        if refused > 0 {
            problems.push(format!("the newest bundle has {refused} fault(s); the last good one decides"));
        }
        if let Some(trouble) = self.app.policy.state().trouble {
            problems.push(format!("the bundle's source cannot be read; the last good one decides: {trouble}"));
        }
        let status = if problems.is_empty() { "ok" } else { "degraded" }.to_owned();
        let body = Json(ServerHealth { status, problems, probes_connected: self.app.hub.n_connected() });
        if log.is_good() { HealthAnswer::Ok(body) } else { HealthAnswer::Degraded(body) }
    }

    /// Which server this is.
    #[oai(path = "/version", method = "get", operation_id = "get_version")]
    async fn version(&self) -> Json<VersionOut> {
        Json(VersionOut {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            wire: legator_protocol::VERSIONS.to_vec(),
            revision: self.app.policy.bundle().revision().to_owned(),
        })
    }

    /// What `legator doctor` finds in the options that the server runs with, and in its data folder.
    #[oai(path = "/api/v1/server/findings", method = "get", operation_id = "list_server_findings")]
    async fn findings(&self, caller: Authenticated) -> Result<Json<FindingList>, Problem> {
        self.identity.permit::<TurnKeys>(&caller.0, Resource::control_plane()).await?;
        let config = Arc::clone(&self.app.config);
        let found = tokio::task::spawn_blocking(move || doctor::examine(&config)).await.map_err(Problem::internal)?;
        Ok(Json(FindingList { findings: found.into_iter().map(finding_out).collect() }))
    }

    /// Metrics in the OpenMetrics text format, for Prometheus.
    #[oai(path = "/api/v1/metrics", method = "get", operation_id = "get_metrics")]
    async fn metrics(&self, caller: Authenticated) -> Result<PlainText<String>, Problem> {
        self.identity.permit::<ViewMetrics>(&caller.0, Resource::control_plane()).await?;
        self.metrics.probes_connected.set(i64::try_from(self.app.hub.n_connected()).unwrap_or(i64::MAX));
        self.metrics.log_writable.set(i64::from(self.app.ledger.health().is_good()));
        self.metrics.text().map(PlainText).map_err(Problem::internal)
    }
}

fn finding_out(finding: doctor::Finding) -> FindingOut {
    let doctor::Finding { code, weight, what, help } = finding;
    FindingOut { code: code.to_owned(), weight: weight.as_str().to_owned(), what, help }
}

/// What each error code means.
#[handler]
pub fn codes() -> Html<String> {
    let rows: String = CODES
        .iter()
        .map(|(code, status, title)| format!("<dt id=\"{code}\"><code>{code}</code> ({status})</dt><dd>{title}</dd>"))
        .collect();
    Html(format!("<!doctype html><title>Legator: error codes</title><h1>Error codes</h1><dl>{rows}</dl>"))
}
