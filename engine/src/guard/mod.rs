//! What Cedar says: which policies of the bundle hold for a request, and why.
//! Never: permits on an error. Cedar skips a policy that errs, so an erring `forbid` would open the gate.

mod ahead;
mod clause;
mod conform;
mod counterfactual;
pub(crate) mod depth;
mod leaf;
mod named;
mod observe;
mod people;
pub(crate) mod policy;
mod question;
mod slice;
mod unsound;
mod variant;
mod vocabulary;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use ahash::{HashMap, HashMapExt};
use cedar_policy::PolicySet;
use cedar_policy_core::ast::{Expr, Literal, PolicyID, ValueKind};
use cedar_policy_core::authorizer::{AuthorizationError, Authorizer, Decision};
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;

use leaf::Leaf;
pub(crate) use observe::Seen;
pub(crate) use people::{Missing, missing};
pub(crate) use policy::{Anatomy, Guardrail, anatomy};
pub(crate) use question::Question;
use slice::Slices;
pub(crate) use vocabulary::Vocabulary;

use crate::bundle::{Fault, PolicyInfo};
use crate::facts::Context;
use crate::rationale::{Effect, PolicyError, PolicyReason};

/// The policies of a bundle, ready to be asked.
pub(crate) struct Guard {
    pub(crate) vocabulary: Arc<Vocabulary>,
    /// What each file holds; empty in a variant.
    files: BTreeMap<String, Arc<Leaf>>,
    policies: Vec<Arc<Guardrail>>,
    slices: Slices,
    /// For the oracle, which few ask.
    whole: OnceLock<PolicySet>,
}

/// How the policies that hold are found: through the index, or by plain Cedar, which is slow and the oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Indexed,
    Plain,
}

/// What the policies say to one request: numbers of policies, in the order of the bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// Permits that hold.
    pub(crate) permits: Vec<u32>,
    /// Forbids that hold.
    pub(crate) forbids: Vec<u32>,
    pub(crate) errors: Vec<(u32, String)>,
    /// Policies whose scope the request meets, and that were therefore evaluated.
    pub(crate) candidates: Vec<u32>,
}

impl Judgement {
    pub(crate) fn permitted(&self) -> bool {
        self.errors.is_empty() && self.forbids.is_empty() && !self.permits.is_empty()
    }

    /// What decided: the forbids if there are any, else the permits.
    pub(crate) fn determining(&self) -> &[u32] {
        if self.forbids.is_empty() { &self.permits } else { &self.forbids }
    }
}

impl Guard {
    /// Reads the policies, validates them against the schema in strict mode, and indexes them. Files that `before`, of the
    /// same vocabulary, has with the same text are taken over from it.
    pub(crate) fn load(
        vocabulary: Arc<Vocabulary>,
        files: &BTreeMap<&str, &Arc<str>>,
        before: Option<&Guard>,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let files = leaf::read_all(&vocabulary, files, before.map(|before| &before.files));
        let mut names: HashMap<&str, &PolicyInfo> = HashMap::new();
        let mut policies: Vec<Arc<Guardrail>> = Vec::new();
        for (file, leaf) in &files {
            faults.extend(leaf.faults.iter().cloned());
            for guardrail in &leaf.policies {
                let info = &guardrail.info;
                let first = match names.entry(&info.id) {
                    Entry::Occupied(first) => *first.get(),
                    Entry::Vacant(free) => {
                        free.insert(info);
                        policies.push(Arc::clone(guardrail));
                        continue;
                    }
                };
                let message = format!("policy `{}` is already in {}:{}", info.id, first.file, first.span.line);
                let at = guardrail.offset..guardrail.offset + info.source.lines().next().unwrap_or_default().len();
                let fault = Fault::at(file, &leaf.text, at, message).code("policy-duplicate");
                faults.push(fault.help("give one of both another `@id`"));
            }
        }
        let slices = Slices::new(&vocabulary, &policies);
        Self { vocabulary, files, policies, slices, whole: OnceLock::new() }
    }

