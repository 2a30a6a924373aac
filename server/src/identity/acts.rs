//! Permission as a value: one type for each thing that a caller may be let do.
//! Never: a permit without an answer of the access policies. Its only constructor is this room's.

use std::marker::PhantomData;

use super::Caller;

/// An operation of the API, by its Cedar action.
pub trait Act: Send + Sync + 'static {
    const ACTION: &'static str;
}

/// A proof that policy lets this caller do `A`; the verb that it is for takes it.
///
/// ```compile_fail
/// // Only the identity room makes one.
/// let permit = legator_server::identity::Permit::<legator_server::identity::DecideApproval>::new(todo!());
/// ```
#[derive(Debug)]
pub struct Permit<A> {
    caller: Caller,
    act: PhantomData<fn() -> A>,
}

impl<A: Act> Permit<A> {
    pub(super) const fn new(caller: Caller) -> Self {
        Self { caller, act: PhantomData }
    }

    pub const fn caller(&self) -> &Caller {
        &self.caller
    }
}

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident => $action:literal,)*) => {
        $($(#[$doc])* #[derive(Debug)] pub struct $name;
        impl Act for $name { const ACTION: &'static str = $action; })*

        /// Every action that an operation of the API asks for.
        pub const ACTIONS: &[&str] = &[$($action),*];
    };
}

acts! {
    /// See probes, tags and inventory.
    ViewFleet => "viewFleet",
    /// Change a probe's tags, or remove it.
    ManageProbe => "manageProbe",
    /// Make, see and end enrollment tokens.
    ManageTokens => "manageTokens",
    /// See commands, their output and their reasons.
    ViewCommands => "viewCommands",
    /// Stop a command.
    CancelCommand => "cancelCommand",
    /// Ask what would be decided.
    SimulateCommand => "simulateCommand",
    /// See what waits for people.
    ViewApprovals => "viewApprovals",
    /// Vote on a held command.
    DecideApproval => "decideApproval",
    /// Say something about a request.
    CommentApproval => "commentApproval",
    /// Hand on one's votes for a while.
    DelegateVotes => "delegateVotes",
    /// Enroll a key that votes are signed with.
    EnrollVoteKey => "enrollVoteKey",
    /// Have commands of one pattern agreed to ahead.
    GrantAhead => "grantAhead",
    /// End what was agreed to ahead.
    RevokeGrant => "revokeGrant",
    /// Look back at broken glass.
    ReviewBreakglass => "reviewBreakglass",
    /// Read the active bundle.
    ViewPolicies => "viewPolicies",
    /// Keep a bundle as a revision.
    PublishBundle => "publishBundle",
    /// Make another revision decide.
    ActivateBundle => "activateBundle",
    /// Decide recorded decisions again under another bundle.
    ReplayDecisions => "replayDecisions",
    /// Let a bundle decide beside the active one.
    ShadowBundle => "shadowBundle",
    /// Read and prove the audit log.
    ReadAudit => "readAudit",
    /// Take the audit log along.
    ExportAudit => "exportAudit",
    /// Read metrics.
    ViewMetrics => "viewMetrics",
    /// Watch the live feed.
    WatchEvents => "watchEvents",
    /// Make and end API keys.
    ManageKeys => "manageKeys",
    /// Make tenants, and say who is granted them.
    ManageTenants => "manageTenants",
    /// Turn the server's own keys.
    TurnKeys => "turnKeys",
    /// Add people.
    ManageUsers => "manageUsers",
    /// Say by which outside providers people sign in, and what those give.
    ManageProviders => "manageProviders",
    /// See load and room.
    ViewCapacity => "viewCapacity",
}
