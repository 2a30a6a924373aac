//! Frames: one message on the wire, `version (2) · sequence (8) · payload · tag (32)`, all numbers big-endian.
//! The tag covers everything before it. A frame is opened once, in order, or the session ends.

use crate::OpenFault;
use crate::seal::MacKey;

/// The most bytes of one frame; larger ones are refused before they are read.
pub const MAX_FRAME: usize = 1024 * 1024;

const HEADER: usize = 2 + 8;
const TAG: usize = 32;

/// Why a frame ends the session. `code` is stable and is what the audit log says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    #[error("a frame of {0} bytes is larger than {MAX_FRAME}")]
    Oversized(usize),
    #[error("a frame of {0} bytes is too short to be one")]
    Truncated(usize),
    #[error("the frame speaks version {0}, the session another")]
    Version(u16),
    #[error("the frame's seal does not match")]
    Forged,
    #[error("frame {got} was already read; {expected} comes next")]
    Replayed { got: u64, expected: u64 },
    #[error("frame {got} came before {expected}")]
    Reordered { got: u64, expected: u64 },
}

impl FrameFault {
    pub const fn code(&self) -> &'static str {
        match self {
            FrameFault::Oversized(_) => "oversized",
            FrameFault::Truncated(_) => "truncated",
            FrameFault::Version(_) => "version",
            FrameFault::Forged => "forged",
            FrameFault::Replayed { .. } => "replayed",
            FrameFault::Reordered { .. } => "reordered",
        }
    }
}

/// Seals what this side sends. One for each direction of each session.
pub struct Sealer {
    key: MacKey,
    version: u16,
    next: u64,
}

impl Sealer {
    pub(crate) fn new(key: MacKey, version: u16) -> Self {
        Self { key, version, next: 0 }
    }

    /// The frame that carries `payload`, numbered next.
    pub fn seal(&mut self, payload: &[u8]) -> Result<Vec<u8>, FrameFault> {
        let size = HEADER + payload.len() + TAG;
        if size > MAX_FRAME {
            return Err(FrameFault::Oversized(size));
        }
        let mut frame = Vec::with_capacity(size);
        frame.extend_from_slice(&self.version.to_be_bytes());
        frame.extend_from_slice(&self.next.to_be_bytes());
        frame.extend_from_slice(payload);
        let tag = self.key.tag(&[&frame]);
        frame.extend_from_slice(&tag);
        self.next += 1;
        Ok(frame)
    }
}

/// Opens what the other side sends, in the order in which it was sealed.
pub struct Opener {
    key: MacKey,
    version: u16,
    next: u64,
}

impl Opener {
    pub(crate) fn new(key: MacKey, version: u16) -> Self {
        Self { key, version, next: 0 }
    }

    /// The payload of `frame`, or why the session has to end.
    pub fn open<'a>(&mut self, frame: &'a [u8]) -> Result<&'a [u8], FrameFault> {
        if frame.len() > MAX_FRAME {
            return Err(FrameFault::Oversized(frame.len()));
        }
        let Some((signed, tag)) = frame.len().checked_sub(TAG).map(|at| frame.split_at(at)) else {
            return Err(FrameFault::Truncated(frame.len()));
        };
        let (Some((version, rest)), true) = (signed.split_first_chunk::<2>(), signed.len() >= HEADER) else {
            return Err(FrameFault::Truncated(frame.len()));
        };
        let Some((sequence, payload)) = rest.split_first_chunk::<8>() else {
            return Err(FrameFault::Truncated(frame.len()));
        };
        // The seal first: nothing in a frame is believed before it verifies.
        self.key.verify(&[signed], tag).map_err(|OpenFault| FrameFault::Forged)?;
        let version = u16::from_be_bytes(*version);
        if version != self.version {
            return Err(FrameFault::Version(version));
        }
        let (got, expected) = (u64::from_be_bytes(*sequence), self.next);
        match got.cmp(&expected) {
            std::cmp::Ordering::Less => Err(FrameFault::Replayed { got, expected }),
            std::cmp::Ordering::Greater => Err(FrameFault::Reordered { got, expected }),
            std::cmp::Ordering::Equal => {
                self.next += 1;
                Ok(payload)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ProbeId, ProbeKey, SessionKeys};

    fn pair() -> (Sealer, Opener) {
        let keys = SessionKeys::derive(&ProbeKey::new([7; 32]), ProbeId::born(1, 1), 1, &[1; 32], &[2; 32]);
        (Sealer::new(keys.to_probe.clone(), 1), Opener::new(keys.to_probe, 1))
    }

    #[test]
    fn opens_in_order_and_only_once() {
        let (mut sealer, mut opener) = pair();
        let first = sealer.seal(b"one").unwrap();
        let second = sealer.seal(b"two").unwrap();
        assert_eq!(opener.open(&second), Err(FrameFault::Reordered { got: 1, expected: 0 }));
        assert_eq!(opener.open(&first), Ok(&b"one"[..]));
        assert_eq!(opener.open(&first), Err(FrameFault::Replayed { got: 0, expected: 1 }));
        assert_eq!(opener.open(&second), Ok(&b"two"[..]));
    }

    #[test]
    fn refuses_the_other_direction() {
        let keys = SessionKeys::derive(&ProbeKey::new([7; 32]), ProbeId::born(1, 1), 1, &[1; 32], &[2; 32]);
        let frame = Sealer::new(keys.to_server, 1).seal(b"echo").unwrap();
        assert_eq!(Opener::new(keys.to_probe, 1).open(&frame), Err(FrameFault::Forged));
    }

    #[test]
    fn refuses_an_oversized_payload_before_sealing_it() {
        let (mut sealer, mut opener) = pair();
        assert!(matches!(sealer.seal(&vec![0; MAX_FRAME]), Err(FrameFault::Oversized(_))));
        let next = sealer.seal(b"still in order").unwrap();
        assert_eq!(opener.open(&next), Ok(&b"still in order"[..]));
    }

    proptest! {
        #[test]
        fn one_changed_bit_is_noticed(payload in proptest::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let (mut sealer, mut opener) = pair();
            let mut frame = sealer.seal(&payload).unwrap();
            let at = at.index(frame.len());
            frame[at] ^= 1 << bit;
            prop_assert_eq!(opener.open(&frame), Err(FrameFault::Forged));
        }

        #[test]
        fn never_panics_on_what_came_from_outside(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let (_, mut opener) = pair();
            prop_assert!(opener.open(&bytes).is_err());
        }
    }
}
