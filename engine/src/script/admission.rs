//! Admission: is there room for this now? Every script is asked, and the strictest answer wins.
//! Never: passes because a script failed. A failure denies, and says where.

use rhai::{AST, CallFnOptions, Dynamic, Engine, ImmutableString, Scope};

use super::failure::{self, Failure};
use super::indicator::{self, Named, Recorder};
use super::listening::{self, Hits};
use super::sandbox::{Abort, Limits, sandbox, take_trace};
use super::view;
use crate::bundle::Fault;
use crate::capacity::{Capacity, ProbeLoad};
use crate::decision::Classified;
use crate::facts::{Ask, Context, Facts, Origin, Principal, Probe, Resource};
use crate::rationale::{AdmissionReason, Comparator, Indicator, Scalar, ScriptReason, Verdict};

/// The admission scripts of a bundle, compiled, with the engine that all of them share.
pub(crate) struct Admission {
    engine: Engine,
    scripts: Vec<Script>,
    limits: Limits,
}

struct Script {
    path: String,
    ast: AST,
}

/// What `allow()`, `queue(reason)` and `deny(reason)` give.
#[derive(Clone)]
struct Answer {
    verdict: Verdict,
    reason: Option<String>,
}

impl Admission {
    /// Compiles the scripts (path and text, whose contract was checked), and tries each on a quiet and an unknown probe.
    pub(crate) fn load<'s>(
        limits: &Limits,
        abort: Option<Abort>,
        scripts: impl IntoIterator<Item = (&'s str, &'s str)>,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut admission = Self { engine: engine(limits, abort), scripts: Vec::new(), limits: *limits };
        for (path, text) in scripts {
            match admission.engine.compile(text) {
                Ok(ast) => {
                    let script = Script { path: path.to_owned(), ast };
                    match admission.rehearse(&script, text) {
                        Ok(()) => admission.scripts.push(script),
                        Err(fault) => faults.push(fault),
                    }
                }
                Err(error) => {
                    let message = format!("the script cannot be read: {}", error.err_type());
                    faults.push(failure::fault_at(path, text, error.position(), message));
                }
            }
        }
        admission
    }

    /// The same scripts, of which one has another text and some may listen. `None` if the text is no such script.
    pub(crate) fn with<'s>(
        &self,
        scripts: impl IntoIterator<Item = (&'s str, &'s str)>,
        hits: Option<&Hits>,
    ) -> Option<Self> {
        let limits = if hits.is_some() { self.limits.widened() } else { self.limits };
        let mut engine = engine(&limits, None);
        listening::listen(&mut engine, hits);
        let mut admission = Self { engine, scripts: Vec::new(), limits };
        for (path, text) in scripts {
            let ast = admission.engine.compile(text).ok()?;
            admission.scripts.push(Script { path: path.to_owned(), ast });
        }
        Some(admission)
    }

    /// Asks every script. The strictest answer wins, and those that gave it are marked.
    pub(crate) fn judge(&self, facts: &Facts, classified: Option<&Classified>) -> (Verdict, AdmissionReason) {
        let (request, load) = view::arguments(facts, classified);
        let mut scripts: Vec<ScriptReason> =
            self.scripts.iter().map(|script| self.ask(script, request.clone(), load.clone())).collect();
        let strictest = scripts.iter().map(|said| said.verdict).min().unwrap_or(Verdict::Allow);
        for said in &mut scripts {
            said.drove_outcome = said.verdict == strictest && strictest != Verdict::Allow;
            for indicator in &mut said.indicators {
                indicator.drove_outcome &= said.drove_outcome;
            }
        }
        (strictest, AdmissionReason { scripts })
    }

    fn ask(&self, script: &Script, request: view::Request, load: view::Load) -> ScriptReason {
        take_trace();
        let recorder = Recorder::default();
        let answer = self.run(script, &recorder, request, load);
        let trace = take_trace();
        let (verdict, reason, failed_at) = match answer {
            Ok(answer) => (answer.verdict, answer.reason, None),
            Err(Failure { message, at }) => (Verdict::Deny, Some(message), at),
        };
        let indicators = recorder.take().into_iter().map(|named| finished(&script.path, verdict, named)).collect();
        ScriptReason {
            script: script.path.clone(),
            verdict,
            reason,
            indicators,
            trace,
            failed_at,
            drove_outcome: false,
        }
    }

    fn run(
        &self,
        script: &Script,
        recorder: &Recorder,
        request: view::Request,
        load: view::Load,
    ) -> Result<Answer, Failure> {
        let options = CallFnOptions::new().with_tag(recorder.clone());
        let said = self.engine.call_fn_with_options::<Dynamic>(
            options,
            &mut Scope::new(),
            &script.ast,
            "admit",
            (request, load),
        );
        let value = said.map_err(|error| Failure::of(&script.path, &error))?;
        let kind = value.type_name();
        value.try_cast::<Answer>().ok_or_else(|| Failure {
            message: format!(
                "`{}` gave a `{kind}`; `admit` ends with `allow()`, `queue(reason)` or `deny(reason)`",
                script.path
            ),
            at: None,
        })
    }

    /// A script that fails on an ordinary request would deny everything: better to hear of it before it is in force.
    fn rehearse(&self, script: &Script, text: &str) -> Result<(), Fault> {
        let quiet = ProbeLoad { status: "online".to_owned(), ..ProbeLoad::default() };
        for capacity in [None, Some(Capacity { probe: quiet, ..Capacity::default() })] {
            let facts = Facts {
                at_ms: 0,
                principal: Principal::user("usr_rehearsal"),
                ask: Ask::Command(legator_protocol::CommandSpec::argv(["true"])),
                resource: Resource::Probe(Probe::default()),
                context: Context::new(Origin::Api),
                capacity,
            };
            let classified = legator_classify::classify(
                &legator_classify::Table::default(),
                &legator_protocol::CommandSpec::argv(["true"]),
            );
            let (request, load) = view::arguments(&facts, Some(&classified.into()));
            if let Err(failure) = self.run(script, &Recorder::default(), request, load) {
                let message = format!("the script fails on an ordinary request: {}", failure.message);
                let fault = match failure.at {
                    Some(span) => Fault::on_line(&script.path, text, span.line, span.column, 1, message),
                    None => Fault::whole(&script.path, message),
                };
                let help =
                    "a script that fails denies; compare what may be unknown with `()`, and stay within the limits";
                return Err(fault.code("script-fails").help(help));
            }
        }
        Ok(())
    }
}

