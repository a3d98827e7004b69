//! What exists at the beginning, as a file tells it: JSON in the shape of
//! `GET /simulator/state`, of which most may be left out, and `quotas`.

use std::collections::BTreeMap;
use std::fmt;

use confluent_cloud::ids::InvalidId;
use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Availability, CloudProvider, ClusterConfig, ClusterSpec, OrganizationSettings, Package,
};

/// What exists at the beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorldFile {
    pub(super) organization: Option<String>,
    pub(super) organization_settings: OrganizationSettings,
    pub(super) environments: Vec<GivenEnvironment>,
    pub(super) kafka_clusters: Vec<GivenCluster>,
    pub(super) schema_registries: Vec<GivenRegistry>,
    pub(super) ksqldb_clusters: Vec<GivenKsqldb>,
    pub(super) service_accounts: Vec<GivenAccount>,
    pub(super) users: Vec<GivenUser>,
    pub(super) api_keys: Vec<GivenKey>,
    pub(super) quotas: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenEnvironment {
    pub(super) id: String,
    pub(super) display_name: Option<String>,
    #[serde(default)]
    pub(super) stream_governance_package: Package,
}

/// The address of its HTTP API may stand there and is not used: it is always
/// the simulator's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenCluster {
    pub(super) id: String,
    pub(super) environment: String,
    pub(super) display_name: Option<String>,
    #[serde(default)]
    availability: Availability,
    #[serde(default)]
    cloud: CloudProvider,
    region: Option<String>,
    config: Option<ClusterConfig>,
    #[serde(default)]
    deletion_protection: bool,
    #[serde(rename = "http_endpoint")]
    _http_endpoint: Option<String>,
    pub(super) kafka_bootstrap_endpoint: Option<String>,
    pub(super) audit_log_service_account: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenRegistry {
    pub(super) id: String,
    pub(super) environment: String,
    #[serde(rename = "http_endpoint")]
    _http_endpoint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenKsqldb {
    pub(super) id: String,
    pub(super) environment: String,
    pub(super) kafka_cluster: String,
    pub(super) display_name: Option<String>,
    pub(super) credential_identity: String,
    #[serde(rename = "http_endpoint")]
    _http_endpoint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenAccount {
    pub(super) id: String,
    pub(super) display_name: String,
    #[serde(default)]
    pub(super) description: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenUser {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) full_name: Option<String>,
}

/// No file tells a secret, so nobody knows that of such a key, unless it is the
/// admin key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenKey {
    pub(super) id: String,
    pub(super) owner: String,
    pub(super) resource: String,
    pub(super) environment: Option<String>,
    #[serde(default)]
    pub(super) display_name: String,
    #[serde(default)]
    pub(super) description: String,
    pub(super) created_at: Option<Timestamp>,
    pub(super) usable_at: Option<Timestamp>,
    pub(super) last_used_at: Option<Timestamp>,
    pub(super) deleted_at: Option<Timestamp>,
}

/// A world that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidWorld(String);

impl InvalidWorld {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for InvalidWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidWorld {}

impl From<InvalidId> for InvalidWorld {
    fn from(error: InvalidId) -> Self {
        Self(error.to_string())
    }
}

/// Reads what the file of `-world` holds. Whether its parts fit each other is
/// seen when the simulator is made.
///
/// # Errors
/// When it is no JSON of that shape; unknown members are refused, for they are
/// mistyped.
pub fn parse_world(text: &str) -> Result<WorldFile, InvalidWorld> {
    serde_json::from_str(text)
        .map_err(|error| InvalidWorld(format!("the world is not in the shape of a state: {error}")))
}

impl GivenEnvironment {
    pub(super) fn new(id: String, display_name: &str) -> Self {
        Self {
            id,
            display_name: Some(display_name.into()),
            stream_governance_package: Package::default(),
        }
    }
}

impl GivenCluster {
    pub(super) fn new(id: String, environment: &str, display_name: &str) -> Self {
        Self {
            id,
            environment: environment.into(),
            display_name: Some(display_name.into()),
            availability: Availability::default(),
            cloud: CloudProvider::default(),
            region: None,
            config: None,
            deletion_protection: false,
            _http_endpoint: None,
            kafka_bootstrap_endpoint: None,
            audit_log_service_account: None,
        }
    }

    /// Type, place and protection, with the usual ones where none are given.
    pub(super) fn spec(&self) -> ClusterSpec {
        let usual = ClusterSpec::default();
        ClusterSpec {
            availability: self.availability,
            cloud: self.cloud,
            region: self.region.clone().unwrap_or(usual.region),
            config: self.config.clone().unwrap_or(usual.config),
            deletion_protection: self.deletion_protection,
        }
    }
}

impl GivenUser {
    /// The name, or what stands before the `@` of the address.
    pub(super) fn name(&self) -> String {
        let local = self.email.split('@').next().unwrap_or_default();
        let name = self.full_name.as_deref().filter(|name| !name.is_empty());
        name.unwrap_or(local).to_owned()
    }
}

impl GivenRegistry {
    pub(super) fn new(id: String, environment: &str) -> Self {
        Self {
            id,
            environment: environment.into(),
            _http_endpoint: None,
        }
    }
}

impl GivenKsqldb {
    /// A cluster on a Kafka cluster, with an account that its queries act as.
    pub(super) fn on(id: String, kafka: &GivenCluster, account: &GivenAccount) -> Self {
        Self {
            id,
            environment: kafka.environment.clone(),
            kafka_cluster: kafka.id.clone(),
            display_name: Some("app".into()),
            credential_identity: account.id.clone(),
            _http_endpoint: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_may_leave_out_what_it_has_not() {
        assert_eq!(parse_world("{}"), Ok(WorldFile::default()));
        let world = parse_world(r#"{"environments":[{"id":"env-1"}],"quotas":{"x":3}}"#).unwrap();
        assert_eq!(world.environments[0].id, "env-1");
        assert_eq!(world.quotas["x"], 3);
    }

    #[test]
    fn a_mistyped_member_is_named() {
        let error = parse_world(r#"{"enviroments":[]}"#).unwrap_err();
        assert!(error.to_string().contains("`enviroments`"), "{error}");
    }
}
