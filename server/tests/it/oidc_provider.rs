//! A small provider of our own that can be made to lie in every way that a token can.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use parking_lot::Mutex;
use poem::http::StatusCode;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::web::{Data, Form};
use poem::{EndpointExt as _, IntoResponse as _, Response, Route, Server, get, handler, post};
use serde_json::{Value, json};
use sha2::Digest as _;
use testkit::reqwest::Url;

/// What is wrong with the next answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twist {
    Nothing,
    Expired,
    NotYet,
    Audience,
    Issuer,
    Nonce,
    NoNonce,
    /// Signed by a key under an id that is not published.
    UnknownKey,
    /// Signed by another key under the id of one that is.
    ForeignSignature,
    None,
    /// The public key taken for a shared secret.
    Hs256,
    Truncated,
    Unsigned,
    AnotherUserInfo,
    RefusedCode,
    NoJson,
    Redirect,
    Huge,
    OtherDescription,
    PlainEndpoint,
}

pub struct Key {
    id: String,
    pair: RsaKeyPair,
}

pub struct Inner {
    issuer: Mutex<String>,
    twist: Mutex<Twist>,
    person: Mutex<Value>,
    published: Mutex<Arc<Key>>,
    signs: Mutex<Arc<Key>>,
    /// What a code was given for: nonce, challenge and where it goes.
    codes: Mutex<Vec<(String, String, String, String)>>,
    n_keys: AtomicUsize,
    n_key_reads: AtomicUsize,
    n_jti: AtomicUsize,
}

pub struct Provider {
    pub issuer: String,
    inner: Arc<Inner>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Key {
    fn new(n: usize) -> Arc<Self> {
        Arc::new(Self { id: format!("k{n}"), pair: RsaKeyPair::generate(KeySize::Rsa2048).unwrap() })
    }

    fn jwk(&self) -> Value {
        // In DER: a sequence's head, an integer's head, a zero, and the 256 bytes of the modulus.
        let modulus = &self.pair.public_key().as_ref()[9..265];
        json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id, "n": BASE64.encode(modulus), "e": "AQAB" })
    }

    fn sign(&self, message: &str) -> String {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        BASE64.encode(signature)
    }
}

impl Provider {
    pub async fn start() -> Self {
        let key = Key::new(0);
        let inner = Arc::new(Inner {
            issuer: Mutex::default(),
            twist: Mutex::new(Twist::Nothing),
            person: Mutex::new(json!({
                "sub": "u-1", "preferred_username": "ana", "groups": ["idp-ops", "idp-x", "other"],
            })),
            published: Mutex::new(Arc::clone(&key)),
            signs: Mutex::new(key),
            codes: Mutex::default(),
            n_keys: AtomicUsize::new(1),
            n_key_reads: AtomicUsize::default(),
            n_jti: AtomicUsize::default(),
        });
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let issuer = format!("http://{}", acceptor.local_addr()[0].as_socket_addr().unwrap());
        inner.issuer.lock().clone_from(&issuer);
        let routes = Route::new()
            .at("/.well-known/openid-configuration", get(description))
            .at("/keys", get(keys))
            .at("/token", post(token))
            .at("/me", get(user_info))
            .data(Arc::clone(&inner));
        let task = tokio::spawn(async move {
            Server::new_with_acceptor(acceptor).run(routes).await.unwrap();
        });
        Self { issuer, inner, task }
    }

    pub fn twist(&self, twist: Twist) {
        *self.inner.twist.lock() = twist;
    }

    /// Changes what is said of the person.
    pub fn set(&self, change: impl FnOnce(&mut Value)) {
        change(&mut self.inner.person.lock());
    }

    /// Another key from now on.
    pub fn rotate(&self) {
        let key = Key::new(self.inner.n_keys.fetch_add(1, Ordering::Relaxed));
        *self.inner.published.lock() = Arc::clone(&key);
        *self.inner.signs.lock() = key;
    }

