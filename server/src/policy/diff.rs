//! What is different between two revisions: files line by line, and policies by their name.

use std::collections::{BTreeMap, BTreeSet};

use legator_engine::{Bundle, PolicyInfo};
use similar::TextDiff;

use super::revision::Files;
use super::{Policy, PolicyFault};

/// What is different from one revision to another.
pub struct Difference {
    pub files: Vec<FileChange>,
    pub policies: Vec<PolicyChange>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Added,
    Removed,
    Changed,
}

impl Change {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

pub struct FileChange {
    pub path: String,
    pub change: Change,
    /// A unified diff; cut where it is very long.
    pub diff: String,
}

pub struct PolicyChange {
    pub id: String,
    pub change: Change,
    pub before: Option<PolicyInfo>,
    pub after: Option<PolicyInfo>,
}

/// The most of one file's diff that is shown, in bytes.
const LONGEST: usize = 64 * 1024;
/// The most entries of each kind.
const MOST: usize = 1_000;

impl Policy {
    /// What is different from revision `from` to revision `to`. Policies are compared where both load.
    pub async fn diff(&self, from: &str, to: &str) -> Result<Difference, PolicyFault> {
        let (before, after) = (self.files(from).await?, self.files(to).await?);
        let bundles = match (self.load(from).await, self.load(to).await) {
            (Ok(before), Ok(after)) => Some((before, after)),
            _ => None,
        };
        let work = tokio::task::spawn_blocking(move || Difference {
            files: files(&before, &after),
            policies: bundles.map(|(before, after)| policies(&before, &after)).unwrap_or_default(),
        });
        work.await.map_err(|fault| PolicyFault::Invalid(format!("the revisions could not be compared: {fault}")))
    }
}

fn files(before: &Files, after: &Files) -> Vec<FileChange> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let one = |path: &String| {
        let (old, new) = (before.get(path), after.get(path));
        let change = of(old, new)?;
        let text = |bytes: Option<&Vec<u8>>| {
            bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
        };
        let (old, new) = (text(old), text(new));
        let mut diff = TextDiff::from_lines(&old, &new).unified_diff().header(path, path).to_string();
        if diff.len() > LONGEST {
            let end = (0..=LONGEST).rev().find(|at| diff.is_char_boundary(*at)).unwrap_or_default();
            diff.truncate(end);
            diff.push_str("\n… (cut)\n");
        }
        Some(FileChange { path: path.clone(), change, diff })
    };
    paths.into_iter().filter_map(one).take(MOST).collect()
}

fn policies(before: &Bundle, after: &Bundle) -> Vec<PolicyChange> {
    let by_id = |bundle: &Bundle| -> BTreeMap<String, PolicyInfo> {
        bundle.policies().map(|policy| (policy.id.clone(), policy.clone())).collect()
    };
    let (mut before, mut after) = (by_id(before), by_id(after));
    let ids: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
    let one = |id: String| {
        let (old, new) = (before.remove(&id), after.remove(&id));
        let change = of(old.as_ref().map(|old| &old.source), new.as_ref().map(|new| &new.source))?;
        Some(PolicyChange { id, change, before: old, after: new })
    };
    ids.into_iter().filter_map(one).take(MOST).collect()
}

fn of<T: PartialEq>(before: Option<&T>, after: Option<&T>) -> Option<Change> {
    match (before, after) {
        (None, Some(_)) => Some(Change::Added),
        (Some(_), None) => Some(Change::Removed),
        (Some(before), Some(after)) if before != after => Some(Change::Changed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_texts(files: &[(&str, &str)]) -> Files {
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn says_what_was_added_removed_and_changed() {
        let before = of_texts(&[("a", "1\n2\n"), ("b", "x\n"), ("same", "s\n")]);
        let after = of_texts(&[("a", "1\n3\n"), ("c", "y\n"), ("same", "s\n")]);
        let found = files(&before, &after);
        let said: Vec<_> = found.iter().map(|file| (file.path.as_str(), file.change)).collect();
        assert_eq!(said, [("a", Change::Changed), ("b", Change::Removed), ("c", Change::Added)]);
        assert!(found[0].diff.contains("-2\n+3\n"), "{}", found[0].diff);
    }
}
