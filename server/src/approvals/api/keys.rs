//! Keys that votes are signed with: listed, enrolled from the command line or as a passkey, vouched for, ended.

use chrono::{DateTime, Utc};
use legator_engine::Resource;
use legator_engine::vote::Algorithm;
use poem::Request;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::arranged::{Gone, knows};
use super::{Room, means};
use crate::approvals::{Approvals, NewVoteKey, VoteKey};
use crate::error::{Problem, at};
use crate::identity::api::Authenticated;
use crate::identity::api::passkeys::PasskeyProof;
use crate::identity::caller::place;
use crate::identity::{Caller, EnrollVoteKey, Identity, ViewApprovals};

/// A key that votes are signed with. The secret is its person's alone.
#[derive(Object)]
#[oai(rename = "VoteKey")]
pub struct VoteKeyOut {
    id: String,
    person: String,
    name: String,
    /// `ed25519`, a key of the command line, or `webauthn`, a passkey.
    algorithm: String,
    /// Base 64; of a passkey it is the COSE key.
    public_key: String,
    /// The passkey's id; only where it is the caller's own.
    #[oai(skip_serializing_if_is_none)]
    passkey: Option<String>,
    /// It counts only once a key that is enrolled vouches for it; such a one is shown to its person alone.
    waits: bool,
    created_at: DateTime<Utc>,
}

#[derive(Object)]
pub struct VoteKeyList {
    keys: Vec<VoteKeyOut>,
}

#[derive(Object)]
pub struct VoteKeyIn {
    /// What it is called: the machine that it is on, say.
    name: String,
    /// `ed25519`.
    algorithm: String,
    /// Base 64 of the 32 bytes.
    public_key: String,
    /// The key's own signature over the enrollment, base 64.
    proof: String,
    /// The same by a key of the command line that is enrolled already. Without it, a further key waits to be vouched for.
    vouched: Option<String>,
}

/// A passkey of the caller's that is to sign votes.
#[derive(Object)]
pub struct VotePasskeyIn {
    /// What it shows when its challenge is the SHA-256 of the enrollment's text.
    passkey: PasskeyProof,
}

/// A key vouches for another one of the same person: one of both, over the enrollment's text.
#[derive(Object)]
pub struct VouchIn {
    /// Base 64; of a key of the command line.
    signature: Option<String>,
    passkey: Option<PasskeyProof>,
}

#[derive(ApiResponse)]
pub enum VoteKeyEnrolled {
    #[oai(status = 201)]
    Enrolled(Json<VoteKeyOut>),
}

pub struct VoteKeysApi {
    pub approvals: Approvals,
    pub identity: Identity,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Approvals")]
impl VoteKeysApi {
    /// The keys that votes are signed with, of everybody: what checks them is public.
    #[oai(path = "/approvals/keys", method = "get", operation_id = "list_vote_keys")]
    async fn keys(
        &self,
        caller: Authenticated,
        /// Only the caller's own.
        mine: Query<Option<bool>>,
    ) -> Result<Json<VoteKeyList>, Problem> {
        self.identity.permit::<ViewApprovals>(&caller.0, Resource::control_plane()).await?;
        let own = caller.0.person.id.to_string();
        let person = mine.0.unwrap_or(false).then_some(own.as_str());
        let mut keys = self.approvals.vote_keys(&self.identity, person);
        keys.retain(|key| knows(&self.identity, &caller.0, &key.person));
        keys.extend(self.approvals.waiting_keys(&own));
        Ok(Json(VoteKeyList { keys: keys.into_iter().map(|key| key_out(&caller.0, key)).collect() }))
    }

    /// Enrolls a key of the caller's that votes are signed with.
    #[oai(path = "/approvals/keys", method = "post", operation_id = "enroll_vote_key")]
    async fn enroll(&self, caller: Authenticated, body: Json<VoteKeyIn>) -> Result<VoteKeyEnrolled, Problem> {
        let permit = self.identity.permit::<EnrollVoteKey>(&caller.0, Resource::control_plane()).await?;
        let VoteKeyIn { name, algorithm, public_key, proof, vouched } = body.0;
        let algorithm = Algorithm::read(&algorithm).filter(|algorithm| *algorithm == Algorithm::Ed25519);
        let algorithm =
            algorithm.ok_or_else(|| Problem::new("vote-signature", "the algorithm of a key for votes is `ed25519`"))?;
        let new = NewVoteKey { name, algorithm, public_key, proof, vouched };
        let key = self.approvals.enroll_key(&self.identity, permit, new).await?;
        Ok(VoteKeyEnrolled::Enrolled(Json(key_out(&caller.0, key))))
    }

    /// Enrolls a passkey of the caller's for votes; for signing in it needs none of this. A further key waits to be vouched for.
    #[oai(path = "/approvals/keys/passkeys", method = "post", operation_id = "enroll_vote_passkey")]
    async fn enroll_passkey(
        &self,
        caller: Authenticated,
        request: &Request,
        body: Json<VotePasskeyIn>,
    ) -> Result<VoteKeyEnrolled, Problem> {
        let permit = self.identity.permit::<EnrollVoteKey>(&caller.0, Resource::control_plane()).await?;
        let (proof, place) = (body.0.passkey.read()?, place(request, &self.identity));
        let key = self.approvals.enroll_passkey(&self.identity, permit, &proof, &place).await?;
        Ok(VoteKeyEnrolled::Enrolled(Json(key_out(&caller.0, key))))
    }

    /// Vouches for a key of the caller's that waits for it, with one that is enrolled. From then on it counts.
    #[oai(path = "/approvals/keys/:id/vouch", method = "post", operation_id = "vouch_for_vote_key")]
    async fn vouch(
        &self,
        caller: Authenticated,
        request: &Request,
        id: Path<String>,
        body: Json<VouchIn>,
    ) -> Result<Json<VoteKeyOut>, Problem> {
        let permit = self.identity.permit::<EnrollVoteKey>(&caller.0, Resource::control_plane()).await?;
        let id = id.0.parse().map_err(|_| Problem::not_found("key", &id.0))?;
        let means = means(request, &self.identity, body.0.signature, body.0.passkey)?;
        let key = self.approvals.vouch_for_key(&self.identity, permit, id, &means).await?;
        Ok(Json(key_out(&caller.0, key)))
    }

    /// Ends a key of the caller's. What it signed stays signed.
    #[oai(path = "/approvals/keys/:id", method = "delete", operation_id = "revoke_vote_key")]
    async fn revoke(&self, caller: Authenticated, id: Path<String>) -> Result<Gone, Problem> {
        let permit = self.identity.permit::<EnrollVoteKey>(&caller.0, Resource::control_plane()).await?;
        let id = id.0.parse().map_err(|_| Problem::not_found("key", &id.0))?;
        self.approvals.revoke_vote_key(permit, id).await?;
        Ok(Gone::Gone)
    }
}

fn key_out(caller: &Caller, key: VoteKey) -> VoteKeyOut {
    let own = key.person == caller.person.id.to_string();
    VoteKeyOut {
        id: key.id.to_string(),
        person: key.person,
        name: key.name,
        algorithm: key.algorithm.as_str().to_owned(),
        public_key: key.public_key,
        passkey: key.passkey.filter(|_| own).map(|of| of.id),
        waits: key.waits,
        created_at: at(key.created_at),
    }
}
