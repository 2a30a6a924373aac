//! `bundle init`: a bundle to begin with, which passes its own check, lint and tests.
//! Never: overwrites a file.

use std::path::{Path, PathBuf};

use clap::Args;
use legator_engine::Bundle;
use legator_engine::bundle::format::format;
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::screen::{Screen, word};

/// Make a bundle: the one that ships, a guardrail of your own with its cases, and what runs them before each commit.
#[derive(Args)]
pub struct Init {
    /// A folder that is empty, holds a fresh git repository, or does not exist.
    folder: PathBuf,
    /// What the bundle is called; the folder's name if absent.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// What stands beside the bundle that ships: the files of the example that are the same in every repository.
const FILES: &[(&str, &str)] = &[
    ("README.md", include_str!("../../../examples/policy-repository/START.md")),
    ("policies/own.cedar", include_str!("../../../examples/policy-repository/policies/own.cedar")),
    ("policies/own.cases.toml", include_str!("../../../examples/policy-repository/policies/own.cases.toml")),
    ("ci/check.sh", include_str!("../../../examples/policy-repository/ci/check.sh")),
    ("ci/test.sh", include_str!("../../../examples/policy-repository/ci/test.sh")),
    ("ci/replay.sh", include_str!("../../../examples/policy-repository/ci/replay.sh")),
    ("ci/diff.sh", include_str!("../../../examples/policy-repository/ci/diff.sh")),
    ("hooks/pre-commit", include_str!("../../../examples/policy-repository/hooks/pre-commit")),
    (".github/workflows/policy.yml", include_str!("../../../examples/policy-repository/.github/workflows/policy.yml")),
    (".gitattributes", include_str!("../../../examples/policy-repository/.gitattributes")),
    (".gitignore", "*.bundle.tar.gz\n*.key\n"),
];

impl Init {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => named(&self.folder),
        };
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        for (path, bytes) in Bundle::shipped() {
            match path.as_str() {
                "policies/bundle.toml" => files.push(("bundle.toml".to_owned(), manifest(&name, &bytes))),
                _ => files.push((path, bytes)),
            }
        }
        files.extend(FILES.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())));
        empty(&self.folder)?;
        for (path, bytes) in &files {
            // What ships may be laid out by hand; a repository that checks its layout begins with a good one.
            let laid_out = format(path, bytes).ok().flatten().map(String::into_bytes);
            write(&self.folder.join(path), laid_out.as_ref().unwrap_or(bytes))?;
        }
        let folder = self.folder.display();
        screen.either(&json!({ "folder": self.folder, "name": name, "files": files.len() }), || {
            screen.data(&format!("{}bundle `{name}` in `{folder}`, {} files", word("ok"), files.len()));
            screen.note(&format!("next:  cd {folder} && legatorctl bundle check && legatorctl bundle lint"));
        });
        Ok(Exit::OK)
    }
}

/// The manifest that ships, under another name.
fn manifest(name: &str, shipped: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(shipped);
    let line = |line: &str| if line.starts_with("name = ") { format!("name = \"{name}\"") } else { line.to_owned() };
    let mut own: String = text.lines().map(line).collect::<Vec<_>>().join("\n");
    own.push('\n');
    own.into_bytes()
}

/// The folder's name, as far as a bundle can be called so.
fn named(folder: &Path) -> String {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let name = whole.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let plain: String =
        name.chars().map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' }).collect();
    let plain: String = plain.trim_matches('-').chars().take(64).collect();
    if plain.is_empty() { "own-policies".to_owned() } else { plain }
}

/// Only what git keeps may be there already.
fn empty(folder: &Path) -> Result<(), Failure> {
    let failed = |source| Failure::File { verb: "read", path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(fault) => return Err(failed(fault)),
    };
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        if name != ".git" {
            let (folder, name) = (folder.display(), name.to_string_lossy());
            return Err(Failure::Usage(format!(
                "`{folder}` holds `{name}` already; a bundle begins in an empty folder"
            )));
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |source| Failure::File { verb: "write", path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    // Hooks and the steps of a workflow are run.
    let mode = if bytes.starts_with(b"#!") { 0o755 } else { 0o644 };
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    std::io::Write::write_all(&mut file, bytes).map_err(failed)
}
