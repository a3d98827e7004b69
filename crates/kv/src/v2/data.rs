//! `data/<path>`: reads, writes, patches and deletes a secret.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path, merge_patch, probe};
use logical::{Error, Object, Operation, Response};
use serde_json::Value;

use super::metadata::{Metadata, VersionNumber};
use super::{Versioned, cas, handler, upgrade};

pub(super) const PATH: &str = "path";
pub(super) const VERSION: &str = "version";
const DATA: &str = "data";
const OPTIONS: &str = "options";

/// The field of a path that names a secret.
pub(super) fn path_field() -> Field {
    Field::new(PATH, FieldKind::Text, "Path of the secret.")
}

/// The field that picks a version for reading.
pub(super) fn version_field() -> Field {
    Field::new(
        VERSION,
        FieldKind::Integer,
        "Which version is read; the newest by default.",
    )
    .query()
}

pub(super) fn path() -> Path<Versioned> {
    Path::new(format!("data/(?P<{PATH}>.*)"))
        .fields([
            path_field(),
            version_field(),
            Field::new(DATA, FieldKind::Map, "The secret, an object."),
            Field::new(
                OPTIONS,
                FieldKind::Map,
                "`cas`: the version that the write expects to replace. With 0 the write is \
                 allowed only if the secret never existed.",
            ),
        ])
        .on(Operation::Read, handler(read))
        .on_write(handler(write))
        .on(Operation::Patch, handler(patch))
        .on(Operation::Delete, handler(delete))
        .existence(probe(exists))
        .help(
            "Reads, writes, patches and deletes a secret.",
            "A write makes a new version and keeps the earlier ones. A patch is merged into the \
             newest version (RFC 7396), which must not be deleted. A deletion marks the newest \
             version as deleted; `undelete/` takes that back.",
        )
}

async fn exists(engine: Arc<Versioned>, call: Call) -> Result<bool, Error> {
    if engine.is_upgrading() {
        return Err(upgrade::unavailable());
    }
    let place = engine.place(call.fields.text(PATH)).await?;
    Ok(engine.metadata(&place).await?.is_some())
}

/// The version that a request asks for.
pub(super) fn requested(call: &Call) -> impl Fn(&Metadata) -> VersionNumber + use<> {
    let number = call.fields.integer(VERSION).unwrap_or_default();
    let number = VersionNumber::try_from(number).unwrap_or_default();
    move |metadata| match number {
        0 => metadata.current_version(),
        number => number,
    }
}

async fn read(engine: Arc<Versioned>, call: Call) -> Result<Option<Response>, Error> {
    let found = engine
        .version(call.fields.text(PATH), requested(&call))
        .await?;
    let Some((metadata, number, data)) = found else {
        return Ok(None);
    };
    let is_readable = data.is_some();
    let mut answer = Object::new();
    answer.insert(DATA.into(), data.map_or(Value::Null, Value::Object));
    answer.insert("metadata".into(), metadata.show_version(number).into());
    Ok(Some(found_or_gone(answer, is_readable)))
}

/// The answer about a version: 404 with its metadata when it is deleted or
/// destroyed.
pub(super) fn found_or_gone(answer: Object, is_readable: bool) -> Response {
    let response = Response::with_data(answer);
    if is_readable {
        response
    } else {
        response.with_status(404)
    }
}

async fn write(engine: Arc<Versioned>, call: Call) -> Result<Option<Response>, Error> {
    let data = call.fields.map(DATA).ok_or_else(no_data)?.clone();
    let expected = cas::expected(call.fields.map(OPTIONS))?;
    let path = call.fields.text(PATH).to_owned();
    let change = Arc::clone(&engine);
    let work = async move {
        let mount = change.mount_settings().await?;
        let changing = change.change(&path).await?;
        let now = change.clock.now();
        let metadata = changing.metadata().await?;
        let mut metadata = metadata.unwrap_or_else(|| Metadata::new(now));
        let is_required = mount.cas_required || metadata.settings().cas_required;
        cas::check(is_required, expected, metadata.current_version())?;
        let (number, pruned) = metadata.add_version(&mount, now);
        changing
            .save_version(&metadata, number, &data, &pruned)
            .await?;
        Ok(metadata.show_version(number))
    };
    let shown = engine.complete(work).await?;
    Ok(Some(Response::with_data(shown)))
}

async fn patch(engine: Arc<Versioned>, call: Call) -> Result<Option<Response>, Error> {
    // Members that are null remove something, so the patch is taken as it came.
    let given = call.request.data.get(DATA).and_then(Value::as_object);
    let patch = given.ok_or_else(no_data)?.clone();
    let expected = cas::expected(call.fields.map(OPTIONS))?;
    let path = call.fields.text(PATH).to_owned();
    let change = Arc::clone(&engine);
    let work = async move {
        let mount = change.mount_settings().await?;
        let changing = change.change(&path).await?;
        let now = change.clock.now();
        let Some(mut metadata) = changing.metadata().await? else {
            return Ok(absent());
        };
        let current = metadata.current_version();
        let Some(version) = metadata.version(current) else {
            return Ok(absent());
        };
        let is_readable = version.is_readable(now);
        let is_required = mount.cas_required || metadata.settings().cas_required;
        cas::check(is_required, expected, current)?;
        let data = match changing.data(current).await? {
            Some(data) if is_readable => data,
            _ => return Ok(found_or_gone(metadata.show_version(current), false)),
        };
        let mut data = data;
        merge_patch(&mut data, &patch);
        let (number, pruned) = metadata.add_version(&mount, now);
        changing
            .save_version(&metadata, number, &data, &pruned)
            .await?;
        Ok(Response::with_data(metadata.show_version(number)))
    };
    engine.complete(work).await.map(Some)
}

async fn delete(engine: Arc<Versioned>, call: Call) -> Result<Option<Response>, Error> {
    let path = call.fields.text(PATH).to_owned();
    let change = Arc::clone(&engine);
    let work = async move {
        let changing = change.change(&path).await?;
        let now = change.clock.now();
        let Some(mut metadata) = changing.metadata().await? else {
            return Ok(());
        };
        let before = metadata.clone();
        metadata.delete(&[metadata.current_version()], now);
        if metadata == before {
            return Ok(());
        }
        changing.save(&metadata).await
    };
    engine.complete(work).await?;
    Ok(None)
}

/// 404 for a write to a secret that must exist.
pub(super) fn absent() -> Response {
    Response::default().with_status(404)
}

fn no_data() -> Error {
    Error::bad_request("no data provided")
}
