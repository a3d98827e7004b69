//! The parameters of a list: where it begins, and how long it may be.

use logical::framework::{Call, Field, FieldKind};

const AFTER: &str = "after";
const LIMIT: &str = "limit";

/// The fields of a path that lists.
pub(crate) fn fields() -> [Field; 2] {
    [
        Field::new(
            AFTER,
            FieldKind::Text,
            "List the names that sort after this one; it need not exist. Only for lists.",
        )
        .query(),
        Field::new(
            LIMIT,
            FieldKind::Integer,
            "List at most this many names; all by default. Only for lists.",
        )
        .query(),
    ]
}

/// The part of a sorted list that the request asks for.
pub(crate) fn page(call: &Call, mut names: Vec<String>) -> Vec<String> {
    let after = call.fields.text(AFTER);
    if !after.is_empty() {
        names.retain(|name| name.as_str() > after);
    }
    let limit = call.fields.integer(LIMIT).filter(|limit| *limit > 0);
    if let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) {
        names.truncate(limit);
    }
    names
}
