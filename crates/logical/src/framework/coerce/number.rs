//! Whole numbers and floats, in JSON and in Go's syntax of numbers. Nothing in
//! here wraps around or rounds a whole number: what does not fit is refused.

use serde_json::{Number, Value};

use super::shape;

/// Beyond 2^53 a float no longer says which whole number was meant.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Go: `decodeInt` in `mapstructure.go`.
pub(super) fn integer(value: &Value) -> Result<i64, String> {
    match value {
        Value::Null => Ok(0),
        Value::Bool(flag) => Ok(i64::from(*flag)),
        Value::Number(number) => whole(number),
        Value::String(text) => parse_integer(text)
            .ok_or_else(|| format!("{text:?} is no whole number of at most 64 bits")),
        Value::Array(_) | Value::Object(_) => {
            Err(format!("expected a number, got {}", shape(value)))
        }
    }
}

/// A JSON number as a whole one. OpenBao and Vault refuse fractions, too.
pub(super) fn whole(number: &Number) -> Result<i64, String> {
    if let Some(whole) = number.as_i64() {
        return Ok(whole);
    }
    let float = number.as_f64().unwrap_or(f64::INFINITY);
    if float.abs() > EXACT {
        return Err(format!("{number} is out of range"));
    }
    if float.fract() != 0.0 {
        return Err(format!("{number} is no whole number"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "compared above")]
    Ok(float as i64)
}

/// Go: `decodeFloat` in `mapstructure.go`.
pub(super) fn float(value: &Value) -> Result<f64, String> {
    match value {
        Value::Null => Ok(0.0),
        Value::Bool(flag) => Ok(f64::from(u8::from(*flag))),
        Value::Number(number) => number
            .as_f64()
            .filter(|float| float.is_finite())
            .ok_or_else(|| format!("{number} is out of range")),
        Value::String(text) if text.is_empty() => Ok(0.0),
        Value::String(text) => {
            parse_float(text).ok_or_else(|| format!("{text:?} is no number that a float can hold"))
        }
        Value::Array(_) | Value::Object(_) => {
            Err(format!("expected a number, got {}", shape(value)))
        }
    }
}

/// Go's `strconv.ParseInt(text, 0, 64)`: `0x`, `0o`, `0b` and leading zeros
/// choose the base, `_` separates digits. `mapstructure` takes the empty text
/// for zero.
fn parse_integer(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let (negative, digits) = signed(text);
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = match (lower.get(..2), lower.get(2..)) {
        (Some("0x"), Some(rest)) => (16, rest),
        (Some("0o"), Some(rest)) => (8, rest),
        (Some("0b"), Some(rest)) => (2, rest),
        _ if lower.len() > 1 && lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if digits.starts_with(['+', '-']) || !separated(text) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    let digits = digits.replace('_', "");
    i64::from_str_radix(&format!("{sign}{digits}"), base).ok()
}

/// Go's `strconv.ParseFloat`, without its hexadecimal floats.
fn parse_float(text: &str) -> Option<f64> {
    if !separated(text) {
        return None;
    }
    let float: f64 = text.replace('_', "").parse().ok()?;
    float.is_finite().then_some(float)
}

/// Whether every `_` stands between digits, or between the prefix of a base
/// and a digit (`underscoreOK` in Go's `strconv/atoi.go`).
fn separated(text: &str) -> bool {
    let (_, digits) = signed(text);
    let lower = digits.to_ascii_lowercase();
    let prefixed = ["0x", "0o", "0b"]
        .iter()
        .any(|base| lower.starts_with(base));
    let hex = lower.starts_with("0x");
    let digit = |byte: u8| byte.is_ascii_digit() || (hex && byte.is_ascii_hexdigit());
    let number = if prefixed { &lower[2..] } else { &lower };
    let mut digit_before = prefixed;
    let mut pending = false;
    for byte in number.bytes() {
        match byte {
            b'_' if !digit_before => return false,
            b'_' => (pending, digit_before) = (true, false),
            _ if digit(byte) => (pending, digit_before) = (false, true),
            _ if pending => return false,
            _ => digit_before = false,
        }
    }
    !pending
}

fn signed(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}
