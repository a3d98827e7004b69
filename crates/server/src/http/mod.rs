//! The edge: every request to `/v1/` goes to the core in a task of its own,
//! which ends when its client hangs up.

mod answer;
mod request;

use std::sync::Arc;
use std::time::Duration;

use ::http::{Response, StatusCode};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use tokio_util::task::AbortOnDropHandle;
use vault_core::{Answer, Core};

/// How long a request may take (`max_request_duration` in Vault).
const LIMIT: Duration = Duration::from_secs(90);

/// Everything that the server answers.
pub(crate) fn router(core: Arc<Core>) -> Router {
    Router::new().fallback(respond).with_state(core)
}

async fn respond(State(core): State<Arc<Core>>, request: Request) -> Response<Body> {
    let answered = tokio::spawn(async move {
        match request::read(request).await {
            Ok(asked) => core.handle(asked).await,
            Err(refusal) => refusal,
        }
    });
    let answered = tokio::time::timeout(LIMIT, AbortOnDropHandle::new(answered)).await;
    let answer = match answered {
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
