//! `cmk/v2/clusters` and `srcm/v3/clusters`: read and list Kafka clusters and
//! Schema Registries. Both need an environment; where a resource is whose
//! environment is not known is [`locate`](crate::locate)'s part.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;

use crate::ids::{EnvironmentId, ResourceId};
use crate::wire::{Metadata, Reference, address, environment};
use crate::{Client, Endpoint, Error, Listing};

const KAFKA: &str = "/cmk/v2/clusters";
const REGISTRIES: &str = "/srcm/v3/clusters";

/// A Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaCluster {
    /// Its id, `lkc-…`.
    pub id: ResourceId,
    /// Its name.
    pub display_name: String,
    /// Its environment.
    pub environment: Option<EnvironmentId>,
    /// Its Confluent resource name (CRN), which role bindings refer to.
    pub resource_name: Option<String>,
    /// Its type, such as `Basic` or `Dedicated`.
    pub kind: Option<String>,
    /// Its cloud, such as `AWS`.
    pub cloud: Option<String>,
    /// Its region.
    pub region: Option<String>,
    /// The bootstrap server, such as `SASL_SSL://…:9092`.
    pub bootstrap_endpoint: Option<String>,
    /// The address of its REST API, a public one where it has several. Absent
    /// while the cluster is provisioned, and for an address that no key may be
    /// sent to.
    pub http_endpoint: Option<Endpoint>,
    /// `PROVISIONING`, `PROVISIONED`, `FAILED`, or something newer.
    pub phase: Option<String>,
}

/// A Schema Registry. An environment has at most one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaRegistry {
    /// Its id, `lsrc-…`.
    pub id: ResourceId,
    /// Its name.
    pub display_name: String,
    /// Its environment.
    pub environment: Option<EnvironmentId>,
    /// Its Confluent resource name (CRN), which role bindings refer to.
    pub resource_name: Option<String>,
    /// Its cloud, such as `AWS`.
    pub cloud: Option<String>,
    /// Its region.
    pub region: Option<String>,
    /// Its address. Absent as for a Kafka cluster.
    pub http_endpoint: Option<Endpoint>,
    /// Its address in private networks, where it has one.
    pub private_http_endpoint: Option<Endpoint>,
    /// As for a Kafka cluster.
    pub phase: Option<String>,
}

impl Client {
    /// Lists the Kafka clusters of an environment (`GET /cmk/v2/clusters`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_kafka_clusters(
        &self,
        environment: &EnvironmentId,
    ) -> Result<Listing<KafkaCluster>, Error> {
        self.list(KAFKA, &within(environment), Wire::kafka_cluster)
            .await
    }

    /// Reads a Kafka cluster (`GET /cmk/v2/clusters/{id}`).
    ///
    /// # Errors
    /// See [`Error`]; [`Forbidden`](crate::ErrorKind::Forbidden) when it is
    /// gone.
    pub async fn read_kafka_cluster(
        &self,
        environment: &EnvironmentId,
        id: &ResourceId,
    ) -> Result<KafkaCluster, Error> {
        let (path, query) = (format!("{KAFKA}/{id}"), within(environment));
        self.object(Method::GET, &path, &query, None, Wire::kafka_cluster)
            .await
    }

    /// Lists the Schema Registry of an environment (`GET /srcm/v3/clusters`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_schema_registries(
        &self,
        environment: &EnvironmentId,
    ) -> Result<Listing<SchemaRegistry>, Error> {
        self.list(REGISTRIES, &within(environment), Wire::schema_registry)
            .await
    }

    /// Reads a Schema Registry (`GET /srcm/v3/clusters/{id}`).
    ///
    /// # Errors
    /// See [`Error`]; [`Forbidden`](crate::ErrorKind::Forbidden) when it is
    /// gone.
    pub async fn read_schema_registry(
        &self,
        environment: &EnvironmentId,
        id: &ResourceId,
    ) -> Result<SchemaRegistry, Error> {
        let (path, query) = (format!("{REGISTRIES}/{id}"), within(environment));
        self.object(Method::GET, &path, &query, None, Wire::schema_registry)
            .await
    }
}

