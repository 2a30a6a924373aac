//! Where an offline command takes a bundle's files from: a folder, an archive, or a revision of a git repository.
//! Never: follows a link, or reads more than a bundle may hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use legator_engine::{Fault, archive};

use super::git;
use crate::exit::Failure;

pub type Files = BTreeMap<String, Vec<u8>>;

const MOST_FILES: usize = 20_000;
const MOST_BYTES: u64 = 64 * 1024 * 1024;
const MOST_FILE_BYTES: u64 = 4 * 1024 * 1024;
const DEEPEST: usize = 16;

/// Which bundle is meant.
#[derive(Args, Clone, Debug)]
pub struct Source {
    /// The folder with `bundle.toml`, or an archive; `FOLDER@REV` is a git revision of the folder.
    #[arg(default_value = ".", value_name = "BUNDLE")]
    pub place: PathBuf,
    /// The folder as it is in this commit, branch or tag, instead of on the disk.
    #[arg(long, value_name = "REV")]
    pub rev: Option<String>,
}

impl Source {
    pub fn read(&self) -> Result<Files, Failure> {
        match &self.rev {
            Some(rev) => git::read(&self.place, rev),
            None => read(&self.place),
        }
    }
}

/// A bundle's files by their path from its root: of a folder, of an archive, or of `FOLDER@REV`.
pub fn read(place: &Path) -> Result<Files, Failure> {
    if !place.exists()
        && let Some((folder, rev)) = place.to_str().and_then(|text| text.rsplit_once('@'))
    {
        return git::read(Path::new(if folder.is_empty() { "." } else { folder }), rev);
    }
    if place.is_file() {
        return Ok(open(place)?.files);
    }
    let (mut files, mut faults) = (Files::new(), Vec::new());
    let mut read = Folder { root: place, files: &mut files, faults: &mut faults, bytes: 0 };
    read.folder(place, 0)?;
    if faults.is_empty() { Ok(files) } else { Err(Failure::Bundle(faults)) }
}

/// An archive, opened and held against its manifest.
pub fn open(path: &Path) -> Result<archive::Archive, Failure> {
    let limits = archive::Limits::default();
    let failed = |source| Failure::File { verb: "read", path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > limits.packed_bytes as u64 {
        let message = format!("the archive has {size} bytes; {} are taken", limits.packed_bytes);
        return Err(Failure::Bundle(vec![Fault::whole("archive", message).code("too-large").help("is it a bundle?")]));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    archive::open(&bytes, &limits).map_err(|fault| Failure::Bundle(vec![fault]))
}

struct Folder<'f> {
    root: &'f Path,
    files: &'f mut Files,
    faults: &'f mut Vec<Fault>,
    bytes: u64,
}

impl Folder<'_> {
    /// Every file below a folder; dot files are editors' and git's, and so is what build tools leave behind.
    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), Failure> {
        let failed = |source| Failure::File { verb: "read", path: folder.to_owned(), source };
        let mut entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(failed)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            let name = path.strip_prefix(self.root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            // Only below these does anything belong to a bundle.
            let ours = name == "bundle.toml" || ["policies", "scripts"].iter().any(|top| name.starts_with(top));
            let rooted = depth > 0 || ours || kind.is_dir();
            if hidden || !rooted || ["node_modules", "target"].contains(&name.as_str()) {
                continue;
            }
            if kind.is_symlink() {
                if ours {
                    self.refuse(&name, "symlink", format!("`{name}` is a link"), "put the file itself there");
                }
            } else if kind.is_dir() {
                if depth >= DEEPEST {
                    self.refuse(&name, "path-name", format!("`{name}` is nested too deep"), "give it a shorter path");
                } else if depth > 0 || ours || near(&name) {
                    self.folder(&path, depth + 1)?;
                }
            } else if kind.is_file() {
                self.file(&path, name)?;
            } else if ours {
                self.refuse(&name, "symlink", format!("`{name}` is no plain file"), "put a file there");
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: String) -> Result<(), Failure> {
        let failed = |source| Failure::File { verb: "read", path: path.to_owned(), source };
        let size = std::fs::symlink_metadata(path).map_err(failed)?.len();
        if size > MOST_FILE_BYTES {
            let message = format!("the file has {size} bytes; {MOST_FILE_BYTES} are taken");
            self.refuse(&name, "too-large", message, "cut it into several");
            return Ok(());
        }
        self.bytes += size;
        if self.files.len() >= MOST_FILES || self.bytes > MOST_BYTES {
            return Err(Failure::Usage(format!(
                "`{}` has more than {MOST_FILES} files or {MOST_BYTES} bytes; is it a bundle?",
                self.root.display()
            )));
        }
        self.files.insert(name, std::fs::read(path).map_err(failed)?);
        Ok(())
    }

    fn refuse(&mut self, name: &str, code: &str, message: String, help: &str) {
        self.faults.push(Fault::whole(name, message).code(code).help(help));
    }
}

/// A folder whose name is nearly one of a bundle's: `script`, `policy`.
fn near(name: &str) -> bool {
    ["policy", "polices", "policys", "script"].contains(&name)
}
