//! The JAAS line of Kafka's PLAIN login: `sasl.jaas.config`.
//!
//! Kafka reads it with Java's `StreamTokenizer`
//! (`org.apache.kafka.common.security.JaasConfig`): between quotes `\` begins an
//! escape of C's kind, and a line end ends the text. Everything else stands for
//! itself.

use crate::{Credential, SecretText};

/// What begins the line, up to the name of the key.
const LOGIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required username=";
const PASSWORD: &str = " password=";

/// How the two values are quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quote {
    /// As Confluent's Go plugin for Vault does.
    Single,
    /// As Kafka's own documentation does.
    Double,
}

impl Quote {
    const fn mark(self) -> char {
        match self {
            Self::Single => '\'',
            Self::Double => '"',
        }
    }

    fn quoted(self, text: &str) -> SecretText {
        let stands_for_itself =
            |&byte: &u8| !matches!(byte, b'\n' | b'\r' | b'\\') && char::from(byte) != self.mark();
        if text.as_bytes().iter().all(stands_for_itself) {
            return SecretText::new(text);
        }
        SecretText::escaped(text, 2, |out, character| match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\\' => out.push_str("\\\\"),
            mark if mark == self.mark() => out.extend(['\\', mark]),
            other => out.push(other),
        })
    }
}

/// The line for a credential.
pub(crate) fn line(credential: &Credential, quote: Quote) -> SecretText {
    let (key, secret) = (
        quote.quoted(&credential.key_id),
        quote.quoted(credential.secret.expose()),
    );
    let mut mark = [0; 4];
    let mark: &str = quote.mark().encode_utf8(&mut mark);
    SecretText::join(&[
        LOGIN,
        mark,
        key.expose(),
        mark,
        PASSWORD,
        mark,
        secret.expose(),
        mark,
        ";",
    ])
}

/// Key and secret of a line that [`line`] wrote; none of any other text.
pub(crate) fn parse(line: &str) -> Option<(String, SecretText)> {
    let (key, rest) = unquoted(line.strip_prefix(LOGIN)?)?;
    let (secret, rest) = unquoted(rest.strip_prefix(PASSWORD)?)?;
    (rest == ";").then(|| (key.expose().to_owned(), secret))
}

/// The text between the quotes that `text` begins with, and what follows.
fn unquoted(text: &str) -> Option<(SecretText, &str)> {
    let mark = text.chars().next().filter(|mark| "'\"".contains(*mark))?;
    let inner = text.get(1..)?;
    let mut out = String::with_capacity(inner.len());
    let mut characters = inner.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => out.push(match characters.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                other => other,
            }),
            end if end == mark => return Some((SecretText::new(out), inner.get(at + 1..)?)),
            other => out.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Kind;

    fn line_of(key: &str, secret: &str, quote: Quote) -> String {
        let credential = Credential::new(Kind::Kafka, key, SecretText::new(secret));
        line(&credential, quote).expose().to_owned()
    }

    #[test]
    fn the_line_of_confluents_own_characters_is_the_go_plugins() {
        assert_eq!(
            line_of("K7Q2M4ZB6RXN3TWD", "cflt+/abc", Quote::Single),
            "org.apache.kafka.common.security.plain.PlainLoginModule required \
             username='K7Q2M4ZB6RXN3TWD' password='cflt+/abc';"
        );
    }

    #[test]
    fn quotes_backslashes_and_line_ends_are_escaped_and_nothing_else() {
        let secret = "a\"b'c\\d\ne\rf\tg${h}#;=";
        let double = line_of("K", secret, Quote::Double);
        assert!(
            double.ends_with("password=\"a\\\"b'c\\\\d\\ne\\rf\tg${h}#;=\";"),
            "{double}"
        );
        let single = line_of("K", secret, Quote::Single);
        assert!(single.contains("a\"b\\'c"), "{single}");
    }

    #[test]
    fn other_texts_are_no_lines() {
        for text in ["", "x", LOGIN, &format!("{LOGIN}\"a\" password=\"b\"")] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_line_reads_back(key in ".*", secret in "\\PC*|.*|[\\\\\"'nr\\n\\r]*") {
            for quote in [Quote::Single, Quote::Double] {
                let read = parse(&line_of(&key, &secret, quote));
                prop_assert_eq!(read, Some((key.clone(), SecretText::new(secret.clone()))));
            }
        }
    }
}
