//! A configuration for clients on librdkafka: `name=value` lines without quotes,
//! as `kcat -F` and Confluent's examples read them.
//!
//! kcat trims a line, and what is blank after the `=`; it has a buffer of 512
//! bytes for a line with its end; and it takes the backslash out of `\=` and `\:`
//! but of nothing else, which other readers do not. (Seen with kcat 1.7.1.)

use super::lines;
use crate::refusal::{Offender, refuse_characters};
use crate::{Fields, Refusal, SecretText};

const READER: &str = "a configuration file of librdkafka";
/// The longest line that was read whole, without its end.
const LONGEST: usize = 510;
/// Where kcat drops the backslash.
const ESCAPES: [&str; 2] = ["\\=", "\\:"];

pub(super) fn write(fields: &Fields) -> Result<SecretText, Refusal> {
    lines("", fields, |name, value| {
        check(name, value)?;
        Ok(SecretText::new(value))
    })
}

fn check(name: &'static str, value: &str) -> Result<(), Refusal> {
    refuse_characters(name, value, READER, |c| matches!(c, '\n' | '\r' | '\0'))?;
    // `isspace` in the C locale.
    let is_blank = |c: &char| matches!(c, ' ' | '\t'..='\r');
    let mut ends = value.chars().next().into_iter().chain(value.chars().last());
    if let Some(blank) = ends.find(is_blank) {
        return Err(Refusal::Unholdable {
            field: name,
            offender: Offender::AtEnd(blank),
            reader: READER,
        });
    }
    if let Some(escape) = ESCAPES.iter().find(|escape| value.contains(**escape)) {
        return Err(Refusal::Unholdable {
            field: name,
            offender: Offender::Sequence(escape),
            reader: READER,
        });
    }
    let length = name.len() + 1 + value.len();
    if length > LONGEST {
        return Err(Refusal::TooLong {
            field: name,
            length,
            reader: READER,
            limit: LONGEST,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::form::Form;
    use crate::form::tests::one;

    fn file(value: &str) -> Result<String, String> {
        one(&Form::Librdkafka, "sasl.password", value)
    }

    #[test]
    fn values_stand_for_themselves() {
        let value = r#"a"b'\ c=#${d}ü"#;
        assert_eq!(file(value), Ok(format!("sasl.password={value}\n")));
    }

    #[test]
    fn what_a_line_cannot_hold_is_refused() {
        for (value, offender) in [
            ("a\nb", "a line feed (U+000A)"),
            ("a\rb", "a carriage return (U+000D)"),
            ("a\0b", "a NUL (U+0000)"),
            ("a\\=b", "`\\=`"),
            ("a\\:b", "`\\:`"),
            (" a", "a space (U+0020) at its beginning or end"),
            ("a\t", "a tab (U+0009) at its beginning or end"),
        ] {
            let refusal = file(value).unwrap_err();
            let expected = format!("`sasl.password` has {offender} in it, which a configuration");
            assert!(refusal.starts_with(&expected), "{refusal}");
        }
        let fits = 510 - "sasl.password=".len();
        assert!(file(&"x".repeat(fits)).is_ok());
        let refusal = file(&"x".repeat(fits + 1)).unwrap_err();
        assert!(refusal.contains("a line of 511 bytes"), "{refusal}");
    }
}
