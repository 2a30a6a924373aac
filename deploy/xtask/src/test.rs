//! `cargo xtask test`: everything that must hold before a change goes in, in one command.
//! Never: skips a check silently. What could not be run counts as failed.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::args::Args;
use crate::process::{self, Ended};
use crate::progress::{Line, Steps};
use crate::{api_fuzz, needs, openapi, tidy, toolchain, web, workspace};

pub const HELP: &str = "\
Checks the toolchain, installs what is missing (as root on Debian; otherwise it says what to install), then runs:
formatting, lints as errors, the build, all tests with the doc tests, the guards of `cargo xtask tidy`, the drift check
of `server/openapi.json`, a fuzzer that reads that document and calls every operation as every role, the demo's story
with the real programs, the web interface's own tests, and its stories in a real browser.
Ends with a line `N passed, N failed`; no test at all is a failure.";

pub const HELP_CI: &str =
    "Runs `.ci/run`, as continuous integration does: it sets `CI` and runs `cargo xtask test`, and nothing else.";

pub fn run(_: &Args) -> Result<ExitCode> {
    let root = workspace::root()?;
    let has_web = needs::has_web(&root);
    let mut steps = Steps::new(if has_web { 12 } else { 10 });
    let mut tally = Tally::default();

    if let Some(said) = steps.run("toolchain", |_| toolchain::check(&root)) {
        eprintln!("      {said}");
    }
    steps.run("what cargo cannot bring", |line| {
        needs::meet(&root, line)?;
        needs::provider(&root, line)
    });
    steps.run("formatting", |line| cargo(&root, line, &["fmt", "--all", "--check"])?.well());
    // Before the build, which puts the finished pages into the server.
    if has_web {
        steps.run("web interface", |line| web::check(&root, line));
    }
    steps.run("lints", |line| {
        cargo(&root, line, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?.well()
    });
    let built = steps.run("build", |line| cargo(&root, line, &["build", "--workspace"])?.well()).is_some();
    if built {
        steps.run("tests", |line| {
            let ended = cargo(&root, line, &["test", "--workspace", "--no-fail-fast"])?;
            tally = Tally::of(&ended);
            tally.judge(ended)
        });
    } else {
        steps.skip("tests", "the build failed");
    }
    steps.run("guards", |_| {
        let report = tidy::look(&root)?;
        if report.n_refused() > 0 {
            bail!("{report}");
        }
        Ok(())
    });
    if built {
        steps.run("API document", |_| openapi::check(&root));
        steps.run("every operation, as every role", |line| api_fuzz::check_few(&root, line));
        steps.run("the demo's story", |line| told(&root, line));
        if has_web {
            steps.run("stories in a browser", |line| web::stories(&root, line));
        }
    } else {
        steps.skip("API document", "the build failed");
        steps.skip("every operation, as every role", "the build failed");
        steps.skip("the demo's story", "the build failed");
        if has_web {
            steps.skip("stories in a browser", "the build failed");
        }
    }

    eprint!("\n{}", steps.summary());
    if tally.ignored > 0 {
        eprintln!("{} tests are marked to be ignored", tally.ignored);
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(if steps.went_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the very script that continuous integration runs.
pub fn run_ci(_: &Args) -> Result<ExitCode> {
    let script = workspace::root()?.join(".ci/run");
    let status = Command::new(&script).status().with_context(|| format!("cannot start `{}`", script.display()))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cargo(root: &Path, line: &Line, args: &[&str]) -> Result<Ended> {
    process::run(&mut workspace::cargo_command(root, args), &|text| line.say(text))
}

/// The story that the README promises, with the real programs. Called as a person calls it: the build before it may
/// have put another file where this program lay.
fn told(root: &Path, line: &Line) -> Result<()> {
    cargo(root, line, &["xtask", "demo", "--once"])?.well().map(drop)
}

/// How many tests ran, summed from cargo's own lines.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    fn of(ended: &Ended) -> Self {
        let mut tally = Self::read(&ended.stdout);
        // A program that died in the middle printed no result; it must not read as "0 failed".
        if !ended.status.success() && tally.failed == 0 {
            tally.failed = 1;
        }
        tally
    }

    fn read(stdout: &str) -> Self {
        let mut tally = Self::default();
        for line in stdout.lines().filter_map(|line| line.trim_start().strip_prefix("test result: ")) {
            for part in line.split([';', '.']) {
                let mut words = part.split_whitespace();
                let (Some(number), Some(word)) = (words.next().and_then(|word| word.parse::<u64>().ok()), words.next())
                else {
                    continue;
                };
                match word {
                    "passed" => tally.passed += number,
                    "failed" => tally.failed += number,
                    "ignored" => tally.ignored += number,
                    _ => {}
                }
            }
        }
        tally
    }

    fn judge(&self, ended: Ended) -> Result<()> {
        ended.well()?;
        if self.passed == 0 {
            bail!("no test ran, and no test is no proof");
        }
        if self.failed > 0 {
            bail!("{} tests failed, though cargo said that all went well", self.failed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(script: &str) -> Ended {
        process::run(Command::new("sh").args(["-c", script]), &|_| {}).unwrap()
    }

    const GOOD: &str = "test result: ok. 5 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.10s";
    const BAD: &str =
        "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s";

    #[test]
    fn sums_the_lines_of_every_test_program() {
        assert_eq!(
            Tally::read(&format!("running 5 tests\n{GOOD}\n\n   Doc-tests a\n{BAD}\n")),
            Tally { passed: 8, failed: 2, ignored: 2 }
        );
        assert_eq!(Tally::read("9 passed; 9 failed"), Tally::default());
    }

    #[test]
    fn passes_when_all_tests_did() {
        let ended = ended(&format!("echo '{GOOD}'"));
        let tally = Tally::of(&ended);
        assert_eq!(tally.failed, 0);
        assert!(tally.judge(ended).is_ok());
    }

    #[test]
    fn fails_when_no_test_ran() {
        let ended = ended("echo 'test result: ok. 0 passed; 0 failed; 0 ignored'");
        assert!(Tally::of(&ended).judge(ended).unwrap_err().to_string().contains("no test ran"));
    }

    #[test]
    fn fails_when_a_test_did_or_when_a_program_died() {
        for script in
            [format!("echo '{BAD}'; exit 101"), format!("echo '{BAD}'"), format!("echo '{GOOD}'; kill -SEGV $$")]
        {
            let ended = ended(&script);
            let tally = Tally::of(&ended);
            assert!(tally.failed > 0, "{script}");
            assert!(tally.judge(ended).is_err(), "{script}");
        }
    }
}
