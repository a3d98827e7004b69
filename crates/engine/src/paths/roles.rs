//! `role/<name>` and its list: for whom and for what keys are made.
//! `roles/` is accepted in its place.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Fields, Path, answer, generic_name, probe};
use logical::{Error, Object, Operation, Response};

use crate::control_plane::Target;
use crate::ids::{EnvironmentId, Generation, OwnerId, ResourceId, RoleName};
use crate::role::Role;
use crate::state::Engine;

/// Fields that the Go plugin took by accident: with them a role's writer could
/// have any key deleted.
const NEVER_WRITTEN: [&str; 3] = ["cc_key_id", "cc_key_secret", "usage_count"];

/// The row that lists roles.
pub(crate) fn list() -> Path<Engine> {
    Path::new("roles?/?")
        .on(
            Operation::List,
            answer(|engine: Arc<Engine>, _| async move {
                Ok(Some(Response::list(engine.roles.list().await?)))
            }),
        )
        .help("Lists the roles.", "")
}

/// The row of one role.
pub(crate) fn path() -> Path<Engine> {
    Path::new(format!("roles?/{}", generic_name("name")))
        .fields(fields())
        .on(Operation::Read, answer(read))
        .on_write(answer(write))
        .on(Operation::Delete, answer(delete))
        .existence(probe(|engine: Arc<Engine>, call: Call| async move {
            Ok(engine.roles.get(&name(&call.fields)).await?.is_some())
        }))
        .help(
            "A role: for whom and for what keys are made, and for how long.",
            "Only `owner` is required. Without a `resource` the keys are Cloud API keys. A role that \
             is given another owner or resource hands out new keys from then on; leases of earlier \
             keys run to their end but are not extended. The same holds for a role that is deleted.",
        )
}

fn fields() -> [Field; 10] {
    [
        Field::new("name", FieldKind::LowerCase, "Name of the role."),
        Field::new(
            "owner",
            FieldKind::Text,
            "Id of the service account (sa-…) or user (u-…) that owns the keys.",
        ),
        Field::new(
            "owner_env",
            FieldKind::Text,
            "Id of the owner's environment. Not needed; kept for the Go plugin's users.",
        ),
        Field::new(
            "resource",
            FieldKind::Text,
            "Id of what the keys give access to: lkc-…, lsrc-…, lksqlc-…, a Flink region such as \
             aws.us-east-1, tableflow, cloud or global. Default: cloud.",
        ),
        Field::new(
            "resource_env",
            FieldKind::Text,
            "Id of the resource's environment. Needed for Flink regions.",
        ),
        Field::new(
            "ttl",
            FieldKind::DurationSeconds,
            "Time to live of a lease. Zero: the mount's.",
        ),
        Field::new(
            "max_ttl",
            FieldKind::DurationSeconds,
            "Longest life of a lease with all renewals. Zero: the mount's.",
        ),
        Field::new(
            "key_description",
            FieldKind::Text,
            "Description of the keys at Confluent Cloud. Default: mount, role and requester.",
        ),
        Field::new(
            "description",
            FieldKind::Text,
            "Another name of key_description.",
        ),
        Field::new(
            "multi_use_key",
            FieldKind::Flag,
            "Whether all readers of the role get one key, which lives as long as its last lease. \
             Default: false, a key for each lease.",
        ),
    ]
}

fn name(fields: &Fields) -> RoleName {
    RoleName::new(fields.text("name"))
}

async fn read(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    let role = engine.roles.get(&name(&call.fields)).await?;
    Ok(role.map(|role| Response::with_data(shown(&role))))
}

fn shown(role: &Role) -> Object {
    let environment = |id: &Option<EnvironmentId>| {
        id.as_ref()
            .map_or_else(String::new, |id| id.as_str().to_owned())
    };
    let mut data = Object::new();
    data.insert("owner".into(), role.target.owner.as_str().into());
    data.insert(
        "owner_env".into(),
        environment(&role.owner_environment).into(),
    );
    data.insert("resource".into(), role.target.resource.as_str().into());
    data.insert(
        "resource_env".into(),
        environment(&role.target.environment).into(),
    );
    data.insert("ttl".into(), role.ttl_seconds.into());
    data.insert("max_ttl".into(), role.max_ttl_seconds.into());
    data.insert(
        "key_description".into(),
        role.key_description.clone().into(),
    );
    data.insert("multi_use_key".into(), role.multi_use_key.into());
    data
}

async fn write(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    if let Some(refused) = NEVER_WRITTEN
        .iter()
        .find(|field| call.request.data.contains_key(**field))
    {
        return Err(Error::bad_request(format!(
            "`{refused}` is kept by the engine and cannot be written: leave it out"
        )));
    }
    let _writing = engine.writing.lock().await;
    let name = name(&call.fields);
    let current = engine.roles.get(&name).await?;
    let generation = Generation::random(&*engine.entropy);
    let role = merge(name, current.as_ref(), &call.fields, generation)?;
    engine.roles.put(&role).await?;
    if let Some(earlier) = current
        && earlier.generation != role.generation
    {
        forget_shared(&engine, &earlier).await?;
    }
    Ok(None)
}

