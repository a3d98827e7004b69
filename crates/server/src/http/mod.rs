//! The HTTP edge: every request to `/v1/` is handed to the core in the task of
//! its connection, which ends when the client hangs up.

mod answer;
mod request;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use ::http::{Response, StatusCode};
use axum::extract::Request;
use bytes::Bytes;
use futures_util::FutureExt as _;
use logical::Connection;
use vault_core::{Answer, Vault};

use crate::listener::Limits;

/// What answers the requests of a listener, and how much they may take.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) vault: Arc<Vault>,
    pub(crate) limits: Limits,
}

/// Handles every path: routing is up to the mounts of the core.
pub(crate) async fn respond(
    host: &Host,
    client: Option<Connection>,
    request: Request,
) -> Response<Bytes> {
    let limit = host.limits.max_request_duration;
    let answered = async {
        match request::read(request, client, &host.limits).await {
            Ok(asked) => host.vault.handle(asked).await,
            Err(refusal) => refusal,
        }
    };
    // A task per request would contain a panic as well, at the cost of two
    // thread switches. State that the core shares between requests survives a
    // request that ends half way, because clients that hang up cause the same.
    let answered = AssertUnwindSafe(answered).catch_unwind();
    let mut answer = match tokio::time::timeout(limit, answered).await {
        Ok(Ok(answer)) => answer,
        // The panic message may quote secrets, so it is not shown.
        Ok(Err(_)) => Answer::error(StatusCode::INTERNAL_SERVER_ERROR.as_u16(), "internal error"),
        Err(_) => Answer::error(
            StatusCode::SERVICE_UNAVAILABLE.as_u16(),
            format!("the request took longer than {} seconds", limit.as_secs()),
        ),
    };
    let written = answer::write(&answer);
    answer.wipe();
    written
}
