//! The control plane over HTTP: paths at `/` and below `/api/`, where the
//! vendor's command line looks for them, and what all answers have in common.

mod accounts;
mod api_keys;
mod base;
mod body;
mod call;
mod clusters;
mod collection;
mod connectors;
mod control;
mod counting;
mod data_plane;
mod environments;
mod faults;
mod integrations;
mod ksqldb;
mod objects;
mod paging;
mod quotas;
mod role_bindings;
mod sessions;

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};

use self::base::Base;
use crate::{Refusal, Simulator};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What middleware needs.
#[derive(Debug, Clone)]
struct Edge {
    simulator: Simulator,
    address: SocketAddr,
}

/// Everything that a listener at `address` answers.
pub(crate) fn router(simulator: Simulator, address: SocketAddr) -> Router {
    let limit = middleware::from_fn_with_state(simulator.clone(), faults::limit);
    let api = control_plane().layer(limit.clone());
    let edge = Edge {
        simulator: simulator.clone(),
        address,
    };
    Router::new()
        .merge(api.clone())
        .nest("/api", api)
        .nest("/cpdev.cloud/api", roles().layer(limit))
        .merge(data_planes())
        .nest("/simulator", simulated())
        .fallback(async || Refusal::not_found())
        .method_not_allowed_fallback(async || Refusal::method_not_allowed())
        .layer(middleware::from_fn_with_state(
            simulator.clone(),
            faults::inject,
        ))
        .layer(middleware::from_fn_with_state(edge, finish))
        .layer(middleware::from_fn_with_state(
            simulator.clone(),
            counting::count,
        ))
        .with_state(simulator)
}

/// The vendor's API.
fn control_plane() -> Router<Simulator> {
    Router::new()
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
            get(accounts::list_accounts).post(accounts::create_account),
        )
        .route(
            "/iam/v2/service-accounts/{id}",
            get(accounts::read_account)
                .patch(accounts::update_account)
                .delete(accounts::delete_account),
        )
        .route("/iam/v2/users", get(accounts::list_users))
        .route(
            "/iam/v2/users/{id}",
            get(accounts::read_user)
                .patch(accounts::update_user)
                .delete(accounts::delete_user),
        )
        .route(
            "/iam/v2/role-bindings",
            get(role_bindings::list).post(role_bindings::create),
        )
        .route(
            "/iam/v2/role-bindings/{id}",
            get(role_bindings::read).delete(role_bindings::delete),
        )
        .merge(resources())
        .merge(managed_connectors())
        .route("/service-quota/v1/applied-quotas", get(quotas::list))
        .route("/service-quota/v1/applied-quotas/{id}", get(quotas::read))
        .route("/service-quota/v1/scopes", get(quotas::list_scopes))
        .route("/service-quota/v1/scopes/{id}", get(quotas::read_scope))
        .route("/login/realm", get(sessions::realm))
        .route("/sessions", post(sessions::begin))
        .route("/me", get(sessions::me))
        .route("/growth/v1/free-trial-info", get(sessions::free_trial))
        .route("/service_accounts", get(sessions::list_service_accounts))
        .route("/users", get(sessions::list_users))
        .merge(roles())
}

fn resources() -> Router<Simulator> {
    Router::new()
        .route(
            "/org/v2/organizations",
            get(environments::list_organizations),
        )
        .route(
            "/org/v2/organizations/{id}",
            get(environments::read_organization).patch(environments::update_organization),
        )
        .route(
            "/org/v2/environments",
            get(environments::list_environments).post(environments::create_environment),
        )
        .route(
            "/org/v2/environments/{id}",
            get(environments::read_environment)
                .patch(environments::update_environment)
                .delete(environments::delete_environment),
        )
        .route(
            "/cmk/v2/clusters",
            get(clusters::list).post(clusters::create),
        )
        .route(
            "/cmk/v2/clusters/{id}",
            get(clusters::read)
                .patch(clusters::update)
                .delete(clusters::delete),
        )
        .route("/srcm/v2/clusters", get(environments::list_registries))
        .route("/srcm/v2/clusters/{id}", get(environments::read_registry))
        .route("/srcm/v3/clusters", get(environments::list_registries))
        .route("/srcm/v3/clusters/{id}", get(environments::read_registry))
        .route("/ksqldbcm/v2/clusters", get(ksqldb::list_ksqldb))
        .route("/ksqldbcm/v2/clusters/{id}", get(ksqldb::read_ksqldb))
        .route("/fcpm/v2/regions", get(ksqldb::list_regions))
}

