//! What every answer has in common: a request id, and for every failure, wherever it comes from, the one error shape.

use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::HeaderValue;
use poem::http::uri::Scheme;
use poem::{Endpoint, Request, Response};
use poem_openapi::error::{AuthorizationError, ContentTypeError};

use super::pack;
use crate::app::App;
use crate::error::Problem;
use crate::identity::caller::{certified, cookie};

/// The largest body that a request may bring, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// The same for a bundle, from somebody with a key: what a bundle may weigh, written as JSON.
const MAX_BUNDLE: usize = 48 * 1024 * 1024;

/// Where bundles come in whole.
const WITH_BUNDLES: [&str; 4] =
    ["/api/v1/bundles", "/api/v1/bundles/check", "/api/v1/bundles/shadow", "/api/v1/replays"];

/// Answers, and turns whatever went wrong into a problem.
pub async fn shape<E: Endpoint>(next: std::sync::Arc<E>, request: Request) -> poem::Result<Response> {
    let id = request.data::<App>().map(|app| app.clock.request_id());
    let id = id.or_else(|| request.header("x-request-id").map(str::to_owned)).unwrap_or_default();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let over_tls = request.scheme() == &Scheme::HTTPS;
    let pack = pack::wanted(&method, request.headers());
    let answered = match bounded(request).await {
        Ok(request) => next.call(request).await.map(poem::IntoResponse::into_response),
        Err(problem) => Err(problem.into()),
    };
    let mut response = answered.unwrap_or_else(|fault| answer(&fault, &id));
    if pack {
        response = pack::packed(response).await;
    }
    if response.status() == poem::http::StatusCode::PAYLOAD_TOO_LARGE {
        // The rest of the body is not read, so the connection ends here; who is told so asks on another one.
        response.headers_mut().insert("connection", HeaderValue::from_static("close"));
    }
    response.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response.headers_mut().insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    protect(&mut response, &path, over_tls);
    tracing::debug!(request.id = id, %method, path, status = response.status().as_u16(), "answered");
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    Ok(response)
}

/// What a browser may do with an answer: nothing, where it is data. A page that brings rules of its own keeps them.
fn protect(response: &mut Response, path: &str, over_tls: bool) {
    // The documentation's page carries its own script and style.
    const PAGE: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; \
                        font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    const DATA: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let headers = response.headers_mut();
    let rules = if path.starts_with("/docs") { PAGE } else { DATA };
    headers.entry("content-security-policy").or_insert(HeaderValue::from_static(rules));
    headers.entry("x-frame-options").or_insert(HeaderValue::from_static("DENY"));
    if path.starts_with("/api/") {
        headers.entry("cache-control").or_insert(HeaderValue::from_static("no-store"));
    }
    if over_tls {
        headers.insert("strict-transport-security", HeaderValue::from_static("max-age=31536000"));
    }
}

/// The request with its body read, if that is not too large. A body may come without its length being said.
async fn bounded(mut request: Request) -> Result<Request, Problem> {
    let most = most(&request);
    let too_large = || Problem::new("payload-too-large", format!("the body is larger than {most} bytes"));
    let said = request.header("content-length").and_then(|length| length.parse::<usize>().ok());
    if said.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    if said.is_some() || request.header("transfer-encoding").is_some() {
        let body = request.take_body().into_bytes_limit(most).await.map_err(|_| too_large())?;
        request.set_body(body);
    }
    Ok(request)
}

fn most(request: &Request) -> usize {
    let bundle = request.method() == poem::http::Method::POST && WITH_BUNDLES.contains(&request.uri().path());
    let bearer = || request.header("authorization").and_then(|said| said.strip_prefix("Bearer "));
    let known = || {
        request.data::<App>().is_some_and(|App { identity, .. }| {
            bearer().is_some_and(|key| identity.opens(key))
                || certified(request).is_some_and(|uri| identity.knows(&uri))
                || cookie(request).is_some_and(|cookie| identity.recognize_session(cookie).is_some())
        })
    };
    if bundle && known() { MAX_BUNDLE } else { MAX_BODY }
}

fn answer(fault: &poem::Error, id: &str) -> Response {
    let problem = match fault.downcast_ref::<Problem>() {
        Some(problem) => problem.clone(),
        None => name(fault),
    };
    if problem.status().is_server_error() {
        tracing::error!(request.id = id, %problem, "a request failed");
    }
    problem.respond(Some(id.to_owned()))
}

/// The framework's own refusals, by our names.
fn name(fault: &poem::Error) -> Problem {
    if fault.is::<AuthorizationError>() {
        return Problem::new("unauthenticated", "no valid credential came with the request")
            .help("send `Authorization: Bearer <API key>`; `legatorctl login` keeps one for you");
    }
    if fault.is::<NotFoundError>() {
        return Problem::new("not-found", "there is nothing under this address").help("`/docs` lists what there is");
    }
    if fault.is::<MethodNotAllowedError>() {
        return Problem::new("method-not-allowed", "this address does not take this method");
    }
    if fault.is::<ContentTypeError>() || fault.status().as_u16() == 415 {
        return Problem::new("unsupported-media-type", fault.to_string()).help("send `Content-Type: application/json`");
    }
    match fault.status().as_u16() {
        400..=499 => Problem::new("bad-request", fault.to_string()),
        _ => Problem::internal(fault),
    }
}
