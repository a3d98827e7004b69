//! Quotas: how much there may be of everything, and how much there is.
//!
//! Codes and limits are those that the vendor's command line showed for one
//! organization. Global keys have a quota of their own whose code is not known;
//! here they have none.

use std::collections::{BTreeMap, HashMap};

use super::{InvalidWorld, Key, Resource, World};
use crate::{Refusal, UsualLimits};

/// Where limits are not to be met.
const ROOM: u64 = 1_000_000;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Quota {
    CloudKeysOfAccount,
    ClusterKeysOfAccount,
    CloudKeysOfUser,
    ClusterKeysOfUser,
    CloudKeys,
    KeysOfCluster,
    ServiceAccounts,
    Users,
    Environments,
    KafkaClusters,
    KafkaClustersOfEnvironment,
    RoleBindings,
}

/// What a limit holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Organization,
    Environment,
    KafkaCluster,
    ServiceAccount,
    UserAccount,
    /// Networks, identity providers and certificate authorities do not exist
    /// here, so that nothing has a limit in these scopes.
    Network,
    IdentityProvider,
    CertificateAuthority,
}

/// A limit with what is used of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppliedQuota {
    pub(crate) code: &'static str,
    pub(crate) scope: Scope,
    pub(crate) display_name: &'static str,
    pub(crate) default_limit: u64,
    pub(crate) applied_limit: u64,
    pub(crate) usage: u64,
    /// Id of what the limit holds for.
    pub(crate) subject: String,
    /// The environment of a cluster.
    pub(crate) environment: Option<String>,
}

struct Row {
    quota: Quota,
    code: &'static str,
    scope: Scope,
    default: u64,
    applied: u64,
    what: &'static str,
}

const fn row(
    quota: Quota,
    code: &'static str,
    scope: Scope,
    (default, applied): (u64, u64),
    what: &'static str,
) -> Row {
    Row {
        quota,
        code,
        scope,
        default,
        applied,
        what,
    }
}

const TABLE: [Row; 12] = [
    row(
        Quota::CloudKeysOfAccount,
        "iam.max_cloud_api_keys.per_service_account",
        Scope::ServiceAccount,
        (10, 100),
        "Cloud API keys",
    ),
    row(
        Quota::ClusterKeysOfAccount,
        "iam.max_cluster_api_keys.per_service_account",
        Scope::ServiceAccount,
        (10, 100),
        "API keys",
    ),
    row(
        Quota::CloudKeysOfUser,
        "iam.max_cloud_api_keys.per_user",
        Scope::UserAccount,
        (10, 10),
        "Cloud API keys",
    ),
    row(
        Quota::ClusterKeysOfUser,
        "iam.max_cluster_api_keys.per_user",
        Scope::UserAccount,
        (10, 10),
        "API keys",
    ),
    row(
        Quota::CloudKeys,
        "iam.max_cloud_api_keys.per_org",
        Scope::Organization,
        (500, 1000),
        "Cloud API keys",
    ),
    row(
        Quota::KeysOfCluster,
        "kafka.max_api_keys.per_cluster",
        Scope::KafkaCluster,
        (2000, 2000),
        "API keys",
    ),
    row(
        Quota::ServiceAccounts,
        "iam.max_service_accounts.per_org",
        Scope::Organization,
        (1000, 1000),
        "service accounts",
    ),
    row(
        Quota::Users,
        "iam.max_users.per_org",
        Scope::Organization,
        (1000, 1000),
        "users",
    ),
    row(
        Quota::Environments,
        "iam.max_environments.per_org",
        Scope::Organization,
        (25, 25),
        "environments",
    ),
    row(
        Quota::KafkaClusters,
        "iam.max_kafka_clusters.per_org",
        Scope::Organization,
        (400, 400),
        "Kafka clusters",
    ),
    row(
        Quota::KafkaClustersOfEnvironment,
        "kafka.max_kafka_clusters.per_env",
        Scope::Environment,
        (20, 20),
        "Kafka clusters",
    ),
    row(
        Quota::RoleBindings,
        "iam.max_rbac_role_bindings_all_roles.per_org",
        Scope::Organization,
        (250_000, 250_000),
        "role bindings",
    ),
];

/// Limits that differ from the table, and how many keys count for each.
#[derive(Debug, Clone, Default)]
pub(super) struct Quotas {
    usual: UsualLimits,
    applied: HashMap<Quota, u64>,
    keys: HashMap<(Quota, String), u64>,
}

impl Scope {
    /// All scopes.
    pub(crate) const ALL: [Self; 8] = [
        Self::Organization,
        Self::Environment,
        Self::KafkaCluster,
        Self::ServiceAccount,
        Self::UserAccount,
        Self::Network,
        Self::IdentityProvider,
        Self::CertificateAuthority,
    ];

    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Organization => "ORGANIZATION",
            Self::Environment => "ENVIRONMENT",
            Self::KafkaCluster => "KAFKA_CLUSTER",
            Self::ServiceAccount => "SERVICE_ACCOUNT",
            Self::UserAccount => "USER_ACCOUNT",
            Self::Network => "NETWORK",
            Self::IdentityProvider => "IDENTITY_PROVIDER",
            Self::CertificateAuthority => "CERTIFICATE_AUTHORITY",
        }
    }
}

