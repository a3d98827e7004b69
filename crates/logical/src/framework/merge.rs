//! Patches: RFC 7396, JSON merge patch. Hosts hand the body of an HTTP `PATCH`
//! to the operation of that name; what it is merged into is the engine's.

use serde_json::Value;

use crate::Object;

/// Merges a patch into an object: null removes a member, an object is merged
/// into what is there, and everything else takes its place.
///
/// A handler of [`Operation::Patch`](crate::Operation::Patch) merges
/// [`Fields::to_object`](super::Fields::to_object), so that what is no field
/// gets nowhere (`HandlePatchOperation` in `sdk/framework/backend.go`).
pub fn merge_patch(target: &mut Object, patch: &Object) {
    for (name, change) in patch {
        match change {
            Value::Null => {
                target.remove(name);
            }
            Value::Object(changes) => {
                let member = target.entry(name).or_insert(Value::Null);
                if !member.is_object() {
                    *member = Object::new().into();
                }
                if let Value::Object(member) = member {
                    merge_patch(member, changes);
                }
            }
            other => {
                target.insert(name.clone(), other.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "reads better in the table")]
    fn check(target: Value, patch: Value, expected: Value) {
        let mut merged = target.as_object().cloned().unwrap();
        merge_patch(&mut merged, patch.as_object().unwrap());
        assert_eq!(Value::Object(merged), expected, "{target} with {patch}");
    }

    #[test]
    fn the_examples_of_the_rfc_come_out() {
        check(json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"}));
        check(
            json!({"a": "b"}),
            json!({"b": "c"}),
            json!({"a": "b", "b": "c"}),
        );
        check(json!({"a": "b"}), json!({"a": null}), json!({}));
        check(
            json!({"a": "b", "b": "c"}),
            json!({"a": null}),
            json!({"b": "c"}),
        );
        check(json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"}));
        check(json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]}));
        check(
            json!({"a": {"b": "c"}}),
            json!({"a": {"b": "d", "c": null}}),
            json!({"a": {"b": "d"}}),
        );
        check(
            json!({"a": [{"b": "c"}]}),
            json!({"a": [1]}),
            json!({"a": [1]}),
        );
        check(
            json!({"e": null}),
            json!({"a": 1}),
            json!({"e": null, "a": 1}),
        );
        check(
            json!({}),
            json!({"a": {"bb": {"ccc": null}}}),
            json!({"a": {"bb": {}}}),
        );
        check(
            json!({"a": 1}),
            json!({"a": {"b": 2}}),
            json!({"a": {"b": 2}}),
        );
    }
}
