//! `role/<name>` and its list: for whom and for what keys are made.
//! `roles/` is accepted in its place.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Fields, Path, answer, probe};
use logical::{Error, Object, Operation, Response};

use super::names::{ROLE_SEGMENT, role_field, role_name};
use crate::control_plane::Target;
use crate::ids::{EnvironmentId, Generation, OwnerId, ResourceId, ResourceKind, RoleName};
use crate::role::Role;
use crate::state::Engine;

/// How many roles are listed with what they are for: each is a read.
const DESCRIBED: usize = 500;

/// The row that lists roles.
pub(crate) fn list() -> Path<Engine> {
    Path::new("roles?/?")
        .on(
            Operation::List,
            answer(|engine: Arc<Engine>, _| async move { listed(&engine).await }),
        )
        .help(
            "Lists the roles.",
            "The first 500 with their owner, resource and times, in `key_info`.",
        )
}

async fn listed(engine: &Engine) -> Result<Option<Response>, Error> {
    let names = engine.roles.list().await?;
    let described = &names[..names.len().min(DESCRIBED)];
    let mut info = Object::new();
    for role in engine.roles.named(described).await? {
        let mut about = Object::new();
        about.insert("owner".into(), role.target.owner.as_str().into());
        about.insert("resource".into(), role.target.resource.as_str().into());
        about.insert("ttl".into(), role.ttl_seconds.into());
        about.insert("max_ttl".into(), role.max_ttl_seconds.into());
        about.insert("multi_use_key".into(), role.multi_use_key.into());
        info.insert(role.name.as_str().to_owned(), about.into());
    }
    let mut response = Response::list(names);
    if let (Some(data), false) = (&mut response.data, info.is_empty()) {
        data.insert("key_info".into(), info.into());
    }
    Ok(Some(response))
}

/// The row of one role.
pub(crate) fn path() -> Path<Engine> {
    Path::new(format!("roles?/{ROLE_SEGMENT}"))
        .fields(fields())
        .strict()
        .on(Operation::Read, answer(read))
        .on_write(answer(write))
        .on(Operation::Delete, answer(delete))
        .existence(probe(|engine: Arc<Engine>, call: Call| async move {
            // The write refuses a name that is none.
            match role_name(&engine, &call).await {
                Ok(name) => Ok(engine.roles.get(&name).await?.is_some()),
                Err(_) => Ok(false),
            }
        }))
        .help(
            "A role: the owner and resource that keys are made for, and how long their leases live.",
            "Only `owner` is required. Without a `resource` the keys are Cloud API keys. A role that \
             is given another owner or resource hands out new keys from then on; leases of earlier \
             keys run to their end but are not extended. The same holds for a role that is deleted.",
        )
}

fn fields() -> [Field; 10] {
    [
        role_field(),
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
            "Maximum life of a lease, renewals included. Zero: the mount's.",
        ),
        Field::new(
            "key_description",
            FieldKind::Text,
            "Description of the keys at Confluent Cloud. Default: mount, role and requester.",
        ),
        Field::new("description", FieldKind::Text, "Alias of key_description."),
        Field::new(
            "multi_use_key",
            FieldKind::Flag,
            "Whether all readers of the role share one key, which lives as long as its last lease. \
             Default: false, a key for each lease.",
        ),
    ]
}

async fn read(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    let name = role_name(&engine, &call).await?;
    let role = engine.roles.get(&name).await?;
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
    let name = role_name(&engine, &call).await?;
    let worker = Arc::clone(&engine);
    let change = async move { change(&worker, name, &call.fields).await };
    let warnings = engine.to_its_end(change).await?;
    Ok((!warnings.is_empty()).then(|| Response::default().with_warnings(warnings)))
}

/// Merges and stores a role. Gives warnings.
async fn change(engine: &Engine, name: RoleName, fields: &Fields) -> Result<Vec<String>, Error> {
    let lock = engine.roles.lock(&name).await;
    let current = engine.roles.get(&name).await?;
    let generation = Generation::random(&*engine.entropy);
    let role = merge(name, current.as_ref(), fields, generation)?;
    engine.roles.put(&role).await?;
    let has_new_target = current
        .as_ref()
        .is_none_or(|earlier| earlier.target != role.target);
    if let Some(earlier) = &current
        && earlier.generation != role.generation
    {
        forget_shared(engine, earlier).await?;
    }
    drop(lock);
    let mut warnings = Vec::new();
    let resource = fields.text_given("resource").map(str::trim);
    if current.is_none() && resource.unwrap_or_default().is_empty() {
        warnings.push(
            "`resource` was not given, so the role makes Cloud API keys (`resource=cloud`), which \
             open Confluent Cloud's own API: give the id of a cluster for keys of that cluster"
                .to_owned(),
        );
    }
    warnings.extend(role.capped_by(engine.system.max_lease_ttl().await?));
    if has_new_target {
        warnings.extend(engine.absent_of(&role.target).await);
    }
    Ok(warnings)
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
    let owner = OwnerId::parse(owner).ok_or_else(|| {
        Error::bad_request(format!(
            "`owner` is {owner:?}, which is no id of a service account (sa-…) or user (u-…)"
        ))
    })?;
    let resource = fields
        .text_given("resource")
        .or_else(|| current.map(|target| target.resource.as_str()))
        .map(str::trim)
        .filter(|resource| !resource.is_empty())
        .unwrap_or("cloud");
    let resource = ResourceId::parse(resource).ok_or_else(|| {
        Error::bad_request(format!(
            "`resource` is {resource:?}, which is no id of a Kafka cluster (lkc-…), Schema Registry \
             (lsrc-…), ksqlDB cluster (lksqlc-…) or Flink region (aws.us-east-1), and none of \
             tableflow, cloud and global"
        ))
    })?;
    let environment = merge_environment(
        "resource_env",
        current.and_then(|target| target.environment.as_ref()),
        fields,
    )?;
    if resource.kind() == Some(ResourceKind::FlinkRegion) && environment.is_none() {
        return Err(Error::bad_request(format!(
            "`resource_env` is missing: Flink region `{resource}` needs the id of its environment \
             (env-…)"
        )));
    }
    Ok(Target {
        owner,
        resource,
        environment,
    })
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
    let environment = EnvironmentId::parse(given).ok_or_else(|| {
        Error::bad_request(format!(
            "`{field}` is {given:?}, which is no id of an environment (env-…)"
        ))
    })?;
    Ok(Some(environment))
}

async fn delete(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    let name = role_name(&engine, &call).await?;
    let worker = Arc::clone(&engine);
    let change = async move {
        let _lock = worker.roles.lock(&name).await;
        if let Some(role) = worker.roles.get(&name).await? {
            worker.roles.delete(&name).await?;
            forget_shared(&worker, &role).await?;
        }
        Ok(None)
    };
    engine.to_its_end(change).await
}

async fn forget_shared(engine: &Engine, role: &Role) -> Result<(), Error> {
    engine.slots.forget(&role.generation);
    engine.ledger.store.forget_shared(&role.generation).await
}
