//! Logs and metrics. Counters are named here once; rooms count through the handle.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tracing_subscriber::EnvFilter;

/// Starts logging to standard error; `LEGATOR_LOG` says how much, `json` how.
pub fn log(json: bool) {
    let filter = EnvFilter::try_from_env("LEGATOR_LOG").unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second call (tests start several servers) keeps the first subscriber.
    let _ = if json { logs.json().try_init() } else { logs.with_target(false).try_init() };
}

/// A label with one value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct By {
    pub name: &'static str,
}

/// What the server counts. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Counted>);

pub struct Counted {
    registry: Registry,
    /// Decisions by outcome.
    pub decisions: Family<By, Counter>,
    /// Commands that reached a final state, by state.
    pub settled: Family<By, Counter>,
    /// Frames that ended a session or were ignored, by reason.
    pub bad_frames: Family<By, Counter>,
    pub probes_connected: Gauge,
    pub commands_open: Gauge,
    pub decision_seconds: Histogram,
    pub road_seconds: Histogram,
    pub log_seconds: Histogram,
    pub bundle_refused: Counter,
    /// Requests that came too fast, by what was counted.
    pub requests_limited: Family<By, Counter>,
    /// 1 while the audit log can be written.
    pub log_writable: Gauge,
    /// Judgements that a shadowing bundle made too, by how its answer compares.
    pub shadowed: Family<By, Counter>,
    /// Judgements that the shadow had no time for, or broke on.
    pub shadow_missed: Family<By, Counter>,
    /// Operations that were asked so often or so variously that their decisions were not kept.
    pub asked_dropped: Counter,
    /// 1 while a bundle decides in the shadow.
    pub shadow_on: Gauge,
    /// Votes by choice.
    pub votes: Family<By, Counter>,
    /// Votes in under 3 s after a look, or without one.
    pub hasty_votes: Counter,
    /// Time from the asking to a vote.
    pub approval_seconds: Histogram,
    pub escalations: Counter,
    /// Commands that passed because the glass was broken.
    pub breakglass: Counter,
    /// How many of them nobody has reviewed.
    pub breakglass_unreviewed: Gauge,
    /// Commands that passed because people had agreed ahead.
    pub grant_uses: Counter,
    /// Decisions that the scope index and plain Cedar answered differently. Anything but 0 is a fault.
    pub index_mismatches: Counter<u64, AtomicU64>,
}

impl Metrics {
    pub fn new() -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.000_01, 2.0, 20));
        let mut counted = Counted {
            registry: Registry::with_prefix("legator"),
            decisions: Family::default(),
            settled: Family::default(),
            bad_frames: Family::default(),
            probes_connected: Gauge::default(),
            commands_open: Gauge::default(),
            decision_seconds: seconds(),
            road_seconds: seconds(),
            log_seconds: seconds(),
            bundle_refused: Counter::default(),
            requests_limited: Family::default(),
            log_writable: Gauge::default(),
            shadowed: Family::default(),
            shadow_missed: Family::default(),
            asked_dropped: Counter::default(),
            shadow_on: Gauge::default(),
            votes: Family::default(),
            hasty_votes: Counter::default(),
            approval_seconds: Histogram::new(exponential_buckets(1.0, 2.0, 18)),
            escalations: Counter::default(),
            breakglass: Counter::default(),
            breakglass_unreviewed: Gauge::default(),
            grant_uses: Counter::default(),
            index_mismatches: Counter::default(),
        };
        let registry = &mut counted.registry;
        registry.register("decisions", "Decisions by outcome", counted.decisions.clone());
        registry.register("commands_settled", "Commands that ended, by state", counted.settled.clone());
        registry.register("bad_frames", "Frames that were refused, by reason", counted.bad_frames.clone());
        registry.register("probes_connected", "Probes with an open session", counted.probes_connected.clone());
        registry.register("commands_open", "Commands that have not ended", counted.commands_open.clone());
        registry.register_with_unit("decision", "Time to decide", Unit::Seconds, counted.decision_seconds.clone());
        registry.register_with_unit("road", "Time from ask to end", Unit::Seconds, counted.road_seconds.clone());
        registry.register_with_unit("log_write", "Time to durable", Unit::Seconds, counted.log_seconds.clone());
        registry.register(
            "requests_limited",
            "Requests that came too fast, by bound",
            counted.requests_limited.clone(),
        );
        registry.register("bundles_refused", "Bundles that had faults", counted.bundle_refused.clone());
        registry.register("log_writable", "1 while the audit log can be written", counted.log_writable.clone());
        registry.register("shadow_decisions", "Judgements in the shadow, by comparison", counted.shadowed.clone());
        registry.register(
            "asked_dropped",
            "Decisions of operations that were not kept, since one asked for too much",
            counted.asked_dropped.clone(),
        );
        registry.register("shadow_missed", "Judgements that the shadow missed, by why", counted.shadow_missed.clone());
        registry.register("shadow_on", "1 while a bundle decides in the shadow", counted.shadow_on.clone());
        registry.register("votes", "Votes by choice", counted.votes.clone());
        registry.register("hasty_votes", "Votes in under 3 s, or without a look", counted.hasty_votes.clone());
        registry.register_with_unit("vote", "Time from ask to vote", Unit::Seconds, counted.approval_seconds.clone());
        registry.register("escalations", "Requests that too few answered in time", counted.escalations.clone());
        registry.register("breakglass", "Commands that passed by broken glass", counted.breakglass.clone());
        registry.register(
            "breakglass_unreviewed",
            "Broken glass that nobody has reviewed",
            counted.breakglass_unreviewed.clone(),
        );
        registry.register("grant_uses", "Commands that passed as agreed to ahead", counted.grant_uses.clone());
        registry.register(
            "index_mismatches",
            "Decisions that differ from plain Cedar",
            counted.index_mismatches.clone(),
        );
        counted.log_writable.set(1);
        Self(Arc::new(counted))
    }

    /// All metrics in the OpenMetrics text format.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl std::ops::Deref for Metrics {
    type Target = Counted;

    fn deref(&self) -> &Counted {
        &self.0
    }
}
