//! How much room the shipped programs take when nothing happens, and how soon the server answers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::table::Row;
use crate::demo::{Binaries, Folder, Interrupt, Kept, World, free_port};
use crate::progress::Line;
use crate::{dist, needs, process, workspace};

const GROUP: &str = "footprint";
/// After this a program that has nothing to do has done what starting up brings along.
const SETTLES: Duration = Duration::from_secs(10);
const FIRST_ANSWER: Duration = Duration::from_secs(30);

/// All rows; what cannot be measured is a row that says why.
pub fn measure(root: &Path, line: &Line) -> Result<Vec<Row>> {
    let probe = dist::build_probe(root, &|text| line.say(text));
    let server = build_release(root, line);
    let mut rows = vec![
        row(
            "probe, static file",
            "mb",
            probe
                .as_deref()
                .map_err(ToString::to_string)
                .and_then(|path| megabytes(path).map_err(|fault| fault.to_string())),
        ),
        row(
            "server, release file",
            "mb",
            server
                .as_deref()
                .map_err(ToString::to_string)
                .and_then(|path| megabytes(path).map_err(|fault| fault.to_string())),
        ),
    ];
    let (Ok(probe), Ok(server)) = (probe, server) else {
        rows.push(Row::missing(GROUP, "idle memory and first answer: a build failed"));
        return Ok(rows);
    };
    // From here on a signal ends the measuring by way of its guards, which take the children along.
    let interrupt = Interrupt::listen()?;
    line.say("idle memory");
    match idle(root, &probe, &interrupt) {
        Ok((server, probe)) => {
            rows.push(Row::figure(GROUP, "server, idle resident memory", "mb", server));
            rows.push(Row::figure(GROUP, "probe, idle resident memory", "mb", probe));
        }
        Err(fault) => rows.push(Row::missing(GROUP, &format!("idle memory: {}", first_line(&fault)))),
    }
    line.say("first answer");
    rows.push(row(
        "server, start to first answer",
        "ms",
        first_answer(&server, &interrupt).map_err(|fault| first_line(&fault)),
    ));
    Ok(rows)
}

fn row(name: &str, unit: &str, found: Result<f64, String>) -> Row {
    match found {
        Ok(value) => Row::figure(GROUP, name, unit, value),
        Err(why) => Row::missing(GROUP, &format!("{name}: {why}")),
    }
}

fn first_line(fault: &anyhow::Error) -> String {
    format!("{fault:#}").lines().next().unwrap_or_default().into()
}

fn build_release(root: &Path, line: &Line) -> Result<PathBuf> {
    process::run(&mut workspace::cargo_command(root, &["build", "--release", "--workspace"]), &|text| line.say(text))?
        .well()?;
    Ok(workspace::binary(root, "release", "legator"))
}

fn megabytes(file: &Path) -> Result<f64> {
    let size = fs::metadata(file).with_context(|| format!("there is no `{}`", file.display()))?.len();
    Ok(size as f64 / 1e6)
}

/// Resident memory of a server with one connected probe, and of that probe, in megabytes.
fn idle(root: &Path, probe: &Path, interrupt: &Interrupt) -> Result<(f64, f64)> {
    let folder = Folder::make(None)?;
    let binaries = Binaries { probe: probe.into(), ..Binaries::of(root, "release") };
    let mut world = World::start(binaries, &folder.path, free_port(0)?, interrupt)?;
    world.enroll("idle-1", &["web"], interrupt)?;
    interrupt.rest(SETTLES)?;
    world.alive()?;
    let probe = world.probe_id("idle-1").context("the probe was not started")?;
    Ok((resident(world.server_id())?, resident(probe)?))
}

fn resident(id: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).context("this system has no /proc")?;
    kilobytes(&status).map(|kb| kb * 1024.0 / 1e6).context("the kernel does not say how much memory it uses")
}

fn kilobytes(status: &str) -> Option<f64> {
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}

/// Milliseconds from the start of a server on a data folder that it knows to its first answer over TLS.
fn first_answer(server: &Path, interrupt: &Interrupt) -> Result<f64> {
    if !needs::there("curl") {
        bail!("`curl` is missing");
    }
    let folder = Folder::make(None)?;
    // The first start makes keys and tables; the second is the one that a restart or an upgrade waits for.
    answer(server, &folder.path, interrupt)?;
    answer(server, &folder.path, interrupt)
}

fn answer(server: &Path, folder: &Path, interrupt: &Interrupt) -> Result<f64> {
    let port = free_port(0)?;
    let mut command = Command::new(server);
    command.arg("serve").arg("--data").arg(folder.join("server")).arg("--listen").arg(format!("127.0.0.1:{port}"));
    let began = Instant::now();
    let mut kept = Kept::start(&mut command, &folder.join("server.log"))?;
    while began.elapsed() < FIRST_ANSWER {
        if let Some(status) = kept.ended()? {
            bail!("the server ended with {status}: {}", kept.last_words());
        }
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--insecure",
            "--output",
            "/dev/null",
            "--max-time",
            "2",
            &format!("https://127.0.0.1:{port}/"),
        ]);
        if process::run(&mut curl, &|_| {})?.status.success() {
            return Ok(began.elapsed().as_secs_f64() * 1e3);
        }
        // Asking takes a few milliseconds of its own, so this is no busy loop.
        if interrupt.came() {
            bail!("interrupted");
        }
    }
    bail!("no answer within {} s", FIRST_ANSWER.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_says() {
        assert_eq!(kilobytes("Name:\ta\nVmRSS:\t    2048 kB\n"), Some(2048.0));
        assert_eq!(kilobytes("Name:\ta\n"), None);
        assert!(resident(std::process::id()).unwrap() > 0.5);
    }

    #[test]
    fn a_program_that_is_not_there_is_not_measured() {
        let folder = tempfile::tempdir().unwrap();
        assert!(megabytes(&folder.path().join("none")).is_err());
        assert!(answer(&folder.path().join("none"), folder.path(), &Interrupt::default()).is_err());
    }

    #[test]
    fn a_server_that_ends_is_not_measured() {
        let folder = tempfile::tempdir().unwrap();
        let fault = answer(Path::new("/bin/false"), folder.path(), &Interrupt::default()).unwrap_err().to_string();
        assert!(fault.contains("the server ended with"), "{fault}");
    }
}
