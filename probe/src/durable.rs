//! Files that are there in whole or not at all, also after the power went.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Writes beside, syncs, renames over, syncs the directory: after `Ok` the bytes outlive the host's power.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    swap(path, bytes, true)
}

/// As [`write`], without the syncs: whole or not at all for readers, but the last version may be lost with the power.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    swap(path, bytes, false)
}

fn swap(path: &Path, bytes: &[u8], sync: bool) -> io::Result<()> {
    let beside = path.with_added_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    if sync {
        file.sync_all()?;
    }
    fs::rename(&beside, path)?;
    if let (true, Some(parent)) = (sync, path.parent()) {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// Makes a directory that only its owner enters.
pub fn private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Who besides the owner must not have which permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nobody else reads or writes it.
    Secret,
    /// Nobody else writes it.
    Honest,
}

/// A file or directory that somebody else could have written, or could read.
#[derive(Debug, thiserror::Error)]
pub enum GuardFault {
    #[error(
        "`{path}` belongs to user {owner}; it has to belong to root or to the user that the probe runs as: `chown root {path}`"
    )]
    Owner { path: String, owner: u32 },
    #[error("`{path}` has mode {mode:o}, so others can read or write it: `chmod 600 {path}`")]
    Readable { path: String, mode: u32 },
    #[error("`{path}` has mode {mode:o}, so others can write it: `chmod go-w {path}`")]
    Writable { path: String, mode: u32 },
    #[error("cannot look at `{path}`: {source}")]
    Unreadable { path: String, source: io::Error },
}

/// Refuses a file that others own, or can write or read.
pub fn guard(path: &Path, keep: Keep) -> Result<(), GuardFault> {
    let name = || path.display().to_string();
    let meta = fs::metadata(path).map_err(|source| GuardFault::Unreadable { path: name(), source })?;
    let own = rustix::process::geteuid().as_raw();
    if meta.uid() != 0 && meta.uid() != own {
        return Err(GuardFault::Owner { path: name(), owner: meta.uid() });
    }
    let mode = meta.mode() & 0o7777;
    match keep {
        Keep::Secret if mode & 0o077 != 0 => Err(GuardFault::Readable { path: name(), mode }),
        Keep::Honest if mode & 0o022 != 0 => Err(GuardFault::Writable { path: name(), mode }),
        _ => Ok(()),
    }
}