    /// Another key is published; gives the one that was.
    pub fn swap_keys(&self) -> Arc<Key> {
        let old = Arc::clone(&self.inner.signs.lock());
        self.rotate();
        old
    }

    pub fn sign_with(&self, key: Arc<Key>) {
        *self.inner.signs.lock() = key;
    }

    /// A token of the provider's, with these claims and what stands in every one.
    pub fn logout_token(&self, header: &Value, claims: &Value) -> String {
        let now = now_s(&self.inner);
        let mut all = json!({ "iss": self.issuer, "aud": "legator", "iat": now, "exp": now + 120 });
        all["jti"] = json!(format!("jti-{}", self.inner.n_jti.fetch_add(1, Ordering::Relaxed)));
        all["events"] = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
        let key = Arc::clone(&self.inner.signs.lock());
        let mut head = json!({ "alg": "RS256", "kid": key.id, "typ": "logout+jwt" });
        for (into, from) in [(&mut all, claims), (&mut head, header)] {
            for (name, value) in from.as_object().unwrap() {
                into[name] = value.clone();
            }
        }
        // What is said to be nothing is not there at all.
        all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let message = format!("{}.{}", BASE64.encode(head.to_string()), BASE64.encode(all.to_string()));
        format!("{message}.{}", key.sign(&message))
    }

    pub fn n_key_reads(&self) -> usize {
        self.inner.n_key_reads.load(Ordering::Relaxed)
    }

    /// What a person at the provider's page does: they agree. Gives the address that their browser goes back to.
    pub fn let_in(&self, address: &str) -> String {
        assert!(address.starts_with(&format!("{}/authorize?", self.issuer)), "{address}");
        let url = Url::parse(address).unwrap();
        let asked = |name: &str| {
            let found = url.query_pairs().find(|(key, _)| key == name);
            found.unwrap_or_else(|| panic!("no `{name}` in {address}")).1.into_owned()
        };
        assert_eq!((asked("response_type"), asked("code_challenge_method")), ("code".to_owned(), "S256".to_owned()));
        assert_eq!((asked("client_id"), asked("scope")), ("legator".to_owned(), "openid email profile".to_owned()));
        let code = format!("code-{}", self.inner.codes.lock().len());
        let (nonce, challenge, redirect) = (asked("nonce"), asked("code_challenge"), asked("redirect_uri"));
        self.inner.codes.lock().push((code.clone(), nonce, challenge, redirect.clone()));
        format!("{redirect}?code={code}&state={}", asked("state"))
    }
}

#[handler]
fn description(inner: Data<&Arc<Inner>>) -> Response {
    let issuer = inner.issuer.lock().clone();
    let twist = *inner.twist.lock();
    let said = if twist == Twist::OtherDescription { "https://evil.example".to_owned() } else { issuer.clone() };
    let key_set =
        if twist == Twist::PlainEndpoint { "http://id.example/keys".to_owned() } else { format!("{issuer}/keys") };
    json_response(&json!({
        "issuer": said, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": key_set,
        "userinfo_endpoint": format!("{issuer}/me"), "end_session_endpoint": format!("{issuer}/out"),
    }))
}

#[handler]
fn keys(inner: Data<&Arc<Inner>>) -> Response {
    inner.n_key_reads.fetch_add(1, Ordering::Relaxed);
    json_response(&json!({ "keys": [inner.published.lock().jwk()] }))
}

#[handler]
fn user_info(inner: Data<&Arc<Inner>>, request: &poem::Request) -> Response {
    assert_eq!(request.header("authorization"), Some("Bearer at-1"));
    let mut person = inner.person.lock().clone();
    if *inner.twist.lock() == Twist::AnotherUserInfo {
        person["sub"] = json!("u-2");
    }
    json_response(&person)
}

