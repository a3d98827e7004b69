//! What only the server can tell about the files: whether policies are there, and
//! whether there is room for a mount.

use std::collections::BTreeSet;

use super::Plan;
use crate::configuration::mounts::{Mounts, is_below};
use crate::configuration::object::{Kind, Object};
use crate::configuration::server::Server;

/// Roles whose policies are neither in the files nor on the server. A server
/// accepts them; their tokens may do nothing.
pub(super) async fn policies(server: &dyn Server, objects: &[Object], plan: &mut Plan) {
    let planned: BTreeSet<&str> = objects
        .iter()
        .filter_map(|object| object.path.strip_prefix("sys/policies/acl/"))
        .collect();
    let mut missing = Vec::new();
    for object in objects
        .iter()
        .filter(|object| matches!(object.kind, Kind::Role | Kind::Group))
    {
        for name in object.policies() {
            if !planned.contains(name.as_str()) && !name.is_empty() {
                missing.push((object, name));
            }
        }
    }
    if missing.is_empty() {
        return;
    }
    // Without the right to list them, nothing can be said.
    let Ok(there) = server.list("sys/policies/acl").await else {
        return;
    };
    for (object, name) in missing {
        if !there.contains(&name) && !name.contains("{{") {
            let text = format!(
                "`{}` has the policy `{name}`, which is neither in the files nor on the server",
                object.path
            );
            plan.notes.push(object.place.problem(text));
        }
    }
}

/// Mounts below one of the server's, or above it.
pub(super) fn mounts(mounts: &Mounts, objects: &[Object], plan: &mut Plan) {
    for object in objects {
        let found = match object.kind {
            Kind::SecretsEngine => {
                let path = object.path.strip_prefix("sys/mounts/").unwrap_or_default();
                nested(path, mounts.engines().map(|(path, _)| path))
            }
            Kind::AuthMethod => {
                let path = object.path.strip_prefix("sys/auth/").unwrap_or_default();
                nested(path, mounts.methods().map(|(path, _)| path))
            }
            _ => None,
        };
        if let Some(other) = found {
            let text = format!(
                "`{}` cannot be mounted beside `{other}`, which is on the server: one is below the other",
                object.path
            );
            plan.problems.push(object.place.problem(text));
        }
    }
}

fn nested<'a>(path: &str, there: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut there = there;
    there.find(|other| is_below(path, other) || is_below(other, path))
}
