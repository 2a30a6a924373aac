//! Turning the server's own keys.

use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::house::Room;
use crate::audit::Head;
use crate::error::Problem;
use crate::identity::api::Authenticated;
use crate::identity::{Identity, TurnKeys};
use crate::rotation::{Rotation, RotationFault, Turn};
use legator_engine::Resource;

/// How far the seal key's turn is.
#[derive(Object)]
pub struct SealKeyTurn {
    /// Whether the old key is kept still. It goes when nothing is sealed with it any more, after a minute at the soonest.
    turning: bool,
    /// Secrets that were sealed anew just now.
    sealed_anew: usize,
}

/// Which key is to be turned.
#[derive(Object)]
pub struct LogKeyRotation {
    /// The key that was looked at, `name+keyid+base64`: if another signs by now, nothing is turned.
    #[oai(skip_serializing_if_is_none)]
    expect: Option<String>,
}

/// The log's key was turned.
#[derive(Object)]
pub struct LogKeyTurned {
    /// The key that signs now, `name+keyid+base64`.
    verifier: String,
    /// The size of the log that both keys signed; the turn is its last entry.
    size: u64,
    /// The checkpoint of that size, signed by both.
    note: String,
}

pub struct RotationApi {
    pub rotation: Rotation,
    pub identity: Identity,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::House")]
impl RotationApi {
    /// Whether the seal key is being turned.
    #[oai(path = "/server/seal-key", method = "get", operation_id = "get_seal_key")]
    async fn look(&self, caller: Authenticated) -> Result<Json<SealKeyTurn>, Problem> {
        self.identity.permit::<TurnKeys>(&caller.0, Resource::control_plane()).await?;
        Ok(Json(SealKeyTurn { turning: self.rotation.turning(), sealed_anew: 0 }))
    }

    /// Seals with another key from now on, and everything that is sealed anew. Asked again, it goes on.
    #[oai(path = "/server/seal-key/rotate", method = "post", operation_id = "rotate_seal_key")]
    async fn rotate(&self, caller: Authenticated) -> Result<Json<SealKeyTurn>, Problem> {
        let permit = self.identity.permit::<TurnKeys>(&caller.0, Resource::control_plane()).await?;
        let Turn { turning, sealed_anew } = self.rotation.turn(permit).await?;
        Ok(Json(SealKeyTurn { turning, sealed_anew }))
    }

    /// Signs the log with another key from now on, and destroys the old one. The old key names the new one in an entry that
    /// both sign, so whoever trusts it can follow: see `list_audit_keys`.
    #[oai(path = "/server/log-key/rotate", method = "post", operation_id = "rotate_log_key")]
    async fn rotate_log(
        &self,
        caller: Authenticated,
        wish: Json<LogKeyRotation>,
    ) -> Result<Json<LogKeyTurned>, Problem> {
        let permit = self.identity.permit::<TurnKeys>(&caller.0, Resource::control_plane()).await?;
        let Head { size, note, verifier, .. } = self.rotation.turn_log(permit, wish.0.expect).await?;
        Ok(Json(LogKeyTurned { verifier: verifier.to_string(), size, note: note.to_string() }))
    }
}

impl From<RotationFault> for Problem {
    fn from(fault: RotationFault) -> Self {
        match fault {
            RotationFault::Identity(fault) => fault.into(),
            RotationFault::Write(fault) => fault.into(),
            RotationFault::Log(fault) => fault.into(),
            fault => Problem::internal(fault),
        }
    }
}
