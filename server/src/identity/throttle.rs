//! How often somebody may try: counted by name and by address, in bounded memory.
//! Never: tells a right guess from a wrong one while it refuses; grows with the number of guesses.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use parking_lot::Mutex;

/// Wrong tries that cost nothing but themselves.
const FREE_BY_NAME: u32 = 5;
/// Many people can share one address.
const FREE_BY_ADDRESS: u32 = 20;
const FIRST_WAIT_MS: i64 = 1_000;
/// Short enough that nobody is kept out for long by somebody else's guesses.
const LONGEST_BY_NAME_MS: i64 = 5 * 60_000;
const LONGEST_BY_ADDRESS_MS: i64 = 15 * 60_000;
/// After this long without a wrong try all is forgotten.
const FORGOTTEN_MS: i64 = 60 * 60_000;
/// Names and addresses that are kept in mind, each.
const KEPT: usize = 10_000;

/// Counts tries.
#[derive(Default)]
pub(super) struct Throttle(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    names: HashMap<String, Tries>,
    addresses: HashMap<IpAddr, Tries>,
}

#[derive(Clone, Copy, Default)]
struct Tries {
    wrong: u32,
    last_ms: i64,
    until_ms: i64,
    /// Whether somebody has been told of the wait that is on.
    told: bool,
}

impl Tries {
    fn wait(&mut self, now: i64) -> Option<Wait> {
        let left = u64::try_from(self.until_ms - now).ok().filter(|left| *left > 0)?;
        Some(Wait { seconds: left.div_ceil(1000), begins: !std::mem::replace(&mut self.told, true) })
    }
}

/// Entries about strangers in this minute. Anybody can knock; nobody may fill the log with it.
#[derive(Default)]
pub struct Trickle(Mutex<(i64, u32)>);

impl Trickle {
    const A_MINUTE: u32 = 30;

    pub fn lets_through(&self, now_ms: i64) -> bool {
        let mut seen = self.0.lock();
        let minute = now_ms.div_euclid(60_000);
        if seen.0 != minute {
            *seen = (minute, 0);
        }
        seen.1 += 1;
        seen.1 <= Self::A_MINUTE
    }
}

/// Come again in this many seconds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub seconds: u64,
    /// Whether it is the first refusal since the last try that was let through.
    pub begins: bool,
}

impl Throttle {
    /// Counts a try before it is made, so that a thousand at once are a thousand. Without a name only the address counts.
    pub fn charge(&self, name: &str, address: IpAddr, now: i64) -> Result<(), Wait> {
        let mut counts = self.0.lock();
        let address = network(address);
        let named = counts.names.get_mut(name).and_then(|tries| tries.wait(now));
        let placed = counts.addresses.get_mut(&address).and_then(|tries| tries.wait(now));
        if let Some(wait) = named.into_iter().chain(placed).max_by_key(|wait| wait.seconds) {
            return Err(wait);
        }
        if !name.is_empty() {
            count(&mut counts.names, name.to_owned(), now, FREE_BY_NAME, LONGEST_BY_NAME_MS);
        }
        count(&mut counts.addresses, address, now, FREE_BY_ADDRESS, LONGEST_BY_ADDRESS_MS);
        Ok(())
    }

    /// The try was right: the name starts anew, and the address has one try back.
    pub fn forgive(&self, name: &str, address: IpAddr) {
        let mut counts = self.0.lock();
        counts.names.remove(name);
        give_back(&mut counts.addresses, &network(address));
    }

    /// The try was neither right nor wrong.
    pub fn give_back(&self, name: &str, address: IpAddr) {
        let mut counts = self.0.lock();
        give_back(&mut counts.names, name);
        give_back(&mut counts.addresses, &network(address));
    }

    #[cfg(test)]
    fn kept(&self) -> (usize, usize) {
        let counts = self.0.lock();
        (counts.names.len(), counts.addresses.len())
    }
}

fn count<K: std::hash::Hash + Eq + Clone>(all: &mut HashMap<K, Tries>, key: K, now: i64, free: u32, longest: i64) {
    if !all.contains_key(&key) && all.len() >= KEPT {
        make_room(all, now);
    }
    let tries = all.entry(key).or_default();
    if tries.last_ms.max(tries.until_ms) + FORGOTTEN_MS <= now {
        tries.wrong = 0;
    }
    tries.wrong = tries.wrong.saturating_add(1);
    (tries.last_ms, tries.told) = (now, false);
    if tries.wrong >= free {
        let doublings = (tries.wrong - free).min(20);
        tries.until_ms = now + (FIRST_WAIT_MS << doublings).min(longest);
    }
}

