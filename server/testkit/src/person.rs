//! A person with an API key, and what they ask of the server.

use std::sync::Arc;
use std::sync::Mutex;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{Answer, soon};

/// The server's address; another one after a restart.
pub type Base = Arc<Mutex<String>>;

/// Somebody with a key, or a stranger without one.
#[derive(Clone)]
pub struct Person {
    pub name: String,
    pub id: String,
    pub key: Option<String>,
    base: Base,
    http: Client,
}

/// One event of a stream.
#[derive(Clone, Debug)]
pub struct Sse {
    pub id: String,
    pub kind: String,
    pub body: Value,
}

/// A client that speaks to loopback and nothing else.
pub fn http() -> Client {
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

impl Person {
    pub fn new(name: &str, id: &str, key: Option<String>, base: &Base, http: &Client) -> Self {
        Self { name: name.to_owned(), id: id.to_owned(), key, base: Arc::clone(base), http: http.clone() }
    }

    /// The same person with another key, or none.
    pub fn with_key(&self, key: Option<&str>) -> Self {
        Self { key: key.map(str::to_owned), ..self.clone() }
    }

    /// A request, to be filled and sent by hand. `path` begins with `/`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base.lock().unwrap());
        let request = self.http.request(method, url);
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::read(soon("an answer", request.send()).await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    /// The same as `post`, for a future that outlives this handle.
    pub fn post_owned(&self, path: &str, body: Value) -> impl Future<Output = Answer> + use<> {
        let (person, request) = (self.clone(), self.request(Method::POST, path).json(&body));
        async move { person.send(request).await }
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Asks a probe to run `argv`; does not wait for its end.
    pub async fn ask(&self, probe: &str, argv: &[&str]) -> Answer {
        self.post(&format!("/api/v1/probes/{probe}/command"), json!({ "argv": argv })).await
    }

    /// Asks, and waits for the end.
    pub async fn run(&self, probe: &str, argv: &[&str]) -> Answer {
        self.post(&format!("/api/v1/probes/{probe}/command?wait=true"), json!({ "argv": argv })).await
    }

    /// A command as it is now.
    pub async fn command(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/commands/{id}?output=true")).await.is(200)
    }

    /// Votes on an approval.
    pub async fn vote(&self, approval: &str, decision: &str) -> Answer {
        self.post(&format!("/api/v1/approvals/{approval}/decide"), json!({ "decision": decision })).await
    }

    pub async fn cancel(&self, command: &str) -> Answer {
        self.post(&format!("/api/v1/commands/{command}/cancel"), json!({ "reason": "not now" })).await
    }

    /// A command's stream, until it ends because the command has.
    pub async fn stream(&self, command: &str, after: &str, last_event_id: Option<&str>) -> Vec<Sse> {
        let mut request = self.request(Method::GET, &format!("/api/v1/commands/{command}/stream{after}"));
        if let Some(last) = last_event_id {
            request = request.header("Last-Event-ID", last);
        }
        let response = soon("a stream", request.send()).await.unwrap();
        assert_eq!(response.status(), 200);
        let text = soon("the end of a stream", response.text()).await.unwrap();
        text.split("\n\n").filter_map(Sse::read).collect()
    }

    /// The command, once it has ended.
    pub async fn ended(&self, command: &str) -> Value {
        self.stream(command, "", None).await;
        let command = self.command(command).await;
        assert_eq!(command["ended"], true, "{command}");
        command
    }
}

impl Sse {
    /// One event; `None` for a comment.
    pub fn read(block: &str) -> Option<Self> {
        let field = |name: &str| {
            let lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
        };
        let body = serde_json::from_str(&field("data")).ok()?;
        Some(Self { id: field("id"), kind: field("event"), body })
    }
}
