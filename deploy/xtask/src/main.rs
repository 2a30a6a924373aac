//! Developer tasks behind `cargo xtask`: one word for each, and `cargo xtask test` is all that CI runs.
//! Never: a part of the product. Nothing here is shipped.

mod api_fuzz;
mod args;
mod bench;
mod demo;
mod dist;
mod fuzz;
mod needs;
mod openapi;
mod process;
mod progress;
mod test;
mod tidy;
mod toolchain;
mod web;
mod workspace;

use std::env;
use std::process::ExitCode;

use anyhow::{Result, bail};

use self::args::{Args, Task};

/// Every task: its word, what it does in a line, its options, and its function.
const TASKS: &[Task] = &[
    Task {
        word: "demo",
        about: "starts a server and three probes on this machine and walks a story through them",
        help: demo::HELP,
        flags: &["--once", "--release"],
        values: &["--port", "--data"],
        run: demo::run,
    },
    Task {
        word: "test",
        about: "checks everything: formatting, lints, build, tests, guards, the API document",
        help: test::HELP,
        flags: &[],
        values: &[],
        run: test::run,
    },
    Task {
        word: "ci",
        about: "runs `.ci/run`: what continuous integration runs",
        help: test::HELP_CI,
        flags: &[],
        values: &[],
        run: test::run_ci,
    },
    Task {
        word: "bench",
        about: "measures everything that has a goal, prints one table, writes `target/bench.json`",
        help: bench::HELP,
        flags: &[],
        values: &["--only"],
        run: bench::run,
    },
    Task {
        word: "openapi",
        about: "writes `server/openapi.json` from the server's own description",
        help: openapi::HELP,
        flags: &["--check"],
        values: &[],
        run: openapi::run,
    },
    Task {
        word: "api-fuzz",
        about: "lets a fuzzer that reads the API document call every operation as every role",
        help: api_fuzz::HELP,
        flags: &[],
        values: &["--examples"],
        run: api_fuzz::run,
    },
    Task {
        word: "fuzz",
        about: "lets a fuzzer that sees what it reaches try the parsers of what strangers send",
        help: fuzz::HELP,
        flags: &[],
        values: &["TARGET", "--seconds"],
        run: fuzz::run,
    },
    Task {
        word: "dist",
        about: "builds what is shipped into `target/shipped`",
        help: dist::HELP,
        flags: &[],
        values: &[],
        run: dist::run,
    },
    Task {
        word: "ui",
        about: "builds the web interface, which the next build of the server takes in",
        help: web::HELP,
        flags: &[],
        values: &[],
        run: web::run,
    },
    Task {
        word: "tidy",
        about: "runs the guards that hold the tree to the house rules",
        help: TIDY_HELP,
        flags: &[],
        values: &[],
        run: run_tidy,
    },
];

const TIDY_HELP: &str = "\
Reads the whole tree and cargo's dependency tree, and shows every place that breaks a house rule.
Warnings are shown and do not fail. The same guards run in `cargo test -p xtask`.";

fn run_tidy(_: &Args) -> Result<ExitCode> {
    let report = tidy::look(&workspace::root()?)?;
    println!("{report}");
    Ok(if report.n_refused() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match dispatch(&words) {
        Ok(code) => code,
        Err(fault) => {
            eprintln!("xtask: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[String]) -> Result<ExitCode> {
    let Some((word, rest)) = words.split_first() else {
        println!("{}", args::overview(TASKS));
        return Ok(ExitCode::FAILURE);
    };
    if matches!(word.as_str(), "help" | "--help" | "-h") {
        println!("{}", args::overview(TASKS));
        return Ok(ExitCode::SUCCESS);
    }
    let Some(task) = TASKS.iter().find(|task| task.word == word) else {
        bail!("there is no task `{word}`; `cargo xtask --help` lists them");
    };
    if rest.iter().any(|arg| matches!(arg.as_str(), "--help" | "-h")) {
        println!("{}", task.page());
        return Ok(ExitCode::SUCCESS);
    }
    (task.run)(&Args::read(task, rest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_task_that_it_does_not_know() {
        let fault = dispatch(&["deploy".into()]).unwrap_err().to_string();
        assert!(fault.contains("no task `deploy`"), "{fault}");
    }

    #[test]
    fn every_task_has_a_page_that_names_its_options() {
        for task in TASKS {
            for option in task.flags.iter().chain(task.values) {
                assert!(task.help.contains(option), "`{}` does not explain `{option}`", task.word);
            }
        }
    }
}