/// The new role: what the request gives over what is stored. A new target
/// brings a new generation, so that nobody is handed the earlier key.
fn merge(
    name: RoleName,
    current: Option<&Role>,
    fields: &Fields,
    generation: Generation,
) -> Result<Role, Error> {
    let target = merge_target(current.map(|role| &role.target), fields)?;
    let seconds = |field: &str, stored: fn(&Role) -> u64| {
        fields
            .duration(field)
            .map(|duration| duration.as_secs())
            .or_else(|| current.map(stored))
            .unwrap_or(0)
    };
    let ttl_seconds = seconds("ttl", |role| role.ttl_seconds);
    let max_ttl_seconds = seconds("max_ttl", |role| role.max_ttl_seconds);
    if max_ttl_seconds > 0 && ttl_seconds > max_ttl_seconds {
        return Err(Error::bad_request(format!(
            "`ttl` of {ttl_seconds} seconds is longer than `max_ttl` of {max_ttl_seconds}: shorten \
             the one or lengthen the other"
        )));
    }
    let description = fields
        .text_given("key_description")
        .or_else(|| fields.text_given("description"))
        .or_else(|| current.map(|role| role.key_description.as_str()));
    let generation = current
        .filter(|role| role.target == target)
        .map_or(generation, |role| role.generation.clone());
    Ok(Role {
        name,
        target,
        owner_environment: merge_environment(
            "owner_env",
            current.and_then(|role| role.owner_environment.as_ref()),
            fields,
        )?,
        ttl_seconds,
        max_ttl_seconds,
        key_description: description.unwrap_or_default().to_owned(),
        multi_use_key: fields
            .flag("multi_use_key")
            .or_else(|| current.map(|role| role.multi_use_key))
            .unwrap_or(false),
        generation,
    })
}

fn merge_target(current: Option<&Target>, fields: &Fields) -> Result<Target, Error> {
    let owner = fields
        .text_given("owner")
        .or_else(|| current.map(|target| target.owner.as_str()))
        .unwrap_or("")
        .trim();
    if owner.is_empty() {
        return Err(Error::bad_request(
            "`owner` is missing: give the id of a service account (sa-…) or user (u-…)",
        ));
    }
    if !(owner.starts_with("sa-") || owner.starts_with("u-")) || !is_id(owner) {
        return Err(Error::bad_request(format!(
            "`owner` is {owner:?}, which is no id of a service account (sa-…) or user (u-…)"
        )));
    }
    let resource = fields
        .text_given("resource")
        .or_else(|| current.map(|target| target.resource.as_str()))
        .map(str::trim)
        .filter(|resource| !resource.is_empty())
        .unwrap_or("cloud");
    let resource = resource_id(resource)?;
    let environment = merge_environment(
        "resource_env",
        current.and_then(|target| target.environment.as_ref()),
        fields,
    )?;
    if is_flink_region(resource.as_str()) && environment.is_none() {
        return Err(Error::bad_request(format!(
            "`resource_env` is missing: Flink region `{resource}` needs the id of its environment \
             (env-…)"
        )));
    }
    Ok(Target {
        owner: OwnerId::new(owner),
        resource,
        environment,
    })
}

fn resource_id(text: &str) -> Result<ResourceId, Error> {
    let lower = text.to_ascii_lowercase();
    if ["cloud", "global", "tableflow"].contains(&lower.as_str()) {
        return Ok(ResourceId::new(lower));
    }
    let known = ["lkc-", "lsrc-", "lksqlc-"]
        .iter()
        .any(|prefix| text.starts_with(prefix));
    if is_id(text) && (known || is_flink_region(text)) {
        return Ok(ResourceId::new(text));
    }
    Err(Error::bad_request(format!(
        "`resource` is {text:?}, which is no id of a Kafka cluster (lkc-…), Schema Registry (lsrc-…), \
         ksqlDB cluster (lksqlc-…) or Flink region (aws.us-east-1), and none of tableflow, cloud and \
         global"
    )))
}

fn is_flink_region(resource: &str) -> bool {
    ["aws.", "gcp.", "azure."]
        .iter()
        .any(|cloud| resource.starts_with(cloud))
}

fn merge_environment(
    field: &str,
    current: Option<&EnvironmentId>,
    fields: &Fields,
) -> Result<Option<EnvironmentId>, Error> {
    let Some(given) = fields.text_given(field).map(str::trim) else {
        return Ok(current.cloned());
    };
    if given.is_empty() {
        return Ok(None);
    }
    if !given.starts_with("env-") || !is_id(given) {
        return Err(Error::bad_request(format!(
            "`{field}` is {given:?}, which is no id of an environment (env-…)"
        )));
    }
    Ok(Some(EnvironmentId::new(given)))
}

/// Confluent's ids are up to 255 characters; these are the ones they are made
/// of.
fn is_id(text: &str) -> bool {
    text.len() <= 255
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

async fn delete(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    let _writing = engine.writing.lock().await;
    let name = name(&call.fields);
    if let Some(role) = engine.roles.get(&name).await? {
        engine.roles.delete(&name).await?;
        forget_shared(&engine, &role).await?;
    }
    Ok(None)
}

async fn forget_shared(engine: &Engine, role: &Role) -> Result<(), Error> {
    engine.slots.forget(&role.generation);
    engine.ledger.store.forget_shared(&role.generation).await
}
