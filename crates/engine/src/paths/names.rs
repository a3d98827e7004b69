//! Names of roles in requests: one role has one spelling, so that a policy on
//! a path means every path to that role.

use logical::Error;
use logical::framework::{Call, Field, FieldKind};

use crate::ids::{NameError, RoleName};
use crate::state::Engine;

/// The path segment that names a role. It matches any characters, so that the
/// error for an invalid name can list the valid ones.
pub(super) const ROLE_SEGMENT: &str = "(?P<name>[^/]+)";

/// The field that the segment captures.
pub(super) fn role_field() -> Field {
    Field::new(
        "name",
        FieldKind::Text,
        "Name of the role: letters in lower case, digits, `_`, and inside it `-`, `.` and `@`.",
    )
}

/// The role that a request names.
pub(super) async fn role_name(engine: &Engine, call: &Call) -> Result<RoleName, Error> {
    let given = call.fields.text("name");
    match RoleName::parse(given) {
        Ok(name) => Ok(name),
        Err(NameError::UpperCase(name)) if engine.settings.folds_role_names().await? => Ok(name),
        Err(NameError::UpperCase(name)) => Err(Error::bad_request(format!(
            "the role is `{name}`: names of roles are written in lower case, so that a policy on one \
             spelling means them all"
        ))),
        Err(NameError::Characters) => Err(Error::bad_request(format!(
            "{given:?} is no name of a role: use letters, digits, `_`, `-`, `.` and `@`, with a \
             letter, a digit or `_` at both ends, and at most 255 of them"
        ))),
    }
}
