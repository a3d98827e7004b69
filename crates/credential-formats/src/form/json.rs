//! A JSON object, with a member on each line.

use std::fmt::Write as _;

use super::text::Text;
use crate::{Fields, SecretText};

pub(super) fn write(fields: &Fields) -> SecretText {
    let mut text = Text::default();
    for (index, (name, value)) in fields.iter().enumerate() {
        text.plain(if index == 0 { "{\n  " } else { ",\n  " });
        text.secret(quoted(name));
        text.plain(": ");
        text.secret(quoted(value));
    }
    text.plain(if fields.is_empty() { "{}\n" } else { "\n}\n" });
    text.joined()
}

/// RFC 8259, 7: what must be escaped, and what else does not print.
fn quoted(value: &str) -> SecretText {
    let inner = SecretText::escaped(value, 6, |out, character| match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        control @ ('\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}') => {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(control));
        }
        other => out.push(other),
    });
    SecretText::join(&["\"", inner.expose(), "\""])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::form::Form;
    use crate::form::tests::one;

    #[test]
    fn members_are_on_lines_of_their_own() {
        let mut fields = Fields::default();
        assert_eq!(write(&fields).expose(), "{}\n");
        fields.add_public("a", "1");
        fields.add_public("b", "2\"\u{7f}");
        let expected = "{\n  \"a\": \"1\",\n  \"b\": \"2\\\"\\u007f\"\n}\n";
        assert_eq!(write(&fields).expose(), expected);
    }

    proptest! {
        #[test]
        fn every_value_reads_back(value in "(?s).*") {
            let file = one(&Form::Json, "a", &value).unwrap();
            let read: serde_json::Value = serde_json::from_str(&file).unwrap();
            prop_assert_eq!(read, serde_json::json!({ "a": value }));
        }
    }
}
