//! Where a server listens, and how: in the clear, with TLS or at a socket of its
//! machine, and with which limits for a request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::complexity::JsonLimits;
use crate::tls::Tls;
use crate::unix_socket::UnixSocket;

/// How long a client may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How many handshakes are under way at most.
const MAX_HANDSHAKES: usize = 1024;

/// Limits of one request. The default is Vault's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Size of a body in bytes.
    pub max_request_size: usize,
    /// Time until the answer.
    pub max_request_duration: Duration,
    /// What JSON in a body may become.
    pub json: JsonLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_request_size: 32 << 20,
            max_request_duration: Duration::from_secs(90),
            json: JsonLimits::default(),
        }
    }
}

/// A place to listen at.
pub struct Listener {
    pub(crate) place: Place,
    pub(crate) limits: Limits,
}

/// Where connections come from.
pub(crate) enum Place {
    /// The network, in the clear.
    Tcp(TcpListener),
    /// The network, with TLS.
    Tls(TcpListener, Arc<Tls>),
    /// This machine.
    Unix(UnixSocket),
}

impl Listener {
    /// One in the clear, with the usual limits.
    pub fn new(tcp: TcpListener) -> Self {
        Self::at(Place::Tcp(tcp))
    }

    /// One with TLS, with the usual limits.
    pub fn tls(tcp: TcpListener, tls: Arc<Tls>) -> Self {
        Self::at(Place::Tls(tcp, tls))
    }

    /// One at a socket of this machine, with the usual limits.
    pub fn unix(socket: UnixSocket) -> Self {
        Self::at(Place::Unix(socket))
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            limits: Limits::default(),
        }
    }

    /// The same with these limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }
}

type Handshake = BoxFuture<'static, Option<(TlsStream<TcpStream>, SocketAddr)>>;

/// Accepts connections with TLS. A slow handshake holds up no other.
pub(crate) struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: FuturesUnordered<Handshake>,
}

impl TlsListener {
    pub(crate) fn new(tcp: TcpListener, tls: &Tls) -> Self {
        Self {
            tcp,
            acceptor: TlsAcceptor::from(tls.config()),
            handshakes: FuturesUnordered::new(),
        }
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let has_room = self.handshakes.len() < MAX_HANDSHAKES;
            tokio::select! {
                (stream, peer) = axum::serve::Listener::accept(&mut self.tcp), if has_room => {
                    let _ = stream.set_nodelay(true);
                    self.handshakes.push(Box::pin(handshake(self.acceptor.clone(), stream, peer)));
                }
                Some(done) = self.handshakes.next() => {
                    if let Some(accepted) = done {
                        return accepted;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

/// `None` for a client that does not finish it: that is the client's concern.
async fn handshake(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
) -> Option<(TlsStream<TcpStream>, SocketAddr)> {
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some((stream, peer)),
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "a TLS handshake failed");
            None
        }
        Err(_) => None,
    }
}
