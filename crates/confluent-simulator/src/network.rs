//! A simulator on the network: listening, serving and stopping.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::serve::serve;
use crate::{Simulator, http};

impl Simulator {
    /// Serves the control plane on a listener until `shutdown` is done.
    /// From then on the data planes that its answers name are at the
    /// listener's address.
    ///
    /// # Errors
    /// Those of the network.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let address = listener.local_addr()?;
        self.set_address(address);
        serve(listener, http::router(self.clone(), address), shutdown).await;
        Ok(())
    }

    /// Serves on a free port of loopback, in a task of its own.
    ///
    /// # Errors
    /// Those of the network.
    pub async fn spawn(&self) -> io::Result<Running> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        self.set_address(address);
        let (stop, stopped) = oneshot::channel();
        let simulator = self.clone();
        let task = tokio::spawn(async move {
            let shutdown = async {
                // A dropped sender means the same as a message.
                let _ = stopped.await;
            };
            simulator.serve(listener, shutdown).await
        });
        Ok(Running {
            address,
            stop: Some(stop),
            task,
        })
    }
}

/// A simulator that is being served. Dropping it stops the service.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base address for clients.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it and waits until requests under way are answered, for some seconds
    /// at most.
    ///
    /// # Errors
    /// Those of the network.
    pub async fn stop(mut self) -> io::Result<()> {
        self.stop.take();
        (&mut self.task).await.map_err(io::Error::other)?
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.take();
    }
}

/// An address that others than this machine could reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedAddress(SocketAddr);

impl fmt::Display for RefusedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` can be reached from other machines, and `/simulator/` asks for no credential: \
             listen on 127.0.0.1, or allow it expressly",
            self.0
        )
    }
}

impl std::error::Error for RefusedAddress {}

/// Listens on an address; on one that other machines could reach only when
/// that is allowed.
///
/// # Errors
/// Those of the network, and [`RefusedAddress`] inside an error of the kind
/// [`io::ErrorKind::PermissionDenied`].
pub async fn bind(address: SocketAddr, allow_remote: bool) -> io::Result<TcpListener> {
    if !allow_remote && !address.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            RefusedAddress(address),
        ));
    }
    TcpListener::bind(address).await
}
