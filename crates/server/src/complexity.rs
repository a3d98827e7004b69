//! How much a JSON body would take in memory, found out before it is read.
//!
//! A body within the limit of its size can still become many times as large as a
//! value. Limits and texts are those of OpenBao; the estimate is ours. What is no
//! JSON passes here and is refused by the parser.

/// The limits of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonLimits {
    /// Bytes that its value may take, as estimated.
    pub memory: usize,
    /// How many texts it may have, names of members included.
    pub strings: usize,
}

impl Default for JsonLimits {
    /// OpenBao's.
    fn default() -> Self {
        Self {
            memory: 34_078_720,
            strings: 1000,
        }
    }
}

/// How deep values may lie in each other: what the parser reads without a stack
/// of its own.
const DEPTH: usize = 127;
/// What any value takes, beside what belongs to its kind.
const VALUE: usize = 16;
/// What a text or a number takes, beside its bytes.
const TEXT: usize = 16;
const LIST: usize = 24;
const OBJECT: usize = 48;

/// Checks a body.
///
/// # Errors
/// The text for the client.
pub(crate) fn check(body: &[u8], limits: JsonLimits) -> Result<(), &'static str> {
    let (mut memory, mut strings, mut depth) = (0_usize, 0_usize, 0_usize);
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        let length = length(&body[at..]);
        at += length;
        memory += match byte {
            b'"' => {
                strings += 1;
                VALUE + TEXT + length
            }
            b'0'..=b'9' | b'-' => VALUE + TEXT + length,
            b'{' | b'[' => {
                depth += 1;
                VALUE + if *byte == b'{' { OBJECT } else { LIST }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                0
            }
            b'a'..=b'z' => VALUE,
            _ => 0,
        };
        if depth > DEPTH {
            return Err("failed to decode JSON input: exceeded max depth");
        }
        if strings > limits.strings {
            return Err(
                "refused JSON input due to high complexity: exceeded maximum number of strings",
            );
        }
        if memory > limits.memory {
            return Err(
                "refused JSON input due to high complexity: exceeded maximum estimated memory limits",
            );
        }
    }
    Ok(())
}

/// How long the token at the beginning is.
fn length(rest: &[u8]) -> usize {
    let while_ = |belongs: fn(&u8) -> bool| rest.iter().take_while(|byte| belongs(byte)).count();
    match rest.first() {
        Some(b'"') => text_length(rest),
        Some(b'0'..=b'9' | b'-') => {
            while_(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
        }
        Some(b'a'..=b'z') => while_(u8::is_ascii_lowercase),
        _ => 1,
    }
}

/// How long the text at the beginning is, with its quotes.
fn text_length(rest: &[u8]) -> usize {
    let mut is_escaped = false;
    for (at, byte) in rest.iter().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refusal(body: &str) -> Option<&'static str> {
        check(body.as_bytes(), JsonLimits::default()).err()
    }

    fn texts(count: usize) -> String {
        json!({"a": vec!["x\"\\"; count]}).to_string()
    }

    #[test]
    fn texts_are_counted_with_the_names_of_members() {
        assert_eq!(refusal(&texts(999)), None);
        assert!(refusal(&texts(1000)).unwrap().contains("number of strings"));
        let members = |count: usize| -> String {
            let members = (0..count).map(|number| (number.to_string(), json!(1)));
            Value::Object(members.collect()).to_string()
        };
        assert_eq!(refusal(&members(1000)), None);
        assert!(refusal(&members(1001)).is_some());
    }

    #[test]
    fn many_small_values_are_refused_and_one_large_text_is_not() {
        let list = |value: &str, count| format!("{{\"a\":[{}]}}", vec![value; count].join(","));
        for value in ["1", "{}", "[]", "-1.5e3"] {
            assert_eq!(refusal(&list(value, 300_000)), None, "{value}");
            let refused = refusal(&list(value, 1_500_000));
            assert!(refused.unwrap().contains("memory"), "{value}");
        }
        assert_eq!(refusal(&list("true", 2_000_000)), None);
        assert!(refusal(&list("null", 3_000_000)).is_some());
        assert_eq!(refusal(&format!("\"{}\"", "x".repeat(33_000_000))), None);
    }

    #[test]
    fn what_lies_too_deep_is_refused_before_the_parser_sees_it() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(refusal(&nested(DEPTH)), None);
        assert!(serde_json::from_str::<Value>(&nested(DEPTH)).is_ok());
        let text = "failed to decode JSON input: exceeded max depth";
        assert_eq!(refusal(&nested(DEPTH + 1)), Some(text));
        assert_eq!(refusal(&nested(1_000_000)), Some(text));
        // Brackets in a text nest nothing.
        assert_eq!(refusal(&json!("[".repeat(1000)).to_string()), None);
    }

    #[test]
    fn what_is_no_json_is_left_to_the_parser() {
        for body in ["", "\"", "\"\\", "]]]]", "{\"a\":", "\u{e9}", "truefalse"] {
            assert_eq!(refusal(body), None, "{body}");
        }
    }
}
