//! One's own passkeys, signing in with one, and showing a second factor later.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64};
use chrono::{DateTime, Utc};
use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::sessions::{SessionsApi, SignedIn, WithSession};
use super::{Authenticated, Room};
use crate::error::{Problem, at};
use crate::identity::caller::{cookie, from_here, place, remember, visitor};
use crate::identity::passkey::proof::Proof;
use crate::identity::passkey::{LIVES_MS, Offer, Passkey};
use crate::identity::{Factor, Identity};
use crate::vault::Secret;

/// A passkey of one's own.
#[derive(Object)]
pub struct PasskeyOut {
    id: String,
    name: String,
    /// What checks its signatures: the COSE key in base 64.
    public_key: String,
    created_at: DateTime<Utc>,
    #[oai(skip_serializing_if_is_none)]
    last_used_at: Option<DateTime<Utc>>,
}

#[derive(Object)]
pub struct PasskeyList {
    passkeys: Vec<PasskeyOut>,
}

/// What a browser needs to make a passkey: `navigator.credentials.create`, bytes in base 64 (URL, no padding).
#[derive(Object)]
pub struct PasskeyMaking {
    challenge: String,
    rp_id: String,
    user_id: String,
    user_name: String,
    /// Passkeys that are there already.
    exclude: Vec<String>,
    timeout_ms: i64,
}

/// A passkey that a browser has made, bytes in base 64 (URL, no padding).
#[derive(Object)]
pub struct PasskeyOffer {
    /// What to call it.
    name: String,
    client_data: String,
    attestation: String,
}

/// A passkey that is in use now.
#[derive(Object)]
pub struct PasskeyAdded {
    passkey: PasskeyOut,
    /// With somebody's first second factor; they are shown this once.
    recovery_codes: Vec<String>,
}

/// What a browser needs to show a passkey: `navigator.credentials.get`.
#[derive(Object)]
pub struct PasskeyChallenge {
    challenge: String,
    rp_id: String,
    timeout_ms: i64,
}

/// What an authenticator shows, bytes in base 64 (URL, no padding).
#[derive(Object)]
pub struct PasskeyProof {
    id: String,
    client_data: String,
    authenticator_data: String,
    signature: String,
}

/// A second factor, one of both.
#[derive(Object)]
pub struct SecondFactorProof {
    /// Six digits of the authenticator app, or a recovery code.
    code: Option<String>,
    passkey: Option<PasskeyProof>,
}

pub struct PasskeysApi(pub Identity);

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Identity")]
impl PasskeysApi {
    /// Lists my passkeys.
    #[oai(path = "/auth/passkeys", method = "get", operation_id = "list_passkeys")]
    async fn list(&self, caller: Authenticated) -> Result<Json<PasskeyList>, Problem> {
        Ok(Json(PasskeyList { passkeys: self.0.passkeys(&caller.0).iter().map(PasskeyOut::from).collect() }))
    }

    /// Begins to make a passkey.
    #[oai(path = "/auth/passkeys", method = "post", operation_id = "begin_passkey")]
    async fn begin(&self, caller: Authenticated, request: &Request) -> Result<Json<PasskeyMaking>, Problem> {
        let making = self.0.begin_passkey(&caller.0)?;
        Ok(Json(PasskeyMaking {
            challenge: making.challenge,
            rp_id: place(request, &self.0).rp_id,
            user_id: BASE64.encode(making.person.to_string()),
            user_name: caller.0.person.name.clone(),
            exclude: making.there,
            timeout_ms: LIVES_MS,
        }))
    }

    /// Takes a passkey into use. With the first second factor my other sessions end, and recovery codes come.
    #[oai(path = "/auth/passkeys/confirm", method = "post", operation_id = "confirm_passkey")]
    async fn confirm(
        &self,
        caller: Authenticated,
        request: &Request,
        body: Json<PasskeyOffer>,
    ) -> Result<WithSession<PasskeyAdded>, Problem> {
        let PasskeyOffer { name, client_data, attestation } = body.0;
        let offer = Offer {
            name,
            client_data: bytes("client_data", &client_data)?,
            attestation: bytes("attestation", &attestation)?,
        };
        let place = place(request, &self.0);
        let (opened, passkey, codes) = self.0.add_passkey(&caller.0, offer, &place, &visitor(request)).await?;
        let recovery_codes = codes.iter().map(|code| code.expose().clone()).collect();
        let added = PasskeyAdded { passkey: (&passkey).into(), recovery_codes };
        Ok(WithSession::Done(Json(added), remember(request, &opened)))
    }

