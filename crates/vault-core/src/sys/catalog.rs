//! `sys/plugins/catalog`: the available engines, all of which are built in.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{BackendKind, Error, Object, Operation, Response};
use serde_json::{Value, json};

use super::SysPaths;

/// The kinds that there are, by their words in paths.
const KINDS: [(&str, BackendKind); 2] = [
    ("auth", BackendKind::Auth),
    ("secret", BackendKind::Secrets),
];

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
    let mut data = Object::new();
    let mut detailed = Vec::new();
    for (word, kind) in KINDS {
        let catalog = sys.mounts.catalog(kind);
        let names: Vec<&str> = catalog.iter().map(|(name, _)| *name).collect();
        data.insert(word.into(), names.into());
        let shown = catalog.iter();
        detailed.extend(shown.map(|(name, version)| Value::from(info(word, name, version))));
    }
    data.insert("database".into(), json!([]));
    data.insert("detailed".into(), detailed.into());
    Ok(Some(Response::with_data(data)))
}

async fn of_kind(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let found = find(&sys, &call).into_iter();
    let names = found.map(|(name, _)| name.to_owned()).collect();
    Ok(Some(Response::list(names)))
}

async fn one(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let wanted = call.fields.text("name");
    let catalog = find(&sys, &call);
    let found = catalog.iter().find(|(name, _)| *name == wanted);
    let word = call.fields.text("type");
    Ok(found.map(|(name, version)| Response::with_data(info(word, name, version))))
}

/// What can be mounted of the kind that the request names.
fn find<'a>(sys: &'a SysPaths, call: &Call) -> Vec<(&'a str, &'a str)> {
    let word = call.fields.text("type");
    let kind = KINDS.into_iter().find(|(known, _)| *known == word);
    kind.map_or_else(Vec::new, |(_, kind)| sys.mounts.catalog(kind))
}

fn info(kind: &str, name: &str, version: &str) -> Object {
    [
        ("builtin", Value::from(true)),
        ("deprecation_status", "supported".into()),
        ("name", name.into()),
        ("type", kind.into()),
        ("version", version.into()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into_iter()
    .collect()
}
