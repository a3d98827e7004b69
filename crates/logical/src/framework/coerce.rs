//! Coercion of request values to field types, as Go's framework does it:
//! `mapstructure`'s weak decoding and `parseutil` of go-secure-stdlib. Command
//! lines and Terraform send most things as text, so this is what makes
//! `multi_use_key=true` and `ttl=1h` work.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Number, Value};

use super::{Field, FieldKind, FieldValue};
use crate::{Error, Object, duration};

/// The value of a field, or `None` when JSON null means that it was not given.
///
/// # Errors
/// A bad request that names the field.
pub(super) fn coerce(field: &Field, value: &Value) -> Result<Option<FieldValue>, Error> {
    let converted = match field.kind {
        FieldKind::Text => text(value).map(FieldValue::Text),
        FieldKind::LowerCase => text(value).map(|text| FieldValue::Text(text.to_lowercase())),
        FieldKind::Name => text(value).and_then(name).map(FieldValue::Text),
        FieldKind::Integer => integer(value).map(FieldValue::Integer),
        FieldKind::Flag => flag(value).map(FieldValue::Flag),
        FieldKind::DurationSeconds if value.is_null() => return Ok(None),
        FieldKind::DurationSeconds => seconds(value).map(FieldValue::Duration),
        FieldKind::CommaList => comma_list(value).map(FieldValue::List),
        FieldKind::Map => map(value).map(FieldValue::Map),
        FieldKind::KeyValue => key_value(value).map(FieldValue::KeyValue),
    };
    converted.map(Some).map_err(|problem| {
        Error::bad_request(format!(
            "Field validation failed: error converting input for field {:?}: {problem}",
            field.name
        ))
    })
}

fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(true) => Ok("1".into()),
        Value::Bool(false) => Ok("0".into()),
        Value::Array(_) | Value::Object(_) => Err(format!("expected text, got {}", kind(value))),
    }
}

fn name(text: String) -> Result<String, String> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = text.as_bytes();
    let fits = match bytes {
        [] => false,
        [only] => word(*only),
        [first, middle @ .., last] => {
            word(*first)
                && word(*last)
                && middle
                    .iter()
                    .all(|byte| word(*byte) || matches!(byte, b'-' | b'.'))
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

fn integer(value: &Value) -> Result<i64, String> {
    match value {
        Value::Null => Ok(0),
        Value::Bool(flag) => Ok(i64::from(*flag)),
        Value::Number(number) => whole(number).ok_or_else(|| format!("{number} is out of range")),
        Value::String(text) => go_integer(text).ok_or_else(|| format!("{text:?} is no number")),
        Value::Array(_) | Value::Object(_) => {
            Err(format!("expected a number, got {}", kind(value)))
        }
    }
}

/// A JSON number as a whole one; fractions are cut off.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?.trunc();
        // Beyond 2^53 a float no longer says which whole number was meant.
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the comparison")]
        (float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
    })
}

/// Go's `strconv.ParseInt(text, 0, 64)`: `0x`, `0o`, `0b` and leading zeros
/// choose the base; the empty text is zero.
fn go_integer(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    i64::from_str_radix(&format!("{sign}{digits}"), base).ok()
}

fn flag(value: &Value) -> Result<bool, String> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        Value::Number(number) => Ok(number.as_f64().is_some_and(|number| number != 0.0)),
        Value::String(text) => match text.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
            "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
            _ => Err(format!("{text:?} is neither true nor false")),
        },
        Value::Array(_) | Value::Object(_) => {
            Err(format!("expected true or false, got {}", kind(value)))
        }
    }
}

fn seconds(value: &Value) -> Result<Duration, String> {
    let negative = || "a duration cannot be negative: give zero or more".to_owned();
    let parsed = match value {
        Value::Number(number) => {
            let seconds = whole(number).ok_or_else(|| format!("{number} is out of range"))?;
            Duration::from_secs(u64::try_from(seconds).map_err(|_| negative())?)
        }
        Value::String(text) => duration::parse(text).map_err(|error| error.to_string())?,
        _ => return Err(format!("expected a duration, got {}", kind(value))),
    };
    let seconds = parsed.as_secs();
    // Go keeps durations as 64-bit nanoseconds; more would overflow there.
    if seconds > i64::MAX.unsigned_abs() / 1_000_000_000 {
        return Err(format!("{seconds} seconds are more than 290 years"));
    }
    Ok(Duration::from_secs(seconds))
}

fn comma_list(value: &Value) -> Result<Vec<String>, String> {
    let split = |text: &str| {
        text.split(',')
            .map(|part| part.trim().to_owned())
            .filter(|part| !part.is_empty())
            .collect()
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items
            .iter()
            .map(|item| text(item).map(|text| text.trim().to_owned()))
            .collect(),
        Value::Object(_) => Err("expected a list, got an object".into()),
        other => text(other).map(|text| split(&text)),
    }
}

