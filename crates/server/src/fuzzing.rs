//! Entry points for the fuzz targets in `fuzz/`; not part of the API.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use http::Response;
use vault_core::Vault;

/// Answers a request as the server does behind its listener.
pub async fn respond(vault: Arc<Vault>, request: Request) -> Response<Body> {
    let host = crate::http::Host {
        vault,
        limits: crate::Limits::default(),
    };
    let answer = crate::http::respond(&host, None, request).await;
    answer.map(Body::from)
}
