//! Files from a live server, over which a plan is empty.
//!
//! Only what a file would name is written: settings that differ from what a server
//! has by itself. Secrets cannot be read, and are not written.

mod identity;
mod methods;
mod mounts;
mod others;
mod yaml;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::compare::is_empty;
use super::mounts::Mounts;
use super::place::Problem;
use super::secret_names::{has_login, is_secret};
use super::server::{Data, Reading, Server};

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Policies.
    Policies,
    /// Secrets engines, with the configuration of those for KV.
    Secrets,
    /// Auth methods with their configuration.
    Auth,
    /// Roles of all methods of the type `approle`.
    Approle,
    /// Roles, users and groups of all methods.
    Roles,
    /// Groups of identities, with their aliases.
    Groups,
    /// Limits of the rate of requests.
    Quotas,
    /// Policies for passwords.
    Passwords,
}

/// Which parts of a server are read.
struct Import<'a> {
    server: &'a dyn Server,
    mounts: Mounts,
    parts: &'a [Part],
}

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
    let import = Import {
        server,
        mounts: Mounts::read(server).await?,
        parts,
    };
    let mut file = Map::new();
    file.insert("version".to_owned(), json!(1));
    file.insert("owner".to_owned(), json!(owner));
    let sections = [
        ("policies", import.policies().await?),
        ("auth", import.methods().await?),
        ("secrets", import.engines().await?),
        ("quotas", import.quotas().await?),
        ("groups", import.groups().await?),
        ("group-aliases", import.aliases().await?),
        ("raw", import.passwords().await?),
    ];
    for (key, objects) in sections {
        if !objects.is_empty() {
            file.insert(key.to_owned(), objects.into());
        }
    }
    Ok(yaml::text(&file))
}

impl Import<'_> {
    fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// The names in a folder; none if the server has no such folder, as for what
    /// another server or a later version has.
    async fn list(&self, folder: &str) -> Result<Vec<String>, Problem> {
        match self.server.list(folder).await {
            Err(error) if error.status == Some(405) => Ok(Vec::new()),
            names => Ok(names?),
        }
    }

    async fn read(&self, path: &str) -> Result<Option<Data>, Problem> {
        match self.server.read(path).await? {
            Reading::Found(answer) => Ok(Some(answer)),
            Reading::Absent | Reading::Unreadable => Ok(None),
        }
    }
}

/// The fields of an answer that a file would name: without secrets, without what is
/// empty, and without `computed` ones.
fn settings(answer: Data, computed: &[&str]) -> Map<String, Value> {
    let is_named = |name: &str, value: &Value| {
        let is_login = value.as_str().is_some_and(|text| has_login(name, text));
        !computed.contains(&name) && !is_empty(value) && !is_secret(name) && !is_login
    };
    let fields = answer.into_iter();
    fields
        .filter(|(name, value)| is_named(name, value))
        .collect()
}
