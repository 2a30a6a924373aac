//! `cargo xtask api-fuzz`: a fuzzer that reads the API document calls every operation as every role, on a real server.
//! What it looks for: a server's own failure, and any status, type, header or shape that the document does not know.
//! Never: chance. The same document is called with the same examples; and never longer than its budget.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::args::Args;
use crate::demo::{Binaries, Folder, Interrupt, World, free_port};
use crate::progress::{Line, Steps};
use crate::{openapi, process, workspace};

pub const HELP: &str = "\
Builds the workspace, starts a server with a probe, and lets schemathesis (from PyPI, kept in `target/api-fuzz`) call every
operation of `server/openapi.json` as each role and as a stranger: no failure of the server, and no answer that the
document does not describe. The administrator's calls cover every keyword of every schema, the others' are a few of
each operation. The same examples every time.

  --examples N   so many for each operation and role, beyond the usual";

/// What is installed; another version makes other examples.
const TOOL: &str = "schemathesis==4.32.5";

/// Everybody that the bundle has a role for. The administrator comes last: what is taken away then is missed by nobody.
const ROLES: [&str; 7] = ["viewer", "operator", "approver", "auditor", "policy-author", "agent", "administrator"];

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

/// Left out: a feed that never ends, and what bounds guesses and would bound the fuzzer for all that comes after.
const LEFT_OUT: [&str; 3] = ["watch_events", "sign_in", "choose_password"];

/// What bounds floods has tests of its own; here it would answer in place of what is to be seen.
const UNBOUNDED: [&str; 4] = ["--rate-per-s", "0", "--stranger-rate-per-s", "0"];

/// Examples of each operation, in a run that is part of every test.
const FEW: u32 = 2;

pub fn run(args: &Args) -> Result<ExitCode> {
    let root = workspace::root()?;
    let examples = args.value("--examples").map_or(Ok(FEW), |text| text.parse().context("`--examples` is a number"))?;
    let mut steps = Steps::new(2);
    let built = steps.run("build the workspace", |line| {
        process::run(&mut workspace::cargo_command(&root, &["build", "--workspace"]), &|text| line.say(text))?.well()
    });
    let went_well =
        built.is_some() && steps.run("every operation, as every role", |line| check(&root, line, examples)).is_some();
    Ok(if went_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same, as a step of the whole test.
pub fn check_few(root: &Path, line: &Line) -> Result<()> {
    check(root, line, FEW)
}

fn check(root: &Path, line: &Line, examples: u32) -> Result<()> {
    let tool = installed(root, line)?;
    let folder = Folder::make(None)?;
    let interrupt = Interrupt::listen()?;
    let mut world =
        World::start_with(Binaries::of(root, "debug"), &folder.path, free_port(0)?, &UNBOUNDED, &interrupt)?;
    world.enroll("web-1", &["web"], &interrupt)?;
    for role in ROLES {
        let key = world.engage(role)?;
        // One role finds what is wrong with the shapes; the others, what is wrong with being refused or let through.
        let phases = if role == "administrator" { "coverage,fuzzing" } else { "fuzzing" };
        attack(root, &tool, &world, Some(&key), phases, examples, line).with_context(|| format!("as {role}"))?;
        world.alive()?;
    }
    attack(root, &tool, &world, None, "fuzzing", examples, line).context("as a stranger")?;
    world.alive()
}

fn attack(
    root: &Path,
    tool: &Path,
    world: &World,
    key: Option<&str>,
    phases: &str,
    examples: u32,
    line: &Line,
) -> Result<()> {
    let mut command = Command::new(tool);
    command.current_dir(root.join("target/api-fuzz")).arg("run").arg(root.join(openapi::DOCUMENT));
    command.args(["--url", &world.url(), "--tls-verify", "false", "--phases", phases, "--checks", CHECKS]);
    command.args(["--max-examples", &examples.to_string(), "--generation-deterministic", "--workers", "2"]);
    command.args(["--continue-on-failure", "--no-color", "--warnings", "off", "--request-timeout", "30"]);
    command.args(LEFT_OUT.iter().flat_map(|left| ["--exclude-operation-id", left]));
    // It keeps what it found in folders of its own; the tree stays as it is.
    command.env("HYPOTHESIS_STORAGE_DIRECTORY", root.join("target/api-fuzz/found"));
    if let Some(key) = key {
        command.args(["--header", &format!("Authorization: Bearer {key}")]);
    }
    process::run(&mut command, &|text| line.say(text))?.well().map(drop)
}

/// The fuzzer, in an environment of its own under `target`.
fn installed(root: &Path, line: &Line) -> Result<PathBuf> {
    let home = root.join("target/api-fuzz");
    let (tool, stamp) = (home.join("bin/schemathesis"), home.join("installed"));
    if tool.is_file() && std::fs::read_to_string(&stamp).is_ok_and(|kept| kept == TOOL) {
        return Ok(tool);
    }
    let say = |text: &str| line.say(text);
    process::run(Command::new("python3").args(["-m", "venv"]).arg(&home), &say)?.well()?;
    let mut install = Command::new(home.join("bin/pip"));
    install.args(["install", "--quiet", "--disable-pip-version-check", TOOL]);
    process::run(&mut install, &say)?.well()?;
    std::fs::write(&stamp, TOOL).with_context(|| format!("cannot write `{}`", stamp.display()))?;
    Ok(tool)
}
