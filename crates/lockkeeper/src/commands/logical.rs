//! `read`, `write`, `patch`, `list`, `scan`, `delete`, `unwrap` and `path-help`.

use std::process::ExitCode;

use serde_json::Value;
use vault_client::{Client, Secret, Token};

use super::absence::{absent_or_failed, nothing_at};
use super::client::{connect, connect_for_secrets, detailed, format, local, trimmed};
use crate::arguments::{
    Delete, FieldOptions, Format, List, OutputOptions, Patch, PathHelp, Read, Unwrap, Write,
};
use crate::failure::Failure;
use crate::{data, output};

pub(super) async fn read(read: Read) -> Result<ExitCode, Failure> {
    let format = format(&read.answer.answer.output)?;
    let path = trimmed(&read.path);
    let parameters = data::read(&read.data, &mut std::io::stdin())?;
    let texts: Vec<(String, String)> = parameters.into_iter().flat_map(parameter).collect();
    let query: Vec<(&str, &str)> = texts
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    let client = connect_for_secrets(read.connection, &read.answer.answer)?;
    let answer = client.read(path, &query).await;
    let answer = answer.map_err(|error| absent_or_failed("reading", path, &error))?;
    let secret = answer.ok_or_else(|| nothing_at(path))?;
    show(&secret, &read.answer, format)
}

pub(super) async fn write(write: Write) -> Result<ExitCode, Failure> {
    let format = format(&write.answer.answer.output)?;
    let path = trimmed(&write.path);
    let data = data::read(&write.data, &mut std::io::stdin())?;
    if data.is_empty() && !write.force {
        return Err(Failure::local("Must supply data or use -force"));
    }
    let client = connect_for_secrets(write.connection, &write.answer.answer)?;
    let answer = client.write(path, &data).await;
    written(answer, path, &write.answer, format)
}

pub(super) async fn patch(patch: Patch) -> Result<ExitCode, Failure> {
    let format = format(&patch.answer.answer.output)?;
    let path = trimmed(&patch.path);
    let data = data::read(&patch.data, &mut std::io::stdin())?;
    if data.is_empty() && !patch.force {
        return Err(Failure::local("Must supply data or use -force"));
    }
    let client = connect_for_secrets(patch.connection, &patch.answer.answer)?;
    let answer = client.patch(path, &data).await;
    written(answer, path, &patch.answer, format)
}

/// Shows the answer to a write.
fn written(
    answer: vault_client::Result<Option<Secret>>,
    path: &str,
    options: &FieldOptions,
    format: Format,
) -> Result<ExitCode, Failure> {
    let answer = answer.map_err(|error| absent_or_failed("writing data to", path, &error))?;
    match answer {
        Some(secret) => show(&secret, options, format),
        // A script that wants a format or a field does not want a sentence.
        None if format != Format::Table || options.field.is_some() => Ok(ExitCode::SUCCESS),
        None => success(&format!("Success! Data written to: {path}")),
    }
}

pub(super) async fn unwrap(unwrap: Unwrap) -> Result<ExitCode, Failure> {
    let format = format(&unwrap.output)?;
    let client = connect(unwrap.connection)?;
    let token = unwrap.token.map(Token::new).transpose().map_err(local)?;
    let answer = client.unwrap(token).await;
    let answer = answer.map_err(|error| Failure::asking("unwrapping", &error))?;
    let secret = answer.ok_or_else(|| Failure::server("Could not find wrapped response"))?;
    show_field(&secret, unwrap.field.as_deref(), format)
}

/// Which names are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Those in a folder.
    Folder,
    /// Those in its folders, too.
    All,
}

impl Names {
    /// The parameter that asks for them, and the word for an error.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Folder => ("list", "listing"),
            Self::All => ("scan", "scanning"),
        }
    }
}

