//! The data planes, as far as they tell whether a key works: Kafka REST v3,
//! Schema Registry, Tableflow, ksqlDB and Flink. Nothing is stored in them.

use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::Base;
use super::call::credential;
use crate::credential::Credential;
use crate::world::DataPlane;
use crate::{Refusal, Simulator};

const REGISTRY: &str = "target-sr-cluster";

pub(super) async fn topics(
    State(simulator): State<Simulator>,
    Extension(Base(base)): Extension<Base>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    kafka(&simulator, &headers, &uri, &id, || {
        json!({
            "kind": "KafkaTopicList",
            "metadata": {
                "self": format!("{base}/kafka/v3/clusters/{id}/topics"),
                "next": null,
            },
            "data": [],
        })
    })
}

pub(super) async fn cluster(
    State(simulator): State<Simulator>,
    Extension(Base(base)): Extension<Base>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    kafka(&simulator, &headers, &uri, &id, || {
        json!({
            "kind": "KafkaCluster",
            "metadata": {"self": format!("{base}/kafka/v3/clusters/{id}")},
            "cluster_id": id,
        })
    })
}

/// Names of subjects, of which there are none.
pub(super) async fn subjects(State(simulator): State<Simulator>, headers: HeaderMap) -> Response {
    let registry = headers.get(REGISTRY).and_then(|id| id.to_str().ok());
    if admits(&simulator, &headers, DataPlane::SchemaRegistry(registry)) {
        Json(json!([])).into_response()
    } else {
        Refusal::kafka(401, 401, "Unauthorized").into_response()
    }
}

/// Regions of Tableflow, the probe for its keys.
pub(super) async fn regions(
    State(simulator): State<Simulator>,
    Extension(Base(base)): Extension<Base>,
    headers: HeaderMap,
) -> Response {
    if admits(&simulator, &headers, DataPlane::Tableflow) {
        let body = json!({
            "api_version": "tableflow/v1",
            "kind": "RegionList",
            "metadata": {"first": format!("{base}/tableflow/v1/regions"), "total_size": 0},
            "data": [],
        });
        Json(body).into_response()
    } else {
        Refusal::unauthorized().into_response()
    }
}

/// What a ksqlDB server says of itself. Which one is asked the request does
/// not tell, since here all have one address.
pub(super) async fn ksqldb(State(simulator): State<Simulator>, headers: HeaderMap) -> Response {
    if admits(&simulator, &headers, DataPlane::Ksqldb) {
        let about = json!({"version": "0.0.0-simulated", "serverStatus": "RUNNING"});
        Json(json!({ "KsqlServerInfo": about })).into_response()
    } else {
        let body = json!({
            "@type": "generic_error",
            "error_code": 40100,
            "message": "Unauthorized",
        });
        (StatusCode::UNAUTHORIZED, Json(body)).into_response()
    }
}

/// Statements of Flink in an environment, of which there are none.
pub(super) async fn statements(
    State(simulator): State<Simulator>,
    Extension(Base(base)): Extension<Base>,
    Path((organization, environment)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let ours = simulator.world().organization().as_str() == organization;
    if ours && admits(&simulator, &headers, DataPlane::Flink(&environment)) {
        let body = json!({
            "api_version": "sql/v1",
            "kind": "StatementList",
            "metadata": {"self": format!("{base}{}", uri.path())},
            "data": [],
        });
        Json(body).into_response()
    } else {
        Refusal::unauthorized().into_response()
    }
}

/// A key that is not of the cluster, or not known there yet, gets the page of
/// the server behind Kafka REST.
fn kafka(
    simulator: &Simulator,
    headers: &HeaderMap,
    uri: &Uri,
    id: &str,
    body: impl FnOnce() -> Value,
) -> Response {
    if !admits(simulator, headers, DataPlane::Kafka(id)) {
        let page = unauthorized(uri.path());
        return (
            StatusCode::UNAUTHORIZED,
            [(CONTENT_TYPE, "text/html")],
            page,
        )
            .into_response();
    }
    if simulator.world().kafka_cluster(id, None).is_err() {
        return Refusal::kafka(404, 404, "HTTP 404 Not Found").into_response();
    }
    Json(body()).into_response()
}

fn admits(simulator: &Simulator, headers: &HeaderMap, plane: DataPlane<'_>) -> bool {
    let now = simulator.clock().now();
    match credential(headers) {
        Credential::Key { id, secret } => simulator.world().admit(now, plane, &id, &secret),
        Credential::Session(_) | Credential::None => false,
    }
}

fn unauthorized(path: &str) -> String {
    let path = path
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!(
        "<html>\n<head><title>Error 401 Unauthorized</title></head>\n<body><h2>HTTP ERROR 401 \
         Unauthorized</h2>\n<table>\n\
         <tr><th>URI:</th><td>{path}</td></tr>\n\
         <tr><th>STATUS:</th><td>401</td></tr>\n\
         <tr><th>MESSAGE:</th><td>Unauthorized</td></tr>\n\
         <tr><th>SERVLET:</th><td>default</td></tr>\n\
         </table>\n</body>\n</html>\n"
    )
}
