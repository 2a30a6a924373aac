//! How an alert stands: from what a rule answers now and how it stood before. It counts time, and has no clock.

use serde::{Deserialize, Serialize};

/// How long something has to last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Before it fires.
    pub for_ms: u64,
    /// Before it is over.
    pub resolve_after_ms: u64,
}

/// What a rule said. A rule that failed has said nothing: that neither raises nor ends an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Ok,
    Firing,
    Broken,
}

/// How an alert stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Standing {
    #[default]
    Ok,
    /// It holds, and has not held for long enough.
    Pending { since_ms: u64 },
    /// Somebody is told. With `quiet_since_ms` it does not hold now, and has not been over for long enough.
    Firing { since_ms: u64, quiet_since_ms: Option<u64> },
    /// It is over, and that has yet to be told.
    Resolved { at_ms: u64 },
}

impl Standing {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Pending { .. } => "pending",
            Self::Firing { .. } => "firing",
            Self::Resolved { .. } => "resolved",
        }
    }
}

/// The next standing.
#[must_use]
pub fn advance(timing: Timing, standing: Standing, said: Said, now_ms: u64) -> Standing {
    let lasted = |since: u64, long: u64| now_ms.saturating_sub(since) >= long;
    let begun = |since_ms: u64| match lasted(since_ms, timing.for_ms) {
        true => Standing::Firing { since_ms: now_ms, quiet_since_ms: None },
        false => Standing::Pending { since_ms },
    };
    match (said, standing) {
        (Said::Broken, standing) => standing,
        (Said::Firing, Standing::Ok | Standing::Resolved { .. }) => begun(now_ms),
        (Said::Firing, Standing::Pending { since_ms }) => begun(since_ms),
        (Said::Firing, Standing::Firing { since_ms, .. }) => Standing::Firing { since_ms, quiet_since_ms: None },
        (Said::Ok, Standing::Firing { since_ms, quiet_since_ms }) => {
            let quiet = quiet_since_ms.unwrap_or(now_ms);
            match lasted(quiet, timing.resolve_after_ms) {
                true => Standing::Resolved { at_ms: now_ms },
                false => Standing::Firing { since_ms, quiet_since_ms: Some(quiet) },
            }
        }
        (Said::Ok, _) => Standing::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(timing: Timing, said: &[(u64, Said)]) -> Vec<&'static str> {
        let mut standing = Standing::Ok;
        let step = |(now, said): &(u64, Said)| {
            standing = advance(timing, standing, *said, *now);
            standing.as_str()
        };
        said.iter().map(step).collect()
    }

    #[test]
    fn what_needs_no_time_fires_and_resolves_at_once() {
        let said = [(0, Said::Firing), (1, Said::Firing), (2, Said::Ok), (3, Said::Ok), (4, Said::Firing)];
        assert_eq!(words(Timing::default(), &said), ["firing", "firing", "resolved", "ok", "firing"]);
    }

    #[test]
    fn a_moment_of_peace_starts_the_wait_anew() {
        let timing = Timing { for_ms: 10, resolve_after_ms: 0 };
        let said = [(0, Said::Firing), (9, Said::Firing), (10, Said::Ok), (11, Said::Firing), (21, Said::Firing)];
        assert_eq!(words(timing, &said), ["pending", "pending", "ok", "pending", "firing"]);
    }

    #[test]
    fn what_flaps_while_it_fires_goes_on_firing() {
        let timing = Timing { for_ms: 0, resolve_after_ms: 10 };
        let said =
            [(0, Said::Firing), (1, Said::Ok), (9, Said::Firing), (10, Said::Ok), (19, Said::Ok), (20, Said::Ok)];
        assert_eq!(words(timing, &said), ["firing", "firing", "firing", "firing", "firing", "resolved"]);
    }

    #[test]
    fn a_broken_rule_neither_raises_nor_ends_an_alert() {
        let timing = Timing { for_ms: 10, resolve_after_ms: 0 };
        let said = [(0, Said::Broken), (1, Said::Firing), (5, Said::Broken), (11, Said::Firing), (12, Said::Broken)];
        assert_eq!(words(timing, &said), ["ok", "pending", "pending", "firing", "firing"]);
    }

    #[test]
    fn a_clock_that_goes_back_does_not_fire_early() {
        let timing = Timing { for_ms: 10, resolve_after_ms: 0 };
        assert_eq!(words(timing, &[(100, Said::Firing), (50, Said::Firing)]), ["pending", "pending"]);
    }
}
