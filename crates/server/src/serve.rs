//! Accepting connections, and graceful shutdown.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use logical::Connection;
use tokio::net::TcpStream;
use tokio::task::{JoinError, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use vault_core::Vault;

use crate::connection;
use crate::http::Host;
use crate::listener::{Listener, Place};

/// How long requests in flight may continue at a shutdown.
const DRAIN: Duration = Duration::from_secs(5);
/// How long a client may take for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Serves Vault's HTTP API at all listeners until `shutdown` resolves; then
/// drains requests in flight and seals the vault.
///
/// # Errors
/// Those of a listener.
pub async fn serve(
    vault: Arc<Vault>,
    listeners: impl IntoIterator<Item = Listener>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let ending = CancellationToken::new();
    let serving = listeners
        .into_iter()
        .map(|listener| serve_one(Arc::clone(&vault), listener, ending.clone()));
    let serving = futures_util::future::try_join_all(serving);
    let deadline = async {
        shutdown.await;
        ending.cancel();
        tokio::time::sleep(DRAIN).await;
    };
    let served = tokio::select! {
        served = serving => served.map(|_| ()),
        () = deadline => {
            tracing::warn!("some requests did not end in time and were cut off");
            Ok(())
        }
    };
    vault.shut_down().await;
    served
}

async fn serve_one(
    vault: Arc<Vault>,
    listener: Listener,
    ending: CancellationToken,
) -> io::Result<()> {
    let host = Host {
        vault,
        limits: listener.limits,
    };
    let most = listener.limits.max_connections;
    let until = ending.clone();
    match listener.place {
        Place::Tcp(tcp) => {
            let start = |(stream, peer): (TcpStream, SocketAddr)| {
                at_once(&stream);
                let client = Connection::new(peer.ip(), peer.port());
                connection::serve(stream, Some(client), host.clone(), ending.clone())
            };
            accept(tcp, most, &until, start).await;
        }
        Place::Tls(tcp, tls) => {
            let start = |(stream, peer): (TcpStream, SocketAddr)| {
                at_once(&stream);
                let acceptor = TlsAcceptor::from(tls.config());
                let (host, ending) = (host.clone(), ending.clone());
                async move {
                    let stream = ending.run_until_cancelled(handshake(acceptor, stream, peer));
                    if let Some(Some(stream)) = stream.await {
                        let client = client(peer, &stream);
                        connection::serve(stream, Some(client), host, ending.clone()).await;
                    }
                }
            };
            accept(tcp, most, &until, start).await;
        }
        Place::Unix(socket) => {
            let (listener, _file) = socket.into_parts();
            // A client has no address here.
            let start = |(stream, _)| connection::serve(stream, None, host.clone(), ending.clone());
            accept(listener, most, &until, start).await;
        }
    }
    Ok(())
}

/// Answers are small: Nagle's algorithm would only delay them.
fn at_once(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
}

/// Accepts connections until `ending`, at most `most` at a time: others wait in
/// the queue of the system. Then waits for those that there are. What is left when
/// this is dropped is cut off.
async fn accept<L, F>(
    mut listener: L,
    most: usize,
    ending: &CancellationToken,
    start: impl Fn((L::Io, L::Addr)) -> F,
) where
    L: axum::serve::Listener,
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let mut was_full = false;
    loop {
        let is_full = connections.len() >= most;
        if is_full && !was_full {
            tracing::warn!(
                max_connections = most,
                "a listener has as many connections as it may have: others wait"
            );
        }
        was_full = is_full;
        tokio::select! {
            () = ending.cancelled() => break,
            Some(ended) = connections.join_next() => report(ended),
            accepted = listener.accept(), if !is_full => {
                connections.spawn(start(accepted));
            }
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        report(ended);
    }
}

/// Panics of a request are answered; this is one outside of any.
fn report(ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!("a connection ended by a panic");
    }
}

/// The client, with the certificates that it presented.
fn client(peer: SocketAddr, stream: &TlsStream<TcpStream>) -> Connection {
    let mut client = Connection::new(peer.ip(), peer.port());
    let (_, session) = stream.get_ref();
    let chain = session.peer_certificates().unwrap_or_default();
    client.client_certificates = chain.iter().map(|one| one.to_vec()).collect();
    client
}

/// `None` for a client that does not finish it: that is the client's concern.
async fn handshake(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
) -> Option<TlsStream<TcpStream>> {
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "a TLS handshake failed");
            None
        }
        Err(_) => None,
    }
}
