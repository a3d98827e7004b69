//! Armed faults and rate limits, before a request is answered.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::call::credential;
use super::is_own;
use crate::faults::{Fault, Fired, Operation};
use crate::limits::Standing;
use crate::serve::Hangup;
use crate::{Refusal, Simulator};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const KEYS: &str = "/iam/v2/api-keys";
const PROXY_PAGE: &str = "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<center><h1>502 Bad \
     Gateway</h1></center>\n</body>\n</html>\n";

/// In a request whose list of keys is to be as it was a while ago.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stale(pub(super) Duration);

/// Lets the first armed fault for a request happen.
pub(super) async fn inject(
    State(simulator): State<Simulator>,
    mut request: Request,
    next: Next,
) -> Response {
    if is_own(&request) {
        return next.run(request).await;
    }
    let Some(Fired { fault, delay }) = simulator.fire(operation(&request)) else {
        return next.run(request).await;
    };
    match fault {
        Fault::LoseAnswer => {
            next.run(request).await;
            hang_up(Hangup::Close)
        }
        Fault::FailBefore => Refusal::failed().into_response(),
        Fault::FailAfter => {
            next.run(request).await;
            Refusal::failed().into_response()
        }
        Fault::Delay => {
            simulator.clock().sleep(delay).await;
            next.run(request).await
        }
        Fault::Reset => hang_up(Hangup::Reset),
        Fault::RateLimit => limited(Standing {
            limit: 1,
            remaining: 0,
            reset: delay.as_secs() + u64::from(delay.subsec_nanos() > 0),
            granted: false,
            headers: true,
        }),
        Fault::StaleList => {
            request.extensions_mut().insert(Stale(delay));
            next.run(request).await
        }
        Fault::Forbidden => Refusal::forbidden().into_response(),
        Fault::Html => {
            let kind = [(CONTENT_TYPE, "text/html")];
            (StatusCode::BAD_GATEWAY, kind, PROXY_PAGE).into_response()
        }
    }
}

/// Counts a request where there is a limit: by the owner of its key, and
/// together what comes without a known one.
pub(super) async fn limit(
    State(simulator): State<Simulator>,
    request: Request,
    next: Next,
) -> Response {
    let Some(standing) = simulator.take(&credential(request.headers())) else {
        return next.run(request).await;
    };
    if !standing.granted {
        return limited(standing);
    }
    let mut response = next.run(request).await;
    tell(&mut response, standing);
    response
}

/// What a request is, at `/` and below `/api/`.
fn operation(request: &Request) -> Operation {
    let path = request.uri().path();
    let path = path.strip_prefix("/api").unwrap_or(path);
    let one = path
        .strip_prefix(KEYS)
        .and_then(|rest| rest.strip_prefix('/'));
    match (request.method(), one) {
        (&Method::GET, None) if path == KEYS => Operation::ListApiKeys,
        (&Method::POST, None) if path == KEYS => Operation::CreateApiKey,
        (&Method::DELETE, Some(_)) => Operation::DeleteApiKey,
        _ => Operation::Any,
    }
}

fn limited(standing: Standing) -> Response {
    let mut response = Refusal::rate_limited().into_response();
    tell(&mut response, standing);
    if standing.headers {
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(standing.reset));
    }
    response
}

fn tell(response: &mut Response, standing: Standing) {
    if !standing.headers {
        return;
    }
    let headers = response.headers_mut();
    headers.insert(LIMIT, HeaderValue::from(standing.limit));
    headers.insert(REMAINING, HeaderValue::from(standing.remaining));
    headers.insert(RESET, HeaderValue::from(standing.reset));
}

fn hang_up(how: Hangup) -> Response {
    let mut response = StatusCode::BAD_GATEWAY.into_response();
    response.extensions_mut().insert(how);
    response
}
