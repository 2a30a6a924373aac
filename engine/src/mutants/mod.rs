//! Mutants: a bundle with one small mistake in it. A mistake that no case notices is one that somebody can make.
//!
//! For each mutant that survives there is a case to write, where a request was found about which both decide otherwise.
//! A mutant that does not compile, or that the schema does not take, is none: the check would find it.

mod policy;
mod script;

use serde::Serialize;

use crate::boundary::{self, Material};
use crate::bundle::ScriptKind;
use crate::bundle::place::Source;
use crate::cases::{Case, Trial};
use crate::decide::decide_classified;
use crate::decision::{Classified, Decision};
use crate::guard::Way;
use crate::rationale::Span;
use crate::{Bundle, parallel};

/// One small change to the text of a policy or a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) what: &'static str,
    /// Where, in the text, in bytes.
    pub(crate) at: std::ops::Range<usize>,
    pub(crate) instead: String,
}

impl Change {
    fn applied(&self, text: &str) -> Option<String> {
        let (before, after) = (text.get(..self.at.start)?, text.get(self.at.end..)?);
        Some(format!("{before}{}{after}", self.instead))
    }
}

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mutant {
    pub file: String,
    pub span: Span,
    /// The policy's id or the script's function.
    pub within: String,
    /// What was done: `flip an operator`, `drop the policy`, …
    pub what: String,
    pub before: String,
    pub after: String,
    /// The case that noticed it. Without one, the mutant survived.
    pub killed_by: Option<String>,
    /// A case that would notice it, to paste into a file of cases; absent where no request was found that shows it.
    pub case: Option<String>,
}

/// Every mutant of a bundle, with its fate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mutants {
    pub mutants: Vec<Mutant>,
}

impl Mutants {
    pub fn killed(&self) -> usize {
        self.mutants.iter().filter(|mutant| mutant.killed_by.is_some()).count()
    }

    pub fn survivors(&self) -> impl Iterator<Item = &Mutant> {
        self.mutants.iter().filter(|mutant| mutant.killed_by.is_none())
    }

    /// Whether at least this percentage was killed.
    pub fn reaches(&self, percent: u32) -> bool {
        self.killed() * 100 >= self.mutants.len() * percent as usize
    }

    /// Makes every mutant and tries the cases on it. `filter` of the trial is a part of a policy's id or of a path;
    /// `search` is how many requests are looked at for a case that shows a survivor.
    pub fn of(bundle: &Bundle, trial: &Trial<'_>, search: usize) -> Self {
        let mut jobs: Vec<Job> = Vec::new();
        for (n, info) in bundle.policies().enumerate().filter(|(_, info)| trial.takes(&info.file, &info.id)) {
            jobs.extend(policy::changes(&info.source).into_iter().map(|change| Job::Policy(n, change)));
            jobs.push(Job::Dropped(n));
        }
        for (n, script) in bundle.scripts().enumerate().filter(|(_, script)| trial.takes(&script.path, &script.path)) {
            jobs.extend(script::changes(&script.source).into_iter().map(|change| Job::Script(n, change)));
        }
        let lab = Lab::new(bundle, search);
        let fates = parallel::each(trial.threads, &jobs, trial.progress, |job| lab.fate(job));
        Self { mutants: fates.into_iter().flatten().collect() }
    }
}

enum Job {
    Policy(usize, Change),
    Dropped(usize),
    Script(usize, Change),
}

/// The bundle with what its cases come to while nothing is wrong.
struct Lab<'b> {
    bundle: &'b Bundle,
    cases: Vec<(&'b Case, Option<Classified>, Decision)>,
    search: usize,
}

impl<'b> Lab<'b> {
    fn new(bundle: &'b Bundle, search: usize) -> Self {
        // A case that does not hold as it is kills nothing.
        let cases = bundle.cases().filter_map(|case| {
            let decision = case.decided(bundle);
            let holds = case.expect.differences(&decision).is_empty();
            holds.then(|| (case, decision.classification.clone(), decision))
        });
        Self { bundle, cases: cases.collect(), search }
    }