/// Forgets what is old, or the quarter with the fewest wrong tries: seldom, so that a crowd is not dear.
fn make_room<K: std::hash::Hash + Eq>(all: &mut HashMap<K, Tries>, now: i64) {
    all.retain(|_, tries| tries.until_ms.max(tries.last_ms) + FORGOTTEN_MS > now);
    if all.len() < KEPT {
        return;
    }
    let mut ranks: Vec<(u32, i64)> = all.values().map(|tries| (tries.wrong, tries.last_ms)).collect();
    let (_, &mut least, _) = ranks.select_nth_unstable(KEPT / 4);
    let mut left = KEPT / 4;
    all.retain(|_, tries| {
        let goes = left > 0 && (tries.wrong, tries.last_ms) <= least;
        left -= usize::from(goes);
        !goes
    });
}

fn give_back<K, Q>(all: &mut HashMap<K, Tries>, key: &Q)
where
    K: std::hash::Hash + Eq + std::borrow::Borrow<Q>,
    Q: std::hash::Hash + Eq + ?Sized,
{
    if let Some(tries) = all.get_mut(key) {
        tries.wrong = tries.wrong.saturating_sub(1);
        tries.until_ms = 0;
        if tries.wrong == 0 {
            all.remove(key);
        }
    }
}

/// One customer's network: an IPv6 customer has at least a /64 to choose addresses from.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn other(n: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).into()
    }

    #[test]
    fn ten_thousand_wrong_passwords_are_a_handful_of_tries() {
        let throttle = Throttle::default();
        let let_through = (0..10_000).filter(|_| throttle.charge("ana", HERE, 1_000).is_ok()).count();
        assert_eq!(let_through, FREE_BY_NAME as usize);
        assert_eq!(throttle.kept(), (1, 1));
    }

    #[test]
    fn from_ten_thousand_addresses_it_is_still_one_name() {
        let throttle = Throttle::default();
        let let_through = (0..10_000).filter(|n| throttle.charge("ana", other(*n), 1_000).is_ok()).count();
        assert_eq!(let_through, FREE_BY_NAME as usize);
    }

    #[test]
    fn one_address_cannot_try_one_password_on_everybody() {
        let throttle = Throttle::default();
        let let_through = (0..10_000).filter(|n| throttle.charge(&format!("p{n}"), HERE, 1_000).is_ok()).count();
        assert_eq!(let_through, FREE_BY_ADDRESS as usize);
        let six = |n: u64| IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(n)));
        let throttle = Throttle::default();
        let let_through = (0..1_000).filter(|n| throttle.charge(&format!("p{n}"), six(*n), 1_000).is_ok()).count();
        assert_eq!(let_through, FREE_BY_ADDRESS as usize, "a /64 is one customer");
    }

    #[test]
    fn what_is_kept_in_mind_is_bounded() {
        let throttle = Throttle::default();
        for n in 0..25_000 {
            let _ = throttle.charge(&format!("p{n}"), other(n), 1_000);
        }
        let (names, addresses) = throttle.kept();
        assert!((KEPT / 2..=KEPT).contains(&names) && (KEPT / 2..=KEPT).contains(&addresses), "{names} {addresses}");
        // Who is being guessed at is not forgotten for a crowd of others.
        let throttle = Throttle::default();
        for n in 0..5 {
            throttle.charge("ana", other(n), 1_000).unwrap();
        }
        for n in 5..25_000 {
            let _ = throttle.charge(&format!("p{n}"), other(n), 1_000);
        }
        assert!(throttle.charge("ana", other(30_000), 1_500).is_err());
    }

    #[test]
    fn the_waits_grow_to_a_bound_and_end() {
        let throttle = Throttle::default();
        let mut now = 1_000;
        let mut longest = 0;
        for _ in 0..40 {
            match throttle.charge("ana", HERE, now) {
                Ok(()) => {}
                Err(wait) => {
                    longest = longest.max(wait.seconds);
                    now += i64::try_from(wait.seconds).unwrap() * 1000;
                }
            }
        }
        assert!((60..=900).contains(&longest), "{longest}");
        assert!(throttle.charge("ana", HERE, now + FORGOTTEN_MS * 2).is_ok());
    }

    #[test]
    fn a_right_try_starts_anew() {
        let throttle = Throttle::default();
        for _ in 0..100 {
            throttle.charge("ana", HERE, 1_000).unwrap();
            throttle.forgive("ana", HERE);
        }
        for _ in 0..100 {
            throttle.charge("ana", HERE, 1_000).unwrap();
            throttle.give_back("ana", HERE);
        }
        assert_eq!(throttle.kept(), (0, 0));
    }

    #[test]
    fn only_the_first_refusal_of_a_wait_says_that_it_begins() {
        let throttle = Throttle::default();
        for _ in 0..5 {
            throttle.charge("ana", HERE, 1_000).unwrap();
        }
        let begins: Vec<bool> = (0..3).map(|_| throttle.charge("ana", HERE, 1_000).unwrap_err().begins).collect();
        assert_eq!(begins, [true, false, false]);
    }
}