fn map(value: &Value) -> Result<Object, String> {
    match value {
        Value::Null => Ok(Object::new()),
        Value::Object(map) => Ok(map.clone()),
        Value::Array(items) if items.is_empty() => Ok(Object::new()),
        other => Err(format!("expected an object, got {}", kind(other))),
    }
}

fn key_value(value: &Value) -> Result<BTreeMap<String, String>, String> {
    match value {
        Value::Null => Ok(BTreeMap::new()),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| Ok((key.clone(), text(value)?)))
            .collect(),
        Value::Array(items) => items.iter().map(|item| pair(&text(item)?)).collect(),
        Value::String(one) => pair(one).map(|pair| BTreeMap::from([pair])),
        other => Err(format!("expected key=value pairs, got {}", kind(other))),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected pairs of the form key=value".into()),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(kind: FieldKind, value: &Value) -> Result<Option<FieldValue>, Error> {
        coerce(&Field::new("field", kind, ""), value)
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better in the tables")]
    fn check(kind: FieldKind, value: Value, expected: FieldValue) {
        assert_eq!(read(kind, &value).unwrap(), Some(expected), "{value}");
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better in the tables")]
    fn refused(kind: FieldKind, value: Value) {
        let error = read(kind, &value).unwrap_err();
        assert_eq!(error.class(), crate::ErrorClass::BadRequest);
        assert!(error.message().contains("for field \"field\""), "{error}");
    }

    #[test]
    fn text_takes_every_scalar() {
        for (value, expected) in [
            (json!("a"), "a"),
            (json!(7), "7"),
            (json!(true), "1"),
            (json!(null), ""),
        ] {
            check(FieldKind::Text, value, FieldValue::Text(expected.into()));
        }
        refused(FieldKind::Text, json!(["a"]));
    }

    #[test]
    fn a_number_keeps_its_text() {
        let value: Value = serde_json::from_str("12345678901234567890.50").unwrap();
        check(
            FieldKind::Text,
            value,
            FieldValue::Text("12345678901234567890.50".into()),
        );
    }

    #[test]
    fn flags_read_what_go_reads() {
        for value in [json!(true), json!("true"), json!("T"), json!("1"), json!(2)] {
            check(FieldKind::Flag, value, FieldValue::Flag(true));
        }
        for value in [json!(false), json!("F"), json!(""), json!(0), json!(null)] {
            check(FieldKind::Flag, value, FieldValue::Flag(false));
        }
        refused(FieldKind::Flag, json!("yes"));
    }

    #[test]
    fn integers_follow_the_base_prefix() {
        for (value, expected) in [
            (json!("0x10"), 16),
            (json!("010"), 8),
            (json!("-3"), -3),
            (json!(""), 0),
            (json!(2.9), 2),
            (json!(true), 1),
        ] {
            check(FieldKind::Integer, value, FieldValue::Integer(expected));
        }
        refused(FieldKind::Integer, json!("ten"));
        refused(FieldKind::Integer, json!("--3"));
    }

    #[test]
    fn durations_are_seconds_or_text_and_never_negative() {
        let hour = FieldValue::Duration(Duration::from_hours(1));
        for value in [json!(3600), json!("3600"), json!("1h"), json!("60m")] {
            check(FieldKind::DurationSeconds, value, hour.clone());
        }
        refused(FieldKind::DurationSeconds, json!(-1));
        refused(FieldKind::DurationSeconds, json!("-1h"));
        refused(FieldKind::DurationSeconds, json!(99_999_999_999_i64));
        assert_eq!(
            read(FieldKind::DurationSeconds, &json!(null)).unwrap(),
            None
        );
    }

    #[test]
    fn a_name_has_no_dash_at_its_ends() {
        check(
            FieldKind::Name,
            json!("a-b.c"),
            FieldValue::Text("a-b.c".into()),
        );
        refused(FieldKind::Name, json!("-a"));
        refused(FieldKind::Name, json!(""));
    }

    #[test]
    fn lists_split_at_commas() {
        let both = FieldValue::List(vec!["a".into(), "b".into()]);
        check(FieldKind::CommaList, json!("a, b"), both.clone());
        check(FieldKind::CommaList, json!(["a", " b"]), both);
        check(
            FieldKind::CommaList,
            json!(""),
            FieldValue::List(Vec::new()),
        );
    }

    #[test]
    fn pairs_come_from_an_object_or_a_list() {
        let expected = FieldValue::KeyValue(BTreeMap::from([("version".into(), "2".into())]));
        check(FieldKind::KeyValue, json!({"version": 2}), expected.clone());
        check(FieldKind::KeyValue, json!(["version=2"]), expected);
        refused(FieldKind::KeyValue, json!(["=2"]));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_any_coercion_panic(text in ".*") {
            for kind in [
                FieldKind::Text, FieldKind::LowerCase, FieldKind::Name, FieldKind::Integer,
                FieldKind::Flag, FieldKind::DurationSeconds, FieldKind::CommaList,
                FieldKind::Map, FieldKind::KeyValue,
            ] {
                let _ = read(kind, &Value::String(text.clone()));
            }
        }
    }
}
