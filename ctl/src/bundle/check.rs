//! `bundle check`: loads a bundle as the server does, and shows every fault with its place.

use clap::Args;
use legator_engine::{Bundle, Fault, Grade};
use serde_json::json;

use super::findings;
use super::source::Source;
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, word};

/// Load a bundle as the server does, and show every fault with its place.
#[derive(Args)]
pub struct Check {
    #[command(flatten)]
    source: Source,
    /// Warnings fail too.
    #[arg(long)]
    strict: bool,
    /// Say what a code means, or every code, instead of looking at a bundle.
    #[arg(long, value_name = "CODE", num_args = 0..=1, default_missing_value = "all")]
    explain: Option<String>,
}

impl Check {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        if let Some(code) = &self.explain {
            return findings::explain(screen, code);
        }
        let files = match self.source.read() {
            Ok(files) => files,
            // Faults of where the files lie are faults of the bundle.
            Err(Failure::Bundle(faults)) => {
                findings::show(screen, &json!({ "ok": false, "faults": faults }), &faults);
                return Ok(Exit::FAILED);
            }
            Err(failure) => return Err(failure),
        };
        let looked = Bundle::inspect(&files);
        let Some(bundle) = looked.bundle else {
            findings::show(screen, &json!({ "ok": false, "faults": looked.findings }), &looked.findings);
            return Ok(Exit::FAILED);
        };
        let (policies, scripts) = (bundle.policies().count(), bundle.scripts().count());
        let ok = !(self.strict && looked.findings.iter().any(|fault| fault.grade == Grade::Warning));
        let said = json!({
            "ok": ok,
            "name": bundle.name(),
            "revision": bundle.revision(),
            "policies": policies,
            "scripts": scripts,
            "faults": looked.findings,
        });
        findings::show(screen, &said, &looked.findings);
        if ok && !screen.json {
            let revision = bundle.revision();
            screen.data(&format!("{}{policies} policies, {scripts} scripts, revision {revision}", word("ok")));
        }
        Ok(if ok { Exit::OK } else { Exit::FAILED })
    }
}

/// How many findings there are, for a person.
pub fn counted(faults: &[Fault]) -> String {
    let errors = faults.iter().filter(|fault| fault.grade == Grade::Error).count();
    format!("{errors} error(s), {} warning(s)", faults.len() - errors)
}
