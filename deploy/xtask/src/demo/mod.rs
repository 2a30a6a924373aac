//! `cargo xtask demo`: a real server, three real probes and a story told through the real command line.
//! Never: touches a process that it did not start, or a file outside its own folder.

mod children;
mod interrupt;
mod story;
mod teller;
mod world;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

pub use self::children::Kept;
pub use self::interrupt::Interrupt;
pub use self::world::{Binaries, World};
use crate::args::Args;
use crate::progress::Steps;
use crate::{process, web, workspace};

pub const HELP: &str = "\
Builds the workspace, starts a server on 127.0.0.1 and three probes (`web-1`, `db-1`, `prod-1`), and walks a story:
a command that runs, one that waits for a second person, one that waits for room, one that is refused, and the proof
of it all in the audit log. Then it shows where to go on, and stays until Ctrl-C.

  --once      ends after the story; the exit code says whether each step went as told
  --release   builds and runs optimised binaries
  --port N    the server's port (default: 8443, or a free one if that is taken)
  --data DIR  keeps everything in DIR for another time, on the same port (default: a temporary folder, removed at the end)";

const PORT: u16 = 8443;

pub fn run(args: &Args) -> Result<ExitCode> {
    let root = workspace::root()?;
    let port = args
        .value("--port")
        .map_or_else(|| free_port(PORT), |text| text.parse().with_context(|| format!("`{text}` is no port")))?;
    let release = args.has("--release");
    let mut build = vec!["build", "--workspace"];
    build.extend(release.then_some("--release"));

    let mut steps = Steps::new(4);
    // A demo can do without pages; that they could not be built is said, and the rest goes on.
    steps.run("web interface", |line| web::build_if_possible(&root, line));
    let built = steps.run("build the workspace", |line| {
        process::run(&mut workspace::cargo_command(&root, &build), &|text| line.say(text))?.well()
    });
    if built.is_none() {
        return Ok(ExitCode::FAILURE);
    }
    // From here on a signal ends the demo by way of its guards, which take the children along.
    let interrupt = Interrupt::listen()?;
    let folder = Folder::make(args.value("--data"))?;
    let binaries = Binaries::of(&root, if release { "release" } else { "debug" });
    let Some(mut world) = steps.run("start the server", |_| World::start(binaries, &folder.path, port, &interrupt))
    else {
        return Ok(ExitCode::FAILURE);
    };
    let enrolled = steps.run("enroll three probes and a second person", |line| {
        for (name, tags) in story::PROBES {
            line.say(name);
            world.enroll(name, tags, &interrupt)?;
        }
        world.invite(story::SECOND)
    });
    if enrolled.is_none() {
        eprintln!("the logs are in {}", folder.keep().display());
        return Ok(ExitCode::FAILURE);
    }

    let outcome = teller::tell(story::STORY, &mut world, &interrupt);
    println!("\n{outcome}");
    if !outcome.as_told() {
        println!("the server's and the probes' logs: {}", world.logs().display());
    }
    if args.has("--once") || interrupt.came() {
        return Ok(if outcome.as_told() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    println!("\n{}\n\nCtrl-C ends the demo.", world.way_on());
    let died = world.watch(&interrupt);
    println!("ending");
    died?;
    Ok(if outcome.as_told() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The wanted port of this machine, or any free one.
pub fn free_port(wanted: u16) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", wanted)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)));
    Ok(listener.and_then(|listener| listener.local_addr()).context("no port is free on 127.0.0.1")?.port())
}

/// The demo's own folder: given and kept, or temporary and removed.
pub struct Folder {
    pub path: PathBuf,
    temporary: bool,
}

impl Folder {
    pub fn make(given: Option<&str>) -> Result<Self> {
        let path = given
            .map_or_else(|| std::env::temp_dir().join(format!("legator-demo-{}", std::process::id())), PathBuf::from);
        if given.is_none() && path.exists() {
            bail!("`{}` is left from another run; remove it", path.display());
        }
        // Keys lie in it.
        fs::DirBuilder::new()
            .recursive(given.is_some())
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("cannot make `{}`", path.display()))?;
        let path = path.canonicalize()?;
        Ok(Self { path, temporary: given.is_none() })
    }

    /// Leaves the folder where it is, for someone to look into.
    fn keep(mut self) -> PathBuf {
        self.temporary = false;
        self.path.clone()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            // The children may have left files of another user; what cannot be removed is in a temporary folder anyway.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Where the story may leave its marks.
pub fn marks(folder: &Path) -> PathBuf {
    folder.join("marks")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_folder_goes_and_a_given_one_stays() {
        let outer = tempfile::tempdir().unwrap();
        let given = outer.path().join("a/b");
        let path = Folder::make(given.to_str()).unwrap().path.clone();
        assert!(path.is_dir());
        let temporary = Folder::make(None).unwrap();
        let path = temporary.path.clone();
        assert!(path.is_dir());
        assert!(Folder::make(None).is_err(), "another run's folder is not taken over");
        drop(temporary);
        assert!(!path.exists());
    }

    #[test]
    fn takes_another_port_when_the_wanted_one_is_taken() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let holder = TcpListener::bind(("127.0.0.1", taken)).unwrap();
        assert_ne!(free_port(taken).unwrap(), taken);
        drop(holder);
        // Another process may take a free port between two looks; that it does so every time is out of the question.
        let kept = |_: i32| {
            let port = free_port(0).unwrap();
            free_port(port).unwrap() == port
        };
        assert!((0..20).any(kept));
    }
}