fn engine(limits: &Limits, abort: Option<Abort>) -> Engine {
    let mut engine = sandbox(limits, abort);
    engine.register_type_with_name::<Answer>("Answer");
    engine.register_fn("allow", || Answer { verdict: Verdict::Allow, reason: None });
    engine.register_fn("queue", |reason: ImmutableString| Answer {
        verdict: Verdict::Queue,
        reason: Some(reason.to_string()),
    });
    engine.register_fn("deny", |reason: ImmutableString| Answer {
        verdict: Verdict::Deny,
        reason: Some(reason.to_string()),
    });
    indicator::register(&mut engine);
    view::register(&mut engine);
    engine
}

fn finished(path: &str, verdict: Verdict, named: Named) -> Indicator {
    let Named { name, value, comparator, threshold, severity, reached } = named;
    let sign = match comparator {
        Comparator::AtLeast => "at least",
        Comparator::Above => "above",
        Comparator::AtMost => "at most",
        Comparator::Below => "below",
        Comparator::Equal => "equal to",
        Comparator::Unequal => "other than",
    };
    let is = if reached { "is" } else { "is not" };
    let message = match &value {
        Scalar::Text(text) if text == "unknown" => format!("{name} is not known"),
        _ => format!("{name} is {}, which {is} {sign} {}", shown(&value), shown(&threshold)),
    };
    let source = path.to_owned();
    Indicator { name, source, value, comparator, threshold, severity, effect: verdict, drove_outcome: reached, message }
}

fn shown(value: &Scalar) -> String {
    match value {
        Scalar::Bool(truth) => truth.to_string(),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Text(text) => text.clone(),
    }
}
