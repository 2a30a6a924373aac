//! The witness: the newest checkpoints of the server's audit log, kept where the server cannot rewrite them.
//! Whoever doubts the log holds it against these: `legatorctl audit verify --checkpoint FILE`.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::config::Places;
use crate::durable;

const MOST: usize = 100;
const LARGEST: usize = 16 * 1024;

/// Keeps a checkpoint; one of a size that is here already with another head is kept beside it, as the proof that it is.
pub fn keep(places: &Places, note: &str) {
    let Some(name) = name(note) else {
        tracing::warn!("the server sent a checkpoint that does not read as one");
        return;
    };
    let dir = dir(places);
    if let Err(fault) = keep_in(&dir, &name, note) {
        tracing::warn!(%fault, "cannot keep a checkpoint");
    }
}

/// The newest one's file and size.
pub fn newest(places: &Places) -> Option<(PathBuf, u64)> {
    let path = files(&dir(places)).pop()?;
    let size = path.file_name()?.to_str()?.split('-').next()?.parse().ok()?;
    Some((path, size))
}

fn dir(places: &Places) -> PathBuf {
    places.state("checkpoints")
}

fn keep_in(dir: &Path, name: &str, note: &str) -> std::io::Result<()> {
    durable::private_dir(dir)?;
    let path = dir.join(name);
    if !path.exists() {
        let size = name.split('-').next().unwrap_or_default();
        if files(dir)
            .iter()
            .any(|kept| kept.file_name().and_then(|name| name.to_str()).is_some_and(|kept| kept.starts_with(size)))
        {
            tracing::error!(file = %path.display(), "two checkpoints of the same size differ: another log, or one that was rewritten");
        }
        durable::write(&path, note.as_bytes())?;
    }
    let kept = files(dir);
    for old in kept.iter().take(kept.len().saturating_sub(MOST)) {
        fs::remove_file(old)?;
    }
    Ok(())
}

/// `<size>-<head>.note`, so that names sort by size: a checkpoint is its origin, its size, its root, and signatures.
fn name(note: &str) -> Option<String> {
    let (body, _) = note.split_once("\n\n").filter(|_| note.len() <= LARGEST)?;
    let mut lines = body.lines();
    let (_origin, size, _root) = (lines.next()?, lines.next()?.parse::<u64>().ok()?, lines.next()?);
    Some(format!("{size:020}-{}.note", &hex::encode(Sha256::digest(body))[..8]))
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).map(|entries| entries.flatten().map(|entry| entry.path()).collect::<Vec<_>>());
    let mut files = entries.unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "note"));
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(size: u64, root: &str) -> String {
        format!("legator.example.org/log\n{size}\n{root}\n\n— legator.example.org/log c2ln\n")
    }

    #[test]
    fn keeps_the_newest_hundred_and_says_which_is_the_last() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places { config_dir: dir.path().into(), state_dir: dir.path().into() };
        assert_eq!(newest(&places), None);
        for size in 1..=103 {
            keep(&places, &note(size, "cm9vdA=="));
        }
        keep(&places, &note(103, "cm9vdA=="));
        assert_eq!(files(&super::dir(&places)).len(), MOST);
        let (path, size) = newest(&places).unwrap();
        assert_eq!((size, fs::read_to_string(path).unwrap()), (103, note(103, "cm9vdA==")));
    }

    #[test]
    fn another_head_of_the_same_size_does_not_replace_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places { config_dir: dir.path().into(), state_dir: dir.path().into() };
        keep(&places, &note(5, "YQ=="));
        keep(&places, &note(5, "Yg=="));
        assert_eq!(files(&super::dir(&places)).len(), 2);
    }

    #[test]
    fn what_is_no_checkpoint_is_not_kept() {
        let long = note(1, &"x".repeat(LARGEST));
        for text in ["", "a\nb\nc\n\n", "a\n1\n\n", long.as_str()] {
            assert_eq!(name(text), None, "{}", &text[..text.len().min(20)]);
        }
    }
}
