//! `audit list`, `enable` and `disable`.

use std::process::ExitCode;

use serde_json::{Value, json};
use vault_client::Object;

use super::client::{connect, detailed, format, trimmed};
use crate::arguments::{Audit, AuditDisable, AuditEnable, AuditList};
use crate::failure::Failure;
use crate::output;

/// The exit code of `audit list` without devices, as in Vault.
const NONE: u8 = 2;

pub(super) async fn run(audit: Audit) -> Result<ExitCode, Failure> {
    match audit {
        Audit::List(arguments) => list(arguments).await,
        Audit::Enable(arguments) => enable(arguments).await,
        Audit::Disable(arguments) => disable(arguments).await,
    }
}

async fn list(arguments: AuditList) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let detailed = detailed(arguments.detailed)?;
    let client = connect(arguments.connection)?;
    let answer = client.read("sys/audit", &[]).await;
    let answer = answer.map_err(|error| Failure::asking("listing audit devices", &error))?;
    let devices = answer.and_then(|secret| secret.data).unwrap_or_default();
    if let Some(text) = output::structured(&devices, format)? {
        output::say(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    if devices.is_empty() {
        output::say("No audit devices are enabled.")?;
        return Ok(NONE.into());
    }
    output::say(&table(&devices, detailed))?;
    Ok(ExitCode::SUCCESS)
}

fn table(devices: &Object, detailed: bool) -> String {
    let heading: &[&str] = if detailed {
        &["Path", "Type", "Description", "Replication", "Options"]
    } else {
        &["Path", "Type", "Description"]
    };
    let mut paths: Vec<&String> = devices.keys().collect();
    paths.sort();
    let rows = paths.into_iter().filter_map(|path| {
        let device = devices.get(path)?;
        let cells = heading.iter().map(|name| cell(name, path, device));
        Some(cells.collect())
    });
    let rows: Vec<Vec<String>> = rows.collect();
    output::columns(
        heading.iter().map(|name| (*name).to_owned()).collect(),
        rows,
    )
}

fn cell(heading: &str, path: &str, device: &Value) -> String {
    let text = |name: &str| device[name].as_str().unwrap_or_default();
    match heading {
        "Path" => path.to_owned(),
        "Type" => text("type").to_owned(),
        "Replication" if device["local"] == json!(true) => "local".to_owned(),
        "Replication" => "replicated".to_owned(),
        "Options" => {
            let options = device["options"].as_object().into_iter().flatten();
            let options = options
                .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()));
            options.collect::<Vec<_>>().join(" ")
        }
        _ if text("description").is_empty() => "n/a".to_owned(),
        _ => text("description").to_owned(),
    }
}

async fn enable(arguments: AuditEnable) -> Result<ExitCode, Failure> {
    let kind = arguments.kind.trim();
    let path = trimmed(arguments.path.as_deref().unwrap_or(kind)).to_owned();
    let mut options = Object::new();
    for text in &arguments.options {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| Failure::local(format!("`{text}` is no option: write KEY=VALUE")))?;
        options.insert(name.to_owned(), value.into());
    }
    let body = Object::from_iter([
        ("type".to_owned(), kind.into()),
        (
            "description".to_owned(),
            arguments.description.unwrap_or_default().into(),
        ),
        ("local".to_owned(), arguments.local.into()),
        ("options".to_owned(), options.into()),
    ]);
    let client = connect(arguments.connection)?;
    let enabled = client.write(&format!("sys/audit/{path}"), &body).await;
    enabled.map_err(|error| Failure::asking("enabling audit device", &error))?;
    output::say(&format!(
        "Success! Enabled the {kind} audit device at: {path}/"
    ))?;
    Ok(ExitCode::SUCCESS)
}

async fn disable(arguments: AuditDisable) -> Result<ExitCode, Failure> {
    let path = trimmed(&arguments.path);
    let client = connect(arguments.connection)?;
    let disabled = client.delete(&format!("sys/audit/{path}"), &[]).await;
    disabled.map_err(|error| Failure::asking("disabling audit device", &error))?;
    output::say(&format!(
        "Success! Disabled audit device (if it was enabled) at: {path}/"
    ))?;
    Ok(ExitCode::SUCCESS)
}
