//! What a job can ask of its host. Each call has a number; the journal answers it, or the run stops there.
//! Never: does anything. A call that the journal does not hold ends the evaluation, and the host does it.

use std::sync::{Arc, Mutex, PoisonError};

use rhai::{Dynamic, Engine, EvalAltResult, INT, ImmutableString, NativeCallContext, Position};
use serde_json::{Map, Value};

use super::journal::{Call, Entry, Outcome, Progress};

/// One evaluation's way along its journal. It travels as the tag of the call.
#[derive(Clone)]
pub(super) struct Tape(Arc<Mutex<State>>);

struct State {
    journal: Vec<Entry>,
    next: usize,
    stopped: Option<Progress>,
}

type Answer = Result<Dynamic, Box<EvalAltResult>>;

impl Tape {
    pub(super) fn new(journal: &[Entry]) -> Self {
        Self(Arc::new(Mutex::new(State { journal: journal.to_vec(), next: 0, stopped: None })))
    }

    /// Why the evaluation was stopped, if it was.
    pub(super) fn stopped(&self) -> Option<Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).stopped.clone()
    }

    /// The script came to its end: the journal has to have come to its own.
    pub(super) fn ended(&self, result: Value) -> Progress {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.journal.get(state.next) {
            Some(left) => Progress::Nondeterministic { step: state.next + 1, recorded: left.call.clone(), asked: None },
            None => Progress::Done { result },
        }
    }

    fn call(&self, call: Call) -> Answer {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.stopped.is_some() {
            return Err(suspended());
        }
        let step = state.next;
        match state.journal.get(step).cloned() {
            Some(entry) if entry.call == call => {
                state.next += 1;
                match entry.result {
                    Outcome::Given(value) => rhai::serde::to_dynamic(value),
                    Outcome::Failed(why) => Err(why.into()),
                }
            }
            Some(Entry { call: recorded, .. }) => {
                state.stopped = Some(Progress::Nondeterministic { step: step + 1, recorded, asked: Some(call) });
                Err(suspended())
            }
            None => {
                state.stopped = Some(Progress::Waiting { call });
                Err(suspended())
            }
        }
    }

    fn start_over(&self, state: Value) -> Box<EvalAltResult> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.stopped.is_none() {
            let left = inner.journal.get(inner.next).map(|entry| entry.call.clone());
            inner.stopped = Some(match left {
                Some(recorded) => Progress::Nondeterministic { step: inner.next + 1, recorded, asked: None },
                None => Progress::Continued { state },
            });
        }
        suspended()
    }
}

/// An end that no `catch` of a script sees.
fn suspended() -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE))
}

fn tape(context: &NativeCallContext<'_>) -> Result<Tape, Box<EvalAltResult>> {
    let tape = context.tag().and_then(|tag| tag.clone().try_cast::<Tape>());
    tape.ok_or_else(|| "a host function is for `run`; nothing can be asked for here".into())
}

fn ask(context: &NativeCallContext<'_>, name: &str, arguments: &[(&str, Dynamic)]) -> Answer {
    let mut given = Map::new();
    for (argument, value) in arguments {
        given.insert((*argument).to_owned(), kept(value)?);
    }
    tape(context)?.call(Call { name: name.to_owned(), arguments: given })
}

/// A value as the journal keeps it; a probe is kept by its id.
fn kept(value: &Dynamic) -> Result<Value, Box<EvalAltResult>> {
    let value: Value = rhai::serde::from_dynamic(value)?;
    Ok(by_id(value))
}

fn by_id(value: Value) -> Value {
    match value {
        Value::Object(map) if map.get("id").is_some_and(Value::is_string) => map.get("id").cloned().unwrap_or_default(),
        Value::Array(items) => Value::Array(items.into_iter().map(by_id).collect()),
        other => other,
    }
}

type C<'c> = NativeCallContext<'c>;
type Text = ImmutableString;

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("probes", |c: C<'_>, selector: Dynamic| ask(&c, "probes", &[("selector", selector)]));
    engine.register_fn("exec", |c: C<'_>, probe: Dynamic, command: Dynamic| {
        ask(&c, "exec", &[("probe", probe), ("command", command)])
    });
    engine.register_fn("exec", |c: C<'_>, probe: Dynamic, command: Dynamic, options: rhai::Map| {
        ask(&c, "exec", &[("probe", probe), ("command", command), ("options", options.into())])
    });
    engine.register_fn("exec_all", |c: C<'_>, probes: Dynamic, command: Dynamic| {
        ask(&c, "exec_all", &[("probes", probes), ("command", command)])
    });
    engine.register_fn("exec_all", |c: C<'_>, probes: Dynamic, command: Dynamic, options: rhai::Map| {
        ask(&c, "exec_all", &[("probes", probes), ("command", command), ("options", options.into())])
    });
    engine.register_fn("sleep", |c: C<'_>, seconds: INT| ask(&c, "sleep", &[("seconds", seconds.into())]));
    engine.register_fn("approve", |c: C<'_>, reason: Text| ask(&c, "approve", &[("reason", reason.into())]));
    engine.register_fn("approve", |c: C<'_>, reason: Text, options: rhai::Map| {
        ask(&c, "approve", &[("reason", reason.into()), ("options", options.into())])
    });
    engine.register_fn("now", |c: C<'_>| ask(&c, "now", &[]));
    engine.register_fn("random", |c: C<'_>, below: INT| ask(&c, "random", &[("below", below.into())]));
    engine.register_fn("http", |c: C<'_>, request: rhai::Map| ask(&c, "http", &[("request", request.into())]));
    engine.register_fn("emit", |c: C<'_>, event: Text| ask(&c, "emit", &[("event", event.into())]));
    engine.register_fn("emit", |c: C<'_>, event: Text, data: Dynamic| {
        ask(&c, "emit", &[("event", event.into()), ("data", data)])
    });
    engine.register_fn("continue_as_new", |c: C<'_>, state: Dynamic| -> Answer {
        let state: Value = rhai::serde::from_dynamic(&state)?;
        Err(tape(&c)?.start_over(state))
    });
}

/// What a call gives where a case says nothing of it.
pub(crate) fn ordinary(call: &Call) -> Value {
    let done = serde_json::json!({ "ok": true, "exit_code": 0, "stdout": "", "stderr": "" });
    match call.name.as_str() {
        "exec" => done,
        "exec_all" => {
            let probes = call.arguments.get("probes").and_then(Value::as_array);
            Value::Array(
                probes
                    .into_iter()
                    .flatten()
                    .map(|probe| {
                        let mut one = done.clone();
                        if let Value::Object(map) = &mut one {
                            map.insert("probe".to_owned(), probe.clone());
                        }
                        one
                    })
                    .collect(),
            )
        }
        "probes" => Value::Array(Vec::new()),
        "approve" => serde_json::json!({ "approved": true, "by": [] }),
        "now" | "random" => Value::from(0),
        "http" => serde_json::json!({ "status": 200, "body": "" }),
        _ => Value::Null,
    }
}
