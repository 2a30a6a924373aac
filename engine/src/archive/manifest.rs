//! `MANIFEST`: which files an archive holds, as text that a key can sign.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{MANIFEST, REBUILD, digest_of};
use crate::bundle::{ENGINE, Fault};
use crate::tlog::split;

const FIRST: &str = "legator bundle v1";

/// What an archive says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub name: String,
    pub revision: String,
    /// The engine that built it.
    pub engine: String,
    /// Path and SHA-256 (hex).
    pub files: BTreeMap<String, String>,
    /// Whether a signature follows; whose it is, and whether it fits, a verifier says.
    pub signed: bool,
}

pub(super) fn write(name: &str, revision: &str, files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut text = format!("{FIRST}\nname {name}\nrevision {revision}\nengine {ENGINE}\n");
    for (path, bytes) in files {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{} {path}", digest_of(bytes));
    }
    text
}

pub(super) fn read(note: &str) -> Result<Manifest, Fault> {
    let signed = note.contains("\n\n");
    let wrong = |line: usize, message: &str| {
        let width = note.lines().nth(line).map_or(1, |text| text.chars().count());
        let (line, width) = (u32::try_from(line).unwrap_or_default() + 1, u32::try_from(width).unwrap_or(1));
        Fault::on_line(MANIFEST, note, line, 1, width, message).code("archive-manifest").help(REBUILD)
    };
    let text = match signed {
        true => split(note).map_err(|fault| wrong(0, &fault.to_string()))?.0,
        false => note,
    };
    let mut lines = text.lines().enumerate();
    let mut value = |key: &str| match lines.next() {
        Some((n, line)) => line.strip_prefix(key).ok_or_else(|| wrong(n, &format!("this line reads `{key}…`"))),
        None => Err(wrong(0, &format!("a line `{key}…` is missing"))),
    };
    if !value(FIRST)?.is_empty() {
        return Err(wrong(0, &format!("this engine reads `{FIRST}`")));
    }
    let (name, revision) = (value("name ")?.to_owned(), value("revision ")?.to_owned());
    let engine = value("engine ")?.to_owned();
    let mut files = BTreeMap::new();
    for (n, line) in lines {
        let (digest, path) = line.split_once(' ').ok_or_else(|| wrong(n, "this line reads `DIGEST PATH`"))?;
        if files.insert(path.to_owned(), digest.to_owned()).is_some() {
            return Err(wrong(n, "the manifest names this file twice"));
        }
    }
    Ok(Manifest { name, revision, engine, files, signed })
}
