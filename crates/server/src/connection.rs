//! One connection: HTTP/1 or HTTP/2 until the client, a deadline or the end of the
//! server closes it.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use logical::Connection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::activity::{Activity, Overdue, Watched};
use crate::http::{Host, respond};

/// How long a client that is told to end an idle connection may take for it.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves a connection of a client, who has no address at a socket of this machine.
/// `ending` lets the requests in flight end, and takes no other.
pub(crate) async fn serve<S>(
    stream: S,
    client: Option<Connection>,
    host: Host,
    ending: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let peer = client.as_ref().and_then(|client| client.remote_address);
    let activity = Activity::new(host.limits.timeouts);
    let stream = TokioIo::new(Watched::new(stream, Arc::clone(&activity)));
    let service = service_fn(|request: Request<Incoming>| {
        let answering = activity.work(request.version() == Version::HTTP_2);
        let (host, client) = (host.clone(), client.clone());
        async move {
            let answer = respond(&host, client, request.map(Body::new)).await;
            Ok::<_, Infallible>(answer.map(|body| answering.answer(body)))
        }
    });
    let builder = Builder::new(TokioExecutor::new());
    let mut serving = pin!(builder.serve_connection(stream, service));
    let mut is_ending = false;
    loop {
        tokio::select! {
            // The connection first: what it does moves its deadline.
            biased;
            served = serving.as_mut() => {
                if let Err(error) = served {
                    tracing::debug!(?peer, error, "a connection failed");
                }
                return;
            }
            () = ending.cancelled(), if !is_ending => {
                is_ending = true;
                serving.as_mut().graceful_shutdown();
            }
            overdue = activity.overdue() => {
                tracing::debug!(?peer, ?overdue, "a connection is closed");
                if overdue == Overdue::Idle {
                    serving.as_mut().graceful_shutdown();
                    let _ = tokio::time::timeout(FAREWELL, serving).await;
                }
                return;
            }
        }
    }
}
