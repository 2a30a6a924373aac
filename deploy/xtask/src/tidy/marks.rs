//! Marks that no finished file carries: silenced lints, unsafe code, unfinished corners, conflicts, paths of one machine.

use super::source::{self, Source};
use super::{File, Finding, Tree};

/// Macros that say "not yet".
const UNFINISHED: &[&str] = &["todo!", "unimplemented!"];
/// Words of comments that say the same.
const NOTES: &[&str] = &["FIXME", "TODO", "XXX"];
/// What a merge leaves behind, at the beginning of a line. Seven `=` alone also underline a title, so they do not count.
const CONFLICT: &[&str] = &["<<<<<<< ", ">>>>>>> "];

pub fn look(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = tree.rust().flat_map(|(file, source)| rust(file, source)).collect();
    for file in &tree.files {
        findings.extend(conflicts(file));
        findings.extend(tree.root.as_deref().and_then(|root| machine_path(file, root)));
    }
    findings
}

fn rust(file: &File, source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut refuse = |at: usize, message: String| findings.push(Finding::at(file, source.line(at), message));
    for at in source.words("unsafe") {
        refuse(at, "`unsafe` is forbidden here; find a crate that owns the risk".into());
    }
    for word in UNFINISHED {
        source
            .words(word)
            .into_iter()
            .for_each(|at| refuse(at, format!("`{word}` is a promise to nobody; finish it or leave it out")));
    }
    for at in source.words("allow(").into_iter().filter(|at| in_attribute(&source.code, *at)) {
        refuse(at, "a lint is answered with `#[expect(…, reason = \"…\")]`, never with `allow`".into());
    }
    for at in source
        .words("ignore")
        .into_iter()
        .filter(|at| source.code.get(..*at).is_some_and(|before| before.ends_with("#[")))
    {
        refuse(at, "a test that never runs guards nothing; mend it or remove it".into());
    }
    for comment in &source.comments {
        for note in NOTES.iter().filter(|note| !source::words(&comment.text, note).is_empty()) {
            refuse(comment.at, format!("`{note}`: finish it, or say in a sentence what is absent and why"));
        }
    }
    findings
}

/// Whether the nearest opening before `at` is an attribute's: `#[allow(`, `#![allow(`, `#[cfg_attr(test, allow(`.
fn in_attribute(code: &str, at: usize) -> bool {
    let before = code.get(..at).unwrap_or_default();
    let start = before.rfind("#[").max(before.rfind("#!["));
    start.and_then(|start| before.get(start..)).is_some_and(|inside| !inside.contains(']'))
}

fn conflicts(file: &File) -> Vec<Finding> {
    let marked = file.text.lines().enumerate().filter(|(_, line)| CONFLICT.iter().any(|mark| line.starts_with(mark)));
    marked.map(|(at, _)| Finding::at(file, at + 1, "a merge was not finished here")).collect()
}

/// The checkout's own path says something of one machine and nothing of the product.
fn machine_path(file: &File, root: &str) -> Option<Finding> {
    if root.split('/').count() < 3 {
        return None;
    }
    let line = file.text.lines().position(|line| !source::words(line, root).is_empty())?;
    Some(Finding::at(
        file,
        line + 1,
        "this is a path of the machine that built it; write it relative to the repository",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        look(&Tree::of(&[("engine/src/a.rs", text)])).into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn refuses_unsafe_unfinished_and_silenced_code() {
        for text in [
            "unsafe fn a() {}",
            "fn a() { todo!() }",
            "fn a() { unimplemented!(\"x\") }",
            "#[allow(dead_code)]\nfn a() {}",
            "#![allow(dead_code)]",
            "#[cfg_attr(test, allow(dead_code))]\nfn a() {}",
            "#[test]\n#[ignore = \"slow\"]\nfn a() {}",
        ] {
            assert_eq!(found(text).len(), 1, "{text}");
        }
        assert_eq!(found("\n\n// TODO: more\n"), ["engine/src/a.rs:3"]);
    }

    #[test]
    fn takes_words_for_words() {
        let text = "//! Never unsafe, todo!() or #[allow(x)].\nfn a(allow: bool) { gate.allow(b); rules[0].allow(c); let mktemp = \"XXX TODO unsafe\"; }\n#[expect(dead_code, reason = \"x\")]\nfn not_unsafe() {}";
        assert_eq!(found(text), Vec::<String>::new());
    }

    #[test]
    fn refuses_what_a_merge_left_behind() {
        let text = format!("a\n{} HEAD\nb\n=======\nc\n{} other\n", "<".repeat(7), ">".repeat(7));
        assert_eq!(found(&text), ["engine/src/a.rs:2", "engine/src/a.rs:6"]);
    }

    #[test]
    fn refuses_the_path_of_the_checkout() {
        let mut tree =
            Tree::of(&[("deploy/README.md", "one\nsee /home/ana/legator/deploy\n"), ("a.md", "/home/ana/legators")]);
        tree.root = Some("/home/ana/legator".into());
        let places: Vec<String> = look(&tree).into_iter().map(|finding| finding.place).collect();
        assert_eq!(places, ["deploy/README.md:2"]);
        tree.root = Some("/src".into());
        assert_eq!(look(&tree), []);
    }
}