/// `list` and `scan`.
pub(super) async fn list(names: Names, list: List) -> Result<ExitCode, Failure> {
    let format = format(&list.answer.output)?;
    let detailed = detailed(list.detailed)?;
    let path = trimmed(&list.path);
    let limit = list.limit.map(|limit| limit.to_string());
    let page = page(list.after.as_deref(), limit.as_deref());
    let client = connect_for_secrets(list.connection, &list.answer)?;
    list_at(names, &client, path, &page, detailed, format).await
}

/// Lists what is at a path and prints it. `page` are parameters for a part of it.
pub(super) async fn list_at(
    names: Names,
    client: &Client,
    path: &str,
    page: &[(&str, &str)],
    detailed: bool,
    format: Format,
) -> Result<ExitCode, Failure> {
    let (parameter, doing) = names.words();
    let query = [&[(parameter, "true")], page].concat();
    let answer = client.read(path, &query).await;
    listed(answer, doing, path, detailed, format)
}

/// The parameters for a part of a list.
fn page<'a>(after: Option<&'a str>, limit: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
    let given = [("after", after), ("limit", limit)];
    let given = given.into_iter();
    given
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// Prints the names of an answer.
fn listed(
    answer: vault_client::Result<Option<Secret>>,
    doing: &str,
    path: &str,
    detailed: bool,
    format: Format,
) -> Result<ExitCode, Failure> {
    let answer = answer.map_err(|error| absent_or_failed(doing, path, &error))?;
    if let Some(secret) = answer.as_ref().filter(|secret| secret.wrap_info.is_some()) {
        output::secret(secret, format)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(secret) = answer.filter(|secret| !output::names(secret).is_empty()) else {
        if format != Format::Table {
            output::say("{}")?;
        }
        return Err(nothing_at(path));
    };
    output::list(&secret, detailed, format)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn delete(delete: Delete) -> Result<ExitCode, Failure> {
    let format = format(&delete.answer.output)?;
    let path = trimmed(&delete.path);
    let client = connect_for_secrets(delete.connection, &delete.answer)?;
    let answer = client.delete(path, &[]).await;
    let answer = answer.map_err(|error| absent_or_failed("deleting", path, &error))?;
    let has_content = |secret: &Secret| secret.data.is_some() || secret.wrap_info.is_some();
    match answer {
        Some(secret) if has_content(&secret) || format != Format::Table => {
            output::secret(&secret, format)?;
            Ok(ExitCode::SUCCESS)
        }
        answer => {
            answer.iter().for_each(output::warn);
            if format != Format::Table {
                return Ok(ExitCode::SUCCESS);
            }
            success(&format!("Success! Data deleted (if it existed) at: {path}"))
        }
    }
}

pub(super) async fn path_help(arguments: PathHelp) -> Result<ExitCode, Failure> {
    let format = format(&OutputOptions {
        format: arguments.format,
    })?;
    let path = trimmed(&arguments.path);
    let client = connect(arguments.connection)?;
    let help = client.help(path).await;
    let help = help.map_err(|error| match error.reason_of_absence() {
        Some(_) => absent_or_failed("retrieving help for", path, &error),
        None => Failure::asking("retrieving help", &error),
    })?;
    if let Some(document) = help.get("openapi")
        && let Some(text) = output::structured(document, format)?
    {
        output::say(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = help.get("help").and_then(Value::as_str);
    output::say(text.ok_or_else(|| Failure::server(format!("No help found for {path}")))?)?;
    Ok(ExitCode::SUCCESS)
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

pub(super) fn show(
    secret: &Secret,
    options: &FieldOptions,
    format: Format,
) -> Result<ExitCode, Failure> {
    show_field(secret, options.field.as_deref(), format)
}

/// Shows one field, or all of an answer.
pub(super) fn show_field(
    secret: &Secret,
    field: Option<&str>,
    format: Format,
) -> Result<ExitCode, Failure> {
    match field {
        Some(name) => output::field(secret, name, format)?,
        None => output::secret(secret, format)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn success(text: &str) -> Result<ExitCode, Failure> {
    output::say(text)?;
    Ok(ExitCode::SUCCESS)
}
