//! How objects look in JSON. Sources: the vendor's OpenAPI files and the bodies
//! that its own clients are tested with.

use confluent_cloud::ids::OwnerKind;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::FlinkRegion;
use crate::{
    ClusterConfig, Environment, KafkaCluster, Key, KsqldbCluster, Resource, RoleBinding,
    SchemaRegistry, ServiceAccount, User, World,
};

/// Authority of names in answers about API keys; all others say
/// `confluent.cloud`.
const KEYS_AUTHORITY: &str = "api.confluent.cloud";
const AUTHORITY: &str = "confluent.cloud";
/// How every user signs in: with a password.
pub(super) const AUTH_TYPE: &str = "AUTH_TYPE_LOCAL";

/// An API key; with its secret only where it was just made.
pub(super) fn api_key(world: &World, base: &str, key: &Key, secret: Option<&str>) -> Value {
    let (owner_kind, owners, word) = if key.owner.as_str().starts_with("u-") {
        ("User", "users", "user")
    } else {
        ("ServiceAccount", "service-accounts", "service-account")
    };
    let owner_name = name(world, KEYS_AUTHORITY, &format!("{word}={}", key.owner));
    let mut value = json!({
        "api_version": "iam/v2",
        "kind": "ApiKey",
        "id": key.id.as_str(),
        "metadata": {
            "self": format!("{base}/iam/v2/api-keys/{}", key.id),
            "resource_name": format!("{owner_name}/api-key={}", key.id),
            "created_at": time(key.created_at),
            "updated_at": time(key.updated_at),
        },
        "spec": {
            "display_name": key.display_name,
            "description": key.description,
            "secret": secret.unwrap_or_default(),
            "owner": {
                "api_version": "iam/v2",
                "kind": owner_kind,
                "id": key.owner.as_str(),
                "related": format!("{base}/iam/v2/{owners}/{}", key.owner),
                "resource_name": owner_name,
            },
        },
    });
    value["spec"]["resource"] = resource(world, base, &key.resource);
    value
}

/// What a key is for. Schema Registry and Flink name their environment, clusters
/// of Kafka and ksqlDB do not; what is no object has its word for all names.
fn resource(world: &World, base: &str, resource: &Resource) -> Value {
    let id = resource.id();
    let (api_version, kind, related, resource_name, environment) = match resource {
        Resource::KafkaCluster { .. } => (
            "cmk/v2",
            "Cluster",
            format!("{base}/cmk/v2/clusters/{id}"),
            name(world, KEYS_AUTHORITY, &format!("cluster={id}")),
            None,
        ),
        Resource::SchemaRegistry { environment, .. } => (
            "srcm/v2",
            "SchemaRegistry",
            format!("{base}/srcm/v2/clusters/{id}"),
            name(
                world,
                KEYS_AUTHORITY,
                &format!("environment={environment}/schema-registry={id}"),
            ),
            Some(environment),
        ),
        Resource::Ksqldb {
            environment,
            kafka_cluster,
            ..
        } => (
            "ksqldbcm/v2",
            "ksqlDB",
            format!("{base}/ksqldbcm/v2/clusters/{id}"),
            name(
                world,
                KEYS_AUTHORITY,
                &format!("environment={environment}/cloud-cluster={kafka_cluster}/ksql={id}"),
            ),
            None,
        ),
        Resource::FlinkRegion { environment, .. } => (
            "fcpm/v2",
            "Region",
            format!("{base}/fcpm/v2/regions"),
            name(
                world,
                KEYS_AUTHORITY,
                &format!("environment={environment}/flink-region={id}"),
            ),
            Some(environment),
        ),
        Resource::Tableflow => ("tableflow/v1", "Tableflow", id.into(), id.into(), None),
        Resource::Cloud => ("iam/v2", "Cloud", id.into(), id.into(), None),
        Resource::Global => ("global/v1", "Global", id.into(), id.into(), None),
    };
    let mut value = json!({
        "api_version": api_version,
        "kind": kind,
        "id": id,
        "related": related,
        "resource_name": resource_name,
    });
    if let Some(environment) = environment {
        value["environment"] = environment.as_str().into();
    }
    value
}

