//! `bundle lint`: what is not wrong with a bundle and yet not right.

use clap::Args;
use legator_engine::{Grade, lint};
use serde_json::json;

use super::findings;
use super::source::Source;
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, word};

/// Find slow, dead, untested and unexplained policies and scripts.
///
/// `[lint]` in `bundle.toml` switches a rule (`code = "off"`, `"warning"` or `"error"`); `@lint_allow("code")` on a
/// policy, or a comment `lint_allow: code` in any other file, lets it pass there.
#[derive(Args)]
pub struct Lint {
    #[command(flatten)]
    source: Source,
    /// End with 1 on errors only, not on warnings.
    #[arg(long)]
    lenient: bool,
    /// Say what a rule finds, or every rule, instead of looking at a bundle.
    #[arg(long, value_name = "CODE", num_args = 0..=1, default_missing_value = "all")]
    explain: Option<String>,
}

impl Lint {
    pub fn obey(self, screen: Screen) -> Result<Exit, Failure> {
        if let Some(code) = &self.explain {
            return findings::explain(screen, code);
        }
        let found = match lint::lint(&self.source.read()?) {
            Ok(found) => found,
            Err(faults) => {
                findings::show(screen, &json!({ "ok": false, "faults": faults }), &faults);
                screen.aside("the bundle is broken; lint looks at bundles that `bundle check` takes");
                return Ok(Exit::FAILED);
            }
        };
        let bad = found.iter().any(|fault| !self.lenient || fault.grade == Grade::Error);
        findings::show(screen, &json!({ "ok": !bad, "faults": found }), &found);
        if found.is_empty() && !screen.json {
            screen.data(&format!("{}{} rules found nothing", word("ok"), lint::RULES.len()));
        }
        Ok(if bad { Exit::FAILED } else { Exit::OK })
    }
}
