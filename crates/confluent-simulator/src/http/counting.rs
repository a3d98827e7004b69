//! Counts every request but those to `/simulator/`, by what its client saw.

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use super::is_own;
use crate::Simulator;
use crate::serve::Hangup;

pub(super) async fn count(
    State(simulator): State<Simulator>,
    request: Request,
    next: Next,
) -> Response {
    if is_own(&request) {
        return next.run(request).await;
    }
    let method = name(request.method());
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or("other", MatchedPath::as_str);
    let path = path.strip_prefix("/api").unwrap_or(path).to_owned();
    let response = next.run(request).await;
    let lost = response.extensions().get::<Hangup>().is_some();
    let status = (!lost).then(|| response.status().as_u16());
    simulator.count(method, &path, status);
    response
}

/// The method; a client may make one up, and no two of those are told apart.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
