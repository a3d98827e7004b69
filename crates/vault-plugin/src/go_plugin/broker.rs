//! The broker: the host listens on a new socket for each mount and tells its
//! address by an id; the plugin dials it when it is asked to use that id.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

use super::flush_coalescer::FlushCoalescer;
use super::tls::{HTTP2, SERVER_NAME};
use crate::pb::plugin::ConnInfo;
use crate::pb::plugin::grpc_broker_server::GrpcBroker;

/// How long an id waits for its address, and an address for its use
/// (`grpc_broker.go` in go-plugin).
const WAIT: Duration = Duration::from_secs(5);
/// How long connecting to an address may take.
const DIAL_LIMIT: Duration = Duration::from_secs(5);

/// Addresses by id; the address or its request may come first.
#[derive(Default)]
pub(crate) struct Addresses {
    waiting: Mutex<HashMap<u32, Waiting>>,
}

enum Waiting {
    Address(ConnInfo, Instant),
    Caller(oneshot::Sender<ConnInfo>),
}

impl Addresses {
    /// The host announced an address.
    fn offer(&self, address: ConnInfo) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        waiting.retain(|_, entry| match entry {
            Waiting::Address(_, since) => now.duration_since(*since) < WAIT,
            Waiting::Caller(caller) => !caller.is_closed(),
        });
        let id = address.service_id;
        match waiting.remove(&id) {
            // The caller may have given up.
            Some(Waiting::Caller(caller)) => drop(caller.send(address)),
            _ => drop(waiting.insert(id, Waiting::Address(address, now))),
        }
    }

    /// The address of an id, once; waits for it.
    pub(crate) async fn claim(&self, id: u32) -> Result<ConnInfo, Status> {
        let told = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(Waiting::Address(address, _)) = waiting.remove(&id) {
                return Ok(address);
            }
            let (caller, told) = oneshot::channel();
            waiting.insert(id, Waiting::Caller(caller));
            told
        };
        match tokio::time::timeout(WAIT, told).await {
            Ok(Ok(address)) => Ok(address),
            _ => Err(Status::unavailable(format!(
                "the host announced no address for its connection {id} within {} seconds",
                WAIT.as_secs()
            ))),
        }
    }
}

/// The service by which the host announces addresses.
pub(crate) struct Broker {
    addresses: Arc<Addresses>,
    stop: CancellationToken,
}

impl Broker {
    /// A broker that records announced addresses in `addresses` until `stop`.
    pub(crate) fn new(addresses: Arc<Addresses>, stop: CancellationToken) -> Self {
        Self { addresses, stop }
    }
}

#[tonic::async_trait]
impl GrpcBroker for Broker {
    type StartStreamStream = BoxStream<'static, Result<ConnInfo, Status>>;

    /// The response stays open and empty: a host whose broker stream ends
    /// serves no more mounts.
    async fn start_stream(
        &self,
        request: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        let addresses = Arc::clone(&self.addresses);
        let mut told = request.into_inner();
        let listen = async move {
            while let Ok(Some(address)) = told.message().await {
                addresses.offer(address);
            }
        };
        tokio::spawn(self.stop.clone().run_until_cancelled_owned(listen));
        let silence = stream::pending().take_until(self.stop.clone().cancelled_owned());
        Ok(Response::new(silence.boxed()))
    }
}

/// Opens a gRPC connection to an address of the host, over TLS, and fails
/// early when that is not possible. It reconnects by itself later.
pub(crate) async fn dial(address: ConnInfo, tls: Arc<ClientConfig>) -> Result<Channel, Status> {
    let shown = format!("{} `{}`", address.network, address.address);
    let connector = tower::service_fn(move |_| connect(address.clone(), Arc::clone(&tls)));
    // TLS is added by this connector, so tonic gets the scheme without it.
    let endpoint = Endpoint::from_static("http://localhost").connect_timeout(DIAL_LIMIT);
    endpoint
        .connect_with_connector(connector)
        .await
        .map_err(|error| {
            Status::unavailable(format!(
                "cannot connect to the host at {shown}: {}",
                with_causes(&error)
            ))
        })
}

type Transport = TokioIo<Box<dyn Io>>;

trait Io: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Io for T {}

async fn connect(address: ConnInfo, tls: Arc<ClientConfig>) -> std::io::Result<Transport> {
    let plain: Box<dyn Io> = match address.network.as_str() {
        "unix" => Box::new(UnixStream::connect(&address.address).await?),
        "tcp" => {
            let stream = TcpStream::connect(&address.address).await?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
        other => {
            let text = format!("the host listens on `{other}`, which is neither unix nor tcp");
            return Err(std::io::Error::new(std::io::ErrorKind::Unsupported, text));
        }
    };
    let name = ServerName::try_from(SERVER_NAME).map_err(std::io::Error::other)?;
    let stream = TlsConnector::from(tls).connect(name, plain).await?;
    if stream.get_ref().1.alpn_protocol() != Some(HTTP2) {
        return Err(std::io::Error::other("the host does not speak HTTP/2"));
    }
    Ok(TokioIo::new(Box::new(FlushCoalescer::new(stream))))
}

/// An error with what caused it, since tonic's own text is "transport error".
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(id: u32) -> ConnInfo {
        ConnInfo {
            service_id: id,
            network: "unix".into(),
            address: format!("/tmp/{id}"),
            knock: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_may_come_before_or_after_its_use() {
        let addresses = Arc::new(Addresses::default());
        addresses.offer(address(1));
        assert_eq!(addresses.claim(1).await.unwrap(), address(1));

        let early = tokio::spawn({
            let addresses = Arc::clone(&addresses);
            async move { addresses.claim(2).await }
        });
        tokio::time::sleep(Duration::from_secs(4)).await;
        addresses.offer(address(3));
        addresses.offer(address(2));
        assert_eq!(early.await.unwrap().unwrap(), address(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_never_comes_is_an_error_that_names_the_id() {
        let error = Addresses::default().claim(7).await.unwrap_err();
        assert!(error.message().contains("connection 7"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_nobody_uses_is_forgotten() {
        let addresses = Addresses::default();
        addresses.offer(address(1));
        tokio::time::sleep(WAIT).await;
        addresses.offer(address(2));
        assert_eq!(addresses.waiting.lock().unwrap().len(), 1);
    }
}
