//! The fields of one request, after coercion.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::Object;

/// A value of a field's type. [`Debug`](fmt::Debug) prints the type alone: the
/// value may be a secret.
#[derive(Clone, PartialEq)]
pub enum FieldValue {
    /// Text of any of the textual types.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// A truth value.
    Flag(bool),
    /// A duration of whole seconds.
    Duration(Duration),
    /// A duration of whole seconds that may be negative.
    SignedDuration(SignedDuration),
    /// A moment.
    Time(Timestamp),
    /// A list of texts.
    List(Vec<String>),
    /// A list of whole numbers.
    Integers(Vec<i64>),
    /// A list of anything.
    Values(Vec<Value>),
    /// An object.
    Map(Object),
    /// Keys with texts.
    KeyValue(BTreeMap<String, String>),
    /// Names of header lines, spelled as in `Content-Type`, with their values.
    Header(BTreeMap<String, Vec<String>>),
}

impl FieldValue {
    /// As JSON: durations in seconds, moments as RFC 3339.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Integer(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::Duration(duration) => duration.as_secs().into(),
            Self::SignedDuration(duration) => duration.as_secs().into(),
            Self::Time(time) => time.to_string().into(),
            Self::List(list) => list.as_slice().into(),
            Self::Integers(list) => list.as_slice().into(),
            Self::Values(list) => list.as_slice().into(),
            Self::Map(map) => map.clone().into(),
            Self::KeyValue(map) => json!(map),
            Self::Header(map) => json!(map),
        }
    }
}

impl fmt::Debug for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Text(_) => "Text",
            Self::Integer(_) => "Integer",
            Self::Float(_) => "Float",
            Self::Flag(_) => "Flag",
            Self::Duration(_) => "Duration",
            Self::SignedDuration(_) => "SignedDuration",
            Self::Time(_) => "Time",
            Self::List(_) => "List",
            Self::Integers(_) => "Integers",
            Self::Values(_) => "Values",
            Self::Map(_) => "Map",
            Self::KeyValue(_) => "KeyValue",
            Self::Header(_) => "Header",
        };
        f.debug_struct(name).finish_non_exhaustive()
    }
}

pub(super) type Values = BTreeMap<&'static str, FieldValue>;

/// What a request gave of a path's fields. A field that was not given, or that
/// has another type, reads as absent. No `Debug`: a value may be a secret.
#[derive(Clone, Default)]
pub struct Fields {
    values: Values,
    defaults: Arc<Values>,
}

impl Fields {
    pub(super) fn new(defaults: Arc<Values>) -> Self {
        Self {
            values: Values::new(),
            defaults,
        }
    }

    pub(super) fn insert(&mut self, name: &'static str, value: FieldValue) {
        self.values.insert(name, value);
    }

    /// The same with the declared default of each field that was not given.
    ///
    /// The accessors below tell what was given, as `GetOk` does in Go; on the
    /// result they answer as `Get` does.
    #[must_use]
    pub fn with_defaults(&self) -> Self {
        let mut values = self.defaults.as_ref().clone();
        values.extend(self.values.clone());
        Self {
            values,
            defaults: Arc::clone(&self.defaults),
        }
    }

    /// Everything that was given, as JSON of its field's type: what a patch
    /// [merges](super::merge_patch) into an object.
    pub fn to_object(&self) -> Object {
        let values = self.values.iter();
        values
            .map(|(name, value)| ((*name).to_owned(), value.to_json()))
            .collect()
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

    /// The text, or the empty text, which these fields do not have any more.
    pub(super) fn take_text(&mut self, name: &str) -> Zeroizing<String> {
        if self.text_given(name).is_some()
            && let Some(FieldValue::Text(text)) = self.values.remove(name)
        {
            return Zeroizing::new(text);
        }
        Zeroizing::default()
    }

    /// The truth value if it was given.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.values.get(name) {
            Some(FieldValue::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// The whole number if it was given.
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.values.get(name) {
            Some(FieldValue::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// The number with a fraction if it was given.
    pub fn float(&self, name: &str) -> Option<f64> {
        match self.values.get(name) {
            Some(FieldValue::Float(number)) => Some(*number),
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

    /// The duration that may be negative if it was given.
    pub fn signed_duration(&self, name: &str) -> Option<SignedDuration> {
        match self.values.get(name) {
            Some(FieldValue::SignedDuration(duration)) => Some(*duration),
            _ => None,
        }
    }

    /// The moment if it was given.
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        match self.values.get(name) {
            Some(FieldValue::Time(time)) => Some(*time),
            _ => None,
        }
    }

    /// The list of texts if it was given.
    pub fn list(&self, name: &str) -> Option<&[String]> {
        match self.values.get(name) {
            Some(FieldValue::List(list)) => Some(list),
            _ => None,
        }
    }

    /// The list of whole numbers if it was given.
    pub fn integers(&self, name: &str) -> Option<&[i64]> {
        match self.values.get(name) {
            Some(FieldValue::Integers(list)) => Some(list),
            _ => None,
        }
    }

    /// The list of anything if it was given.
    pub fn values(&self, name: &str) -> Option<&[Value]> {
        match self.values.get(name) {
            Some(FieldValue::Values(list)) => Some(list),
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

    /// The header lines if they were given.
    pub fn header(&self, name: &str) -> Option<&BTreeMap<String, Vec<String>>> {
        match self.values.get(name) {
            Some(FieldValue::Header(header)) => Some(header),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_not_in_its_debug() {
        let canary = "canary-4711";
        let object: Object = [(canary.to_owned(), json!(canary))].into_iter().collect();
        let pairs = || (canary.to_owned(), canary.to_owned());
        for value in [
            FieldValue::Text(canary.to_owned()),
            FieldValue::List(vec![canary.to_owned()]),
            FieldValue::Values(vec![json!(canary)]),
            FieldValue::Map(object),
            FieldValue::KeyValue([pairs()].into_iter().collect()),
            FieldValue::Header([(pairs().0, vec![pairs().1])].into_iter().collect()),
            FieldValue::Integer(4711),
            FieldValue::Integers(vec![4711]),
            FieldValue::Duration(Duration::from_secs(4711)),
        ] {
            let shown = format!("{value:?}");
            assert!(!shown.contains("4711"), "{shown}");
        }
    }
}
