//! Connections. Unlike a common server this one can end a connection without
//! an answer, as networks do.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::Service as _;

/// How long accepting rests when the machine has no more connections to give.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// In an answer that is not to be sent: how its connection ends instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hangup {
    /// It is closed.
    Close,
    /// It is reset.
    Reset,
}

impl fmt::Display for Hangup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection ends without an answer")
    }
}

impl std::error::Error for Hangup {}

/// The answer that is not to be sent.
impl IntoResponse for Hangup {
    fn into_response(self) -> Response<Body> {
        let mut response = StatusCode::BAD_GATEWAY.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// How long requests under way may take to be answered after a shutdown: a client
/// may never finish its request, and a virtual clock may stand still.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// Serves until `shutdown` is done and requests under way are answered, or
/// [`DRAIN_LIMIT`] is over.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) {
    let (stop, _) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, router.clone(), stop.subscribe()));
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(_) => tokio::time::sleep(ACCEPT_BACKOFF).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    drop(stop);
    let drained = async { while connections.join_next().await.is_some() {} };
    // What is left is cut off with the set.
    let _ = tokio::time::timeout(DRAIN_LIMIT, drained).await;
}

async fn connection(stream: TcpStream, router: Router, mut stop: watch::Receiver<()>) {
    // Answers are small: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(router.clone(), request));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut stopping = false;
    let result = loop {
        tokio::select! {
            result = &mut connection => break result,
            _ = stop.changed(), if !stopping => {
                stopping = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if let Err(error) = result
        && hangup(&error) == Some(Hangup::Reset)
    {
        let stream = connection.into_parts().io.into_inner();
        // A connection that is closed with nothing left to send is reset.
        let _ = stream.set_zero_linger();
    }
}

async fn answer(mut router: Router, request: Request<Incoming>) -> Result<Response<Body>, Hangup> {
    let response: Result<_, Infallible> = router.call(request.map(Body::new)).await;
    let Ok(response) = response;
    match response.extensions().get::<Hangup>() {
        Some(hangup) => Err(*hangup),
        None => Ok(response),
    }
}

fn hangup(error: &(dyn std::error::Error + 'static)) -> Option<Hangup> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(hangup) = error.downcast_ref() {
            return Some(*hangup);
        }
        cause = error.source();
    }
    None
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}
