//! What is on a server and in no file and on no record: the objects that
//! `purgeUnmanagedConfig` deletes.
//!
//! What the server has by itself is not among them, nor what this program works
//! with: its token's policies, the method that the token logged in at, and
//! policies that the files name.

use std::collections::BTreeSet;

use serde_json::Value;

use super::built_in::is_built_in;
use crate::configuration::document::{Desired, Purge};
use crate::configuration::group_alias;
use crate::configuration::mounts::{Mounts, table};
use crate::configuration::object::{Kind, Object};
use crate::configuration::place::Problem;
use crate::configuration::server::{Data, Reading, Server};

/// An object that nobody manages, as far as files and records tell.
pub(super) struct Unmanaged {
    pub(super) kind: Kind,
    pub(super) path: String,
}

/// Looks for them.
pub(super) async fn find(
    server: &dyn Server,
    mounts: &Mounts,
    desired: &Desired,
    purge: &Purge,
) -> Result<Vec<Unmanaged>, Problem> {
    let own = Own::read(server).await?;
    let mut found = Vec::new();
    for kind in [
        Kind::Audit,
        Kind::GroupAlias,
        Kind::Group,
        Kind::Policy,
        Kind::AuthMethod,
        Kind::SecretsEngine,
        Kind::Plugin,
    ] {
        if purge.includes(kind) {
            let paths = paths(server, mounts, kind).await?;
            found.extend(paths.into_iter().map(|path| Unmanaged { kind, path }));
        }
    }
    let named: BTreeSet<String> = desired.objects.iter().flat_map(Object::policies).collect();
    found.retain(|object| {
        let policy = object.path.strip_prefix("sys/policies/acl/");
        !is_built_in(&object.path)
            && !own.needs(&object.path)
            && !policy.is_some_and(|policy| named.contains(policy))
    });
    Ok(found)
}

/// What the token of this program has.
struct Own {
    policies: Vec<String>,
    /// The path of its login.
    login: String,
}

impl Own {
    async fn read(server: &dyn Server) -> Result<Self, Problem> {
        let reading = server.read("auth/token/lookup-self").await?;
        let Reading::Found(token) = reading else {
            return Err(Problem::general(
                "the server does not tell which policies this token has, and a purge could \
                 delete them",
            ));
        };
        let mut policies = Vec::new();
        for name in ["policies", "identity_policies"] {
            let names = token.get(name).and_then(Value::as_array);
            let names = names.into_iter().flatten().filter_map(Value::as_str);
            policies.extend(names.map(str::to_owned));
        }
        let login = token.get("path").and_then(Value::as_str);
        Ok(Self {
            policies,
            login: login.unwrap_or_default().to_owned(),
        })
    }

    fn needs(&self, path: &str) -> bool {
        if let Some(policy) = path.strip_prefix("sys/policies/acl/") {
            return self.policies.iter().any(|own| own == policy);
        }
        let method = path.strip_prefix("sys/");
        method.is_some_and(|method| {
            method.starts_with("auth/")
                && crate::configuration::mounts::is_below(&self.login, method)
        })
    }
}

/// The paths of all objects of a kind.
async fn paths(server: &dyn Server, mounts: &Mounts, kind: Kind) -> Result<Vec<String>, Problem> {
    let below = |folder: &str, names: Vec<String>| -> Vec<String> {
        let paths = names.iter().map(|name| format!("{folder}/{name}"));
        paths.collect()
    };
    Ok(match kind {
        Kind::SecretsEngine => {
            let engines = mounts.engines();
            engines
                .map(|(path, _)| format!("sys/mounts/{path}"))
                .collect()
        }
        Kind::AuthMethod => {
            let methods = mounts.methods();
            methods
                .map(|(path, _)| format!("sys/auth/{path}"))
                .collect()
        }
        Kind::Audit => {
            let devices = table(server, "sys/audit").await?;
            below("sys/audit", devices.into_keys().collect())
        }
        Kind::Policy => below("sys/policies/acl", server.list("sys/policies/acl").await?),
        Kind::Group => below(
            "identity/group/name",
            server.list("identity/group/name").await?,
        ),
        Kind::GroupAlias => aliases(server, mounts).await?,
        Kind::Plugin => plugins(server, mounts).await?,
        _ => Vec::new(),
    })
}

async fn aliases(server: &dyn Server, mounts: &Mounts) -> Result<Vec<String>, Problem> {
    let mut paths = Vec::new();
    for group in server.list("identity/group/name").await? {
        let reading = server.read(&format!("identity/group/name/{group}")).await?;
        let Reading::Found(answer) = reading else {
            continue;
        };
        paths.extend(group_alias::path_of(&group, &answer, mounts));
    }
    Ok(paths)
}

/// Plugins that somebody registered, and that no mount is an instance of.
async fn plugins(server: &dyn Server, mounts: &Mounts) -> Result<Vec<String>, Problem> {
    let Reading::Found(catalog) = server.read("sys/plugins/catalog").await? else {
        return Ok(Vec::new());
    };
    let entries = mounts.engines().chain(mounts.methods());
    let used: BTreeSet<&str> = entries
        .filter_map(|(_, entry)| text(entry, "type"))
        .collect();
    let detailed = catalog.get("detailed").and_then(Value::as_array);
    let plugins = detailed.into_iter().flatten().filter_map(|plugin| {
        let plugin = plugin.as_object()?;
        let (kind, name) = (text(plugin, "type")?, text(plugin, "name")?);
        let is_ours = plugin.get("builtin") == Some(&Value::Bool(false)) && !used.contains(name);
        is_ours.then(|| format!("sys/plugins/catalog/{kind}/{name}"))
    });
    Ok(plugins.collect())
}

fn text<'a>(data: &'a Data, name: &str) -> Option<&'a str> {
    data.get(name)?.as_str()
}
