//! `ksqldbcm/v2/clusters`: reads ksqlDB clusters, which needs an environment.

use reqwest::Method;
use serde::Deserialize;

use crate::ids::{EnvironmentId, ResourceId};
use crate::wire::address;
use crate::{Client, Endpoint, Error};

const KSQLDB: &str = "/ksqldbcm/v2/clusters";

/// A ksqlDB cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KsqldbCluster {
    /// Its id, `lksqlc-…`.
    pub id: ResourceId,
    /// Its name.
    pub display_name: String,
    /// Its address. Absent while the cluster is provisioned, and for an address
    /// that no key may be sent to.
    pub http_endpoint: Option<Endpoint>,
    /// `PROVISIONING`, `PROVISIONED`, `FAILED`, or something newer.
    pub phase: Option<String>,
}

impl Client {
    /// Reads a ksqlDB cluster (`GET /ksqldbcm/v2/clusters/{id}`).
    ///
    /// # Errors
    /// See [`Error`]; [`Forbidden`](crate::ErrorKind::Forbidden) when it is
    /// gone.
    pub async fn read_ksqldb_cluster(
        &self,
        environment: &EnvironmentId,
        id: &ResourceId,
    ) -> Result<KsqldbCluster, Error> {
        let path = format!("{KSQLDB}/{id}");
        let query = [("environment", environment.as_str())];
        self.object(Method::GET, &path, &query, None, Wire::cluster)
            .await
    }
}

#[derive(Deserialize)]
struct Wire {
    id: String,
    spec: Option<WireSpec>,
    status: Option<WireStatus>,
}

#[derive(Deserialize)]
struct WireSpec {
    display_name: Option<String>,
}

#[derive(Deserialize)]
struct WireStatus {
    phase: Option<String>,
    http_endpoint: Option<String>,
}

impl Wire {
    fn cluster(self) -> Result<KsqldbCluster, String> {
        let (phase, http) = match self.status {
            Some(status) => (status.phase, status.http_endpoint),
            None => (None, None),
        };
        Ok(KsqldbCluster {
            id: ResourceId::new(self.id).map_err(|error| error.to_string())?,
            display_name: self
                .spec
                .and_then(|spec| spec.display_name)
                .unwrap_or_default(),
            http_endpoint: address(http.as_deref()),
            phase,
        })
    }
}
