//! Signing in by an outside provider (OpenID Connect): authorization code with PKCE, state and nonce.
//! Never: believes a name, a redirect, or a token that the provider did not sign for this very sign-in.

pub mod arrival;
pub(super) mod discovery;
mod fetch;
pub(super) mod keys;
pub mod logout;
mod options;
pub(super) mod pending;
pub mod provider;
pub(super) mod setup;
pub(super) mod store;
pub(super) mod token;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use legator_protocol::SessionId;
use serde::Deserialize;
use serde_json::Value;

pub use self::setup::Checked;

use self::arrival::{Arrived, id_token_label};
use self::discovery::{Discovery, DiscoveryFault, Found};
use self::fetch::{Bearer, FetchFault};
use self::pending::{Pending, Purpose, Waiting, Wish, own_page};
use self::provider::Provider;
use self::token::{Claims, Expected, TokenFault};
use super::{Caller, Credential, Identity, IdentityFault, Opened, Visitor};
use crate::audit::{Draft, WriteFault};
use crate::db::DbFault;
use crate::vault::Secret;

/// Where every provider sends browsers back to.
pub const CALLBACK: &str = "/api/v1/auth/oidc/callback";

/// What the room knows of providers.
#[derive(Default)]
pub(super) struct Providers {
    all: ArcSwap<BTreeMap<String, Arc<Provider>>>,
    discovery: Discovery,
    waiting: Waiting,
}

