#![doc = include_str!("../README.md")]

pub mod archive;
mod boundary;
pub mod bundle;
#[cfg(test)]
mod canonical;
mod capacity;
mod cases;
mod coverage;
mod decide;
mod decision;
mod diff;
pub mod evidence;
mod explain;
mod facts;
pub mod grant;
mod guard;
pub mod lint;
mod mutants;
mod parallel;
mod rationale;
pub mod replay;
mod script;
pub mod tlog;
pub mod vote;
pub mod webauthn;

pub use bundle::{
    Asking, Bundle, Fault, Gate, Grade, Inspection, Link, Linked, PolicyInfo, ScriptInfo, ScriptKind, Template,
    read_links, write_links,
};
pub use capacity::{Capacity, GroupLoad, ProbeLoad};
pub use cases::{CaseResult, Difference, Explanation, Report, ScriptCaseResult, Trial};
pub use coverage::{Coverage, FileCoverage, Point, PointKind, Share, Side};
pub use decide::{decide, decide_plain};
pub use decision::{Classified, ClassifiedPart, Decision, Outcome};
pub use diff::{AnswerChange, ChangeKind, Diff, FileChange, PolicyChange, Short};
pub use facts::{
    Approval, Approvals, Ask, Ballot, BreakglassUses, Context, DEFAULT_TENANT, Facts, Grant, Origin, Other, OtherKind,
    Principal, PrincipalKind, Probe, Resource,
};
pub use legator_classify::{Classification, Part, Table, classify};
pub use legator_protocol::{CommandSpec, Invocation, Level, Look};
pub use mutants::{Mutant, Mutants};
pub use rationale::{
    AdmissionReason, Clause, ClauseKind, ClauseOutcome, Comparator, Counterfactual, Driver, DriverSource, Effect,
    Indicator, PolicyError, PolicyReason, Rationale, Scalar, ScriptReason, Severity, Span, Verdict,
};
pub use script::{Abort, alert, job, vocabulary};
