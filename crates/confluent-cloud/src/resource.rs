//! What a key gives access to: the kinds of resources and how the API names
//! them.

use std::fmt;

use crate::ids::{EnvironmentId, InvalidId, ResourceId};

/// A resource that keys are made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyResource {
    /// A Kafka cluster, `lkc-…`.
    KafkaCluster(ResourceId),
    /// A Schema Registry, `lsrc-…`.
    SchemaRegistry(ResourceId),
    /// A ksqlDB cluster, `lksqlc-…`.
    Ksqldb(ResourceId),
    /// A Flink region of an environment, such as `aws.us-east-1`.
    FlinkRegion {
        /// The region.
        id: ResourceId,
        /// The environment.
        environment: EnvironmentId,
    },
    /// Tableflow.
    Tableflow,
    /// The control plane: a Cloud API key.
    Cloud,
    /// Management and data planes of the whole organization.
    Global,
}

/// An id of no known kind of resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownResource(String);

impl fmt::Display for UnknownResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnknownResource {}

impl KeyResource {
    /// Parses an id by its prefix. `cloud`, `global` and `tableflow` are not
    /// case-sensitive; a Flink region may be prefixed with its environment, as
    /// in `env-1.aws.us-east-1`. The environment is
    /// ignored for kinds that do not need it.
    ///
    /// # Errors
    /// When the id is of no known kind, or of a Flink region without its
    /// environment.
    pub fn from_id(id: &str, environment: Option<EnvironmentId>) -> Result<Self, UnknownResource> {
        match id.to_ascii_lowercase().as_str() {
            "cloud" => return Ok(Self::Cloud),
            "global" => return Ok(Self::Global),
            "tableflow" => return Ok(Self::Tableflow),
            _ => {}
        }
        let invalid = |error: InvalidId| UnknownResource(error.to_string());
        let typed = ResourceId::new(id).map_err(invalid)?;
        if id.starts_with("lkc-") {
            return Ok(Self::KafkaCluster(typed));
        }
        if id.starts_with("lsrc-") {
            return Ok(Self::SchemaRegistry(typed));
        }
        if id.starts_with("lksqlc-") {
            return Ok(Self::Ksqldb(typed));
        }
        if is_region(id) {
            let environment = environment.ok_or_else(|| {
                UnknownResource(format!(
                    "`{id}` is a region of Flink, which needs an environment: give its id, `env-…`"
                ))
            })?;
            return Ok(Self::FlinkRegion {
                id: typed,
                environment,
            });
        }
        match id.split_once('.') {
            Some((environment, region)) if id.starts_with("env-") && is_region(region) => {
                Ok(Self::FlinkRegion {
                    id: ResourceId::new(region).map_err(invalid)?,
                    environment: EnvironmentId::new(environment).map_err(invalid)?,
                })
            }
            _ => Err(UnknownResource(format!(
                "`{id}` names no resource that keys are made for: give the id of a Kafka cluster \
                 (`lkc-…`), Schema Registry (`lsrc-…`), ksqlDB cluster (`lksqlc-…`) or Flink region \
                 (`aws.us-east-1`), or `cloud`, `global` or `tableflow`"
            ))),
        }
    }

    /// The id, which for some kinds is a keyword.
    pub fn id(&self) -> &str {
        match self {
            Self::KafkaCluster(id)
            | Self::SchemaRegistry(id)
            | Self::Ksqldb(id)
            | Self::FlinkRegion { id, .. } => id.as_str(),
            Self::Tableflow => "tableflow",
            Self::Cloud => "cloud",
            Self::Global => "global",
        }
    }

    /// `api_version` and `kind` as the vendor's clients send them; for the
    /// other kinds they send the id alone.
    pub(crate) fn wire_type(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::KafkaCluster(_) => Some(("cmk/v2", "Cluster")),
            Self::FlinkRegion { .. } => Some(("fcpm/v2", "Region")),
            Self::Tableflow => Some(("tableflow/v1", "Tableflow")),
            Self::Global => Some(("global/v1", "Global")),
            Self::SchemaRegistry(_) | Self::Ksqldb(_) | Self::Cloud => None,
        }
    }

    /// The environment, where the kind needs it.
    pub(crate) fn environment(&self) -> Option<&EnvironmentId> {
        match self {
            Self::FlinkRegion { environment, .. } => Some(environment),
            _ => None,
        }
    }
}

fn is_region(id: &str) -> bool {
    ["aws.", "gcp.", "azure."]
        .iter()
        .any(|cloud| id.starts_with(cloud))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(id: &str, environment: Option<&str>) -> Result<KeyResource, UnknownResource> {
        KeyResource::from_id(id, environment.map(|id| EnvironmentId::new(id).unwrap()))
    }

    #[test]
    fn every_kind_is_known_by_its_id() {
        let id = |text: &str| ResourceId::new(text).unwrap();
        let flink = KeyResource::FlinkRegion {
            id: id("aws.us-east-1"),
            environment: EnvironmentId::new("env-1").unwrap(),
        };
        for (text, resource) in [
            ("lkc-1", KeyResource::KafkaCluster(id("lkc-1"))),
            ("lsrc-1", KeyResource::SchemaRegistry(id("lsrc-1"))),
            ("lksqlc-1", KeyResource::Ksqldb(id("lksqlc-1"))),
            ("aws.us-east-1", flink.clone()),
            ("Tableflow", KeyResource::Tableflow),
            ("CLOUD", KeyResource::Cloud),
            ("global", KeyResource::Global),
        ] {
            assert_eq!(parse(text, Some("env-1")), Ok(resource));
        }
        assert_eq!(parse("env-1.aws.us-east-1", None), Ok(flink));
    }

    #[test]
    fn a_flink_region_needs_its_environment() {
        let error = parse("aws.us-east-1", None).unwrap_err();
        assert!(error.to_string().contains("environment"));
    }

    #[test]
    fn what_is_no_resource_is_refused_with_what_would_be_one() {
        for text in ["cluster", "env-1", "sa-1", "env-1.region", ""] {
            assert!(parse(text, None).is_err(), "{text}");
        }
        let error = parse("topic-1", None).unwrap_err().to_string();
        assert!(error.contains("`topic-1`") && error.contains("`lkc-…`"));
    }
}
