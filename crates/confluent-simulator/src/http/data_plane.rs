//! The data planes, as far as they show whether a key works: Kafka REST v3,
//! Schema Registry, Tableflow, ksqlDB and Flink. Nothing is stored in them.

use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::base::Base;
use crate::credential::Credential;
use crate::serve::Hangup;
use crate::world::{Admission, DataPlane};
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
    let plane = DataPlane::SchemaRegistry(registry);
    admit(&simulator, &headers, plane, Form::Registry, || json!([]))
}

/// Regions of Tableflow, the probe for its keys.
pub(super) async fn regions(
    State(simulator): State<Simulator>,
    Extension(Base(base)): Extension<Base>,
    headers: HeaderMap,
) -> Response {
    let plane = DataPlane::Tableflow;
    admit(&simulator, &headers, plane, Form::ControlPlane, || {
        json!({
            "api_version": "tableflow/v1",
            "kind": "RegionList",
            "metadata": {"first": format!("{base}/tableflow/v1/regions"), "total_size": 0},
            "data": [],
        })
    })
}

/// What a ksqlDB server says of itself. Which one is asked the request does
/// not tell, since here all have one address.
pub(super) async fn ksqldb(State(simulator): State<Simulator>, headers: HeaderMap) -> Response {
    admit(
        &simulator,
        &headers,
        DataPlane::Ksqldb,
        Form::Ksqldb,
        || {
            let about = json!({"version": "0.0.0-simulated", "serverStatus": "RUNNING"});
            json!({ "KsqlServerInfo": about })
        },
    )
}

/// Statements of Flink in an environment, of which there are none.
pub(super) async fn statements(
    State(simulator): State<Simulator>,
    Extension(Base(base)): Extension<Base>,
    Path((organization, environment)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if simulator.world().organization().as_str() != organization {
        return Refusal::unauthorized().into_response();
    }
    let plane = DataPlane::Flink(&environment);
    admit(&simulator, &headers, plane, Form::ControlPlane, || {
        json!({
            "api_version": "sql/v1",
            "kind": "StatementList",
            "metadata": {"self": format!("{base}{}", uri.path())},
            "data": [],
        })
    })
}

/// The form of a refusal.
#[derive(Clone, Copy)]
enum Form<'a> {
    /// The server behind Kafka REST answers with a page where the key is not
    /// known, and with JSON where it has no rights.
    KafkaRest {
        path: &'a str,
    },
    Registry,
    Ksqldb,
    /// As the control plane refuses.
    ControlPlane,
}

fn kafka(
    simulator: &Simulator,
    headers: &HeaderMap,
    uri: &Uri,
    id: &str,
    body: impl FnOnce() -> Value,
) -> Response {
    let form = Form::KafkaRest { path: uri.path() };
    let exists = simulator.world().kafka_cluster(id, None).is_ok();
    let response = admit(simulator, headers, DataPlane::Kafka(id), form, body);
    if response.status() == StatusCode::OK && !exists {
        return Refusal::kafka(404, 404, "HTTP 404 Not Found").into_response();
    }
    response
}

/// Answers with a body where the key is admitted.
fn admit(
    simulator: &Simulator,
    headers: &HeaderMap,
    plane: DataPlane<'_>,
    form: Form<'_>,
    body: impl FnOnce() -> Value,
) -> Response {
    match admission(simulator, headers, plane) {
        Admission::Admitted => Json(body()).into_response(),
        Admission::Unauthenticated => form.unauthenticated(),
        Admission::Forbidden => form.forbidden(),
        Admission::Unreachable => Hangup::Reset.into_response(),
    }
}

fn admission(simulator: &Simulator, headers: &HeaderMap, plane: DataPlane<'_>) -> Admission {
    let now = simulator.clock().now();
    let mut world = simulator.world();
    match Credential::of(headers) {
        Credential::Key { id, secret } => world.admit(now, plane, &id, &secret),
        Credential::Session(_) | Credential::None if world.is_unreachable(plane, "") => {
            Admission::Unreachable
        }
        Credential::Session(_) | Credential::None => Admission::Unauthenticated,
    }
}

impl Form<'_> {
    fn unauthenticated(self) -> Response {
        match self {
            Self::KafkaRest { path } => {
                let kind = [(CONTENT_TYPE, "text/html")];
                (StatusCode::UNAUTHORIZED, kind, unauthorized(path)).into_response()
            }
            Self::Registry => Refusal::kafka(401, 401, "Unauthorized").into_response(),
            Self::Ksqldb => ksqldb_error(StatusCode::UNAUTHORIZED, 40100, "Unauthorized"),
            Self::ControlPlane => Refusal::unauthorized().into_response(),
        }
    }

    fn forbidden(self) -> Response {
        match self {
            Self::KafkaRest { .. } | Self::Registry => {
                Refusal::kafka(403, 40301, "Forbidden").into_response()
            }
            Self::Ksqldb => ksqldb_error(StatusCode::FORBIDDEN, 40300, "Forbidden"),
            Self::ControlPlane => Refusal::forbidden().into_response(),
        }
    }
}

fn ksqldb_error(status: StatusCode, code: u32, message: &str) -> Response {
    let body = json!({"@type": "generic_error", "error_code": code, "message": message});
    (status, Json(body)).into_response()
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
