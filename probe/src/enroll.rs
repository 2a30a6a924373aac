//! Enrollment: a token buys an identity. One POST, over the connection that the token's pin already proved.
//! Never: writes the token anywhere, or keeps anything when the server says no.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use legator_protocol::{ProbeId, ProbeKey};
use serde::{Deserialize, Serialize};

use crate::VERSION;
use crate::address::Address;
use crate::card::{Card, CardFault};
use crate::config::Identity;
use crate::tls::{self, ConnectFault, Stream};
use crate::token::{Pin, Token};

/// An answer is a few hundred bytes; a server that sends more is not ours.
const MOST: usize = 64 * 1024;

/// What the host says of itself.
#[derive(Clone, Debug, Serialize)]
pub struct Introduction {
    pub name: String,
    pub hostname: String,
    pub os: String,
    pub arch: String,
    pub version: String,
    pub machine_id: String,
    pub tags: Vec<String>,
}

#[derive(Serialize)]
struct Question<'a> {
    token: &'a str,
    #[serde(flatten)]
    introduction: &'a Introduction,
}

#[derive(Deserialize)]
struct Answer {
    probe_id: ProbeId,
    key: String,
    name: String,
    #[serde(default)]
    pin: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    detail: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    help: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum EnrollFault {
    #[error(transparent)]
    Connect(#[from] ConnectFault),
    #[error(transparent)]
    Card(#[from] CardFault),
    #[error("the connection to the server broke during enrollment: {0}; run `legator-probe init` again")]
    Broken(String),
    #[error("the server refused to enroll this host: {detail} ({code}){help}")]
    Refused { code: String, detail: String, help: String },
    #[error("the server answered {0} without saying why; is `--server` the address of a Legator server?")]
    Unexplained(StatusCode),
    #[error(
        "the server's answer to the enrollment does not read as one; is the server as new as this probe ({VERSION})?"
    )]
    Malformed,
}

/// Asks the server for an identity.
pub async fn enroll(
    server: &Address,
    allow_plain_http: bool,
    token: &Token,
    introduction: &Introduction,
    card: Option<Card>,
) -> Result<Identity, EnrollFault> {
    let stream = tls::connect(server, token.pin, card).await?;
    let seen = stream.pin();
    let (status, body) = post(stream, server, &Question { token: token.expose(), introduction }).await?;
    if status != StatusCode::CREATED {
        return Err(refusal(status, &body));
    }
    let answer: Answer = serde_json::from_slice(&body).map_err(|_| EnrollFault::Malformed)?;
    let key = BASE64.decode(&answer.key).map_err(|_| EnrollFault::Malformed)?;
    let key: [u8; 32] = key.try_into().map_err(|_| EnrollFault::Malformed)?;
    // A pin that does not name the key in front of us (a proxy's, say) would lock this probe out: it is not taken.
    let offered: Option<Pin> = answer.pin.as_deref().and_then(|pin| pin.parse().ok());
    let pin = token.pin.or_else(|| offered.filter(|pin| Some(*pin) == seen));
    Ok(Identity {
        server: server.clone(),
        allow_plain_http,
        probe: answer.probe_id,
        name: answer.name,
        key: ProbeKey::new(key),
        next_key: None,
        pin,
    })
}

async fn post(stream: Stream, server: &Address, question: &Question<'_>) -> Result<(StatusCode, Bytes), EnrollFault> {
    let broken = |fault: &dyn std::fmt::Display| EnrollFault::Broken(fault.to_string());
    let json = serde_json::to_vec(question).map_err(|fault| broken(&fault))?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(server.path("/api/v1/register"))
        .header(HOST, server.authority())
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json, application/problem+json")
        .header(USER_AGENT, format!("legator-probe/{VERSION}"))
        .body(Full::new(Bytes::from(json)))
        .map_err(|fault| broken(&fault))?;
    let exchange = async {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|fault| broken(&fault))?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(|fault| broken(&fault))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MOST).collect().await.map_err(|fault| broken(&fault))?;
            Ok((status, body.to_bytes()))
        };
        tokio::pin!(answer, connection);
        let mut open = true;
        loop {
            tokio::select! {
                answered = &mut answer => return answered,
                _ = &mut connection, if open => open = false,
            }
        }
    };
    let late = || broken(&io::Error::from(io::ErrorKind::TimedOut));
    tokio::time::timeout(std::time::Duration::from_secs(30), exchange).await.map_err(|_| late())?
}

fn refusal(status: StatusCode, body: &[u8]) -> EnrollFault {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) if !problem.detail.is_empty() => EnrollFault::Refused {
            code: problem.code,
            detail: problem.detail,
            help: problem.help.map(|help| format!("; {help}")).unwrap_or_default(),
        },
        _ => EnrollFault::Unexplained(status),
    }
}

/// What tells this machine from others: `LEGATOR_MACHINE_ID`, for containers, or `/etc/machine-id`.
pub fn machine_id() -> String {
    let own = std::env::var("LEGATOR_MACHINE_ID").ok().filter(|id| !id.trim().is_empty());
    own.or_else(|| std::fs::read_to_string("/etc/machine-id").ok()).unwrap_or_default().trim().to_owned()
}
