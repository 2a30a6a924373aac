//! The certificate by which this host shows who it is, to a server that asks for one (mutual TLS): `client.pem` and
//! `client.key` beside `probe.toml`. They are read at each connection, so that a renewal needs no restart.
//! Never: half of it. A host that should show itself and cannot says why.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Places;
use crate::durable::{self, GuardFault, Keep};

/// A chain, and the key of its first certificate.
#[derive(Debug)]
pub struct Card {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

#[derive(Debug, thiserror::Error)]
pub enum CardFault {
    #[error("`{0}` is there and its other half is not; a certificate needs `client.pem` and `client.key`")]
    Half(String),
    #[error("`{path}` does not hold what it should: {why}")]
    Malformed { path: String, why: String },
    #[error(transparent)]
    Guard(#[from] GuardFault),
}

impl Card {
    /// The certificate of this host, if it has one.
    pub fn beside(places: &Places) -> Result<Option<Self>, CardFault> {
        let (chain, key) = (places.config_dir.join("client.pem"), places.config_dir.join("client.key"));
        match (chain.exists(), key.exists()) {
            (false, false) => return Ok(None),
            (true, false) => return Err(CardFault::Half(chain.display().to_string())),
            (false, true) => return Err(CardFault::Half(key.display().to_string())),
            (true, true) => {}
        }
        durable::guard(&key, Keep::Secret)?;
        let malformed =
            |path: &std::path::Path, why: String| CardFault::Malformed { path: path.display().to_string(), why };
        let certificates = CertificateDer::pem_file_iter(&chain)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|fault| malformed(&chain, fault.to_string()))?;
        if certificates.is_empty() {
            return Err(malformed(&chain, "there is no certificate in it".to_owned()));
        }
        // The parser's own message could quote the key.
        let key = PrivateKeyDer::from_pem_file(&key).map_err(|_| malformed(&key, "no private key reads".to_owned()))?;
        Ok(Some(Self { chain: certificates, key }))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_host_has_a_whole_certificate_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places { config_dir: dir.path().into(), state_dir: dir.path().into() };
        assert!(Card::beside(&places).unwrap().is_none());
        fs::write(dir.path().join("client.pem"), "no certificate").unwrap();
        assert!(matches!(Card::beside(&places), Err(CardFault::Half(_))));
        let key = dir.path().join("client.key");
        fs::write(&key, "no key").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Card::beside(&places), Err(CardFault::Guard(_))));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let said = Card::beside(&places).unwrap_err().to_string();
        assert!(said.contains("client.pem") && !said.contains("no key"), "{said}");
    }
}
