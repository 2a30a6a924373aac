//! Job scripts: `job()` says what a job is and takes, `run(params)` does it through host calls.
//!
//! A run is its parameters and a journal of host calls with their results. [`Jobs::resume`] runs the script from the
//! top over the journal, until it ends or asks for a call that the journal does not hold. No room of the server runs
//! jobs yet; cases do.

pub(crate) mod host;
pub mod journal;
mod parameters;

use rhai::{AST, CallFnOptions, Dynamic, Engine, Scope};
use serde_json::{Map, Value};

use journal::{Entry, Progress};
pub use parameters::{Job, Parameter};

use super::failure::{self, Failure};
use super::listening::{self, Hits};
use super::sandbox::{Limits, sandbox_but, take_trace};
use crate::bundle::Fault;

/// The job scripts of a bundle, compiled.
pub(crate) struct Jobs {
    engine: Engine,
    limits: Limits,
    scripts: Vec<JobScript>,
}

pub(crate) struct JobScript {
    pub(crate) path: String,
    pub(crate) job: Job,
    ast: AST,
}

impl Jobs {
    /// Compiles the jobs (path and text) and asks each what it is.
    pub(crate) fn load<'s>(
        limits: &Limits,
        scripts: impl IntoIterator<Item = (&'s str, &'s str)>,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut jobs = Self { engine: engine(limits, None), limits: *limits, scripts: Vec::new() };
        for (path, text) in scripts {
            match jobs.compile(path, text) {
                Ok(script) => jobs.scripts.push(script),
                Err(fault) => faults.push(*fault),
            }
        }
        jobs
    }

    /// The same jobs with other texts, of which some may listen. `None` if one is no job.
    pub(crate) fn with<'s>(
        &self,
        scripts: impl IntoIterator<Item = (&'s str, &'s str)>,
        hits: Option<&Hits>,
    ) -> Option<Self> {
        let limits = if hits.is_some() { self.limits.widened() } else { self.limits };
        let mut jobs = Self { engine: engine(&limits, hits), limits, scripts: Vec::new() };
        for (path, text) in scripts {
            let script = jobs.compile(path, text).ok()?;
            jobs.scripts.push(script);
        }
        Some(jobs)
    }

    pub(crate) fn script(&self, path: &str) -> Option<&JobScript> {
        self.scripts.iter().find(|script| script.path == path)
    }

    /// Runs a job over its journal, as far as that goes. Pure: the same journal gives the same progress.
    pub(crate) fn resume(&self, script: &JobScript, params: &Map<String, Value>, journal: &[Entry]) -> Progress {
        let tape = host::Tape::new(journal);
        let failed = |message: String| Progress::Failed { message };
        let params = match rhai::serde::to_dynamic(params) {
            Ok(params) => params,
            Err(error) => return failed(error.to_string()),
        };
        take_trace();
        let options = CallFnOptions::new().with_tag(tape.clone());
        let said =
            self.engine.call_fn_with_options::<Dynamic>(options, &mut Scope::new(), &script.ast, "run", (params,));
        take_trace();
        // What the tape stopped for counts, whatever the script made of being stopped.
        if let Some(progress) = tape.stopped() {
            return progress;
        }
        match said {
            Ok(value) => match rhai::serde::from_dynamic(&value) {
                Ok(result) => tape.ended(result),
                Err(error) => failed(format!("`{}` gave what cannot be kept: {error}", script.path)),
            },
            Err(error) => failed(Failure::of(&script.path, &error).message),
        }
    }

    fn compile(&self, path: &str, text: &str) -> Result<JobScript, Box<Fault>> {
        let ast = self.engine.compile(text).map_err(|error| {
            let message = format!("the script cannot be read: {}", error.err_type());
            failure::fault_at(path, text, error.position(), message)
        })?;
        let has = |name: &str, arity: usize| ast.iter_functions().any(|it| it.name == name && it.params.len() == arity);
        if !has("job", 0) || !has("run", 1) {
            let message = "a job script has a function `job()` and a function `run(params)`";
            let help = "write `fn job() { #{ summary: \"…\", params: #{} } }` and `fn run(params) { … }`";
            return Err(Box::new(Fault::on_line(path, text, 1, 1, 1, message).help(help)));
        }
        let said = self.engine.call_fn::<Dynamic>(&mut Scope::new(), &ast, "job", ());
        let value =
            said.map_err(|error| Failure::of(path, &error).fault(path, text, "`job` cannot say what the job is"))?;
        let job: Job = rhai::serde::from_dynamic(&value).map_err(|error| {
            let place = text.find("fn job").unwrap_or_default();
            let message = format!("`job` does not describe a job: {}", error.unwrap_inner());
            let fault = Fault::at(path, text, place..place + "fn job".len(), message);
            fault.help("it has `summary`, and may have `params`: a name and `#{ kind, help, otherwise }` for each")
        })?;
        Ok(JobScript { path: path.to_owned(), job, ast })
    }
}

fn engine(limits: &Limits, hits: Option<&Hits>) -> Engine {
    let mut engine = sandbox_but(limits, None, "sleep");
    host::register(&mut engine);
    listening::listen(&mut engine, hits);
    engine
}
