//! The key that encrypts the storage of a server, as commands show it.

use std::process::ExitCode;

use serde_json::json;
use vault_client::Client;

use crate::arguments::Format;
use crate::failure::Failure;
use crate::output;

/// Shows which key encrypts the storage.
pub(super) async fn show(client: &Client, format: Format) -> Result<ExitCode, Failure> {
    let answer = client.read("sys/key-status", &[]).await;
    let answer = answer.map_err(|error| Failure::asking("reading key status", &error))?;
    let data = answer.and_then(|secret| secret.data).unwrap_or_default();
    let member = |name: &str| data.get(name).cloned().unwrap_or_default();
    let shown = json!({
        "term": member("term"),
        "install_time": member("install_time"),
        "encryptions": member("encryptions"),
    });
    if format != Format::Table {
        output::say(&output::structured(&shown, format)?.unwrap_or_default())?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = [
        ("Key Term", "term"),
        ("Install Time", "install_time"),
        ("Encryption Count", "encryptions"),
    ]
    .map(|(name, key)| vec![name.to_owned(), output::plain(&shown[key])]);
    output::say(&output::rows(&rows))?;
    Ok(ExitCode::SUCCESS)
}
