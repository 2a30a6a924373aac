//! The server's certificate: the operator's, or one that the server makes for itself; and the pin that names its key.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest as _, Sha256};

use crate::config::Tls;
use crate::vault::write_private;

#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    #[error("could not read or write `{}`: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("`{}` holds no certificate", path.display())]
    NoCertificate { path: PathBuf },
    #[error("could not make a certificate: {0}")]
    Making(String),
}

/// A certificate with its key, and the pin that enrollment tokens carry.
pub struct Certificate {
    pub chain: Vec<u8>,
    pub key: Vec<u8>,
    /// Base 64 (URL, no padding) of the SHA-256 of the certificate's public key.
    pub pin: String,
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

    fn read(cert: &Path, key: &Path) -> Result<Self, TlsFault> {
        let read =
            |path: &Path| std::fs::read(path).map_err(|source| TlsFault::Unreadable { path: path.to_owned(), source });
        let (chain, key) = (read(cert)?, read(key)?);
        let missing = || TlsFault::NoCertificate { path: cert.to_owned() };
        let first = pem_block(&chain).ok_or_else(missing)?;
        let spki = public_key(&first).ok_or_else(missing)?;
        Ok(Self { pin: BASE64.encode(Sha256::digest(spki)), chain, key })
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
