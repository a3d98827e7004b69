//! `kv metadata get`, `put`, `patch` and `delete`.

use std::process::ExitCode;

use serde_json::{Value, json};
use vault_client::{Client, Object, Secret};

use super::super::absence::{absent_or_failed, nothing_at};
use super::super::client::{connect, connect_for_secrets, format};
use super::place::{Place, Version};
use super::{done, member};
use crate::arguments::{
    Format, KvKey, KvMetadata, KvMetadataDelete, KvMetadataGet, KvMetadataPatch, KvMetadataPut,
    KvSettings,
};
use crate::failure::Failure;
use crate::{data, output};

pub(super) async fn run(metadata: KvMetadata) -> Result<ExitCode, Failure> {
    match metadata {
        KvMetadata::Get(arguments) => get(arguments).await,
        KvMetadata::Put(arguments) => put(arguments).await,
        KvMetadata::Patch(arguments) => patch(arguments).await,
        KvMetadata::Delete(arguments) => delete(arguments).await,
    }
}

/// The path of a secret's metadata.
async fn path_of(client: &Client, key: &KvKey) -> Result<String, Failure> {
    let place = Place::find(client, key.mount.as_deref(), &key.path).await?;
    match place.version {
        Version::One => Err(Failure::local("Metadata not supported on KV Version 1")),
        Version::Two => Ok(place.below("metadata")),
    }
}

async fn get(arguments: KvMetadataGet) -> Result<ExitCode, Failure> {
    let format = format(&arguments.answer.output)?;
    let client = connect_for_secrets(arguments.connection, &arguments.answer)?;
    let path = path_of(&client, &arguments.key).await?;
    let answer = client.read(&path, &[]).await;
    let answer = answer.map_err(|error| absent_or_failed("reading", &path, &error))?;
    let secret = answer.ok_or_else(|| nothing_at(&path))?;
    if format == Format::Table && secret.wrap_info.is_none() {
        output::warn(&secret);
        output::say(&table(&secret, &path))?;
    } else {
        output::secret(&secret, format)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The settings, and a table for each version.
fn table(secret: &Secret, path: &str) -> String {
    let mut settings = secret.data.clone().unwrap_or_default();
    settings.remove("versions");
    let mut parts = vec![
        output::under_title("Metadata Path", path),
        output::section("Metadata", &settings),
    ];
    let versions = member(secret, "versions").into_iter().flatten();
    let mut versions: Vec<(u64, &Object)> = versions
        .filter_map(|(number, version)| Some((number.parse().ok()?, version.as_object()?)))
        .collect();
    versions.sort_by_key(|(number, _)| *number);
    for (number, version) in versions {
        parts.push(output::section(&format!("Version {number}"), version));
    }
    parts.join("\n")
}

async fn put(arguments: KvMetadataPut) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let body = settings(&arguments.settings)?;
    let client = connect(arguments.connection)?;
    let path = path_of(&client, &arguments.key).await?;
    let answer = client.write(&path, &body).await;
    finish(answer, &path, format)
}

async fn patch(arguments: KvMetadataPatch) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let mut body = settings(&arguments.settings)?;
    // Even when empty: servers do not look at a patch without members, and so
    // would not say that there is no such secret.
    let texts = body.entry("custom_metadata").or_insert_with(|| json!({}));
    for name in &arguments.remove_custom_metadata {
        texts[name.as_str()] = Value::Null;
    }
    let client = connect(arguments.connection)?;
    let path = path_of(&client, &arguments.key).await?;
    let answer = client.patch(&path, &body).await;
    finish(answer, &path, format)
}

fn finish(
    answer: vault_client::Result<Option<Secret>>,
    path: &str,
    format: Format,
) -> Result<ExitCode, Failure> {
    let answer = answer.map_err(|error| absent_or_failed("writing data to", path, &error))?;
    let sentence = format!("Success! Data written to: {path}");
    done(answer.as_ref(), &sentence, format)
}

async fn delete(arguments: KvMetadataDelete) -> Result<ExitCode, Failure> {
    let client = connect(arguments.connection)?;
    let path = path_of(&client, &arguments.key).await?;
    let deleted = client.delete(&path, &[]).await;
    deleted.map_err(|error| absent_or_failed("deleting", &path, &error))?;
    output::say(&format!("Success! Data deleted (if it existed) at: {path}"))?;
    Ok(ExitCode::SUCCESS)
}

fn settings(given: &KvSettings) -> Result<Object, Failure> {
    let mut body = Object::new();
    if let Some(number) = given.max_versions.filter(|number| *number >= 0) {
        body.insert("max_versions".into(), number.into());
    }
    if let Some(required) = given.cas_required {
        body.insert("cas_required".into(), required.into());
    }
    if let Some(age) = &given.delete_version_after {
        body.insert("delete_version_after".into(), age.clone().into());
    }
    if !given.custom_metadata.is_empty() {
        let texts = data::pairs("-custom-metadata", &given.custom_metadata)?;
        body.insert("custom_metadata".into(), texts.into());
    }
    Ok(body)
}
