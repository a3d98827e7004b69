//! Lists, maps, pairs and headers. In lists a single value counts as a list of
//! one; in maps a list of objects counts as all of them together.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{number, shape, text};
use crate::Object;

/// Go: `decodeSlice` of `mapstructure.go` into values of any type.
pub(super) fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.clone(),
        Value::Object(map) if map.is_empty() => Vec::new(),
        one => vec![one.clone()],
    }
}

/// Go: `TypeStringSlice` in `field_data.go`. Commas are ordinary letters.
pub(super) fn text_list(value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        _ => list(value).iter().map(trimmed).collect(),
    }
}

/// Go: `ParseCommaStringSlice` of go-secure-stdlib's `parseutil.go`. Empty
/// parts stay, and texts inside of a list are not split.
pub(super) fn comma_list(value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::String(text) if !text.is_empty() => {
            Ok(text.split(',').map(|part| part.trim().to_owned()).collect())
        }
        _ => text_list(value),
    }
}

/// Go: `TypeCommaIntSlice` in `field_data.go`. Nothing is trimmed there.
pub(super) fn comma_integers(value: &Value) -> Result<Vec<i64>, String> {
    let part = |part: &str| number::integer(&Value::from(part));
    match value {
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => text.split(',').map(part).collect(),
        _ => list(value).iter().map(number::integer).collect(),
    }
}

/// Go: `decodeMap` and `decodeMapFromSlice` in `mapstructure.go`.
pub(super) fn map(value: &Value) -> Result<Object, String> {
    let mut all = Object::new();
    // A list of its own, since lists may hold lists as deep as JSON goes.
    let mut pending = vec![value];
    while let Some(value) = pending.pop() {
        match value {
            Value::Null => {}
            Value::Object(map) => {
                all.extend(map.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            Value::Array(items) => pending.extend(items.iter().rev()),
            other => return Err(format!("expected an object, got {}", shape(other))),
        }
    }
    Ok(all)
}

/// Go: `TypeKVPairs` in `field_data.go`.
pub(super) fn key_value(value: &Value) -> Result<BTreeMap<String, String>, String> {
    let texts = |map: Object| -> Result<BTreeMap<String, String>, String> {
        map.into_iter()
            .map(|(key, value)| Ok((key, text(&value)?)))
            .collect()
    };
    match (map(value).and_then(texts), value) {
        (Ok(pairs), _) => Ok(pairs),
        (Err(problem), Value::Object(_)) => Err(problem),
        _ => list(value)
            .iter()
            .map(|item| split(&text(item)?, '='))
            .collect(),
    }
}

/// Go: `TypeHeader` in `field_data.go`: an object with texts or lists of them;
/// the same in JSON, or in base64 of JSON; or a list of `name:value`.
pub(super) fn header(value: &Value) -> Result<BTreeMap<String, Vec<String>>, String> {
    if let Ok(map) = map(value) {
        return header_of_map(map);
    }
    let mut header = BTreeMap::new();
    match value {
        Value::String(encoded) => {
            let stripped = encoded.replace(['\r', '\n'], "");
            let json = STANDARD.decode(stripped);
            let json = json.unwrap_or_else(|_| encoded.as_bytes().to_vec());
            let decoded = serde_json::from_slice(&json).map_err(
                |_| "expected an object in JSON, or in base64 of JSON, or a list of `name:value`",
            )?;
            return header_of_map(decoded);
        }
        Value::Array(items) => {
            for item in items {
                let Value::String(pair) = item else {
                    return Err(format!("expected `name:value`, got {}", shape(item)));
                };
                let (name, value) = split(pair, ':')?;
                add(&mut header, &name, value);
            }
        }
        other => return Err(format!("expected an object, got {}", shape(other))),
    }
    Ok(header)
}

fn header_of_map(map: Object) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut header = BTreeMap::new();
    for (name, value) in map {
        let values = match value {
            Value::Array(values) => values,
            one => vec![one],
        };
        for value in values {
            match value {
                Value::String(_) | Value::Number(_) => add(&mut header, &name, text(&value)?),
                other => {
                    return Err(format!("expected text for {name:?}, got {}", shape(&other)));
                }
            }
        }
    }
    Ok(header)
}

fn add(header: &mut BTreeMap<String, Vec<String>>, name: &str, value: String) {
    header.entry(canonical(name)).or_default().push(value);
}

/// Go's `textproto.CanonicalMIMEHeaderKey`: a capital at the start and after
/// each `-`; an invalid header name stays as it is.
fn canonical(name: &str) -> String {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.bytes().all(token) {
        return name.to_owned();
    }
    let mut start = true;
    let letters = name.chars().map(|letter| {
        let upper = std::mem::replace(&mut start, letter == '-');
        if upper {
            letter.to_ascii_uppercase()
        } else {
            letter.to_ascii_lowercase()
        }
    });
    letters.collect()
}

fn trimmed(item: &Value) -> Result<String, String> {
    text(item).map(|text| text.trim().to_owned())
}

fn split(pair: &str, at: char) -> Result<(String, String), String> {
    match pair.split_once(at) {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        // The text may be a secret, so it is not quoted.
        _ => Err(format!("expected pairs of the form `name{at}value`")),
    }
}
