//! The stream to the server: TCP, and TLS over it. With a pin exactly one public key is believed; without, the web's roots.
//! Never: skips the handshake's signature. A pin replaces the chain, not the proof that the server holds the key.

use std::io;
use std::pin::Pin as Pinned;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::address::Address;
use crate::card::{Card, CardFault};
use crate::token::Pin;

const PATIENCE: Duration = Duration::from_secs(15);

/// A connection to the server.
#[derive(Debug)]
pub enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

#[derive(Debug, thiserror::Error)]
pub enum ConnectFault {
    #[error("cannot reach `{address}`: {source}; is the server up, and does a firewall let this host out?")]
    Unreachable { address: String, source: io::Error },
    #[error("`{0}` did not answer within 15 s")]
    Silent(String),
    #[error("`{0}` is not a name that a certificate can be for")]
    Name(String),
    #[error(
        "the server's key is not the one that the enrollment token pinned; somebody may stand in between, or the server has a new certificate: mint a new token and run `legator-probe init` again"
    )]
    Pin,
    #[error("cannot set up TLS with `{address}`: {source}; a server with its own certificate needs a token with a pin")]
    Tls { address: String, source: io::Error },
    #[error("TLS cannot be set up here: {0}")]
    Provider(rustls::Error),
    #[error(transparent)]
    Card(#[from] CardFault),
}

/// Connects, and proves who is at the other end as far as TLS can.
/// `card` is shown where the server asks for one.
pub async fn connect(address: &Address, pin: Option<Pin>, card: Option<Card>) -> Result<Stream, ConnectFault> {
    timeout(PATIENCE, open(address, pin, card)).await.unwrap_or_else(|_| Err(ConnectFault::Silent(address.to_string())))
}

async fn open(address: &Address, pin: Option<Pin>, card: Option<Card>) -> Result<Stream, ConnectFault> {
    let name = || address.to_string();
    let tcp = TcpStream::connect((address.host.as_str(), address.port))
        .await
        .map_err(|source| ConnectFault::Unreachable { address: name(), source })?;
    // Without it a small frame can wait 40 ms for the one before it; failing to set it costs only that.
    let _ = tcp.set_nodelay(true);
    if !address.tls {
        return Ok(Stream::Plain(tcp));
    }
    let server = ServerName::try_from(address.host.clone()).map_err(|_| ConnectFault::Name(address.host.clone()))?;
    let config = client_config(pin, card).map_err(ConnectFault::Provider)?;
    match TlsConnector::from(Arc::new(config)).connect(server, tcp).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
        Err(fault) if pin.is_some() && names_another_key(&fault) => Err(ConnectFault::Pin),
        Err(source) => Err(ConnectFault::Tls { address: name(), source }),
    }
}

fn client_config(pin: Option<Pin>, card: Option<Card>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match pin {
        Some(pin) => builder.dangerous().with_custom_certificate_verifier(Arc::new(PinnedKey { pin, provider })),
        None => {
            let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            builder.with_root_certificates(roots)
        }
    };
    let mut config = match card {
        Some(Card { chain, key }) => builder.with_client_auth_cert(chain, key)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn names_another_key(fault: &io::Error) -> bool {
    let inner = fault.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)))
}

impl Stream {
    /// The pin that would name the certificate of this connection; `None` without TLS.
    pub fn pin(&self) -> Option<Pin> {
        let Stream::Tls(stream) = self else { return None };
        stream.get_ref().1.peer_certificates()?.first().and_then(pin_of)
    }
}

/// The pin that names this certificate's key; `None` if it is not a certificate.
pub fn pin_of(certificate: &CertificateDer<'_>) -> Option<Pin> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    Some(Pin(Sha256::digest(parsed.subject_public_key_info()).into()))
}

/// Believes one public key, whoever signed the certificate around it and whatever name it bears.
#[derive(Debug)]
struct PinnedKey {
    pin: Pin,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedKey {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let pin = pin_of(end_entity).ok_or(rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
        if pin == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pinned<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pinned::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pinned::new(stream.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pinned<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pinned::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pinned::new(stream.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pinned<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pinned::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pinned::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pinned<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pinned::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pinned::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}
