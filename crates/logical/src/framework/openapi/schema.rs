//! The schemas of fields: the type that Go gives each kind, and what else a
//! declaration says of the values.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::framework::{Display, Field, FieldKind};

/// The schema of a body with these fields.
pub(super) fn object<'a>(fields: impl Iterator<Item = &'a Field>) -> Value {
    let (mut properties, mut required) = (Map::new(), BTreeSet::new());
    for field in fields {
        let mut schema = schema(field);
        schema["description"] = clean(field.description).into();
        if field.deprecated {
            schema["deprecated"] = true.into();
        }
        properties.insert(field.name.to_owned(), schema);
        if field.required {
            required.insert(field.name);
        }
    }
    let mut object = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// The type of a field, and what else its declaration says of its values.
pub(super) fn schema(field: &Field) -> Value {
    let mut schema = type_of(field.kind);
    if let Some(default) = &field.default {
        schema["default"] = default.clone();
    }
    if !field.allowed.is_empty() {
        schema["enum"] = field.allowed.clone().into();
    }
    if let Some(attributes) = field.display.as_ref().and_then(Display::attributes) {
        schema["x-vault-displayAttrs"] = attributes;
    }
    schema
}

/// Go: `convertType` in `sdk/framework/openapi.go`.
pub(super) fn type_of(kind: FieldKind) -> Value {
    match kind {
        FieldKind::Text | FieldKind::Header => json!({"type": "string"}),
        FieldKind::LowerCase => json!({"type": "string", "format": "lowercase"}),
        FieldKind::Name => json!({"type": "string", "pattern": r"\w([\w-.]*\w)?"}),
        FieldKind::Integer => json!({"type": "integer"}),
        FieldKind::Integer64 => json!({"type": "integer", "format": "int64"}),
        FieldKind::Float => json!({"type": "number", "format": "float"}),
        FieldKind::Flag => json!({"type": "boolean"}),
        FieldKind::DurationSeconds | FieldKind::SignedDurationSeconds => {
            json!({"type": "integer", "format": "seconds"})
        }
        FieldKind::Time => json!({"type": "string", "format": "date-time"}),
        FieldKind::List => json!({"type": "array", "items": {"type": "object"}}),
        FieldKind::TextList | FieldKind::CommaList => {
            json!({"type": "array", "items": {"type": "string"}})
        }
        FieldKind::CommaIntegers => json!({"type": "array", "items": {"type": "integer"}}),
        FieldKind::Map => json!({"type": "object", "format": "map"}),
        FieldKind::KeyValue => json!({"type": "object", "format": "kvpairs"}),
    }
}

/// One line without the spaces that a text has in code.
pub(super) fn clean(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}
