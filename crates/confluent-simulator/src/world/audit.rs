//! Audit events: which principal did what with which key. The shape follows the
//! vendor's published schema, reduced to the members that say so.

use confluent_cloud::ids::{ApiKeyId, OwnerId};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::caller::Caller;
use super::{Key, Resource, World};

/// How many events are kept.
const MAX_EVENTS: usize = 10_000;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditEvent {
    number: u64,
    at: Timestamp,
    record: AuditRecord,
    granted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AuditRecord {
    /// A request to the control plane.
    Request {
        method: String,
        modifies: bool,
        by: Option<(OwnerId, Option<ApiKeyId>)>,
        /// The key that it was about.
        key: Option<KeyReference>,
    },
    /// A key was shown to a data plane.
    Authentication {
        plane: &'static str,
        resource: Option<String>,
        /// The key with its owner, when it is known.
        key: Option<(ApiKeyId, OwnerId)>,
    },
}

/// A key as events name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyReference {
    id: ApiKeyId,
    owner: OwnerId,
    resource: Resource,
}

impl KeyReference {
    pub(crate) fn new(key: &Key) -> Self {
        Self {
            id: key.id.clone(),
            owner: key.owner.clone(),
            resource: key.resource.clone(),
        }
    }
}

impl AuditRecord {
    /// A request whose credential was accepted.
    pub(crate) fn request(
        method: &str,
        modifies: bool,
        by: &Caller,
        key: Option<KeyReference>,
    ) -> Self {
        Self::Request {
            method: method.into(),
            modifies,
            by: Some((by.owner.clone(), by.credential.clone())),
            key,
        }
    }
}

impl World {
    /// Records an event, twice where the switch says so, and evicts the oldest
    /// events beyond 10 000.
    pub(crate) fn record(&mut self, now: Timestamp, record: AuditRecord, granted: bool) {
        let event = AuditEvent {
            number: self.event_count,
            at: now,
            record,
            granted,
        };
        self.event_count += 1;
        if self.switches.audit_twice {
            self.events.push_back(event.clone());
        }
        self.events.push_back(event);
        while self.events.len() > MAX_EVENTS {
            self.events.pop_front();
        }
    }

    /// The latest events, oldest first, as the vendor's audit log has them.
    pub fn audit_events(&self) -> Vec<Value> {
        self.events.iter().map(|event| self.render(event)).collect()
    }

    fn render(&self, event: &AuditEvent) -> Value {
        let (kind, source, data) = match &event.record {
            AuditRecord::Request {
                method,
                modifies,
                by,
                key,
            } => (
                "io.confluent.cloud/request",
                self.organization_name(),
                self.request(event, (method, *modifies), by.as_ref(), key.as_ref()),
            ),
            AuditRecord::Authentication {
                plane,
                resource,
                key,
            } => {
                let place = self.place(plane, resource.as_deref());
                let data = authentication(event, plane, &place, key.as_ref());
                let kind = match *plane {
                    "kafka" => "io.confluent.kafka.server/authentication",
                    "schema-registry" => "io.confluent.sr/authentication",
                    "ksqldb" => "io.confluent.ksql.server/authentication",
                    "flink" => "io.confluent.flink.server/authentication",
                    _ => "io.confluent.tableflow/authentication",
                };
                (kind, place, data)
            }
        };
        json!({
            "id": format!("event-{}", event.number),
            "type": kind,
            "source": source,
            "subject": source,
            "time": event.at,
            "specversion": "1.0",
            "datacontenttype": "application/json",
            "data": data,
        })
    }