/// A service account.
pub(super) fn service_account(world: &World, base: &str, account: &ServiceAccount) -> Value {
    let id = &account.id;
    json!({
        "api_version": "iam/v2",
        "kind": "ServiceAccount",
        "id": id.as_str(),
        "metadata": metadata(
            (account.created_at, account.updated_at),
            &format!("{base}/iam/v2/service-accounts/{id}"),
            &name(world, AUTHORITY, &format!("service-account={id}")),
        ),
        "display_name": account.display_name,
        "description": account.description,
    })
}

/// An environment.
pub(super) fn environment(world: &World, base: &str, environment: &Environment) -> Value {
    let id = &environment.id;
    json!({
        "api_version": "org/v2",
        "kind": "Environment",
        "id": id.as_str(),
        "metadata": metadata(
            (environment.created_at, environment.updated_at),
            &format!("{base}/org/v2/environments/{id}"),
            &name(world, AUTHORITY, &format!("environment={id}")),
        ),
        "display_name": environment.display_name,
        "stream_governance_config": {"package": environment.package},
    })
}

/// A Kafka cluster.
pub(super) fn cluster(world: &World, base: &str, cluster: &KafkaCluster) -> Value {
    let (id, environment) = (&cluster.id, &cluster.environment);
    let within = format!("environment={environment}");
    let mut status = json!({"phase": "PROVISIONED"});
    if let ClusterConfig::Dedicated { cku, .. } = cluster.spec.config {
        status["cku"] = cku.into();
    }
    json!({
        "api_version": "cmk/v2",
        "kind": "Cluster",
        "id": id.as_str(),
        "metadata": metadata(
            (cluster.created_at, cluster.updated_at),
            &format!("{base}/cmk/v2/clusters/{id}"),
            &name(world, AUTHORITY, &format!("{within}/cloud-cluster={id}/kafka={id}")),
        ),
        "spec": {
            "display_name": cluster.display_name,
            "availability": cluster.spec.availability,
            "cloud": cluster.spec.cloud,
            "region": cluster.spec.region,
            "config": cluster.spec.config,
            "deletion_protection": cluster.spec.deletion_protection,
            "kafka_bootstrap_endpoint": cluster.bootstrap_endpoint(),
            "http_endpoint": world.http_endpoint(id),
            "environment": {
                "api_version": "org/v2",
                "kind": "Environment",
                "id": environment.as_str(),
                "related": format!("{base}/org/v2/environments/{environment}"),
                "resource_name": name(world, AUTHORITY, &within),
            },
        },
        "status": status,
    })
}

/// A Schema Registry.
pub(super) fn registry(world: &World, base: &str, registry: &SchemaRegistry) -> Value {
    let (id, environment) = (&registry.id, &registry.environment);
    let within = format!("environment={environment}");
    let address = world.http_endpoint(id);
    let package = world
        .environment(environment.as_str())
        .map(|here| here.package);
    json!({
        "api_version": "srcm/v3",
        "kind": "Cluster",
        "id": id.as_str(),
        "metadata": metadata(
            (registry.created_at, registry.created_at),
            &format!("{base}/srcm/v3/clusters/{id}"),
            &name(world, AUTHORITY, &format!("{within}/schema-registry={id}")),
        ),
        "spec": {
            "display_name": "Stream Governance Package",
            "package": package.unwrap_or_default(),
            "cloud": "AWS",
            "region": "us-east-1",
            "http_endpoint": address,
            "catalog_http_endpoint": address,
            "private_http_endpoint": "",
            "private_networking_config": {},
            "environment": {
                "id": environment.as_str(),
                "related": format!("{base}/org/v2/environments/{environment}"),
                "resource_name": name(world, AUTHORITY, &within),
            },
        },
        "status": {"phase": "PROVISIONED"},
    })
}

