//! The control plane over HTTP: paths at `/` and below `/api/`, where the
//! vendor's command line looks for them, and what all answers have in common.

mod api_keys;
mod call;
mod inventory;
mod objects;
mod paging;

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::header::{HOST, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::{Refusal, Simulator};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The address that links in an answer begin with.
#[derive(Debug, Clone)]
struct Base(String);

/// What middleware needs.
#[derive(Debug, Clone)]
struct Edge {
    simulator: Simulator,
    address: SocketAddr,
}

/// Everything that a listener at `address` answers.
pub(crate) fn router(simulator: Simulator, address: SocketAddr) -> Router {
    let api = Router::new()
        .route(
            "/iam/v2/api-keys",
            get(api_keys::list).post(api_keys::create),
        )
        .route(
            "/iam/v2/api-keys/{id}",
            get(api_keys::read)
                .patch(api_keys::update)
                .delete(api_keys::delete),
        )
        .route(
            "/iam/v2/service-accounts",
            get(inventory::list_service_accounts),
        )
        .route(
            "/iam/v2/service-accounts/{id}",
            get(inventory::read_service_account),
        )
        .route("/org/v2/environments", get(inventory::list_environments))
        .route(
            "/org/v2/environments/{id}",
            get(inventory::read_environment),
        )
        .route("/cmk/v2/clusters", get(inventory::list_clusters))
        .route("/cmk/v2/clusters/{id}", get(inventory::read_cluster));
    let edge = Edge {
        simulator: simulator.clone(),
        address,
    };
    Router::new()
        .merge(api.clone())
        .nest("/api", api)
        .route("/simulator/state", get(state))
        .fallback(async || Refusal::not_found())
        .method_not_allowed_fallback(async || Refusal::method_not_allowed())
        .layer(middleware::from_fn_with_state(edge, finish))
        .with_state(simulator)
}

/// `GET /simulator/state`, without authentication: it holds no secret.
async fn state(State(simulator): State<Simulator>) -> impl IntoResponse {
    Json(simulator.state())
}

/// Gives a request the address that its links begin with, and its answer a
/// request id and, for a refusal, the body.
async fn finish(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let base = base(&request, edge.address);
    request.extensions_mut().insert(base);
    let mut response = next.run(request).await;
    let trace_id = edge.simulator.trace_id();
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        response = (response.status(), Json(refusal.body(&trace_id))).into_response();
    }
    if response.status() == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Basic realm=\"Confluent Cloud\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    if let Ok(value) = HeaderValue::from_str(&trace_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The address that the caller used, as far as it says so.
fn base(request: &Request, address: SocketAddr) -> Base {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .map(str::to_owned)
        .or_else(|| Some(request.uri().authority()?.to_string()))
        .filter(|host| host.parse::<Uri>().is_ok())
        .unwrap_or_else(|| address.to_string());
    let prefix = if request.uri().path().starts_with("/api/") {
        "/api"
    } else {
        ""
    };
    Base(format!("http://{host}{prefix}"))
}

/// The body follows in the middleware, which knows the request's id.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
