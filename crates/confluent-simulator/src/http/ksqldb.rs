//! Where queries run: ksqlDB clusters and regions of Flink, both read-only.

use axum::Json;
use axum::extract::Path;
use serde_json::Value;

use super::call::Call;
use super::collection::Collection;
use super::environments::{InEnvironments, no_environment};
use super::objects;
use crate::Refusal;
use crate::world::{FLINK_REGIONS, World};

const KSQLDB: Collection = Collection::new("/ksqldbcm/v2/clusters", "ksqldbcm/v2", "ClusterList");
const REGIONS: Collection = Collection::new("/fcpm/v2/regions", "fcpm/v2", "RegionList");

/// ksqlDB clusters of the one environment that the query must name.
pub(super) async fn list_ksqldb(call: Call) -> Result<Json<Value>, Refusal> {
    let clusters = InEnvironments {
        collection: KSQLDB,
        all: World::ksqldb_clusters,
        environment: |cluster| &cluster.environment,
        render: objects::ksqldb,
    };
    clusters.list(&call, |_| true)
}

pub(super) async fn read_ksqldb(
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    if !call.query.has("environment") {
        return Err(no_environment());
    }
    let world = call.simulator.world();
    let cluster = world.ksqldb_cluster(&id, call.query.get("environment"))?;
    Ok(Json(objects::ksqldb(&world, &call.base, cluster)))
}

/// Regions of Flink, of one cloud or of one name where the query says so.
pub(super) async fn list_regions(call: Call) -> Result<Json<Value>, Refusal> {
    let cloud = call.query.get("cloud");
    let name = call.query.get("region_name");
    let regions = FLINK_REGIONS
        .iter()
        .filter(|region| cloud.is_none_or(|cloud| region.cloud.eq_ignore_ascii_case(cloud)))
        .filter(|region| name.is_none_or(|name| region.name == name));
    let world = call.simulator.world();
    REGIONS.list(&call, &world, regions, objects::flink_region)
}
