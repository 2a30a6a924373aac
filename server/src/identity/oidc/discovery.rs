//! What a provider says about itself (OpenID Connect Discovery), and its keys, kept for a while.
//! Never: asks a provider again as often as somebody sends a token with an unknown key.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use super::fetch::{Bearer, Fetch, FetchFault};
use super::keys::KeySet;
use super::provider::{Provider, check_address};

/// A key that the provider took back is not trusted for longer than this.
const KEPT_MS: i64 = 60 * 60_000;
/// An unknown key is a reason to look again, this often.
const SELDOM_MS: i64 = 30_000;

/// What of a provider's description is used.
#[derive(Clone, Debug, Deserialize)]
pub struct Description {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    pub userinfo_endpoint: Option<String>,
    pub end_session_endpoint: Option<String>,
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    pub code_challenge_methods_supported: Vec<String>,
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum DiscoveryFault {
    #[error(transparent)]
    Fetch(#[from] FetchFault),
    #[error("the provider calls itself `{0}`, not what was configured; use exactly its own `issuer`")]
    Issuer(String),
    #[error("{0}")]
    Address(String),
    #[error("the provider's key set cannot be read")]
    Keys,
}

/// A provider as it was when it was last asked.
#[derive(Clone)]
pub struct Found {
    pub description: Arc<Description>,
    pub keys: Arc<KeySet>,
    at: i64,
    /// When it was last asked because of an unknown key.
    looked_again: i64,
}

/// What is known of each provider.
#[derive(Default)]
pub struct Discovery {
    fetch: Fetch,
    /// By issuer. A slot is held while its provider is asked, so that a crowd asks once.
    known: parking_lot::Mutex<HashMap<String, Slot>>,
}

type Slot = Arc<Mutex<Option<Found>>>;

impl Discovery {
    pub const fn fetch(&self) -> &Fetch {
        &self.fetch
    }

    pub async fn find(&self, provider: &Provider, now: i64) -> Result<Found, DiscoveryFault> {
        let slot = self.slot(&provider.settings.issuer);
        let mut known = slot.lock().await;
        if let Some(found) = known.as_ref().filter(|found| (found.at..found.at + KEPT_MS).contains(&now)) {
            return Ok(found.clone());
        }
        let description = describe(&self.fetch, &provider.settings.issuer).await?;
        let keys = keys(&self.fetch, &description).await?;
        let found = Found { description: Arc::new(description), keys, at: now, looked_again: i64::MIN };
        *known = Some(found.clone());
        Ok(found)
    }

    /// Looks again for keys, if that was not done just now.
    pub async fn look_again(&self, provider: &Provider, now: i64) -> Result<Option<Found>, DiscoveryFault> {
        let slot = self.slot(&provider.settings.issuer);
        let mut known = slot.lock().await;
        let Some(found) = known.as_mut() else { return Ok(None) };
        if now.saturating_sub(found.looked_again) < SELDOM_MS {
            return Ok(None);
        }
        found.looked_again = now;
        found.keys = keys(&self.fetch, &found.description).await?;
        Ok(Some(found.clone()))
    }

    /// Asks anew at the next use: the provider is described differently now.
    pub fn forget(&self, issuer: &str) {
        self.known.lock().remove(issuer);
    }

    fn slot(&self, issuer: &str) -> Slot {
        Arc::clone(self.known.lock().entry(issuer.to_owned()).or_default())
    }
}

/// Asks an issuer to describe itself.
pub async fn describe(fetch: &Fetch, issuer: &str) -> Result<Description, DiscoveryFault> {
    let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let found: Description = fetch.get("the provider's description", &address, Bearer::Nobody).await?;
    if found.issuer != issuer {
        return Err(DiscoveryFault::Issuer(found.issuer.chars().filter(|c| !c.is_control()).take(200).collect()));
    }
    let optional = [&found.userinfo_endpoint, &found.end_session_endpoint];
    let all = [&found.authorization_endpoint, &found.token_endpoint, &found.jwks_uri].into_iter();
    for address in all.chain(optional.into_iter().flatten()) {
        check_address("an endpoint of the provider", address).map_err(DiscoveryFault::Address)?;
        // A provider out there does not send us to services of this machine.
        if issuer.starts_with("https://") && !address.starts_with("https://") {
            return Err(DiscoveryFault::Address(format!("the provider's endpoint `{address}` is not HTTPS")));
        }
    }
    Ok(found)
}

async fn keys(fetch: &Fetch, description: &Description) -> Result<Arc<KeySet>, DiscoveryFault> {
    let document: Value = fetch.get("the provider's key set", &description.jwks_uri, Bearer::Nobody).await?;
    KeySet::read(&document).map(Arc::new).ok_or(DiscoveryFault::Keys)
}