fn within(environment: &EnvironmentId) -> [(&'static str, &str); 1] {
    [("environment", environment.as_str())]
}

#[derive(Deserialize)]
struct Wire {
    id: String,
    metadata: Option<Metadata>,
    spec: WireSpec,
    status: Option<WireStatus>,
}

#[derive(Deserialize)]
struct WireSpec {
    display_name: Option<String>,
    cloud: Option<String>,
    region: Option<String>,
    config: Option<WireType>,
    kafka_bootstrap_endpoint: Option<String>,
    http_endpoint: Option<String>,
    private_http_endpoint: Option<String>,
    environment: Option<Reference>,
    /// The access points of a Kafka cluster.
    endpoints: Option<BTreeMap<String, WireEndpoint>>,
}

#[derive(Deserialize)]
struct WireEndpoint {
    kafka_bootstrap_endpoint: Option<String>,
    http_endpoint: Option<String>,
    connection_type: Option<String>,
}

#[derive(Deserialize)]
struct WireType {
    kind: Option<String>,
}

#[derive(Deserialize)]
struct WireStatus {
    phase: Option<String>,
}

impl Wire {
    fn kafka_cluster(self) -> Result<KafkaCluster, String> {
        let spec = self.spec;
        let (bootstrap, http) = match filled(spec.http_endpoint) {
            Some(http) => (spec.kafka_bootstrap_endpoint, Some(http)),
            // Newer clusters may name their addresses by access point only.
            None => match access_point(spec.endpoints) {
                Some(point) => (point.kafka_bootstrap_endpoint, point.http_endpoint),
                None => (spec.kafka_bootstrap_endpoint, None),
            },
        };
        Ok(KafkaCluster {
            id: ResourceId::new(self.id).map_err(|error| error.to_string())?,
            display_name: spec.display_name.unwrap_or_default(),
            environment: environment(spec.environment),
            resource_name: self.metadata.unwrap_or_default().resource_name,
            kind: spec.config.and_then(|config| config.kind),
            cloud: spec.cloud,
            region: spec.region,
            bootstrap_endpoint: filled(bootstrap),
            http_endpoint: address(http.as_deref()),
            phase: self.status.and_then(|status| status.phase),
        })
    }

    fn schema_registry(self) -> Result<SchemaRegistry, String> {
        let spec = self.spec;
        Ok(SchemaRegistry {
            id: ResourceId::new(self.id).map_err(|error| error.to_string())?,
            display_name: spec.display_name.unwrap_or_default(),
            environment: environment(spec.environment),
            resource_name: self.metadata.unwrap_or_default().resource_name,
            cloud: spec.cloud,
            region: spec.region,
            http_endpoint: address(spec.http_endpoint.as_deref()),
            private_http_endpoint: address(spec.private_http_endpoint.as_deref()),
            phase: self.status.and_then(|status| status.phase),
        })
    }
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// A public access point, if there is one, and else any.
fn access_point(points: Option<BTreeMap<String, WireEndpoint>>) -> Option<WireEndpoint> {
    let is_private = |point: &WireEndpoint| point.connection_type.as_deref() != Some("PUBLIC");
    points?.into_values().min_by_key(is_private)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(json: &str) -> KafkaCluster {
        let wire: Wire = serde_json::from_str(json).unwrap();
        wire.kafka_cluster().unwrap()
    }

    #[test]
    fn a_cluster_that_is_being_made_is_read() {
        let made = cluster(
            r#"{"id":"lkc-1","metadata":{},"spec":{"display_name":"main","config":null,
                "kafka_bootstrap_endpoint":"","http_endpoint":"","environment":{"id":"env-1"},
                "byok":null,"endpoints":{}},"status":{"phase":"PROVISIONING"}}"#,
        );
        assert_eq!(made.phase.as_deref(), Some("PROVISIONING"));
        assert_eq!((made.bootstrap_endpoint, made.http_endpoint), (None, None));
        assert_eq!(made.environment.unwrap().as_str(), "env-1");
    }

    #[test]
    fn a_public_access_point_is_preferred_where_the_cluster_itself_has_no_address() {
        let read = cluster(
            r#"{"id":"lkc-1","spec":{"http_endpoint":"","kafka_bootstrap_endpoint":"","endpoints":{
                "ap-1":{"http_endpoint":"https://lkc-1-ap1.private.confluent.cloud",
                    "kafka_bootstrap_endpoint":"lkc-1-ap1:9092","connection_type":"PRIVATE_LINK"},
                "ap-2":{"http_endpoint":"https://lkc-1-ap2.confluent.cloud",
                    "kafka_bootstrap_endpoint":"lkc-1-ap2:9092","connection_type":"PUBLIC"}}}}"#,
        );
        let address = read.http_endpoint.unwrap().to_string();
        assert_eq!(address, "https://lkc-1-ap2.confluent.cloud");
        assert_eq!(read.bootstrap_endpoint.as_deref(), Some("lkc-1-ap2:9092"));
    }

    #[test]
    fn an_address_without_encryption_is_left_out() {
        let spoilt = cluster(r#"{"id":"lkc-1","spec":{"http_endpoint":"http://pkc.example"}}"#);
        assert_eq!(spoilt.http_endpoint, None);
    }
}
