//! The threat model says which test holds each promise: every test and every file that it names has to be there.

use std::collections::BTreeSet;

use super::{Finding, Tree, source};

const DOCUMENT: &str = "deploy/handbook/threat-model.md";

pub fn look(tree: &Tree) -> Vec<Finding> {
    let Some(document) = tree.file(DOCUMENT) else { return Vec::new() };
    let tests = tests(tree);
    let mut findings = Vec::new();
    for (n, line) in document.text.lines().enumerate() {
        for named in quoted(line) {
            if is_test(named) && !tests.contains(named) {
                findings.push(Finding::at(document, n + 1, format!("there is no test `{named}`")));
            }
            let file = format!("/{named}");
            if named.ends_with(".rs") && !tree.files.iter().any(|known| known.path.ends_with(&file)) {
                findings.push(Finding::at(document, n + 1, format!("there is no file `{named}`")));
            }
        }
    }
    findings
}

/// Every function that only tests have.
fn tests(tree: &Tree) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (file, source) in tree.rust() {
        for at in source.words("fn") {
            if file.tests_only() || source.tested(at) {
                let name = source::ident_at(&source.code, source::skip_space(&source.code, at + "fn".len()));
                found.insert(name.to_owned());
            }
        }
    }
    found
}

/// What stands between backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Tests are sentences: several words, all small.
fn is_test(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    word.matches('_').count() >= 3 && word.chars().all(plain) && !word.contains("__") && !word.starts_with("legator_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: (&str, &str) = ("server/tests/it/a.rs", "//! x\n#[test]\nfn holds_a_wipe_until_two() {}\n");

    fn found(text: &str) -> Vec<String> {
        let tree = Tree::of(&[(DOCUMENT, text), TEST, ("server/src/b.rs", "//! x\nfn is_no_test_at_all() {}\n")]);
        look(&tree).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn lets_a_promise_pass_whose_test_is_there() {
        assert_eq!(found("Two people (`holds_a_wipe_until_two`, `a.rs`), and `server.key`, `--flag`, `a_b`."), [""; 0]);
    }

    #[test]
    fn refuses_a_promise_whose_test_is_gone_or_was_never_one() {
        assert_eq!(found("x\n(`holds_a_wipe_until_three`)"), ["there is no test `holds_a_wipe_until_three`"]);
        assert_eq!(found("`is_no_test_at_all`"), ["there is no test `is_no_test_at_all`"]);
        assert_eq!(found("`nothing.rs`"), ["there is no file `nothing.rs`"]);
    }
}
