//! The initial state of a world.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Display;

use confluent_cloud::ids::{
    ApiKeyId, EnvironmentId, InvalidId, OrganizationId, OwnerId, ResourceId,
};
use jiff::Timestamp;

use super::bindings::ORGANIZATION_ADMIN;
use super::file::{
    GivenAccount, GivenCluster, GivenEnvironment, GivenKey, GivenKsqldb, GivenRegistry, GivenUser,
};
use super::quotas::Quotas;
use super::sessions::Sessions;
use super::{
    Environment, InvalidWorld, KafkaCluster, Key, KsqldbCluster, Resource, RoleBinding,
    SchemaRegistry, ServiceAccount, Streams, User, World, WorldFile,
};
use crate::random::Random;
use crate::{AdminKey, Propagation, Switches, UnknownTarget, UsualLimits};

const ENVIRONMENTS: [&str; 2] = ["production", "staging"];
const CLUSTERS: [&str; 2] = ["events", "logs"];
const SERVICE_ACCOUNTS: [(&str, &str); 3] = [
    ("orders", "takes orders"),
    ("payments", "charges for orders"),
    ("analytics", "counts what was ordered"),
];
const ADMIN: &str = "key-manager";

/// What a world begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beginning<'a> {
    /// The key of an administrator; generated when absent.
    pub(crate) admin_key: Option<&'a AdminKey>,
    pub(crate) seed: u64,
    /// Generated when absent, as the environments are.
    pub(crate) organization: Option<&'a OrganizationId>,
    pub(crate) environments: Option<&'a [EnvironmentId]>,
    /// The initial state. `organization` and `environments` are not used beside it.
    pub(crate) file: Option<&'a WorldFile>,
    pub(crate) limits: UsualLimits,
    pub(crate) propagation: Propagation,
    pub(crate) unknown_target: UnknownTarget,
    pub(crate) switches: &'a Switches,
}

impl World {
    /// Builds the world that a file describes. Without a file it is an
    /// organization with two environments (or those of the options), in each
    /// two Kafka clusters, a Schema Registry and a ksqlDB cluster, and with
    /// three service accounts and a user. One more service account owns the
    /// admin key; it and all users are administrators.
    ///
    /// # Errors
    /// When an id is malformed, occurs twice, or refers to nothing.
    pub(crate) fn begin(
        beginning: &Beginning<'_>,
        now: Timestamp,
    ) -> Result<(Self, AdminKey), InvalidWorld> {
        let mut random = Streams::new(beginning.seed);
        let file = match beginning.file {
            Some(file) => file.clone(),
            None => usual(beginning, &mut random),
        };
        let organization = match &file.organization {
            Some(id) => OrganizationId::new(id)?,
            None => OrganizationId::new(Random::new(beginning.seed, "organization").uuid())?,
        };
        let mut world = Self {
            organization,
            organization_settings: file.organization_settings.clone(),
            organization_updated_at: now,
            began_at: now,
            environments: Vec::new(),
            kafka_clusters: Vec::new(),
            schema_registries: Vec::new(),
            ksqldb_clusters: Vec::new(),
            provider_integrations: Vec::new(),
            connectors: Vec::new(),
            service_accounts: Vec::new(),
            users: Vec::new(),
            bindings: Vec::new(),
            keys: Vec::new(),
            key_places: HashMap::new(),
            sessions: Sessions::default(),
            events: VecDeque::new(),
            event_count: 0,
            quotas: Quotas::new(beginning.limits, &file.quotas)?,
            random,
            propagation: beginning.propagation,
            unknown_target: beginning.unknown_target,
            switches: beginning.switches.clone(),
            data_plane: None,
            unreachable: BTreeSet::new(),
        };
        world.fill(&file, now)?;
        let admin = world.add_admin(beginning, &file)?;
        for key in &file.api_keys {
            if key.id != admin.id.as_str() {
                world.add_given_key(key, now)?;
            }
        }
        Ok((world, admin))
    }

