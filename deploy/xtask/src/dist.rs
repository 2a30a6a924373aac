//! `cargo xtask dist`: what is shipped, and nothing that is not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::args::Args;
use crate::progress::Steps;
use crate::{needs, process, web, workspace};

pub const HELP: &str = "\
Builds the web interface if there is a Node to do it, the server and the command line with the `dist` profile and the probe as one
static file with the `probe` profile, and puts all three into `target/shipped` with their SHA-256. The link-time optimisation takes minutes.";

pub const PROBE_TARGET: &str = "x86_64-unknown-linux-gnu";

pub fn run(_: &Args) -> Result<ExitCode> {
    let root = workspace::root()?;
    let mut steps = Steps::new(4);
    steps.run("web interface", |line| web::build_if_possible(&root, line));
    let built = steps.run("server and command line", |line| {
        let args = ["build", "--locked", "--profile", "dist", "-p", "legator-server", "-p", "legatorctl"];
        process::run(&mut workspace::cargo_command(&root, &args), &|text| line.say(text))?.well()
    });
    let probe = steps.run("static probe", |line| build_probe(&root, &|text| line.say(text)));
    if let (Some(_), Some(probe)) = (built, probe) {
        steps.run("collect", |_| collect(&root, &probe));
    } else {
        steps.skip("collect", "a build failed");
    }
    eprint!("\n{}", steps.summary());
    Ok(if steps.went_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the probe as it is shipped and says where it is. It has its own target folder, since it is compiled with flags of its own.
pub fn build_probe(root: &Path, line: &(dyn Fn(&str) + Sync)) -> Result<PathBuf> {
    let folder = root.join("target/probe-static");
    let mut command = workspace::cargo_command(
        root,
        &["build", "--locked", "-p", "legator-probe", "--profile", "probe", "--target", PROBE_TARGET],
    );
    command.arg("--target-dir").arg(&folder).env("RUSTFLAGS", "-C target-feature=+crt-static");
    process::run(&mut command, line)?.well()?;
    Ok(folder.join(PROBE_TARGET).join("probe/legator-probe"))
}

fn collect(root: &Path, probe: &Path) -> Result<()> {
    let shelf = root.join("target/shipped");
    fs::create_dir_all(&shelf)?;
    for from in [&workspace::binary(root, "dist", "legator"), &workspace::binary(root, "dist", "legatorctl"), probe] {
        let name = from.file_name().context("a binary has a name")?;
        let size = fs::copy(from, shelf.join(name)).with_context(|| format!("cannot copy `{}`", from.display()))?;
        println!("{:<14} {:.1} MB", name.to_string_lossy(), size as f64 / 1e6);
    }
    if needs::there("sha256sum") {
        let sums = process::run(
            Command::new("sha256sum").current_dir(&shelf).args(["legator", "legatorctl", "legator-probe"]),
            &|_| {},
        )?
        .well()?;
        fs::write(shelf.join("SHA256SUMS"), sums.stdout)?;
    }
    println!("in {}", shelf.display());
    Ok(())
}
