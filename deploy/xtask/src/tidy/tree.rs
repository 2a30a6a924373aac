//! The files that the guards read: from the disk, or made up by a test.
//! Never: follows links, or reads what a build or a package manager put there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::source::Source;

/// Folders that hold what was made, not what was written.
const MADE: &[&str] = &[".git", "dist", "node_modules", "target"];
/// Kinds of text that a guard has something to say about.
const READ: &[&str] = &[
    "cedar",
    "cedarschema",
    "css",
    "html",
    "json",
    "md",
    "rhai",
    "rs",
    "service",
    "sh",
    "sql",
    "toml",
    "ts",
    "tsx",
    "yml",
];
/// No file that people wrote is longer.
const LONGEST: u64 = 4 << 20;

/// One file, with `/` between the parts of its path.
pub struct File {
    pub path: String,
    pub text: String,
    /// Present for Rust.
    pub rust: Option<Source>,
}

impl File {
    pub fn new(path: &str, text: &str) -> Self {
        let rust = path.ends_with(".rs").then(|| Source::read(text));
        Self { path: path.into(), text: text.into(), rust }
    }

    /// Whether the whole file is there for tests.
    pub fn tests_only(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "tests" | "testkit" | "tests.rs" | "testkit.rs"))
    }
}

/// All files below the root, in the order of their paths.
#[derive(Default)]
pub struct Tree {
    pub files: Vec<File>,
    /// What stands at the top level, files and folders, but for `.git` and `target`.
    pub top: Vec<String>,
    /// The root as the machine calls it; none for a tree that a test made up.
    pub root: Option<String>,
}

impl Tree {
    pub fn read(root: &Path) -> Result<Self> {
        let mut tree = Self { root: root.to_str().map(Into::into), ..Self::default() };
        for entry in fs::read_dir(root).with_context(|| format!("cannot list `{}`", root.display()))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !MADE.contains(&name.as_str()) {
                tree.top.push(name);
            }
        }
        tree.top.sort();
        tree.walk(root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut tree =
            Self { files: files.iter().map(|(path, text)| File::new(path, text)).collect(), ..Self::default() };
        tree.top = files.iter().filter_map(|(path, _)| path.split('/').next()).map(Into::into).collect();
        tree.top.sort();
        tree.top.dedup();
        tree
    }

    /// The Rust files, taken apart.
    pub fn rust(&self) -> impl Iterator<Item = (&File, &Source)> {
        self.files.iter().filter_map(|file| Some((file, file.rust.as_ref()?)))
    }

    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    fn walk(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))? {
            let entry = entry?;
            let (name, kind) = (entry.file_name().to_string_lossy().into_owned(), entry.file_type()?);
            let path = format!("{prefix}{name}");
            if kind.is_dir() && !MADE.contains(&name.as_str()) {
                self.walk(&entry.path(), &format!("{path}/"))?;
            }
            let known = Path::new(&name).extension().is_some_and(|ext| READ.iter().any(|kind| ext == *kind));
            if kind.is_file() && (known || path == ".ci/run") && entry.metadata()?.len() <= LONGEST {
                let bytes = fs::read(entry.path()).with_context(|| format!("cannot read `{path}`"))?;
                self.files.push(File::new(&path, &String::from_utf8_lossy(&bytes)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_was_written_and_not_what_was_made() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["engine/src/lib.rs", "target/debug/made.rs", "server/ui/node_modules/a/b.ts", "server/logo.png"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let tree = Tree::read(folder.path()).unwrap();
        let paths: Vec<&str> = tree.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["engine/src/lib.rs"]);
        assert_eq!(tree.top, ["engine", "server"]);
    }

    #[test]
    fn knows_files_that_only_tests_use() {
        assert!(File::new("server/tests/it/main.rs", "").tests_only());
        assert!(File::new("server/testkit/src/lib.rs", "").tests_only());
        assert!(File::new("server/src/hub/tests.rs", "").tests_only());
        assert!(!File::new("server/src/hub/mod.rs", "").tests_only());
    }
}