impl Quotas {
    pub(super) fn new(
        usual: UsualLimits,
        applied: &BTreeMap<String, u64>,
    ) -> Result<Self, InvalidWorld> {
        let mut quotas = Self {
            usual,
            ..Self::default()
        };
        for (code, limit) in applied {
            let row = TABLE.iter().find(|row| row.code == code).ok_or_else(|| {
                let known: Vec<&str> = TABLE.iter().map(|row| row.code).collect();
                InvalidWorld::new(format!(
                    "quota `{code}` is unknown: use one of {}",
                    known.join(", ")
                ))
            })?;
            quotas.applied.insert(row.quota, *limit);
        }
        Ok(quotas)
    }

    pub(super) fn added(&mut self, key: &Key) {
        for of in counted(key) {
            *self.keys.entry(of).or_default() += 1;
        }
    }

    pub(super) fn deleted(&mut self, key: &Key) {
        for of in counted(key) {
            if let Some(count) = self.keys.get_mut(&of) {
                *count = count.saturating_sub(1);
            }
        }
    }

    fn limit(&self, row: &Row) -> u64 {
        let usual = match self.usual {
            UsualLimits::Roomy => ROOM,
            UsualLimits::Vendor => row.applied,
        };
        self.applied.get(&row.quota).copied().unwrap_or(usual)
    }
}

/// What a key counts for, but for the organization.
fn counted(key: &Key) -> Vec<(Quota, String)> {
    let (of_account, of_user) = match key.resource {
        Resource::Global => return Vec::new(),
        Resource::Cloud => (Quota::CloudKeysOfAccount, Quota::CloudKeysOfUser),
        _ => (Quota::ClusterKeysOfAccount, Quota::ClusterKeysOfUser),
    };
    let owner = key.owner.to_string();
    let mut counted = vec![if owner.starts_with("u-") {
        (of_user, owner)
    } else {
        (of_account, owner)
    }];
    match &key.resource {
        Resource::Cloud => counted.push((Quota::CloudKeys, String::new())),
        Resource::KafkaCluster { id, .. } => counted.push((Quota::KeysOfCluster, id.to_string())),
        _ => {}
    }
    counted
}

impl World {
    /// Whether one more fits.
    ///
    /// # Errors
    /// 402, which names whom the limit holds for and the limit.
    pub(super) fn has_room(&self, quota: Quota, subject: &str) -> Result<(), Refusal> {
        let Some(row) = TABLE.iter().find(|row| row.quota == quota) else {
            return Ok(());
        };
        let limit = self.quotas.limit(row);
        if self.usage(quota, subject) < limit {
            return Ok(());
        }
        Err(Refusal::quota(
            subject,
            limit,
            row.what,
            self.switches.quota_is_bad_request,
        ))
    }

    /// Whether a key fits, before it is made.
    ///
    /// # Errors
    /// 402.
    pub(super) fn has_room_for(&self, key: &Key) -> Result<(), Refusal> {
        for (quota, subject) in counted(key) {
            if quota == Quota::CloudKeys {
                self.has_room(quota, self.organization.as_str())?;
            } else {
                self.has_room(quota, &subject)?;
            }
        }
        Ok(())
    }

    /// The limits of a scope, each for everything that it holds for.
    pub(crate) fn applied_quotas(&self, scope: Scope) -> Vec<AppliedQuota> {
        let mut all = Vec::new();
        for row in TABLE.iter().filter(|row| row.scope == scope) {
            for (subject, environment) in self.subjects(scope) {
                all.push(AppliedQuota {
                    code: row.code,
                    scope,
                    display_name: row.what,
                    default_limit: row.default,
                    applied_limit: self.quotas.limit(row),
                    usage: self.usage(row.quota, &subject),
                    subject,
                    environment,
                });
            }
        }
        all
    }

    fn subjects(&self, scope: Scope) -> Vec<(String, Option<String>)> {
        match scope {
            Scope::Organization => vec![(self.organization.to_string(), None)],
            Scope::Environment => {
                let all = self.environments.iter();
                all.map(|one| (one.id.to_string(), Some(one.id.to_string())))
                    .collect()
            }
            Scope::KafkaCluster => {
                let all = self.kafka_clusters.iter();
                all.map(|one| (one.id.to_string(), Some(one.environment.to_string())))
                    .collect()
            }
            Scope::ServiceAccount => {
                let all = self.service_accounts.iter();
                all.map(|one| (one.id.to_string(), None)).collect()
            }
            Scope::UserAccount => {
                let all = self.users.iter();
                all.map(|one| (one.id.to_string(), None)).collect()
            }
            Scope::Network | Scope::IdentityProvider | Scope::CertificateAuthority => Vec::new(),
        }
    }

    fn usage(&self, quota: Quota, subject: &str) -> u64 {
        let count = match quota {
            Quota::ServiceAccounts => self.service_accounts.len(),
            Quota::Users => self.users.len(),
            Quota::Environments => self.environments.len(),
            Quota::KafkaClusters => self.kafka_clusters.len(),
            Quota::RoleBindings => self.bindings.len(),
            Quota::KafkaClustersOfEnvironment => {
                let clusters = self.kafka_clusters.iter();
                clusters
                    .filter(|cluster| cluster.environment.as_str() == subject)
                    .count()
            }
            Quota::CloudKeys => return self.counted_keys(quota, ""),
            _ => return self.counted_keys(quota, subject),
        };
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    fn counted_keys(&self, quota: Quota, subject: &str) -> u64 {
        let of = (quota, subject.to_owned());
        self.quotas.keys.get(&of).copied().unwrap_or_default()
    }
}
