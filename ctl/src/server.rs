//! The API's client: addresses, the key, and what comes back.
//! Never: the key over plain HTTP to another machine, or in a message.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, Url};
use serde_json::Value;

use crate::exit::{Failure, Problem};
use crate::pin::{self, Seen};

const CONNECT: Duration = Duration::from_secs(10);
/// For answers that do not wait for anything.
const PROMPT: Duration = Duration::from_secs(60);
/// A stream has a beat every 15 s; three missed ones are a broken connection.
const SILENCE: Duration = Duration::from_secs(45);

/// Where a server is, and how to be let in.
#[derive(Clone)]
pub struct Access {
    pub server: String,
    pub fingerprint: Option<String>,
    pub api_key: Option<String>,
    /// The cookie of a session, as `name=value`; a key goes before it.
    pub session: Option<String>,
    /// Send the key in the clear; for a server behind a proxy on a network of its own.
    pub plain_allowed: bool,
    /// Look at this tenant alone.
    pub tenant: Option<String>,
}

/// A server that can be asked.
pub struct Server {
    http: reqwest::Client,
    root: Url,
    access: Access,
    seen: Option<Seen>,
}

pub type Query<'q> = &'q [(&'q str, &'q str)];

impl Server {
    pub fn new(access: Access) -> Result<Self, Failure> {
        let unfit = |why: String| Failure::Usage(format!("`{}` is no server address: {why}", access.server));
        let root = Url::parse(&access.server).map_err(|fault| unfit(fault.to_string()))?;
        let loopback = matches!(root.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        match root.scheme() {
            "https" => {}
            "http" if loopback || access.plain_allowed => {}
            "http" => return Err(unfit("plain HTTP would send the API key in the clear; use `https://`".to_owned())),
            other => return Err(unfit(format!("`{other}` is not `https`"))),
        }
        if root.cannot_be_a_base() || root.host_str().is_none() {
            return Err(unfit("it names no host".to_owned()));
        }
        let mut builder = reqwest::Client::builder().connect_timeout(CONNECT).read_timeout(SILENCE);
        let mut seen = None;
        if let Some(pin) = &access.fingerprint {
            let (config, noted) =
                pin::client(Some(pin)).map_err(|fault| Failure::Local(format!("could not set up TLS: {fault}")))?;
            builder = builder.tls_backend_preconfigured(config);
            seen = Some(noted);
        }
        let http =
            builder.build().map_err(|fault| Failure::Local(format!("could not set up HTTP: {}", chain(&fault))))?;
        Ok(Self { http, root, access, seen })
    }

    pub fn address(&self) -> &str {
        self.access.server.trim_end_matches('/')
    }

    pub fn has_key(&self) -> bool {
        self.access.api_key.is_some() || self.access.session.is_some()
    }

    /// Signs in; gives who it is, and the cookie of the session.
    pub async fn sign_in(&self, body: &Value) -> Result<(Value, String), Failure> {
        let opened = self.session(&["api", "v1", "auth", "sign-in"], body).await?;
        opened.ok_or_else(|| Failure::Answer("it gives no session".to_owned()))
    }

    /// Asks for a session; there is none yet where the answer is to come again.
    pub async fn session(&self, path: &[&str], body: &Value) -> Result<Option<(Value, String)>, Failure> {
        let response = self.send(Method::POST, path, &[], Some(body), &[], Some(PROMPT)).await?;
        if response.status().as_u16() == 202 {
            return Ok(None);
        }
        let cookie = response.headers().get("set-cookie").and_then(|cookie| cookie.to_str().ok());
        let cookie = cookie.and_then(|cookie| cookie.split(';').next()).map(str::to_owned);
        let cookie = cookie.ok_or_else(|| Failure::Answer("it gives no session".to_owned()))?;
        let who = response.json().await.map_err(|fault| Failure::Answer(chain(&fault)))?;
        Ok(Some((who, cookie)))
    }

    /// `/api/v1/…`, each part made safe for an address.
    pub fn url(&self, path: &[&str], query: Query<'_>) -> Url {
        let mut url = self.root.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        if let Some(tenant) = &self.access.tenant {
            url.query_pairs_mut().append_pair("tenant", tenant);
        }
        url
    }

    pub async fn get(&self, path: &[&str], query: Query<'_>) -> Result<Value, Failure> {
        self.json(Method::GET, path, query, None, &[], PROMPT).await
    }

    pub async fn get_text(&self, path: &[&str], query: Query<'_>) -> Result<String, Failure> {
        let response = self.send(Method::GET, path, query, None, &[], Some(PROMPT)).await?;
        response.text().await.map_err(|fault| self.broken(&fault))
    }

    pub async fn post(&self, path: &[&str], query: Query<'_>, body: &Value) -> Result<Value, Failure> {
        self.json(Method::POST, path, query, Some(body), &[], PROMPT).await
    }

    /// A request that may be sent again with the same key and happens once.
    pub async fn post_once(&self, path: &[&str], body: &Value, key: Option<&str>) -> Result<Value, Failure> {
        let headers: Vec<_> = key.map(|key| ("Idempotency-Key", key)).into_iter().collect();
        self.json(Method::POST, path, &[], Some(body), &headers, PROMPT).await
    }

    /// Bytes that are no JSON, and an answer that is.
    pub async fn post_bytes(
        &self,
        path: &[&str],
        query: Query<'_>,
        kind: &str,
        body: Vec<u8>,
    ) -> Result<Value, Failure> {
        let request = self.request(Method::POST, path, query).header("Content-Type", kind).body(body).timeout(PROMPT);
        let response = self.answered(request).await?;
        let bytes = response.bytes().await.map_err(|fault| self.broken(&fault))?;
        serde_json::from_slice(&bytes).map_err(|fault| Failure::Answer(fault.to_string()))
    }

    pub async fn patch(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.json(Method::PATCH, path, &[], Some(body), &[], PROMPT).await
    }

    pub async fn put(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.json(Method::PUT, path, &[], Some(body), &[], PROMPT).await
    }

    /// A request without a body whose answer counts.
    pub async fn ask(&self, method: Method, path: &[&str], query: Query<'_>) -> Result<Value, Failure> {
        self.json(method, path, query, None, &[], PROMPT).await
    }

    pub async fn delete(&self, path: &[&str]) -> Result<(), Failure> {
        self.send(Method::DELETE, path, &[], None, &[], Some(PROMPT)).await.map(drop)
    }

    /// A long text, as it comes.
    pub async fn stream_text(&self, path: &[&str], query: Query<'_>) -> Result<Response, Failure> {
        self.send(Method::GET, path, query, None, &[], None).await
    }

    /// An event stream, from the beginning or after the event with this id.
    pub async fn stream(&self, path: &[&str], last: Option<&str>) -> Result<Response, Failure> {
        let mut headers = vec![("Accept", "text/event-stream")];
        headers.extend(last.map(|last| ("Last-Event-ID", last)));
        self.send(Method::GET, path, &[], None, &headers, None).await
    }

    /// Like `get`, but an answer that is not well is an answer too.
    pub async fn get_whatever(&self, path: &[&str]) -> Result<Value, Failure> {
        let request = self.http.get(self.url(path, &[])).timeout(PROMPT);
        let response = request.send().await.map_err(|fault| self.broken(&fault))?;
        response.json().await.map_err(|fault| Failure::Answer(chain(&fault)))
    }

    async fn json(
        &self,
        method: Method,
        path: &[&str],
        query: Query<'_>,
        body: Option<&Value>,
        headers: &[(&str, &str)],
        most: Duration,
    ) -> Result<Value, Failure> {
        let response = self.send(method, path, query, body, headers, Some(most)).await?;
        let bytes = response.bytes().await.map_err(|fault| self.broken(&fault))?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|fault| Failure::Answer(fault.to_string()))
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: Query<'_>,
        body: Option<&Value>,
        headers: &[(&str, &str)],
        most: Option<Duration>,
    ) -> Result<Response, Failure> {
        let mut request = self.request(method, path, query);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(most) = most {
            request = request.timeout(most);
        }
        self.answered(request).await
    }

