//! `metadata/<path>` and `detailed-metadata/<path>`: settings, versions and
//! lists of secrets.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path, probe};
use logical::{Error, Object, Operation, Response};
use serde_json::Value;

use super::data::{PATH, absent, path_field};
use super::metadata::{Metadata, Settings};
use super::secret::METADATA;
use super::{Versioned, cas, config, custom_metadata, handler, upgrade};
use crate::paging;

const MAX_VERSIONS: &str = "max_versions";
const CAS_REQUIRED: &str = "cas_required";
const METADATA_CAS: &str = "metadata_cas";
const METADATA_CAS_REQUIRED: &str = "metadata_cas_required";
const DELETE_VERSION_AFTER: &str = "delete_version_after";
const CUSTOM_METADATA: &str = "custom_metadata";

/// The fields that change settings.
const SETTINGS: [&str; 5] = [
    MAX_VERSIONS,
    CAS_REQUIRED,
    METADATA_CAS_REQUIRED,
    DELETE_VERSION_AFTER,
    CUSTOM_METADATA,
];

pub(super) fn paths() -> Vec<Path<Versioned>> {
    vec![metadata(), detailed_metadata()]
}

fn metadata() -> Path<Versioned> {
    Path::new(format!("metadata/(?P<{PATH}>.*)"))
        .fields([
            path_field(),
            Field::new(
                MAX_VERSIONS,
                FieldKind::Integer,
                "How many versions are kept; 0 leaves it to the mount, whose setting counts if it \
                 is larger.",
            ),
            Field::new(
                CAS_REQUIRED,
                FieldKind::Flag,
                "Whether each write must give `cas`, even if the mount does not ask for it.",
            ),
            Field::new(
                METADATA_CAS_REQUIRED,
                FieldKind::Flag,
                "Whether each write of metadata must give `metadata_cas`.",
            ),
            Field::new(
                METADATA_CAS,
                FieldKind::Integer,
                "The version of the settings that the write expects to replace. With 0 the write \
                 is allowed only if there are none yet.",
            ),
            Field::new(
                DELETE_VERSION_AFTER,
                FieldKind::DurationSeconds,
                "After which time new versions are deleted; the mount's time counts if it is \
                 shorter. 0 leaves it to the mount.",
            ),
            Field::new(
                CUSTOM_METADATA,
                FieldKind::Map,
                "Notes: up to 64 keys of 128 bytes with texts of 512 bytes. A write replaces all \
                 of them.",
            ),
        ])
        .fields(paging::fields())
        .on(Operation::Read, handler(read))
        .on_write(handler(write))
        .on(Operation::Patch, handler(patch))
        .on(Operation::Delete, handler(delete))
        .on(Operation::List, handler(list))
        .on(Operation::Scan, handler(scan))
        .existence(probe(exists))
        .help(
            "Reads, writes and lists the settings and versions of secrets.",
            "A write keeps the settings that it does not give. A deletion removes the secret with \
             all its versions.",
        )
}

fn detailed_metadata() -> Path<Versioned> {
    Path::new(format!("detailed-metadata/(?P<{PATH}>.*)"))
        .fields([path_field()])
        .fields(paging::fields())
        .on(Operation::List, handler(list_details))
        .on(Operation::Scan, handler(scan_details))
        .help("Lists secrets with their settings and versions.", "")
}

async fn exists(engine: Arc<Versioned>, call: Call) -> Result<bool, Error> {
    if engine.is_upgrading() {
        return Err(upgrade::unavailable());
    }
    let place = engine.place(call.fields.text(PATH)).await?;
    Ok(engine.metadata(&place).await?.is_some())
}

async fn read(engine: Arc<Versioned>, call: Call) -> Result<Option<Response>, Error> {
    let place = engine.place(call.fields.text(PATH)).await?;
    let metadata = engine.metadata(&place).await?;
    Ok(metadata.map(|metadata| Response::with_data(metadata.show())))
}

async fn write(engine: Arc<Versioned>, call: Call) -> Result<Option<Response>, Error> {
    let notes = call.fields.map(CUSTOM_METADATA);
    let notes = notes.map(custom_metadata::read).transpose()?;
    let change = Arc::clone(&engine);
    let work = async move {
        let path = call.fields.text(PATH);
        let mount = change.mount_settings().await?;
        let changing = change.change(path).await?;
        let now = change.clock.now();
        let stored = changing.metadata().await?;
        let mut metadata = stored.unwrap_or_else(|| Metadata::new(now));
        check_cas(mount.metadata_cas_required, &call, &metadata)?;
        let mut settings = changed(metadata.settings(), &call)?;
        if let Some(notes) = notes {
            settings.custom_metadata = notes;
        }
        if changes_settings(&call) {
            metadata.set(settings, now);
            changing.save(&metadata).await?;
        }
        Ok(())
    };
    engine.complete(work).await?;
    Ok(None)
}

