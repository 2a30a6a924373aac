//! Clients' certificates (mutual TLS): the authority that vouches for them, and its list of those that it took back.
//! Never: lets in by a list that is not the authority's, or that has run out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};

use super::{Cards, TlsFault};

/// The authority that vouches for clients.
#[derive(Clone)]
pub struct Clients {
    /// PEM.
    authority: Vec<u8>,
    /// Nobody comes in without one; else who shows one has to have it from there.
    required: bool,
    /// The file of certificates that were taken back, and what it held when it was last good.
    list: Option<(PathBuf, Vec<u8>)>,
    /// Which connection showed which.
    pub cards: Cards,
}

/// What is wrong with a list of revoked certificates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListFault {
    #[error("it holds no certificate revocation list")]
    Unreadable,
    #[error("it is of `{issuer}`, which is no authority of `--client-ca`")]
    Foreign { issuer: String },
    #[error("it is not signed by the authority whose name it has")]
    Forged,
    #[error("it does not say when the next one comes (`nextUpdate`), so nobody would notice that it is old")]
    Endless,
    #[error("it ran out at {at}; get a newer one from the authority")]
    Expired { at: String },
}

impl Clients {
    /// Reads the authority and its list, and refuses what cannot be used.
    pub fn read(authority: &Path, required: bool, list: Option<&Path>, now_ms: i64) -> Result<Self, TlsFault> {
        let pem = read(authority)?;
        if roots(&pem).is_none_or(|roots| roots.is_empty()) {
            return Err(TlsFault::NoCertificate { path: authority.to_owned() });
        }
        let mut clients = Self { authority: pem, required, list: None, cards: Cards::default() };
        if let Some(path) = list {
            let bytes = read(path)?;
            clients.check(path, &bytes, now_ms)?;
            clients.list = Some((path.to_owned(), bytes));
        }
        Ok(clients)
    }

    /// With the list as it stands in its file now, if it is another. One that is no good is refused, and the one from before
    /// goes on until it runs out; then nobody is let in.
    pub fn renewed(&self, now_ms: i64) -> Result<Option<Self>, TlsFault> {
        let Some((path, known)) = &self.list else { return Ok(None) };
        let bytes = read(path)?;
        self.check(path, &bytes, now_ms)?;
        Ok((bytes != *known).then(|| Self { list: Some((path.clone(), bytes)), ..self.clone() }))
    }

    fn check(&self, path: &Path, bytes: &[u8], now_ms: i64) -> Result<(), TlsFault> {
        check(&self.authority, bytes, now_ms).map_err(|fault| TlsFault::List { path: path.to_owned(), fault })
    }

    /// What holds clients against the authority and its list.
    pub fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsFault> {
        let unusable = |fault: &dyn std::fmt::Display| TlsFault::Making(format!("the clients' authority: {fault}"));
        let roots = roots(&self.authority).ok_or_else(|| unusable(&"it cannot be read"))?;
        let mut builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        if let Some((_, bytes)) = &self.list {
            // A certificate of which no list speaks is refused, and so is everyone once the list has run out.
            builder = builder.with_crls(lists(bytes)).enforce_revocation_expiration();
        }
        if !self.required {
            builder = builder.allow_unauthenticated();
        }
        builder.build().map_err(|fault| unusable(&fault))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFault> {
    std::fs::read(path).map_err(|source| TlsFault::Unreadable { path: path.to_owned(), source })
}

fn roots(pem: &[u8]) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.ok()?).ok()?;
    }
    Some(roots)
}

/// The lists of a file: PEM, one or several, or one in DER.
fn lists(bytes: &[u8]) -> Vec<CertificateRevocationListDer<'static>> {
    let pem: Vec<_> = CertificateRevocationListDer::pem_slice_iter(bytes).filter_map(Result::ok).collect();
    if pem.is_empty() { vec![CertificateRevocationListDer::from(bytes.to_vec())] } else { pem }
}