    fn request(&self, method: Method, path: &[&str], query: Query<'_>) -> RequestBuilder {
        let request = self.http.request(method, self.url(path, query));
        if let Some(key) = &self.access.api_key {
            return request.bearer_auth(key);
        }
        match &self.access.session {
            // With a cookie the server wants to know that no other site asks.
            Some(session) => {
                request.header("Cookie", session).header("Origin", self.root.origin().ascii_serialization())
            }
            None => request,
        }
    }

    async fn answered(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|fault| self.broken(&fault))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(problem(response).await)
    }

    pub fn broken(&self, fault: &reqwest::Error) -> Failure {
        let (server, reason) = (self.address().to_owned(), chain(fault));
        let seen = self.seen.as_ref().and_then(|seen| seen.lock().ok()?.clone());
        if let (Some(found), Some(pinned)) = (seen, &self.access.fingerprint)
            && found != *pinned
        {
            return Failure::PinMismatch { server, pinned: pinned.clone(), found };
        }
        if reason.contains("invalid peer certificate") {
            return Failure::Untrusted { server, reason };
        }
        Failure::Unreachable { server, reason }
    }
}

/// The fingerprint that a server shows to whoever asks. Nothing is sent to it.
pub async fn look_at(server: &str) -> Result<Option<String>, Failure> {
    let (config, seen) = pin::client(None).map_err(|fault| Failure::Local(format!("could not set up TLS: {fault}")))?;
    let http = reqwest::Client::builder().connect_timeout(CONNECT).tls_backend_preconfigured(config).build();
    let http = http.map_err(|fault| Failure::Local(format!("could not set up HTTP: {}", chain(&fault))))?;
    let _refused_by_us = http.get(server).timeout(CONNECT).send().await;
    Ok(seen.lock().ok().and_then(|seen| seen.clone()))
}

async fn problem(response: Response) -> Failure {
    let status = response.status().as_u16();
    let header = response.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let text = response.text().await.unwrap_or_default();
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    let said = |name: &str| body[name].as_str().map(str::to_owned);
    Failure::Problem(Box::new(Problem {
        status,
        code: said("code").unwrap_or_else(|| "unknown".to_owned()),
        detail: said("detail")
            .unwrap_or_else(|| format!("the server answered with status {status} and no explanation")),
        help: said("help"),
        request_id: said("request_id").or(header),
        body,
    }))
}

/// A fault with everything that led to it.
fn chain(fault: &dyn std::error::Error) -> String {
    let mut text = fault.to_string();
    let mut next = fault.source();
    while let Some(fault) = next {
        let said = fault.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = fault.source();
    }
    text
}
