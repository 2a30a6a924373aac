//! How files look: their length, their names, their first lines, their lints.

use super::{File, Finding, Tree, source};

/// Above the first a file is asked whether it is still one idea; above the second it is refused.
const LONG: usize = 400;
const TOO_LONG: usize = 600;
const MEASURED: &[&str] = &["cedar", "css", "rhai", "rs", "ts", "tsx"];

/// Names under which ideas get lost.
const LOST: &[&str] =
    &["base", "common", "core", "helper", "helpers", "manager", "managers", "misc", "types", "util", "utils"];
/// Where people name files; a table of commands may well be called after a program.
const NAMED: &[&str] = &["ctl/", "deploy/", "engine/", "probe/", "server/"];

pub fn look(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        tree.files.iter().flat_map(|file| length(file).into_iter().chain(name(file))).collect();
    for (file, source) in tree.rust() {
        for at in source.words("mod") {
            let name = source::ident_at(&source.code, source::skip_space(&source.code, at + "mod".len()));
            if LOST.contains(&name) {
                findings.push(Finding::at(file, source.line(at), lost(name)));
            }
        }
        if file.path.ends_with("src/lib.rs") {
            findings.extend(headers(tree, file));
        }
    }
    findings.extend(tree.files.iter().filter_map(lints));
    findings
}

fn length(file: &File) -> Option<Finding> {
    let kind = file.path.rsplit('.').next().unwrap_or_default();
    let generated = file.path.contains("/generated/")
        || file.path.starts_with("server/ui/src/api/")
        || file.path.ends_with(".d.ts");
    let n_lines = file.text.lines().count();
    if !MEASURED.contains(&kind) || generated || n_lines <= LONG {
        return None;
    }
    Some(if n_lines > TOO_LONG {
        Finding::of(&file.path, format!("{n_lines} lines; a file has at most {TOO_LONG}: one file, one idea"))
    } else {
        Finding::of(&file.path, format!("{n_lines} lines; above {LONG}, is it still one idea?")).warning()
    })
}

fn lost(name: &str) -> String {
    format!("`{name}` says nothing of what is inside; name it after its idea (see the glossary)")
}

fn name(file: &File) -> Option<Finding> {
    if !NAMED.iter().any(|folder| file.path.starts_with(folder))
        || !matches!(file.path.rsplit('.').next(), Some("rs" | "ts" | "tsx"))
    {
        return None;
    }
    let part =
        file.path.split('/').map(|part| part.split('.').next().unwrap_or(part)).find(|part| LOST.contains(part))?;
    Some(Finding::of(&file.path, lost(part)))
}

/// Every public module of a crate's table of contents opens with what it is for.
fn headers(tree: &Tree, lib: &File) -> Vec<Finding> {
    let Some(source) = &lib.rust else { return Vec::new() };
    let folder = lib.path.trim_end_matches("lib.rs");
    let mut findings = Vec::new();
    for at in source.words("mod") {
        let name = source::ident_at(&source.code, source::skip_space(&source.code, at + "mod".len()));
        let public = source.code.get(..at).is_some_and(|before| before.trim_end().ends_with("pub"));
        let ends = source.code.get(at..).and_then(|rest| rest.find([';', '{']).and_then(|end| rest.get(end..=end)));
        if !public || name.is_empty() || ends != Some(";") {
            continue;
        }
        let room = tree.file(&format!("{folder}{name}.rs")).or_else(|| tree.file(&format!("{folder}{name}/mod.rs")));
        let Some(room) = room else { continue };
        let first = room.text.trim_start();
        if !first.starts_with("//!") && !first.starts_with("#![doc = include_str!") {
            findings.push(Finding::at(
                room,
                1,
                "begin with a `//!` line that says what this is for and what it never does",
            ));
        }
    }
    findings
}

/// Every crate takes the workspace's lints.
fn lints(file: &File) -> Option<Finding> {
    if !file.path.ends_with("Cargo.toml") || !file.text.lines().any(|line| line.trim() == "[package]") {
        return None;
    }
    let mut after = file
        .text
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[lints]")
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    let taken = after.any(|line| line.split_whitespace().collect::<String>() == "workspace=true");
    (!taken)
        .then(|| Finding::of(&file.path, "add `[lints]` with `workspace = true`: the house's taste is in its lints"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<Finding> {
        look(&Tree::of(files))
    }

    #[test]
    fn asks_above_four_hundred_lines_and_refuses_above_six_hundred() {
        let text = |n: usize| "x\n".repeat(n);
        assert_eq!(found(&[("engine/src/a.rs", &text(400))]), []);
        assert!(found(&[("engine/src/a.rs", &text(401))])[0].warning);
        assert!(found(&[("engine/src/a.rs", &text(600))])[0].warning);
        assert!(!found(&[("engine/src/a.rs", &text(601))])[0].warning);
        assert_eq!(
            found(&[
                ("policies/commands/files.cases.toml", &text(900)),
                ("engine/classify/benches/corpus.txt", &text(900))
            ]),
            []
        );
        assert_eq!(found(&[("server/ui/src/api/schema.ts", &text(900))]), []);
    }

    #[test]
    fn refuses_names_that_say_nothing() {
        assert_eq!(found(&[("server/src/hub/util.rs", "")]).len(), 1);
        assert_eq!(found(&[("server/ui/src/helpers/date.ts", "")]).len(), 1);
        assert_eq!(found(&[("engine/src/a.rs", "mod common {\n}")]).len(), 1);
        assert_eq!(found(&[("engine/src/coreutils.rs", "mod typed {}"), ("policies/commands/core.toml", "")]), []);
    }

    #[test]
    fn wants_a_header_on_every_public_module() {
        let lib = ("server/src/lib.rs", "pub mod audit;\npub mod hub;\nmod inner;\npub mod here { }");
        let good = [
            lib,
            ("server/src/audit/mod.rs", "//! Writes.\n"),
            ("server/src/hub.rs", "\n//! Sockets.\n"),
            ("server/src/inner.rs", ""),
        ];
        assert_eq!(found(&good), []);
        let bad = [lib, ("server/src/audit/mod.rs", "use a::b;\n"), ("server/src/hub.rs", "// Sockets.\n")];
        let places: Vec<String> = found(&bad).into_iter().map(|finding| finding.place).collect();
        assert_eq!(places, ["server/src/audit/mod.rs:1", "server/src/hub.rs:1"]);
    }

    #[test]
    fn wants_the_workspaces_lints_in_every_crate() {
        assert_eq!(found(&[("probe/Cargo.toml", "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n")]), []);
        assert_eq!(found(&[("Cargo.toml", "[workspace]\n")]), []);
        assert_eq!(found(&[("probe/Cargo.toml", "[package]\nname = \"a\"\n")]).len(), 1);
        assert_eq!(found(&[("probe/Cargo.toml", "[package]\n[lints]\n[dependencies]\nworkspace = true\n")]).len(), 1);
    }
}
