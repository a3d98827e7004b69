//! Auth methods, their configuration, roles, users and groups.

use serde_json::{Map, Value, json};

use super::mounts::mount;
use super::{Import, Part, settings};
use crate::configuration::place::Problem;
use crate::configuration::plan::is_built_in;
use crate::configuration::server::Data;

/// A list of a method: the key in a file, the folder on the server, and the key of
/// an item's name.
type List = (&'static str, &'static str, &'static str);

const ROLES: List = ("roles", "role", "name");
const USERS: List = ("users", "users", "username");
const GROUPS: List = ("groups", "groups", "name");

/// The lists of a method of a type.
fn lists(kind: &str) -> &'static [List] {
    match kind {
        "approle" | "aws" | "azure" | "gcp" | "jwt" | "kubernetes" | "oidc" => &[ROLES],
        "cert" => &[("roles", "certs", "name")],
        "kerberos" => &[GROUPS],
        "ldap" | "okta" => &[USERS, GROUPS],
        "radius" | "userpass" => &[USERS],
        "token" => &[("roles", "roles", "name")],
        _ => &[],
    }
}

/// Types without a configuration.
const WITHOUT_CONFIG: &[&str] = &["approle", "token", "userpass"];

impl Import<'_> {
    /// `auth`.
    pub(super) async fn methods(&self) -> Result<Vec<Value>, Problem> {
        let mut methods = Vec::new();
        for (path, entry) in self.mounts.methods() {
            let kind = entry.get("type").and_then(Value::as_str);
            let kind = kind.unwrap_or_default();
            let mut inner = Map::new();
            if self.has(Part::Auth) && !WITHOUT_CONFIG.contains(&kind) {
                let place = if kind == "aws" {
                    "config/client"
                } else {
                    "config"
                };
                if let Some(answer) = self.read(&format!("auth/{path}/{place}")).await? {
                    inner.insert("config".to_owned(), settings(answer, &[]).into());
                }
            }
            if self.has(Part::Roles) || (kind == "approle" && self.has(Part::Approle)) {
                for list in lists(kind) {
                    inner.insert(list.0.to_owned(), self.items(path, list).await?.into());
                }
            }
            inner.retain(|_, value| match value {
                Value::Array(items) => !items.is_empty(),
                Value::Object(members) => !members.is_empty(),
                _ => true,
            });
            let mut method = mount(path, entry, "options");
            let is_built_in = is_built_in(&format!("sys/auth/{path}"));
            if !self.has(Part::Auth) || is_built_in {
                if inner.is_empty() {
                    continue;
                }
                method.retain(|name, _| name == "type" || name == "path");
                method.insert("existing".to_owned(), json!(true));
            }
            method.extend(inner);
            methods.push(Value::Object(method));
        }
        Ok(methods)
    }

    async fn items(&self, path: &str, (_, folder, name_key): &List) -> Result<Vec<Value>, Problem> {
        let folder = format!("auth/{path}/{folder}");
        let mut items = Vec::new();
        for name in self.list(&folder).await? {
            let Some(answer) = self.read(&format!("{folder}/{name}")).await? else {
                continue;
            };
            let mut item = Map::new();
            item.insert((*name_key).to_owned(), json!(name));
            item.extend(role(&answer));
            items.push(Value::Object(item));
        }
        Ok(items)
    }
}

/// A role without what repeats another field or is there by itself.
fn role(answer: &Data) -> Map<String, Value> {
    // `policies` and its like repeat what is in `token_policies`.
    let is_repeated = |name: &str| answer.contains_key(&format!("token_{name}"));
    let repeated: Vec<String> = answer
        .keys()
        .filter(|name| is_repeated(name))
        .cloned()
        .collect();
    let mut computed: Vec<&str> = repeated.iter().map(String::as_str).collect();
    computed.push("name");
    let mut role = settings(answer.clone(), &computed);
    role.retain(|field, value| {
        let is_default = (field == "bind_secret_id" && *value == json!(true))
            || (field == "token_type" && *value == json!("default"));
        !is_default
    });
    role
}
