//! The world that a simulator begins with.

use std::collections::HashMap;

use confluent_cloud::ids::{
    ApiKeyId, EnvironmentId, InvalidId, OrganizationId, OwnerId, ResourceId,
};
use jiff::Timestamp;

use super::{
    Environment, KafkaCluster, Key, Resource, SchemaRegistry, ServiceAccount, User, World,
};
use crate::random::Random;
use crate::{AdminKey, Options};

const ENVIRONMENTS: [&str; 2] = ["production", "staging"];
const CLUSTERS: [&str; 2] = ["events", "logs"];
const SERVICE_ACCOUNTS: [(&str, &str); 3] = [
    ("orders", "takes orders"),
    ("payments", "charges for orders"),
    ("analytics", "counts what was ordered"),
];

impl World {
    /// One organization; two environments, unless they are given; in each two
    /// Kafka clusters and a Schema Registry; three service accounts; one user;
    /// and one more service account, whose Cloud API key may do everything.
    ///
    /// # Errors
    /// When an id cannot be one, which those made up here never are.
    pub(crate) fn begin(options: &Options, now: Timestamp) -> Result<(Self, AdminKey), InvalidId> {
        let stream = |name: &str| Random::new(options.seed, name);
        let environments = environments(options)?;
        let mut clusters = stream("kafka-clusters");
        let mut registries = stream("schema-registries");
        let mut kafka_clusters = Vec::new();
        let mut schema_registries = Vec::new();
        for environment in &environments {
            for name in CLUSTERS {
                kafka_clusters.push(KafkaCluster {
                    id: ResourceId::new(format!("lkc-{}", clusters.suffix()))?,
                    environment: environment.id.clone(),
                    display_name: name.into(),
                });
            }
            schema_registries.push(SchemaRegistry {
                id: ResourceId::new(format!("lsrc-{}", registries.suffix()))?,
                environment: environment.id.clone(),
            });
        }
        let mut accounts = stream("service-accounts");
        let mut service_account = |display_name: &str, description: &str| {
            Ok(ServiceAccount {
                id: OwnerId::new(format!("sa-{}", accounts.suffix()))?,
                display_name: display_name.into(),
                description: description.into(),
            })
        };
        let mut service_accounts = Vec::new();
        for (name, description) in SERVICE_ACCOUNTS {
            service_accounts.push(service_account(name, description)?);
        }
        let admin = service_account("key-manager", "makes and deletes API keys")?;
        service_accounts.push(admin.clone());
        let user = User {
            id: OwnerId::new(format!("u-{}", stream("users").suffix()))?,
            email: "admin@example.com".into(),
        };
        let organization = match &options.organization {
            Some(id) => id.clone(),
            None => OrganizationId::new(stream("organization").uuid())?,
        };
        let admin_key = if let Some(key) = &options.admin_key {
            key.clone()
        } else {
            let mut random = stream("admin-key");
            AdminKey {
                id: ApiKeyId::new(random.key_id())?,
                secret: random.secret(),
            }
        };
        let mut world = Self {
            organization,
            began_at: now,
            environments,
            kafka_clusters,
            schema_registries,
            service_accounts,
            admins: vec![admin.id.clone(), user.id.clone()],
            users: vec![user],
            keys: Vec::new(),
            key_places: HashMap::new(),
            random: stream("keys"),
            unknown_target: options.unknown_target,
            data_plane: None,
        };
        world.add_key(Key {
            id: admin_key.id.clone(),
            secret: admin_key.secret.clone(),
            owner: admin.id,
            resource: Resource::Cloud,
            display_name: "admin".into(),
            description: "the key that manages keys".into(),
            created_at: now,
            updated_at: now,
            usable_at: now,
            last_used_at: None,
            deleted_at: None,
        });
        Ok((world, admin_key))
    }
}

fn environments(options: &Options) -> Result<Vec<Environment>, InvalidId> {
    if let Some(given) = &options.environments {
        let mut environments: Vec<Environment> = Vec::new();
        for (id, name) in given.iter().zip(names()) {
            if environments.iter().all(|known| known.id != *id) {
                environments.push(Environment {
                    id: id.clone(),
                    display_name: name,
                });
            }
        }
        return Ok(environments);
    }
    let mut random = Random::new(options.seed, "environments");
    let mut environments = Vec::new();
    for name in ENVIRONMENTS {
        environments.push(Environment {
            id: EnvironmentId::new(format!("env-{}", random.suffix()))?,
            display_name: name.into(),
        });
    }
    Ok(environments)
}

/// Names without end: the usual ones, then numbered ones.
fn names() -> impl Iterator<Item = String> {
    let numbered = (ENVIRONMENTS.len() + 1..).map(|number| format!("environment-{number}"));
    ENVIRONMENTS.into_iter().map(str::to_owned).chain(numbered)
}
