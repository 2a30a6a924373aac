//! Enrollment tokens: what buys a probe its identity, once or a number of times, until it expires.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use legator_protocol::{ProbeId, TokenId};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Fleet, FleetFault, probe, store};
use crate::audit::Draft;
use crate::identity::{ManageTokens, Permit};
use crate::tenant::Tenant;
use crate::vault::Secret;

/// The longest that a token may live.
const MAX_TTL_MS: i64 = 366 * 24 * 60 * 60 * 1000;

/// An enrollment token, without its secret.
#[derive(Clone, Debug)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    pub(super) hash: [u8; 32],
    pub tags: BTreeSet<String>,
    pub site: Option<String>,
    pub tenant: Tenant,
    /// Only this probe may enroll again with it.
    pub probe: Option<ProbeId>,
    pub max_uses: Option<i64>,
    pub uses: i64,
    pub created_by: String,
    pub created_at: i64,
    pub expires_at: i64,
    pub revoked_at: Option<i64>,
}

impl Token {
    pub fn live(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at > now && self.max_uses.is_none_or(|most| self.uses < most)
    }

    pub(super) fn opens_for(&self, text: &TokenText, now: i64) -> bool {
        let same: bool = self.hash.ct_eq(&text.hash).into();
        same && self.live(now)
    }
}

/// What is wanted of a new token.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub name: String,
    pub tags: BTreeSet<String>,
    pub site: Option<String>,
    /// Whose the probes are that enroll with it.
    pub tenant: Tenant,
    pub probe: Option<ProbeId>,
    pub max_uses: Option<i64>,
    pub ttl_ms: i64,
}

/// `lgt_<id>_<secret>_<pin>`, as read from a registration.
pub(super) struct TokenText {
    pub id: TokenId,
    hash: [u8; 32],
}

impl TokenText {
    pub fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("lgt_")?;
        let (id, rest) = (rest.get(..26)?, rest.get(26..)?.strip_prefix('_')?);
        let secret = rest.get(..43)?;
        rest.get(43..)?.strip_prefix('_')?;
        let secret: [u8; 32] = BASE64.decode(secret).ok()?.try_into().ok()?;
        let id = format!("{}_{id}", TokenId::KIND).parse().ok()?;
        Some(Self { id, hash: Sha256::digest(secret).into() })
    }
}

impl Fleet {
    /// Makes a token; its text is shown once.
    pub async fn mint_token(
        &self,
        permit: Permit<ManageTokens>,
        new: NewToken,
    ) -> Result<(Token, Secret<String>), FleetFault> {
        probe::check_tags(&new.tags).map_err(FleetFault::Invalid)?;
        if !(1_000..=MAX_TTL_MS).contains(&new.ttl_ms) {
            return Err(FleetFault::Invalid("`ttl_s` has to be between 1 second and 366 days".to_owned()));
        }
        if new.max_uses.is_some_and(|most| !(1..=1_000_000).contains(&most)) {
            return Err(FleetFault::Invalid("`max_uses` has to be between 1 and 1,000,000".to_owned()));
        }
        if new.name.len() > 128 {
            return Err(FleetFault::Invalid("`name` has at most 128 bytes".to_owned()));
        }
        if let Some(probe) = new.probe
            && self.entry(probe)?.probe().tenant != new.tenant
        {
            return Err(FleetFault::NoProbe(probe.to_string()));
        }
        let (clock, actor) = (&self.0.clock, permit.caller().person.name.clone());
        let secret = clock.secret();
        let at = clock.now();
        let token = Token {
            id: clock.born(TokenId::born),
            name: new.name,
            hash: Sha256::digest(secret).into(),
            tags: new.tags,
            site: new.site,
            tenant: new.tenant,
            probe: new.probe,
            max_uses: new.max_uses,
            uses: 0,
            created_by: actor.clone(),
            created_at: at,
            expires_at: at + new.ttl_ms,
            revoked_at: None,
        };
        let id = token.id.to_string();
        let tail = id.trim_start_matches(TokenId::KIND).trim_start_matches('_');
        let pin = self.0.pin.as_deref().unwrap_or("-");
        let text = Secret::new(format!("lgt_{tail}_{}_{pin}", BASE64.encode(secret)));
        let draft = Draft::new("token.minted", actor, id).tenant(&token.tenant).body(serde_json::json!({
            "name": token.name, "tags": token.tags, "probe": token.probe,
            "max_uses": token.max_uses, "expires_at": token.expires_at,
        }));
        let row = token.clone();
        self.write(move |batch| {
            Box::pin(async move {
                store::insert_token(batch.connection().await?, &row).await?;
                batch.entry(draft)?;
                Ok(())
            })
        })
        .await?;
        Ok((token, text))
    }

    pub async fn tokens(&self, permit: &Permit<ManageTokens>) -> Result<Vec<Token>, FleetFault> {
        Ok(store::tokens(&self.0.db, &permit.caller().reach).await?)
    }

    /// Ends a token at once.
    pub async fn revoke_token(&self, permit: Permit<ManageTokens>, id: TokenId) -> Result<(), FleetFault> {
        let token = store::token(&self.0.db, id).await?.filter(|token| permit.caller().reach.has(&token.tenant));
        let token = token.ok_or_else(|| FleetFault::NoToken(id.to_string()))?;
        let at = self.0.clock.now();
        let draft = Draft::new("token.revoked", permit.caller().person.name.clone(), id.to_string());
        let draft = draft.tenant(&token.tenant);
        self.write(move |batch| {
            Box::pin(async move {
                store::revoke_token(batch.connection().await?, id, at).await?;
                batch.entry(draft)?;
                Ok(())
            })
        })
        .await
    }
}
