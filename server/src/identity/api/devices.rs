//! Signing in a program that has no browser: it begins and asks, and somebody who is signed in agrees.

use chrono::{DateTime, Utc};
use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::sessions::SignedIn;
use super::{Authenticated, Done, Room};
use crate::error::{Problem, at};
use crate::identity::Identity;
use crate::identity::caller::{from_here, origin, remember, visitor};
use crate::identity::device::{INTERVAL_MS, LIVES_MS};

/// A program that wants to be signed in.
#[derive(Object)]
pub struct DeviceIn {
    /// What it is, for the person who is asked: `legatorctl on web-1`.
    client: String,
}

/// What the program shows, and what it asks with.
#[derive(Object)]
pub struct DeviceBegun {
    /// Only the program knows it.
    device_code: String,
    /// For the person.
    user_code: String,
    /// Where the person goes.
    verification_url: String,
    /// The same with the code in it.
    verification_url_complete: String,
    expires_in_s: i64,
    /// Seconds between two questions.
    interval_s: i64,
}

/// A program that waits for an answer.
#[derive(Object)]
pub struct DeviceOut {
    client: String,
    /// Where it asked from.
    address: String,
    asked_at: DateTime<Utc>,
}

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum DeviceDecision {
    Approve,
    Deny,
}

#[derive(Object)]
pub struct DeviceAnswerIn {
    decision: DeviceDecision,
}

#[derive(Object)]
pub struct DeviceCode {
    device_code: String,
}

#[derive(Object)]
pub struct DeviceWaits {
    /// `pending`.
    state: String,
}

#[expect(clippy::large_enum_variant, reason = "an answer lives for one request")]
#[derive(ApiResponse)]
pub enum DeviceAnswer {
    /// Somebody agreed; the session's cookie comes along.
    #[oai(status = 200)]
    Done(Json<SignedIn>, #[oai(header = "Set-Cookie")] String),
    /// Nobody has answered yet.
    #[oai(status = 202)]
    Waits(Json<DeviceWaits>),
}

pub struct DevicesApi(pub Identity);

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Identity")]
impl DevicesApi {
    /// Begins to sign in a program that has no browser.
    #[oai(path = "/auth/device", method = "post", operation_id = "begin_device_sign_in")]
    async fn begin(&self, request: &Request, body: Json<DeviceIn>) -> Result<Json<DeviceBegun>, Problem> {
        from_here(request, false)?;
        self.0.spend_address(visitor(request).address)?;
        let begun = self.0.begin_device(&body.0.client, visitor(request));
        let url = format!("{}/device", origin(request, &self.0));
        Ok(Json(DeviceBegun {
            device_code: begun.device_code.expose().clone(),
            verification_url_complete: format!("{url}?code={}", begun.user_code),
            verification_url: url,
            user_code: begun.user_code,
            expires_in_s: LIVES_MS / 1000,
            interval_s: INTERVAL_MS / 1000 + 1,
        }))
    }

    /// Whether somebody has agreed; gives the session, once.
    #[oai(path = "/auth/device/token", method = "post", operation_id = "ask_device_sign_in")]
    async fn ask(&self, request: &Request, body: Json<DeviceCode>) -> Result<DeviceAnswer, Problem> {
        from_here(request, false)?;
        self.0.spend_address(visitor(request).address)?;
        match self.0.ask_device(&body.0.device_code, &visitor(request)).await? {
            None => Ok(DeviceAnswer::Waits(Json(DeviceWaits { state: "pending".to_owned() }))),
            Some(opened) => {
                let signed_in = SignedIn::of(&self.0, &opened);
                Ok(DeviceAnswer::Done(Json(signed_in), remember(request, &opened)))
            }
        }
    }

    /// What waits under a code that I read off a screen.
    #[oai(path = "/auth/device/codes/:code", method = "get", operation_id = "get_device_sign_in")]
    async fn look(
        &self,
        caller: Authenticated,
        request: &Request,
        code: Path<String>,
    ) -> Result<Json<DeviceOut>, Problem> {
        let asked = self.0.device(&caller.0, &code.0, &visitor(request)).await?;
        Ok(Json(DeviceOut {
            client: asked.client,
            address: asked.from.address.to_string(),
            asked_at: at(asked.asked_at),
        }))
    }

    /// Agrees that the program is signed in as me, or says no.
    #[oai(path = "/auth/device/codes/:code", method = "post", operation_id = "answer_device_sign_in")]
    async fn answer(
        &self,
        caller: Authenticated,
        request: &Request,
        code: Path<String>,
        body: Json<DeviceAnswerIn>,
    ) -> Result<Done, Problem> {
        let agrees = body.0.decision == DeviceDecision::Approve;
        self.0.answer_device(&caller.0, &code.0, agrees, &visitor(request)).await?;
        Ok(Done::Done)
    }
}