    pub(crate) fn policies(&self) -> impl Iterator<Item = &PolicyInfo> {
        self.policies.iter().map(|guardrail| &guardrail.info)
    }

    pub(crate) fn guardrails(&self) -> &[Arc<Guardrail>] {
        &self.policies
    }

    /// The actions that a policy's scope covers, by name.
    pub(crate) fn actions_of(&self, guardrail: &Guardrail) -> BTreeSet<String> {
        let actions = slice::actions(&self.vocabulary, guardrail.policy.action_constraint());
        actions.iter().map(|uid| AsRef::<str>::as_ref(uid.eid()).to_owned()).collect()
    }

    /// Which policies hold.
    pub(crate) fn judge(&self, question: &Question, context: &Context) -> Judgement {
        match question.way {
            Way::Indexed => self.judge_among(self.slices.candidates(question), question, context),
            Way::Plain => self.judge_plain(question, context),
        }
    }

    /// The same for another context: candidates do not depend on it.
    pub(crate) fn judge_again(&self, now: &Judgement, question: &Question, context: &Context) -> Judgement {
        match question.way {
            Way::Indexed => self.judge_among(now.candidates.clone(), question, context),
            Way::Plain => self.judge_plain(question, context),
        }
    }

    fn judge_among(&self, candidates: Vec<u32>, question: &Question, context: &Context) -> Judgement {
        let mut judgement = Judgement::default();
        let evaluator = Evaluator::new(question.request(context), &question.entities, Extensions::all_available());
        for &n in &candidates {
            let Some(guardrail) = self.policies.get(n as usize) else { continue };
            let holds = match &guardrail.condition {
                // The scope is met, or it would be no candidate.
                None => Ok(true),
                Some(condition) => truth(&evaluator, condition, guardrail),
            };
            match (holds, guardrail.info.effect) {
                (Ok(true), Effect::Permit) => judgement.permits.push(n),
                (Ok(true), Effect::Forbid) => judgement.forbids.push(n),
                (Ok(false), _) => {}
                (Err(error), _) => judgement.errors.push((n, error)),
            }
        }
        judgement.candidates = candidates;
        judgement
    }

    fn whole(&self) -> &PolicySet {
        self.whole.get_or_init(|| {
            let mut whole = PolicySet::new();
            for guardrail in &self.policies {
                // No two have one name: such a bundle does not load.
                whole.add(cedar_policy::Policy::from(guardrail.policy.clone())).ok();
            }
            whole
        })
    }

    /// Plain Cedar over the whole set: the oracle that the index is held against.
    fn judge_plain(&self, question: &Question, context: &Context) -> Judgement {
        let numbers: BTreeMap<&str, u32> =
            (0..).zip(&self.policies).map(|(n, guardrail)| (guardrail.info.id.as_str(), n)).collect();
        let number = |id: &PolicyID| numbers.get(id.as_ref()).copied().unwrap_or(u32::MAX);
        let answer =
            Authorizer::new().is_authorized_core(question.request(context), self.whole().as_ref(), &question.entities);
        let mut judgement = Judgement {
            permits: answer.satisfied_permits.keys().map(number).collect(),
            forbids: answer.satisfied_forbids.keys().map(number).collect(),
            errors: Vec::new(),
            candidates: (0..).zip(&self.policies).map(|(n, _)| n).collect(),
        };
        for error in &answer.errors {
            let AuthorizationError::PolicyEvaluationError { id, error } = error;
            judgement.errors.push((number(id), error.to_string()));
        }
        judgement.permits.sort_unstable();
        judgement.forbids.sort_unstable();
        judgement.errors.sort_unstable();
        let allowed = answer.concretize().decision == Decision::Allow;
        if judgement.errors.is_empty() && allowed != judgement.permitted() {
            judgement.errors.push((u32::MAX, "Cedar decides otherwise than the policies that hold".to_owned()));
        }
        judgement
    }

