//! Whether a write keeps what it does not name.
//!
//! Most endpoints change the fields of a request and keep the others, so that a
//! secret that was rotated on the server stays while something beside it changes.
//! Some replace the whole object: a request without the secret would wipe it.

use serde_json::Value;

use super::mounts::Mounts;
use super::object::Object;
use super::secret_names::is_secret;
use super::server::Data;

/// Types of secrets engines whose endpoints keep what a request does not name, by
/// the sources of Vault's and `OpenBao`'s plugins.
const ENGINES: &[&str] = &[
    "ad",
    "alicloud",
    "azure",
    "database",
    "gcp",
    "kubernetes",
    "ldap",
    "nomad",
    "openldap",
    "terraform",
];

/// The same of auth methods.
const METHODS: &[&str] = &[
    "approle", "aws", "azure", "gcp", "github", "ldap", "okta", "radius", "userpass",
];

/// Endpoints that replace the whole object, and whose secret the server itself
/// rotates: by the type of the engine, and the path in it.
const ROTATED: &[(&str, &str)] = &[("aws", "config/root")];

/// What a write does to the fields that it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unnamed {
    /// They stay.
    Kept,
    /// They go.
    Dropped,
    /// They go, and a secret among them may be newer than that of the files.
    DroppedAndRotated,
}

impl Unnamed {
    /// By the object's path, and what is mounted there. Of an engine that is not
    /// known, it is taken that they go: to send a secret again is the lesser evil.
    pub(crate) fn of(object: &Object, mounts: &Mounts) -> Self {
        let path = object.path.as_str();
        if path.starts_with("sys/") || path.starts_with("identity/") {
            return Self::Kept;
        }
        if mounts.is_value(path) {
            return Self::Dropped;
        }
        let Some((kind, inner)) = mounts.kind(path) else {
            return Self::Dropped;
        };
        let kept = if path.starts_with("auth/") {
            METHODS
        } else {
            ENGINES
        };
        if ROTATED.contains(&(kind, inner)) {
            Self::DroppedAndRotated
        } else if kept.contains(&kind) {
            Self::Kept
        } else {
            Self::Dropped
        }
    }
}

/// A secret that the server says it has and the files do not name, as
/// `token_reviewer_jwt_set` says it.
pub(crate) fn unnamed_secret<'a>(object: &Object, answer: &'a Data) -> Option<&'a str> {
    let set = answer
        .iter()
        .filter(|(_, value)| **value == Value::Bool(true));
    let mut names = set.filter_map(|(name, _)| name.strip_suffix("_set"));
    names.find(|name| is_secret(name) && !object.fields.contains_key(*name))
}
