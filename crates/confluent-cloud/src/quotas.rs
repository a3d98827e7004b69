//! `service-quota/v1/applied-quotas`: list.

use serde::Deserialize;
use serde_json::Number;

use crate::ids::{EnvironmentId, ResourceId};
use crate::wire::Reference;
use crate::{Client, Error, Listing};

const PATH: &str = "/service-quota/v1/applied-quotas";

/// The scope that a quota applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaScope {
    /// The organization.
    Organization,
    /// Each environment.
    Environment,
    /// Each network.
    Network,
    /// Each Kafka cluster.
    KafkaCluster,
    /// Each service account.
    ServiceAccount,
    /// Each user.
    UserAccount,
    /// Each identity provider.
    IdentityProvider,
    /// Each certificate authority.
    CertificateAuthority,
}

/// Which quotas to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaFilter {
    /// The scope, which the service requires.
    pub scope: QuotaScope,
    /// The environment; absent means any.
    pub environment: Option<EnvironmentId>,
    /// The Kafka cluster; absent means any.
    pub kafka_cluster: Option<ResourceId>,
    /// The code, such as `iam.max_cluster_api_keys.per_service_account`; absent
    /// means any.
    pub code: Option<String>,
}

/// A quota, as it holds for one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedQuota {
    /// Its code, such as `iam.max_cluster_api_keys.per_service_account`. Not
    /// unique: every subject has one.
    pub code: String,
    /// Human-readable name.
    pub display_name: String,
    /// The limit, if it is given as a number.
    pub applied_limit: Option<u64>,
    /// The limit that applies unless Confluent raised it.
    pub default_limit: Option<u64>,
    /// How many exist. Not every quota has it.
    pub usage: Option<u64>,
    /// Id of the service account or user that it applies to.
    pub principal: Option<String>,
    /// Id of the environment that it applies to.
    pub environment: Option<String>,
    /// Id of the Kafka cluster that it applies to.
    pub kafka_cluster: Option<String>,
}

impl AppliedQuota {
    /// How many more may be created, if limit and usage are known.
    pub fn left(&self) -> Option<u64> {
        Some(self.applied_limit?.saturating_sub(self.usage?))
    }
}

impl QuotaScope {
    fn word(self) -> &'static str {
        match self {
            Self::Organization => "ORGANIZATION",
            Self::Environment => "ENVIRONMENT",
            Self::Network => "NETWORK",
            Self::KafkaCluster => "KAFKA_CLUSTER",
            Self::ServiceAccount => "SERVICE_ACCOUNT",
            Self::UserAccount => "USER_ACCOUNT",
            Self::IdentityProvider => "IDENTITY_PROVIDER",
            Self::CertificateAuthority => "CERTIFICATE_AUTHORITY",
        }
    }
}

impl QuotaFilter {
    /// All quotas of a scope.
    pub fn of(scope: QuotaScope) -> Self {
        Self {
            scope,
            environment: None,
            kafka_cluster: None,
            code: None,
        }
    }
}

impl Client {
    /// Lists the quotas of a scope (`GET /service-quota/v1/applied-quotas`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_applied_quotas(
        &self,
        filter: &QuotaFilter,
    ) -> Result<Listing<AppliedQuota>, Error> {
        let environment = filter.environment.as_ref().map(EnvironmentId::as_str);
        let cluster = filter.kafka_cluster.as_ref().map(ResourceId::as_str);
        let mut query = vec![("scope", filter.scope.word())];
        query.extend(environment.map(|id| ("environment", id)));
        query.extend(cluster.map(|id| ("kafka_cluster", id)));
        query.extend(filter.code.as_deref().map(|code| ("id", code)));
        self.list(PATH, &query, |wire: Wire| Ok(wire.read())).await
    }
}

#[derive(Deserialize)]
struct Wire {
    id: String,
    display_name: Option<String>,
    default_limit: Option<Number>,
    applied_limit: Option<Number>,
    usage: Option<Number>,
    user: Option<Reference>,
    environment: Option<Reference>,
    kafka_cluster: Option<Reference>,
}

impl Wire {
    fn read(self) -> AppliedQuota {
        let number = |number: Option<Number>| number?.as_u64();
        let id = |reference: Option<Reference>| reference?.id;
        AppliedQuota {
            code: self.id,
            display_name: self.display_name.unwrap_or_default(),
            applied_limit: number(self.applied_limit),
            default_limit: number(self.default_limit),
            usage: number(self.usage),
            principal: id(self.user),
            environment: id(self.environment),
            kafka_cluster: id(self.kafka_cluster),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_known_only_with_limit_and_usage() {
        let quota = |json: &str| serde_json::from_str::<Wire>(json).unwrap().read();
        let full = quota(r#"{"id":"a","applied_limit":10,"usage":12}"#);
        assert_eq!(full.left(), Some(0));
        let used = quota(r#"{"id":"a","applied_limit":100,"usage":7,"user":{"id":"sa-1"}}"#);
        assert_eq!(used.left(), Some(93));
        assert_eq!(used.principal.as_deref(), Some("sa-1"));
        for untold in [
            r#"{"id":"a","applied_limit":10,"usage":null,"user":{}}"#,
            r#"{"id":"a","applied_limit":-1,"usage":1}"#,
            r#"{"id":"a","usage":1.5}"#,
        ] {
            assert_eq!(quota(untold).left(), None, "{untold}");
        }
    }
}
