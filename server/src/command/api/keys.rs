//! Turning probes' keys.

use std::collections::BTreeMap;

use legator_protocol::ProbeId;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::Room;
use crate::command::Road;
use crate::error::{Problem, at};
use crate::fleet::{Fleet, KeyTurn, Probe, Status};
use crate::identity::api::Authenticated;
use crate::identity::{Identity, ManageProbe, ViewFleet};

/// How a probe's key stands.
#[derive(Object)]
pub struct ProbeKeyOut {
    probe: String,
    name: String,
    /// `settled`, or of a turn: `asked` (the probe has to take its part) or `kept` (both keep the new key, and the probe has
    /// to prove it). Until it has, the old key is good.
    state: String,
    /// When the key was turned last; absent if it is the one of the enrollment.
    #[oai(skip_serializing_if_is_none)]
    turned_at: Option<chrono::DateTime<chrono::Utc>>,
    #[oai(skip_serializing_if_is_none)]
    asked_at: Option<chrono::DateTime<chrono::Utc>>,
    #[oai(skip_serializing_if_is_none)]
    asked_by: Option<String>,
    /// What the turn waits for, or what would help.
    #[oai(skip_serializing_if_is_none)]
    why: Option<String>,
}

/// Whose keys are to be turned: those with this tag, or all.
#[derive(Object)]
pub struct KeysOf {
    #[oai(skip_serializing_if_is_none)]
    tag: Option<String>,
    /// All that the caller reaches; said in so many words, so that a forgotten tag does not mean it.
    #[oai(default)]
    all: bool,
}

#[derive(Object)]
pub struct ProbeKeyList {
    probes: Vec<ProbeKeyOut>,
    /// How many are in each state.
    counts: BTreeMap<String, usize>,
}

pub struct ProbeKeysApi {
    pub road: Road,
    pub fleet: Fleet,
    pub identity: Identity,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Commands")]
impl ProbeKeysApi {
    /// How a probe's key stands.
    #[oai(path = "/probes/:id/key", method = "get", operation_id = "get_probe_key")]
    async fn look(&self, caller: Authenticated, id: Path<String>) -> Result<Json<ProbeKeyOut>, Problem> {
        let probe = self.fleet.find(&caller.0.reach, &id.0)?;
        self.identity.permit::<ViewFleet>(&caller.0, probe.resource(self.status(probe.id))).await?;
        Ok(Json(self.out(&probe)))
    }

    /// Gives a probe another key in its session, without enrolling it anew. One that is away is asked when it comes back.
    #[oai(path = "/probes/:id/rotate-key", method = "post", operation_id = "rotate_probe_key")]
    async fn rotate(&self, caller: Authenticated, id: Path<String>) -> Result<Json<ProbeKeyOut>, Problem> {
        let probe = self.fleet.find(&caller.0.reach, &id.0)?;
        let permit = self.identity.permit::<ManageProbe>(&caller.0, probe.resource(self.status(probe.id))).await?;
        let asked = self.road.turn_keys(vec![(permit, probe.id)]).await?;
        let asked = asked.first().ok_or_else(|| Problem::not_found("probe", &id.0))?;
        Ok(Json(self.out(asked)))
    }

    /// How the keys of probes stand, those first whose turn is under way.
    #[oai(path = "/fleet/keys", method = "get", operation_id = "list_probe_keys")]
    async fn list(
        &self,
        caller: Authenticated,
        /// Only probes with this tag.
        tag: Query<Option<String>>,
        /// Only those whose turn is under way.
        #[oai(default)]
        pending: Query<bool>,
    ) -> Result<Json<ProbeKeyList>, Problem> {
        let filter = crate::fleet::Filter { tag: tag.0, ..Default::default() };
        let listed = self.fleet.list(&caller.0.reach, &filter).into_iter();
        let mut shown: Vec<_> = listed
            .filter(|(probe, standing)| self.identity.may::<ViewFleet>(&caller.0, probe.resource(standing.status)))
            .filter(|(probe, _)| !pending.0 || probe.key_turn.is_some())
            .collect();
        shown.sort_by_key(|(probe, _)| probe.key_turn.is_none());
        Ok(Json(counted(shown.iter().map(|(probe, _)| self.out(probe)).collect())))
    }

    /// The same for several probes: those with a tag, or all. What the caller may not manage stays as it is.
    #[oai(path = "/fleet/rotate-keys", method = "post", operation_id = "rotate_probe_keys")]
    async fn rotate_several(&self, caller: Authenticated, of: Json<KeysOf>) -> Result<Json<ProbeKeyList>, Problem> {
        let filter = match of.0 {
            KeysOf { tag: Some(tag), all: false } => crate::fleet::Filter { tag: Some(tag), ..Default::default() },
            KeysOf { tag: None, all: true } => crate::fleet::Filter::default(),
            _ => return Err(Problem::new("invalid", "say either `tag` or `all`")),
        };
        let mut asked = Vec::new();
        for (probe, standing) in self.fleet.list(&caller.0.reach, &filter) {
            let resource = probe.resource(standing.status);
            if !self.identity.may::<ManageProbe>(&caller.0, resource.clone()) {
                continue;
            }
            asked.push((self.identity.permit::<ManageProbe>(&caller.0, resource).await?, probe.id));
        }
        let asked = self.road.turn_keys(asked).await?;
        Ok(Json(counted(asked.iter().map(|probe| self.out(probe)).collect())))
    }
}

fn counted(probes: Vec<ProbeKeyOut>) -> ProbeKeyList {
    let mut counts = BTreeMap::new();
    for probe in &probes {
        *counts.entry(probe.state.clone()).or_default() += 1;
    }
    ProbeKeyList { probes, counts }
}

impl ProbeKeysApi {
    fn status(&self, probe: ProbeId) -> Status {
        self.fleet.standing(probe).status
    }

    fn out(&self, probe: &Probe) -> ProbeKeyOut {
        let turn = probe.key_turn.as_ref();
        ProbeKeyOut {
            probe: probe.id.to_string(),
            name: probe.name.clone(),
            state: turn.map_or("settled", |turn| if turn.kept { "kept" } else { "asked" }).to_owned(),
            turned_at: probe.key_turned_at.map(at),
            asked_at: turn.map(|turn| at(turn.asked_at)),
            asked_by: turn.map(|turn| turn.by.clone()),
            why: turn.and_then(|turn| self.why(probe, turn)),
        }
    }

    /// What a turn waits for.
    fn why(&self, probe: &Probe, turn: &KeyTurn) -> Option<String> {
        let here = matches!(self.status(probe.id), Status::Online | Status::Degraded);
        if !here {
            return Some("the probe is away; it goes on when it comes back".to_owned());
        }
        if self.fleet.can_turn(probe.id) == Some(false) {
            let version = &probe.version;
            return Some(format!(
                "its program ({version}) is too old to be given another key; upgrade it, or enroll it again"
            ));
        }
        turn.trouble.clone()
    }
}
