//! `/simulator/`: what the vendor has not. Without authentication, for it
//! shows no secret and listens on loopback.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::settings::{Changes, Settings};
use crate::{Arming, Refusal, Simulator, parse_duration};

pub(super) async fn state(State(simulator): State<Simulator>) -> impl IntoResponse {
    Json(simulator.state())
}

pub(super) async fn clock(State(simulator): State<Simulator>) -> Json<Value> {
    Json(json!({ "now": simulator.clock().now() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advance {
    advance: String,
}

pub(super) async fn advance(
    State(simulator): State<Simulator>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let body: Advance = serde_json::from_slice(&body).map_err(|error| {
        Refusal::unusable(format!(
            "the body is not JSON with `advance`, such as {{\"advance\":\"120s\"}}: {error}"
        ))
    })?;
    let by = parse_duration(&body.advance).map_err(|error| Refusal::unusable(error.to_string()))?;
    let now = simulator
        .advance(by)
        .map_err(|error| Refusal::unusable(error.to_string()))?;
    Ok(Json(json!({ "now": now })))
}

pub(super) async fn faults(State(simulator): State<Simulator>) -> Json<Value> {
    Json(json!({ "faults": simulator.faults() }))
}

pub(super) async fn arm(
    State(simulator): State<Simulator>,
    body: Bytes,
) -> Result<impl IntoResponse, Refusal> {
    let arming = Arming::parse(&body).map_err(|error| Refusal::unusable(error.to_string()))?;
    simulator.arm(&arming);
    Ok((StatusCode::CREATED, faults(State(simulator)).await))
}

pub(super) async fn disarm(State(simulator): State<Simulator>) -> StatusCode {
    simulator.disarm();
    StatusCode::NO_CONTENT
}

pub(super) async fn audit_events(State(simulator): State<Simulator>) -> Json<Value> {
    Json(json!({ "events": simulator.audit_events() }))
}

pub(super) async fn settings(State(simulator): State<Simulator>) -> Json<Settings> {
    Json(Settings::of(&simulator))
}

pub(super) async fn change_settings(
    State(simulator): State<Simulator>,
    body: Bytes,
) -> Result<Json<Settings>, Refusal> {
    let changes: Changes = serde_json::from_slice(&body)
        .map_err(|error| Refusal::unusable(format!("the settings cannot be read: {error}")))?;
    changes.apply(&simulator);
    Ok(Json(Settings::of(&simulator)))
}

pub(super) async fn requests(State(simulator): State<Simulator>) -> Json<Value> {
    Json(json!({ "requests": simulator.request_counts() }))
}

pub(super) async fn reset_requests(State(simulator): State<Simulator>) -> StatusCode {
    simulator.reset_request_counts();
    StatusCode::NO_CONTENT
}
