//! Asking a provider over HTTP: short, small, and nowhere else than where we were sent.
//! Never: follows a redirect, reads an answer without end, or says in an error what was sent.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::provider::check_address;

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(15);
const LARGEST_ANSWER: usize = 512 * 1024;

/// Why a provider did not answer as it should.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchFault {
    #[error("`{what}` cannot be reached: {why}")]
    Unreachable { what: &'static str, why: String },
    #[error("`{what}` answered {status}{said}")]
    Refused { what: &'static str, status: u16, said: String },
    #[error("`{what}` answered with what cannot be read")]
    Unreadable { what: &'static str },
    #[error("{0}")]
    Address(String),
}

/// A client for providers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Fetch(Option<reqwest::Client>);

impl Default for Fetch {
    fn default() -> Self {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            // Sign-ins are seldom, and an idle connection may be closed just when it is used.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("legator/", env!("CARGO_PKG_VERSION")))
            .build();
        Self(client.inspect_err(|fault| tracing::error!(%fault, "no provider can be asked")).ok())
    }
}

/// How we show the provider who is asking.
pub enum Bearer<'b> {
    Nobody,
    /// Name and password (RFC 6749, 2.3.1).
    Client(&'b str, &'b str),
    Token(&'b str),
}

impl Fetch {
    pub async fn get<T: DeserializeOwned>(
        &self,
        what: &'static str,
        address: &str,
        bearer: Bearer<'_>,
    ) -> Result<T, FetchFault> {
        let client = self.client(what, address)?;
        self.answer(what, shown(client.get(address), bearer)).await
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        what: &'static str,
        address: &str,
        form: &[(&str, &str)],
        bearer: Bearer<'_>,
    ) -> Result<T, FetchFault> {
        let client = self.client(what, address)?;
        let mut body = reqwest::Url::parse("form:").map_err(|fault| FetchFault::Address(fault.to_string()))?;
        body.query_pairs_mut().extend_pairs(form);
        let request = client
            .post(address)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.query().unwrap_or_default().to_owned());
        self.answer(what, shown(request, bearer)).await
    }

    fn client(&self, what: &'static str, address: &str) -> Result<&reqwest::Client, FetchFault> {
        check_address(what, address).map_err(FetchFault::Address)?;
        self.0.as_ref().ok_or(FetchFault::Unreachable { what, why: "there is no client".to_owned() })
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        what: &'static str,
        request: reqwest::RequestBuilder,
    ) -> Result<T, FetchFault> {
        let broken = |fault: reqwest::Error| FetchFault::Unreachable { what, why: chain(&fault.without_url()) };
        let mut response = request.header("accept", "application/json").send().await.map_err(broken)?;
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(broken)? {
            if body.len() + part.len() > LARGEST_ANSWER {
                return Err(FetchFault::Unreadable { what });
            }
            body.extend_from_slice(&part);
        }
        let status = response.status();
        if !status.is_success() {
            return Err(FetchFault::Refused { what, status: status.as_u16(), said: said(&body) });
        }
        serde_json::from_slice(&body).map_err(|_| FetchFault::Unreadable { what })
    }
}

fn shown(request: reqwest::RequestBuilder, bearer: Bearer<'_>) -> reqwest::RequestBuilder {
    match bearer {
        Bearer::Nobody => request,
        Bearer::Client(id, secret) => request.basic_auth(quoted(id), Some(quoted(secret))),
        Bearer::Token(token) => request.bearer_auth(token),
    }
}

/// Name and password are form-encoded before they go into the header.
fn quoted(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// The error code of RFC 6749 that an answer carries, where it looks like one.
fn said(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let code = body.get("error").and_then(serde_json::Value::as_str).unwrap_or_default();
    let plain =
        !code.is_empty() && code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if plain { format!(" with `{code}`") } else { String::new() }
}

fn chain(fault: &dyn std::error::Error) -> String {
    let mut said = fault.to_string();
    let mut next = fault.source();
    while let Some(fault) = next {
        said = format!("{said}: {fault}");
        next = fault.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_on_only_codes_that_look_like_codes() {
        assert_eq!(said(br#"{"error":"invalid_grant","error_description":"secret"}"#), " with `invalid_grant`");
        for bad in [&b""[..], b"x", br#"{"error":"<script>"}"#, br#"{"error":{}}"#] {
            assert_eq!(said(bad), "");
        }
    }

    #[test]
    fn a_name_with_marks_goes_into_the_header_quoted() {
        assert_eq!(quoted("a:b c%"), "a%3Ab%20c%25");
    }

    #[tokio::test]
    async fn goes_nowhere_but_to_https() {
        for address in ["http://id.example/x", "file:///etc/passwd", "gopher://x"] {
            let got = Fetch::default().get::<serde_json::Value>("the key set", address, Bearer::Nobody).await;
            assert!(matches!(got, Err(FetchFault::Address(_))), "{address}");
        }
    }
}