    fn fill(&mut self, file: &WorldFile, now: Timestamp) -> Result<(), InvalidWorld> {
        for given in &file.environments {
            let id = EnvironmentId::new(&given.id)?;
            let display_name = given.display_name.clone();
            self.environments.push(Environment {
                display_name: display_name.unwrap_or_else(|| id.to_string()),
                package: given.stream_governance_package,
                id,
                created_at: now,
                updated_at: now,
            });
        }
        for given in &file.kafka_clusters {
            let id = ResourceId::new(&given.id)?;
            let display_name = given.display_name.clone();
            self.kafka_clusters.push(KafkaCluster {
                display_name: display_name.unwrap_or_else(|| id.to_string()),
                id,
                environment: self.given_environment(&given.id, &given.environment)?,
                spec: given.spec(),
                bootstrap: given.kafka_bootstrap_endpoint.clone(),
                audit_log_account: given
                    .audit_log_service_account
                    .as_ref()
                    .map(OwnerId::new)
                    .transpose()?,
                created_at: now,
                updated_at: now,
            });
        }
        for given in &file.schema_registries {
            self.schema_registries.push(SchemaRegistry {
                id: ResourceId::new(&given.id)?,
                environment: self.given_environment(&given.id, &given.environment)?,
                created_at: now,
            });
        }
        for given in &file.service_accounts {
            self.service_accounts.push(ServiceAccount {
                id: OwnerId::new(&given.id)?,
                display_name: given.display_name.clone(),
                description: given.description.clone(),
                created_at: now,
                updated_at: now,
            });
        }
        for given in &file.users {
            let id = OwnerId::new(&given.id)?;
            self.add_admin_binding(&id)?;
            self.users.push(User {
                id,
                email: given.email.clone(),
                full_name: given.name(),
                created_at: now,
                updated_at: now,
            });
        }
        for given in &file.ksqldb_clusters {
            let cluster = self.given_ksqldb(given, now)?;
            self.ksqldb_clusters.push(cluster);
        }
        unique(self.environments.iter().map(|known| &known.id))?;
        let registries = self.schema_registries.iter().map(|known| &known.id);
        let registries = registries.chain(self.ksqldb_clusters.iter().map(|known| &known.id));
        unique(
            self.kafka_clusters
                .iter()
                .map(|known| &known.id)
                .chain(registries),
        )?;
        let users = self.users.iter().map(|known| &known.id);
        unique(
            self.service_accounts
                .iter()
                .map(|known| &known.id)
                .chain(users),
        )?;
        unique(
            self.service_accounts
                .iter()
                .map(|known| &known.display_name),
        )
    }

    fn given_ksqldb(
        &self,
        given: &GivenKsqldb,
        now: Timestamp,
    ) -> Result<KsqldbCluster, InvalidWorld> {
        let id = ResourceId::new(&given.id)?;
        let environment = self.given_environment(&given.id, &given.environment)?;
        let kafka = self.kafka_cluster(&given.kafka_cluster, Some(environment.as_str()));
        let kafka = kafka.map_err(|_| {
            let missing = &given.kafka_cluster;
            InvalidWorld::new(format!("`{id}` is on `{missing}`, which does not exist"))
        })?;
        let display_name = given.display_name.clone();
        Ok(KsqldbCluster {
            environment,
            kafka_cluster: kafka.id.clone(),
            display_name: display_name.unwrap_or_else(|| id.to_string()),
            // As in keys of old, it may be gone by now.
            credential_identity: OwnerId::new(&given.credential_identity)?,
            created_at: now,
            id,
        })
    }

    /// Adds the admin key, owned as the file says, or by a service account of its
    /// own.
    fn add_admin(
        &mut self,
        beginning: &Beginning<'_>,
        file: &WorldFile,
    ) -> Result<AdminKey, InvalidWorld> {
        let now = self.began_at;
        let admin = if let Some(key) = beginning.admin_key {
            key.clone()
        } else {
            let mut random = Random::new(beginning.seed, "admin-key");
            AdminKey {
                id: ApiKeyId::new(random.key_id())?,
                secret: random.secret(false),
            }
        };
        let mut given = file.api_keys.iter();
        let given = given.find(|key| key.id == admin.id.as_str());
        let owner = match given {
            Some(key) => self.given_owner(&key.id, &key.owner)?,
            None => self.add_admin_account()?,
        };
        if !self.is_admin(now, &owner) {
            self.add_admin_binding(&owner)?;
        }
        self.add_key(Key {
            id: admin.id.clone(),
            secret: admin.secret.clone(),
            owner,
            resource: Resource::Cloud,
            display_name: "admin".into(),
            description: "the key that manages keys".into(),
            created_at: now,
            updated_at: now,
            usable_at: now,
            last_used_at: None,
            deleted_at: None,
            tries: 0,
        });
        Ok(admin)
    }

    fn add_admin_account(&mut self) -> Result<OwnerId, InvalidWorld> {
        let taken = |name: &str| {
            let mut accounts = self.service_accounts.iter();
            accounts.any(|account| account.display_name == name)
        };
        let mut name = ADMIN.to_owned();
        let mut number = 1_u32;
        while taken(&name) {
            number += 1;
            name = format!("{ADMIN}-{number}");
        }
        let mut id = OwnerId::new(format!("sa-{}", self.random.accounts.suffix()))?;
        while self.owner(id.as_str()).is_some() {
            id = OwnerId::new(format!("sa-{}", self.random.accounts.suffix()))?;
        }
        self.service_accounts.push(ServiceAccount {
            id: id.clone(),
            display_name: name,
            description: "makes and deletes API keys".into(),
            created_at: self.began_at,
            updated_at: self.began_at,
        });
        Ok(id)
    }

    fn add_admin_binding(&mut self, owner: &OwnerId) -> Result<(), InvalidId> {
        let id = format!("rb-{}", self.random.bindings.suffix());
        self.bindings.push(RoleBinding {
            id: ResourceId::new(id)?,
            principal: format!("User:{owner}"),
            role_name: ORGANIZATION_ADMIN.into(),
            crn_pattern: self.organization_name(),
            created_at: self.began_at,
            effective_at: self.began_at,
        });
        Ok(())
    }