#[handler]
fn token(inner: Data<&Arc<Inner>>, request: &poem::Request, Form(form): Form<Vec<(String, String)>>) -> Response {
    let twist = *inner.twist.lock();
    let given = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let known = inner.codes.lock().iter().position(|(code, ..)| Some(code.as_str()) == given("code"));
    let (Some(at), true) = (known, twist != Twist::RefusedCode) else {
        let refused = json!({ "error": "invalid_grant", "error_description": "<b>no</b>" });
        return json_response(&refused).with_status(StatusCode::BAD_REQUEST).into_response();
    };
    let (_, nonce, challenge, redirect) = inner.codes.lock()[at].clone();
    inner.codes.lock()[at].0.clear();
    // What a provider checks of the client, so that a client that forgets it fails here.
    let basic = base64::engine::general_purpose::STANDARD.encode("legator:hush");
    assert_eq!(request.header("authorization"), Some(format!("Basic {basic}").as_str()));
    assert_eq!(given("redirect_uri"), Some(redirect.as_str()));
    let verifier = sha2::Sha256::digest(given("code_verifier").unwrap());
    assert_eq!(BASE64.encode(verifier), challenge);
    match twist {
        Twist::NoJson => return Response::builder().body("<html>"),
        Twist::Redirect => {
            return Response::builder().status(StatusCode::FOUND).header("location", "http://127.0.0.1:1/").finish();
        }
        Twist::Huge => return Response::builder().body("x".repeat(1_000_000)),
        _ => {}
    }
    json_response(&json!({ "access_token": "at-1", "token_type": "Bearer", "id_token": lie(&inner, twist, &nonce) }))
}

/// The token, with what the twist makes of it.
fn lie(inner: &Inner, twist: Twist, nonce: &str) -> String {
    let now = now_s(inner);
    let sub = inner.person.lock()["sub"].clone();
    let mut claims = json!({ "iss": *inner.issuer.lock(), "aud": "legator", "sub": sub, "nonce": nonce,
                             "iat": now, "exp": now + 300 });
    for name in ["amr", "sid"] {
        if let Some(said) = inner.person.lock().get(name) {
            claims[name] = said.clone();
        }
    }
    match twist {
        Twist::Expired => claims["exp"] = json!(now - 3_600),
        Twist::NotYet => claims["nbf"] = json!(now + 3_600),
        Twist::Audience => claims["aud"] = json!("another"),
        Twist::Issuer => claims["iss"] = json!("https://evil.example"),
        Twist::Nonce => claims["nonce"] = json!("of another sign-in"),
        Twist::NoNonce => claims["nonce"] = Value::Null,
        _ => {}
    }
    let key = Arc::clone(&inner.signs.lock());
    let mut header = json!({ "alg": "RS256", "kid": key.id, "typ": "JWT" });
    match twist {
        Twist::None => header["alg"] = json!("none"),
        Twist::Hs256 => header["alg"] = json!("HS256"),
        Twist::UnknownKey => header["kid"] = json!("unheard-of"),
        _ => {}
    }
    let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    match twist {
        Twist::None | Twist::Unsigned => format!("{message}."),
        Twist::Hs256 => {
            use hmac::{KeyInit as _, Mac as _};
            // What a public key looks like to somebody who takes it for a secret.
            let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key.pair.public_key().as_ref()).unwrap();
            mac.update(message.as_bytes());
            format!("{message}.{}", BASE64.encode(mac.finalize().into_bytes()))
        }
        Twist::ForeignSignature => format!("{message}.{}", Key::new(99).sign(&message)),
        Twist::Truncated => message[..message.len() / 2].to_owned(),
        _ => format!("{message}.{}", key.sign(&message)),
    }
}

/// The provider's clock is wherever a token's reader has its own; the test says where.
fn now_s(inner: &Inner) -> i64 {
    let told = inner.person.lock().get("now_s").and_then(Value::as_i64);
    told.unwrap_or_else(|| legator_server::clock::Clock::system().now() / 1000)
}

fn json_response(value: &Value) -> Response {
    Response::builder().content_type("application/json").body(value.to_string())
}