async fn patch(engine: Arc<Versioned>, call: Call) -> Result<Option<Response>, Error> {
    let change = Arc::clone(&engine);
    let work = async move {
        let path = call.fields.text(PATH);
        let mount = change.mount_settings().await?;
        let changing = change.change(path).await?;
        let now = change.clock.now();
        let Some(mut metadata) = changing.metadata().await? else {
            return Ok(Some(absent()));
        };
        check_cas(mount.metadata_cas_required, &call, &metadata)?;
        let mut settings = changed(metadata.settings(), &call)?;
        // A number or a flag that is null reads as zero or false, a duration as
        // one that was not given.
        if call.request.data.get(DELETE_VERSION_AFTER) == Some(&Value::Null) {
            settings.delete_version_after = 0;
        }
        match call.request.data.get(CUSTOM_METADATA) {
            Some(Value::Null) => settings.custom_metadata.clear(),
            Some(Value::Object(notes)) => {
                custom_metadata::merge(&mut settings.custom_metadata, notes)?;
            }
            _ => {}
        }
        if changes_settings(&call) {
            metadata.set(settings, now);
            changing.save(&metadata).await?;
        }
        Ok(None)
    };
    engine.complete(work).await
}

/// Whether the request gives any setting.
fn changes_settings(call: &Call) -> bool {
    SETTINGS
        .iter()
        .any(|name| call.request.data.contains_key(*name))
}

/// The settings with what the request gives, apart from the notes.
fn changed(settings: &Settings, call: &Call) -> Result<Settings, Error> {
    let mut settings = settings.clone();
    if let Some(number) = call.fields.integer(MAX_VERSIONS) {
        settings.max_versions = config::max_versions(number)?;
    }
    if let Some(required) = call.fields.flag(CAS_REQUIRED) {
        settings.cas_required = required;
    }
    if let Some(required) = call.fields.flag(METADATA_CAS_REQUIRED) {
        settings.metadata_cas_required = required;
    }
    if let Some(after) = call.fields.duration(DELETE_VERSION_AFTER) {
        settings.delete_version_after = after.as_secs();
    }
    Ok(settings)
}

fn check_cas(mount_requires: bool, call: &Call, metadata: &Metadata) -> Result<(), Error> {
    let is_required = mount_requires || metadata.settings().metadata_cas_required;
    let expected = call.fields.integer(METADATA_CAS);
    cas::check_metadata(is_required, expected, metadata.settings_version())
}

async fn delete(engine: Arc<Versioned>, call: Call) -> Result<Option<Response>, Error> {
    let path = call.fields.text(PATH).to_owned();
    let change = Arc::clone(&engine);
    let work = async move {
        let changing = change.change(&path).await?;
        match changing.metadata().await? {
            Some(metadata) => changing.remove(&metadata).await,
            None => Ok(()),
        }
    };
    engine.complete(work).await?;
    Ok(None)
}

async fn list(engine: Arc<Versioned>, call: Call) -> Result<Option<Response>, Error> {
    let names = engine.store.list(METADATA, &folder(&call)).await?;
    Ok(Some(Response::list(paging::page(&call, names))))
}

async fn scan(engine: Arc<Versioned>, call: Call) -> Result<Option<Response>, Error> {
    let paths = engine.store.scan(METADATA, &folder(&call)).await?;
    Ok(Some(Response::list(paging::page(&call, paths))))
}

async fn list_details(engine: Arc<Versioned>, call: Call) -> Result<Option<Response>, Error> {
    let names = engine.store.list(METADATA, &folder(&call)).await?;
    details(&engine, &call, names).await
}

async fn scan_details(engine: Arc<Versioned>, call: Call) -> Result<Option<Response>, Error> {
    let paths = engine.store.scan(METADATA, &folder(&call)).await?;
    details(&engine, &call, paths).await
}

async fn details(
    engine: &Versioned,
    call: &Call,
    names: Vec<String>,
) -> Result<Option<Response>, Error> {
    let names = paging::page(call, names);
    let folder = folder(call);
    let mut details = Object::new();
    for name in names.iter().filter(|name| !name.ends_with('/')) {
        let place = engine.place(&format!("{folder}{name}")).await?;
        if let Some(metadata) = engine.metadata(&place).await? {
            details.insert(name.clone(), metadata.show().into());
        }
    }
    let mut response = Response::list(names);
    if let (Some(data), false) = (&mut response.data, details.is_empty()) {
        data.insert("key_info".into(), details.into());
    }
    Ok(Some(response))
}

/// The folder that a list names, with the slash that hosts append.
fn folder(call: &Call) -> String {
    let path = call.fields.text(PATH);
    if path.is_empty() || path.ends_with('/') {
        path.to_owned()
    } else {
        format!("{path}/")
    }
}
