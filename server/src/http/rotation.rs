//! Turning the server's own keys.

use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::house::Room;
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
}

impl From<RotationFault> for Problem {
    fn from(fault: RotationFault) -> Self {
        match fault {
            RotationFault::Identity(fault) => fault.into(),
            RotationFault::Write(fault) => fault.into(),
            fault => Problem::internal(fault),
        }
    }
}
