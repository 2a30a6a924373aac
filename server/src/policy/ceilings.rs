//! Probes' ceilings follow the templates that are applied to them: what policy never lets run there, the probe itself
//! does not take.
//! Never: a ceiling of its own making. It is the lowest that a link to the probe, or to a tag or site of it, says.

use std::time::Duration;

use legator_engine::{Bundle, Link};
use legator_protocol::{Level, ToProbe};

use super::Policy;
use crate::events::Events;
use crate::fleet::{Filter, Fleet, FleetFault, Probe};
use crate::hub::Hub;
use crate::tenant::Reach;

/// Also without a signal.
const ROUND: Duration = Duration::from_secs(30);

/// Sets ceilings. Cheap to clone.
#[derive(Clone)]
pub struct Ceilings {
    pub policy: Policy,
    pub fleet: Fleet,
    pub hub: Hub,
}

/// Runs until the server ends: wakes when another bundle decides, and when a probe comes or gets other tags.
pub async fn reconcile_ceilings(ceilings: Ceilings, events: Events) {
    let mut bundle = ceilings.policy.watch();
    let mut live = events.watch(None).live;
    loop {
        if let Err(fault) = ceilings.settle().await {
            tracing::warn!(%fault, "the probes' ceilings could not be set; it is tried again");
        }
        let told = async {
            while let Ok(event) = live.recv().await {
                if matches!(event.topic, "probe.tagged" | "probe.enrolled" | "probe.enrolled_again") {
                    return;
                }
            }
        };
        tokio::select! {
            changed = bundle.changed() => if changed.is_err() { return },
            () = told => {}
            () = tokio::time::sleep(ROUND) => {}
        }
    }
}

impl Ceilings {
    /// Sets every ceiling that is not what the bundle says.
    pub async fn settle(&self) -> Result<(), FleetFault> {
        let bundle = self.policy.bundle();
        for (probe, _) in self.fleet.list(&Reach::everything(), &Filter::default()) {
            let (ceiling, by) = ceiling(&bundle, &probe);
            if probe.ceiling == ceiling {
                continue;
            }
            let why = serde_json::json!({ "revision": bundle.revision(), "link": by });
            let after = self.fleet.set_ceiling(probe.id, ceiling, why).await?;
            let message = ToProbe::Policy { ceiling: after.ceiling, table: None, inventory: after.inventory.clone() };
            self.hub.send(probe.id, &message);
        }
        Ok(())
    }
}

/// The lowest ceiling that a link says, and which link.
fn ceiling(bundle: &Bundle, probe: &Probe) -> (Level, Option<String>) {
    let meant = |kind: &str, id: &str| match kind {
        "Probe" => id == probe.id.to_string(),
        "Tag" => probe.tags.contains(id),
        "Site" => probe.site.as_deref() == Some(id),
        "Tenant" => probe.tenant.as_str() == id,
        _ => false,
    };
    let level = |template: &str| bundle.templates().iter().find(|known| known.id == template)?.ceiling;
    let meant = |link: &&Link| link.resource.as_ref().is_some_and(|it| meant(&it.kind, &it.id));
    let said = bundle.links().iter().filter(meant);
    let said = said.filter_map(|link| Some((level(&link.template)?, Some(link.id.clone()))));
    said.min_by_key(|(level, _)| *level).unwrap_or((Level::Destroy, None))
}
