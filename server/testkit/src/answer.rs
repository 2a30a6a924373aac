//! What the server answered, and what every refusal has to look like.

use serde_json::Value;

/// A status, headers and a body.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub kind: String,
    pub request_id: String,
    pub text: String,
    /// `null` where the body is no JSON.
    pub body: Value,
}

impl Answer {
    pub async fn read(response: reqwest::Response) -> Self {
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let (status, kind, request_id) = (response.status().as_u16(), header("content-type"), header("x-request-id"));
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, kind, request_id, text, body }
    }

    /// The body, if the status is `status`.
    #[track_caller]
    pub fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// The body of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.text);
        self.body
    }

    /// The body of a refusal in the one error shape, whose code is `code`.
    #[track_caller]
    pub fn problem(self, code: &str) -> Value {
        let known = legator_server::error::CODES.iter().find(|(known, ..)| *known == code);
        let Some((_, status, title)) = known else { panic!("`{code}` is no code of the API") };
        assert_eq!(self.body["code"], code, "{}: {}", self.status, self.text);
        assert_eq!(self.status, *status, "{}", self.text);
        assert_eq!(self.body["status"], *status, "{}", self.text);
        assert_eq!(self.body["title"], *title, "{}", self.text);
        assert_eq!(self.body["type"], format!("/docs/problems#{code}"), "{}", self.text);
        assert_eq!(self.kind, "application/problem+json", "{}", self.text);
        assert!(!self.body["detail"].as_str().unwrap_or_default().is_empty(), "{}", self.text);
        assert!(self.request_id.starts_with("req_"), "{}", self.request_id);
        assert_eq!(self.body["request_id"], self.request_id, "{}", self.text);
        self.body
    }
}
