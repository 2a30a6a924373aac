//! As much of CBOR (RFC 8949) as authenticators speak: whole numbers, bytes, texts, lists and maps of said length.
//! Never: deeper, longer or more than what an authenticator sends.

const DEEPEST: u8 = 4;
const MOST_ITEMS: u64 = 64;

/// A value, borrowed from what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'b> {
    Number(i64),
    Bytes(&'b [u8]),
    Text(&'b str),
    List(Vec<Item<'b>>),
    Map(Vec<(Item<'b>, Item<'b>)>),
    /// `true`, `false`, `null`.
    Simple(u8),
}

impl<'b> Item<'b> {
    /// The first item, and what comes after it.
    pub fn read(bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        item(bytes, 0)
    }

    /// The value under a text key, where that is there once.
    pub fn named(&self, key: &str) -> Option<&Self> {
        self.under(|known| *known == Item::Text(key))
    }

    /// The value under a number, where that is there once.
    pub fn numbered(&self, key: i64) -> Option<&Self> {
        self.under(|known| *known == Item::Number(key))
    }

    pub const fn bytes(&self) -> Option<&'b [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub const fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn under(&self, fits: impl Fn(&Self) -> bool) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        let mut found = pairs.iter().filter(|(key, _)| fits(key)).map(|(_, value)| value);
        found.next().filter(|_| found.next().is_none())
    }
}

fn item(bytes: &[u8], depth: u8) -> Option<(Item<'_>, &[u8])> {
    if depth > DEEPEST {
        return None;
    }
    let (first, rest) = bytes.split_first()?;
    let (major, small) = (first >> 5, first & 0x1f);
    if major == 7 {
        return (20..=22).contains(&small).then_some((Item::Simple(small), rest));
    }
    let (argument, rest) = argument(small, rest)?;
    match major {
        0 => Some((Item::Number(i64::try_from(argument).ok()?), rest)),
        1 => Some((Item::Number(-1 - i64::try_from(argument).ok()?), rest)),
        2 => split(rest, argument).map(|(bytes, rest)| (Item::Bytes(bytes), rest)),
        3 => {
            let (text, rest) = split(rest, argument)?;
            Some((Item::Text(str::from_utf8(text).ok()?), rest))
        }
        4 | 5 if argument > MOST_ITEMS => None,
        4 => {
            let (mut all, mut rest) = (Vec::new(), rest);
            for _ in 0..argument {
                let (one, after) = item(rest, depth + 1)?;
                all.push(one);
                rest = after;
            }
            Some((Item::List(all), rest))
        }
        5 => {
            let (mut all, mut rest) = (Vec::new(), rest);
            for _ in 0..argument {
                let (key, after) = item(rest, depth + 1)?;
                let (value, after) = item(after, depth + 1)?;
                all.push((key, value));
                rest = after;
            }
            Some((Item::Map(all), rest))
        }
        _ => None,
    }
}

fn argument(small: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    let n_bytes = match small {
        0..=23 => return Some((u64::from(small), rest)),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let (bytes, rest) = rest.split_at_checked(n_bytes)?;
    Some((bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)), rest))
}

fn split(bytes: &[u8], at: u64) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(usize::try_from(at).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// From RFC 8949, appendix A.
    #[test]
    fn reads_the_examples_of_the_standard() {
        let read =
            |hex: &str| Item::read(&hex::decode(hex).unwrap()).map(|(item, rest)| (format!("{item:?}"), rest.len()));
        for (hex, wanted) in [
            ("00", "Number(0)"),
            ("1818", "Number(24)"),
            ("1903e8", "Number(1000)"),
            ("1a000f4240", "Number(1000000)"),
            ("3903e7", "Number(-1000)"),
            ("4401020304", "Bytes([1, 2, 3, 4])"),
            ("6449455446", "Text(\"IETF\")"),
            ("83010203", "List([Number(1), Number(2), Number(3)])"),
            ("a201020304", "Map([(Number(1), Number(2)), (Number(3), Number(4))])"),
            ("f5", "Simple(21)"),
        ] {
            assert_eq!(read(hex), Some((wanted.to_owned(), 0)), "{hex}");
        }
        for bad in [
            "",
            "18",
            "44010203",
            "62ff",
            "62c328",
            "9f01ff",
            "5f",
            "f93c00",
            "c000",
            "3bffffffffffffffff",
            "1bffffffffffffffff",
            "9a00010000",
            "818181818181",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_key_that_is_there_twice_is_not_there() {
        let bytes = hex::decode("a3616101616102616203").unwrap();
        let (map, _) = Item::read(&bytes).unwrap();
        assert_eq!(map.named("a"), None);
        assert_eq!(map.named("b").and_then(Item::number), Some(3));
    }

    proptest! {
        #[test]
        fn nothing_that_somebody_sends_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some((_, rest)) = Item::read(&bytes) {
                prop_assert!(rest.len() < bytes.len());
            }
        }
    }
}