    /// The policies, with the outcome of each of their clauses.
    pub(crate) fn explain(&self, numbers: &[u32], question: &Question, context: &Context) -> Vec<PolicyReason> {
        let evaluator = Evaluator::new(question.request(context), &question.entities, Extensions::all_available());
        let reasons = numbers.iter().filter_map(|&n| {
            let guardrail = self.policies.get(n as usize)?;
            Some(clause::reason(guardrail, self.slices.meets(n, question), question, &self.vocabulary, &evaluator))
        });
        reasons.collect()
    }

    /// Where no policy permits: the permit whose clauses held furthest.
    pub(crate) fn nearest(
        &self,
        judgement: &Judgement,
        question: &Question,
        context: &Context,
    ) -> Option<PolicyReason> {
        let is_permit = |n: &u32| self.policies.get(*n as usize).is_some_and(|it| it.info.effect == Effect::Permit);
        let in_scope: Vec<u32> = judgement.candidates.iter().copied().filter(is_permit).collect();
        let numbers = if in_scope.is_empty() { self.slices.permits_on(&question.action) } else { &in_scope };
        let reasons = self.explain(numbers, question, context);
        // The first among equals, so that the answer does not depend on anything but the bundle's order.
        reasons.into_iter().rev().max_by_key(clause::nearness)
    }

    pub(crate) fn errors(&self, judgement: &Judgement) -> Vec<PolicyError> {
        let name = |n: u32| self.policies.get(n as usize).map_or_else(String::new, |it| it.info.id.clone());
        judgement.errors.iter().map(|(n, message)| PolicyError { policy: name(*n), message: message.clone() }).collect()
    }

    pub(crate) fn id(&self, n: u32) -> String {
        self.policies.get(n as usize).map_or_else(String::new, |guardrail| guardrail.info.id.clone())
    }

    pub(crate) fn rationale(&self, n: u32) -> &str {
        self.policies.get(n as usize).map_or("", |guardrail| guardrail.info.rationale.as_str())
    }

    /// Whether a change of what `touches` asks about could turn this judgement: nothing that forbids may be deaf to it.
    fn could_turn(&self, question: &Question, judgement: &Judgement, touches: impl Fn(&policy::Reads) -> bool) -> bool {
        let hears = |n: &u32| self.policies.get(*n as usize).is_some_and(|guardrail| touches(&guardrail.reads));
        let permits = || {
            judgement
                .candidates
                .iter()
                .any(|n| hears(n) && self.policies.get(*n as usize).is_some_and(|it| it.info.effect == Effect::Permit))
        };
        // The oracle takes no short cuts.
        if question.way == Way::Plain {
            return true;
        }
        judgement.errors.is_empty()
            && judgement.forbids.iter().all(hears)
            && (!judgement.permits.is_empty() || permits())
    }

    /// Whether a policy's conditions read who has approved.
    pub(crate) fn hears_people(&self, n: u32) -> bool {
        self.policies.get(n as usize).is_some_and(|guardrail| guardrail.reads.context.contains("approvals"))
    }

    /// Whether any policy that was looked at reads this attribute of the context.
    fn reads(&self, judgement: &Judgement, attribute: &str) -> bool {
        let reads = |n: &u32| self.policies.get(*n as usize).is_some_and(|it| it.reads.context.contains(attribute));
        judgement.candidates.iter().any(reads)
    }

    /// Groups and people that the candidates name as approvers.
    fn named_approvers(&self, judgement: &Judgement) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut groups, mut people) = (BTreeSet::new(), BTreeSet::new());
        for guardrail in judgement.candidates.iter().filter_map(|n| self.policies.get(*n as usize)) {
            groups.extend(guardrail.reads.groups.iter().cloned());
            people.extend(guardrail.reads.people.iter().cloned());
        }
        (groups, people)
    }
}

/// What an expression of a policy comes to. Anything but true and false is an error.
fn truth(evaluator: &Evaluator<'_>, expr: &Expr, guardrail: &Guardrail) -> Result<bool, String> {
    let value = evaluator.interpret(expr, guardrail.policy.env()).map_err(|error| error.to_string())?;
    match value.value_kind() {
        ValueKind::Lit(Literal::Bool(truth)) => Ok(*truth),
        other => Err(format!("`{other}` is neither true nor false")),
    }
}
