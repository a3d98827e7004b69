//! `kv put`, `kv patch` and `kv rollback`.

use std::process::ExitCode;

use serde_json::{Value, json};
use vault_client::{Client, Error, Object, Secret};

use super::super::absence::{absent_or_failed, nothing_at};
use super::super::client::{connect, connect_for_secrets, format};
use super::super::logical;
use super::place::{Place, Version};
use super::{done, member};
use crate::arguments::{FieldOptions, Format, KvPatch, KvPut, KvRollback};
use crate::failure::Failure;
use crate::{data, output};

pub(super) async fn put(arguments: KvPut) -> Result<ExitCode, Failure> {
    let format = format(&arguments.answer.answer.output)?;
    let data = data::read(&arguments.data, &mut std::io::stdin())?;
    if data.is_empty() {
        return Err(Failure::local("Must supply data"));
    }
    let client = connect_for_secrets(arguments.connection, &arguments.answer.answer)?;
    let key = &arguments.key;
    let place = Place::find(&client, key.mount.as_deref(), &key.path).await?;
    let path = place.below("data");
    let body = match place.version {
        Version::One => data,
        Version::Two => versioned(data, arguments.cas.filter(|cas| *cas >= 0)),
    };
    let answer = client.write(&path, &body).await;
    let answer = answer.map_err(|error| absent_or_failed("writing data to", &path, &error))?;
    written(answer.as_ref(), &place, &path, &arguments.answer, format)
}

pub(super) async fn patch(arguments: KvPatch) -> Result<ExitCode, Failure> {
    let format = format(&arguments.answer.answer.output)?;
    let mut data = data::read(&arguments.data, &mut std::io::stdin())?;
    for name in &arguments.remove_data {
        data.insert(name.clone(), Value::Null);
    }
    if data.is_empty() {
        return Err(Failure::local("Must supply data"));
    }
    let client = connect_for_secrets(arguments.connection, &arguments.answer.answer)?;
    let key = &arguments.key;
    let place = Place::find(&client, key.mount.as_deref(), &key.path).await?;
    if place.version == Version::One {
        return Err(Failure::server(
            "K/V engine mount must be version 2 for patch support",
        ));
    }
    let path = place.below("data");
    let cas = arguments.cas.filter(|cas| *cas > 0);
    let failed = |error: &Error| absent_or_failed("writing data to", &path, error);
    let answer = match arguments.method.as_deref() {
        Some("rw") => read_and_write(&client, &path, data, cas).await?,
        Some("patch") => {
            let patched = client.patch(&path, &versioned(data, cas)).await;
            patched.map_err(|error| failed(&error))?
        }
        None => match client.patch(&path, &versioned(data.clone(), cas)).await {
            Err(Error::Api {
                status: 403 | 405, ..
            }) => read_and_write(&client, &path, data, cas).await?,
            patched => patched.map_err(|error| failed(&error))?,
        },
        Some(other) => {
            return Err(Failure::server(format!(
                "Unsupported method provided to -method flag: {other}"
            )));
        }
    };
    written(answer.as_ref(), &place, &path, &arguments.answer, format)
}

/// For servers without PATCH, and tokens that may not use it. Nobody else's
/// write is lost: the version that was read must still be the newest.
async fn read_and_write(
    client: &Client,
    path: &str,
    changes: Object,
    cas: Option<i64>,
) -> Result<Option<Secret>, Failure> {
    let (data, version) = of_version(client, path, None).await?;
    let mut data = data.ok_or_else(|| {
        Failure::server(format!(
            "No data found at {path}; patch only works on existing data"
        ))
    })?;
    for (name, value) in changes {
        if value.is_null() {
            data.remove(&name);
        } else {
            data.insert(name, value);
        }
    }
    let body = versioned(data, cas.or(version));
    let answer = client.write(path, &body).await;
    answer.map_err(|error| absent_or_failed("writing data to", path, &error))
}

pub(super) async fn rollback(arguments: KvRollback) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let client = connect(arguments.connection)?;
    let key = &arguments.key;
    let place = Place::find(&client, key.mount.as_deref(), &key.path).await?;
    if place.version == Version::One {
        return Err(Failure::server(
            "K/V engine mount must be version 2 for rollback support",
        ));
    }
    let path = place.below("data");
    let (_, newest) = of_version(&client, &path, None).await?;
    let (data, _) = of_version(&client, &path, Some(arguments.version)).await?;
    let data = data.ok_or_else(|| {
        Failure::server("Cannot roll back to a version that has been deleted or destroyed")
    })?;
    let answer = client.write(&path, &versioned(data, newest)).await;
    let answer = answer.map_err(|error| absent_or_failed("writing data to", &path, &error))?;
    done(
        answer.as_ref(),
        &format!("Success! Data written to: {path}"),
        format,
    )
}

/// The data of a version, none if it was deleted, and its number.
async fn of_version(
    client: &Client,
    path: &str,
    version: Option<u64>,
) -> Result<(Option<Object>, Option<i64>), Failure> {
    let version = version.map(|version| version.to_string());
    let query: Vec<(&str, &str)> = version.iter().map(|v| ("version", v.as_str())).collect();
    let answer = client.for_lookups().read(path, &query).await;
    let answer = answer.map_err(|error| absent_or_failed("doing pre-read at", path, &error))?;
    let secret = answer.ok_or_else(|| nothing_at(path))?;
    let number = member(&secret, "metadata").and_then(|metadata| metadata.get("version")?.as_i64());
    Ok((member(&secret, "data").cloned(), number))
}

/// The body of a write to version 2.
fn versioned(data: Object, cas: Option<i64>) -> Object {
    let options = cas.map_or_else(|| json!({}), |cas| json!({"cas": cas}));
    [("data", data.into()), ("options", options)]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

/// Shows the answer to a write: what is known about the new version.
fn written(
    answer: Option<&Secret>,
    place: &Place,
    path: &str,
    options: &FieldOptions,
    format: Format,
) -> Result<ExitCode, Failure> {
    match answer {
        Some(secret) if options.field.is_some() || secret.wrap_info.is_some() => {
            logical::show(secret, options, format)
        }
        Some(secret) if format == Format::Table && place.version == Version::Two => {
            output::warn(secret);
            let metadata = secret.data.clone().unwrap_or_default();
            let parts = [
                output::under_title("Secret Path", path),
                output::section("Metadata", &metadata),
            ];
            output::say(&parts.join("\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        None if options.field.is_some() => Ok(ExitCode::SUCCESS),
        answer => done(answer, &format!("Success! Data written to: {path}"), format),
    }
}
