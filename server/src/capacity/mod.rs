//! What admission sees: how busy each probe, each tag and the fleet are, counted as commands come and go.
//! A decision and the seat that it takes are one step, so that two changes at once do not both find the room free.
//! Never: decides, and never guesses: what was not measured is absent.

pub mod api;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use legator_engine::GroupLoad;
use legator_protocol::{CommandId, Level, ProbeId};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::tenant::{Reach, Tenant};

/// Counts who is where. Cheap to clone.
#[derive(Clone, Default)]
pub struct Capacity(Arc<Inner>);

#[derive(Default)]
struct Inner {
    counts: Mutex<Counts>,
    freed: Notify,
}

/// Where a command sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// Cleared for its probe, and not ended.
    Running,
    /// Waiting for room.
    Queued,
}

/// What is counted of a command.
#[derive(Clone, Debug)]
pub struct Guest {
    pub command: CommandId,
    pub probe: ProbeId,
    pub tenant: Tenant,
    pub tags: BTreeSet<String>,
    pub level: Level,
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    pub running: u32,
    pub queued: u32,
    /// Those that run and change something.
    pub changes: u32,
}

/// All counts.
#[derive(Default)]
pub struct Counts {
    seats: HashMap<CommandId, (Guest, Seat)>,
    probes: HashMap<ProbeId, Load>,
    tenants: HashMap<Tenant, OfTenant>,
}

/// What is counted of one tenant: what another does is no reason to wait, and not to be found out.
#[derive(Default)]
struct OfTenant {
    tags: HashMap<String, Load>,
    fleet: Load,
}

impl Counts {
    pub fn probe(&self, probe: ProbeId) -> Load {
        self.probes.get(&probe).copied().unwrap_or_default()
    }

    /// The loads of a tenant's `tags` and of its fleet; `of_tags` and `of_fleet` say how many probes each has, and how many are online.
    pub fn groups(
        &self,
        tenant: &Tenant,
        tags: &BTreeSet<String>,
        of_tags: &HashMap<String, (u32, u32)>,
        of_fleet: (u32, u32),
    ) -> (BTreeMap<String, GroupLoad>, GroupLoad) {
        let group = |load: Load, (probes, online): (u32, u32)| GroupLoad {
            probes,
            online,
            running: load.running,
            queued: load.queued,
            running_changes: load.changes,
        };
        let here = self.tenants.get(tenant);
        let of = |tag: &String| {
            let load = here.and_then(|here| here.tags.get(tag)).copied().unwrap_or_default();
            (tag.clone(), group(load, of_tags.get(tag).copied().unwrap_or_default()))
        };
        (tags.iter().map(of).collect(), group(here.map(|here| here.fleet).unwrap_or_default(), of_fleet))
    }

    /// The load within a reach, and of which probes the most of it is, for showing.
    pub fn busiest(&self, reach: &Reach, most: usize) -> (Load, Vec<(ProbeId, Load)>) {
        let (mut all, mut probes) = (Load::default(), HashMap::<ProbeId, Load>::new());
        for (guest, seat) in self.seats.values().filter(|(guest, _)| reach.covers(&guest.tenant, &guest.tags)) {
            all.step(guest, *seat, |n| *n += 1);
            probes.entry(guest.probe).or_default().step(guest, *seat, |n| *n += 1);
        }
        let mut busiest: Vec<_> = probes.into_iter().collect();
        busiest.sort_by_key(|(probe, load)| (std::cmp::Reverse(load.running + load.queued), *probe));
        busiest.truncate(most);
        (all, busiest)
    }

    /// Gives `guest` a seat, in place of the one that it may have.
    pub fn seat(&mut self, guest: Guest, seat: Seat) {
        self.leave(guest.command);
        self.count(&guest, seat, |n| *n += 1);
        self.seats.insert(guest.command, (guest, seat));
    }

    /// Gives a seat up for a moment, so that a judgement does not count the command itself.
    pub fn stand_up(&mut self, command: CommandId) {
        self.leave(command);
    }

    fn leave(&mut self, command: CommandId) -> bool {
        let Some((guest, seat)) = self.seats.remove(&command) else { return false };
        self.count(&guest, seat, |n| *n = n.saturating_sub(1));
        if self.probes.get(&guest.probe) == Some(&Load::default()) {
            self.probes.remove(&guest.probe);
        }
        if let Some(here) = self.tenants.get_mut(&guest.tenant) {
            for tag in &guest.tags {
                if here.tags.get(tag) == Some(&Load::default()) {
                    here.tags.remove(tag);
                }
            }
        }
        true
    }

