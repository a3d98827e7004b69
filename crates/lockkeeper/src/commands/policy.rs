//! `policy list`, `read`, `write`, `delete` and `fmt`.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::client::{connect, format, object};
use crate::arguments::{Policy, PolicyDelete, PolicyFmt, PolicyList, PolicyRead, PolicyWrite};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(policy: Policy) -> Result<ExitCode, Failure> {
    match policy {
        Policy::List(arguments) => list(arguments).await,
        Policy::Read(arguments) => read(arguments).await,
        Policy::Write(arguments) => write(arguments).await,
        Policy::Delete(arguments) => delete(arguments).await,
        Policy::Fmt(arguments) => fmt(&arguments),
    }
}

async fn list(arguments: PolicyList) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let client = connect(arguments.connection)?;
    let answer = client.list("sys/policies/acl").await;
    let answer = answer.map_err(|error| Failure::asking("listing policies", &error))?;
    let names = answer.as_ref().map(output::names).unwrap_or_default();
    let lines = || {
        let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
        names.join("\n")
    };
    output::say(&output::structured(&names, format)?.unwrap_or_else(lines))?;
    Ok(ExitCode::SUCCESS)
}

async fn read(arguments: PolicyRead) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let name = folded(&arguments.name);
    let client = connect(arguments.connection)?;
    let answer = client.read(&path(&name), &[]).await;
    let doing = format!("reading policy named {name}");
    let answer = answer.map_err(|error| Failure::asking(doing, &error))?;
    let text = answer
        .as_ref()
        .and_then(|secret| secret.data.as_ref()?.get("policy")?.as_str())
        // That of `root`, which is no text.
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Failure::server(format!("No policy named: {name}")))?;
    match output::structured(&json!({ "policy": text }), format)? {
        Some(structured) => output::say(&structured)?,
        None => output::say(text.trim())?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn write(arguments: PolicyWrite) -> Result<ExitCode, Failure> {
    let name = folded(&arguments.name);
    if name != arguments.name {
        output::tell(&format!(
            "Policy name was converted from \"{}\" to \"{name}\"",
            arguments.name
        ));
    }
    let file = &arguments.file;
    let text = if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| Failure::local(format!("cannot read standard input: {error}")))?;
        text
    } else {
        // Vault's command line ends with 2 here, though nobody was asked.
        text_of(file).map_err(|failure| failure.with_code(2))?
    };
    let client = connect(arguments.connection)?;
    let body = object(json!({ "policy": text }));
    let written = client.write(&path(&name), &body).await;
    written.map_err(|error| Failure::asking("uploading policy", &error))?;
    success(&format!("Success! Uploaded policy: {name}"))
}

async fn delete(arguments: PolicyDelete) -> Result<ExitCode, Failure> {
    let name = folded(&arguments.name);
    let client = connect(arguments.connection)?;
    let deleted = client.delete(&path(&name), &[]).await;
    deleted.map_err(|error| Failure::asking(format!("deleting {name}"), &error))?;
    success(&format!("Success! Deleted policy: {name}"))
}

fn fmt(arguments: &PolicyFmt) -> Result<ExitCode, Failure> {
    let file = &arguments.file;
    let text = text_of(file)?;
    vault_core::check_policy(&text).map_err(|error| Failure::local(error.message()))?;
    let formatted = hcl1::format(&text)
        .map_err(|error| Failure::local(format!("failed to parse policy: {error}")))?;
    if formatted != text {
        replace(file, &formatted)?;
    }
    success(&format!("Success! Formatted policy: {}", file.display()))
}

/// Puts another text in a file. It is written beside the file first, so that the
/// old text is there until the new one is whole.
fn replace(file: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::local(format!(
            "Error writing result: cannot write `{}`: {error}",
            file.display()
        ))
    };
    // A link stays one: what it leads to is replaced.
    let target = std::fs::canonicalize(file).map_err(failed)?;
    let permissions = std::fs::metadata(&target).map_err(failed)?.permissions();
    let mut name = target.clone().into_os_string();
    name.push(format!(".{}", std::process::id()));
    let fresh = std::path::PathBuf::from(name);
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&fresh)
        .and_then(|mut opened| {
            opened.set_permissions(permissions)?;
            opened.write_all(text.as_bytes())?;
            opened.sync_all()
        })
        .and_then(|()| std::fs::rename(&fresh, &target));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&fresh);
        failed(error)
    })
}

fn text_of(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::local(format!("cannot read `{}`: {error}", file.display())))
}

/// Names of policies are in lower case.
fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

fn path(name: &str) -> String {
    format!("sys/policies/acl/{name}")
}

fn success(text: &str) -> Result<ExitCode, Failure> {
    output::say(text)?;
    Ok(ExitCode::SUCCESS)
}
