#![doc = include_str!("../README.md")]

mod bundle;
#[cfg(test)]
mod canonical;
mod capacity;
mod cases;
mod decide;
mod decision;
mod explain;
mod facts;
mod guard;
mod rationale;
mod script;
pub mod tlog;

pub use bundle::{Bundle, Fault, PolicyInfo, ScriptInfo, ScriptKind};
pub use capacity::{Capacity, GroupLoad, ProbeLoad};
pub use cases::{CaseResult, Report};
pub use decide::{decide, decide_plain};
pub use decision::{Classified, ClassifiedPart, Decision, Outcome};
pub use facts::{
    Approval, Approvals, Ask, Context, Facts, Origin, Other, OtherKind, Principal, PrincipalKind, Probe, Resource,
};
pub use legator_classify::{Classification, Part, Table, classify};
pub use legator_protocol::{CommandSpec, Invocation, Level, Look};
pub use rationale::{
    AdmissionReason, Clause, ClauseKind, ClauseOutcome, Comparator, Counterfactual, Driver, DriverSource, Effect,
    Indicator, PolicyError, PolicyReason, Rationale, Scalar, ScriptReason, Severity, Span, Verdict,
};
pub use script::Abort;