    fn add_given_key(&mut self, given: &GivenKey, now: Timestamp) -> Result<(), InvalidWorld> {
        let id = ApiKeyId::new(&given.id)?;
        if self.key_place(id.as_str()).is_some() {
            return Err(InvalidWorld::new(format!("`{id}` exists twice")));
        }
        let owner = match self.given_owner(&given.id, &given.owner) {
            // The owner of a key that is gone may be gone too.
            Err(_) if given.deleted_at.is_some() => OwnerId::new(&given.owner)?,
            other => other?,
        };
        let resource = self
            .resource(&given.resource, given.environment.as_deref())
            .ok_or_else(|| {
                InvalidWorld::new(format!(
                    "key `{id}` is for `{}`, which does not exist",
                    given.resource
                ))
            })?;
        let created_at = given.created_at.unwrap_or(now);
        let secret = self.random.keys.secret(self.switches.old_secrets);
        self.add_key(Key {
            id,
            secret,
            owner,
            resource,
            display_name: given.display_name.clone(),
            description: given.description.clone(),
            created_at,
            updated_at: created_at,
            usable_at: given.usable_at.unwrap_or(created_at),
            last_used_at: given.last_used_at,
            deleted_at: given.deleted_at,
            tries: 0,
        });
        Ok(())
    }

    fn given_environment(&self, of: &str, id: &str) -> Result<EnvironmentId, InvalidWorld> {
        let mut known = self.environments.iter().map(|known| &known.id);
        known
            .find(|known| known.as_str() == id)
            .cloned()
            .ok_or_else(|| {
                InvalidWorld::new(format!(
                    "`{of}` is in environment `{id}`, which does not exist"
                ))
            })
    }

    fn given_owner(&self, key: &str, id: &str) -> Result<OwnerId, InvalidWorld> {
        self.owner(id).ok_or_else(|| {
            InvalidWorld::new(format!("key `{key}` is of `{id}`, which does not exist"))
        })
    }
}

/// The default organization, with the ids of the options where they name any.
fn usual(beginning: &Beginning<'_>, random: &mut Streams) -> WorldFile {
    let environments = environments(beginning);
    let (mut kafka_clusters, mut schema_registries) = (Vec::new(), Vec::new());
    for environment in &environments {
        for name in CLUSTERS {
            let id = format!("lkc-{}", random.clusters.suffix());
            kafka_clusters.push(GivenCluster::new(id, &environment.id, name));
        }
        let id = format!("lsrc-{}", random.registries.suffix());
        schema_registries.push(GivenRegistry::new(id, &environment.id));
    }
    let mut service_accounts = Vec::new();
    for (name, description) in SERVICE_ACCOUNTS {
        service_accounts.push(GivenAccount {
            id: format!("sa-{}", random.accounts.suffix()),
            display_name: name.into(),
            description: description.into(),
        });
    }
    let mut ksqldb_clusters = Vec::new();
    for kafka in kafka_clusters.iter().step_by(CLUSTERS.len()) {
        let id = format!("lksqlc-{}", random.ksqldb.suffix());
        ksqldb_clusters.push(GivenKsqldb::on(id, kafka, &service_accounts[0]));
    }
    let user = GivenUser {
        id: format!("u-{}", random.users.suffix()),
        email: "admin@example.com".into(),
        full_name: Some("Ada Min".into()),
    };
    WorldFile {
        organization: beginning.organization.map(ToString::to_string),
        environments,
        kafka_clusters,
        schema_registries,
        ksqldb_clusters,
        service_accounts,
        users: vec![user],
        ..WorldFile::default()
    }
}

fn environments(beginning: &Beginning<'_>) -> Vec<GivenEnvironment> {
    let mut environments: Vec<GivenEnvironment> = Vec::new();
    if let Some(given) = beginning.environments {
        for (id, name) in given.iter().zip(names()) {
            if environments.iter().all(|known| known.id != id.as_str()) {
                environments.push(GivenEnvironment::new(id.to_string(), &name));
            }
        }
        return environments;
    }
    let mut random = Random::new(beginning.seed, "environments");
    for name in ENVIRONMENTS {
        let id = format!("env-{}", random.suffix());
        environments.push(GivenEnvironment::new(id, name));
    }
    environments
}

/// An endless list of names: the default ones, then numbered ones.
fn names() -> impl Iterator<Item = String> {
    let numbered = (ENVIRONMENTS.len() + 1..).map(|number| format!("environment-{number}"));
    ENVIRONMENTS.into_iter().map(str::to_owned).chain(numbered)
}

fn unique<T: Display>(all: impl Iterator<Item = T>) -> Result<(), InvalidWorld> {
    let mut seen = HashSet::new();
    for text in all.map(|one| one.to_string()) {
        if !seen.insert(text.clone()) {
            return Err(InvalidWorld::new(format!("`{text}` exists twice")));
        }
    }
    Ok(())
}
