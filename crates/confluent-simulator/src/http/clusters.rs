//! `cmk/v2/clusters`. Every authenticated caller may see them, an administrator
//! may change them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::body::Body;
use super::call::Call;
use super::collection::Collection;
use super::environments::{InEnvironments, no_environment};
use super::objects;
use crate::world::{ClusterChange, NewCluster, World};
use crate::{
    Availability, CloudProvider, ClusterConfig, ClusterSpec, KafkaCluster, Refusal, ReleasePriority,
};

const CLUSTERS: Collection = Collection::new("/cmk/v2/clusters", "cmk/v2", "ClusterList");
const AVAILABILITIES: [(&str, Availability); 4] = [
    ("SINGLE_ZONE", Availability::SingleZone),
    ("MULTI_ZONE", Availability::MultiZone),
    ("LOW", Availability::Low),
    ("HIGH", Availability::High),
];
const CLOUDS: [(&str, CloudProvider); 3] = [
    ("AWS", CloudProvider::Aws),
    ("GCP", CloudProvider::Gcp),
    ("AZURE", CloudProvider::Azure),
];
const KINDS: [(&str, Kind); 5] = [
    ("Basic", Kind::Basic),
    ("Standard", Kind::Standard),
    ("Enterprise", Kind::Enterprise),
    ("Freight", Kind::Freight),
    ("Dedicated", Kind::Dedicated),
];
const PRIORITIES: [(&str, ReleasePriority); 2] = [
    ("REGULAR", ReleasePriority::Regular),
    ("PRIORITY", ReleasePriority::Priority),
];
/// Networks and keys of the customer's own are not simulated.
const NOT_SIMULATED: [&str; 2] = ["/spec/network", "/spec/byok"];
const READ_ONLY: [&str; 5] = [
    "/spec/kafka_bootstrap_endpoint",
    "/spec/http_endpoint",
    "/spec/api_endpoint",
    "/spec/endpoints",
    "/spec/config/zones",
];

#[derive(Clone, Copy)]
enum Kind {
    Basic,
    Standard,
    Enterprise,
    Freight,
    Dedicated,
}

/// Clusters of the one environment that the query must name. No cluster is in
/// a network of the customer's.
pub(super) async fn list(call: Call) -> Result<Json<Value>, Refusal> {
    let clusters = InEnvironments {
        collection: CLUSTERS,
        all: World::kafka_clusters,
        environment: |cluster| &cluster.environment,
        render: objects::cluster,
    };
    let wanted = match call.query.get("spec.deletion_protection") {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => {
            let detail = "spec.deletion_protection is neither true nor false";
            return Err(Refusal::filter("spec.deletion_protection", detail));
        }
    };
    let without_network = call.query.get("spec.network").is_none();
    clusters.list(&call, |cluster: &KafkaCluster| {
        without_network && wanted.is_none_or(|wanted| cluster.spec.deletion_protection == wanted)
    })
}

pub(super) async fn create(call: Call, body: Bytes) -> Result<impl IntoResponse, Refusal> {
    let new = new_cluster(&Body::read(&body)?)?;
    call.admin()?;
    let mut world = call.simulator.world();
    let cluster = world.create_kafka_cluster(call.now, new)?;
    let value = objects::cluster(&world, &call.base, &cluster);
    Ok(CLUSTERS.created(&call, StatusCode::ACCEPTED, cluster.id.as_str(), value))
}

/// The environment must be named; clients that do not know it leave it empty.
pub(super) async fn read(call: Call, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    if !call.query.has("environment") {
        return Err(no_environment());
    }
    let world = call.simulator.world();
    let cluster = world.kafka_cluster(&id, call.query.get("environment"))?;
    Ok(Json(objects::cluster(&world, &call.base, cluster)))
}

/// The environment in the body must be that of the cluster, where it is given.
pub(super) async fn update(
    call: Call,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let body = Body::read(&body)?;
    call.admin()?;
    let mut world = call.simulator.world();
    let environment = body.filled("/spec/environment/id")?;
    let cluster = world.kafka_cluster(&id, environment.as_deref())?;
    let change = change(&body, cluster)?;
    world.update_kafka_cluster(call.now, &id, change)?;
    let cluster = world.kafka_cluster(&id, None)?;
    Ok(Json(objects::cluster(&world, &call.base, cluster)))
}