/// Why a sign-in by a provider came to nothing. The log gets the words; the browser gets a [code](Self::code).
#[derive(Debug, thiserror::Error)]
pub enum OutsideFault {
    #[error("there is no provider `{0}`")]
    NoProvider(String),
    #[error("no sign-in waits for this answer in this browser: it is used, too old, or another's")]
    State,
    #[error("the answer names another issuer than the one that was asked")]
    AnotherIssuer,
    #[error("the provider said `{0}`")]
    Said(String),
    #[error(transparent)]
    Provider(#[from] DiscoveryFault),
    #[error(transparent)]
    Fetch(#[from] FetchFault),
    #[error(transparent)]
    Token(#[from] TokenFault),
    #[error("what the provider says of the person is about somebody else")]
    AnotherSubject,
    #[error("nobody here is connected with this person, and the provider makes nobody")]
    NoAccount,
    #[error("the provider gives the person no name that can be used")]
    Unnamed,
    #[error("somebody here has this name, or one that could be taken for it")]
    NameTaken,
    #[error("this person is connected with somebody else here")]
    Elsewhere,
    #[error("the person is disabled")]
    Disabled,
    #[error(transparent)]
    Identity(#[from] IdentityFault),
}

impl OutsideFault {
    /// What a browser is told: enough to know what to do, and no more.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::State => "expired",
            Self::Provider(_) | Self::Fetch(_) | Self::NoProvider(_) => "provider",
            Self::NoAccount | Self::Unnamed => "no-account",
            Self::NameTaken | Self::Elsewhere => "name-taken",
            Self::AnotherIssuer
            | Self::Said(_)
            | Self::Token(_)
            | Self::AnotherSubject
            | Self::Disabled
            | Self::Identity(_) => "refused",
        }
    }
}

impl From<WriteFault> for OutsideFault {
    fn from(fault: WriteFault) -> Self {
        Self::Identity(fault.into())
    }
}

/// A browser that goes to a provider.
pub struct Leaving {
    pub address: String,
    /// For a cookie; the answer has to come from the same browser.
    pub browser: Secret<String>,
}

/// What a browser asks for when it goes.
pub struct Going {
    pub provider: String,
    /// Where this server is, as the browser knows it.
    pub origin: String,
    pub next: String,
    pub cookie: Option<String>,
    /// Somebody who connects who they are there, instead of signing in.
    pub connects: Option<Caller>,
}

/// What a browser comes back with.
pub struct Answer {
    pub code: Option<String>,
    pub state: Option<String>,
    pub error: Option<String>,
    pub issuer: Option<String>,
    pub cookie: Option<String>,
    pub old: Option<String>,
    pub from: Visitor,
}

/// How it ended for somebody who came back.
pub struct Back {
    /// None, where somebody connected who they are there.
    pub opened: Option<Opened>,
    /// Where to go on in the interface.
    pub next: String,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

impl Identity {
    /// Providers that somebody can sign in with, by word and name.
    pub fn offered(&self) -> Vec<(String, String)> {
        self.0.providers.all.load().values().map(|one| (one.id.clone(), one.settings.name.clone())).collect()
    }

    /// Where to send a browser that wants to sign in by a provider.
    pub async fn leave_for(&self, going: Going) -> Result<Leaving, OutsideFault> {
        let Going { provider, origin, next, cookie, connects } = going;
        let provider = self.provider(&provider)?;
        let found = self.0.providers.discovery.find(&provider, self.0.clock.now()).await?;
        let settings = &provider.settings;
        let purpose = match connects.map(|caller| caller.by) {
            None => Purpose::SignIn,
            Some(Credential::Session(session)) => Purpose::Connect(session),
            Some(Credential::Key(_)) => return Err(IdentityFault::SessionOnly.into()),
        };
        let redirect_url = settings.redirect_url.clone().unwrap_or_else(|| format!("{origin}{CALLBACK}"));
        let wish = Wish { provider: provider.id.clone(), purpose, redirect_url, next: own_page(&next) };
        let redirect_url = wish.redirect_url.clone();
        let begun = self.0.providers.waiting.begin(&self.0.clock, wish, cookie.as_deref());
        let address = reqwest::Url::parse_with_params(
            &found.description.authorization_endpoint,
            [
                ("response_type", "code"),
                ("client_id", &settings.client_id),
                ("redirect_uri", &redirect_url),
                ("scope", &settings.scopes.join(" ")),
                ("state", &begun.state),
                ("nonce", &begun.nonce),
                ("code_challenge", &begun.challenge),
                ("code_challenge_method", "S256"),
            ]
            .into_iter()
            .chain(settings.acr_values.as_deref().map(|acr| ("acr_values", acr))),
        );
        let address = address.map_err(|fault| DiscoveryFault::Address(fault.to_string()))?;
        Ok(Leaving { address: address.into(), browser: begun.browser })
    }

    /// Takes what a browser comes back with. What is refused is in the log with its reason.
    pub async fn come_back(&self, answer: Answer) -> Result<Back, OutsideFault> {
        let from = answer.from.clone();
        let mut word = None;
        match self.taken(answer, &mut word).await {
            Ok(back) => Ok(back),
            Err(fault) => {
                tracing::info!(%fault, provider = word.as_deref().unwrap_or("unknown"), "a sign-in was refused");
                let now = self.0.clock.now();
                if self.0.strangers.lets_through(now) {
                    let body = serde_json::json!({ "why": fault.to_string(), "provider": word,
                                                   "address": from.address.to_string(), "agent": from.agent });
                    self.0.ledger.append(now, Draft::new("session.refused", "stranger", "stranger").body(body)).await?;
                }
                Err(fault)
            }
        }
    }

    async fn taken(&self, answer: Answer, word: &mut Option<String>) -> Result<Back, OutsideFault> {
        let Answer { code, state, error, issuer, cookie, old, from } = answer;
        let now = self.0.clock.now();
        let pending = self.0.providers.waiting.take(&state.unwrap_or_default(), cookie.as_deref(), now);
        let pending = pending.ok_or(OutsideFault::State)?;
        *word = Some(pending.provider.clone());
        let provider = self.provider(&pending.provider)?;
        let found = self.0.providers.discovery.find(&provider, now).await?;
        // RFC 9207: another provider's answer does not pass for this one's.
        let must_say = found.description.authorization_response_iss_parameter_supported;
        match issuer {
            Some(issuer) if issuer != provider.settings.issuer => return Err(OutsideFault::AnotherIssuer),
            None if must_say => return Err(OutsideFault::AnotherIssuer),
            _ => {}
        }
        if let Some(error) = error {
            let plain = error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
            return Err(OutsideFault::Said(plain));
        }
        let code = code.filter(|code| !code.is_empty()).ok_or_else(|| OutsideFault::Said("nothing".to_owned()))?;
        let tokens = self.exchange(&provider, &found, &pending, &code).await?;
        let claims = self.read_token(&provider, &found, &tokens.id_token, &pending.nonce).await?;
        let claims = self.fill_in(&provider, &found, claims, tokens.access_token.as_deref()).await?;
        let arrived = Arrived { provider, claims, id_token: tokens.id_token, from, old };
        let opened = match pending.purpose {
            Purpose::SignIn => Some(self.arrive(arrived).await?),
            Purpose::Connect(session) => {
                self.connect(arrived, session).await?;
                None
            }
        };
        Ok(Back { opened, next: pending.next })
    }

    async fn exchange(
        &self,
        provider: &Provider,
        found: &Found,
        pending: &Pending,
        code: &str,
    ) -> Result<Tokens, OutsideFault> {
        let client_id = provider.settings.client_id.as_str();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &pending.redirect_url),
            ("code_verifier", pending.verifier.expose()),
        ];
        let methods = &found.description.token_endpoint_auth_methods_supported;
        let only_post = !methods.is_empty() && !methods.iter().any(|method| method == "client_secret_basic");
        let bearer = match &provider.secret {
            Some(secret) if !only_post => Bearer::Client(client_id, secret.expose()),
            Some(secret) => {
                form.extend([("client_id", client_id), ("client_secret", secret.expose().as_str())]);
                Bearer::Nobody
            }
            None => {
                form.push(("client_id", client_id));
                Bearer::Nobody
            }
        };
        let fetch = self.0.providers.discovery.fetch();
        Ok(fetch.post("the provider's token endpoint", &found.description.token_endpoint, &form, bearer).await?)
    }

    /// Reads the token; a key that is not known is a reason to look for new ones, once in a while.
    async fn read_token(
        &self,
        provider: &Provider,
        found: &Found,
        text: &str,
        nonce: &str,
    ) -> Result<Claims, OutsideFault> {
        let now = self.0.clock.now();
        let settings = &provider.settings;
        let expected = Expected { issuer: &settings.issuer, client_id: &settings.client_id, nonce, now };
        match token::read(text, &found.keys, &expected) {
            Err(TokenFault::UnknownKey) => match self.0.providers.discovery.look_again(provider, now).await? {
                Some(found) => Ok(token::read(text, &found.keys, &expected)?),
                None => Err(TokenFault::UnknownKey.into()),
            },
            read => Ok(read?),
        }
    }

    /// What the token leaves out and the provider tells at its second address. The token's own claims go before.
    async fn fill_in(
        &self,
        provider: &Provider,
        found: &Found,
        mut claims: Claims,
        access_token: Option<&str>,
    ) -> Result<Claims, OutsideFault> {
        let wanted = [&provider.settings.groups_claim, &provider.settings.name_claim];
        let whole = wanted.iter().all(|name| !token::words(&claims.all, name).is_empty());
        let (Some(address), Some(token), false) = (&found.description.userinfo_endpoint, access_token, whole) else {
            return Ok(claims);
        };
        let fetch = self.0.providers.discovery.fetch();
        let more: Value = fetch.get("the provider's user info", address, Bearer::Token(token)).await?;
        if more.get("sub").and_then(Value::as_str) != Some(&claims.subject) {
            return Err(OutsideFault::AnotherSubject);
        }
        for (name, value) in more.as_object().into_iter().flatten() {
            // What tells of the sign-in itself is the token's alone to say.
            if !matches!(name.as_str(), "amr" | "acr" | "auth_time" | "iss" | "aud" | "nonce") {
                claims.all.entry(name).or_insert_with(|| value.clone());
            }
        }
        Ok(claims)
    }

    /// Where a browser signs out at the provider that a session came by, where the provider offers it.
    pub async fn leave_address(&self, session: SessionId) -> Result<Option<String>, IdentityFault> {
        let Some(came) = store::session(&self.0.db, session).await? else { return Ok(None) };
        let Ok(provider) = self.provider(&came.provider) else { return Ok(None) };
        let Ok(found) = self.0.providers.discovery.find(&provider, self.0.clock.now()).await else { return Ok(None) };
        let Some(address) = &found.description.end_session_endpoint else { return Ok(None) };
        let token = self.0.vault.unseal(&id_token_label(session), &came.id_token)?;
        let token = String::from_utf8_lossy(&token);
        let hint = [("id_token_hint", token.as_ref()), ("client_id", &provider.settings.client_id)];
        let back = provider.settings.signed_out_url.as_deref().map(|url| ("post_logout_redirect_uri", url));
        Ok(reqwest::Url::parse_with_params(address, hint.into_iter().chain(back)).ok().map(String::from))
    }

    pub(super) fn provider(&self, id: &str) -> Result<Arc<Provider>, OutsideFault> {
        self.0.providers.all.load().get(id).cloned().ok_or_else(|| OutsideFault::NoProvider(id.to_owned()))
    }
}

impl From<DbFault> for OutsideFault {
    fn from(fault: DbFault) -> Self {
        Self::Identity(fault.into())
    }
}
