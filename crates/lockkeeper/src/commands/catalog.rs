//! `plugin list` and `plugin info`: what a server can mount.

use std::process::ExitCode;

use serde_json::Value;
use vault_client::Object;

use super::client::{connect, detailed, format};
use crate::arguments::{PluginCatalog, PluginInfo, PluginList};
use crate::failure::Failure;
use crate::output;

/// The types of plugins.
const TYPES: [&str; 3] = ["auth", "database", "secret"];

pub(super) async fn run(catalog: PluginCatalog) -> Result<ExitCode, Failure> {
    match catalog {
        PluginCatalog::List(arguments) => list(arguments).await,
        PluginCatalog::Info(arguments) => info(arguments).await,
    }
}

fn known(kind: &str) -> Result<&str, Failure> {
    if TYPES.contains(&kind) {
        return Ok(kind);
    }
    Err(Failure::server(format!(
        "Error parsing type: \"{kind}\" is not a supported plugin type: use {}",
        TYPES.map(|kind| format!("`{kind}`")).join(", ")
    )))
}

async fn list(arguments: PluginList) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let detailed = detailed(arguments.detailed)?;
    let kind = arguments.kind.as_deref().map(known).transpose()?;
    let client = connect(arguments.connection)?;
    let answer = client.read("sys/plugins/catalog", &[]).await;
    let answer = answer.map_err(|error| Failure::asking("listing available plugins", &error))?;
    let data = answer.and_then(|secret| secret.data).unwrap_or_default();
    let shown = of_kinds(&data, kind);
    match output::structured(&shown, format)? {
        Some(text) => output::say(&text)?,
        None => output::say(&table(&shown, kind, detailed))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Names by their types, and the details of all, in the form of Vault's command
/// line.
fn of_kinds(data: &Object, kind: Option<&str>) -> Object {
    let wanted = |of: Option<&Value>| match (of.and_then(Value::as_str), kind) {
        (Some(of), Some(kind)) => of == kind,
        _ => true,
    };
    let details = data.get("detailed").and_then(Value::as_array);
    let details = details
        .into_iter()
        .flatten()
        .filter(|plugin| wanted(plugin.get("type")));
    let details: Vec<Value> = details.cloned().collect();
    let mut shown = Object::new();
    let details = Some(details).filter(|details| !details.is_empty());
    shown.insert("details".into(), details.into());
    for of in TYPES
        .into_iter()
        .filter(|of| kind.is_none_or(|kind| kind == *of))
    {
        if let Some(names) = data.get(of) {
            shown.insert(of.into(), names.clone());
        }
    }
    shown
}

fn table(shown: &Object, kind: Option<&str>, detailed: bool) -> String {
    let columns: &[(&str, &str)] = match (detailed, kind) {
        (true, _) => &[
            ("Name", "name"),
            ("Type", "type"),
            ("Version", "version"),
            ("Deprecation Status", "deprecation_status"),
        ],
        (false, None) => &[("Name", "name"), ("Type", "type"), ("Version", "version")],
        (false, Some(_)) => &[("Name", "name"), ("Version", "version")],
    };
    let details = shown.get("details").and_then(Value::as_array);
    let mut plugins: Vec<&Value> = details.into_iter().flatten().collect();
    plugins.sort_by_key(|plugin| (plugin["type"].as_str(), plugin["name"].as_str()));
    let rows = plugins.into_iter().map(|plugin| {
        let cells = columns.iter().map(|(_, member)| plugin[*member].as_str());
        cells
            .map(|cell| cell.unwrap_or_default().to_owned())
            .collect()
    });
    output::columns(
        columns.iter().map(|(name, _)| (*name).to_owned()).collect(),
        rows.collect(),
    )
}

async fn info(arguments: PluginInfo) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let (kind, name) = (known(&arguments.kind)?, &arguments.name);
    let client = connect(arguments.connection)?;
    let path = format!("sys/plugins/catalog/{kind}/{name}");
    let version: Vec<(&str, &str)> = arguments
        .version
        .iter()
        .map(|version| ("version", version.as_str()))
        .collect();
    let answer = client.read(&path, &version).await;
    let doing = format!("reading plugin named {name}");
    let answer = answer.map_err(|error| Failure::asking(doing, &error))?;
    let data = answer.and_then(|secret| secret.data);
    let data = data.ok_or_else(|| {
        Failure::server(format!(
            "Error reading plugin named {name}: there is no plugin of that name and type: \
             `lockkeeper plugin list {kind}` shows them"
        ))
    })?;
    let data = of_plugin(&data);
    match &arguments.field {
        None => output::data(&data, format)?,
        Some(field) => {
            let value = data.get(field);
            let value = value
                .ok_or_else(|| Failure::local(format!("Field \"{field}\" not present in map")))?;
            output::value(value, format)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What Vault's command line shows of a plugin, with a value for what a server
/// leaves out.
fn of_plugin(data: &Object) -> Object {
    let members = [
        ("args", Value::Null),
        ("builtin", false.into()),
        ("command", "".into()),
        ("deprecation_status", "".into()),
        ("name", "".into()),
        ("sha256", "".into()),
        ("version", "".into()),
    ];
    let known = |(name, usual): (&str, Value)| {
        let value = data.get(name).cloned().unwrap_or(usual);
        (name.to_owned(), value)
    };
    members.map(known).into_iter().collect()
}