pub(super) async fn delete(call: Call, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    if !call.query.has("environment") {
        return Err(no_environment());
    }
    call.admin()?;
    let mut world = call.simulator.world();
    world.kafka_cluster(&id, call.query.get("environment"))?;
    world.delete_kafka_cluster(call.now, &id)?;
    Ok(StatusCode::NO_CONTENT)
}

fn new_cluster(body: &Body) -> Result<NewCluster, Refusal> {
    let display_name = body.required("/spec/display_name")?;
    let environment = body.required("/spec/environment/id")?;
    body.refuse(&NOT_SIMULATED)?;
    body.refuse_read_only(&["/id"])?;
    body.refuse_read_only(&READ_ONLY)?;
    let usual = ClusterSpec::default();
    // The vendor's command line knows this refusal by its text.
    let cloud = body
        .one_of("/spec/cloud", &CLOUDS)
        .map_err(|_| Refusal::unknown_cloud())?;
    let spec = ClusterSpec {
        availability: body
            .one_of("/spec/availability", &AVAILABILITIES)?
            .unwrap_or(usual.availability),
        cloud: cloud.unwrap_or(usual.cloud),
        region: body.filled("/spec/region")?.unwrap_or(usual.region),
        config: config(body)?.unwrap_or(usual.config),
        deletion_protection: body.flag("/spec/deletion_protection")?.unwrap_or_default(),
    };
    Ok(NewCluster {
        environment,
        display_name,
        spec,
    })
}

fn change(body: &Body, cluster: &KafkaCluster) -> Result<ClusterChange, Refusal> {
    body.unchanged("/id", cluster.id.as_str())?;
    body.refuse(&NOT_SIMULATED)?;
    body.refuse_read_only(&READ_ONLY)?;
    let spec = &cluster.spec;
    for (pointer, present) in [
        ("/spec/availability", json!(spec.availability)),
        ("/spec/cloud", json!(spec.cloud)),
        ("/spec/region", json!(spec.region)),
    ] {
        body.unchanged(pointer, present.as_str().unwrap_or_default())?;
    }
    Ok(ClusterChange {
        display_name: body.not_empty("/spec/display_name")?,
        config: config(body)?,
        deletion_protection: body.flag("/spec/deletion_protection")?,
    })
}

/// The type of a cluster, which has only the limits of its kind.
fn config(body: &Body) -> Result<Option<ClusterConfig>, Refusal> {
    let max_ecku = body.number("/spec/config/max_ecku")?;
    let cku = body.number("/spec/config/cku")?;
    let encryption_key = body.filled("/spec/config/encryption_key")?;
    let release_priority = body.one_of("/spec/config/release_priority", &PRIORITIES)?;
    let Some(kind) = body.one_of("/spec/config/kind", &KINDS)? else {
        let alone = max_ecku.is_some()
            || cku.is_some()
            || encryption_key.is_some()
            || release_priority.is_some();
        return if alone {
            body.required("/spec/config/kind").map(|_| None)
        } else {
            Ok(None)
        };
    };
    if let Kind::Dedicated = kind {
        no_other_kinds("/spec/config/max_ecku", max_ecku.is_some())?;
        let cku =
            cku.ok_or_else(|| Refusal::member("/spec/config/cku", "/spec/config/cku is required"))?;
        return Ok(Some(ClusterConfig::Dedicated {
            cku,
            encryption_key,
            release_priority,
        }));
    }
    no_other_kinds("/spec/config/cku", cku.is_some())?;
    no_other_kinds("/spec/config/encryption_key", encryption_key.is_some())?;
    no_other_kinds("/spec/config/release_priority", release_priority.is_some())?;
    Ok(Some(match kind {
        Kind::Standard => ClusterConfig::Standard { max_ecku },
        Kind::Enterprise => ClusterConfig::Enterprise { max_ecku },
        Kind::Freight => ClusterConfig::Freight { max_ecku },
        Kind::Basic | Kind::Dedicated => ClusterConfig::Basic { max_ecku },
    }))
}

fn no_other_kinds(pointer: &'static str, asked: bool) -> Result<(), Refusal> {
    if asked {
        return Err(Refusal::wrong_kind(pointer));
    }
    Ok(())
}
