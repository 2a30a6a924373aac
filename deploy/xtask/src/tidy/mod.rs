//! Guards: the house rules as code. `cargo xtask tidy` shows what they say, and a test holds the tree to it.
//! Each guard is a function from the tree to its findings, and each has a tree in its tests that it refuses.

mod dependencies;
mod layers;
mod marks;
mod owners;
mod promises;
mod shape;
mod source;
mod sql;
mod tests_kept;
mod top;
mod tree;

use std::fmt;
use std::path::Path;

use anyhow::Result;

use self::source::Source;
use self::tree::{File, Tree};

type Guard = fn(&Tree) -> Vec<Finding>;

/// Every guard over the files, by the name that its findings carry.
const GUARDS: &[(&str, Guard)] = &[
    ("top", top::look),
    ("layers", layers::look),
    ("owners", owners::look),
    ("sql", sql::look),
    ("shape", shape::look),
    ("marks", marks::look),
    ("tests", tests_kept::look),
    ("promises", promises::look),
];

/// Something that a guard found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub place: String,
    pub message: String,
    /// A warning is shown and does not fail.
    pub warning: bool,
}

impl Finding {
    fn at(file: &File, line: usize, message: impl Into<String>) -> Self {
        Self { place: format!("{}:{line}", file.path), message: message.into(), warning: false }
    }

    fn of(place: &str, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), warning: false }
    }

    fn warning(self) -> Self {
        Self { warning: true, ..self }
    }
}

/// What all guards found.
pub struct Report {
    pub findings: Vec<(&'static str, Finding)>,
    pub n_files: usize,
}

impl Report {
    pub fn n_refused(&self) -> usize {
        self.findings.iter().filter(|(_, finding)| !finding.warning).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (guard, Finding { place, message, warning }) in &self.findings {
            let word = if *warning { "warning" } else { "refused" };
            writeln!(f, "{word} {place}: {message} [{guard}]")?;
        }
        let (refused, all) = (self.n_refused(), self.findings.len());
        write!(f, "{} files read, {refused} findings refused, {} warnings", self.n_files, all - refused)
    }
}

/// Runs every guard over the tree at `root`; the guard over dependencies asks cargo.
pub fn look(root: &Path) -> Result<Report> {
    let tree = Tree::read(root)?;
    let mut findings = look_at(&tree);
    findings.extend(dependencies::look(root)?.into_iter().map(|finding| ("dependencies", finding)));
    Ok(Report { findings, n_files: tree.files.len() })
}

fn look_at(tree: &Tree) -> Vec<(&'static str, Finding)> {
    GUARDS.iter().flat_map(|(name, guard)| guard(tree).into_iter().map(move |finding| (*name, finding))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_keeps_the_house_rules() {
        let report = look(&crate::workspace::root().unwrap()).unwrap();
        assert!(report.n_files > 20, "the guards read only {} files: is this the tree?", report.n_files);
        assert_eq!(report.n_refused(), 0, "\n{report}");
    }

    #[test]
    fn shows_each_finding_with_its_place_and_guard() {
        let tree = Tree::of(&[("probe/src/main.rs", "//! x\nunsafe fn a() {}\n")]);
        let report = Report { findings: look_at(&tree), n_files: 1 };
        assert_eq!(report.n_refused(), 1, "{report}");
        assert!(report.to_string().contains("refused probe/src/main.rs:2: "), "{report}");
    }

    #[test]
    fn a_warning_does_not_fail() {
        let findings = vec![("shape", Finding::of("a", "b").warning())];
        assert_eq!(Report { findings, n_files: 1 }.n_refused(), 0);
    }
}
