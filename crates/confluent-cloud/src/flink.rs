//! `fcpm/v2/regions`: the regions of Flink.

use serde::Deserialize;

use crate::ids::ResourceId;
use crate::wire::address;
use crate::{Client, Endpoint, Error, Listing};

const REGIONS: &str = "/fcpm/v2/regions";

/// A region of Flink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlinkRegion {
    /// Its id, such as `aws.us-east-1`.
    pub id: ResourceId,
    /// Its address. Absent for an address that no key may be sent to.
    pub http_endpoint: Option<Endpoint>,
    /// Its address in private networks, where it has one.
    pub private_http_endpoint: Option<Endpoint>,
}

impl Client {
    /// Lists the regions of Flink with an id such as `aws.us-east-1`, of which
    /// there is at most one (`GET /fcpm/v2/regions`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_flink_regions(&self, id: &ResourceId) -> Result<Listing<FlinkRegion>, Error> {
        let (cloud, name) = id.as_str().split_once('.').unwrap_or((id.as_str(), ""));
        let cloud = cloud.to_ascii_uppercase();
        let filter = [("cloud", cloud.as_str()), ("region_name", name)];
        let mut regions = self.list(REGIONS, &filter, Wire::region).await?;
        // A filter that is not known is ignored.
        regions.items.retain(|region| region.id == *id);
        Ok(regions)
    }
}

#[derive(Deserialize)]
struct Wire {
    id: String,
    http_endpoint: Option<String>,
    private_http_endpoint: Option<String>,
}

impl Wire {
    fn region(self) -> Result<FlinkRegion, String> {
        Ok(FlinkRegion {
            id: ResourceId::new(self.id).map_err(|error| error.to_string())?,
            http_endpoint: address(self.http_endpoint.as_deref()),
            private_http_endpoint: address(self.private_http_endpoint.as_deref()),
        })
    }
}
