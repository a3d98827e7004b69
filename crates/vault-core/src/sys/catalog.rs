//! `sys/plugins/catalog`: the available engines, all of which are built in.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Object, Operation, Response};
use serde_json::{Value, json};

use super::SysPaths;

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    let kind = || {
        Field::new(
            "type",
            FieldKind::Text,
            "Kind of plugin: `auth`, `database` or `secret`.",
        )
    };
    vec![
        Path::new("plugins/catalog/?")
            .on(Operation::Read, answer(all))
            .help("Shows all plugins.", ""),
        Path::new("plugins/catalog/(?P<type>auth|database|secret)/?")
            .fields([kind()])
            .on(Operation::List, answer(of_kind))
            .help("Lists the plugins of a kind.", ""),
        Path::new("plugins/catalog/(?P<type>auth|database|secret)/(?P<name>.+)")
            .fields([
                kind(),
                Field::new("name", FieldKind::Text, "Name of the plugin."),
            ])
            .on(Operation::Read, answer(one))
            .help("Shows a plugin.", ""),
    ]
}

async fn all(sys: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    let catalog = sys.mounts.catalog();
    let names: Vec<&str> = catalog.iter().map(|(name, _)| *name).collect();
    let detailed: Vec<Value> = catalog
        .iter()
        .map(|(name, version)| info(name, version).into())
        .collect();
    let mut data = Object::new();
    data.insert("auth".into(), json!([]));
    data.insert("database".into(), json!([]));
    data.insert("secret".into(), names.into());
    data.insert("detailed".into(), detailed.into());
    Ok(Some(Response::with_data(data)))
}

async fn of_kind(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let names = match call.fields.text("type") {
        "secret" => sys
            .mounts
            .catalog()
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect(),
        _ => Vec::new(),
    };
    Ok(Some(Response::list(names)))
}

async fn one(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let wanted = call.fields.text("name");
    let of_kind = call.fields.text("type") == "secret";
    let catalog = sys.mounts.catalog();
    let found = catalog
        .iter()
        .find(|(name, _)| of_kind && *name == wanted)
        .map(|(name, version)| info(name, version));
    Ok(found.map(Response::with_data))
}

fn info(name: &str, version: &str) -> Object {
    [
        ("builtin", Value::from(true)),
        ("deprecation_status", "supported".into()),
        ("name", name.into()),
        ("type", "secret".into()),
        ("version", version.into()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into_iter()
    .collect()
}
