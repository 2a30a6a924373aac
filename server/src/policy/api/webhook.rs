//! The webhook of the bundle's repository: a signed call says that it has changed, and the server reads it.
//! Never: believes the call. It starts a look at the repository, and the look finds what it finds.

use hmac::{Hmac, KeyInit as _, Mac as _};
use poem::Request;
use poem_openapi::{ApiResponse, OpenApi};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::super::{Policy, Source};
use super::Room;
use crate::error::Problem;

#[derive(ApiResponse)]
pub enum Told {
    /// The repository is read now.
    #[oai(status = 202)]
    Reading,
}

pub struct WebhookApi {
    pub policy: Policy,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Policies")]
impl WebhookApi {
    /// Says that the bundle's repository has changed. Signed as GitHub (`X-Hub-Signature-256`), Gitea and Forgejo
    /// (`X-Gitea-Signature`, `X-Forgejo-Signature`) sign; GitLab sends the secret itself (`X-Gitlab-Token`).
    #[oai(path = "/bundles/webhook", method = "post", operation_id = "tell_bundle_webhook")]
    async fn tell(&self, request: &Request, body: Vec<u8>) -> Result<Told, Problem> {
        let secret = match self.policy.source() {
            Source::Git(git) => git.webhook_secret(),
            _ => None,
        };
        let Some(secret) = secret else {
            return Err(Problem::new("not-found", "no webhook is set up here")
                .help("start the server with `LEGATOR_BUNDLE_GIT_WEBHOOK_SECRET`"));
        };
        let header = |name: &str| request.header(name).unwrap_or_default();
        let signed = ["x-hub-signature-256", "x-gitea-signature", "x-forgejo-signature"].into_iter().any(|name| {
            let said = header(name);
            proves(secret.expose(), &body, said.strip_prefix("sha256=").unwrap_or(said))
        });
        let known: bool = header("x-gitlab-token").as_bytes().ct_eq(secret.expose().as_bytes()).into();
        if !signed && !known {
            return Err(Problem::new("bad-signature", "the call does not carry a signature with the agreed secret"));
        }
        self.policy.nudge();
        Ok(Told::Reading)
    }
}

pub(in crate::policy) fn proves(secret: &str, body: &[u8], signature: &str) -> bool {
    let Ok(signature) = hex::decode(signature) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
    mac.update(body);
    mac.verify_slice(&signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_agreed_secret_over_the_very_body_proves_a_call() {
        // From GitHub's documentation on validating deliveries.
        let signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert!(proves("It's a Secret to Everybody", b"Hello, World!", signature));
        assert!(!proves("It's a Secret to Everybody", b"Hello, World?", signature));
        assert!(!proves("another", b"Hello, World!", signature));
        assert!(!proves("It's a Secret to Everybody", b"Hello, World!", ""));
    }
}
