//! Taking an input apart that a test or the fuzzer made, for the targets of every room (`hostile.rs`).
//! Never: in a program that is used.

/// The parts of an input, which end at a zero byte each; the last is all that is left.
pub fn parts<const N: usize>(bytes: &[u8]) -> [&[u8]; N] {
    let mut found = bytes.splitn(N, |byte| *byte == 0);
    std::array::from_fn(|_| found.next().unwrap_or_default())
}

/// The parts of an input that may hold any byte: each but the last has its length in front, in two bytes.
pub fn measured<const N: usize>(bytes: &[u8]) -> [&[u8]; N] {
    let mut rest = bytes;
    std::array::from_fn(|n| {
        if n + 1 == N {
            return std::mem::take(&mut rest);
        }
        let Some((length, after)) = rest.split_first_chunk::<2>() else { return std::mem::take(&mut rest) };
        let (part, after) = after.split_at(usize::from(u16::from_be_bytes(*length)).min(after.len()));
        rest = after;
        part
    })
}

/// The text that somebody sent, as far as it is one.
pub fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_taken_apart_and_nothing_of_them_is_lost() {
        assert_eq!(parts::<3>(b"a\0b\0c\0d"), [&b"a"[..], b"b", b"c\0d"]);
        assert_eq!(parts::<2>(b""), [&b""[..], b""]);
        assert_eq!(measured::<3>(b"\0\x02ab\0\x01cd"), [&b"ab"[..], b"c", b"d"]);
        assert_eq!(measured::<2>(b"\xff\xffab"), [&b"ab"[..], b""]);
    }
}
