//! Listening and serving, with TLS where there is a certificate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use poem::http::uri::Scheme;
use poem::listener::{Acceptor, AcceptorExt as _, BoxAcceptor};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::net::{TcpListener, TcpStream};

use super::secure::Secure;
use crate::app::App;
use crate::clock::Clock;
use crate::tls::{Certificate, TlsFault};

#[derive(Debug, thiserror::Error)]
pub enum ListenFault {
    #[error("could not listen on {address}: {source}")]
    Bind { address: SocketAddr, source: std::io::Error },
    #[error(
        "plain HTTP on {0} would send API keys in the clear; give `--tls-cert` and `--tls-key`, or `--insecure-plain-http` if something in front does TLS"
    )]
    Plain(SocketAddr),
    #[error(transparent)]
    Tls(#[from] TlsFault),
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
        Some(certificate) => Secure::new(plain, certificate, renewals(certificate.clone()).boxed())?.boxed(),
    };
    Ok(Bound { acceptor, address })
}

/// Looks now and then whether the certificate was renewed, or the list of revoked ones; connections that are open stay open.
fn renewals(now: Certificate) -> impl futures_util::Stream<Item = Certificate> + Send {
    futures_util::stream::unfold((now, String::new()), |(now, mut told)| async move {
        loop {
            tokio::time::sleep(now.look_every).await;
            match now.renewed(Clock::system().now()) {
                Ok(Some(renewed)) => return Some((renewed.clone(), (renewed, String::new()))),
                Ok(None) => {}
                Err(fault) if told == fault.to_string() => {}
                Err(fault) => {
                    told = fault.to_string();
                    tracing::error!(%fault, "what was renewed is not used; what was before goes on, as long as it is good");
                }
            }
        }
    })
}

/// Accepts without Nagle's delay: frames are small, and somebody waits for each.
pub(super) struct Quick {
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
