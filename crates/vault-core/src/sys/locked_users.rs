//! `sys/locked-users`: who is locked out after wrong logins.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Object, Operation, Response, RunToCompletion};
use serde_json::{Value, json};

use super::SysPaths;

const ACCESSOR: &str = "mount_accessor";
const ALIAS: &str = "alias_identifier";

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    let accessor = || Field::new(ACCESSOR, FieldKind::Text, "The accessor of an auth method.");
    vec![
        Path::new("locked-users/?")
            .fields([accessor()])
            .on(Operation::Read, answer(read))
            .help(
                "Tells who is locked out after too many wrong logins.",
                "With `mount_accessor` of one auth method only.",
            ),
        Path::new(format!(
            "locked-users/(?P<{ACCESSOR}>[^/]+)/unlock/(?P<{ALIAS}>.+)"
        ))
        .fields([
            accessor(),
            Field::new(
                ALIAS,
                FieldKind::Text,
                "The user: with AppRole the id of the role.",
            ),
        ])
        .on_write(answer(unlock))
        .help("Lets a user in again.", ""),
    ]
}

async fn read(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let wanted = call.fields.text_given(ACCESSOR);
    let mut locked = sys.lockout.locked();
    locked.retain(|accessor, _| wanted.is_none_or(|wanted| wanted == accessor));
    let total: usize = locked.values().map(Vec::len).sum();
    let mounts: Vec<Value> = locked
        .into_iter()
        .map(|(accessor, aliases)| {
            json!({
                ACCESSOR: accessor,
                "counts": aliases.len(),
                "alias_identifiers": aliases,
            })
        })
        .collect();
    let of_root = json!({
        "namespace_id": "root",
        "namespace_path": "",
        "counts": total,
        "mount_accessors": mounts,
    });
    let data = Object::from_iter([
        ("by_namespace".to_owned(), json!([of_root])),
        ("total".to_owned(), json!(total)),
    ]);
    Ok(Some(Response::with_data(data)))
}

async fn unlock(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let lockout = Arc::clone(&sys.lockout);
    let accessor = call.fields.text(ACCESSOR).to_owned();
    let alias = call.fields.text(ALIAS).to_owned();
    let work = async move { lockout.unlock(&accessor, &alias).await };
    RunToCompletion::new(Arc::clone(&sys.tasks) as _, work).await?;
    Ok(None)
}
