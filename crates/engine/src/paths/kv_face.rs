//! `data/<name>` and `metadata/<name>`: the keys of static roles as a KV version 2
//! engine answers, for clients that support nothing else. Read-only.

use std::sync::Arc;

use jiff::Timestamp;
use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Object, Operation, Response};
use serde_json::Value;

use super::names::{ROLE_SEGMENT, role_field, role_name};
use super::output;
use super::rotation::rotation_time;
use crate::ids::RoleName;
use crate::state::Engine;

/// The row of the data.
pub(crate) fn data() -> Path<Engine> {
    Path::new(format!("data/{ROLE_SEGMENT}"))
        .fields([
            role_field(),
            Field::new(
                "version",
                FieldKind::Integer,
                "The version to read: the present one, or the one before while its grace lasts. \
                 Default: 0, the present one.",
            )
            .query(),
        ])
        .on(Operation::Read, answer(read))
        .help(
            "The key of a static role, in the form of a KV version 2 engine.",
            "For clients that read nothing else. It cannot be written. 404 means that there is no such \
             static role; until its first key is ready the answer is 503, since some clients delete \
             what they made of a secret that is not found.",
        )
}

/// The row of the metadata.
pub(crate) fn metadata() -> Path<Engine> {
    Path::new(format!("metadata/{ROLE_SEGMENT}"))
        .fields([role_field()])
        .on(Operation::Read, answer(read_metadata))
        .help(
            "The versions of a static role, in the form of a KV version 2 engine.",
            "The present version, and the one before while its grace lasts.",
        )
}

/// The row that lists static roles.
pub(crate) fn list() -> Path<Engine> {
    Path::new("metadata/?")
        .on(
            Operation::List,
            answer(|engine: Arc<Engine>, _| async move {
                let names = engine.static_roles.list().await?;
                Ok((!names.is_empty()).then(|| Response::list(names)))
            }),
        )
        .help(
            "Lists the static roles, as a KV version 2 engine lists.",
            "",
        )
}

async fn read(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    let name = role_name(&engine, &call).await?;
    let wanted = call.fields.integer("version").unwrap_or(0);
    let wanted = u64::try_from(wanted).map_err(|_| {
        Error::bad_request(format!(
            "`version` is {wanted}: give 0 or the number of a version"
        ))
    })?;
    if engine.static_roles.for_reader(&name).await?.is_none() {
        return Ok(None);
    }
    let served = engine.serve(&name, &call.request.mount_point).await?;
    if wanted == 0 || wanted == served.version {
        let data = output::of_key(&engine, &served.outputs, &served.key, &served.target).await?;
        return Ok(Some(answered(data, version(served.version, served.since))));
    }
    if wanted + 1 == served.version {
        engine.require_active().await?;
        if let Some(before) = engine.previous_key(&name).await? {
            let data =
                output::of_key(&engine, &before.outputs, &before.key, &before.target).await?;
            let since = before.role.previous.and_then(|previous| previous.since);
            return Ok(Some(answered(
                data,
                version(wanted, since.unwrap_or(served.since)),
            )));
        }
    }
    Ok(None)
}

async fn read_metadata(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    let name: RoleName = role_name(&engine, &call).await?;
    let Some(role) = engine.static_roles.for_reader(&name).await? else {
        return Ok(None);
    };
    let since = role.served.as_ref().map(|served| served.since);
    let now = engine.clock.now();
    let previous = role.previous.as_ref();
    let previous = previous.filter(|previous| previous.until > now);
    let mut versions = Object::new();
    let mut oldest = role.version;
    if let (Some(previous), Some(since)) = (previous, since) {
        oldest = role.version.saturating_sub(1);
        let since = previous.since.unwrap_or(since);
        versions.insert(oldest.to_string(), about(since).into());
    }
    if let Some(since) = since {
        versions.insert(role.version.to_string(), about(since).into());
    }
    // Clients read these as times, so they are never empty.
    let begun = role.rotation.as_ref().map(|rotation| rotation.begun);
    let time = rotation_time(since.or(begun).unwrap_or(now));
    let mut data = Object::new();
    let mut insert = |name: &str, value: Value| data.insert(name.to_owned(), value);
    insert("cas_required", false.into());
    insert("created_time", time.clone().into());
    insert("current_version", role.version.into());
    insert("custom_metadata", Value::Null);
    insert("delete_version_after", "0s".into());
    insert("max_versions", 2.into());
    insert("oldest_version", oldest.into());
    insert("updated_time", time.into());
    insert("versions", versions.into());
    Ok(Some(Response::with_data(data)))
}

fn answered(data: Object, metadata: Object) -> Response {
    let mut both = Object::new();
    both.insert("data".into(), data.into());
    both.insert("metadata".into(), metadata.into());
    Response::with_data(both)
}

fn version(version: u64, created: Timestamp) -> Object {
    let mut metadata = about(created);
    metadata.insert("custom_metadata".into(), Value::Null);
    metadata.insert("version".into(), version.into());
    metadata
}

/// What is said of every version.
fn about(created: Timestamp) -> Object {
    let mut version = Object::new();
    version.insert("created_time".into(), rotation_time(created).into());
    version.insert("deletion_time".into(), "".into());
    version.insert("destroyed".into(), false.into());
    version
}
