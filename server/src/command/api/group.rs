//! One ask to many probes: by a tag, or by name.
//! Never: one decision for all of them. Each is decided, held, queued and refused by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use poem_openapi::Object;
use poem_openapi::payload::Json;

use super::{Ask, CommandApi, Receipt, intent};
use crate::error::Problem;
use crate::fleet::Probe;
use crate::identity::{Caller, SimulateCommand};
use crate::tenant::Reach;

/// Probes that one request may name.
const MOST_PROBES: usize = 1_000;

/// The same for several probes.
#[derive(Object)]
pub struct AskSeveral {
    /// Probes, by id or name.
    probes: Vec<String>,
    #[oai(flatten)]
    ask: Ask,
}

/// What became of one ask to many probes: one command a probe, each decided by itself.
#[derive(Object)]
pub struct GroupOut {
    group: String,
    total: usize,
    /// How many commands are in each state.
    counts: BTreeMap<String, usize>,
    results: Vec<GroupResult>,
}

#[derive(Object)]
pub struct GroupResult {
    command: String,
    probe: String,
    probe_name: String,
    state: String,
    summary: String,
    #[oai(skip_serializing_if_is_none)]
    approval: Option<String>,
}

/// What would be decided for several probes, without any of it happening.
#[derive(Object)]
pub struct GroupForecast {
    /// The command as a person would type it.
    line: String,
    total: usize,
    /// How many probes have each outcome: `allow`, `hold`, `queue`, `deny`.
    counts: BTreeMap<String, usize>,
    /// In the order in which they were named.
    results: Vec<ProbeForecast>,
}

#[derive(Object)]
pub struct ProbeForecast {
    probe: String,
    probe_name: String,
    outcome: String,
    summary: String,
    /// What the command is taken for there.
    #[oai(skip_serializing_if_is_none)]
    level: Option<String>,
}

impl CommandApi {
    pub(super) async fn forecast(&self, caller: &Caller, several: AskSeveral) -> Result<Json<GroupForecast>, Problem> {
        let AskSeveral { probes, ask } = several;
        let probes = self.named(&caller.reach, &probes)?;
        for probe in &probes {
            self.identity.permit::<SimulateCommand>(caller, self.resource(probe)).await?;
        }
        let intent = intent(caller, ask, None, "")?;
        let line = intent.spec.line();
        let mut results = Vec::with_capacity(probes.len());
        let mut counts = BTreeMap::new();
        for probe in probes {
            let decision = self.road.simulate(intent.clone(), Arc::clone(&probe))?;
            let outcome = decision.outcome.as_str().to_owned();
            *counts.entry(outcome.clone()).or_default() += 1;
            results.push(ProbeForecast {
                probe: probe.id.to_string(),
                probe_name: probe.name.clone(),
                outcome,
                summary: decision.rationale.summary.clone(),
                level: decision.classification.as_ref().map(|said| said.level.to_string()),
            });
        }
        Ok(Json(GroupForecast { line, total: results.len(), counts, results }))
    }

    /// Probes by id or name, each once.
    fn named(&self, reach: &Reach, names: &[String]) -> Result<Vec<Arc<Probe>>, Problem> {
        if names.is_empty() || names.len() > MOST_PROBES {
            return Err(Problem::new("invalid", format!("name 1 to {MOST_PROBES} probes; a tag reaches more")));
        }
        let mut seen = BTreeSet::new();
        let mut probes = Vec::with_capacity(names.len());
        for name in names {
            let probe = self.fleet.find(reach, name)?;
            if seen.insert(probe.id) {
                probes.push(probe);
            }
        }
        Ok(probes)
    }

    pub(super) async fn ask_several(&self, caller: &Caller, several: AskSeveral) -> Result<Json<GroupOut>, Problem> {
        let AskSeveral { probes, ask } = several;
        let probes = self.named(&caller.reach, &probes)?;
        self.ask_all(caller, ask, probes).await
    }

    pub(super) async fn ask_all(
        &self,
        caller: &Caller,
        ask: Ask,
        probes: Vec<Arc<Probe>>,
    ) -> Result<Json<GroupOut>, Problem> {
        let intent = intent(caller, ask, None, "")?;
        let names: BTreeMap<_, _> = probes.iter().map(|probe| (probe.id, Arc::clone(probe))).collect();
        let (group, receipts) = self.road.ask_all(intent, probes).await?;
        let mut counts = BTreeMap::new();
        for receipt in &receipts {
            *counts.entry(receipt.state.as_str().to_owned()).or_default() += 1;
        }
        let mut results = Vec::with_capacity(receipts.len());
        for (receipt, probe) in receipts.iter().zip(names_in_order(&names, &receipts)) {
            results.push(GroupResult {
                command: receipt.command.to_string(),
                probe: probe.id.to_string(),
                probe_name: probe.name.clone(),
                state: receipt.state.as_str().to_owned(),
                summary: receipt.decision.rationale.summary.clone(),
                approval: receipt.approval.map(|approval| approval.to_string()),
            });
        }
        Ok(Json(GroupOut { group, total: results.len(), counts, results }))
    }
}

fn names_in_order<'a>(
    probes: &'a BTreeMap<legator_protocol::ProbeId, Arc<Probe>>,
    receipts: &'a [Receipt],
) -> impl Iterator<Item = &'a Arc<Probe>> {
    receipts.iter().filter_map(|receipt| probes.get(&receipt.probe))
}
