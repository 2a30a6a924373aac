//! The probe's own gate: may this order start here and now? Pure; the answer names the rule.
//! Never: trusts what the server classified. It classifies the same bytes with the same code and takes the higher level.

use legator_protocol::{Order, ProbeId, RefusedBy};

use crate::floor::Floor;
use crate::policy::Policy;

/// What an order is judged against.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    pub probe: ProbeId,
    pub policy: &'a Policy,
    pub floor: &'a Floor,
    /// By the server's clock.
    pub server_now_ms: u64,
    /// By the host's own clock: the server must not tell a floor what time it is.
    pub host_now_ms: u64,
    pub running: usize,
}

/// A refusal: which rule, and the sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub by: RefusedBy,
    pub detail: String,
}

/// Judges an order whose seal verified and whose id is new.
pub fn judge(order: &Order, standing: &Standing<'_>) -> Result<(), Refused> {
    let refuse = |by, detail| Err(Refused { by, detail });
    if order.probe != standing.probe {
        return refuse(
            RefusedBy::Addressee,
            format!("the order is for `{}`, and this is `{}`", order.probe, standing.probe),
        );
    }
    if standing.server_now_ms >= order.expires_at_ms {
        let late = standing.server_now_ms - order.expires_at_ms;
        return refuse(
            RefusedBy::Expired,
            format!("the order expired {late} ms before it came, and had not started here"),
        );
    }
    let own = standing.policy.level(&order.spec);
    let level = own.max(order.level);
    let ceiling = standing.policy.ceiling;
    if level > ceiling {
        return refuse(
            RefusedBy::Ceiling,
            format!("the command is `{level}`, and this probe's ceiling is `{ceiling}`"),
        );
    }
    let mut reading = standing.policy.reading(&order.spec);
    reading.level = reading.level.max(order.level);
    let minute = u16::try_from(standing.host_now_ms / 60_000 % (24 * 60)).unwrap_or(0);
    if let Some(rule) = standing.floor.forbids(&order.spec, &reading, minute) {
        return refuse(RefusedBy::Floor, rule);
    }
    let most = standing.floor.max_running();
    if standing.running >= most {
        return refuse(RefusedBy::Busy, format!("{most} commands run here already, which is the most (`max_running`)"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use legator_protocol::{CommandId, CommandSpec, Level};

    use super::*;

    struct World {
        policy: Policy,
        floor: Floor,
        running: usize,
    }

    impl World {
        fn with_ceiling(ceiling: Level) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let mut policy = Policy::load(&dir.path().join("none"));
            policy.take(&dir.path().join("policy.json"), ceiling, None).unwrap();
            Self { policy, floor: Floor::default(), running: 0 }
        }

        fn judge(&self, order: &Order) -> Result<(), RefusedBy> {
            let standing = Standing {
                probe: ProbeId::born(1, 1),
                policy: &self.policy,
                floor: &self.floor,
                server_now_ms: 1_000,
                host_now_ms: 12 * 3_600_000,
                running: self.running,
            };
            judge(order, &standing).map_err(|refused| {
                assert!(!refused.detail.is_empty());
                refused.by
            })
        }
    }

    fn order(level: Level) -> Order {
        Order {
            command: CommandId::born(1, 1),
            probe: ProbeId::born(1, 1),
            issued_at_ms: 0,
            expires_at_ms: 1_001,
            level,
            spec: CommandSpec::argv(["made-up-program"]),
            look: Vec::new(),
            max_output: 10,
        }
    }

    #[test]
    fn an_order_for_this_probe_within_its_ceiling_may_start() {
        assert_eq!(World::with_ceiling(Level::Destroy).judge(&order(Level::Destroy)), Ok(()));
    }

    #[test]
    fn an_order_for_another_probe_is_refused() {
        let order = Order { probe: ProbeId::born(1, 2), ..order(Level::Observe) };
        assert_eq!(World::with_ceiling(Level::Destroy).judge(&order), Err(RefusedBy::Addressee));
    }

    #[test]
    fn an_order_is_late_at_its_expiry() {
        let order = Order { expires_at_ms: 1_000, ..order(Level::Observe) };
        assert_eq!(World::with_ceiling(Level::Destroy).judge(&order), Err(RefusedBy::Expired));
    }

    #[test]
    fn the_higher_of_both_levels_meets_the_ceiling() {
        let world = World::with_ceiling(Level::Remediate);
        assert_eq!(world.judge(&order(Level::Destroy)), Err(RefusedBy::Ceiling));
        // The server says `observe` of a program that nobody knows; the probe reads `remediate` itself.
        assert_eq!(World::with_ceiling(Level::Observe).judge(&order(Level::Observe)), Err(RefusedBy::Ceiling));
        assert_eq!(world.judge(&order(Level::Observe)), Ok(()));
    }

    #[test]
    fn the_floor_stands_under_any_ceiling() {
        let mut world = World::with_ceiling(Level::Destroy);
        world.floor = toml::from_str("level = \"observe\"").unwrap();
        assert_eq!(world.judge(&order(Level::Observe)), Err(RefusedBy::Floor));
        world.floor = toml::from_str("hours = \"13:00-14:00\"").unwrap();
        assert_eq!(world.judge(&order(Level::Observe)), Err(RefusedBy::Floor));
    }

    #[test]
    fn one_command_more_than_the_most_is_refused() {
        let mut world = World::with_ceiling(Level::Destroy);
        world.floor = toml::from_str("max_running = 2").unwrap();
        world.running = 1;
        assert_eq!(world.judge(&order(Level::Observe)), Ok(()));
        world.running = 2;
        assert_eq!(world.judge(&order(Level::Observe)), Err(RefusedBy::Busy));
    }
}
