//! `cargo xtask fuzz`: a fuzzer that sees which lines are reached tries the parsers of what strangers send.
//! The targets are in `server/src/hostile`; `cargo xtask test` calls them with the kept inputs alone, in the usual build.
//! Never: a compiler that is not the tree's own. libFuzzer needs only coverage, which the stable compiler's LLVM gives;
//! an address sanitizer would want a nightly one, and finds what safe Rust does not have (`unsafe_code` is forbidden).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::args::Args;
use crate::process;
use crate::progress::{Line, Steps};
use crate::workspace;

pub const HELP: &str = "\
Builds `server/fuzz`, in a target folder of its own, with the coverage that libFuzzer goes by, and lets it try every
target, or TARGET alone, beginning with the kept inputs in `server/fuzz/corpus`. New inputs that reach something new are
kept in `target/fuzz/inputs`. What breaks a target is shown with the file that does it; mended, the file goes into
`server/fuzz/corpus`, where every `cargo xtask test` reads it again.
Without a word: TARGET is every one of them.

  --seconds N   so long for each target; 60 if absent";

/// Where the fuzzing program's sources and inputs are.
const HOME: &str = "server/fuzz";
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// What `cargo fuzz --sanitizer none` gives the compiler.
const COVERAGE: [&str; 6] = [
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

pub fn run(args: &Args) -> Result<ExitCode> {
    let root = workspace::root()?;
    let seconds: u32 = args.value("--seconds").map_or(Ok(60), str::parse).context("`--seconds` is a number")?;
    let targets = chosen(targets(&root)?, args.value("TARGET"))?;
    let mut steps = Steps::new(targets.len() + 1);
    let program = steps.run("build with coverage", |line| build(&root, line));
    let mut told = BTreeMap::new();
    for target in targets {
        let Some(program) = &program else {
            steps.skip(&target, "the build failed");
            continue;
        };
        if let Some(figures) = steps.run(&target, |line| attack(&root, program, &target, seconds, line)) {
            told.insert(target, figures);
        }
    }
    for (target, Figures { runs, coverage, inputs }) in &told {
        println!("{target:<16} {runs:>12} inputs tried, {coverage:>6} places reached, {inputs:>5} inputs kept");
    }
    eprint!("\n{}", steps.summary());
    Ok(if steps.went_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The targets, by the folders of their inputs: a test of the server holds that each has one.
fn targets(root: &Path) -> Result<Vec<String>> {
    let corpus = root.join(HOME).join("corpus");
    let mut found = Vec::new();
    for folder in fs::read_dir(&corpus).with_context(|| format!("cannot read `{}`", corpus.display()))? {
        found.push(folder?.file_name().to_string_lossy().into_owned());
    }
    found.sort();
    Ok(found)
}

fn chosen(all: Vec<String>, wanted: Option<&str>) -> Result<Vec<String>> {
    match wanted {
        None => Ok(all),
        Some(name) if all.iter().any(|known| known == name) => Ok(vec![name.to_owned()]),
        Some(name) => bail!("there is no target `{name}`; there are `{}`", all.join("`, `")),
    }
}

/// Every crate is built with coverage, so that the fuzzer sees into those that we use, too.
fn build(root: &Path, line: &Line) -> Result<PathBuf> {
    let made = root.join("target/fuzz");
    let manifest = format!("{HOME}/Cargo.toml");
    let args = ["build", "--locked", "--release", "--manifest-path", &manifest, "--target", TRIPLE];
    let mut command = workspace::cargo_command(root, &args);
    command.arg("--target-dir").arg(&made).env("RUSTFLAGS", COVERAGE.join(" "));
    process::run(&mut command, &|text| line.say(text))?.well()?;
    Ok(made.join(TRIPLE).join("release/hostile"))
}

/// What a run came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    runs: u64,
    coverage: u64,
    inputs: u64,
}

fn attack(root: &Path, program: &Path, target: &str, seconds: u32, line: &Line) -> Result<Figures> {
    let (found, kept) = (root.join("target/fuzz/inputs").join(target), root.join(HOME).join("corpus").join(target));
    let broken = root.join(HOME).join("artifacts").join(target);
    for folder in [&found, &broken] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    }
    let mut command = Command::new(program);
    command.current_dir(root).env("LEGATOR_FUZZ", target).env("RUST_BACKTRACE", "1");
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/", broken.display()));
    command.args(["-max_len=8192", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
    command.arg(&found).arg(&kept);
    let ended = process::run(&mut command, &|text| line.say(text))?;
    let figures = Figures::of(&ended.text);
    ended.well().with_context(|| format!("`{target}` breaks; what does it is in `{}`", broken.display()))?;
    Ok(figures)
}

impl Figures {
    /// From libFuzzer's own lines.
    fn of(text: &str) -> Self {
        let after = |line: &str, mark: &str| {
            let rest = line.split_once(mark)?.1.trim_start();
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        };
        let newest = |mark: &str| text.lines().rev().find_map(|line| after(line, mark)).unwrap_or_default();
        Self { runs: newest("stat::number_of_executed_units:"), coverage: newest(" cov: "), inputs: newest(" corp: ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_fuzzer_says_of_itself() {
        let text = "#2\tINITED cov: 10 ft: 10 corp: 1/1b\n#9912919\tREDUCE cov: 11 ft: 11 corp: 5/25b lim: 4096\n\
                    Done 10 runs in 2 second(s)\nstat::number_of_executed_units: 19787094\n";
        assert_eq!(Figures::of(text), Figures { runs: 19_787_094, coverage: 11, inputs: 5 });
        assert_eq!(Figures::of(""), Figures::default());
    }

    #[test]
    fn knows_its_targets_and_no_other() {
        let all = targets(&workspace::root().unwrap()).unwrap();
        assert!(all.contains(&"id-token".to_owned()) && all.len() > 20, "{all:?}");
        assert_eq!(chosen(all.clone(), Some("id-token")).unwrap(), ["id-token"]);
        let fault = chosen(all, Some("nothing")).unwrap_err().to_string();
        assert!(fault.contains("`id-token`"), "{fault}");
    }
}
