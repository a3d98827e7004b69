//! What a file wants to be on a server.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

use super::place::Place;

/// What an object is. The order is that of creation: each needs only what comes
/// before it. Deletions go backward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An entry of the catalogue of plugins.
    Plugin,
    /// A mounted secrets engine.
    SecretsEngine,
    /// An enabled auth method.
    AuthMethod,
    /// A policy.
    Policy,
    /// A limit of the rate of requests.
    Quota,
    /// The configuration of an engine or a method.
    Config,
    /// A role, user, group or mapping of an engine or a method.
    Role,
    /// A group of identities.
    Group,
    /// The name of a group at an auth method.
    GroupAlias,
    /// A value that a path begins with.
    Seed,
    /// Anything that has no kind of its own.
    Raw,
    /// An audit device.
    Audit,
}

impl Kind {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::SecretsEngine => "secrets engine",
            Self::AuthMethod => "auth method",
            Self::Policy => "policy",
            Self::Quota => "quota",
            Self::Config => "configuration",
            Self::Role => "role",
            Self::Group => "group",
            Self::GroupAlias => "group alias",
            Self::Seed => "seed",
            Self::Raw => "raw path",
            Self::Audit => "audit device",
        }
    }
}

/// A field that a file names.
#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) value: Value,
    /// Never shown, and written only when the file's value has changed.
    pub(crate) is_secret: bool,
}

impl Drop for Field {
    fn drop(&mut self) {
        if self.is_secret {
            wipe(&mut self.value);
        }
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// One object.
#[derive(Clone)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    /// Where it is on the server, in the form in which the server lists it.
    pub(crate) path: String,
    pub(crate) fields: BTreeMap<String, Field>,
    /// Written only if there is nothing: what is there is somebody's.
    pub(crate) is_once: bool,
    pub(crate) place: Place,
}

impl Object {
    /// The body of a request with these fields.
    pub(crate) fn body<'a>(
        &'a self,
        includes: impl Fn(&str, &Field) -> bool + 'a,
    ) -> serde_json::Map<String, Value> {
        let fields = self.fields.iter();
        fields
            .filter(|(name, field)| includes(name, field))
            .map(|(name, field)| (name.clone(), field.value.clone()))
            .collect()
    }

    /// The policies that it names.
    pub(crate) fn policies(&self) -> Vec<String> {
        let mut names = Vec::new();
        for name in ["policies", "token_policies", "value"] {
            match self.fields.get(name).map(|field| &field.value) {
                Some(Value::String(text)) => {
                    names.extend(text.split(',').map(|name| name.trim().to_lowercase()));
                }
                Some(Value::Array(items)) => {
                    let items = items.iter().filter_map(Value::as_str);
                    names.extend(items.map(str::to_lowercase));
                }
                _ => {}
            }
        }
        names
    }

    /// The texts within that nobody may see.
    pub(crate) fn secrets(&self) -> Vec<Zeroizing<String>> {
        let mut secrets = Vec::new();
        for field in self.fields.values().filter(|field| field.is_secret) {
            collect(&field.value, &mut secrets);
        }
        secrets
    }
}

fn collect(value: &Value, secrets: &mut Vec<Zeroizing<String>>) {
    match value {
        Value::String(text) => secrets.push(text.clone().into()),
        Value::Number(number) => secrets.push(number.to_string().into()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, secrets)),
        Value::Object(members) => members.values().for_each(|item| collect(item, secrets)),
        Value::Null | Value::Bool(_) => {}
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} with {:?}",
            self.kind.word(),
            self.path,
            self.fields.keys()
        )
    }
}
