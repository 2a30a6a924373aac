//! Sealing what this room keeps with the server's key of now, after it was turned.

use std::sync::Arc;

use super::directory::{Credentials, Totp};
use super::oidc::{arrival, setup};
use super::{Identity, IdentityFault, oidc, store};

impl Identity {
    /// Seals with the key of now what is not; gives how much was not.
    pub async fn reseal(&self) -> Result<usize, IdentityFault> {
        let (clock, vault) = (&self.0.clock, &self.0.vault);
        let _changing = self.0.changing.lock().await;
        let mut next = self.0.directory.load().as_ref().clone();
        let mut apps = Vec::new();
        for (person, credentials) in &mut next.credentials {
            let Some(app) = &credentials.totp else { continue };
            if let Some(sealed) = vault.renew(clock, &format!("totp {person}"), &app.sealed)? {
                let turned =
                    Credentials { totp: Some(Totp { sealed, ..app.clone() }), ..Credentials::clone(credentials) };
                *credentials = Arc::new(turned);
                apps.push((*person, Arc::clone(credentials)));
            }
        }
        let mut providers = Vec::new();
        for mut kept in oidc::store::providers(&self.0.db).await? {
            let Some(sealed) = &kept.sealed else { continue };
            if let Some(sealed) = vault.renew(clock, &setup::label(&kept.id), sealed)? {
                kept.sealed = Some(sealed);
                providers.push(kept);
            }
        }
        let mut tokens = Vec::new();
        for (session, old) in oidc::store::id_tokens(&self.0.db).await? {
            if let Some(sealed) = vault.renew(clock, &arrival::id_token_label(session), &old)? {
                tokens.push((session, sealed));
            }
        }
        let n_turned = apps.len() + providers.len() + tokens.len();
        if n_turned == 0 {
            return Ok(0);
        }
        let at = clock.now();
        self.0
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    let connection = batch.connection().await?;
                    for (person, credentials) in &apps {
                        store::put_credentials(connection, *person, credentials, at).await?;
                    }
                    for kept in &providers {
                        oidc::store::put_provider(connection, kept, at).await?;
                    }
                    for (session, sealed) in &tokens {
                        oidc::store::reseal_session(connection, *session, sealed).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        self.0.directory.store(Arc::new(next));
        Ok(n_turned)
    }
}
