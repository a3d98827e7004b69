//! `secrets list`, `enable`, `tune` and `disable`.

use std::process::ExitCode;

use serde_json::{Value, json};
use vault_client::Object;

use super::client::{connect, detailed, format, trimmed};
use super::progress;
use crate::arguments::{
    MountSettings, Secrets, SecretsDisable, SecretsEnable, SecretsList, SecretsTune,
};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(secrets: Secrets) -> Result<ExitCode, Failure> {
    match secrets {
        Secrets::List(arguments) => list(arguments).await,
        Secrets::Enable(arguments) => enable(arguments).await,
        Secrets::Tune(arguments) => tune(arguments).await,
        Secrets::Disable(arguments) => disable(arguments).await,
    }
}

async fn list(arguments: SecretsList) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let detailed = detailed(arguments.detailed)?;
    let client = connect(arguments.connection)?;
    let answer = client.read("sys/mounts", &[]).await;
    let answer = answer.map_err(|error| Failure::asking("listing secrets engines", &error))?;
    let mounts = answer.and_then(|secret| secret.data).unwrap_or_default();
    if let Some(text) = output::structured(&mounts, format)? {
        output::say(&text)?;
    } else {
        output::say(&table(&mounts, detailed))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table(mounts: &Object, detailed: bool) -> String {
    let heading: &[&str] = if detailed {
        &[
            "Path",
            "Type",
            "Accessor",
            "Default TTL",
            "Max TTL",
            "Replication",
            "Options",
            "Version",
            "UUID",
            "Description",
        ]
    } else {
        &["Path", "Type", "Accessor", "Description"]
    };
    let mut paths: Vec<&String> = mounts.keys().collect();
    paths.sort();
    let rows = paths.into_iter().filter_map(|path| {
        let mount = mounts.get(path)?;
        let cells = heading.iter().map(|name| cell(name, path, mount));
        Some(cells.collect())
    });
    let rows: Vec<Vec<String>> = rows.collect();
    output::columns(
        heading.iter().map(|name| (*name).to_owned()).collect(),
        rows,
    )
}

fn cell(heading: &str, path: &str, mount: &Value) -> String {
    let text = |name: &str| mount[name].as_str().unwrap_or_default().to_owned();
    let ttl = |name: &str| match mount["config"][name].as_i64() {
        None | Some(0) => "system".to_owned(),
        Some(ttl) => output::seconds(ttl),
    };
    match heading {
        "Path" => path.to_owned(),
        "Type" => text("type"),
        "Accessor" => text("accessor"),
        "Default TTL" => ttl("default_lease_ttl"),
        "Max TTL" => ttl("max_lease_ttl"),
        "Replication" if mount["local"] == json!(true) => "local".to_owned(),
        "Replication" => "replicated".to_owned(),
        "Options" => match &mount["options"] {
            Value::Null => output::plain(&json!({})),
            options => output::plain(options),
        },
        "Version" => text("running_plugin_version"),
        "UUID" => text("uuid"),
        _ => text("description"),
    }
}

async fn enable(arguments: SecretsEnable) -> Result<ExitCode, Failure> {
    let kind = arguments.kind.trim();
    let path = trimmed(arguments.path.as_deref().unwrap_or(kind)).to_owned();
    let config: Object = arguments.settings.limits().into_iter().collect();
    let mut body = json!({
        "type": kind,
        "description": arguments.settings.description.unwrap_or_default(),
        "config": config,
    });
    if !arguments.options.is_empty() {
        body["options"] = options(&arguments.options)?.into();
    }
    let client = connect(arguments.connection)?;
    let enabled = client
        .write(&format!("sys/mounts/{path}"), &object(body))
        .await;
    enabled.map_err(|error| Failure::asking("enabling", &error))?;
    success(&format!(
        "Success! Enabled the {kind} secrets engine at: {path}/"
    ))
}

async fn tune(arguments: SecretsTune) -> Result<ExitCode, Failure> {
    let path = trimmed(&arguments.path);
    let mut body: Object = arguments.settings.limits().into_iter().collect();
    if let Some(description) = arguments.settings.description {
        body.insert("description".into(), description.into());
    }
    if body.is_empty() {
        return Err(Failure::local(
            "nothing to change: give -description, -default-lease-ttl or -max-lease-ttl",
        ));
    }
    let client = connect(arguments.connection)?;
    let tuned = client
        .write(&format!("sys/mounts/{path}/tune"), &body)
        .await;
    tuned.map_err(|error| Failure::asking(format!("tuning secrets engine {path}/"), &error))?;
    success(&format!("Success! Tuned the secrets engine at: {path}/"))
}

async fn disable(arguments: SecretsDisable) -> Result<ExitCode, Failure> {
    let path = trimmed(&arguments.path);
    let client = connect(arguments.connection)?;
    let mount = format!("sys/mounts/{path}");
    let request = client.delete(&mount, &[]);
    let disabled = progress::shown(&format!("disabling {path}/"), request).await;
    let doing = format!("disabling secrets engine at {path}/");
    disabled.map_err(|error| Failure::asking(doing, &error))?;
    success(&format!(
        "Success! Disabled the secrets engine (if it existed) at: {path}/"
    ))
}

impl MountSettings {
    fn limits(&self) -> Vec<(String, Value)> {
        let given = [
            ("default_lease_ttl", &self.default_lease_ttl),
            ("max_lease_ttl", &self.max_lease_ttl),
        ];
        given
            .into_iter()
            .filter_map(|(name, ttl)| Some((name.to_owned(), ttl.clone()?.into())))
            .collect()
    }
}

fn options(given: &[String]) -> Result<Object, Failure> {
    let pair = |text: &String| {
        let (key, value) = text.split_once('=')?;
        Some((key.to_owned(), value.into()))
    };
    let pairs: Option<Object> = given.iter().map(pair).collect();
    pairs.ok_or_else(|| Failure::local("-options: write KEY=VALUE"))
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

fn success(text: &str) -> Result<ExitCode, Failure> {
    output::say(text)?;
    Ok(ExitCode::SUCCESS)
}
