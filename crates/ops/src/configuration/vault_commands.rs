//! A plan as commands of `vault`, to learn from. Values of secrets are left out.

use std::fmt::Write as _;

use serde_json::Value;
use vault_client::quoted;

use super::object::{Field, Kind, Object};
use super::plan::{Action, Change, Plan};

/// The commands that do what the plan does.
pub fn vault_commands(plan: &Plan) -> String {
    let commands = plan.visible().map(command);
    commands.collect::<Vec<_>>().join("\n")
}

fn command(change: &Change) -> String {
    let path = &change.path;
    let inner = |prefix: &str| quoted(path.strip_prefix(prefix).unwrap_or(path));
    let Some(object) = &change.object else {
        return match change.kind {
            Kind::SecretsEngine => format!("vault secrets disable {}", inner("sys/mounts/")),
            Kind::AuthMethod => format!("vault auth disable {}", inner("sys/auth/")),
            Kind::Policy => format!("vault policy delete {}", inner("sys/policies/acl/")),
            Kind::Audit => format!("vault audit disable {}", inner("sys/audit/")),
            _ => format!("vault delete {}", quoted(path)),
        };
    };
    let is_new = change.action == Action::Create;
    match change.kind {
        Kind::Policy => {
            let text = object
                .fields
                .get("policy")
                .and_then(|field| field.value.as_str());
            let text = text.unwrap_or_default().trim_end();
            format!(
                "vault policy write {} - {}",
                inner("sys/policies/acl/"),
                document(text)
            )
        }
        Kind::SecretsEngine if is_new => enable("secrets", &inner("sys/mounts/"), object),
        Kind::AuthMethod if is_new => enable("auth", &inner("sys/auth/"), object),
        Kind::SecretsEngine | Kind::AuthMethod => {
            write(&format!("{path}/tune"), object, |name, _| {
                is_changed(change, name)
            })
        }
        _ => write(path, object, |name, field| {
            is_new || !field.is_secret || is_changed(change, name)
        }),
    }
}

fn is_changed(change: &Change, name: &str) -> bool {
    change.fields.iter().any(|field| field.name == name)
}

fn enable(command: &str, path: &str, object: &Object) -> String {
    let mut text = format!("vault {command} enable -path={path}");
    for (name, field) in &object.fields {
        let value = if field.is_secret {
            hidden(&field.value)
        } else {
            field.value.clone()
        };
        match (&value, name.as_str()) {
            (_, "type") => {}
            (Value::Object(members), "config" | "options") => {
                for (name, value) in members {
                    let name = name.replace('_', "-");
                    let _ = write!(text, " -{name}={}", quoted(&plain(value)));
                }
            }
            (value, name) => {
                let _ = write!(
                    text,
                    " -{}={}",
                    name.replace('_', "-"),
                    quoted(&plain(value))
                );
            }
        }
    }
    let kind = object.fields.get("type").map(|field| plain(&field.value));
    let _ = write!(text, " {}", kind.unwrap_or_default());
    text
}

fn write(path: &str, object: &Object, includes: impl Fn(&str, &Field) -> bool) -> String {
    let fields = object
        .fields
        .iter()
        .filter(|(name, field)| includes(name, field));
    let fields: Vec<(&String, &Field)> = fields.collect();
    let is_nested = |field: &Field| field.value.is_object() && !field.is_secret;
    if object.kind == Kind::Seed || fields.iter().any(|(_, field)| is_nested(field)) {
        // Nested values are written as JSON; secret ones are not shown.
        let members = fields.iter().map(|(name, field)| {
            let value = if field.is_secret {
                hidden(&field.value)
            } else {
                field.value.clone()
            };
            ((*name).clone(), value)
        });
        let mut body: serde_json::Map<String, Value> = members.collect();
        if object.is_once {
            body.insert("options".to_owned(), serde_json::json!({ "cas": 0 }));
        }
        let body = Value::Object(body).to_string();
        return format!("vault write {} - {}", quoted(path), document(&body));
    }
    let mut text = format!("vault write {}", quoted(path));
    for (name, field) in fields {
        let value = if field.is_secret {
            "…".to_owned()
        } else {
            plain(&field.value)
        };
        let _ = write!(text, " {}", quoted(&format!("{name}={value}")));
    }
    text
}

/// A text as a shell's here document, which ends with a line that the text has not.
fn document(text: &str) -> String {
    let mut mark = "EOF".to_owned();
    while text.lines().any(|line| line == mark) {
        mark.push('_');
    }
    format!("<<'{mark}'\n{text}\n{mark}")
}

/// The form of a value without what it says.
fn hidden(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| (name.clone(), hidden(value)));
            Value::Object(members.collect())
        }
        _ => Value::from("…"),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
