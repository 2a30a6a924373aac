//! What a crate never brings along, read from cargo's own tree of normal dependencies.
//! A crate boundary keeps the probe small and the engine pure; this says when it leaks.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Finding;
use crate::workspace;

struct Rule {
    package: &'static str,
    /// Never, however deep.
    never: &'static [&'static str],
    /// Never by name in the crate's own manifest; some other crate may need it.
    never_direct: &'static [&'static str],
}

const ENGINES: &[&str] = &["cedar-policy", "cedar-policy-core", "rhai", "sqlx", "sqlx-core", "poem", "poem-openapi"];
const PURE: &[&str] = &[
    "cedar-policy",
    "cedar-policy-core",
    "rhai",
    "sqlx",
    "sqlx-core",
    "poem",
    "poem-openapi",
    "tokio",
    "reqwest",
    "hyper",
];

const RULES: &[Rule] = &[
    Rule { package: "legator-probe", never: ENGINES, never_direct: &["reqwest", "regex"] },
    Rule { package: "legator-protocol", never: PURE, never_direct: &["getrandom", "rand", "chrono"] },
    Rule { package: "legator-classify", never: PURE, never_direct: &["getrandom", "rand", "chrono"] },
    Rule {
        package: "legator-engine",
        never: &["sqlx", "sqlx-core", "poem", "poem-openapi", "tokio", "reqwest", "hyper"],
        never_direct: &["getrandom", "rand", "chrono", "async-trait", "futures-util"],
    },
    Rule { package: "legatorctl", never: &["sqlx", "sqlx-core", "poem", "legator-server"], never_direct: &[] },
];

pub fn look(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for rule in RULES {
        findings
            .extend(rule.judge(&cargo_tree(root, rule.package, None)?, &cargo_tree(root, rule.package, Some("1"))?));
    }
    Ok(findings)
}

fn cargo_tree(root: &Path, package: &str, depth: Option<&str>) -> Result<String> {
    let mut command = Command::new(workspace::cargo());
    command
        .current_dir(root)
        .args(["tree", "--locked", "--quiet", "-e", "normal", "--prefix", "none", "-f", "{p}", "-p", package]);
    if let Some(depth) = depth {
        command.args(["--depth", depth]);
    }
    let output = command.output().context("cannot start `cargo tree`")?;
    if !output.status.success() {
        bail!("`cargo tree -p {package}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

impl Rule {
    fn judge(&self, all: &str, direct: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        // The crate names itself first; a tree without it was not this crate's.
        if !names(all).any(|name| name == self.package) {
            findings.push(Finding::of(self.package, "cargo shows no tree for this crate, so nothing was checked"));
        }
        for banned in self.never.iter().filter(|banned| names(all).any(|name| name == **banned)) {
            findings.push(Finding::of(
                self.package,
                format!(
                    "must not bring along `{banned}`; `cargo tree -p {} -i {banned}` says why it does",
                    self.package
                ),
            ));
        }
        for banned in self.never_direct.iter().filter(|banned| names(direct).skip(1).any(|name| name == **banned)) {
            findings.push(Finding::of(self.package, format!("must not name `{banned}` in its manifest")));
        }
        findings
    }
}

/// The names in `cargo tree --prefix none`: the first word of each line.
fn names(tree: &str) -> impl Iterator<Item = &str> {
    tree.lines().filter_map(|line| line.split_whitespace().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { package: "legator-engine", never: &["tokio"], never_direct: &["getrandom"] };

    #[test]
    fn lets_a_clean_tree_pass() {
        let all = "legator-engine v0.1.0 (/src)\nrhai v1.27.0\ngetrandom v0.4.0\ntokio-less v1.0.0";
        assert_eq!(RULE.judge(all, "legator-engine v0.1.0 (/src)\nrhai v1.27.0"), []);
    }

    #[test]
    fn refuses_a_banned_crate_however_deep() {
        assert_eq!(RULE.judge("legator-engine v0.1.0\nrhai v1\ntokio v1.54.1 (*)", "legator-engine v0.1.0").len(), 1);
        assert_eq!(
            RULE.judge("legator-engine v0.1.0\ngetrandom v0.4.0", "legator-engine v0.1.0\ngetrandom v0.4.0").len(),
            1
        );
    }

    #[test]
    fn refuses_an_answer_about_nothing() {
        assert_eq!(RULE.judge("", "").len(), 1);
    }

    #[test]
    fn reads_cargos_own_tree() {
        let root = workspace::root().unwrap();
        let tree = cargo_tree(&root, "legator-server", None).unwrap();
        assert!(names(&tree).any(|name| name == "poem"), "{tree}");
        let banned = Rule { package: "legator-server", never: &["poem"], never_direct: &["poem"] };
        assert_eq!(banned.judge(&tree, &cargo_tree(&root, "legator-server", Some("1")).unwrap()).len(), 2);
    }
}
