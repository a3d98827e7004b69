//! Removes the mounts of a run, found by their names.

use std::collections::BTreeSet;

use serde_json::Value;
use vault_client::{Client, Secret};

use super::setup::request;
use super::{Error, RunId};

/// What a run left on the server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leftover {
    /// The run.
    pub run: RunId,
    /// The path that is to be deleted.
    pub path: String,
}

/// What runs have made and not removed; a run that is under way is among them.
///
/// # Errors
/// When the server refuses or does not answer.
pub async fn leftovers(client: &Client) -> Result<Vec<Leftover>, Error> {
    let mut found = BTreeSet::new();
    // Policies come last: until then, the requests of a run may need them.
    for (folder, is_list) in [
        ("sys/mounts", false),
        ("sys/auth", false),
        ("sys/policies/acl", true),
    ] {
        let answer = if is_list {
            client.list(folder).await
        } else {
            client.read(folder, &[]).await
        };
        let answer = answer.map_err(|source| request(format!("reading {folder}"), source))?;
        for name in names(answer, is_list) {
            if let Some(run) = RunId::of_name(&name) {
                found.insert(Leftover {
                    run,
                    path: format!("{folder}/{name}"),
                });
            }
        }
    }
    // By run; `sys/auth` and `sys/mounts` come before `sys/policies`.
    Ok(found.into_iter().collect())
}

fn names(answer: Option<Secret>, is_list: bool) -> Vec<String> {
    let data = answer.and_then(|answer| answer.data).unwrap_or_default();
    if !is_list {
        let paths = data
            .keys()
            .map(|path| path.trim_end_matches('/').to_owned());
        return paths.collect();
    }
    let keys = data.get("keys").and_then(Value::as_array);
    let keys = keys.into_iter().flatten().filter_map(Value::as_str);
    keys.map(str::to_owned).collect()
}

/// Deletes what a run made. What could not be deleted comes back with the reason;
/// the rest is deleted nevertheless.
///
/// # Errors
/// When the server cannot be asked what is there.
pub async fn remove(client: &Client, run: &RunId) -> Result<Vec<(Leftover, Error)>, Error> {
    let mut failed = Vec::new();
    for leftover in leftovers(client).await? {
        if leftover.run != *run {
            continue;
        }
        if let Err(source) = client.delete(&leftover.path, &[]).await {
            let error = request(format!("deleting {}", leftover.path), source);
            failed.push((leftover, error));
        }
    }
    Ok(failed)
}
