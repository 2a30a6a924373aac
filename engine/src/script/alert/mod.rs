//! Alert rules: `rule()` says what a rule is, `check(probe)` or `check_fleet(fleet)` whether it fires now.
//!
//! A script sees one moment. How long something has to last, and when it is over, is counted by [`standing`].
//! No room of the server asks alert rules yet; cases do.

mod sight;
pub mod standing;

use rhai::{AST, CallFnOptions, Dynamic, Engine, ImmutableString, Scope};
use serde::{Deserialize, Serialize};

pub use sight::ProbeState;
use standing::Timing;

use super::failure::{self, Failure};
use super::indicator::{self, Recorder};
use super::listening::{self, Hits};
use super::sandbox::{Limits, sandbox, take_trace};
use crate::bundle::Fault;
use crate::rationale::Severity;

/// What a rule says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// One sentence for the person who is woken.
    pub summary: String,
    #[serde(default = "warning")]
    pub severity: Severity,
    /// How long it has to hold before it fires, in seconds.
    #[serde(default)]
    pub for_s: u32,
    /// How long it has to be over before it is resolved, in seconds.
    #[serde(default)]
    pub resolve_after_s: u32,
    /// How often it is asked, in seconds.
    #[serde(default = "each_minute")]
    pub every_s: u32,
    /// Only probes with one of these tags; all if empty.
    #[serde(default)]
    pub tags: Vec<String>,
}

const fn warning() -> Severity {
    Severity::Warning
}

const fn each_minute() -> u32 {
    60
}

impl Rule {
    pub fn timing(&self) -> Timing {
        let ms = |seconds: u32| u64::from(seconds) * 1000;
        Timing { for_ms: ms(self.for_s), resolve_after_ms: ms(self.resolve_after_s) }
    }
}

/// The alert rules of a bundle, compiled.
pub(crate) struct Alerts {
    engine: Engine,
    limits: Limits,
    scripts: Vec<AlertScript>,
}

pub(crate) struct AlertScript {
    pub(crate) path: String,
    pub(crate) rule: Rule,
    /// Whether it looks at the fleet as a whole.
    pub(crate) fleet: bool,
    ast: AST,
}

/// What a rule answered: a message if it fires.
pub(crate) struct Reading {
    pub(crate) firing: Option<String>,
    pub(crate) trace: Vec<String>,
}

/// What `ok()` and `firing(message)` give.
#[derive(Clone)]
struct Answer(Option<String>);

impl Alerts {
    /// Compiles the rules (path and text) and asks each what it is.
    pub(crate) fn load<'s>(
        limits: &Limits,
        scripts: impl IntoIterator<Item = (&'s str, &'s str)>,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut alerts = Self { engine: engine(limits, None), limits: *limits, scripts: Vec::new() };
        for (path, text) in scripts {
            match alerts.compile(path, text) {
                Ok(script) => alerts.scripts.push(script),
                Err(fault) => faults.push(*fault),
            }
        }
        alerts
    }

    /// The same rules with other texts, of which some may listen. `None` if one is no rule.
    pub(crate) fn with<'s>(
        &self,
        scripts: impl IntoIterator<Item = (&'s str, &'s str)>,
        hits: Option<&Hits>,
    ) -> Option<Self> {
        let limits = if hits.is_some() { self.limits.widened() } else { self.limits };
        let mut alerts = Self { engine: engine(&limits, hits), limits, scripts: Vec::new() };
        for (path, text) in scripts {
            let script = alerts.compile(path, text).ok()?;
            alerts.scripts.push(script);
        }
        Some(alerts)
    }

    pub(crate) fn script(&self, path: &str) -> Option<&AlertScript> {
        self.scripts.iter().find(|script| script.path == path)
    }

    /// Asks a rule about one probe.
    pub(crate) fn ask(&self, script: &AlertScript, probe: &ProbeState) -> Result<Reading, String> {
        self.run(script, "check", sight::probe(probe.clone()))
    }

    /// Asks a rule about the fleet.
    pub(crate) fn ask_fleet(&self, script: &AlertScript, fleet: &[ProbeState]) -> Result<Reading, String> {
        self.run(script, "check_fleet", sight::fleet(fleet.to_vec()))
    }

    fn run(&self, script: &AlertScript, function: &str, seen: Dynamic) -> Result<Reading, String> {
        take_trace();
        let options = CallFnOptions::new().with_tag(Recorder::default());
        let said =
            self.engine.call_fn_with_options::<Dynamic>(options, &mut Scope::new(), &script.ast, function, (seen,));
        let trace = take_trace();
        let value = said.map_err(|error| Failure::of(&script.path, &error).message)?;
        let kind = value.type_name();
        let answer = value.try_cast::<Answer>().ok_or_else(|| {
            format!("`{}` gave a `{kind}`; `{function}` ends with `ok()` or `firing(message)`", script.path)
        })?;
        Ok(Reading { firing: answer.0, trace })
    }

    fn compile(&self, path: &str, text: &str) -> Result<AlertScript, Box<Fault>> {
        let ast = self.engine.compile(text).map_err(|error| {
            let message = format!("the script cannot be read: {}", error.err_type());
            failure::fault_at(path, text, error.position(), message)
        })?;
        let has = |name: &str, arity: usize| ast.iter_functions().any(|it| it.name == name && it.params.len() == arity);
        let (one, fleet) = (has("check", 1), has("check_fleet", 1));
        if !has("rule", 0) || one == fleet {
            let message = "an alert rule has a function `rule()`, and one of `check(probe)` and `check_fleet(fleet)`";
            let help = "write `fn rule() { #{ summary: \"…\", for_s: 300 } }` and `fn check(probe) { … }`";
            return Err(Box::new(Fault::on_line(path, text, 1, 1, 1, message).help(help)));
        }
        let said = self.engine.call_fn::<Dynamic>(&mut Scope::new(), &ast, "rule", ());
        let value =
            said.map_err(|error| Failure::of(path, &error).fault(path, text, "`rule` cannot say what the rule is"))?;
        let rule: Rule = rhai::serde::from_dynamic(&value).map_err(|error| {
            let place = text.find("fn rule").unwrap_or_default();
            let message = format!("`rule` does not describe a rule: {}", error.unwrap_inner());
            let fault = Fault::at(path, text, place..place + "fn rule".len(), message);
            fault.help("it has `summary`, and may have `severity`, `for_s`, `resolve_after_s`, `every_s` and `tags`")
        })?;
        Ok(AlertScript { path: path.to_owned(), rule, fleet, ast })
    }
}

fn engine(limits: &Limits, hits: Option<&Hits>) -> Engine {
    let mut engine = sandbox(limits, None);
    engine.register_type_with_name::<Answer>("Answer");
    engine.register_fn("ok", || Answer(None));
    engine.register_fn("firing", |message: ImmutableString| Answer(Some(message.to_string())));
    indicator::register(&mut engine);
    super::view::register(&mut engine);
    sight::register(&mut engine);
    listening::listen(&mut engine, hits);
    engine
}
