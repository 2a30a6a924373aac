//! Which answers are different: the same requests, asked of two bundles.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::PolicyChange;
use crate::boundary::{self, Material, Request};
use crate::bundle::ScriptKind;
use crate::cases::{Case, Trial};
use crate::decision::{Decision, Outcome};
use crate::{Bundle, parallel};

/// A kind of change, shown by the first request that has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerChange {
    pub before: Short,
    pub after: Short,
    pub action: String,
    /// The case that shows it; of a generated request none.
    #[serde(default)]
    pub named: Option<String>,
    /// The request, as a case with the answer of the second bundle, to paste into a file of cases.
    pub case: String,
    /// How many requests changed in the same way.
    pub times: usize,
}

/// An answer in short.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Short {
    pub outcome: String,
    pub approvals: u32,
    /// What made it: policies, or the scripts that drove it.
    pub by: BTreeSet<String>,
    #[serde(skip)]
    strictness: u8,
}

impl Short {
    fn of(decision: &Decision) -> Self {
        let approvals = match decision.outcome {
            Outcome::Hold { approvals } => approvals,
            _ => 0,
        };
        let by = decision.rationale.drove_outcome.iter().map(|driver| driver.name.clone()).collect();
        Self { outcome: decision.outcome.as_str().to_owned(), approvals, by, strictness: decision.outcome.strictness() }
    }

    /// By whom does not count: another policy with the same answer is the same answer.
    fn differs(&self, other: &Self) -> bool {
        (&self.outcome, self.approvals) != (&other.outcome, other.approvals)
    }
}

struct Asked {
    named: Option<String>,
    request: Request,
}

/// The changes, and how many requests were asked.
pub(super) fn compare(
    before: &Bundle,
    after: &Bundle,
    policies: &[PolicyChange],
    trial: &Trial<'_>,
    most: usize,
) -> (Vec<AnswerChange>, usize) {
    let mut asked = of_cases(before, after);
    asked.extend(generated(before, after, policies, most));
    let changed = parallel::each(trial.threads, &asked, trial.progress, |one| ask(one, before, after));
    let mut kinds: BTreeMap<(Short, Short, String), AnswerChange> = BTreeMap::new();
    for change in changed.into_iter().flatten() {
        let key = (change.before.clone(), change.after.clone(), change.action.clone());
        kinds.entry(key).and_modify(|known| known.times += 1).or_insert(change);
    }
    let mut answers: Vec<AnswerChange> = kinds.into_values().collect();
    // What becomes laxer comes first, and of that what becomes laxest.
    answers.sort_by_key(|it| (i16::from(it.after.strictness) - i16::from(it.before.strictness), it.after.strictness));
    (answers, asked.len())
}

fn ask(one: &Asked, before: &Bundle, after: &Bundle) -> Option<AnswerChange> {
    let (old, new) = match one.request.classified {
        // The tables of both say what it is.
        None => (crate::decide(before, &one.request.facts), crate::decide(after, &one.request.facts)),
        Some(_) => (one.request.decided(before), one.request.decided(after)),
    };
    let (short, other) = (Short::of(&old), Short::of(&new));
    if !short.differs(&other) && old.action == new.action {
        return None;
    }
    let name = one.named.clone().unwrap_or_else(|| format!("{} where it was {}", other.outcome, short.outcome));
    let shown = Request { facts: one.request.facts.clone(), classified: new.classification.clone() };
    let (case, action) = (shown.case(&name, &new), new.action.clone());
    Some(AnswerChange { before: short, after: other, action, named: one.named.clone(), case, times: 1 })
}

/// The requests of the cases of both, each once.
fn of_cases(before: &Bundle, after: &Bundle) -> Vec<Asked> {
    let mut seen = BTreeSet::new();
    let all = before.cases().chain(after.cases());
    let asked = all.filter_map(|case: &Case| {
        let request = Request { facts: case.facts.clone(), classified: case.classified.clone() };
        let said = serde_json::to_string(&request.classified).unwrap_or_default();
        seen.insert((case.facts.digest(), said)).then(|| Asked { named: Some(case.name.clone()), request })
    });
    asked.collect()
}

/// Requests around each policy and script that is different, and around everything that either bundle speaks of.
fn generated(before: &Bundle, after: &Bundle, policies: &[PolicyChange], most: usize) -> Vec<Asked> {
    let mut materials = Vec::new();
    for bundle in [before, after] {
        let changed = bundle.policies().enumerate().filter(|(_, info)| policies.iter().any(|it| it.id == info.id));
        materials.extend(changed.map(|(n, _)| Material::of_policy(bundle, n)));
    }
    for script in before.scripts().chain(after.scripts()).filter(|script| script.kind == ScriptKind::Admission) {
        let is_in = |bundle: &Bundle| bundle.scripts().any(|it| it.path == script.path && it.source == script.source);
        if !is_in(before) || !is_in(after) {
            materials.push(Material::of_script(before, &script.source).and(Material::of_script(after, "")));
        }
    }
    if before.revision() != after.revision() {
        materials.push(Material::of(before).and(Material::of(after)));
    }
    let each = most / materials.len().max(1);
    let requests = materials.iter().flat_map(|material| boundary::requests(material, each));
    let askable = requests.filter(|request| request.askable(before) || request.askable(after));
    askable.map(|request| Asked { named: None, request }).collect()
}
