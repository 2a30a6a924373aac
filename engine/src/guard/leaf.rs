//! A file of policies: read and held against the schema by itself, so that it is done again only when it changes.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::num::NonZero;
use std::sync::Arc;

use cedar_policy::{PolicySet, ValidationMode, Validator};

use super::policy::{self, Guardrail};
use super::vocabulary::{Vocabulary, faults_of};
use crate::bundle::Fault;
use crate::parallel;

/// What a file holds, and what is wrong with it.
pub(super) struct Leaf {
    pub(super) text: Arc<str>,
    pub(super) policies: Vec<Arc<Guardrail>>,
    pub(super) faults: Vec<Fault>,
}

/// Reads the files, several at once where there are many, except those that `before` has with the same text.
pub(super) fn read_all(
    vocabulary: &Vocabulary,
    files: &BTreeMap<&str, &Arc<str>>,
    before: Option<&BTreeMap<String, Arc<Leaf>>>,
) -> BTreeMap<String, Arc<Leaf>> {
    let held = |file: &str, text: &Arc<str>| {
        let leaf = before?.get(file)?;
        (Arc::ptr_eq(&leaf.text, text) || leaf.text == *text).then(|| Arc::clone(leaf))
    };
    let (mut leaves, mut unread) = (BTreeMap::new(), Vec::new());
    for (&file, &text) in files {
        match held(file, text) {
            Some(leaf) => {
                leaves.insert(file.to_owned(), leaf);
            }
            None => unread.push((file, text)),
        }
    }
    if unread.is_empty() {
        return leaves;
    }
    let validator = Validator::new(vocabulary.schema.clone());
    let threads = match unread.len() {
        0..ENOUGH => 1,
        _ => std::thread::available_parallelism().map_or(1, NonZero::get),
    };
    let earlier = |file: &str| before?.get(file).map(|leaf| &**leaf);
    let read = parallel::each(threads, &unread, &|_, _| {}, |(file, text)| {
        Arc::new(Leaf::read(&validator, file, text, earlier(file)))
    });
    leaves.extend(unread.into_iter().map(|(file, _)| file.to_owned()).zip(read));
    leaves
}

/// So many files are worth threads of their own.
const ENOUGH: usize = 8;

impl Leaf {
    /// Policies that stand in `earlier` letter for letter, and had nothing wrong with them there, fit the schema still.
    fn read(validator: &Validator, file: &str, text: &Arc<str>, earlier: Option<&Self>) -> Self {
        let earlier = earlier.filter(|earlier| earlier.faults.is_empty());
        let fit: HashSet<&str> =
            earlier.iter().flat_map(|earlier| &earlier.policies).map(|policy| policy.info.source.as_str()).collect();
        let mut faults = Vec::new();
        let policies: Vec<Arc<Guardrail>> = policy::parse(file, text, &mut faults).into_iter().map(Arc::new).collect();
        let (mut set, mut names) = (PolicySet::new(), HashSet::new());
        for guardrail in &policies {
            // A second one of a name is a fault that is found where all names are known.
            if names.insert(guardrail.info.id.as_str())
                && !fit.contains(guardrail.info.source.as_str())
                && let Err(error) = set.add(cedar_policy::Policy::from(guardrail.policy.clone()))
            {
                faults.push(Fault::whole(file, error.to_string()));
            }
        }
        let said = validator.validate(&set, ValidationMode::Strict);
        let mut misfits = Vec::new();
        for error in said.validation_errors() {
            misfits.extend(misfit(file, text, &policies, error.policy_id(), error));
        }
        for warning in said.validation_warnings() {
            misfits.extend(misfit(file, text, &policies, warning.policy_id(), warning));
        }
        // Cedar goes through kinds of requests in the order of a hash; what is said of them must not hang on it.
        misfits.sort();
        faults.extend(essential(misfits));
        Self { text: Arc::clone(text), policies, faults }
    }
}

/// Cedar says a mistake once for each kind of request that a policy covers, and that a policy with a mistake can never
/// apply. A place is enough once, and what follows from a mistake is none of its own.
fn essential(misfits: Vec<Fault>) -> Vec<Fault> {
    let mut kept: Vec<Fault> = Vec::new();
    let impossible = |fault: &Fault| &*fault.code == "policy-impossible";
    let policy = |fault: &Fault| fault.message.split('`').nth(1).map(str::to_owned);
    let wrong: BTreeSet<_> = misfits.iter().filter(|it| !impossible(it)).map(policy).collect();
    for fault in misfits {
        let follows = impossible(&fault) && wrong.contains(&policy(&fault));
        let said = |it: &Fault| (&it.file, it.line, it.column) == (&fault.file, fault.line, fault.column);
        if !follows && !kept.iter().any(said) {
            kept.push(fault);
        }
    }
    kept
}

/// Faults of a policy that parses, but says what the schema does not know.
fn misfit(
    file: &str,
    text: &str,
    policies: &[Arc<Guardrail>],
    id: &cedar_policy::PolicyId,
    error: &dyn miette::Diagnostic,
) -> Vec<Fault> {
    let id: &str = id.as_ref();
    let known = policies.iter().find(|guardrail| guardrail.info.id == id);
    let Some(info) = known.map(|guardrail| &guardrail.info) else {
        return vec![Fault::whole(file, error.to_string())];
    };
    let faults = faults_of(&info.file, text, error, &format!("policy `{id}` does not fit the schema"));
    let faults = faults.into_iter().map(|fault| {
        let never = fault.message.contains("impossible") || fault.message.contains("applicable action");
        let (code, help) = if never || fault.line == 0 {
            ("policy-impossible", "the schema says which principals and resources an action has, and what they have")
        } else {
            ("policy-schema", "`policies/README.md` lists what a policy can speak of")
        };
        let help = fault.help.clone().unwrap_or_else(|| help.to_owned());
        fault.code(code).help(help)
    });
    let (line, column) = (info.span.line, info.span.column);
    let placed = |fault: Fault| match fault.line {
        0 => Fault {
            help: fault.help,
            code: fault.code,
            ..Fault::on_line(&info.file, text, line, column, 1, fault.message)
        },
        _ => fault,
    };
    faults.map(placed).collect()
}
