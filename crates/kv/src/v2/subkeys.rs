//! `subkeys/<path>`: the structure of a secret, without its values.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path};
use logical::{Error, Object, Operation, Response};
use serde_json::Value;

use super::data::{PATH, found_or_gone, path_field, requested, version_field};
use super::{Versioned, handler};

const DEPTH: &str = "depth";

pub(super) fn path() -> Path<Versioned> {
    Path::new(format!("subkeys/(?P<{PATH}>.*)"))
        .fields([
            path_field(),
            version_field(),
            Field::new(
                DEPTH,
                FieldKind::Integer,
                "How deep the structure is shown; everything by default.",
            )
            .query(),
        ])
        .on(Operation::Read, handler(read))
        .help(
            "Reads the names of a secret's members.",
            "Every value is null, so that a policy can show what a secret has to clients that must not read it.",
        )
}

async fn read(engine: Arc<Versioned>, call: Call) -> Result<Option<Response>, Error> {
    let found = engine
        .version(call.fields.text(PATH), requested(&call))
        .await?;
    let Some((metadata, number, data)) = found else {
        return Ok(None);
    };
    let depth = call.fields.integer(DEPTH).unwrap_or_default();
    let depth = usize::try_from(depth).ok().filter(|depth| *depth > 0);
    let subkeys = data.map(|data| names(&data, depth.unwrap_or(usize::MAX)));
    let is_readable = subkeys.is_some();
    let mut answer = Object::new();
    answer.insert("metadata".into(), metadata.show_version(number).into());
    answer.insert("subkeys".into(), subkeys.map_or(Value::Null, Value::Object));
    Ok(Some(found_or_gone(answer, is_readable)))
}

/// The same object down to a depth, with null for every value.
fn names(object: &Object, depth: usize) -> Object {
    let members = object.iter().map(|(name, value)| {
        let below = match value {
            Value::Object(below) if depth > 1 && !below.is_empty() => {
                Value::Object(names(below, depth - 1))
            }
            _ => Value::Null,
        };
        (name.clone(), below)
    });
    members.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_is_null_and_only_objects_have_something_below() {
        let secret = json!({"a": {"b": {"c": 1}}, "e": {}, "l": [{"x": 1}], "s": "t"});
        let shown = |depth| Value::Object(names(secret.as_object().unwrap(), depth));
        let all = json!({"a": {"b": {"c": null}}, "e": null, "l": null, "s": null});
        assert_eq!(shown(usize::MAX), all);
        let two = json!({"a": {"b": null}, "e": null, "l": null, "s": null});
        assert_eq!(shown(2), two);
        assert_eq!(shown(1)["a"], Value::Null);
    }
}