    /// Takes a passkey of mine away. It takes a session that has a second factor.
    #[oai(path = "/auth/passkeys/:id", method = "delete", operation_id = "delete_passkey")]
    async fn remove(
        &self,
        caller: Authenticated,
        request: &Request,
        id: Path<String>,
    ) -> Result<WithSession<SignedIn>, Problem> {
        let opened = self.0.drop_passkey(&caller.0, &id.0, &visitor(request)).await?;
        Ok(SessionsApi(self.0.clone()).signed_in(request, &opened))
    }

    /// Gives a challenge for showing a passkey. It counts once, and for five minutes.
    #[oai(path = "/auth/passkeys/challenge", method = "post", operation_id = "challenge_passkey")]
    async fn challenge(&self, request: &Request) -> Result<Json<PasskeyChallenge>, Problem> {
        from_here(request, false)?;
        self.0.spend_address(visitor(request).address)?;
        let rp_id = place(request, &self.0).rp_id;
        Ok(Json(PasskeyChallenge { challenge: self.0.passkey_challenge(), rp_id, timeout_ms: LIVES_MS }))
    }

    /// Signs in with a passkey alone.
    #[oai(path = "/auth/passkeys/sign-in", method = "post", operation_id = "sign_in_with_passkey")]
    async fn sign_in(&self, request: &Request, body: Json<PasskeyProof>) -> Result<WithSession<SignedIn>, Problem> {
        from_here(request, false)?;
        self.0.spend_address(visitor(request).address)?;
        let (proof, place) = (body.0.read()?, place(request, &self.0));
        let opened = self.0.sign_in_by_passkey(proof, &place, &visitor(request), cookie(request)).await?;
        Ok(SessionsApi(self.0.clone()).signed_in(request, &opened))
    }

    /// Shows a second factor for the session that I have, which goes on under another id.
    #[oai(path = "/auth/step-up", method = "post", operation_id = "step_up")]
    async fn step_up(
        &self,
        caller: Authenticated,
        request: &Request,
        body: Json<SecondFactorProof>,
    ) -> Result<WithSession<SignedIn>, Problem> {
        let factor = body.0.read(request, &self.0)?;
        let factor = factor.ok_or_else(|| Problem::new("invalid", "give `code` or `passkey`"))?;
        let opened = self.0.step_up(&caller.0, factor, &visitor(request)).await?;
        Ok(SessionsApi(self.0.clone()).signed_in(request, &opened))
    }
}

impl SecondFactorProof {
    fn read(self, request: &Request, identity: &Identity) -> Result<Option<Factor>, Problem> {
        factor(request, identity, self.code, self.passkey)
    }
}

/// The second factor that came along, if one did.
pub(super) fn factor(
    request: &Request,
    identity: &Identity,
    code: Option<String>,
    passkey: Option<PasskeyProof>,
) -> Result<Option<Factor>, Problem> {
    Ok(match (code.filter(|code| !code.is_empty()), passkey) {
        (_, Some(passkey)) => Some(Factor::Passkey(Box::new(passkey.read()?), place(request, identity))),
        (Some(code), None) => Some(Factor::Code(Secret::new(code))),
        (None, None) => None,
    })
}

impl PasskeyProof {
    pub fn read(self) -> Result<Proof, Problem> {
        Ok(Proof {
            id: bytes("id", &self.id)?,
            client_data: bytes("client_data", &self.client_data)?,
            authenticator_data: bytes("authenticator_data", &self.authenticator_data)?,
            signature: bytes("signature", &self.signature)?,
        })
    }
}

fn bytes(what: &str, text: &str) -> Result<Vec<u8>, Problem> {
    BASE64.decode(text).map_err(|_| Problem::new("invalid", format!("`{what}` is not base 64 (URL, no padding)")))
}

impl From<&Passkey> for PasskeyOut {
    fn from(passkey: &Passkey) -> Self {
        Self {
            id: passkey.word(),
            name: passkey.name.clone(),
            public_key: STANDARD.encode(passkey.public()),
            created_at: at(passkey.created_at),
            last_used_at: passkey.last_used_at.map(at),
        }
    }
}
