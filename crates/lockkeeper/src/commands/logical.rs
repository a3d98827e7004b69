//! `read`, `write`, `list` and `delete`.

use std::process::ExitCode;

use serde_json::Value;
use vault_client::Secret;

use super::client::{connect, detailed, format};
use crate::arguments::{Delete, Format, List, Read, Shown, Write};
use crate::failure::Failure;
use crate::{data, output};

pub(super) async fn read(read: Read) -> Result<ExitCode, Failure> {
    let format = format(&read.shown.form)?;
    let path = clean(&read.path);
    let parameters = data::read(&read.data, &mut std::io::stdin())?;
    let texts: Vec<(String, String)> = parameters.into_iter().flat_map(parameter).collect();
    let query: Vec<(&str, &str)> = texts
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    let client = connect(read.connection)?;
    let answer = client.read(path, &query).await;
    let answer = answer.map_err(|error| Failure::asking(format!("reading {path}"), &error))?;
    let secret = answer.ok_or_else(|| nothing_at(path))?;
    show(&secret, &read.shown, format)
}

pub(super) async fn write(write: Write) -> Result<ExitCode, Failure> {
    let format = format(&write.shown.form)?;
    let path = clean(&write.path);
    let data = data::read(&write.data, &mut std::io::stdin())?;
    if data.is_empty() && !write.force {
        return Err(Failure::local("Must supply data or use -force"));
    }
    let client = connect(write.connection)?;
    let answer = client.write(path, &data).await;
    let answer =
        answer.map_err(|error| Failure::asking(format!("writing data to {path}"), &error))?;
    match answer {
        Some(secret) => show(&secret, &write.shown, format),
        // A script that wants JSON wants no sentence.
        None if format == Format::Json || write.shown.field.is_some() => Ok(ExitCode::SUCCESS),
        None => said(&format!("Success! Data written to: {path}")),
    }
}

pub(super) async fn list(list: List) -> Result<ExitCode, Failure> {
    let format = format(&list.form)?;
    let detailed = detailed(list.detailed)?;
    let path = clean(&list.path);
    let client = connect(list.connection)?;
    let answer = client.list(path).await;
    let answer = answer.map_err(|error| Failure::asking(format!("listing {path}"), &error))?;
    let Some(secret) = answer.filter(|secret| !output::names(secret).is_empty()) else {
        if format == Format::Json {
            output::say("{}")?;
        }
        return Err(nothing_at(path));
    };
    output::list(&secret, detailed, format)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn delete(delete: Delete) -> Result<ExitCode, Failure> {
    let format = format(&delete.form)?;
    let path = clean(&delete.path);
    let client = connect(delete.connection)?;
    let answer = client.delete(path, &[]).await;
    let answer = answer.map_err(|error| Failure::asking(format!("deleting {path}"), &error))?;
    match answer {
        Some(secret) if secret.data.is_some() || format == Format::Json => {
            output::secret(&secret, format)?;
            Ok(ExitCode::SUCCESS)
        }
        answer => {
            answer.iter().for_each(output::warn);
            if format == Format::Json {
                return Ok(ExitCode::SUCCESS);
            }
            said(&format!("Success! Data deleted (if it existed) at: {path}"))
        }
    }
}

/// Vault's command line drops slashes around a path.
fn clean(path: &str) -> &str {
    path.trim().trim_matches('/')
}

fn parameter((key, value): (String, Value)) -> Vec<(String, String)> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    match value {
        Value::Array(values) => values
            .into_iter()
            .map(|value| (key.clone(), text(value)))
            .collect(),
        value => vec![(key, text(value))],
    }
}

fn show(secret: &Secret, shown: &Shown, format: Format) -> Result<ExitCode, Failure> {
    match &shown.field {
        Some(name) => output::field(secret, name, format)?,
        None => output::secret(secret, format)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn nothing_at(path: &str) -> Failure {
    Failure::server(format!("No value found at {path}"))
}

fn said(text: &str) -> Result<ExitCode, Failure> {
    output::say(text)?;
    Ok(ExitCode::SUCCESS)
}