    fn request(
        &self,
        event: &AuditEvent,
        (method, modifies): (&str, bool),
        by: Option<&(OwnerId, Option<ApiKeyId>)>,
        key: Option<&KeyReference>,
    ) -> Value {
        let mut authentication = json!({
            "result": if by.is_some() { "SUCCESS" } else { "UNAUTHENTICATED" },
        });
        if let Some((owner, credential)) = by {
            let principal = if owner.as_str().starts_with("u-") {
                "confluentUser"
            } else {
                "confluentServiceAccount"
            };
            authentication["principal"] = json!({ principal: {"resourceId": owner.as_str()} });
            authentication["credentials"] = match credential {
                Some(id) => json!({
                    "idSecretCredentials": {"credentialId": id.as_str()},
                    "mechanism": "HTTP_BASIC",
                }),
                None => json!({
                    "idTokenCredentials": {"type": "JWT", "subject": owner.as_str()},
                    "mechanism": "HTTP_BEARER",
                }),
            };
        }
        json!({
            "serviceName": "crn://confluent.cloud/",
            "methodName": method,
            "cloudResources": key.map(|key| self.cloud_resources(key)).unwrap_or_default(),
            "authenticationInfo": authentication,
            "authorizationInfo": {"result": if event.granted { "ALLOW" } else { "DENY" }},
            "requestMetadata": {"requestId": [format!("request-{}", event.number)]},
            "request": {"accessType": if modifies { "MODIFICATION" } else { "READ_ONLY" }},
            "result": {"status": if event.granted { "SUCCESS" } else { "FAILURE" }},
        })
    }

    /// A key appears under its owner and under what it is for.
    fn cloud_resources(&self, key: &KeyReference) -> Vec<Value> {
        let part = |kind: &str, id: &str| json!({"type": kind, "resourceId": id});
        let organization = part("ORGANIZATION", self.organization().as_str());
        let owner = if key.owner.as_str().starts_with("u-") {
            part("USER", key.owner.as_str())
        } else {
            part("SERVICE_ACCOUNT", key.owner.as_str())
        };
        let mut scopes = vec![vec![organization.clone(), owner]];
        if let Some(environment) = key.resource.environment() {
            let kind = match key.resource {
                Resource::KafkaCluster { .. } => "CLOUD_CLUSTER",
                Resource::SchemaRegistry { .. } => "SCHEMA_REGISTRY_CLUSTER",
                Resource::Ksqldb { .. } => "KSQL",
                _ => "FLINK_REGION",
            };
            scopes.push(vec![
                organization,
                part("ENVIRONMENT", environment.as_str()),
                part(kind, key.resource.id()),
            ]);
        }
        let api_key = part("API_KEY", key.id.as_str());
        scopes
            .into_iter()
            .map(|resources| json!({"scope": {"resources": resources}, "resource": api_key}))
            .collect()
    }

    /// The name of a data plane, worldwide.
    fn place(&self, plane: &str, id: Option<&str>) -> String {
        let organization = self.organization_name();
        let environment = |found: Option<Resource>| {
            let environment = found?.environment()?.to_string();
            Some(format!("{organization}/environment={environment}"))
        };
        let place = id.and_then(|id| {
            let environment = environment(self.resource(id, None))?;
            Some(if plane == "kafka" {
                format!("{environment}/cloud-cluster={id}/kafka={id}")
            } else {
                format!("{environment}/schema-registry={id}")
            })
        });
        place.unwrap_or(organization)
    }
}

fn authentication(
    event: &AuditEvent,
    plane: &str,
    place: &str,
    key: Option<&(ApiKeyId, OwnerId)>,
) -> Value {
    let (identifier, owner) = match key {
        Some((id, owner)) => (id.as_str(), owner.as_str()),
        None => ("", ""),
    };
    let kafka = plane == "kafka";
    json!({
        "serviceName": "crn://confluent.cloud/",
        "methodName": if kafka { "kafka.Authentication" } else { "schema-registry.Authentication" },
        "resourceName": place,
        "authenticationInfo": {
            "principal": if event.granted {
                format!("User:{owner}")
            } else {
                "None:UNKNOWN_USER".into()
            },
            "principalResourceId": owner,
            "metadata": {
                "mechanism": if kafka { "SASL_SSL/PLAIN" } else { "HTTP_BASIC" },
                "identifier": identifier,
            },
        },
        "requestMetadata": {"connection_id": format!("connection-{}", event.number)},
        "result": {
            "status": if event.granted { "SUCCESS" } else { "UNAUTHENTICATED" },
            "message": "",
        },
    })
}
