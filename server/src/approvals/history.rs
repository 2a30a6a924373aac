//! What a list of requests is narrowed by. Requests and votes are kept for ever.

use legator_protocol::ProbeId;

use super::request::RequestState;

/// What is `None` asks nothing.
#[derive(Clone, Debug, Default)]
pub struct Narrow {
    pub state: Option<RequestState>,
    /// `command`, `activation` or `grant`.
    pub kind: Option<&'static str>,
    /// Who voted, themselves or through another.
    pub by: Option<String>,
    pub requester: Option<String>,
    pub probe: Option<ProbeId>,
    /// Asked from this time on, in UTC milliseconds.
    pub since: Option<i64>,
    /// Asked before this time.
    pub until: Option<i64>,
    /// Somewhere in the command.
    pub text: Option<String>,
}