/// Every list has to be signed by a certificate of the authority, and to be good still.
fn check(authority: &[u8], bytes: &[u8], now_ms: i64) -> Result<(), ListFault> {
    let issuers: Vec<_> = CertificateDer::pem_slice_iter(authority).filter_map(Result::ok).collect();
    let issuers: Vec<_> = issuers.iter().filter_map(|der| Some(X509Certificate::from_der(der).ok()?.1)).collect();
    for der in lists(bytes) {
        let (_, list) = CertificateRevocationList::from_der(&der).map_err(|_| ListFault::Unreadable)?;
        let mut named = issuers.iter().filter(|issuer| issuer.subject().as_raw() == list.issuer().as_raw()).peekable();
        if named.peek().is_none() {
            return Err(ListFault::Foreign { issuer: list.issuer().to_string() });
        }
        if !named.any(|issuer| list.verify_signature(issuer.public_key()).is_ok()) {
            return Err(ListFault::Forged);
        }
        let next = list.next_update().ok_or(ListFault::Endless)?;
        if next.timestamp().saturating_mul(1000) <= now_ms {
            return Err(ListFault::Expired { at: next.to_string() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod,
        KeyPair, date_time_ymd,
    };

    use super::*;

    /// 2026-01-01, in UTC milliseconds.
    const NOW: i64 = 1_767_225_600_000;

    fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
        let keys = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        (params.self_signed(&keys).unwrap().pem(), Issuer::new(params, keys))
    }

    fn list(issuer: &Issuer<'static, KeyPair>, until: i32) -> rcgen::CertificateRevocationList {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: 1u64.into(),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(issuer).unwrap()
    }

    #[test]
    fn a_list_is_of_the_authority_signed_by_it_and_good_still() {
        let (ours, issuer) = authority("ours");
        let pem = |issuer: &Issuer<'static, KeyPair>, until| list(issuer, until).pem().unwrap();
        let check = |bytes: &[u8]| check(ours.as_bytes(), bytes, NOW);
        assert_eq!(check(pem(&issuer, 2027).as_bytes()), Ok(()));
        assert_eq!(check(list(&issuer, 2027).der()), Ok(()), "in DER");
        assert!(matches!(check(pem(&authority("others").1, 2027).as_bytes()), Err(ListFault::Foreign { .. })));
        assert_eq!(check(pem(&authority("ours").1, 2027).as_bytes()), Err(ListFault::Forged));
        assert!(matches!(check(pem(&issuer, 2026).as_bytes()), Err(ListFault::Expired { .. })), "at its end");
        for bad in ["", "no list", &ours] {
            assert_eq!(check(bad.as_bytes()), Err(ListFault::Unreadable), "{bad}");
        }
        let both = pem(&issuer, 2027) + &pem(&authority("others").1, 2027);
        assert!(matches!(check(both.as_bytes()), Err(ListFault::Foreign { .. })), "each of several");
    }

    #[test]
    fn a_list_that_is_no_good_any_more_is_not_taken_up() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, issuer) = authority("ours");
        let (ca, path) = (folder.path().join("ca.pem"), folder.path().join("list.pem"));
        std::fs::write(&ca, &ours).unwrap();
        let write = |until| std::fs::write(&path, list(&issuer, until).pem().unwrap()).unwrap();
        write(2027);
        let clients = Clients::read(&ca, true, Some(&path), NOW).unwrap();
        assert!(clients.renewed(NOW).unwrap().is_none());
        write(2028);
        let next = clients.renewed(NOW).unwrap().unwrap();
        assert!(next.renewed(NOW).unwrap().is_none());
        std::fs::write(&path, "half a li").unwrap();
        assert!(next.renewed(NOW).is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(next.renewed(NOW).is_err());
        write(2028);
        // Three years on nobody has renewed it: that is said, at each look.
        assert!(matches!(next.renewed(NOW + 3 * 31_600_000_000), Err(TlsFault::List { .. })));
        assert!(Clients::read(&ca, true, None, NOW).unwrap().renewed(NOW).unwrap().is_none());
    }
}
