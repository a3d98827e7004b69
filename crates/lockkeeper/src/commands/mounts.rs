//! What the commands for secrets engines and for auth methods share: settings,
//! tables, and moving.

use std::time::Duration;

use serde_json::{Value, json};
use vault_client::{Client, Object};

use super::client::object;
use crate::arguments::{MountKind, MountSettings};
use crate::failure::Failure;
use crate::{data, output};

/// The pause between two questions about a move.
const PAUSE: Duration = Duration::from_millis(250);

/// Settings as a request has them.
pub(super) struct Given {
    pub(super) description: Option<String>,
    pub(super) options: Object,
    /// The members of `config`; a request that tunes has them beside the others.
    pub(super) config: Object,
}

/// The settings of the flags; those that were not given are left out.
///
/// # Errors
/// When an option is not `KEY=VALUE`.
pub(super) fn given(settings: MountSettings) -> Result<Given, Failure> {
    let mut options = data::pairs("-options", &settings.options)?;
    if let Some(version) = settings.version {
        options.insert("version".to_owned(), version.to_string().into());
    }
    let texts = [
        ("default_lease_ttl", settings.default_lease_ttl),
        ("max_lease_ttl", settings.max_lease_ttl),
        ("listing_visibility", settings.listing_visibility),
        ("plugin_version", settings.plugin_version),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?))));
    let lists = [
        (
            "audit_non_hmac_request_keys",
            settings.audit_non_hmac_request_keys,
        ),
        (
            "audit_non_hmac_response_keys",
            settings.audit_non_hmac_response_keys,
        ),
        (
            "passthrough_request_headers",
            settings.passthrough_request_headers,
        ),
        (
            "allowed_response_headers",
            settings.allowed_response_headers,
        ),
    ];
    let lists = lists
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(name, list)| (name.to_owned(), Value::from(list)));
    Ok(Given {
        description: settings.description,
        options,
        config: texts.chain(lists).collect(),
    })
}

impl Given {
    /// The body of a request that enables.
    pub(super) fn enabling(self, kind: &str, mount: &MountKind) -> Object {
        let mut body = object(json!({
            "type": kind,
            "description": self.description.unwrap_or_default(),
            "config": self.config,
        }));
        if !self.options.is_empty() {
            body.insert("options".into(), self.options.into());
        }
        for (name, flag) in [("local", mount.local), ("seal_wrap", mount.seal_wrap)] {
            if flag {
                body.insert(name.into(), true.into());
            }
        }
        body
    }

    /// The body of a request that tunes.
    ///
    /// # Errors
    /// When there is nothing to change.
    pub(super) fn tuning(self) -> Result<Object, Failure> {
        let mut body = self.config;
        if let Some(description) = self.description {
            body.insert("description".into(), description.into());
        }
        if !self.options.is_empty() {
            body.insert("options".into(), self.options.into());
        }
        if body.is_empty() {
            return Err(Failure::local(
                "nothing to change: give a setting such as -description, -default-lease-ttl or \
                 -max-lease-ttl",
            ));
        }
        Ok(body)
    }
}

/// A table of mounts with these columns.
pub(super) fn table(mounts: &Object, columns: &[&str]) -> String {
    let mut paths: Vec<&String> = mounts.keys().collect();
    paths.sort();
    let rows = paths.into_iter().filter_map(|path| {
        let mount = mounts.get(path)?;
        Some(columns.iter().map(|name| cell(name, path, mount)).collect())
    });
    let rows: Vec<Vec<String>> = rows.collect();
    output::columns(
        columns.iter().map(|name| (*name).to_owned()).collect(),
        rows,
    )
}

fn cell(column: &str, path: &str, mount: &Value) -> String {
    let text = |name: &str| mount[name].as_str().unwrap_or_default().to_owned();
    let flag = |value: &Value| value.as_bool().unwrap_or(false).to_string();
    // These two have none.
    let without_leases = matches!(mount["type"].as_str(), Some("system" | "cubbyhole"));
    let ttl = |name: &str| match mount["config"][name].as_i64() {
        _ if without_leases => String::new(),
        None | Some(0) => "system".to_owned(),
        Some(ttl) => output::seconds(ttl),
    };
    match column {
        "Path" => path.to_owned(),
        "Type" | "Plugin" => text("type"),
        "Accessor" => text("accessor"),
        "Default TTL" => ttl("default_lease_ttl"),
        "Max TTL" => ttl("max_lease_ttl"),
        "Token Type" => {
            let kind = mount["config"]["token_type"].as_str();
            kind.unwrap_or_default().to_owned()
        }
        "Force No Cache" => flag(&mount["config"]["force_no_cache"]),
        "Replication" if mount["local"] == json!(true) => "local".to_owned(),
        "Replication" => "replicated".to_owned(),
        "Seal Wrap" => flag(&mount["seal_wrap"]),
        "External Entropy Access" => flag(&mount["external_entropy_access"]),
        "Options" => match &mount["options"] {
            Value::Null => output::plain(&json!({})),
            options => output::plain(options),
        },
        "UUID" => text("uuid"),
        "Version" => text("plugin_version"),
        "Running Version" => text("running_plugin_version"),
        "Running SHA256" => text("running_sha256"),
        "Deprecation Status" => text("deprecation_status"),
        _ => text("description"),
    }
}

/// Moves a mount, and waits until the server has finished. `what` names it, such
/// as `secrets engine a/`.
///
/// # Errors
/// When the server refuses, or the move fails.
pub(super) async fn relocate(
    client: &Client,
    what: &str,
    from: &str,
    to: &str,
) -> Result<(), Failure> {
    let doing = format!("moving {what} to {to}");
    let body = object(json!({"from": from, "to": to}));
    let started = client.write("sys/remount", &body).await;
    let started = started.map_err(|error| Failure::asking(&doing, &error))?;
    let data = started.and_then(|secret| secret.data).unwrap_or_default();
    let Some(id) = data.get("migration_id").and_then(Value::as_str) else {
        // Servers without an id have finished when they answer.
        return output::say(&format!("Success! Finished moving {what} to {to}"));
    };
    output::say(&format!(
        "Started moving {what} to {to}, with migration ID {id}"
    ))?;
    loop {
        let status = client.read(&format!("sys/remount/status/{id}"), &[]).await;
        let status = status.map_err(|error| Failure::asking(&doing, &error))?;
        let data = status.and_then(|secret| secret.data).unwrap_or_default();
        match data.get("migration_info").map(|info| &info["status"]) {
            Some(Value::String(status)) if status == "success" => {
                return output::say(&format!(
                    "Success! Finished moving {what} to {to}, with migration ID {id}"
                ));
            }
            Some(Value::String(status)) if status == "failure" => {
                return Err(Failure::local(format!(
                    "Failure! Error encountered moving {what} to {to}, with migration ID {id}"
                )));
            }
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}
