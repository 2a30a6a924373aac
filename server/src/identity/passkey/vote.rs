//! Passkeys that sign a text, as votes are signed: the challenge is the text's own hash, so nothing has to be minted.
//! Never: a signature without a finger, a face or a PIN; somebody else's passkey; one that is gone, or a copy of it.

use base64::Engine as _;
use legator_engine::vote::passkey::challenge;

use super::proof::{self, Place, Proof, ProofFault};
use super::{BASE64, Passkey, why};
use crate::audit::Draft;
use crate::identity::directory::Credentials;
use crate::identity::sign_in::Used;
use crate::identity::{Caller, Identity, IdentityFault, store};

/// Why a passkey's signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignRefusal {
    #[error("there is no such passkey of yours")]
    Unknown,
    #[error("the passkey did not ask for a finger, a face or a PIN")]
    Unverified,
    #[error(transparent)]
    Proof(#[from] ProofFault),
}

impl Passkey {
    /// What checks its signatures.
    pub fn public(&self) -> &[u8] {
        &self.public
    }
}

impl Identity {
    /// Whether somebody has this passkey now.
    pub fn has_passkey(&self, person: &str, word: &str) -> bool {
        let (Ok(id), Ok(person)) = (BASE64.decode(word), person.parse()) else { return false };
        let directory = self.0.directory.load();
        directory.credentials(person).is_some_and(|all| all.passkeys.iter().any(|passkey| passkey.id == id))
    }

    /// The caller's own passkey of this id.
    pub fn own_passkey(&self, caller: &Caller, id: &[u8]) -> Option<Passkey> {
        self.credentials_of(caller).passkeys.iter().find(|passkey| passkey.id == id).cloned()
    }

    /// Takes what a passkey of the caller's shows as its signature over a text. Its counter is kept before anything comes of it.
    pub async fn signed_by_passkey(
        &self,
        caller: &Caller,
        proof: &Proof,
        text: &str,
        place: &Place,
    ) -> Result<Result<Passkey, SignRefusal>, IdentityFault> {
        let _changing = self.0.changing.lock().await;
        let Some(passkey) = self.own_passkey(caller, &proof.id) else { return Ok(Err(SignRefusal::Unknown)) };
        let shown = match proof::shown(proof, &passkey.public, passkey.counter, &challenge(text), place) {
            Ok(shown) if shown.verified => shown,
            Ok(_) => return Ok(Err(SignRefusal::Unverified)),
            Err(fault) => {
                self.note_copy(caller, fault).await?;
                return Ok(Err(fault.into()));
            }
        };
        let (person, at) = (caller.person.id, self.0.clock.now());
        let used = Used::Passkey { id: passkey.id.clone(), counter: shown.counter };
        let credentials = used.after(Credentials::clone(&self.credentials_of(caller)), at);
        let next = self.0.directory.load().with_credentials(person, credentials.clone());
        self.0
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    store::put_credentials(batch.connection().await?, person, &credentials, at).await?;
                    Ok(())
                })
            })
            .await?;
        self.0.directory.store(std::sync::Arc::new(next));
        Ok(Ok(passkey))
    }

    /// Somebody has a copy of the key: that has to be seen. Anything else is a fault of the moment.
    async fn note_copy(&self, caller: &Caller, fault: ProofFault) -> Result<(), IdentityFault> {
        if fault == ProofFault::Copy {
            let draft = Draft::new("passkey.refused", caller.person.name.clone(), caller.person.id.to_string())
                .tenant(&caller.person.home())
                .body(serde_json::json!({ "why": why(fault), "for": "a signature" }));
            self.0.ledger.append(self.0.clock.now(), draft).await?;
        }
        Ok(())
    }
}
