//! The web interface: what `build.rs` put into this program, with the headers that keep a browser from doing more.
//! Never: an answer to a program. Whoever does not ask for HTML hears from the API, errors included.

use std::sync::Arc;

use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse as _, Request, Response};

/// A file of the interface.
pub struct Asset {
    path: &'static str,
    raw: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/ui_assets.rs"));

/// Addresses that are the API's, whoever asks.
const OURS: &[&str] = &["api", "docs", "healthz", "openapi.json", "version", "ws"];

/// Nothing from elsewhere, no script but our files, nobody's frame. Styles may be inline: the code view makes its own.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; \
    img-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

const NO_PAGES: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Legator</title>\
    <h1>Legator is running</h1><p>This program was built without its web interface. \
    To get it, install Node 20.19 or newer, run <code>cargo xtask ui</code>, and build the server again.</p>\
    <p>Until then: the <a href=\"/docs\">API</a>, and the command line <code>legatorctl</code>.</p>";

/// Answers browsers with pages, and passes everything else on.
pub async fn pages<E: Endpoint>(next: Arc<E>, request: Request) -> poem::Result<Response> {
    match found(request.method(), request.uri().path(), request.headers()) {
        Some(response) => Ok(response),
        None => next.call(request).await.map(poem::IntoResponse::into_response),
    }
}

fn found(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let path = path.trim_start_matches('/');
    if OURS.contains(&path.split('/').next().unwrap_or_default()) {
        return None;
    }
    if let Some(asset) = ASSETS.iter().find(|asset| asset.path == path) {
        return Some(respond(asset, headers));
    }
    let wants =
        |kind| headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().windows(9).any(|at| at == kind));
    // Any other address is a page's own, so that a reload or a link into the middle finds it.
    if !wants(b"text/html") || path.rsplit('/').next().is_some_and(|last| last.contains('.')) {
        return None;
    }
    match ASSETS.iter().find(|asset| asset.path == "index.html") {
        Some(index) => Some(respond(index, headers)),
        None if path.is_empty() => {
            Some(guarded(Response::builder().content_type("text/html; charset=utf-8").body(NO_PAGES)))
        }
        None => None,
    }
}

fn respond(asset: &Asset, headers: &HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts = |name: &str| accepts.split(',').any(|part| part.trim().split(';').next() == Some(name));
    let (bytes, encoding) = match (asset.brotli.filter(|_| accepts("br")), asset.gzip.filter(|_| accepts("gzip"))) {
        (Some(bytes), _) => (bytes, Some("br")),
        (None, Some(bytes)) => (bytes, Some("gzip")),
        (None, None) => (asset.raw, None),
    };
    // Names under `assets/` carry a digest of what they hold.
    let keep = if asset.path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = Response::builder()
        .status(StatusCode::OK)
        .content_type(kind(asset.path))
        .header(header::VARY, "accept-encoding")
        .header(header::CACHE_CONTROL, keep);
    if let Some(encoding) = encoding {
        response = response.header(header::CONTENT_ENCODING, encoding);
    }
    guarded(response.body(bytes).into_response())
}

fn guarded(mut response: Response) -> Response {
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "webmanifest" | "json" => "application/json",
        "png" => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: Method, path: &str, accept: &str) -> Option<Response> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        found(&method, path, &headers)
    }

    #[test]
    fn leaves_the_api_and_every_program_alone() {
        for path in ["/api/v1/me", "/docs", "/docs/problems", "/healthz", "/openapi.json", "/version", "/ws/probe"] {
            assert!(ask(Method::GET, path, "text/html").is_none(), "{path}");
        }
        assert!(ask(Method::GET, "/fleet", "*/*").is_none());
        assert!(ask(Method::POST, "/", "text/html").is_none());
        assert!(ask(Method::GET, "/no-such-file.js", "text/html").is_none());
    }

    #[test]
    fn a_browser_gets_a_page_that_may_load_nothing_from_elsewhere() {
        let response = ask(Method::GET, "/", "text/html,application/xhtml+xml").unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let policy = response.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"), "{policy}");
    }

    #[test]
    fn a_link_into_the_middle_finds_the_interface_if_there_is_one() {
        let built = ASSETS.iter().any(|asset| asset.path == "index.html");
        assert_eq!(ask(Method::GET, "/approvals/apr_1", "text/html").is_some(), built);
    }

    #[test]
    fn packs_only_for_those_who_unpack_and_keeps_what_is_named_by_its_digest() {
        let asset = Asset { path: "assets/a-1.js", raw: b"raw", gzip: Some(b"gz"), brotli: Some(b"br") };
        let with = |encodings: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, encodings.parse().unwrap());
            let response = respond(&asset, &headers);
            (
                response.header("content-encoding").map(str::to_owned),
                response.header("cache-control").map(str::to_owned),
            )
        };
        assert_eq!(with("gzip, deflate, br").0.as_deref(), Some("br"));
        assert_eq!(with("gzip;q=1.0").0.as_deref(), Some("gzip"));
        assert_eq!(with("identity").0, None);
        assert!(with("br").1.unwrap().contains("immutable"));
        let index = Asset { path: "index.html", raw: b"raw", gzip: None, brotli: None };
        assert_eq!(respond(&index, &HeaderMap::new()).header("cache-control"), Some("no-cache"));
    }
}