fn managed_connectors() -> Router<Simulator> {
    const CONNECTORS: &str = "/connect/v1/environments/{environment}/clusters/{cluster}/connectors";
    let one = |rest: &str| format!("{CONNECTORS}/{{name}}{rest}");
    Router::new()
        .route(
            "/pim/v1/integrations",
            get(integrations::list_v1).post(integrations::create_v1),
        )
        .route(
            "/pim/v1/integrations/{id}",
            get(integrations::read_v1).delete(integrations::delete_v1),
        )
        .route(
            "/pim/v2/integrations",
            get(integrations::list_v2).post(integrations::create_v2),
        )
        .route(
            "/pim/v2/integrations/{id}",
            get(integrations::read_v2)
                .patch(integrations::update_v2)
                .delete(integrations::delete_v2),
        )
        .route(CONNECTORS, get(connectors::list).post(connectors::create))
        .route(&one(""), get(connectors::read).delete(connectors::delete))
        .route(
            &one("/config"),
            get(connectors::read_config).put(connectors::write_config),
        )
        .route(&one("/pause"), put(connectors::pause))
        .route(&one("/resume"), put(connectors::resume))
        .route(&one("/restart"), post(connectors::restart))
        .route(&one("/status"), get(connectors::status))
        .route(&one("/tasks"), get(connectors::tasks))
}

/// The vendor's command line asks for roles below the path of its login
/// address, too.
fn roles() -> Router<Simulator> {
    Router::new()
        .route("/metadata/security/v2alpha1/roles", get(sessions::roles))
        .route(
            "/metadata/security/v2alpha1/roles/{name}",
            get(sessions::read_role),
        )
}

fn data_planes() -> Router<Simulator> {
    Router::new()
        .route("/kafka/v3/clusters/{id}", get(data_plane::cluster))
        .route("/kafka/v3/clusters/{id}/topics", get(data_plane::topics))
        .route("/subjects", get(data_plane::subjects))
        .route("/tableflow/v1/regions", get(data_plane::regions))
        .route("/info", get(data_plane::ksqldb))
        .route(
            "/sql/v1/organizations/{organization}/environments/{environment}/statements",
            get(data_plane::statements),
        )
}

fn simulated() -> Router<Simulator> {
    Router::new()
        .route("/state", get(control::state))
        .route("/clock", get(control::clock).post(control::advance))
        .route(
            "/faults",
            get(control::faults)
                .post(control::arm)
                .delete(control::disarm),
        )
        .route("/audit-events", get(control::audit_events))
        .route(
            "/settings",
            get(control::settings).post(control::change_settings),
        )
        .route(
            "/requests",
            get(control::requests).delete(control::reset_requests),
        )
}

/// Gives a request the address that its links begin with, and its answer a
/// request id and, for a refusal, the body.
async fn finish(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let base = Base::of(&request, edge.address);
    let Base(own) = base.clone();
    request.extensions_mut().insert(base);
    let mut response = next.run(request).await;
    let trace_id = edge.simulator.trace_id();
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        let headers = std::mem::take(response.headers_mut());
        response = (response.status(), Json(refusal.body(&trace_id))).into_response();
        response.headers_mut().extend(headers);
        if let Some(other) = &refusal.other
            && let Ok(location) = HeaderValue::from_str(&format!("{own}{other}"))
        {
            response.headers_mut().insert(LOCATION, location);
        }
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

/// The body follows in the middleware, which knows the request's id.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
