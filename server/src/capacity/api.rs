//! How busy the fleet is, as admission sees it.

use legator_engine::Resource;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi, Tags};

use super::{Capacity, Load};
use crate::error::Problem;
use crate::identity::api::Authenticated;
use crate::identity::{Identity, ViewCapacity};

#[derive(Tags)]
enum Room {
    /// Room for commands.
    Capacity,
}

#[derive(Object)]
pub struct SeatsOut {
    running: u32,
    queued: u32,
    /// Those that run and change something.
    running_changes: u32,
}

#[derive(Object)]
pub struct CapacityOut {
    fleet: SeatsOut,
    /// The busiest probes first.
    probes: Vec<BusyProbe>,
}

#[derive(Object)]
pub struct BusyProbe {
    probe: String,
    #[oai(flatten)]
    load: SeatsOut,
}

pub struct CapacityApi {
    pub capacity: Capacity,
    pub identity: Identity,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Capacity")]
impl CapacityApi {
    /// How many commands run and wait, and where.
    #[oai(path = "/capacity", method = "get", operation_id = "get_capacity")]
    async fn get(&self, caller: Authenticated) -> Result<Json<CapacityOut>, Problem> {
        self.identity.permit::<ViewCapacity>(&caller.0, Resource::control_plane()).await?;
        let (fleet, busiest) = self.capacity.with(|counts| counts.busiest(&caller.0.reach, 100));
        let probes = busiest.into_iter().map(|(probe, load)| BusyProbe { probe: probe.to_string(), load: load.into() });
        Ok(Json(CapacityOut { fleet: fleet.into(), probes: probes.collect() }))
    }
}

impl From<Load> for SeatsOut {
    fn from(load: Load) -> Self {
        Self { running: load.running, queued: load.queued, running_changes: load.changes }
    }
}