    fn fate(&self, job: &Job) -> Option<Mutant> {
        match job {
            Job::Policy(n, change) => self.of_policy(*n, Some(change)),
            Job::Dropped(n) => self.of_policy(*n, None),
            Job::Script(n, change) => self.of_script(*n, change),
        }
    }

    fn of_policy(&self, n: usize, change: Option<&Change>) -> Option<Mutant> {
        let info = self.bundle.policies().nth(n)?;
        let text = match change {
            Some(change) => Some(change.applied(&info.source)?),
            None => None,
        };
        let mut mutant = self.bundle.clone();
        mutant.guard = self.bundle.guard.variant(n, text.as_deref())?.into();
        // Cases that this policy decides notice it soonest.
        let decides = |decision: &Decision| decision.rationale.policies.iter().any(|policy| policy.id == info.id);
        let killed_by = self.killer(&mutant, &decides);
        let case = match killed_by {
            Some(_) => None,
            None => self.case(&mutant, &Material::of_policy(self.bundle, n), &info.id),
        };
        let source = Source::new(&info.source);
        let below = |span: Span| Span {
            line: span.line + info.span.line - 1,
            end_line: span.end_line + info.span.line - 1,
            ..span
        };
        let (what, span, before, after) = match change {
            Some(it) => (it.what, below(source.span(it.at.clone())), source.slice(it.at.clone()), it.instead.clone()),
            None => ("drop the policy", info.span, info.id.clone(), String::new()),
        };
        let (file, within, what) = (info.file.clone(), info.id.clone(), what.to_owned());
        Some(Mutant { file, span, within, what, before, after, killed_by, case })
    }

    fn of_script(&self, n: usize, change: &Change) -> Option<Mutant> {
        let script = self.bundle.scripts().nth(n)?;
        let text = change.applied(&script.source)?;
        let mutant = self.bundle.with_scripts(&|path| (path == script.path).then(|| text.clone()), None)?;
        let killed_by = match script.kind {
            ScriptKind::Admission => self.killer(&mutant, &|decision| decision.rationale.admission.is_some()),
            ScriptKind::Alert | ScriptKind::Job => {
                let mut cases = self.bundle.script_cases.iter().filter(|case| case.script == script.path);
                let kills = cases.find(|case| case.tried(self.bundle).passed() && !case.tried(&mutant).passed());
                kills.map(|case| case.name.clone())
            }
        };
        let case = match (&killed_by, script.kind) {
            (None, ScriptKind::Admission) => {
                self.case(&mutant, &Material::of_script(self.bundle, &script.source), &script.path)
            }
            _ => None,
        };
        let (source, at) = (Source::new(&script.source), change.at.clone());
        let tokens = crate::script::text::tokens(&script.source);
        let within = crate::script::text::outline(&script.source, &tokens).function_at(at.start).to_owned();
        let (before, after) = (source.slice(at.clone()), change.instead.clone());
        let (file, span, what) = (script.path.clone(), source.span(at), change.what.to_owned());
        Some(Mutant { file, span, within, what, before, after, killed_by, case })
    }

    /// The first case that does not hold any more, beginning with those that are likely.
    fn killer(&self, mutant: &Bundle, likely: &dyn Fn(&Decision) -> bool) -> Option<String> {
        let (first, then): (Vec<_>, Vec<_>) = self.cases.iter().partition(|(_, _, decision)| likely(decision));
        let fails = |(case, said, _): &&&(&Case, Option<Classified>, Decision)| {
            let decision = decide_classified(mutant, &case.facts, said.clone(), Way::Indexed);
            !case.expect.differences(&decision).is_empty()
        };
        first.iter().chain(&then).find(|one| fails(one)).map(|(case, ..)| case.name.clone())
    }

    /// A case about which the bundle and the mutant decide otherwise, if one is found.
    fn case(&self, mutant: &Bundle, material: &Material, within: &str) -> Option<String> {
        boundary::find(material, self.search, |request| {
            if !request.askable(self.bundle) {
                return None;
            }
            let (right, wrong) = (request.decided(self.bundle), request.decided(mutant));
            let other = right.outcome != wrong.outcome;
            other.then(|| request.case(&format!("what `{within}` decides here"), &right))
        })
    }
}
