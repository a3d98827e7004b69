//! YAML as Vault's command line writes it: block style, keys sorted. Texts that
//! could be read as something else are in double quotes, with JSON's escapes,
//! which YAML shares.

use std::fmt::Write as _;

use serde_json::Value;

/// A document, with a line break at its end.
pub(crate) fn document(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(members) if !members.is_empty() => block(value, 0, &mut text),
        Value::Array(items) if !items.is_empty() => block(value, 0, &mut text),
        value => {
            text.push_str(&inline(value));
            text.push('\n');
        }
    }
    text
}

/// The lines of an object or a list that is not empty.
fn block(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            for (key, value) in members {
                // Writing to a string cannot fail.
                let _ = write!(text, "{:indent$}{}:", "", scalar(key));
                // Lists are not indented below their key.
                let deeper = indent + if value.is_array() { 0 } else { 2 };
                below(value, deeper, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                let mut inner = String::new();
                if is_nested(item) {
                    block(item, indent + 2, &mut inner);
                } else {
                    let _ = writeln!(inner, "{:width$}{}", "", inline(item), width = indent + 2);
                }
                // The dash takes the place of the first line's indentation.
                let first = inner.get(indent + 2..).unwrap_or_default();
                let _ = write!(text, "{:indent$}- {first}", "");
            }
        }
        _ => {}
    }
}

fn below(value: &Value, indent: usize, text: &mut String) {
    if is_nested(value) {
        text.push('\n');
        block(value, indent, text);
    } else {
        let _ = writeln!(text, " {}", inline(value));
    }
}

fn is_nested(value: &Value) -> bool {
    match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// A text as it is, where nothing can mistake it for something else.
fn scalar(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    Value::from(text).to_string()
}

fn is_plain(text: &str) -> bool {
    let starts_well = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/');
    let ends_well = !text.ends_with([' ', ':']);
    let inside = |c: char| c.is_ascii_alphanumeric() || " _-./:+,;=@%()<>\\!$&?*|~^".contains(c);
    let is_word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null"
    );
    starts_well && ends_well && text.chars().all(inside) && !text.contains(": ") && !is_word
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_values_are_blocks_and_ambiguous_texts_are_quoted() {
        let value = json!({
            "b": {"list": ["x", {"k": 1, "l": [true]}, [1, 2], []], "empty": {}},
            "a": ["1", "true", "", "a: b", "#c", "two\nlines", "- x", null, 1.5],
            "2": "plain text",
        });
        assert_eq!(
            document(&value),
            "\"2\": plain text\n\
             a:\n- \"1\"\n- \"true\"\n- \"\"\n- \"a: b\"\n- \"#c\"\n- \"two\\nlines\"\n- \"- x\"\n\
             - null\n- 1.5\n\
             b:\n  empty: {}\n  list:\n  - x\n  - k: 1\n    l:\n    - true\n  - - 1\n    - 2\n  - []\n"
        );
    }

    #[test]
    fn a_value_alone_is_a_document() {
        assert_eq!(document(&json!({})), "{}\n");
        assert_eq!(document(&json!("x")), "x\n");
        assert_eq!(document(&json!(["a"])), "- a\n");
    }
}