/// A ksqlDB cluster.
pub(super) fn ksqldb(world: &World, base: &str, cluster: &KsqldbCluster) -> Value {
    let (id, environment) = (&cluster.id, &cluster.environment);
    let (kafka, owner) = (&cluster.kafka_cluster, &cluster.credential_identity);
    let owner_kind = match owner.kind() {
        OwnerKind::ServiceAccount => "ServiceAccount",
        OwnerKind::User => "User",
    };
    let within = format!("environment={environment}/cloud-cluster={kafka}/ksql={id}");
    json!({
        "api_version": "ksqldbcm/v2",
        "kind": "Cluster",
        "id": id.as_str(),
        "metadata": metadata(
            (cluster.created_at, cluster.created_at),
            &format!("{base}/ksqldbcm/v2/clusters/{id}"),
            &name(world, AUTHORITY, &within),
        ),
        "spec": {
            "display_name": cluster.display_name,
            "csu": 4,
            "use_detailed_processing_log": true,
            "kafka_cluster": {
                "api_version": "cmk/v2",
                "kind": "Cluster",
                "id": kafka.as_str(),
                "environment": environment.as_str(),
            },
            "credential_identity": {
                "api_version": "iam/v2",
                "kind": owner_kind,
                "id": owner.as_str(),
            },
            "environment": {"id": environment.as_str()},
        },
        "status": {
            "phase": "PROVISIONED",
            "is_paused": false,
            "topic_prefix": id.as_str().replacen("lksqlc", "pksqlc", 1),
            "storage": 125,
            "http_endpoint": world.http_endpoint(id),
        },
    })
}

/// A region of Flink.
pub(super) fn flink_region(world: &World, base: &str, region: &FlinkRegion) -> Value {
    let (id, cloud) = (region.id(), region.cloud.to_ascii_uppercase());
    json!({
        "api_version": "fcpm/v2",
        "kind": "Region",
        "id": id,
        "metadata": {"self": format!("{base}/fcpm/v2/regions")},
        "cloud": cloud,
        "region_name": region.name,
        "display_name": region.display_name,
        "http_endpoint": world.address(&format!("flink.{}.{}", region.name, region.cloud)),
        "private_http_endpoint": "",
    })
}

/// A user.
pub(super) fn user(world: &World, base: &str, user: &User) -> Value {
    let id = &user.id;
    json!({
        "api_version": "iam/v2",
        "kind": "User",
        "id": id.as_str(),
        "metadata": metadata(
            (user.created_at, user.updated_at),
            &format!("{base}/iam/v2/users/{id}"),
            &name(world, AUTHORITY, &format!("user={id}")),
        ),
        "email": user.email,
        "full_name": user.full_name,
        "auth_type": AUTH_TYPE,
    })
}

/// A role binding.
pub(super) fn role_binding(world: &World, base: &str, binding: &RoleBinding) -> Value {
    let id = &binding.id;
    json!({
        "api_version": "iam/v2",
        "kind": "RoleBinding",
        "id": id.as_str(),
        "metadata": metadata(
            (binding.created_at, binding.created_at),
            &format!("{base}/iam/v2/role-bindings/{id}"),
            &name(world, AUTHORITY, &format!("rolebinding={id}")),
        ),
        "principal": binding.principal,
        "role_name": binding.role_name,
        "crn_pattern": binding.crn_pattern,
    })
}

/// The organization.
pub(super) fn organization(world: &World, base: &str) -> Value {
    let id = world.organization();
    let settings = world.organization_settings();
    let times = (world.began_at(), world.organization_updated_at());
    json!({
        "api_version": "org/v2",
        "kind": "Organization",
        "id": id.as_str(),
        "metadata": metadata(
            times,
            &format!("{base}/org/v2/organizations/{id}"),
            &world.organization_name(),
        ),
        "display_name": settings.display_name,
        "jit_enabled": settings.jit_enabled,
        "scim_enabled": settings.scim_enabled,
    })
}

fn metadata((created, updated): (Timestamp, Timestamp), this: &str, resource_name: &str) -> Value {
    json!({
        "self": this,
        "resource_name": resource_name,
        "created_at": time(created),
        "updated_at": time(updated),
    })
}

/// The name of something in the organization, worldwide.
fn name(world: &World, authority: &str, within: &str) -> String {
    format!(
        "crn://{authority}/organization={}/{within}",
        world.organization()
    )
}

fn time(time: Timestamp) -> String {
    format!("{time:.6}")
}
