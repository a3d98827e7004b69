//! Secrets engines, and the settings that all mounts have.

use serde_json::{Map, Value, json};

use super::{Import, Part, settings};
use crate::configuration::compare::is_empty;
use crate::configuration::place::Problem;
use crate::configuration::plan::is_built_in;
use crate::configuration::server::Data;

/// Settings of a mount that a file may name, with what a server has by itself.
const MOUNT_SETTINGS: &[&str] = &[
    "default_lease_ttl",
    "max_lease_ttl",
    "listing_visibility",
    "audit_non_hmac_request_keys",
    "audit_non_hmac_response_keys",
    "passthrough_request_headers",
    "allowed_response_headers",
];

impl Import<'_> {
    /// `secrets`.
    pub(super) async fn engines(&self) -> Result<Vec<Value>, Problem> {
        let mut engines = Vec::new();
        if !self.has(Part::Secrets) {
            return Ok(engines);
        }
        for (path, entry) in self.mounts.engines() {
            if is_built_in(&format!("sys/mounts/{path}")) {
                continue;
            }
            let mut engine = mount(path, entry, "config");
            if self.mounts.versioned(&format!("{path}/x")).is_some()
                && let Some(answer) = self.read(&format!("{path}/config")).await?
            {
                let config = settings(answer, &[]);
                if !config.is_empty() {
                    engine.insert("configuration".to_owned(), json!({ "config": [config] }));
                }
            }
            engines.push(Value::Object(engine));
        }
        Ok(engines)
    }
}

/// A mount as a file has it; its settings stand under a key that depends on the
/// kind of mount.
pub(super) fn mount(path: &str, entry: &Data, settings_key: &str) -> Map<String, Value> {
    let mut mount = Map::new();
    mount.insert(
        "type".to_owned(),
        entry.get("type").cloned().unwrap_or_default(),
    );
    mount.insert("path".to_owned(), json!(path));
    for name in ["description", "local", "seal_wrap"] {
        if let Some(value) = entry.get(name).filter(|value| !is_empty(value)) {
            mount.insert(name.to_owned(), value.clone());
        }
    }
    let config = entry.get("config").and_then(Value::as_object);
    let settings: Map<String, Value> = config
        .into_iter()
        .flatten()
        .filter(|(name, value)| MOUNT_SETTINGS.contains(&name.as_str()) && !is_empty(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if !settings.is_empty() {
        mount.insert(settings_key.to_owned(), settings.into());
    }
    let options = entry.get("options").filter(|options| !is_empty(options));
    if let Some(options) = options.filter(|_| settings_key == "config") {
        mount.insert("options".to_owned(), options.clone());
    }
    mount
}
