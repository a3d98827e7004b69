//! Java properties (`java.util.Properties`). Kafka's tools read the file as
//! ISO 8859-1, so everything outside ASCII is written as `\uXXXX`.

use std::fmt::Write as _;

use super::text::Text;
use crate::{Fields, SecretText};

pub(super) fn write(fields: &Fields) -> SecretText {
    let mut text = Text::default();
    for (name, value) in fields.iter() {
        // Names of fields have nothing that must be escaped.
        text.plain(name);
        text.plain("=");
        text.secret(escaped(value));
        text.plain("\n");
    }
    text.joined()
}

fn escaped(text: &str) -> SecretText {
    let mut leading = true;
    SecretText::escaped(text, 6, |out, character| {
        leading &= character == ' ';
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{c}' => out.push_str("\\f"),
            // The reader skips what is blank before a value.
            ' ' if leading => out.push_str("\\ "),
            ' '..='~' => out.push(character),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::form::Form;
    use crate::form::tests::one;

    #[track_caller]
    fn check(value: &str, escaped: &str) {
        let file = one(&Form::Properties, "a.b", value).unwrap();
        assert_eq!(file, format!("a.b={escaped}\n"));
    }

    #[test]
    fn values_are_escaped_as_javas_properties_are() {
        check("plain=:#!", "plain=:#!");
        check(r#"a"b\"#, r#"a"b\\"#);
        check("  a b ", r"\ \ a b ");
        check("\n\r\t\u{c}", r"\n\r\t\f");
        check("\0\u{7f}ü😀", r"\u0000\u007f\u00fc\ud83d\ude00");
    }
}
