//! What is mounted on a server.

use std::collections::BTreeMap;

use serde_json::Value;

use super::object::Object;
use super::place::Problem;
use super::server::{Data, Reading, Server, ServerError};

/// The server's secrets engines, auth methods and audit devices.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mounts {
    engines: BTreeMap<String, Data>,
    methods: BTreeMap<String, Data>,
}

impl Mounts {
    pub(crate) async fn read(server: &dyn Server) -> Result<Self, Problem> {
        Ok(Self {
            engines: table(server, "sys/mounts").await?,
            methods: table(server, "sys/auth").await?,
        })
    }

    pub(crate) fn engine(&self, path: &str) -> Option<&Data> {
        self.engines.get(path)
    }

    pub(crate) fn method(&self, path: &str) -> Option<&Data> {
        self.methods.get(path)
    }

    /// Paths of secrets engines with their entries.
    pub(crate) fn engines(&self) -> impl Iterator<Item = (&str, &Data)> {
        let engines = self.engines.iter();
        engines.map(|(path, entry)| (path.as_str(), entry))
    }

    /// Paths of auth methods with their entries.
    pub(crate) fn methods(&self) -> impl Iterator<Item = (&str, &Data)> {
        let methods = self.methods.iter();
        methods.map(|(path, entry)| (path.as_str(), entry))
    }

    /// The KV engine of version 2 that a path is in, and the path below it.
    pub(crate) fn versioned<'a>(&'a self, path: &'a str) -> Option<(&'a str, &'a str)> {
        let (mount, entry) = self
            .engines
            .iter()
            .filter(|(mount, _)| is_below(path, mount))
            .max_by_key(|(mount, _)| mount.len())?;
        let version = entry.get("options")?.get("version")?.as_str();
        (version == Some("2")).then(|| (mount.as_str(), &path[mount.len() + 1..]))
    }

    /// The type of the engine or the method that a path is in, and the path below it.
    pub(crate) fn kind<'a>(&'a self, path: &'a str) -> Option<(&'a str, &'a str)> {
        let (mounts, path) = match path.strip_prefix("auth/") {
            Some(path) => (&self.methods, path),
            None => (&self.engines, path),
        };
        let (mount, entry) = mounts
            .iter()
            .filter(|(mount, _)| is_below(path, mount))
            .max_by_key(|(mount, _)| mount.len())?;
        Some((entry.get("type")?.as_str()?, &path[mount.len() + 1..]))
    }

    /// Whether a KV engine is mounted there.
    pub(crate) fn is_kv(&self, mount: &str) -> bool {
        let entry = self.engines.get(mount);
        entry.and_then(|entry| entry.get("type")?.as_str()) == Some("kv")
    }

    /// With the secrets engines that files are about to make.
    pub(crate) fn with_planned(&self, objects: &[Object]) -> Self {
        let mut mounts = self.clone();
        for object in objects {
            if let Some(path) = object.path.strip_prefix("sys/mounts/") {
                let entry = mounts.engines.entry(path.to_owned());
                entry.or_insert_with(|| object.body(|_, _| true));
            }
        }
        mounts
    }

    /// Whether a path is that of a value in a KV engine, or of what is known of one.
    pub(crate) fn is_value(&self, path: &str) -> bool {
        self.is_in_kv(path, &["data", "metadata"])
    }

    /// Whether what is written to a path is a value in a KV engine.
    pub(crate) fn is_data(&self, path: &str) -> bool {
        self.is_in_kv(path, &["data"])
    }

    fn is_in_kv(&self, path: &str, folders: &[&str]) -> bool {
        match self.versioned(path) {
            Some((_, inner)) => folders.iter().any(|folder| is_below(inner, folder)),
            None => self
                .engines
                .keys()
                .any(|mount| is_below(path, mount) && self.is_kv(mount)),
        }
    }

    /// Whether a path is in a mount.
    pub(crate) fn has(&self, path: &str) -> bool {
        if let Some(rest) = path.strip_prefix("auth/") {
            return self.methods.keys().any(|mount| is_below(rest, mount));
        }
        self.engines.keys().any(|mount| is_below(path, mount))
    }

    /// A text with the accessors of mounts in place of `__accessor__<mount>`; the
    /// longest name counts.
    pub(crate) fn with_accessors(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let mut all: Vec<(&String, &Data)> = self.methods.iter().chain(&self.engines).collect();
        all.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        for (path, entry) in all {
            if let Some(accessor) = entry.get("accessor").and_then(Value::as_str) {
                text = text.replace(&format!("{ACCESSOR}{path}"), accessor);
            }
        }
        text
    }
}

/// What stands before the path of a mount whose accessor is wanted.
pub(crate) const ACCESSOR: &str = "__accessor__";

pub(crate) fn is_below(path: &str, mount: &str) -> bool {
    path.strip_prefix(mount)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// A table of mounts, by path without the slash at its end.
pub(crate) async fn table(
    server: &dyn Server,
    path: &str,
) -> Result<BTreeMap<String, Data>, Problem> {
    let reading = server
        .read(path)
        .await
        .map_err(|error| refused(path, &error))?;
    let Reading::Found(answer) = reading else {
        return Ok(BTreeMap::new());
    };
    let entries = answer.into_iter().filter_map(|(path, entry)| match entry {
        Value::Object(entry) => path.strip_suffix('/').map(|path| (path.to_owned(), entry)),
        _ => None,
    });
    Ok(entries.collect())
}

fn refused(path: &str, error: &ServerError) -> Problem {
    let remedy = match error.status {
        Some(403) => format!("; the token needs a policy with `read` on `{path}`"),
        _ => String::new(),
    };
    Problem::general(format!("{error}{remedy}"))
}
