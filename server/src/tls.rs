//! The server's certificate: the operator's, or one that the server makes for itself; and the pin that names its key.

mod cards;
mod clients;

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest as _, Sha256};

pub use self::cards::{Card, Cards, Shown};
pub use self::clients::{Clients, ListFault};

use crate::config::Tls;
use crate::vault::write_private;

#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    #[error("could not read or write `{}`: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("`{}` holds no certificate", path.display())]
    NoCertificate { path: PathBuf },
    #[error("`{}` was renewed with another key; probes pin the old one, so it is taken up at the next start only", path.display())]
    AnotherKey { path: PathBuf },
    #[error("the list of revoked certificates in `{}` cannot be used: {fault}", path.display())]
    List { path: PathBuf, fault: ListFault },
    #[error("the certificate cannot be used: {0}")]
    Making(String),
}

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// A certificate with its key, and the pin that enrollment tokens carry.
#[derive(Clone)]
pub struct Certificate {
    pub chain: Vec<u8>,
    pub key: Vec<u8>,
    /// Base 64 (URL, no padding) of the SHA-256 of the certificate's public key.
    pub pin: String,
    /// Whose certificates clients show, where that is asked for.
    pub clients: Option<Clients>,
    /// How often the files are looked at.
    pub look_every: Duration,
    files: (PathBuf, PathBuf),
}

impl Certificate {
    /// The operator's certificate, or the server's own from the data folder, made on the first start.
    pub fn load(tls: &Tls, data: &Path) -> Result<Option<Self>, TlsFault> {
        match tls {
            Tls::Plain => Ok(None),
            Tls::Given { cert, key } => Self::read(cert, key).map(Some),
            Tls::SelfMade { names } => {
                let folder = data.join("tls");
                let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
                if !cert.exists() || !key.exists() {
                    make(&folder, names)?;
                }
                Self::read(&cert, &key).map(Some)
            }
        }
    }

    fn read(cert: &Path, key_file: &Path) -> Result<Self, TlsFault> {
        let read =
            |path: &Path| std::fs::read(path).map_err(|source| TlsFault::Unreadable { path: path.to_owned(), source });
        let (chain, key) = (read(cert)?, read(key_file)?);
        let missing = || TlsFault::NoCertificate { path: cert.to_owned() };
        let first = pem_block(&chain).ok_or_else(missing)?;
        let spki = public_key(&first).ok_or_else(missing)?;
        let files = (cert.to_owned(), key_file.to_owned());
        Ok(Self { pin: BASE64.encode(Sha256::digest(spki)), chain, key, clients: None, look_every: LOOK_EVERY, files })
    }

    /// Asks clients for certificates.
    pub fn asking(self, clients: Clients) -> Self {
        Self { clients: Some(clients), ..self }
    }

    /// The certificate as it stands in its files now, or with its clients' list as that stands, if either was renewed. Probes pin its key, so a renewal that brings
    /// another key is not taken up while they are connected: it takes a restart, which somebody decides on.
    pub fn renewed(&self, now_ms: i64) -> Result<Option<Self>, TlsFault> {
        let clients = self.clients.as_ref().map(|clients| clients.renewed(now_ms)).transpose()?.flatten();
        if let Some(clients) = clients {
            return Ok(Some(Self { clients: Some(clients), ..self.clone() }));
        }
        let (clients, look_every) = (self.clients.clone(), self.look_every);
        let now = Self { clients, look_every, ..Self::read(&self.files.0, &self.files.1)? };
        if now.pin != self.pin {
            return Err(TlsFault::AnotherKey { path: self.files.0.clone() });
        }
        Ok((now.chain != self.chain).then_some(now))
    }
}

fn make(folder: &Path, names: &[String]) -> Result<(), TlsFault> {
    let fault = |fault: rcgen::Error| TlsFault::Making(fault.to_string());
    let io = |source| TlsFault::Unreadable { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(io)?;
    let made = rcgen::generate_simple_self_signed(names.to_vec()).map_err(fault)?;
    write_private(&folder.join("key.pem"), made.signing_key.serialize_pem().as_bytes()).map_err(io)?;
    write_private(&folder.join("cert.pem"), made.cert.pem().as_bytes()).map_err(io)?;
    Ok(())
}

/// The first block of a PEM file, decoded.
fn pem_block(pem: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(pem).ok()?;
    let body = text.split("-----BEGIN CERTIFICATE-----").nth(1)?.split("-----END CERTIFICATE-----").next()?;
    let packed: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(packed).ok()
}

/// The SubjectPublicKeyInfo of a DER certificate, with its header.
fn public_key(der: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = open(der)?;
    let (mut fields, _) = open(certificate)?;
    if fields.first() == Some(&0xa0) {
        fields = skip(fields)?; // version
    }
    for _serial_algorithm_issuer_validity_subject in 0..5 {
        fields = skip(fields)?;
    }
    let (_, whole) = open(fields)?;
    fields.get(..whole)
}

/// The content of the DER element at the start, and how long the element is as a whole.
fn open(der: &[u8]) -> Option<(&[u8], usize)> {
    let first = usize::from(*der.get(1)?);
    let (header, length) = if first < 0x80 {
        (2, first)
    } else {
        let bytes = der.get(2..2 + (first & 0x7f))?;
        if bytes.len() > 4 {
            return None;
        }
        (2 + bytes.len(), bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
    };
    Some((der.get(header..header + length)?, header + length))
}

fn skip(der: &[u8]) -> Option<&[u8]> {
    let (_, whole) = open(der)?;
    der.get(whole..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_up_a_renewed_certificate_and_no_other_key() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let keys = rcgen::KeyPair::generate().unwrap();
        let certify = |keys: &rcgen::KeyPair, name: &str| {
            rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(keys).unwrap().pem()
        };
        std::fs::write(&key, keys.serialize_pem()).unwrap();
        std::fs::write(&cert, certify(&keys, "one.example")).unwrap();
        let first = Certificate::read(&cert, &key).unwrap();
        assert!(first.renewed(0).unwrap().is_none());
        std::fs::write(&cert, certify(&keys, "two.example")).unwrap();
        let second = first.renewed(0).unwrap().unwrap();
        assert_eq!(second.pin, first.pin);
        assert!(second.renewed(0).unwrap().is_none());
        std::fs::write(&cert, "half a certif").unwrap();
        assert!(matches!(second.renewed(0), Err(TlsFault::NoCertificate { .. })));
        let other = rcgen::KeyPair::generate().unwrap();
        std::fs::write(&key, other.serialize_pem()).unwrap();
        std::fs::write(&cert, certify(&other, "two.example")).unwrap();
        assert!(matches!(second.renewed(0), Err(TlsFault::AnotherKey { .. })));
    }
}
