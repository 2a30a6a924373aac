//! `cargo xtask bench`: every figure that has a goal, from one run on one machine, in one table.
//! Never: a figure that this run did not measure. What could not be measured says so, and why.

mod footprint;
mod table;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use self::table::{Found, Row};
use crate::args::Args;
use crate::progress::{Line, Steps};
use crate::{needs, process, web, workspace};

pub const HELP: &str = "\
Runs the benches of classify, engine and server, whose programs print JSON lines, then measures the size and idle
memory of the shipped probe and server and the server's time to its first answer.
Prints one table and writes `target/bench.json` with the machine, the commit and the date.

  --only NAME   measures one group: classify, decide, cases, reload, replay, audit, bundles, road, hub,
                footprint or web";

/// The programs that measure: package, bench, and where its source stands.
const BENCHES: &[(&str, &str, &str)] = &[
    ("legator-classify", "classify", "engine/classify/benches/classify.rs"),
    ("legator-engine", "decide", "engine/benches/decide.rs"),
    ("legator-engine", "cases", "engine/benches/cases.rs"),
    ("legator-engine", "reload", "engine/benches/reload.rs"),
    ("legator-engine", "replay", "engine/benches/replay.rs"),
    ("legator-server", "audit", "server/benches/audit.rs"),
    ("legator-server", "bundles", "server/benches/bundles.rs"),
    ("legator-server", "road", "server/benches/road.rs"),
    ("legator-server", "hub", "server/benches/hub.rs"),
];
const FOOTPRINT: &str = "footprint";
/// The pages in a real browser, against the release build.
const WEB: &str = "web";

pub fn run(args: &Args) -> Result<ExitCode> {
    let root = workspace::root()?;
    let only = args.value("--only");
    if let Some(name) =
        only.filter(|name| ![FOOTPRINT, WEB].contains(name) && BENCHES.iter().all(|(_, bench, _)| bench != name))
    {
        bail!("there is nothing to measure called `{name}`; `--help` lists what there is");
    }
    let wanted = |name: &str| only.is_none_or(|only| only == name);
    let benches: Vec<_> = BENCHES.iter().filter(|(_, name, _)| wanted(name)).collect();
    let with_web = wanted(WEB) && needs::has_web(&root);
    let mut steps = Steps::new(benches.len() + usize::from(wanted(FOOTPRINT)) + usize::from(with_web));
    let mut rows = Vec::new();
    for (package, name, path) in benches {
        if !root.join(path).is_file() {
            steps.skip(name, "there is no such bench yet");
            rows.push(Row::missing(name, "there is no such bench yet"));
            continue;
        }
        match steps.run(name, |line| measure(&root, line, package, name)) {
            Some(found) => rows.extend(found),
            None => rows.push(Row::missing(name, "the bench failed")),
        }
    }
    if wanted(FOOTPRINT) {
        rows.extend(steps.run(FOOTPRINT, |line| footprint::measure(&root, line)).unwrap_or_default());
    }
    if with_web {
        match steps.run(WEB, |line| pages(&root, line)) {
            Some(found) => rows.extend(found),
            None => rows.push(Row::missing(WEB, "the bench failed")),
        }
    }
    println!("{}", table::draw(&rows));
    write(&root, &rows)?;
    // A bench that is not there yet is said in the table; one that fails is a failure.
    let failed = rows.iter().any(|row| matches!(&row.found, Found::Nothing(why) if why == "the bench failed"));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn measure(root: &Path, line: &Line, package: &str, name: &str) -> Result<Vec<Row>> {
    let mut command = workspace::cargo_command(root, &["bench", "-p", package, "--bench", name]);
    let rows = read(name, &process::run(&mut command, &|text| line.say(text))?.well()?.stdout);
    if rows.is_empty() {
        bail!("the bench `{name}` printed no figures");
    }
    Ok(rows)
}

/// Times of the pages; their sizes are held by `cargo xtask test`.
fn pages(root: &Path, line: &Line) -> Result<Vec<Row>> {
    web::build(root, line)?;
    let build = ["build", "--release", "-p", "legator-server", "-p", "legator-probe"];
    process::run(&mut workspace::cargo_command(root, &build), &|text| line.say(text))?.well()?;
    let rows = read(WEB, &web::speed(root, line)?);
    if rows.is_empty() {
        bail!("the stories of speed printed no figures");
    }
    Ok(rows)
}

/// The JSON objects among the lines; other lines are talk.
fn read(group: &str, stdout: &str) -> Vec<Row> {
    let objects = stdout.lines().filter_map(|line| serde_json::from_str::<Map<String, Value>>(line.trim()).ok());
    objects.map(|figures| Row { group: group.into(), found: Found::Figures(figures) }).collect()
}

fn write(root: &Path, rows: &[Row]) -> Result<()> {
    let said = |program: &str, args: &[&str]| {
        let ended =
            process::run(Command::new(program).current_dir(root).args(args), &|_| {}).and_then(process::Ended::well);
        ended.map_or_else(|_| "unknown".to_owned(), |ended| ended.stdout.trim().to_owned())
    };
    let report = json!({
        "machine": machine(),
        "commit": said("git", &["describe", "--always", "--dirty"]),
        "date": said("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
        "rows": rows.iter().map(Row::json).collect::<Vec<_>>(),
    });
    let path = root.join("target/bench.json");
    fs::write(&path, serde_json::to_string_pretty(&report)? + "\n")
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    eprintln!("written to target/bench.json");
    Ok(())
}

/// What a figure depends on most: the processor, how many, and the memory.
fn machine() -> String {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into());
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_else(|| "unknown memory".into());
    let n_cpus = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{cpu}, {n_cpus} cores, {memory}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_figures_and_leaves_talk() {
        let rows =
            read("decide", "warming up\n{\"name\": \"ten\", \"p50_us\": 3.5}\n[1]\n  {\"name\": \"many\"}\n42\n");
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].json(), json!({"group": "decide", "name": "ten", "p50_us": 3.5}));
    }

    #[test]
    fn names_the_machine() {
        assert!(machine().contains("cores"));
    }
}
