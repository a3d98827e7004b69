//! What is on the server, by kind of object.

use std::collections::BTreeMap;

use crate::configuration::group_alias;
use crate::configuration::mounts::Mounts;
use crate::configuration::object::Kind;
use crate::configuration::server::{Data, Reading, Server, ServerError};

/// What is there of an object.
pub(crate) async fn read_object(
    server: &dyn Server,
    mounts: &Mounts,
    audits: &BTreeMap<String, Data>,
    kind: Kind,
    path: &str,
) -> Result<Reading, ServerError> {
    let entry = |entry: Option<&Data>| {
        Ok(entry.map_or(Reading::Absent, |entry| Reading::Found(entry.clone())))
    };
    let inner = |prefix: &str| path.strip_prefix(prefix).unwrap_or(path);
    match kind {
        Kind::SecretsEngine => entry(mounts.engine(inner("sys/mounts/"))),
        Kind::AuthMethod => entry(mounts.method(inner("sys/auth/"))),
        Kind::Audit => entry(audits.get(inner("sys/audit/"))),
        Kind::GroupAlias => group_alias::read(server, mounts, path).await,
        // Only whether it is there: the values are not for this program to read.
        Kind::Seed => {
            let reading = server.read(&seed(mounts, path)).await?;
            Ok(match reading {
                Reading::Found(_) => Reading::Found(Data::new()),
                other => other,
            })
        }
        _ => server.read(path).await,
    }
}

/// Where to look for a seed: in a KV engine of version 2, at its metadata, which
/// stay when a version is deleted.
pub(crate) fn seed(mounts: &Mounts, path: &str) -> String {
    if let Some((mount, inner)) = mounts.versioned(path)
        && let Some(name) = inner.strip_prefix("data/")
    {
        return format!("{mount}/metadata/{name}");
    }
    path.to_owned()
}
