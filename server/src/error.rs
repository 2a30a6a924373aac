//! The one error shape of the API: RFC 9457 problem details, with a stable code and the next step.
//! Never: a second shape. Every room's error becomes a [`Problem`] in its `api.rs`.

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiResponse, Object};

/// Every code that an answer can carry, with its status and what it means. `server/README.md` lists them for people.
pub const CODES: &[(&str, u16, &str)] = &[
    ("bad-request", 400, "the request could not be read"),
    ("bad-command", 422, "the command is not well-formed"),
    ("unauthenticated", 401, "no valid credential came with the request"),
    ("sign-in-refused", 401, "the name, the password or the code is not right, or this person may not sign in"),
    ("second-factor-needed", 401, "a second factor is needed as well"),
    ("bad-link", 401, "the one-time link is unknown, was used, or is too old"),
    ("cross-site-request", 403, "the request came from another site than this one"),
    ("forbidden", 403, "policy does not let this caller do this"),
    ("denied", 403, "policy denies this command"),
    ("not-found", 404, "there is nothing under this address"),
    ("method-not-allowed", 405, "this address does not take this method"),
    ("not-acceptable", 406, "this address has no answer of the asked type"),
    ("conflict", 409, "the state does not allow this now"),
    ("stale-approval", 409, "what is to be approved is not what was looked at"),
    ("reason-required", 422, "policy asks for a reason"),
    ("vote-signature", 422, "the signature of a vote or of its key does not count"),
    ("already-voted", 409, "this person has already voted"),
    ("idempotency-key-reused", 409, "the same idempotency key came with another body"),
    ("known-machine", 409, "this machine is enrolled already"),
    ("payload-too-large", 413, "the body is larger than this address takes"),
    ("unsupported-media-type", 415, "the body's type is not taken here"),
    ("invalid", 422, "a value is out of its bounds"),
    ("bundle-refused", 422, "the bundle has faults; the old one goes on"),
    ("bad-signature", 401, "the webhook is not signed with the secret that was agreed on"),
    ("bad-token", 401, "the enrollment token is unknown, used up or expired"),
    ("too-many-requests", 429, "too many requests; try again later"),
    ("internal", 500, "the server failed; the log has the reason under the request id"),
    ("log-unavailable", 503, "the audit log cannot be written, so nothing is done"),
    ("timeout", 504, "the answer did not come in time; the command goes on"),
];

/// What every refused or failed request gets.
#[derive(Clone, Debug, Object)]
pub struct ProblemBody {
    /// A link to the code's description.
    #[oai(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    /// What went wrong this time.
    detail: String,
    /// Stable, kebab-case; switch on this.
    code: String,
    /// What would help.
    #[oai(skip_serializing_if_is_none)]
    help: Option<String>,
    /// For the server's log.
    #[oai(skip_serializing_if_is_none)]
    request_id: Option<String>,
    /// For a refusal: the decision with its rationale.
    #[oai(skip_serializing_if_is_none)]
    decision: Option<serde_json::Value>,
    /// For a refused bundle: each fault with its place.
    #[oai(skip_serializing_if_is_none)]
    faults: Option<Vec<serde_json::Value>>,
}

/// A refusal or failure on its way out.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Problem {
    code: &'static str,
    detail: String,
    help: Option<String>,
    decision: Option<Box<serde_json::Value>>,
    faults: Option<Vec<serde_json::Value>>,
    retry_after_s: Option<u64>,
}

impl Problem {
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        debug_assert!(CODES.iter().any(|(known, ..)| *known == code), "`{code}` is not in `CODES`");
        Self { code, detail: detail.into(), help: None, decision: None, faults: None, retry_after_s: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn decision(mut self, decision: serde_json::Value) -> Self {
        self.decision = Some(Box::new(decision));
        self
    }

    pub fn faults(mut self, faults: Vec<serde_json::Value>) -> Self {
        self.faults = Some(faults);
        self
    }

    /// Says when it is worth another try.
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    pub fn not_found(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new("not-found", format!("there is no {what} `{id}`"))
    }

    /// A fault of ours: logged in full here, told in general.
    pub fn internal(fault: impl std::fmt::Display) -> Self {
        tracing::error!(%fault, "a request failed");
        Self::new("internal", "the server failed to do this")
            .help("look for the request id in the server's log".to_owned())
    }

    pub const fn code(&self) -> &'static str {
        self.code
    }

    pub fn status(&self) -> StatusCode {
        let status = CODES.iter().find(|(code, ..)| *code == self.code).map_or(500, |(_, status, _)| *status);
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The response, with the request's id in it.
    pub fn respond(self, request_id: Option<String>) -> Response {
        let status = self.status();
        let title = CODES.iter().find(|(code, ..)| *code == self.code).map_or("", |(.., title)| *title);
        let retry_after_s = self.retry_after_s;
        let body = ProblemBody {
            kind: format!("/docs/problems#{}", self.code),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.detail,
            code: self.code.to_owned(),
            help: self.help,
            request_id,
            decision: self.decision.map(|decision| *decision),
            faults: self.faults,
        };
        let mut response = Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))
            .body(body.to_json_string());
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.respond(None)
    }
}

impl From<Problem> for poem::Error {
    fn from(problem: Problem) -> Self {
        // The typed error travels along, so that the outermost layer can add the request's id.
        let status = problem.status();
        poem::Error::new(problem, status)
    }
}

impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "A refusal or a failure (RFC 9457)",
                status: None,
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: "application/problem+json",
                    schema: ProblemBody::schema_ref(),
                }],
                headers: Vec::new(),
            }],
        }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}

/// UTC milliseconds as the API shows them.
pub fn at(ms: i64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

/// A value of the engine's as the API shows it.
pub fn json(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}
