//! What an owner manages and its files no longer have.

use super::{Action, Change, Plan, PlanOptions};
use crate::configuration::document::Desired;
use crate::configuration::mounts::{Mounts, is_below};
use crate::configuration::object::Kind;
use crate::configuration::place::Problem;
use crate::configuration::server::{Reading, Server};
use crate::configuration::state::Managed;

/// How many objects are deleted at once without a word of permission.
const BULK: usize = 10;

/// What a server has by itself. It is never deleted.
const BUILT_IN: &[&str] = &[
    "sys/mounts/sys",
    "sys/mounts/identity",
    "sys/mounts/cubbyhole",
    "sys/mounts/agent-registry",
    "sys/auth/token",
    "sys/policies/acl/default",
    "sys/policies/acl/root",
    "sys/policies/acl/response-wrapping",
];

/// Whether a server has it by itself.
pub(crate) fn is_built_in(path: &str) -> bool {
    BUILT_IN.contains(&path)
}

/// Plans the deletions.
pub(super) async fn plan(
    server: &dyn Server,
    mounts: &Mounts,
    desired: &Desired,
    options: &PlanOptions,
    plan: &mut Plan,
) {
    let is_wanted = |path: &str| desired.objects.iter().any(|object| object.path == path);
    let gone: Vec<(String, Managed)> = plan
        .state
        .objects
        .iter()
        .filter(|(path, _)| !is_wanted(path))
        .map(|(path, managed)| (path.clone(), managed.clone()))
        .collect();
    if !options.prune {
        if !gone.is_empty() {
            let text = format!(
                "{} of the owner `{}` are no longer in the files: `lockkeeper prune` deletes them",
                objects(gone.len()),
                plan.state.owner
            );
            plan.notes.push(Problem::general(text));
        }
        return;
    }
    let mut deletions = Vec::new();
    let mut destroys = Vec::new();
    for (path, managed) in gone {
        if is_built_in(&path) {
            plan.forgotten.push(path);
            continue;
        }
        match is_there(server, mounts, &path, managed.kind).await {
            Ok(true) => {}
            Ok(false) => {
                plan.forgotten.push(path);
                continue;
            }
            Err(problem) => {
                plan.problems.push(problem);
                continue;
            }
        }
        match holds_data(server, mounts, &path, managed.kind).await {
            Ok(None) => {}
            Ok(Some(what)) => destroys.push(format!("`{path}` {what}")),
            Err(problem) => plan.problems.push(problem),
        }
        deletions.push(Change {
            kind: managed.kind,
            path,
            action: Action::Delete,
            foreign: false,
            fields: Vec::new(),
            object: None,
        });
    }
    // What is in a mount goes with it.
    let mounts: Vec<String> = deletions
        .iter()
        .filter_map(|change| mount(&change.path))
        .collect();
    if deletions.len() > BULK {
        destroys.push(format!("{} are deleted at once", objects(deletions.len())));
    }
    if !destroys.is_empty() && !options.allow_destroy {
        let text = format!("{}: -allow-destroy permits it", destroys.join(", "));
        plan.problems.push(Problem::general(text));
    }
    for change in deletions {
        if !mounts.iter().any(|mount| is_below(&change.path, mount)) {
            plan.changes.push(change);
        }
    }
}

/// What the paths in a mount begin with, if this is one.
pub(crate) fn mount(path: &str) -> Option<String> {
    let engine = path.strip_prefix("sys/mounts/").map(str::to_owned);
    engine.or_else(|| {
        path.strip_prefix("sys/auth/")
            .map(|path| format!("auth/{path}"))
    })
}

fn objects(count: usize) -> String {
    format!("{count} object{}", if count == 1 { "" } else { "s" })
}

async fn is_there(
    server: &dyn Server,
    mounts: &Mounts,
    path: &str,
    kind: Kind,
) -> Result<bool, Problem> {
    let audits = match kind {
        Kind::Audit => crate::configuration::mounts::table(server, "sys/audit").await?,
        _ => std::collections::BTreeMap::new(),
    };
    let reading = super::read_object(server, mounts, &audits, kind, path).await;
    match reading {
        Ok(reading) => Ok(reading != Reading::Absent),
        Err(error) => Err(Problem::general(error.to_string())),
    }
}

/// What is lost with an object, beside the object.
async fn holds_data(
    server: &dyn Server,
    mounts: &Mounts,
    path: &str,
    kind: Kind,
) -> Result<Option<&'static str>, Problem> {
    match kind {
        Kind::AuthMethod => Ok(Some(
            "is an auth method: the tokens of its logins end with it",
        )),
        Kind::Seed => Ok(Some("holds data")),
        Kind::SecretsEngine => {
            let mount = path.strip_prefix("sys/mounts/").unwrap_or(path);
            let folder = match mounts.versioned(&format!("{mount}/x")) {
                Some(_) => format!("{mount}/metadata"),
                None if is_kv(mounts, mount) => mount.to_owned(),
                None => return Ok(Some("is a secrets engine: its leases and data end with it")),
            };
            let names = server.list(&folder).await;
            let names = names.map_err(|error| Problem::general(error.to_string()))?;
            Ok((!names.is_empty()).then_some("is a secrets engine with data"))
        }
        _ => Ok(None),
    }
}

fn is_kv(mounts: &Mounts, mount: &str) -> bool {
    let entry = mounts.engine(mount);
    entry.and_then(|entry| entry.get("type")?.as_str()) == Some("kv")
}
