//! Check-and-set: a write says which version it expects to replace.

use logical::{Error, Object};
use serde_json::Value;

/// The expected version among the options of a write of data.
///
/// # Errors
/// A bad request if it is no whole number.
pub(super) fn expected(options: Option<&Object>) -> Result<Option<i64>, Error> {
    let Some(value) = options.and_then(|options| options.get("cas")) else {
        return Ok(None);
    };
    let number = match value {
        Value::Null => Some(0),
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number
        .map(Some)
        .ok_or_else(|| Error::bad_request("error parsing check-and-set parameter"))
}

/// Checks a write of data against the secret's current version.
///
/// # Errors
/// A bad request when the versions differ, or when one must be given.
pub(super) fn check(is_required: bool, expected: Option<i64>, current: u64) -> Result<(), Error> {
    match expected {
        None if is_required => Err(Error::bad_request(
            "check-and-set parameter required for this call",
        )),
        Some(expected) if !is_same(expected, current) => Err(Error::bad_request(
            "check-and-set parameter did not match the current version",
        )),
        _ => Ok(()),
    }
}

/// Checks a write of metadata against the current version of the settings.
///
/// # Errors
/// A bad request when the versions differ, or when one must be given.
pub(super) fn check_metadata(
    is_required: bool,
    expected: Option<i64>,
    current: u64,
) -> Result<(), Error> {
    match expected {
        None if is_required => Err(Error::bad_request(
            "metadata check-and-set parameter required for this call",
        )),
        Some(expected) if !is_same(expected, current) => Err(Error::bad_request(
            "metadata check-and-set parameter does not match the current version",
        )),
        _ => Ok(()),
    }
}

fn is_same(expected: i64, current: u64) -> bool {
    u64::try_from(expected).is_ok_and(|expected| expected == current)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_numbers_as_text_are_taken() {
        let read = |options: Value| expected(options.as_object());
        assert_eq!(read(json!({"cas": 3})).unwrap(), Some(3));
        assert_eq!(read(json!({"cas": "3"})).unwrap(), Some(3));
        assert_eq!(read(json!({"cas": null})).unwrap(), Some(0));
        assert_eq!(read(json!({"other": 3})).unwrap(), None);
        assert_eq!(expected(None).unwrap(), None);
        for bad in [json!("x"), json!(1.5), json!([1]), json!(true)] {
            assert!(read(json!({ "cas": bad })).is_err());
        }
    }

    #[test]
    fn another_version_than_the_expected_one_is_refused() {
        assert!(check(false, None, 7).is_ok());
        assert!(check(true, Some(7), 7).is_ok());
        assert!(check(true, None, 7).is_err());
        assert!(check(false, Some(6), 7).is_err());
        assert!(check(false, Some(-1), 0).is_err());
        assert!(check_metadata(false, Some(0), 1).is_err());
        assert!(check_metadata(true, None, 1).is_err());
    }
}
