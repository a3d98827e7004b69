//! `kv get`, `kv list` and `kv scan`.

use std::process::ExitCode;

use serde_json::Value;
use vault_client::{Client, Secret};

use super::super::absence::{absent_or_failed, nothing_at};
use super::super::client::{connect_for_secrets, format};
use super::super::logical::{self, Names};
use super::member;
use super::place::{Place, Version};
use crate::arguments::{Format, KvGet, KvList};
use crate::failure::Failure;
use crate::output;

pub(super) async fn get(arguments: KvGet) -> Result<ExitCode, Failure> {
    let format = format(&arguments.answer.answer.output)?;
    let client = connect_for_secrets(arguments.connection, &arguments.answer.answer)?;
    let key = &arguments.key;
    let place = Place::find(&client, key.mount.as_deref(), &key.path).await?;
    let path = place.below("data");
    let version = match place.version {
        Version::One => None,
        Version::Two => arguments.version.map(|version| version.to_string()),
    };
    let query: Vec<(&str, &str)> = version.iter().map(|v| ("version", v.as_str())).collect();
    let answer = client.read(&path, &query).await;
    let answer = answer.map_err(|error| absent_or_failed("reading", &path, &error))?;
    let secret = answer.ok_or_else(|| nothing_at(&path))?;
    if secret.wrap_info.is_some() {
        logical::show(&secret, &arguments.answer, format)?;
    } else if let Some(name) = &arguments.answer.field {
        field(&secret, place.version, name, &path, format)?;
    } else if format == Format::Table {
        output::warn(&secret);
        output::say(&table(&secret, place.version, &path))?;
    } else {
        output::secret(&secret, format)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A field of the secret itself. `data` is all of it, unless it has a field of
/// that name.
fn field(
    secret: &Secret,
    version: Version,
    name: &str,
    path: &str,
    format: Format,
) -> Result<(), Failure> {
    let data = match version {
        Version::One => return output::field(secret, name, format),
        Version::Two => member(secret, "data")
            .ok_or_else(|| Failure::server(format!("No data found at {path}")))?,
    };
    let whole = (name == "data").then(|| Value::from(data.clone()));
    let value = data.get(name).cloned().or(whole);
    let value =
        value.ok_or_else(|| Failure::local(format!("Field \"{name}\" not present in map")))?;
    output::value(&value, format)
}

fn table(secret: &Secret, version: Version, path: &str) -> String {
    let mut parts = Vec::new();
    let data = match version {
        Version::One => secret.data.as_ref(),
        Version::Two => {
            parts.push(output::under_title("Secret Path", path));
            if let Some(metadata) = member(secret, "metadata") {
                parts.push(output::section("Metadata", metadata));
            }
            member(secret, "data")
        }
    };
    parts.extend(data.map(|data| output::section("Data", data)));
    parts.join("\n")
}

pub(super) async fn list(names: Names, arguments: KvList) -> Result<ExitCode, Failure> {
    let format = format(&arguments.answer.output)?;
    let (client, path) = below_metadata(arguments).await?;
    logical::list_at(names, &client, &path, &[], false, format).await
}

/// Where names are listed.
async fn below_metadata(arguments: KvList) -> Result<(Client, String), Failure> {
    let client = connect_for_secrets(arguments.connection, &arguments.answer)?;
    let path = arguments.path.as_deref().unwrap_or_default();
    let place = Place::find(&client, arguments.mount.as_deref(), path).await?;
    Ok((client, place.below("metadata")))
}
