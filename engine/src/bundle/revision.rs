//! A bundle's name: the digest of what it decides with.

use std::borrow::Cow;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// SHA-256 (hex) over every file's path and text as it counts, each with its length before it. The order in which files were given,
/// the way their lines end and a byte order mark before them do not count: git and editors change these.
pub(super) fn revision(files: &BTreeMap<&str, Cow<'_, [u8]>>) -> String {
    let mut hash = Sha256::new();
    let mut put = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    put(b"legator bundle v1");
    for (path, bytes) in files {
        put(path.as_bytes());
        put(bytes);
    }
    hex::encode(hash.finalize())
}

/// The bytes as they count: without a UTF-8 byte order mark, and with every CR LF turned into LF.
pub(crate) fn plain(bytes: &[u8]) -> Cow<'_, [u8]> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if !bytes.contains(&b'\r') {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        rest = after.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> String {
        revision(&files.iter().map(|(path, text)| (*path, plain(text.as_bytes()))).collect())
    }

    #[test]
    fn line_endings_and_order_do_not_count() {
        assert_eq!(of(&[("a", "x\r\ny"), ("b", "")]), of(&[("b", ""), ("a", "x\ny")]));
    }

    #[test]
    fn a_byte_order_mark_and_mixed_line_endings_do_not_count() {
        assert_eq!(of(&[("a", "\u{feff}x\r\ny\n\r\n")]), of(&[("a", "x\ny\n\n")]));
        assert_eq!(*plain(b"\r\r\n\r"), *b"\r\n\r", "a carriage return of its own is text");
        assert_ne!(of(&[("a", "x\u{feff}")]), of(&[("a", "x")]), "only at the beginning");
    }

    #[test]
    fn is_the_same_on_every_machine() {
        // Whoever changes how a revision is made changes the name of everything that was ever published.
        let known = "d0657c199a9f21c1a0343edcf4cf323fbbf884d6c4b110830549ef638b560184";
        assert_eq!(of(&[("bundle.toml", ""), ("policies/a.cedar", "permit (principal, action, resource);\n")]), known);
    }

    #[test]
    fn every_byte_and_the_border_between_files_count() {
        assert_ne!(of(&[("a", "x")]), of(&[("a", "y")]));
        assert_ne!(of(&[("a", "x")]), of(&[("b", "x")]));
        assert_ne!(of(&[("a", "xb")]), of(&[("a", "x"), ("b", "")]));
    }
}
