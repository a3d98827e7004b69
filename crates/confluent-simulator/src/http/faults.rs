//! Middleware that injects armed faults and enforces rate limits.

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::base::is_own;
use super::call::Stale;
use crate::credential::Credential;
use crate::faults::{Fault, Fired, Operation};
use crate::limits::LimitState;
use crate::serve::Hangup;
use crate::{Refusal, Simulator};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const KEYS: &str = "/iam/v2/api-keys";
const PROXY_PAGE: &str = "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<center><h1>502 Bad \
     Gateway</h1></center>\n</body>\n</html>\n";

/// Injects the first armed fault that matches a request.
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
            Hangup::Close.into_response()
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
        Fault::Reset => Hangup::Reset.into_response(),
        Fault::RateLimit => too_many_requests(LimitState {
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

/// Enforces the rate limit, by the owner of the key. All requests without a known
/// key share one limit.
pub(super) async fn limit(
    State(simulator): State<Simulator>,
    request: Request,
    next: Next,
) -> Response {
    let Some(state) = simulator.count_toward_limit(&Credential::of(request.headers())) else {
        return next.run(request).await;
    };
    if !state.granted {
        return too_many_requests(state);
    }
    let mut response = next.run(request).await;
    add_headers(&mut response, state);
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

fn too_many_requests(state: LimitState) -> Response {
    let mut response = Refusal::rate_limited().into_response();
    add_headers(&mut response, state);
    if state.headers {
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(state.reset));
    }
    response
}

fn add_headers(response: &mut Response, state: LimitState) {
    if !state.headers {
        return;
    }
    let headers = response.headers_mut();
    headers.insert(LIMIT, HeaderValue::from(state.limit));
    headers.insert(REMAINING, HeaderValue::from(state.remaining));
    headers.insert(RESET, HeaderValue::from(state.reset));
}
