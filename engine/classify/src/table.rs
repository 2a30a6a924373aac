//! The command table: what each known program does, by subcommand and option.

mod format;
mod load;
pub(crate) mod node;
mod shipped;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use sha2::{Digest, Sha256};

use node::Node;

/// A mistake in a table file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct TableFault {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub message: String,
}

/// The command table: what each known program does, by subcommand and option.
#[derive(Clone, Debug, Default)]
pub struct Table {
    programs: HashMap<String, Arc<Node>>,
    files: BTreeMap<String, String>,
    digest: String,
}

impl Table {
    /// Reads a table from its files (name and text). Every fault is reported, not only the first.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<TableFault>> {
        let mut files: Vec<(&str, &str)> = files.into_iter().collect();
        files.sort_unstable();
        let mut loader = load::Loader::new();
        for (name, text) in &files {
            loader.file(name, text);
        }
        let table = loader.finish(digest(&files))?;
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Ok(Self { files, ..table })
    }

    /// The table that ships with `files` added to it. A program that ships cannot be described again.
    pub fn extended<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<TableFault>> {
        Self::parse(shipped::FILES.iter().copied().chain(files))
    }

    /// The table that ships: `policies/commands/*.toml`.
    pub fn shipped() -> &'static Table {
        static SHIPPED: LazyLock<Table> =
            LazyLock::new(|| Table::parse(shipped::FILES.iter().copied()).unwrap_or_default());
        &SHIPPED
    }

    /// The files of the table that ships: name and text.
    pub fn shipped_files() -> &'static [(&'static str, &'static str)] {
        shipped::FILES
    }

    /// SHA-256 (hex) over the files; the same files give the same digest on any machine.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The files that it was read from: name and text. A probe that has another table is sent them.
    pub fn files(&self) -> &BTreeMap<String, String> {
        &self.files
    }

    /// The names of all programs that it knows, sorted.
    pub fn programs(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.programs.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Node>> {
        self.programs.get(name)
    }
}

fn digest(files: &[(&str, &str)]) -> String {
    use std::fmt::Write as _;

    let mut hash = Sha256::new();
    let mut put = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    put("legator command table v1");
    for (path, text) in files {
        // A bundle names its files by path, the table that ships by name; they are the same table.
        put(path.rsplit('/').next().unwrap_or(path));
        put(text);
    }
    hash.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
