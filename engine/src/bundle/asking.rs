//! How people are asked where a policy holds a request, as annotations of that policy:
//! `@reason("required")`, `@approve_within("4h")`, `@escalate_after("30m")`, `@escalate_to("on-call, security")`.
//! Never: changes what a policy decides.

use std::collections::BTreeSet;

/// What a policy says of the asking. Several policies that hold one request add up to the strictest of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asking {
    /// A vote has to say why.
    pub reason: bool,
    /// How long people have to agree.
    pub within_ms: Option<u64>,
    /// After how long without enough votes more people hear of it.
    pub escalate_after_ms: Option<u64>,
    /// The groups that hear of it then, beside everybody who may vote.
    pub escalate_to: BTreeSet<String>,
}

impl Asking {
    /// Takes up one annotation. `Err` says what is wrong with its value.
    pub(crate) fn take(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "reason" if value == "required" => self.reason = true,
            "reason" => return Err(format!("`@reason` is `required` or absent, and not `{value}`")),
            "approve_within" => self.within_ms = Some(span(key, value)?),
            "escalate_after" => self.escalate_after_ms = Some(span(key, value)?),
            "escalate_to" => {
                let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
                self.escalate_to.extend(names.map(str::to_owned));
                if self.escalate_to.is_empty() {
                    return Err("`@escalate_to` names no group".to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The strictest of both.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        let least = |one: Option<u64>, other: Option<u64>| one.into_iter().chain(other).min();
        self.reason |= other.reason;
        self.within_ms = least(self.within_ms, other.within_ms);
        self.escalate_after_ms = least(self.escalate_after_ms, other.escalate_after_ms);
        self.escalate_to.extend(other.escalate_to.iter().cloned());
        self
    }
}

/// `90s`, `30m`, `4h` or `2d`.
fn span(key: &str, text: &str) -> Result<u64, String> {
    let wrong = || format!("`@{key}` is a time such as `30m` or `4h`, and not `{text}`");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).filter(|ms| (1_000..=30 * 86_400_000).contains(ms)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_of_several_counts() {
        let (mut one, mut other) = (Asking::default(), Asking::default());
        one.take("escalate_after", "2h").unwrap();
        one.take("reason", "required").unwrap();
        other.take("escalate_after", "30m").unwrap();
        other.take("escalate_to", "on-call, security").unwrap();
        let both = one.and(&other);
        assert_eq!((both.reason, both.escalate_after_ms, both.within_ms), (true, Some(1_800_000), None));
        assert_eq!(both.escalate_to.len(), 2);
    }

    #[test]
    fn a_value_that_means_nothing_is_refused() {
        for (key, value) in [
            ("reason", "maybe"),
            ("escalate_after", "soon"),
            ("escalate_after", ""),
            ("escalate_after", "0m"),
            ("escalate_after", "99999999999999999999d"),
            ("approve_within", "40d"),
            ("approve_within", "3é"),
            ("escalate_to", " , "),
        ] {
            assert!(Asking::default().take(key, value).is_err(), "{key} {value}");
        }
    }
}
