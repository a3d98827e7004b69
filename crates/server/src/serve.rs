//! Serving and graceful shutdown.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::handler::Handler as _;
use axum::serve::ListenerExt as _;
use tokio_util::sync::CancellationToken;
use vault_core::Vault;

use crate::http::Host;
use crate::listener::{Listener, Place, TlsListener};

/// How long requests in flight may continue at a shutdown.
const DRAIN: Duration = Duration::from_secs(5);

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
    let service = crate::http::respond.with_state(host);
    let ended = ending.cancelled_owned();
    match listener.place {
        Place::Tcp(tcp) => {
            // Answers are small: Nagle's algorithm would only delay them.
            let listener = tcp.tap_io(|connection| {
                let _ = connection.set_nodelay(true);
            });
            let service = service.into_make_service_with_connect_info::<SocketAddr>();
            let serving = axum::serve(listener, service);
            serving.with_graceful_shutdown(ended).await
        }
        Place::Tls(tcp, tls) => {
            let listener = TlsListener::new(tcp, &tls).tap_io(|_| ());
            let service = service.into_make_service_with_connect_info::<SocketAddr>();
            let serving = axum::serve(listener, service);
            serving.with_graceful_shutdown(ended).await
        }
        Place::Unix(socket) => {
            // A client has no address here.
            let (listener, _file) = socket.into_parts();
            let serving = axum::serve(listener, service.into_make_service());
            serving.with_graceful_shutdown(ended).await
        }
    }
}
