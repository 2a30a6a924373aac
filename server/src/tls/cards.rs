//! Which connection showed which certificate, for as long as it is open.
//! Never: a certificate that the handshake did not hold against the authority.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::RwLock;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// What a client's certificate says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The one URI that it is for (`spiffe://…`); none where there are several, since then it is not said which.
    pub uri: Option<String>,
}

impl Card {
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map(|names| names.value.general_names.iter()).into_iter().flatten();
        let mut uris = names.filter_map(|name| match name {
            GeneralName::URI(uri) => Some((*uri).to_owned()),
            _ => None,
        });
        let (first, second) = (uris.next(), uris.next());
        Some(Self { uri: first.filter(|_| second.is_none()) })
    }
}

/// The certificates of open connections, by their peer's address. Cheap to clone.
#[derive(Clone, Default)]
pub struct Cards(Arc<RwLock<HashMap<SocketAddr, Arc<Card>>>>);

/// What a connection showed; forgotten when it is gone.
pub struct Shown {
    cards: Cards,
    peer: SocketAddr,
    card: Option<Arc<Card>>,
}

impl Cards {
    /// A connection is open, with this certificate or with none. What one from the same place showed before is nothing to it.
    pub fn show(&self, peer: SocketAddr, card: Option<Card>) -> Shown {
        let card = card.map(Arc::new);
        let mut open = self.0.write();
        match &card {
            Some(card) => open.insert(peer, Arc::clone(card)),
            None => open.remove(&peer),
        };
        drop(open);
        Shown { cards: self.clone(), peer, card }
    }

    pub fn of(&self, peer: SocketAddr) -> Option<Arc<Card>> {
        self.0.read().get(&peer).cloned()
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let mut open = self.cards.0.write();
        // The next connection from there may be open already.
        if open.get(&self.peer).zip(self.card.as_ref()).is_some_and(|(one, ours)| Arc::ptr_eq(one, ours)) {
            open.remove(&self.peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn card(names: &[SanType]) -> Card {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.subject_alt_names = names.to_vec();
        Card::read(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der()).unwrap()
    }

    #[test]
    fn a_certificate_is_for_the_one_uri_that_it_has() {
        let uri = |text: &str| SanType::URI(text.try_into().unwrap());
        let dns = SanType::DnsName("ci.example".try_into().unwrap());
        assert_eq!(card(&[dns.clone(), uri("spiffe://acme/ci")]).uri.as_deref(), Some("spiffe://acme/ci"));
        assert_eq!(card(&[dns]).uri, None);
        assert_eq!(card(&[uri("spiffe://acme/ci"), uri("spiffe://acme/admin")]).uri, None, "not said which");
        assert_eq!(Card::read(b"no certificate"), None);
    }

    #[test]
    fn a_connection_is_forgotten_with_its_end() {
        let (cards, peer) = (Cards::default(), SocketAddr::from(([127, 0, 0, 1], 9)));
        let ci = || Some(Card { uri: Some("spiffe://acme/ci".to_owned()) });
        let first = cards.show(peer, ci());
        assert!(cards.of(peer).is_some() && cards.of(SocketAddr::from(([127, 0, 0, 1], 8))).is_none());
        let second = cards.show(peer, ci());
        drop(first);
        assert!(cards.of(peer).is_some(), "the second is open still");
        drop(second);
        assert!(cards.of(peer).is_none());
        let stale = cards.show(peer, ci());
        let bare = cards.show(peer, None);
        assert!(cards.of(peer).is_none(), "who shows nothing is nobody, whoever was there before");
        drop((stale, bare));
    }
}
