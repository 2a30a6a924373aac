//! The visible top level is the customer's list: nothing else stands there.

use super::{Finding, Tree};

const VISIBLE: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "ctl",
    "deploy",
    "engine",
    "examples",
    "policies",
    "probe",
    "scripts",
    "server",
];
const HIDDEN: &[&str] = &[".cargo", ".ci", ".clippy.toml", ".config", ".github", ".gitignore", ".rustfmt.toml"];
/// What an editor or a person keeps there for themselves, outside version control.
const PRIVATE: &[&str] = &[".DS_Store", ".direnv", ".env", ".envrc", ".idea", ".vscode"];

pub fn look(tree: &Tree) -> Vec<Finding> {
    let strangers =
        tree.top.iter().filter(|name| ![VISIBLE, HIDDEN, PRIVATE].iter().any(|list| list.contains(&name.as_str())));
    let mut findings: Vec<Finding> = strangers
        .map(|name| Finding::of(name, "does not belong at the top level; tools live in `deploy`, the web UI in `server/ui`, settings in dotfiles"))
        .collect();
    // A tree that a test made up has no root and need not be whole.
    if tree.root.is_some() {
        let missing = VISIBLE.iter().filter(|name| !tree.top.iter().any(|there| there == *name));
        findings.extend(missing.map(|name| Finding::of(name, "is missing from the top level").warning()));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_the_customers_list_stand() {
        let mut tree =
            Tree { top: VISIBLE.iter().chain(HIDDEN).map(|name| (*name).into()).collect(), ..Tree::default() };
        tree.root = Some("/home/ana/legator".into());
        assert_eq!(look(&tree), []);
    }

    #[test]
    fn refuses_a_stranger_and_misses_what_is_not_there() {
        assert_eq!(look(&Tree::of(&[("tools/run.sh", ""), ("engine/src/lib.rs", "")])).len(), 1);
        assert_eq!(look(&Tree::of(&[(".travis.yml", "")])).len(), 1);
        let tree = Tree { root: Some("/home/ana/legator".into()), ..Tree::default() };
        assert!(look(&tree).iter().all(|finding| finding.warning));
        assert_eq!(look(&tree).len(), VISIBLE.len());
    }
}
