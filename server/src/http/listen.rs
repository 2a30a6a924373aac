//! Listening and serving, with TLS where there is a certificate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use poem::http::uri::Scheme;
use poem::listener::{Acceptor, AcceptorExt as _, BoxAcceptor, RustlsCertificate, RustlsConfig};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::net::{TcpListener, TcpStream};

use crate::app::App;
use crate::tls::Certificate;

#[derive(Debug, thiserror::Error)]
pub enum ListenFault {
    #[error("could not listen on {address}: {source}")]
    Bind { address: SocketAddr, source: std::io::Error },
    #[error(
        "plain HTTP on {0} would send API keys in the clear; give `--tls-cert` and `--tls-key`, or `--insecure-plain-http` if something in front does TLS"
    )]
    Plain(SocketAddr),
}

/// A socket that listens.
pub struct Bound {
    pub acceptor: BoxAcceptor,
    pub address: SocketAddr,
}

/// Binds, with TLS where there is a certificate.
pub async fn bind(
    address: SocketAddr,
    certificate: Option<&Certificate>,
    plain_allowed: bool,
) -> Result<Bound, ListenFault> {
    if certificate.is_none() && !plain_allowed && !address.ip().is_loopback() {
        return Err(ListenFault::Plain(address));
    }
    let fault = |source| ListenFault::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(fault)?;
    let address = listener.local_addr().map_err(fault)?;
    let plain = Quick { listener: Arc::new(listener), address };
    let acceptor: BoxAcceptor = match certificate {
        None => plain.boxed(),
        Some(certificate) => {
            let first = futures_util::stream::once(std::future::ready(certificate.clone()));
            plain
                .rustls(first.chain(renewals(certificate.clone())).map(|certificate| offered(&certificate)).boxed())
                .boxed()
        }
    };
    Ok(Bound { acceptor, address })
}

fn offered(certificate: &Certificate) -> RustlsConfig {
    let chosen = RustlsCertificate::new().cert(certificate.chain.clone()).key(certificate.key.clone());
    let config = RustlsConfig::new().fallback(chosen);
    match &certificate.clients {
        None => config,
        Some(clients) if clients.required => config.client_auth_required(clients.authority.clone()),
        Some(clients) => config.client_auth_optional(clients.authority.clone()),
    }
}

/// Looks now and then whether the certificate was renewed; connections that are open stay open.
fn renewals(now: Certificate) -> impl futures_util::Stream<Item = Certificate> + Send {
    const ROUND: Duration = Duration::from_secs(60);
    futures_util::stream::unfold((now, String::new()), |(now, mut told)| async move {
        loop {
            tokio::time::sleep(ROUND).await;
            match now.renewed() {
                Ok(Some(renewed)) => return Some((renewed.clone(), (renewed, String::new()))),
                Ok(None) => {}
                Err(fault) if told == fault.to_string() => {}
                Err(fault) => {
                    told = fault.to_string();
                    tracing::warn!(%fault, "the renewed certificate is not used");
                }
            }
        }
    })
}

/// Accepts without Nagle's delay: frames are small, and somebody waits for each.
struct Quick {
    listener: Arc<TcpListener>,
    address: SocketAddr,
}

impl Acceptor for Quick {
    type Io = TcpStream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        vec![LocalAddr(self.address.into())]
    }

    async fn accept(&mut self) -> std::io::Result<(TcpStream, LocalAddr, RemoteAddr, Scheme)> {
        let (stream, peer) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok((stream, LocalAddr(self.address.into()), RemoteAddr(peer.into()), Scheme::HTTP))
    }
}

/// Serves until `stop`, and lets what is under way end.
pub async fn serve(app: &App, bound: Bound, stop: impl Future<Output = ()>) -> std::io::Result<()> {
    const LAST_ANSWERS: Duration = Duration::from_secs(5);
    let server = poem::Server::new_with_acceptor(bound.acceptor);
    server.run_with_graceful_shutdown(super::endpoint(app), stop, Some(LAST_ANSWERS)).await
}