    fn count(&mut self, guest: &Guest, seat: Seat, step: impl Fn(&mut u32)) {
        self.probes.entry(guest.probe).or_default().step(guest, seat, &step);
        let here = self.tenants.entry(guest.tenant.clone()).or_default();
        here.fleet.step(guest, seat, &step);
        for tag in &guest.tags {
            here.tags.entry(tag.clone()).or_default().step(guest, seat, &step);
        }
    }
}

impl Load {
    fn step(&mut self, guest: &Guest, seat: Seat, step: impl Fn(&mut u32)) {
        match seat {
            Seat::Running => {
                step(&mut self.running);
                if guest.level >= Level::Remediate {
                    step(&mut self.changes);
                }
            }
            Seat::Queued => step(&mut self.queued),
        }
    }
}

impl Capacity {
    /// Looks at the counts and takes seats in one step.
    pub fn with<T>(&self, work: impl FnOnce(&mut Counts) -> T) -> T {
        work(&mut self.0.counts.lock())
    }

    /// A command is over.
    pub fn leave(&self, command: CommandId) {
        if self.0.counts.lock().leave(command) {
            self.0.freed.notify_one();
        }
    }

    /// Something else may have made room.
    pub fn nudge(&self) {
        self.0.freed.notify_one();
    }

    /// Wakes when there may be room again.
    pub async fn freed(&self) {
        self.0.freed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(n: u128, level: Level) -> Guest {
        let tags = BTreeSet::from(["web".to_owned()]);
        let (command, probe, tenant) = (CommandId::born(1, n), ProbeId::born(1, 1), Tenant::default());
        Guest { command, probe, tenant, tags, level }
    }

    #[test]
    fn counts_what_comes_and_goes() {
        let mut counts = Counts::default();
        counts.seat(guest(1, Level::Remediate), Seat::Running);
        counts.seat(guest(2, Level::Observe), Seat::Running);
        counts.seat(guest(3, Level::Remediate), Seat::Queued);
        assert_eq!(counts.probe(ProbeId::born(1, 1)), Load { running: 2, queued: 1, changes: 1 });
        counts.seat(guest(3, Level::Remediate), Seat::Running);
        let fleet = |counts: &Counts| counts.busiest(&Reach::everything(), 9).0;
        assert_eq!(fleet(&counts), Load { running: 3, queued: 0, changes: 2 });
        for n in 1..=3 {
            assert!(counts.leave(CommandId::born(1, n)));
            assert!(!counts.leave(CommandId::born(1, n)));
        }
        assert_eq!(fleet(&counts), Load::default());
        assert!(counts.probes.is_empty() && counts.tenants[&Tenant::default()].tags.is_empty());
    }

    #[test]
    fn tags_carry_their_own_load() {
        let mut counts = Counts::default();
        counts.seat(guest(1, Level::Destroy), Seat::Running);
        let of_tags = HashMap::from([("web".to_owned(), (5, 4))]);
        let tags = BTreeSet::from(["web".to_owned(), "db".to_owned()]);
        let (groups, fleet) = counts.groups(&Tenant::default(), &tags, &of_tags, (9, 8));
        assert_eq!((groups["web"].probes, groups["web"].running_changes), (5, 1));
        assert_eq!((groups["db"].probes, groups["db"].running), (0, 0));
        assert_eq!((fleet.probes, fleet.online, fleet.running), (9, 8, 1));
    }

    #[test]
    fn what_one_tenant_does_is_no_load_of_another() {
        let mut counts = Counts::default();
        let blue = Tenant::named("blue");
        counts.seat(Guest { tenant: blue.clone(), ..guest(1, Level::Destroy) }, Seat::Running);
        let tags = BTreeSet::from(["web".to_owned()]);
        let running = |tenant: &Tenant| {
            let (groups, fleet) = counts.groups(tenant, &tags, &HashMap::new(), (0, 0));
            (groups["web"].running, fleet.running)
        };
        assert_eq!((running(&blue), running(&Tenant::default())), ((1, 1), (0, 0)));
        let of = |tenant: Tenant| counts.busiest(&Reach::of(Some([tenant].into()), BTreeSet::new()), 9);
        assert_eq!((of(blue).1.len(), of(Tenant::default()).1.len()), (1, 0));
    }
}
