//! Reading a commit's files out of what `git ls-tree` and `git cat-file` print.
//! Never: a link, a submodule, a path that leads out, or more than a bundle may weigh.

use super::super::folder::{ENDINGS, MAX_FILE, MAX_FILES, MAX_TOTAL, PARTS};
use super::super::revision::Files;
use super::place;

/// A file of a commit that belongs to a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub hash: String,
    pub path: String,
    size: usize,
}

/// The entries that belong to a bundle, from `ls-tree -r -z -l`.
pub fn entries(listing: &[u8]) -> Result<Vec<Entry>, String> {
    let mut found = Vec::new();
    let mut total = 0_usize;
    for line in listing.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let Some(entry) = entry(line)? else { continue };
        total = total.saturating_add(entry.size);
        if entry.size as u64 > MAX_FILE || total > MAX_TOTAL || found.len() >= MAX_FILES {
            return Err(format!("`{}` makes it larger than {MAX_TOTAL} bytes or {MAX_FILES} files", entry.path));
        }
        found.push(entry);
    }
    if found.is_empty() {
        return Err("it holds no `policies` and no `scripts`".to_owned());
    }
    Ok(found)
}

/// `<mode> SP <type> SP <object> SP+ <size> TAB <path>`; none for what does not belong to a bundle.
fn entry(line: &[u8]) -> Result<Option<Entry>, String> {
    let unread = || "a line of the listing cannot be read".to_owned();
    let tab = line.iter().position(|byte| *byte == b'\t').ok_or_else(unread)?;
    let (head, path) = (line.get(..tab).unwrap_or_default(), line.get(tab + 1..).unwrap_or_default());
    let shown = || String::from_utf8_lossy(path).chars().flat_map(char::escape_debug).take(200).collect::<String>();
    if !belongs(path) {
        return Ok(None);
    }
    let name = std::str::from_utf8(path).map_err(|_| format!("the path `{}` is not valid UTF-8", shown()))?;
    let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.chars().any(char::is_control);
    if !name.split('/').all(plain) || name.contains('\\') || name.len() > 512 {
        return Err(format!("the path `{}` is not a plain one", shown()));
    }
    let head = std::str::from_utf8(head).map_err(|_| unread())?;
    let mut words = head.split_ascii_whitespace();
    let (mode, kind, hash, size) = (words.next(), words.next(), words.next(), words.next());
    match (mode, kind) {
        (Some("100644" | "100755"), Some("blob")) => {}
        (Some("120000"), _) => return Err(format!("`{}` is a link; a bundle holds plain files only", shown())),
        (Some("160000"), _) => {
            return Err(format!("`{}` is another repository; a bundle holds plain files only", shown()));
        }
        _ => return Err(format!("`{}` is not a plain file", shown())),
    }
    let hidden = name.split('/').any(|part| part.starts_with('.'));
    let wanted = name == "bundle.toml"
        || ENDINGS.iter().any(|ending| name.rsplit_once('.').is_some_and(|(_, end)| end == *ending));
    if hidden || !wanted {
        return Ok(None);
    }
    let hash = hash.filter(|hash| place::is_hash(hash)).ok_or_else(unread)?.to_owned();
    let size = size.and_then(|size| size.parse().ok()).ok_or_else(unread)?;
    Ok(Some(Entry { hash, path: name.to_owned(), size }))
}

fn belongs(path: &[u8]) -> bool {
    let first = path.split(|byte| *byte == b'/').next().unwrap_or_default();
    path == b"bundle.toml" || PARTS.iter().any(|part| part.as_bytes() == first)
}

/// The files, from what `cat-file --batch` prints for `entries`, in their order.
pub fn contents(entries: &[Entry], printed: &[u8]) -> Result<Files, String> {
    let mut rest = printed;
    let mut files = Files::new();
    for entry in entries {
        let unread = || format!("`{}` cannot be read from the mirror", entry.path);
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(unread)?;
        let head = std::str::from_utf8(rest.get(..end).unwrap_or_default()).map_err(|_| unread())?;
        if head != format!("{} blob {}", entry.hash, entry.size) {
            return Err(unread());
        }
        let from = end + 1;
        let bytes = rest.get(from..from + entry.size).ok_or_else(unread)?;
        if files.insert(entry.path.clone(), bytes.to_vec()).is_some() {
            return Err(format!("`{}` is there twice", entry.path));
        }
        rest = rest.get(from + entry.size + 1..).unwrap_or_default();
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789012345678901234567890123456789";

    fn line(mode: &str, kind: &str, path: &str) -> Vec<u8> {
        format!("{mode} {kind} {HASH}       3\t{path}\0").into_bytes()
    }

    #[test]
    fn takes_what_belongs_to_a_bundle() {
        let mut listing = line("100644", "blob", "policies/a.cedar");
        for other in ["README.md", "policies/notes.txt", "policies/.hidden.cedar", "src/main.rhai", ".github/x.toml"] {
            listing.extend(line("100644", "blob", other));
        }
        listing.extend(line("120000", "blob", "docs/link"));
        let found = entries(&listing).unwrap();
        assert_eq!(found.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["policies/a.cedar"]);
        let files = contents(&found, format!("{HASH} blob 3\nabc\n").as_bytes()).unwrap();
        assert_eq!(files["policies/a.cedar"], b"abc");
    }

    #[test]
    fn refuses_links_submodules_and_paths_that_lead_elsewhere() {
        let refused = |listing: Vec<u8>| entries(&listing).unwrap_err();
        assert!(refused(line("120000", "blob", "policies/a.cedar")).contains("is a link"));
        assert!(refused(line("160000", "commit", "policies/sub")).contains("another repository"));
        for path in [
            "policies/../../a.cedar",
            "policies//a.cedar",
            "policies/a\nb.cedar",
            "policies/a\\b.cedar",
            "policies/./a.cedar",
        ] {
            assert!(refused(line("100644", "blob", path)).contains("not a plain one"), "{path:?}");
        }
        let mut bytes = format!("100644 blob {HASH} 3\t").into_bytes();
        bytes.extend(b"policies/\xff.cedar\0");
        assert!(refused(bytes).contains("not valid UTF-8"));
        assert!(refused(Vec::new()).contains("holds no"));
        assert!(refused(b"nonsense\0".to_vec()).contains("cannot be read"));
    }

    #[test]
    fn refuses_what_is_too_large_before_it_is_read() {
        let large = format!("100644 blob {HASH} 99999999\tpolicies/a.cedar\0");
        assert!(entries(large.as_bytes()).unwrap_err().contains("larger than"));
    }

    #[test]
    fn does_not_believe_contents_that_are_not_what_was_listed() {
        let entry = Entry { hash: HASH.to_owned(), path: "policies/a.cedar".to_owned(), size: 3 };
        for printed in
            [format!("{HASH} missing\n"), format!("{HASH} blob 4\nabcd\n"), format!("{HASH} blob 3\nab"), String::new()]
        {
            assert!(contents(std::slice::from_ref(&entry), printed.as_bytes()).is_err(), "{printed}");
        }
    }
}
