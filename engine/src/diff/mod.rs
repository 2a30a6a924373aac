//! What is different between two bundles: in their files and policies, and in their answers.
//!
//! Answers are compared over the cases of both, and over generated requests around everything that is different. What
//! no request shows is not proven to be the same; the number of requests that were tried is part of the answer.

mod answers;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use answers::{AnswerChange, Short};

use crate::Bundle;
use crate::bundle::PolicyInfo;
use crate::cases::Trial;

/// What is different.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    pub files: Vec<FileChange>,
    pub policies: Vec<PolicyChange>,
    /// Answers that change, each kind of change once, what is newly allowed first.
    pub answers: Vec<AnswerChange>,
    /// How many requests were asked of both.
    pub tried: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Removed,
    Changed,
    Added,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileChange {
    pub path: String,
    pub kind: ChangeKind,
}

/// A policy, by its `@id`; one that only moved to another place is the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyChange {
    pub id: String,
    pub kind: ChangeKind,
    pub file: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Diff {
    /// Compares two bundles. `texts` are their files; `most` is how many requests are generated at most.
    pub fn of(
        (before, files_before): (&Bundle, &BTreeMap<String, Vec<u8>>),
        (after, files_after): (&Bundle, &BTreeMap<String, Vec<u8>>),
        trial: &Trial<'_>,
        most: usize,
    ) -> Self {
        let files = changes(files_before, files_after, |one, other| one == other);
        let files = files.into_iter().map(|(path, kind)| FileChange { path: path.to_owned(), kind }).collect();
        let policies = policies(before, after);
        let (answers, tried) = answers::compare(before, after, &policies, trial, most);
        Self { files, policies, answers, tried }
    }

    /// Whether any answer was found that changes.
    pub fn changes_answers(&self) -> bool {
        !self.answers.is_empty()
    }
}

fn policies(before: &Bundle, after: &Bundle) -> Vec<PolicyChange> {
    fn by_id(bundle: &Bundle) -> BTreeMap<String, &PolicyInfo> {
        bundle.policies().map(|info| (info.id.clone(), info)).collect()
    }
    let (old, new) = (by_id(before), by_id(after));
    let found = changes(&old, &new, |one, other| words(&one.source) == words(&other.source));
    let changed = found.into_iter().map(|(id, kind)| {
        let source = |of: &BTreeMap<String, &PolicyInfo>| of.get(id).map(|info| info.source.clone());
        let file = new.get(id).or_else(|| old.get(id)).map(|info| info.file.clone()).unwrap_or_default();
        PolicyChange { id: id.to_owned(), kind, file, before: source(&old), after: source(&new) }
    });
    changed.collect()
}

/// How a text is laid out does not count.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// What is only in one of both, or different in both.
fn changes<'k, T>(
    before: &'k BTreeMap<String, T>,
    after: &'k BTreeMap<String, T>,
    same: impl Fn(&T, &T) -> bool,
) -> Vec<(&'k str, ChangeKind)> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let kind = |name: &String| match (before.get(name), after.get(name)) {
        (Some(_), None) => Some(ChangeKind::Removed),
        (None, Some(_)) => Some(ChangeKind::Added),
        (Some(one), Some(other)) if !same(one, other) => Some(ChangeKind::Changed),
        _ => None,
    };
    names.into_iter().filter_map(|name| Some((name.as_str(), kind(name)?))).collect()
}
