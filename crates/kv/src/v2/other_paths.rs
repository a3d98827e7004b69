//! Every other path of the mount: a 404 that says how secrets are reached, for
//! clients that were written for version 1.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path};
use logical::{Error, Operation, Response};

use super::data::PATH;
use super::{Versioned, handler};

/// The command of `vault kv` for each operation.
const COMMANDS: [(Operation, &str); 6] = [
    (Operation::Read, "get"),
    (Operation::Create, "put"),
    (Operation::Update, "put"),
    (Operation::Patch, "patch"),
    (Operation::Delete, "delete"),
    (Operation::List, "list"),
];

pub(super) fn paths() -> Vec<Path<Versioned>> {
    let mut roots =
        Path::new("(?:data|delete|undelete|destroy|metadata|detailed-metadata|subkeys)/?")
            .any_input()
            .help("Needs the path of a secret.", "");
    let mut rest = Path::new(format!("(?P<{PATH}>.*)"))
        .fields([Field::new(PATH, FieldKind::Text, "Any other path.")])
        .any_input()
        .help("No path of this engine.", "");
    for (operation, command) in COMMANDS {
        if operation != Operation::List {
            roots = roots.on(operation, handler(no_secret_named));
        }
        rest = rest.on(
            operation,
            handler(move |_: Arc<Versioned>, _: Call| async move { Ok(Some(no_path(command))) }),
        );
    }
    vec![roots, rest]
}

async fn no_secret_named(_: Arc<Versioned>, _: Call) -> Result<Option<Response>, Error> {
    let warning = "Non-listing operations on the root of a K/V v2 mount are not supported.";
    Ok(Some(Response::default().warn(warning).with_status(404)))
}

fn no_path(command: &str) -> Response {
    let warning = format!(
        "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API \
         endpoints to use. If using the Vault CLI, use 'vault kv {command}' for this operation."
    );
    Response::default().warn(warning).with_status(404)
}
