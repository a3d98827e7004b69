//! Coercion of request values to field types, as Go's framework does it:
//! `mapstructure`'s weak decoding and `parseutil` of go-secure-stdlib. Command
//! lines and Terraform send most things as text, so this is what makes
//! `multi_use_key=true` and `ttl=1h` work.
//!
//! Numbers reach a built-in engine of Go as their text (`json.Number`) and an
//! external plugin as a `float64`. Where the two differ, what either accepts is
//! accepted here, and no digit is lost. What no JSON can say, and what Go would
//! let overflow, is refused: infinite floats, hexadecimal floats, durations of
//! more than 290 years.

mod collection;
mod moment;
mod number;
#[cfg(test)]
mod tests;

use serde_json::Value;

use super::{Field, FieldKind, FieldValue};
use crate::Error;

/// The value of a field, or `None` when JSON null means that it was not given.
///
/// # Errors
/// A bad request that names the field.
pub(super) fn coerce(field: &Field, value: &Value) -> Result<Option<FieldValue>, Error> {
    convert(field.kind, value).map_err(|problem| {
        Error::bad_request(format!(
            "Field validation failed: error converting input for field {:?}: {problem}",
            field.name
        ))
    })
}

/// Go: `getPrimitive` in `sdk/framework/field_data.go`.
fn convert(kind: FieldKind, value: &Value) -> Result<Option<FieldValue>, String> {
    let converted = match kind {
        FieldKind::Text => text(value).map(FieldValue::Text),
        FieldKind::LowerCase => text(value).map(|text| FieldValue::Text(text.to_lowercase())),
        FieldKind::Name => text(value).and_then(name).map(FieldValue::Text),
        FieldKind::Integer | FieldKind::Integer64 => {
            number::integer(value).map(FieldValue::Integer)
        }
        FieldKind::Float => number::float(value).map(FieldValue::Float),
        FieldKind::Flag => flag(value).map(FieldValue::Flag),
        FieldKind::DurationSeconds | FieldKind::SignedDurationSeconds | FieldKind::Time
            if value.is_null() =>
        {
            return Ok(None);
        }
        FieldKind::DurationSeconds => moment::duration(value).map(FieldValue::Duration),
        FieldKind::SignedDurationSeconds => {
            moment::signed_duration(value).map(FieldValue::SignedDuration)
        }
        FieldKind::Time => moment::time(value).map(FieldValue::Time),
        FieldKind::List => Ok(FieldValue::Values(collection::list(value))),
        FieldKind::TextList => collection::text_list(value).map(FieldValue::List),
        FieldKind::CommaList => collection::comma_list(value).map(FieldValue::List),
        FieldKind::CommaIntegers => collection::comma_integers(value).map(FieldValue::Integers),
        FieldKind::Map => collection::map(value).map(FieldValue::Map),
        FieldKind::KeyValue => collection::key_value(value).map(FieldValue::KeyValue),
        FieldKind::Header => collection::header(value).map(FieldValue::Header),
    };
    converted.map(Some)
}

/// Go: `decodeString` in `mapstructure.go`.
fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(true) => Ok("1".into()),
        Value::Bool(false) => Ok("0".into()),
        Value::Array(_) | Value::Object(_) => Err(format!("expected text, got {}", shape(value))),
    }
}

/// Go: the regular expression of `TypeNameString` in `field_data.go`.
fn name(text: String) -> Result<String, String> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let fits = match text.as_bytes() {
        [] => false,
        [only] => word(*only),
        [first, middle @ .., last] => {
            let inside = |byte: &u8| word(*byte) || matches!(byte, b'-' | b'.');
            word(*first) && word(*last) && middle.iter().all(inside)
        }
    };
    if fits {
        Ok(text)
    } else {
        Err(format!(
            "{text:?} is no name: use letters, digits and `_`, with `-` and `.` inside"
        ))
    }
}

/// Go: `decodeBool` in `mapstructure.go`, and `strconv.ParseBool`. A number of JSON
/// is text to both.
fn flag(value: &Value) -> Result<bool, String> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        Value::Number(number) if number.as_u64() == Some(1) => Ok(true),
        Value::Number(number) if number.as_u64() == Some(0) => Ok(false),
        Value::Number(number) => Err(format!("{number} is neither true nor false")),
        Value::String(text) => match text.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
            "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
            _ => Err(format!("{text:?} is neither true nor false")),
        },
        Value::Array(_) | Value::Object(_) => {
            Err(format!("expected true or false, got {}", shape(value)))
        }
    }
}

fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
