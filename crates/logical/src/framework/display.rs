//! Hints for user interfaces and generators of documents. They go into the
//! `OpenAPI` document and change nothing about how requests are handled.

use serde_json::{Map, Value};

/// How a field or a path is shown (`DisplayAttributes` in Vault's
/// `sdk/framework/path.go`). Start from the default and set the rest as needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Display {
    /// A label or heading.
    pub name: &'static str,
    /// Help beside the label, where the description does not fit a form.
    pub description: &'static str,
    /// A sample value. It is shown only, and no default.
    pub value: Option<Value>,
    /// Whether the value is masked until asked for.
    pub sensitive: bool,
    /// Whether the path is a tab of its own.
    pub navigation: bool,
    /// What kind of thing the path is about.
    pub item_type: &'static str,
    /// The group that a form shows the field in.
    pub group: &'static str,
    /// The verb for the operation.
    pub action: &'static str,
    /// The input, where it is neither a line nor a box: `textarea` or `file`.
    pub edit_type: &'static str,
    /// The beginning of the ids of operations, instead of the engine's name.
    pub operation_prefix: &'static str,
    /// The verb in the ids of operations, instead of `read` or `write`.
    pub operation_verb: &'static str,
    /// The end of the ids of operations, instead of the path; `|` separates
    /// those of several ways to write the path, in the order of the pattern.
    pub operation_suffix: &'static str,
}

impl Display {
    /// The attributes for the document, or none when there are none. Those
    /// that only make up the ids of operations are left out.
    pub(super) fn attributes(&self) -> Option<Value> {
        let mut attributes = Map::new();
        let texts = [
            ("name", self.name),
            ("description", self.description),
            ("itemType", self.item_type),
            ("group", self.group),
            ("action", self.action),
            ("editType", self.edit_type),
        ];
        for (key, text) in texts {
            if !text.is_empty() {
                attributes.insert(key.into(), text.into());
            }
        }
        for (key, flag) in [
            ("sensitive", self.sensitive),
            ("navigation", self.navigation),
        ] {
            if flag {
                attributes.insert(key.into(), true.into());
            }
        }
        if let Some(value) = &self.value {
            attributes.insert("value".into(), value.clone());
        }
        (!attributes.is_empty()).then_some(Value::Object(attributes))
    }
}
