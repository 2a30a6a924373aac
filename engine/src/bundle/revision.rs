//! A bundle's name: the digest of what it decides with.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// SHA-256 (hex) over every file's path and text, each with its length before it. The order in which files were given
/// and the way their lines end do not count.
pub(crate) fn revision(files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut hash = Sha256::new();
    let mut put = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    put(b"legator bundle v1");
    for (path, bytes) in files {
        put(path.as_bytes());
        put(&unix_lines(bytes));
    }
    hex::encode(hash.finalize())
}

/// The bytes with every CR LF turned into LF.
pub(crate) fn unix_lines(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().peekable();
    while let Some(&byte) = rest.next() {
        if byte != b'\r' || rest.peek() != Some(&&b'\n') {
            out.push(byte);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> String {
        revision(&files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
    }

    #[test]
    fn line_endings_and_order_do_not_count() {
        assert_eq!(of(&[("a", "x\r\ny"), ("b", "")]), of(&[("b", ""), ("a", "x\ny")]));
    }

    #[test]
    fn every_byte_and_the_border_between_files_count() {
        assert_ne!(of(&[("a", "x")]), of(&[("a", "y")]));
        assert_ne!(of(&[("a", "x")]), of(&[("b", "x")]));
        assert_ne!(of(&[("a", "xb")]), of(&[("a", "x"), ("b", "")]));
    }
}
