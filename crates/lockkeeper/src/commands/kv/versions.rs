//! `kv delete`, `kv undelete` and `kv destroy`.

use std::process::ExitCode;

use serde_json::json;
use vault_client::{Client, Secret};

use super::super::absence::absent_or_failed;
use super::super::client::{connect, format, object};
use super::done;
use super::place::{Place, Version};
use crate::arguments::{KvDelete, KvVersions};
use crate::failure::Failure;

pub(super) async fn delete(arguments: KvDelete) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let client = connect(arguments.connection)?;
    let key = &arguments.key;
    let place = Place::find(&client, key.mount.as_deref(), &key.path).await?;
    let path = place.below("data");
    let answer = if place.version == Version::Two && !arguments.versions.is_empty() {
        of_versions(&client, &place, "delete", &arguments.versions).await
    } else {
        client.delete(&path, &[]).await
    };
    let answer = answer.map_err(|error| absent_or_failed("deleting", &path, &error))?;
    let sentence = format!("Success! Data deleted (if it existed) at: {path}");
    done(answer.as_ref(), &sentence, format)
}

pub(super) async fn undelete(arguments: KvVersions) -> Result<ExitCode, Failure> {
    change("undelete", "Undelete", arguments).await
}

pub(super) async fn destroy(arguments: KvVersions) -> Result<ExitCode, Failure> {
    change("destroy", "Destroy", arguments).await
}

async fn change(verb: &str, name: &str, arguments: KvVersions) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let client = connect(arguments.connection)?;
    let key = &arguments.key;
    let place = Place::find(&client, key.mount.as_deref(), &key.path).await?;
    if place.version == Version::One {
        return Err(Failure::local(format!(
            "{name} not supported on KV Version 1"
        )));
    }
    let answer = of_versions(&client, &place, verb, &arguments.versions).await;
    let path = place.below(verb);
    let answer = answer.map_err(|error| absent_or_failed("writing data to", &path, &error))?;
    let sentence = format!("Success! Data written to: {path}");
    done(answer.as_ref(), &sentence, format)
}

async fn of_versions(
    client: &Client,
    place: &Place,
    verb: &str,
    versions: &[String],
) -> vault_client::Result<Option<Secret>> {
    let body = object(json!({"versions": versions}));
    client.write(&place.below(verb), &body).await
}
