//! Where the repository is, and how cargo is called in it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The root: the nearest folder upwards that holds this very tool.
pub fn root() -> Result<PathBuf> {
    let here = env::current_dir().context("cannot tell the current folder")?;
    let found = here.ancestors().find(|folder| folder.join("deploy/xtask/Cargo.toml").is_file());
    found.map(Path::to_path_buf).with_context(|| format!("`{}` is not inside the repository", here.display()))
}

/// The cargo that started us, so that one toolchain does all the work.
pub fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// A cargo command at the root.
pub fn cargo_command(root: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(cargo());
    command.current_dir(root).args(args).env("CARGO_TERM_COLOR", "never");
    command
}

/// Where a build put a binary of the workspace.
pub fn binary(root: &Path, profile: &str, name: &str) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join(profile).join(name)
}
