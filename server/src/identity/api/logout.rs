//! A provider ends what came by it.

use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::payload::Form;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Deserialize;

use super::Room;
use crate::error::Problem;
use crate::identity::Identity;
use crate::identity::caller::visitor;
use crate::identity::oidc::OutsideFault;
use crate::identity::oidc::logout::LogoutFault;

/// What a provider brings, as a form.
#[derive(Object, Deserialize)]
pub struct LogoutTokenIn {
    /// A logout token (OpenID Connect Back-Channel Logout 1.0).
    logout_token: String,
}

#[derive(ApiResponse)]
pub enum LoggedOut {
    /// Whatever came by it is over, also where that was nothing.
    #[oai(status = 200)]
    Done(#[oai(header = "Cache-Control")] String),
}

pub struct LogoutApi(pub Identity);

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Identity")]
impl LogoutApi {
    /// Ends the sessions here of somebody who signed out at a provider. The provider calls it, and shows who it is by its
    /// signature.
    #[oai(path = "/auth/oidc/:id/backchannel-logout", method = "post", operation_id = "end_provider_sessions")]
    async fn end(&self, request: &Request, id: Path<String>, body: Form<LogoutTokenIn>) -> Result<LoggedOut, Problem> {
        let from = visitor(request);
        self.0.spend_address(from.address)?;
        match self.0.end_by_provider(&id.0, &body.0.logout_token, &from).await {
            Ok(_) => Ok(LoggedOut::Done("no-store".to_owned())),
            Err(LogoutFault::Outside(OutsideFault::NoProvider(id))) => Err(Problem::not_found("provider", id)),
            Err(LogoutFault::Identity(fault)) => Err(fault.into()),
            Err(LogoutFault::Outside(OutsideFault::Identity(fault))) => Err(fault.into()),
            Err(_) => Err(Problem::new("bad-request", "the logout token does not count")),
        }
    }
}
