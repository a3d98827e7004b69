//! `role/<name>` and its list: for whom and for what keys are made.
//! `roles/` is accepted in its place.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Fields, Path, answer, probe};
use logical::{Error, Object, Operation, Response};

use super::names::{ROLE_SEGMENT, role_field, role_name};
use super::times::Times;
use super::{caps, output, readiness, sharing, spares, target, times};
use crate::caps::limit_of;
use crate::ids::{Generation, RoleName};
use crate::ledger::Limit;
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
        times::show(times_of(&role), &mut about);
        sharing::show(role.sharing, &mut about);
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

fn fields() -> Vec<Field> {
    let mut fields = vec![role_field()];
    fields.extend(target::fields());
    fields.extend(times::fields());
    fields.extend([
        Field::new(
            "owner_env",
            FieldKind::Text,
            "Id of the owner's environment. Not needed; kept for the Go plugin's users.",
        ),
        Field::new(
            "key_description",
            FieldKind::Text,
            "Description of the keys at Confluent Cloud. Default: mount, role and requester.",
        ),
        Field::new("description", FieldKind::Text, "Alias of key_description."),
        output::field(),
    ]);
    fields.extend(readiness::fields_of_roles());
    fields.extend(spares::fields());
    fields.extend(sharing::fields());
    fields.extend(caps::fields());
    fields
}

async fn read(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    let name = role_name(&engine, &call).await?;
    let Some(role) = engine.roles.get(&name).await? else {
        return Ok(None);
    };
    let mut data = shown(&role);
    if role.spares.count() > 0 {
        spares::show_counts(engine.spares_in_storage(&role).await?, &mut data);
    }
    Ok(Some(Response::with_data(data)))
}

fn shown(role: &Role) -> Object {
    let mut data = Object::new();
    target::show(&role.target, &mut data);
    times::show(times_of(role), &mut data);
    let owner_environment = target::environment_text(role.owner_environment.as_ref());
    data.insert("owner_env".into(), owner_environment.into());
    let description = role.key_description.as_str();
    data.insert("key_description".into(), description.into());
    sharing::show(role.sharing, &mut data);
    caps::show(role.caps, &mut data);
    output::show(&role.output, &mut data);
    readiness::show_of_role(&role.readiness, &mut data);
    spares::show(&role.spares, &mut data);
    data
}

fn times_of(role: &Role) -> Times {
    Times {
        ttl: role.ttl_seconds,
        max_ttl: role.max_ttl_seconds,
    }
}

async fn write(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    let name = role_name(&engine, &call).await?;
    let worker = Arc::clone(&engine);
    let change = async move { change(&worker, name, &call.fields).await };
    let warnings = engine.run_to_completion(change).await?;
    Ok((!warnings.is_empty()).then(|| Response::default().with_warnings(warnings)))
}

/// Merges and stores a role. Gives warnings.
async fn change(
    engine: &Arc<Engine>,
    name: RoleName,
    fields: &Fields,
) -> Result<Vec<String>, Error> {
    let lock = engine.roles.lock(&name).await;
    let current = engine.roles.get(&name).await?;
    let generation = Generation::random(&*engine.entropy);
    let role = merge(name, current.as_ref(), fields, generation)?;
    engine.roles.put(&role).await?;
    let limit = limit_of(role.caps);
    engine.ledger.occupancy.change_limit(&role.name, limit);
    let has_new_target = current
        .as_ref()
        .is_none_or(|earlier| earlier.target != role.target);
    if let Some(earlier) = &current
        && earlier.generation != role.generation
    {
        forget_shared(engine, earlier).await?;
    }
    drop(lock);
    engine.tend_changed_role(current.as_ref(), Some(&role));
    if role.output.needs_address() || role.asks_readiness() {
        engine.look_up_for_writer(&role.target).await;
    }
    let mut warnings = Vec::new();
    if current.is_none() && target::defaults_resource(fields) {
        warnings.push(
            "`resource` was not given, so the role makes Cloud API keys (`resource=cloud`), which \
             open Confluent Cloud's own API: give the id of a cluster for keys of that cluster"
                .to_owned(),
        );
    }
    warnings.extend(sharing::warn(role.sharing, role.ttl()));
    // The role is stored: a host that does not tell its limit fails nothing.
    if let Ok(longest) = engine.system.max_lease_ttl().await {
        warnings.extend(role.capped_by(longest));
    }
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
    let target = target::parse(current.map(|role| &role.target), fields)?;
    let times = times::parse(current.map(times_of), fields)?;
    let readiness = readiness::parse_of_role(current.map(|role| role.readiness), &target, fields)?;
    let description = fields
        .text_given("key_description")
        .or_else(|| fields.text_given("description"))
        .or_else(|| current.map(|role| role.key_description.as_str()));
    let generation = current
        .filter(|role| role.target == target)
        .map_or(generation, |role| role.generation.clone());
    let sharing = sharing::parse(current.map(|role| role.sharing), fields)?;
    let spares = spares::parse(current.map(|role| role.spares), &readiness, fields)?;
    spares::fit(&spares, sharing)?;
    Ok(Role {
        name,
        owner_environment: target::parse_environment(
            "owner_env",
            current.and_then(|role| role.owner_environment.as_ref()),
            fields,
        )?,
        ttl_seconds: times.ttl,
        max_ttl_seconds: times.max_ttl,
        key_description: description.unwrap_or_default().to_owned(),
        sharing,
        caps: caps::parse(current.map(|role| role.caps), fields)?,
        output: output::parse(current.map(|role| &role.output), &target, fields)?,
        spares,
        readiness,
        target,
        generation,
    })
}

async fn delete(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    let name = role_name(&engine, &call).await?;
    let worker = Arc::clone(&engine);
    let change = async move {
        let _lock = worker.roles.lock(&name).await;
        if let Some(role) = worker.roles.get(&name).await? {
            worker.roles.delete(&name).await?;
            let occupancy = &worker.ledger.occupancy;
            occupancy.change_limit(&name, Limit::default());
            forget_shared(&worker, &role).await?;
            worker.tend_changed_role(Some(&role), None);
        }
        Ok(None)
    };
    engine.run_to_completion(change).await
}

async fn forget_shared(engine: &Engine, role: &Role) -> Result<(), Error> {
    engine.slots.forget(&role.generation);
    engine.ledger.store.forget_shared(&role.generation).await
}
