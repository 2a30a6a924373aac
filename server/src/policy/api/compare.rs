//! Which answers are different between two bundles, from outside.

use legator_engine::{AnswerChange, Short};
use poem_openapi::Object;

use super::super::answers::Compared;

/// Two bundles: what is to be, as a revision or as files; and what it is held against.
#[derive(Object)]
pub struct CompareIn {
    /// A revision that the server keeps, or `active`.
    pub(super) revision: Option<String>,
    /// In place of a revision: path to text.
    pub(super) files: Option<std::collections::BTreeMap<String, String>>,
    /// A revision that the files are laid over; without it they are the whole bundle.
    pub(super) base: Option<String>,
    /// Paths of the base that are left out.
    #[oai(default)]
    pub(super) remove: Vec<String>,
    /// The revision that decides otherwise; the active one, if absent.
    #[oai(default = "active")]
    pub(super) against: String,
    /// How many requests are generated beside those of the cases, at most 20,000.
    #[oai(default = "thousands", validator(maximum(value = "20000")))]
    pub(super) requests: u32,
}

/// An answer in short.
#[derive(Object)]
pub struct ShortAnswer {
    /// `deny`, `hold`, `queue` or `allow`.
    outcome: String,
    /// How many approvals a hold waits for.
    approvals: u32,
    /// The policies and scripts that made it.
    by: Vec<String>,
}

/// A kind of change, shown by the first request that has it.
#[derive(Object)]
pub struct AnswerChangeOut {
    before: ShortAnswer,
    after: ShortAnswer,
    action: String,
    /// The case that shows it; absent for a generated request.
    #[oai(skip_serializing_if_is_none)]
    named: Option<String>,
    /// The request as a case with the new answer, to paste into a file of cases.
    case: String,
    /// How many requests changed in the same way.
    times: u64,
}

/// Which answers are different. That something is not here does not prove that it is the same.
#[derive(Object)]
pub struct AnswersOut {
    before: String,
    after: String,
    /// What is newly allowed first.
    answers: Vec<AnswerChangeOut>,
    /// How many requests were asked of both.
    tried: u64,
}

pub(super) fn active() -> String {
    "active".to_owned()
}

const fn thousands() -> u32 {
    5_000
}

impl From<&Short> for ShortAnswer {
    fn from(short: &Short) -> Self {
        let Short { outcome, approvals, by, .. } = short;
        Self { outcome: outcome.clone(), approvals: *approvals, by: by.iter().cloned().collect() }
    }
}

impl From<AnswerChange> for AnswerChangeOut {
    fn from(change: AnswerChange) -> Self {
        Self {
            before: (&change.before).into(),
            after: (&change.after).into(),
            action: change.action,
            named: change.named,
            case: change.case,
            times: change.times as u64,
        }
    }
}

impl From<Compared> for AnswersOut {
    fn from(compared: Compared) -> Self {
        let Compared { before, after, diff } = compared;
        Self { before, after, answers: diff.answers.into_iter().map(Into::into).collect(), tried: diff.tried as u64 }
    }
}
