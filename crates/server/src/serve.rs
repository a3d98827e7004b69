//! Serving and graceful shutdown.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::handler::Handler as _;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vault_core::Vault;

/// How long requests in flight may continue at a shutdown.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves Vault's HTTP API until `shutdown` resolves; then drains requests in
/// flight and seals the vault.
///
/// # Errors
/// Those of the listener.
pub async fn serve(
    vault: Arc<Vault>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // Answers are small: Nagle's algorithm would only delay them.
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    let ending = CancellationToken::new();
    let told = ending.clone();
    let service = crate::http::respond.with_state(Arc::clone(&vault));
    let serving = axum::serve(
        listener,
        service.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(async move {
        shutdown.await;
        told.cancel();
    })
    .into_future();
    let deadline = async {
        ending.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    let served = tokio::select! {
        served = serving => served,
        () = deadline => {
            tracing::warn!("some requests did not end in time and were cut off");
            Ok(())
        }
    };
    vault.shut_down().await;
    served
}
