//! The address that a request was sent to.

use std::net::SocketAddr;

use axum::extract::Request;
use axum::http::Uri;
use axum::http::header::HOST;

/// The address that links in an answer begin with.
#[derive(Debug, Clone)]
pub(super) struct Base(pub(super) String);

impl Base {
    /// The address that the client used, as far as the request says so;
    /// otherwise that of the listener.
    pub(super) fn of(request: &Request, listener: SocketAddr) -> Self {
        let host = request
            .headers()
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .map(str::to_owned)
            .or_else(|| Some(request.uri().authority()?.to_string()))
            .filter(|host| host.parse::<Uri>().is_ok())
            .unwrap_or_else(|| listener.to_string());
        let prefix = if request.uri().path().starts_with("/api/") {
            "/api"
        } else {
            ""
        };
        Self(format!("http://{host}{prefix}"))
    }
}

/// Whether a request is about the simulator itself.
pub(super) fn is_own(request: &Request) -> bool {
    request.uri().path().starts_with("/simulator/")
}
