//! Cases of jobs: the results of host calls in order, and with them what a job does and how it ends.

use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;

use super::expect::Differences;
use super::rows::Tabular;
use crate::Bundle;
use crate::script::job::host::ordinary;
use crate::script::job::journal::{Call, Entry, Outcome, Progress};

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenJob {
    name: String,
    #[serde(default)]
    rows: Vec<Spanned<WrittenJob>>,
    #[serde(default)]
    params: Map<String, Value>,
    /// What was done before, by whatever script it was then.
    #[serde(default)]
    journal: Vec<WrittenCall>,
    /// What is asked for, in this order, and what comes back.
    #[serde(default)]
    calls: Vec<WrittenCall>,
    #[serde(default)]
    expect: Option<Expect>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCall {
    call: String,
    /// Arguments. A call has at least these; one of the journal has exactly these.
    #[serde(default)]
    with: Map<String, Value>,
    /// The result; an ordinary one if absent.
    #[serde(default)]
    gives: Option<Value>,
    #[serde(default)]
    fails: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// `done`, `failed`, `waiting`, `continued`, `nondeterministic` or `refused`.
    #[serde(default)]
    end: String,
    /// At least this is in the result, or in the state that it goes on with.
    #[serde(default)]
    result: Option<Value>,
    /// A part of why it failed.
    #[serde(default)]
    error: Option<String>,
    /// The number of the call that is not the one of the journal.
    #[serde(default)]
    step: Option<usize>,
}

const ENDS: [&str; 6] = ["done", "failed", "waiting", "continued", "nondeterministic", "refused"];
const MOST_CALLS: usize = 1_000;

impl Tabular for WrittenJob {
    fn name(&self) -> &str {
        &self.name
    }

    fn rows(&self) -> &[Spanned<Self>] {
        &self.rows
    }
}

#[derive(Clone)]
pub(crate) struct JobCase {
    params: Map<String, Value>,
    journal: Vec<Entry>,
    calls: Vec<WrittenCall>,
    expect: Expect,
}

impl WrittenJob {
    pub(super) fn ready(self) -> Result<JobCase, String> {
        let Some(expect) = self.expect else { return Err("it has no `expect`".to_owned()) };
        if !ENDS.contains(&expect.end.as_str()) {
            return Err(format!("`{}` is no end; one of `{}`", expect.end, ENDS.join("`, `")));
        }
        if let Some(both) = self.calls.iter().find(|call| call.gives.is_some() && call.fails.is_some()) {
            return Err(format!("the call `{}` both gives and fails", both.call));
        }
        if self.calls.len() + self.journal.len() > MOST_CALLS {
            return Err(format!("it has more than {MOST_CALLS} calls; a longer run goes on with `continue_as_new`"));
        }
        let journal = self.journal.into_iter().map(|written| {
            let call = Call { name: written.call.clone(), arguments: written.with.clone() };
            written.entry(call)
        });
        Ok(JobCase { params: self.params, journal: journal.collect(), calls: self.calls, expect })
    }
}

impl WrittenCall {
    fn entry(&self, call: Call) -> Entry {
        let result = match (&self.fails, &self.gives) {
            (Some(why), _) => Outcome::Failed(why.clone()),
            (None, Some(value)) => Outcome::Given(value.clone()),
            (None, None) => Outcome::Given(ordinary(&call)),
        };
        Entry { call, result }
    }

    fn is(&self, call: &Call) -> bool {
        self.call == call.name
            && self
                .with
                .iter()
                .all(|(name, value)| call.arguments.get(name).is_some_and(|given| is_within(value, given)))
    }

    fn shown(&self) -> String {
        Call { name: self.call.clone(), arguments: self.with.clone() }.to_string()
    }
}

/// Whether all of `part` is in `whole`: maps may have more keys, everything else is the same.
fn is_within(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|given| is_within(value, given)))
        }
        _ => part == whole,
    }
}

impl JobCase {
    /// What is different, and what happened.
    pub(super) fn tried(&self, bundle: &Bundle, script: &str) -> (Differences, Vec<String>) {
        let (mut found, mut told) = (Differences::default(), Vec::new());
        let Some(script) = bundle.jobs.script(script) else {
            found.unless_same("the script", script.to_owned(), "nowhere in the bundle".to_owned());
            return (found, told);
        };
        let params = match script.job.parameters(&self.params) {
            Ok(params) => params,
            Err(wrong) => {
                let why = wrong.join("; ");
                told.push(format!("refused: {why}"));
                found.unless_same("the end", self.expect.end.clone(), "refused".to_owned());
                found.unless_part("the error", self.expect.error.as_ref(), &why);
                return (found, told);
            }
        };
        let mut journal = self.journal.clone();
        let mut scripted = self.calls.iter();
        let progress = loop {
            match bundle.jobs.resume(script, &params, &journal) {
                Progress::Waiting { call } => {
                    let Some(next) = scripted.next() else {
                        told.push(format!("{:>3}. {call} → waits", journal.len() + 1));
                        break Progress::Waiting { call };
                    };
                    if !next.is(&call) {
                        let what = format!("the call {}", journal.len() + 1);
                        found.unless_same(&what, next.shown(), call.to_string());
                        told.push(format!("{:>3}. {call}", journal.len() + 1));
                        return (found, told);
                    }
                    let entry = next.entry(call);
                    let result = match &entry.result {
                        Outcome::Given(value) => value.to_string(),
                        Outcome::Failed(why) => format!("fails: {why}"),
                    };
                    told.push(format!("{:>3}. {} → {result}", journal.len() + 1, entry.call));
                    journal.push(entry);
                }
                end => break end,
            }
        };
        for left in scripted {
            found.unless_same("the next call", left.shown(), "not asked for".to_owned());
        }
        self.judge(&progress, &mut found, &mut told);
        (found, told)
    }

    fn judge(&self, progress: &Progress, found: &mut Differences, told: &mut Vec<String>) {
        let (mut result, mut error, mut at) = (None, String::new(), None);
        let end = match progress {
            Progress::Waiting { call } => {
                error = format!("waits for {call}");
                "waiting"
            }
            Progress::Done { result: value } => {
                result = Some(value);
                "done"
            }
            Progress::Continued { state } => {
                result = Some(state);
                "continued"
            }
            Progress::Failed { message } => {
                error.clone_from(message);
                "failed"
            }
            Progress::Nondeterministic { step, recorded, asked } => {
                at = Some(*step);
                let asked = asked.as_ref().map_or_else(|| "nothing more".to_owned(), Call::to_string);
                error =
                    format!("non-determinism at step {step}: the journal has {recorded}, the script asks for {asked}");
                "nondeterministic"
            }
        };
        let shown = result.map(Value::to_string).unwrap_or_default();
        told.push(format!("{end}: {shown}{error}"));
        found.unless_same("the end", self.expect.end.clone(), end.to_owned());
        if let Some(wanted) = &self.expect.result
            && !result.is_some_and(|got| is_within(wanted, got))
        {
            found.unless_same(
                "the result",
                wanted.to_string(),
                if shown.is_empty() { "nothing".to_owned() } else { shown },
            );
        }
        found.unless_part("the error", self.expect.error.as_ref(), &error);
        if let Some(step) = self.expect.step {
            let got = at.map_or_else(|| "none".to_owned(), |at| at.to_string());
            found.unless_same("the step that differs", step.to_string(), got);
        }
    }
}
