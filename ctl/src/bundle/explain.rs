//! `bundle explain`: why a case or a request comes out as it does, with every clause that was looked at.

use std::path::PathBuf;

use clap::Args;
use legator_engine::Explanation;
use serde_json::json;

use super::{loaded, test};
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, word};
use crate::{clean, rationale};

/// Say why a case or a request is decided as it is: which policies, which of their clauses, what would make it pass.
#[derive(Args)]
pub struct Explain {
    /// A case's name, or a part of it.
    #[arg(required_unless_present = "request", conflicts_with = "request")]
    case: Option<String>,
    /// A request instead: a case without `expect` (TOML), or recorded facts (JSON).
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// The folder with `bundle.toml`.
    #[arg(long, value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

impl Explain {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        let bundle = match loaded::load(&self.folder, screen)? {
            Ok((bundle, _)) => bundle,
            Err(exit) => return Ok(exit),
        };
        if let Some(path) = &self.request {
            let fault = |source| Failure::File { verb: "read", path: path.clone(), source };
            let text = std::fs::read_to_string(path).map_err(fault)?;
            return Ok(match bundle.explain_request(&path.to_string_lossy(), &text) {
                Ok(explained) => show(screen, &explained),
                Err(faults) => {
                    screen.either(&json!({ "ok": false, "faults": faults }), || loaded::show(screen, &faults));
                    Exit::FAILED
                }
            });
        }
        let name = self.case.unwrap_or_default();
        let explained = bundle.explain_cases(&name);
        if !explained.is_empty() {
            return Ok(show(screen, &explained));
        }
        let report = test::run(&bundle, &name, screen);
        if report.scripts.is_empty() {
            return Err(Failure::Usage(format!("no case has `{name}` in its name; `bundle test` runs them all")));
        }
        screen.either(&json!({ "scripts": report.scripts }), || {
            for case in &report.scripts {
                screen.data(&format!("{}\n        {}:{}", clean::line(&case.name), clean::line(&case.file), case.line));
                for step in &case.steps {
                    screen.data(&format!("        {}", clean::line(step)));
                }
            }
        });
        Ok(Exit::OK)
    }
}

fn show(screen: Screen, explained: &[Explanation]) -> Exit {
    screen.either(&json!({ "explained": explained }), || {
        for one in explained {
            let (name, file) = (clean::line(&one.name), clean::line(&one.file));
            screen.data(&format!("{name}\n        {file}:{}", one.line));
            let decision = &one.decision;
            let summary = clean::line(&decision.rationale.summary);
            screen.data(&format!("{}{summary}", word(decision.outcome.as_str())));
            for line in rationale::lines(decision) {
                screen.data(&format!("        {line}"));
            }
            if !one.considered.is_empty() {
                screen.data("        in scope as well, and without effect:");
            }
            for line in rationale::reasons(&one.considered) {
                screen.data(&format!("          {line}"));
            }
            screen.data("");
        }
    });
    Exit::OK
}
