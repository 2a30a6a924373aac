//! Typed ids: a prefix that says the kind, and a ULID that sorts by time of birth (`cmd_01J9Z6…`).
//! Never: makes an id. The server's `clock.rs` does; here they are parsed and printed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

/// A text that is not an id of the kind that was asked for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind} id; it reads `{kind}_` and 26 characters of Crockford base 32")]
pub struct IdFault {
    text: String,
    kind: &'static str,
}

fn parse(text: &str, kind: &'static str) -> Result<u128, IdFault> {
    let fault = || IdFault { text: text.chars().take(64).collect(), kind };
    let tail = text.strip_prefix(kind).and_then(|rest| rest.strip_prefix('_')).ok_or_else(fault)?;
    let ulid = Ulid::from_string(tail).map_err(|_| fault())?;
    // INVARIANT: one id has one spelling, so that text can be compared and hashed.
    if ulid.to_string() != tail {
        return Err(fault());
    }
    Ok(u128::from_be_bytes(ulid.to_bytes()))
}

macro_rules! typed_id {
    ($($(#[$doc:meta])* $name:ident => $kind:literal,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// The word before the underscore.
            pub const KIND: &'static str = $kind;

            /// An id born at `at_ms` (UTC) with `chance` (its low 80 bits count).
            pub const fn born(at_ms: u64, chance: u128) -> Self {
                Self(u128::from_be_bytes(Ulid::from_parts(at_ms, chance).to_bytes()))
            }

            /// When it was born, in UTC milliseconds.
            pub const fn born_at_ms(self) -> u64 {
                (self.0 >> 80) as u64
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut buffer = [0; ulid::ULID_LEN];
                write!(f, concat!($kind, "_{}"), Ulid::from_bytes(self.0.to_be_bytes()).array_to_str(&mut buffer))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdFault;

            fn from_str(text: &str) -> Result<Self, IdFault> {
                parse(text, $kind).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

typed_id! {
    /// A probe: one enrolled host.
    ProbeId => "prb",
    /// A command: one proposal to one probe.
    CommandId => "cmd",
    /// An approval that people are asked for.
    ApprovalId => "apr",
    /// An enrollment token.
    TokenId => "tok",
    /// An API key.
    KeyId => "key",
    /// A person.
    UserId => "usr",
    /// A session of a person who signed in.
    SessionId => "ses",
    /// A run of a job.
    RunId => "run",
    /// A replay of recorded decisions.
    ReplayId => "rpl",
    /// Something that people agree to ahead.
    GrantId => "grt",
    /// A key that votes are signed with.
    VoteKeyId => "vkey",
    /// Votes that are handed on for a while.
    DelegationId => "dlg",
    /// A comment on a request.
    CommentId => "cmt",
    /// An operation that was asked of the API.
    OperationId => "opn",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints() {
        let id = CommandId::born(1_700_000_000_000, 42);
        assert_eq!(id.to_string().parse::<CommandId>(), Ok(id));
        assert_eq!(id.born_at_ms(), 1_700_000_000_000);
    }

    #[test]
    fn refuses_another_kind_another_case_and_overflow() {
        let text = CommandId::born(1_700_000_000_000, 2).to_string();
        assert!(text.parse::<ProbeId>().is_err());
        assert!(text.to_lowercase().parse::<CommandId>().is_err());
        assert!("cmd_ZZZZZZZZZZZZZZZZZZZZZZZZZZ".parse::<CommandId>().is_err());
        assert!("cmd_".parse::<CommandId>().is_err());
        assert!("".parse::<CommandId>().is_err());
    }

    #[test]
    fn sorts_by_birth() {
        assert!(CommandId::born(1, u128::MAX) < CommandId::born(2, 0));
        assert!(CommandId::born(1, u128::MAX).to_string() < CommandId::born(2, 0).to_string());
    }
}
