//! A connection to a server, in the clear or over TLS, before HTTP is spoken on it.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::resolve;
use crate::load::record::Class;
use crate::load::targets::{Origin, Scheme};

/// An open connection.
pub(super) enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    /// Connects.
    pub(super) async fn open(
        origin: &Origin,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Self, Class> {
        let stream = resolve::connect(&origin.host, origin.port)
            .await
            .map_err(|_| Class::Connect)?;
        // A request is one write; there is nothing to collect.
        stream.set_nodelay(true).map_err(|_| Class::Connect)?;
        if origin.scheme == Scheme::Http {
            return Ok(Self::Plain(stream));
        }
        let config = tls.ok_or(Class::Tls)?;
        let name = ServerName::try_from(origin.host.clone()).map_err(|_| Class::Tls)?;
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name, stream).await;
        Ok(Self::Tls(Box::new(stream.map_err(|_| Class::Tls)?)))
    }
}
