//! `kv`: secrets in engines of the type `kv`, in version 1 and 2. Which version
//! a mount has is asked from the server before anything is sent.

mod metadata;
mod place;
mod read;
mod versions;
mod write;

use std::process::ExitCode;

use serde_json::json;
use vault_client::{Object, Secret};

use super::client::{connect, object, trimmed};
use super::logical::Names;
use crate::arguments::{Format, Kv, KvEnableVersioning};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(kv: Kv) -> Result<ExitCode, Failure> {
    match kv {
        Kv::Get(arguments) => read::get(arguments).await,
        Kv::List(arguments) => read::list(Names::Folder, arguments).await,
        Kv::Scan(arguments) => read::list(Names::All, arguments).await,
        Kv::Put(arguments) => write::put(arguments).await,
        Kv::Patch(arguments) => write::patch(arguments).await,
        Kv::Rollback(arguments) => write::rollback(arguments).await,
        Kv::Delete(arguments) => versions::delete(arguments).await,
        Kv::Undelete(arguments) => versions::undelete(arguments).await,
        Kv::Destroy(arguments) => versions::destroy(arguments).await,
        Kv::Metadata(metadata) => metadata::run(metadata).await,
        Kv::EnableVersioning(arguments) => enable_versioning(arguments).await,
    }
}

async fn enable_versioning(arguments: KvEnableVersioning) -> Result<ExitCode, Failure> {
    let path = trimmed(&arguments.path);
    let client = connect(arguments.connection)?;
    let body = object(json!({"options": {"version": "2"}}));
    let tuned = client
        .write(&format!("sys/mounts/{path}/tune"), &body)
        .await;
    tuned.map_err(|error| Failure::asking(format!("tuning secrets engine {path}/"), &error))?;
    output::say(&format!("Success! Tuned the secrets engine at: {path}/"))?;
    Ok(ExitCode::SUCCESS)
}

/// What a write without data in its answer ends with. A script that wants a
/// format does not want a sentence.
fn done(answer: Option<&Secret>, sentence: &str, format: Format) -> Result<ExitCode, Failure> {
    match answer {
        Some(secret) if secret.data.is_some() || format != Format::Table => {
            output::secret(secret, format)?;
        }
        Some(secret) => {
            output::warn(secret);
            output::say(sentence)?;
        }
        None if format == Format::Table => output::say(sentence)?,
        None => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// The member of an answer that is an object.
fn member<'a>(secret: &'a Secret, name: &str) -> Option<&'a Object> {
    secret.data.as_ref()?.get(name)?.as_object()
}
