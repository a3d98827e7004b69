//! `secrets list`, `enable`, `tune`, `move` and `disable`.

use std::process::ExitCode;

use super::client::{connect, detailed, format, trimmed};
use super::{mounts, progress};
use crate::arguments::{
    Secrets, SecretsDisable, SecretsEnable, SecretsList, SecretsMove, SecretsTune,
};
use crate::failure::Failure;
use crate::output;

/// As Vault's command line has them.
const COLUMNS: &[&str] = &["Path", "Type", "Accessor", "Description"];
const DETAILED: &[&str] = &[
    "Path",
    "Plugin",
    "Accessor",
    "Default TTL",
    "Max TTL",
    "Force No Cache",
    "Replication",
    "Seal Wrap",
    "External Entropy Access",
    "Options",
    "Description",
    "UUID",
    "Version",
    "Running Version",
    "Running SHA256",
    "Deprecation Status",
];

pub(super) async fn run(secrets: Secrets) -> Result<ExitCode, Failure> {
    match secrets {
        Secrets::List(arguments) => list(arguments).await,
        Secrets::Enable(arguments) => enable(arguments).await,
        Secrets::Tune(arguments) => tune(arguments).await,
        Secrets::Move(arguments) => relocate(arguments).await,
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
    match output::structured(&mounts, format)? {
        Some(text) => output::say(&text)?,
        None => output::say(&mounts::table(
            &mounts,
            if detailed { DETAILED } else { COLUMNS },
        ))?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn enable(arguments: SecretsEnable) -> Result<ExitCode, Failure> {
    let kind = arguments.kind.trim();
    let path = trimmed(arguments.path.as_deref().unwrap_or(kind)).to_owned();
    let mut given = mounts::given(arguments.settings)?;
    if arguments.force_no_cache {
        given.config.insert("force_no_cache".into(), true.into());
    }
    let body = given.enabling(kind, &arguments.mount);
    let client = connect(arguments.connection)?;
    let enabled = client.write(&format!("sys/mounts/{path}"), &body).await;
    enabled.map_err(|error| Failure::asking("enabling", &error))?;
    success(&format!(
        "Success! Enabled the {kind} secrets engine at: {path}/"
    ))
}

async fn tune(arguments: SecretsTune) -> Result<ExitCode, Failure> {
    let path = trimmed(&arguments.path);
    let body = mounts::given(arguments.settings)?.tuning()?;
    let client = connect(arguments.connection)?;
    let tuned = client
        .write(&format!("sys/mounts/{path}/tune"), &body)
        .await;
    tuned.map_err(|error| Failure::asking(format!("tuning secrets engine {path}/"), &error))?;
    success(&format!("Success! Tuned the secrets engine at: {path}/"))
}

async fn relocate(arguments: SecretsMove) -> Result<ExitCode, Failure> {
    let client = connect(arguments.connection)?;
    let from = format!("{}/", trimmed(&arguments.source));
    let to = format!("{}/", trimmed(&arguments.destination));
    mounts::relocate(&client, &format!("secrets engine {from}"), &from, &to).await?;
    Ok(ExitCode::SUCCESS)
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

fn success(text: &str) -> Result<ExitCode, Failure> {
    output::say(text)?;
    Ok(ExitCode::SUCCESS)
}
