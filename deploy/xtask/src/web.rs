//! The web interface: built once for what it is made of, checked, and walked through in a real browser.
//! Never: runs npm where nothing has changed, or fails a task that can do without the pages.

#[path = "../../../server/ui_inputs.rs"]
mod ui_inputs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::args::Args;
use crate::process;
use crate::progress::{Line, Steps};
use crate::{needs, workspace};

pub const HELP: &str = "\
Builds the web interface into `server/ui/dist`, from where the next build of the server takes it. Needs Node 20.19 or
newer. Does nothing if it was built from the same sources already.";

/// The checks that need no server, by the scripts of `server/ui/package.json`. The first types the client from `server/openapi.json`.
const CHECKS: &[&str] = &["typecheck", "lint", "test"];

pub fn run(_: &Args) -> Result<ExitCode> {
    let root = workspace::root()?;
    let mut steps = Steps::new(1);
    let built = steps.run("build the web interface", |line| build(&root, line));
    Ok(if built.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a demo does: pages if they can be had, and a word if not.
pub fn build_if_possible(root: &Path, line: &Line) -> Result<()> {
    match node() {
        Ok(()) => build(root, line),
        Err(why) => {
            eprintln!("      no web interface: {why}");
            Ok(())
        }
    }
}

/// Everything that must hold of the pages by themselves, and the pages.
pub fn check(root: &Path, line: &Line) -> Result<()> {
    node()?;
    install(root, line)?;
    for script in CHECKS {
        npm(root, line, script)?;
    }
    build(root, line)?;
    npm(root, line, "budget")
}

/// The stories, in Chromium, against the server and the probes that were just built.
pub fn stories(root: &Path, line: &Line) -> Result<()> {
    npm(root, line, "e2e")
}

/// What the stories of speed print, against the release build.
pub fn speed(root: &Path, line: &Line) -> Result<String> {
    let server = workspace::binary(root, "release", "legator");
    let mut command = Command::new("npm");
    command.current_dir(folder(root)).args(["run", "--silent", "speed"]);
    command.env("LEGATOR_BIN", server.parent().unwrap_or(root)).env("LEGATOR_FIGURES", "1");
    Ok(process::run(&mut command, &|text| line.say(text))?.well()?.stdout)
}

/// Builds unless what lies there is built from these very sources.
pub fn build(root: &Path, line: &Line) -> Result<()> {
    let ui = folder(root);
    let (stamp, wanted) = (ui.join("dist/.inputs"), ui_inputs::digest(&ui));
    if ui.join("dist/index.html").is_file() && read(&stamp) == wanted {
        return Ok(());
    }
    node()?;
    install(root, line)?;
    npm(root, line, "build")?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write `{}`", stamp.display()))
}

/// `npm ci`, if the lock is another than the one that was installed.
fn install(root: &Path, line: &Line) -> Result<()> {
    let ui = folder(root);
    let (stamp, lock) = (ui.join("node_modules/.installed-lock"), read(&ui.join("package-lock.json")));
    if read(&stamp) == lock {
        return Ok(());
    }
    let mut command = Command::new("npm");
    command.current_dir(&ui).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    process::run(&mut command, &|text| line.say(text))?.well()?;
    fs::write(&stamp, lock).with_context(|| format!("cannot write `{}`", stamp.display()))
}

fn npm(root: &Path, line: &Line, script: &str) -> Result<()> {
    let mut command = Command::new("npm");
    command.current_dir(folder(root)).args(["run", "--silent", script]);
    process::run(&mut command, &|text| line.say(text))?.well().map(drop)
}

fn folder(root: &Path) -> PathBuf {
    root.join("server/ui")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Whether there is a Node that can build the pages, and a fault that says what to do if not.
fn node() -> Result<()> {
    if !needs::there("node") || !needs::there("npm") {
        bail!("Node and npm are needed to build it, and are not installed");
    }
    let said = Command::new("node").arg("--version").output().context("cannot start `node`")?;
    let said = String::from_utf8_lossy(&said.stdout);
    match version(&said) {
        Some(found) if new_enough(found) => Ok(()),
        _ => bail!("Node 20.19 or 22.12 is needed, or newer; here is {}", said.trim()),
    }
}

fn version(said: &str) -> Option<(u32, u32)> {
    let mut parts = said.trim().strip_prefix('v')?.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

const fn new_enough((major, minor): (u32, u32)) -> bool {
    major > 22 || (major == 22 && minor >= 12) || (major == 20 && minor >= 19)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_which_node_can_build_the_pages() {
        for (said, enough) in
            [("v20.19.0\n", true), ("v22.12.1", true), ("v24.0.0", true), ("v18.20.4", false), ("v21.9.0", false)]
        {
            assert_eq!(version(said).is_some_and(new_enough), enough, "{said}");
        }
        assert_eq!(version("no version"), None);
    }

    #[test]
    fn a_digest_follows_what_the_pages_are_made_of_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let ui = folder.path().join("ui");
        fs::create_dir_all(ui.join("src/fleet")).unwrap();
        fs::create_dir_all(ui.join("tests")).unwrap();
        fs::write(ui.join("src/fleet/a.ts"), "1").unwrap();
        let first = ui_inputs::digest(&ui);
        fs::write(ui.join("tests/a.test.ts"), "1").unwrap();
        assert_eq!(ui_inputs::digest(&ui), first);
        fs::write(ui.join("src/fleet/a.ts"), "2").unwrap();
        let second = ui_inputs::digest(&ui);
        assert_ne!(second, first);
        fs::write(folder.path().join("openapi.json"), "{}").unwrap();
        assert_ne!(ui_inputs::digest(&ui), second);
    }
}
