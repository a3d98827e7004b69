//! `static-role/<name>`, its list and its status: one key that all readers get,
//! replaced without a gap. `static-roles/` is accepted in its place.

use std::sync::Arc;

use logical::framework::{Call, Fields, Path, answer, probe};
use logical::{Error, Object, Operation, Response};

use super::names::{ROLE_SEGMENT, role_field, role_name};
use super::{readiness, rotation, target};
use crate::ids::RoleName;
use crate::rotation::Settings;
use crate::state::Engine;
use crate::static_role::StaticRole;

/// How many static roles are listed with what they are for: each is a read.
const DESCRIBED: usize = 500;

/// The row that lists static roles.
pub(crate) fn list() -> Path<Engine> {
    Path::new("static-roles?/?")
        .on(
            Operation::List,
            answer(|engine: Arc<Engine>, _| async move { listed(&engine).await }),
        )
        .help(
            "Lists the static roles.",
            "The first 500 with their owner, resource and last rotation, in `key_info`.",
        )
}

async fn listed(engine: &Engine) -> Result<Option<Response>, Error> {
    let names = engine.static_roles.list().await?;
    let described = &names[..names.len().min(DESCRIBED)];
    let mut info = Object::new();
    for role in engine.static_roles.named(described).await? {
        let mut about = Object::new();
        about.insert("owner".into(), role.target.owner.as_str().into());
        about.insert("resource".into(), role.target.resource.as_str().into());
        rotation::show_last(&role, &mut about);
        info.insert(role.name.as_str().to_owned(), about.into());
    }
    let mut response = Response::list(names);
    if let (Some(data), false) = (&mut response.data, info.is_empty()) {
        data.insert("key_info".into(), info.into());
    }
    Ok(Some(response))
}

/// The row of one static role.
pub(crate) fn path() -> Path<Engine> {
    let mut fields = vec![role_field()];
    fields.extend(target::fields());
    fields.push(rotation::description_field());
    fields.extend(rotation::fields());
    fields.extend(readiness::fields_of_static_roles());
    Path::new(format!("static-roles?/{ROLE_SEGMENT}"))
        .fields(fields)
        .strict()
        .on(Operation::Read, answer(read))
        .on_write(answer(write))
        .on(Operation::Delete, answer(delete))
        .existence(probe(|engine: Arc<Engine>, call: Call| async move {
            // The write refuses a name that is none.
            match role_name(&engine, &call).await {
                Ok(name) => Ok(engine.static_roles.get(&name).await?.is_some()),
                Err(_) => Ok(false),
            }
        }))
        .help(
            "A static role: one key that all readers get, replaced again and again.",
            "`owner` is required, and one of `rotation_period`, `rotation_schedule` and \
             `rotation=manual`. A new key is made and proven before readers get it, and the old one \
             lives on for `grace`. Writing a new static role makes its first key. Deleting one \
             leaves its key alive for `grace`; writing the same one again in that time takes the \
             key back.",
        )
}

/// The row of the status of a static role.
pub(crate) fn status() -> Path<Engine> {
    Path::new(format!("static-roles?/{ROLE_SEGMENT}/status"))
        .fields([role_field()])
        .on(Operation::Read, answer(read_status))
        .help(
            "How a static role is: its version, its keys, its next rotation and the last error.",
            "Nothing here is secret. `stage` is `idle`, `making`, `proving`, `ready` or `failed`.",
        )
}

async fn read(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    let name = role_name(&engine, &call).await?;
    let role = engine.static_roles.get(&name).await?;
    Ok(role.map(|role| Response::with_data(shown(&role))))
}

fn shown(role: &StaticRole) -> Object {
    let mut data = Object::new();
    target::show(&role.target, &mut data);
    let description = role.key_description.as_str();
    data.insert("key_description".into(), description.into());
    rotation::show(role, &mut data);
    readiness::show_of_static_role(&role.readiness, &mut data);
    rotation::show_last(role, &mut data);
    data
}

async fn write(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let name = role_name(&engine, &call).await?;
    let worker = Arc::clone(&engine);
    let change = async move {
        let fields = call.fields;
        let is_new = worker.static_roles.get(&name).await?.is_none();
        let role = worker
            .write_static_role(name, |stored| merge(stored, &fields))
            .await?;
        let mut warnings = Vec::new();
        if is_new && target::defaults_resource(&fields) {
            warnings.push(
                "`resource` was not given, so the key is a Cloud API key (`resource=cloud`), which \
                 opens Confluent Cloud's own API: give the id of a cluster for a key of that cluster"
                    .to_owned(),
            );
        }
        if is_new && role.served.is_none() {
            warnings.push(format!(
                "the first key of `{}` is being proven: `static-role/{}/status` tells when it is \
                 served",
                role.name, role.name
            ));
        }
        Ok::<_, Error>(warnings)
    };
    let warnings = engine.to_its_end(change).await?;
    Ok((!warnings.is_empty()).then(|| Response::default().with_warnings(warnings)))
}

/// What the request gives over what is stored.
fn merge(stored: Option<&StaticRole>, fields: &Fields) -> Result<Settings, Error> {
    let target = target::parse(stored.map(|role| &role.target), fields)?;
    let description = fields
        .text_given("key_description")
        .or_else(|| stored.map(|role| role.key_description.as_str()));
    Ok(Settings {
        key_description: description.unwrap_or_default().to_owned(),
        timing: rotation::parse_timing(stored.map(|role| &role.timing), fields)?,
        overlap: rotation::parse_overlap(stored, fields),
        readiness: readiness::parse_of_static_role(
            stored.map(|role| role.readiness),
            &target,
            fields,
        )?,
        target,
    })
}

async fn delete(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let name: RoleName = role_name(&engine, &call).await?;
    let worker = Arc::clone(&engine);
    let change = async move { worker.delete_static_role(&name).await };
    engine.to_its_end(change).await?;
    Ok(None)
}

async fn read_status(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let name = role_name(&engine, &call).await?;
    let Some(report) = engine.report(&name).await? else {
        return Ok(None);
    };
    let time = |time: Option<jiff::Timestamp>| time.map_or_else(String::new, |at| at.to_string());
    let mut data = Object::new();
    data.insert("healthy".into(), report.is_healthy.into());
    data.insert("version".into(), report.version.into());
    data.insert("stage".into(), report.stage.into());
    data.insert("key_id".into(), report.key.into());
    data.insert("proven".into(), report.proven.into());
    data.insert("next_rotation".into(), time(report.next_rotation).into());
    data.insert("begins".into(), time(report.begins).into());
    data.insert("pending_key_id".into(), report.pending.into());
    data.insert("previous_key_id".into(), report.previous.into());
    let until = time(report.previous_until);
    data.insert("previous_key_until".into(), until.into());
    data.insert("attempts".into(), report.attempts.into());
    data.insert("last_error".into(), report.last_error.into());
    data.insert("retry_at".into(), time(report.retry_at).into());
    Ok(Some(Response::with_data(data)))
}
