//! `bundle cover`: what the cases of a bundle show of its policies and scripts, and what none shows.

use std::path::{Path, PathBuf};

use clap::Args;
use legator_engine::{Coverage, FileCoverage, PointKind, Share, Trial};
use serde_json::json;

use super::loaded;
use super::progress::Bar;
use crate::clean;
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, word};

/// Say what the cases show of each clause and each line, and what no case shows.
#[derive(Args)]
pub struct Cover {
    /// The folder with `bundle.toml`, or an archive; `FOLDER@REV` is a git revision of the folder.
    #[arg(default_value = ".", value_name = "BUNDLE")]
    folder: PathBuf,
    /// Also write pages with the marked source into this folder.
    #[arg(long, value_name = "DIR")]
    html: Option<PathBuf>,
    /// Also write a tracefile of lcov.
    #[arg(long, value_name = "FILE")]
    lcov: Option<PathBuf>,
    /// Fail below this percentage of clauses; `[coverage] clauses` of bundle.toml if absent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    fail_under: Option<u32>,
    /// Show every line, also of files that are covered.
    #[arg(long)]
    all: bool,
}

impl Cover {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        let (bundle, gate) = match loaded::load(&self.folder, screen)? {
            Ok(loaded) => loaded,
            Err(exit) => return Ok(exit),
        };
        let bar = Bar::new(screen, "cases");
        let progress = |done, of| bar.at(done, of);
        let trial = Trial { filter: "", threads: loaded::threads(), progress: &progress };
        let coverage = Coverage::of(&bundle, &trial);
        drop(bar);
        if let Some(folder) = &self.html {
            std::fs::create_dir_all(folder).map_err(failed_to_write(folder))?;
            for (name, text) in coverage.html("Coverage of the bundle") {
                let path = folder.join(name);
                std::fs::write(&path, text).map_err(failed_to_write(&path))?;
            }
        }
        if let Some(path) = &self.lcov {
            std::fs::write(path, coverage.lcov()).map_err(failed_to_write(path))?;
        }
        let wanted = self.fail_under.or(gate.clauses);
        let enough = coverage.clauses().reaches(wanted.unwrap_or_default())
            && coverage.scripts().reaches(wanted.unwrap_or_default());
        let ok = enough && coverage.failed_cases == 0;
        let document = json!({
            "ok": ok,
            "revision": bundle.revision(),
            "clauses": { "seen": coverage.clauses().seen, "of": coverage.clauses().of },
            "scripts": { "seen": coverage.scripts().seen, "of": coverage.scripts().of },
            "fail_under": wanted,
            "failed_cases": coverage.failed_cases,
            "files": coverage.files,
        });
        screen.either(&document, || {
            for file in &coverage.files {
                self.show(screen, file);
            }
            screen.table(&["FILE", "CLAUSES", "LINES AND BRANCHES"], coverage.files.iter().map(row).collect());
            let first = word(if ok { "ok" } else { "failed" });
            let gate = wanted.map(|percent| format!("; wanted are {percent} %")).unwrap_or_default();
            let (clauses, scripts) = (shown(coverage.clauses()), shown(coverage.scripts()));
            screen.data(&format!("{first}clauses {clauses}, scripts {scripts}{gate}"));
            if coverage.failed_cases > 0 {
                screen.note(&format!("{} case(s) do not hold, and show nothing", coverage.failed_cases));
            }
        });
        Ok(if ok { Exit::OK } else { Exit::FAILED })
    }

    /// The source, with what is missing under the line that it is missing from.
    fn show(&self, screen: Screen, file: &FileCoverage) {
        if !self.all && file.points.iter().all(legator_engine::Point::covered) {
            return;
        }
        screen.data(&clean::line(&file.file));
        for (number, text, points) in file.lines() {
            let open = points.iter().any(|point| !point.covered());
            if !self.all && !open {
                continue;
            }
            let mark = if points.is_empty() {
                ' '
            } else if open {
                '✗'
            } else {
                '✓'
            };
            screen.data(&format!("{number:>5} {mark} {}", clean::line(text)));
            for point in points.iter().filter(|point| !point.covered()) {
                screen.data(&format!("        {}: {}", clean::line(&point.text), point.missing()));
            }
        }
        screen.data("");
    }
}

fn failed_to_write(path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let path = path.to_owned();
    move |source| Failure::File { verb: "write", path, source }
}

fn row(file: &FileCoverage) -> Vec<String> {
    let part = |kinds: &[PointKind]| match file.share(kinds) {
        Share { of: 0, .. } => String::new(),
        share => shown(share),
    };
    let clauses = part(&[PointKind::Policy, PointKind::Clause]);
    vec![clean::line(&file.file), clauses, part(&[PointKind::Line, PointKind::Branch])]
}

fn shown(share: Share) -> String {
    format!("{:.1} % ({} of {})", share.percent(), share.seen, share.of)
}
