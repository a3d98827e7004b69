//! Notes that operators keep with a secret, and their limits.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use logical::{Error, Object};
use serde_json::Value;

const MAX_KEYS: usize = 64;
const MAX_KEY_LENGTH: usize = 128;
const MAX_VALUE_LENGTH: usize = 512;

/// Notes, as they are stored.
pub(super) type Notes = BTreeMap<String, String>;

/// Reads notes from a request. Numbers and truth values become text.
///
/// # Errors
/// A bad request that names every note that is not allowed.
pub(super) fn read(given: &Object) -> Result<Notes, Error> {
    let mut notes = Notes::new();
    for (key, value) in given {
        notes.insert(key.clone(), text(key, value)?);
    }
    check(&notes)?;
    Ok(notes)
}

/// Merges a patch into notes: null removes one.
///
/// # Errors
/// A bad request that names every note that is not allowed.
pub(super) fn merge(notes: &mut Notes, patch: &Object) -> Result<(), Error> {
    for (key, value) in patch {
        if value.is_null() {
            notes.remove(key);
        } else {
            notes.insert(key.clone(), text(key, value)?);
        }
    }
    check(notes)
}

fn text(key: &str, value: &Value) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(true) => Ok("1".into()),
        Value::Bool(false) => Ok("0".into()),
        Value::Null => Ok(String::new()),
        Value::Array(_) | Value::Object(_) => Err(Error::bad_request(format!(
            "`custom_metadata` has a value for {key:?} that is not text: give text"
        ))),
    }
}

/// Checks all limits, and reports everything that is wrong at once.
fn check(notes: &Notes) -> Result<(), Error> {
    if notes.len() > MAX_KEYS {
        let found = notes.len();
        return Err(invalid(&[format!(
            "payload must contain at most {MAX_KEYS} keys, provided {found}"
        )]));
    }
    let mut faults = Vec::new();
    for (key, value) in notes {
        if !(1..=MAX_KEY_LENGTH).contains(&key.len()) {
            faults.push(format!(
                "length of key {key:?} is {} but must be 0 < len(key) <= {MAX_KEY_LENGTH}",
                key.len()
            ));
        }
        if !(1..=MAX_VALUE_LENGTH).contains(&value.len()) {
            faults.push(format!(
                "length of value for key {key:?} is {} but must be 0 < len(value) <= \
                 {MAX_VALUE_LENGTH}",
                value.len()
            ));
        }
        if has_control(key) {
            faults.push(format!("key {key:?} contains unprintable characters"));
        }
        if has_control(value) {
            faults.push(format!(
                "value for key {key:?} contains unprintable characters"
            ));
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(invalid(&faults))
    }
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// All faults in the format of Go's multierror, which clients match on.
fn invalid(faults: &[String]) -> Error {
    let plural = if faults.len() == 1 { "error" } else { "errors" };
    let mut text = format!("{} {plural} occurred:\n", faults.len());
    for fault in faults {
        let _ = writeln!(text, "\t* custom_metadata validation failed: {fault}");
    }
    text.push('\n');
    Error::bad_request(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault(notes: &Value) -> String {
        let error = read(notes.as_object().unwrap()).unwrap_err();
        error.message().to_owned()
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let long = "k".repeat(129);
        let text =
            fault(&json!({&long: "x", "": "y", "e": "", "v": "z".repeat(513), "u\u{1}": "x"}));
        assert!(text.starts_with("5 errors occurred:\n\t* custom_metadata validation failed: "));
        assert!(text.contains("is 129 but must be 0 < len(key) <= 128"));
        assert!(text.contains("length of value for key \"v\" is 513"));
        assert!(text.contains("unprintable"));
    }

    #[test]
    fn no_more_than_64_notes_are_kept() {
        let many: Object = (0..65).map(|key| (key.to_string(), "x".into())).collect();
        assert!(fault(&many.into()).contains("at most 64 keys, provided 65"));
    }

    #[test]
    fn a_patch_removes_with_null_and_keeps_the_rest() {
        let mut notes = read(json!({"a": 1, "b": true}).as_object().unwrap()).unwrap();
        merge(
            &mut notes,
            json!({"a": null, "c": "d"}).as_object().unwrap(),
        )
        .unwrap();
        assert_eq!(
            notes,
            [("b", "1"), ("c", "d")]
                .map(|(k, v)| (k.into(), v.into()))
                .into()
        );
        assert!(merge(&mut notes, json!({"c": ["d"]}).as_object().unwrap()).is_err());
    }
}
