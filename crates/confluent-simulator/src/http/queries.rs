//! Where queries run: ksqlDB clusters and regions of Flink, both read-only.

use axum::Json;
use axum::extract::Path;
use serde_json::Value;

use super::call::Call;
use super::objects;
use super::paging::Page;
use super::places::{InEnvironments, no_environment};
use crate::Refusal;
use crate::world::{FLINK_REGIONS, World};

const KSQLDB: &str = "/ksqldbcm/v2/clusters";
const REGIONS: &str = "/fcpm/v2/regions";

/// ksqlDB clusters of the one environment that the query must name.
pub(super) async fn list_ksqldb(call: Call) -> Result<Json<Value>, Refusal> {
    let clusters = InEnvironments {
        path: KSQLDB,
        types: ("ksqldbcm/v2", "ClusterList"),
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
    let page = Page::of(&call.query)?;
    let cloud = call.query.get("cloud");
    let name = call.query.get("region_name");
    let regions = FLINK_REGIONS
        .iter()
        .filter(|region| cloud.is_none_or(|cloud| region.cloud.eq_ignore_ascii_case(cloud)))
        .filter(|region| name.is_none_or(|name| region.name == name))
        .enumerate();
    let world = call.simulator.world();
    let render = |region| objects::flink_region(&world, &call.base, region);
    let types = ("fcpm/v2", "RegionList");
    Ok(Json(page.cut(&call, REGIONS, types, regions, render)))
}
