//! Files from a live server, over which a plan is empty.
//!
//! Only what a file would name is written: settings that differ from what a server
//! has by itself. Secrets cannot be read, and are not written.

mod yaml;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::compare::is_empty;
use super::mounts::Mounts;
use super::place::Problem;
use super::plan::is_built_in;
use super::server::{Data, Reading, Server};

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Policies.
    Policies,
    /// Secrets engines, without what is in them.
    Secrets,
    /// Auth methods, without what is in them.
    Auth,
    /// Roles of all methods of the type `approle`.
    Approle,
}

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

/// Reads the parts of a server as the text of a file of this owner.
///
/// # Errors
/// When the server refuses or does not answer.
pub async fn import(
    server: &Arc<dyn Server>,
    parts: &[Part],
    owner: &str,
) -> Result<String, Problem> {
    let server = server.as_ref();
    let mounts = Mounts::read(server).await?;
    let has = |part| parts.contains(&part);
    let mut file = Map::new();
    file.insert("version".to_owned(), json!(1));
    file.insert("owner".to_owned(), json!(owner));
    if has(Part::Policies) {
        file.insert("policies".to_owned(), policies(server).await?);
    }
    if has(Part::Auth) || has(Part::Approle) {
        let mut methods = Vec::new();
        for (path, entry) in mounts.methods() {
            let is_approle = entry.get("type").and_then(Value::as_str) == Some("approle");
            let roles = if is_approle && has(Part::Approle) {
                roles(server, path).await?
            } else {
                Vec::new()
            };
            let mut method = mount(path, entry, "options");
            if !has(Part::Auth) {
                method.retain(|name, _| name == "type" || name == "path");
                method.insert("existing".to_owned(), json!(true));
            }
            if !roles.is_empty() {
                method.insert("roles".to_owned(), roles.into());
            } else if !has(Part::Auth) || is_built_in(&format!("sys/auth/{path}")) {
                continue;
            }
            methods.push(Value::Object(method));
        }
        file.insert("auth".to_owned(), methods.into());
    }
    if has(Part::Secrets) {
        let engines = mounts
            .engines()
            .filter(|(path, _)| !is_built_in(&format!("sys/mounts/{path}")));
        let engines = engines.map(|(path, entry)| Value::Object(mount(path, entry, "config")));
        file.insert("secrets".to_owned(), engines.collect());
    }
    file.retain(|_, value| !value.as_array().is_some_and(Vec::is_empty));
    Ok(yaml::text(&file))
}

async fn policies(server: &dyn Server) -> Result<Value, Problem> {
    let mut policies = Vec::new();
    for name in list(server, "sys/policies/acl").await? {
        let path = format!("sys/policies/acl/{name}");
        if is_built_in(&path) {
            continue;
        }
        if let Reading::Found(answer) = read(server, &path).await? {
            let rules = answer.get("policy").cloned().unwrap_or_default();
            policies.push(json!({ "name": name, "rules": rules }));
        }
    }
    Ok(policies.into())
}

async fn roles(server: &dyn Server, mount: &str) -> Result<Vec<Value>, Problem> {
    let mut roles = Vec::new();
    for name in list(server, &format!("auth/{mount}/role")).await? {
        let Reading::Found(answer) = read(server, &format!("auth/{mount}/role/{name}")).await?
        else {
            continue;
        };
        let mut role = Map::new();
        role.insert("name".to_owned(), json!(name));
        for (field, value) in &answer {
            // `policies` repeats what is in `token_policies`.
            let is_repeated = field == "policies" && answer.contains_key("token_policies");
            let is_default = is_empty(value)
                || (field == "bind_secret_id" && *value == json!(true))
                || (field == "token_type" && *value == json!("default"));
            if !is_repeated && !is_default {
                role.insert(field.clone(), value.clone());
            }
        }
        roles.push(Value::Object(role));
    }
    Ok(roles)
}

fn mount(path: &str, entry: &Data, settings_key: &str) -> Map<String, Value> {
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

async fn list(server: &dyn Server, path: &str) -> Result<Vec<String>, Problem> {
    let names = server.list(path).await;
    names.map_err(|error| Problem::general(error.to_string()))
}

async fn read(server: &dyn Server, path: &str) -> Result<Reading, Problem> {
    let reading = server.read(path).await;
    reading.map_err(|error| Problem::general(error.to_string()))
}
