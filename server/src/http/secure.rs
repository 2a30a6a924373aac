//! TLS for the listener: handshakes beside each other, each with a time limit, by the certificates and lists of the moment.
//! Never: a connection handed on before its handshake is through.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use poem::http::uri::Scheme;
use poem::listener::Acceptor;
use poem::web::{LocalAddr, RemoteAddr};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::listen::Quick;
use crate::clock::Clock;
use crate::identity::Trickle;
use crate::tls::{Card, Cards, Certificate, Shown, TlsFault};

/// How long a handshake may take, and how many may be under way.
const HANDSHAKE: Duration = Duration::from_secs(15);
const AT_ONCE: usize = 1024;

/// Accepts connections over TLS.
pub struct Secure {
    plain: Quick,
    now: Handshakes,
    renewals: BoxStream<'static, Certificate>,
    room: Arc<Semaphore>,
    through: mpsc::Receiver<Through>,
    tell: mpsc::Sender<Through>,
}

/// How handshakes are made at this moment.
#[derive(Clone)]
struct Handshakes {
    acceptor: TlsAcceptor,
    cards: Option<Cards>,
    refused: Arc<Trickle>,
}

type Through = (Connection, LocalAddr, RemoteAddr);

impl Secure {
    pub fn new(
        plain: Quick,
        certificate: &Certificate,
        renewals: BoxStream<'static, Certificate>,
    ) -> Result<Self, TlsFault> {
        let (tell, through) = mpsc::channel(16);
        let now = Handshakes::by(certificate, Arc::default())?;
        Ok(Self { plain, now, renewals, room: Arc::new(Semaphore::new(AT_ONCE)), through, tell })
    }

    fn begin(&self, stream: TcpStream, local: LocalAddr, remote: RemoteAddr) {
        // Who comes when there is no room is let go; there is room again when others are through or too late.
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else { return };
        let (handshakes, tell) = (self.now.clone(), self.tell.clone());
        tokio::spawn(async move {
            if let Some(connection) = handshakes.make(stream, &remote).await {
                // Nobody listens any more when the server goes down.
                let _ = tell.send((connection, local, remote)).await;
            }
            drop(room);
        });
    }
}

impl Acceptor for Secure {
    type Io = Connection;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.plain.local_addr()
    }

    async fn accept(&mut self) -> std::io::Result<(Connection, LocalAddr, RemoteAddr, Scheme)> {
        loop {
            tokio::select! {
                Some((connection, local, remote)) = self.through.recv() => {
                    return Ok((connection, local, remote, Scheme::HTTPS));
                }
                accepted = self.plain.accept() => {
                    let (stream, local, remote, _) = accepted?;
                    self.begin(stream, local, remote);
                }
                Some(certificate) = self.renewals.next() => {
                    match Handshakes::by(&certificate, Arc::clone(&self.now.refused)) {
                        Ok(now) => {
                            tracing::info!("the certificate, or the list of revoked ones, was taken up");
                            self.now = now;
                        }
                        Err(fault) => tracing::error!(%fault, "what was renewed cannot be used; what was before goes on"),
                    }
                }
            }
        }
    }
}

impl Handshakes {
    fn by(certificate: &Certificate, refused: Arc<Trickle>) -> Result<Self, TlsFault> {
        let config = server_config(certificate)?;
        let cards = certificate.clients.as_ref().map(|clients| clients.cards.clone());
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), cards, refused })
    }

    async fn make(self, stream: TcpStream, remote: &RemoteAddr) -> Option<Connection> {
        let peer = stream.peer_addr().ok()?;
        match tokio::time::timeout(HANDSHAKE, self.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Some(self.shown(stream, peer)),
            Ok(Err(fault)) => {
                let of_client =
                    fault.get_ref().and_then(|fault| fault.downcast_ref::<rustls::Error>()).is_some_and(|fault| {
                        use rustls::Error::{InvalidCertRevocationList, InvalidCertificate, NoCertificatesPresented};
                        matches!(fault, InvalidCertificate(_) | InvalidCertRevocationList(_) | NoCertificatesPresented)
                    });
                if of_client && self.refused.lets_through(Clock::system().now()) {
                    tracing::warn!(peer = %remote.0, why = %fault, "a client's certificate was refused");
                }
                None
            }
            Err(_late) => None,
        }
    }

    fn shown(&self, stream: TlsStream<TcpStream>, peer: SocketAddr) -> Connection {
        let card = stream.get_ref().1.peer_certificates().and_then(|chain| Card::read(chain.first()?));
        let shown = self.cards.as_ref().map(|cards| cards.show(peer, card));
        Connection { stream, _shown: shown }
    }
}

fn server_config(certificate: &Certificate) -> Result<ServerConfig, TlsFault> {
    let unusable = |fault: &dyn std::fmt::Display| TlsFault::Making(fault.to_string());
    let provider = CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
    let chain = CertificateDer::pem_slice_iter(&certificate.chain).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|fault| unusable(&fault))?;
    let key = PrivateKeyDer::from_pem_slice(&certificate.key).map_err(|fault| unusable(&fault))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|fault| unusable(&fault))?;
    let builder = match &certificate.clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(clients.verifier(provider)?),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|fault| unusable(&fault))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// An open connection, and the certificate that it showed.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    _shown: Option<Shown>,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
