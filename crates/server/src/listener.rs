//! Where a server listens, and how: in the clear, with TLS or at a socket of its
//! machine, and with which limits for requests and connections.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::complexity::JsonLimits;
use crate::tls::Tls;
use crate::unix_socket::UnixSocket;

/// Limits of requests and connections. The defaults are Vault's, but for the number of
/// connections, which Vault does not limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Size of a body in bytes.
    pub max_request_size: usize,
    /// Time until the answer.
    pub max_request_duration: Duration,
    /// What JSON in a body may become.
    pub json: JsonLimits,
    /// How long a client may be slow.
    pub timeouts: Timeouts,
    /// How many connections there may be at a time.
    pub max_connections: usize,
}

/// How long a client may take for what is up to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the whole header of a request; for the first one of a connection, from
    /// its beginning.
    pub header: Duration,
    /// For the body, after the header.
    pub body: Duration,
    /// For another request, or for taking any byte of an answer.
    pub idle: Duration,
    /// For taking the whole answer, from the header of its request. It counts for the
    /// server's work as well. No limit if there is none.
    pub answer: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_request_size: 32 << 20,
            max_request_duration: Duration::from_secs(90),
            json: JsonLimits::default(),
            timeouts: Timeouts::default(),
            max_connections: 4096,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_mins(5),
            answer: None,
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
