//! `bundle test`: runs the cases of a bundle, and says of each that fails what was expected, what came, and why.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use legator_engine::{Bundle, CaseResult, Difference, Report, ScriptCaseResult, Trial};
use notify::Watcher as _;
use serde_json::json;

use super::progress::Bar;
use super::{junit, loaded};
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, word};
use crate::{clean, rationale};

/// Run the cases of a bundle.
#[derive(Args)]
pub struct Test {
    /// The folder with `bundle.toml`, or an archive; `FOLDER@REV` is a git revision of the folder.
    #[arg(default_value = ".", value_name = "BUNDLE")]
    folder: PathBuf,
    /// Only cases whose name or file has this in it; `*` stands for anything.
    #[arg(long, value_name = "PATTERN", default_value = "", hide_default_value = true)]
    filter: String,
    /// Run them again whenever a file changes, until interrupted.
    #[arg(long)]
    watch: bool,
    /// Also write the results as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

impl Test {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        if !self.watch {
            return self.once(screen);
        }
        let fault = |fault: notify::Error| Failure::Local(format!("could not watch the folder: {fault}"));
        let (tell, told) = std::sync::mpsc::channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a file is an event too, and reading is what a run does; so is writing a report beside the bundle.
            if event.is_ok_and(|event| !event.kind.is_access() && event.paths.iter().any(|path| counts(path))) {
                let _ = tell.send(());
            }
        })
        .map_err(fault)?;
        watcher.watch(&self.folder, notify::RecursiveMode::Recursive).map_err(fault)?;
        loop {
            if let Err(failure) = self.once(screen) {
                screen.failure(&failure);
            }
            screen.aside("waiting for a change");
            if told.recv().is_err() {
                return Ok(Exit::OK);
            }
            // One save is several events.
            while told.recv_timeout(Duration::from_millis(100)).is_ok() {}
        }
    }

    fn once(&self, screen: Screen) -> Result<Exit, Failure> {
        let bundle = match loaded::load(&self.folder, screen)? {
            Ok((bundle, _)) => bundle,
            Err(exit) => return Ok(exit),
        };
        let report = run(&bundle, &self.filter, screen);
        if let Some(path) = &self.junit {
            let fault = |source| Failure::File { verb: "write", path: path.clone(), source };
            std::fs::write(path, junit::xml(&report)).map_err(fault)?;
        }
        let cases: Vec<Told<'_>> = told(&report).collect();
        let failed = cases.iter().filter(|case| !case.problems.is_empty()).count();
        if cases.is_empty() && !self.filter.is_empty() {
            return Err(Failure::Usage(format!("no case has `{}` in its name or file", self.filter)));
        }
        let document = json!({
            "ok": report.passed(),
            "revision": bundle.revision(),
            "passed": cases.len() - failed,
            "failed": failed,
            "cases": report.cases,
            "scripts": report.scripts,
            "gaps": report.gaps,
        });
        screen.either(&document, || {
            for case in cases.iter().filter(|case| !case.problems.is_empty()) {
                case.show(screen);
            }
            for gap in &report.gaps {
                screen.data(&format!("{}{}", word("gap"), clean::line(gap)));
            }
            let first = word(if report.passed() { "ok" } else { "failed" });
            screen.data(&format!("{first}{} of {} cases hold", cases.len() - failed, cases.len()));
        });
        Ok(if report.passed() { Exit::OK } else { Exit::FAILED })
    }
}

/// Whether a file is one that a bundle is made of.
fn counts(path: &Path) -> bool {
    let ending = path.extension().and_then(std::ffi::OsStr::to_str);
    matches!(ending, Some("cedar" | "cedarschema" | "rhai" | "toml"))
}

/// Runs the cases, with a bar where somebody looks.
pub fn run(bundle: &Bundle, filter: &str, screen: Screen) -> Report {
    let bar = Bar::new(screen, "cases");
    let progress = |done, of| bar.at(done, of);
    bundle.try_cases(&Trial { filter, threads: loaded::threads(), progress: &progress })
}

/// A result of any kind of case.
pub struct Told<'r> {
    pub file: &'r str,
    pub line: u32,
    pub name: &'r str,
    pub problems: &'r [String],
    differences: &'r [Difference],
    why: Why<'r>,
}

enum Why<'r> {
    Decision(&'r CaseResult),
    Steps(&'r ScriptCaseResult),
}

/// Every result, in the order of files and lines.
pub fn told(report: &Report) -> impl Iterator<Item = Told<'_>> {
    let decided = report.cases.iter().map(|case| {
        let CaseResult { file, line, name, problems, differences, .. } = case;
        Told { file, line: *line, name, problems, differences, why: Why::Decision(case) }
    });
    let scripts = report.scripts.iter().map(|case| {
        let ScriptCaseResult { file, line, name, problems, differences, .. } = case;
        Told { file, line: *line, name, problems, differences, why: Why::Steps(case) }
    });
    decided.chain(scripts)
}

impl Told<'_> {
    /// What was expected, what came, and how it came to that.
    pub fn explanation(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for Difference { what, expected, got } in self.differences {
            lines.push(clean::line(what));
            lines.push(format!("  expected  {}", clean::line(expected)));
            lines.push(format!("  got       {}", clean::line(got)));
        }
        match self.why {
            Why::Decision(case) => {
                lines.push(format!("because   {}", clean::line(&case.decision.rationale.summary)));
                lines.extend(rationale::lines(&case.decision).into_iter().map(|line| format!("  {line}")));
            }
            Why::Steps(case) => {
                lines.push(format!("what {} did", clean::line(&case.script)));
                lines.extend(case.steps.iter().map(|step| format!("  {}", clean::line(step))));
            }
        }
        lines
    }

    fn show(&self, screen: Screen) {
        let (name, file) = (clean::line(self.name), clean::line(self.file));
        screen.data(&format!("{}{name}\n        {file}:{}", word("failed"), self.line));
        for line in self.explanation() {
            screen.data(&format!("        {line}"));
        }
        screen.data("");
    }
}
