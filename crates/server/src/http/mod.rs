//! The edge: every request to `/v1/` goes to the core, in the task of its
//! connection, which ends when its client hangs up.

mod answer;
mod request;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Response, StatusCode};
use axum::body::Body;
use axum::extract::{Request, State};
use futures_util::FutureExt as _;
use vault_core::{Answer, Core};

/// How long a request may take (`max_request_duration` in Vault).
const LIMIT: Duration = Duration::from_secs(90);

/// Answers everything. Paths belong to the mounts of the core, so that there is
/// nothing to route here.
pub(crate) async fn respond(State(core): State<Arc<Core>>, request: Request) -> Response<Body> {
    let answered = async {
        match request::read(request).await {
            Ok(asked) => core.handle(asked).await,
            Err(refusal) => refusal,
        }
    };
    // A task of its own for each request would end a panic as well, for the
    // price of two switches between threads. What the core shares between
    // requests does not break by one that ends in the middle: a client that
    // hangs up does the same.
    let answered = AssertUnwindSafe(answered).catch_unwind();
    let answer = match tokio::time::timeout(LIMIT, answered).await {
        Ok(Ok(answer)) => answer,
        // The panic's own text may quote anything, so it is not shown.
        Ok(Err(_)) => Answer::error(StatusCode::INTERNAL_SERVER_ERROR.as_u16(), "internal error"),
        Err(_) => Answer::error(
            StatusCode::SERVICE_UNAVAILABLE.as_u16(),
            format!("the request took longer than {} seconds", LIMIT.as_secs()),
        ),
    };
    answer::write(&answer)
}
