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
    tags: HashMap<String, Load>,
    fleet: Load,
}

impl Counts {
    pub fn probe(&self, probe: ProbeId) -> Load {
        self.probes.get(&probe).copied().unwrap_or_default()
    }

    /// The loads of `tags` and of the fleet; `of_tags` and `of_fleet` say how many probes each has, and how many are online.
    pub fn groups(
        &self,
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
        let of = |tag: &String| {
            let load = self.tags.get(tag).copied().unwrap_or_default();
            (tag.clone(), group(load, of_tags.get(tag).copied().unwrap_or_default()))
        };
        (tags.iter().map(of).collect(), group(self.fleet, of_fleet))
    }

    /// Where each command sits, for showing.
    pub fn busiest(&self, most: usize) -> Vec<(ProbeId, Load)> {
        let mut busiest: Vec<_> = self.probes.iter().map(|(probe, load)| (*probe, *load)).collect();
        busiest.sort_by_key(|(probe, load)| (std::cmp::Reverse(load.running + load.queued), *probe));
        busiest.truncate(most);
        busiest
    }

    pub fn fleet(&self) -> Load {
        self.fleet
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
        for tag in &guest.tags {
            if self.tags.get(tag) == Some(&Load::default()) {
                self.tags.remove(tag);
            }
        }
        true
    }

    fn count(&mut self, guest: &Guest, seat: Seat, step: impl Fn(&mut u32)) {
        let change = guest.level >= Level::Remediate;
        let one = |load: &mut Load| match seat {
            Seat::Running => {
                step(&mut load.running);
                if change {
                    step(&mut load.changes);
                }
            }
            Seat::Queued => step(&mut load.queued),
        };
        one(self.probes.entry(guest.probe).or_default());
        one(&mut self.fleet);
        for tag in &guest.tags {
            one(self.tags.entry(tag.clone()).or_default());
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
        Guest { command: CommandId::born(1, n), probe: ProbeId::born(1, 1), tags, level }
    }

    #[test]
    fn counts_what_comes_and_goes() {
        let mut counts = Counts::default();
        counts.seat(guest(1, Level::Remediate), Seat::Running);
        counts.seat(guest(2, Level::Observe), Seat::Running);
        counts.seat(guest(3, Level::Remediate), Seat::Queued);
        assert_eq!(counts.probe(ProbeId::born(1, 1)), Load { running: 2, queued: 1, changes: 1 });
        counts.seat(guest(3, Level::Remediate), Seat::Running);
        assert_eq!(counts.fleet(), Load { running: 3, queued: 0, changes: 2 });
        for n in 1..=3 {
            assert!(counts.leave(CommandId::born(1, n)));
            assert!(!counts.leave(CommandId::born(1, n)));
        }
        assert_eq!(counts.fleet(), Load::default());
        assert!(counts.probes.is_empty() && counts.tags.is_empty());
    }

    #[test]
    fn tags_carry_their_own_load() {
        let mut counts = Counts::default();
        counts.seat(guest(1, Level::Destroy), Seat::Running);
        let of_tags = HashMap::from([("web".to_owned(), (5, 4))]);
        let tags = BTreeSet::from(["web".to_owned(), "db".to_owned()]);
        let (groups, fleet) = counts.groups(&tags, &of_tags, (9, 8));
        assert_eq!((groups["web"].probes, groups["web"].running_changes), (5, 1));
        assert_eq!((groups["db"].probes, groups["db"].running), (0, 0));
        assert_eq!((fleet.probes, fleet.online, fleet.running), (9, 8, 1));
    }
}
