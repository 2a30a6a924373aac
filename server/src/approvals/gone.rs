//! Passkeys that were taken away sign no votes any more, and the log says from when.
//! Never: the only thing that stands in their way. Who signs is looked at with every vote; this writes it down.

use std::time::Duration;

use super::signing::VoteKey;
use super::{ApprovalFault, Approvals};
use crate::audit::Draft;
use crate::identity::Identity;

/// How often the keys are looked at.
const ROUND: Duration = Duration::from_secs(1);

/// Runs until the server ends.
pub async fn reconcile_keys(approvals: Approvals, identity: Identity) {
    loop {
        tokio::time::sleep(ROUND).await;
        for key in approvals.without_passkey(&identity) {
            if let Err(fault) = approvals.revoke_gone(&identity, &key).await {
                tracing::warn!(%fault, key.id = %key.id, "a key was not revoked; it is tried again");
            }
        }
    }
}

impl Approvals {
    /// Keys whose passkey is gone.
    fn without_passkey(&self, identity: &Identity) -> Vec<VoteKey> {
        let keys = self.0.keys.lock();
        let gone = |key: &&VoteKey| {
            let passkey = key.passkey.as_ref().filter(|_| key.revoked_at.is_none());
            passkey.is_some_and(|passkey| !identity.has_passkey(&key.person, &passkey.id))
        };
        keys.iter().filter(gone).cloned().collect()
    }

    async fn revoke_gone(&self, identity: &Identity, key: &VoteKey) -> Result<(), ApprovalFault> {
        let home = identity.person(&key.person).map(|person| person.home()).unwrap_or_default();
        let draft =
            Draft::new("vote-key.revoked", "server", key.id.to_string()).tenant(&home).body(serde_json::json!({
                "person": key.person, "public_key": key.public_key, "why": "its passkey is gone",
            }));
        self.revoke(key, draft).await
    }
}
