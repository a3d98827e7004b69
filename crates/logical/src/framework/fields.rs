//! The fields of one request, after coercion.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Object;

/// A value of a field's type.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// Text of any of the textual types.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A truth value.
    Flag(bool),
    /// A duration of whole seconds.
    Duration(Duration),
    /// A list of texts.
    List(Vec<String>),
    /// An object.
    Map(Object),
    /// Keys with texts.
    KeyValue(BTreeMap<String, String>),
}

/// What a request gave of a path's fields. A field that was not given, or that
/// has another type, reads as absent.
#[derive(Clone, Default)]
pub struct Fields {
    values: BTreeMap<&'static str, FieldValue>,
}

impl Fields {
    pub(super) fn insert(&mut self, name: &'static str, value: FieldValue) {
        self.values.insert(name, value);
    }

    /// Whether the request gave the field.
    pub fn given(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The text, or the empty text.
    pub fn text(&self, name: &str) -> &str {
        self.text_given(name).unwrap_or("")
    }

    /// The text if it was given.
    pub fn text_given(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some(FieldValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The truth value if it was given.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.values.get(name) {
            Some(FieldValue::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// The number if it was given.
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.values.get(name) {
            Some(FieldValue::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// The duration if it was given.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        match self.values.get(name) {
            Some(FieldValue::Duration(duration)) => Some(*duration),
            _ => None,
        }
    }

    /// The list if it was given.
    pub fn list(&self, name: &str) -> Option<&[String]> {
        match self.values.get(name) {
            Some(FieldValue::List(list)) => Some(list),
            _ => None,
        }
    }

    /// The object if it was given.
    pub fn map(&self, name: &str) -> Option<&Object> {
        match self.values.get(name) {
            Some(FieldValue::Map(map)) => Some(map),
            _ => None,
        }
    }

    /// The keys and texts if they were given.
    pub fn key_value(&self, name: &str) -> Option<&BTreeMap<String, String>> {
        match self.values.get(name) {
            Some(FieldValue::KeyValue(map)) => Some(map),
            _ => None,
        }
    }
}
