//! YAML: the manifest of a Kubernetes Secret, and the configuration of a Spring
//! Boot program.
//!
//! Every value is in double quotes, with the escapes of YAML. Those of JSON are
//! not the same: some readers take a surrogate pair for two characters.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::text::Text;
use crate::{Fields, Profile, Refusal, SecretText};

/// The map that Spring hands to Kafka's clients as it is.
const CLIENT: &str = "spring.kafka.properties.";
const SPRING: &str = "spring.kafka.";

/// The values in base64, as the API server stores them.
pub(super) fn kubernetes(name: &str, fields: &Fields) -> SecretText {
    let mut text = Text::default();
    text.plain("apiVersion: v1\nkind: Secret\nmetadata:\n  name: ");
    text.secret(quoted(name));
    text.plain("\ntype: Opaque\ndata:\n");
    for (name, value) in fields.iter() {
        text.plain(&format!("  {name}: \""));
        text.secret(SecretText::new(STANDARD.encode(value)));
        text.plain("\"\n");
    }
    text.joined()
}

/// Kafka's own names keep their dots, as Kafka's documentation has them.
pub(super) fn spring(fields: &Fields) -> Result<SecretText, Refusal> {
    let mut text = Text::default();
    text.plain("spring:\n  kafka:\n");
    for (name, value) in fields.iter() {
        let Some(name) = name.strip_prefix(SPRING) else {
            return Err(Refusal::WrongName {
                field: name,
                reader: "a configuration of Spring for Kafka",
                instead: Profile::Spring.name(),
            });
        };
        if !name.starts_with(&CLIENT[SPRING.len()..]) {
            line(&mut text, "    ", name, value);
        }
    }
    text.plain("    properties:\n");
    for (name, value) in fields.iter() {
        if let Some(name) = name.strip_prefix(CLIENT) {
            line(&mut text, "      ", name, value);
        }
    }
    Ok(text.joined())
}

fn line(text: &mut Text, indent: &str, name: &str, value: &str) {
    text.plain(&format!("{indent}{name}: "));
    text.secret(quoted(value));
    text.plain("\n");
}

/// A scalar in double quotes (YAML 1.2, 5.7 and 7.3.1).
fn quoted(value: &str) -> SecretText {
    let inner = SecretText::escaped(value, 4, |out, character| match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        ' '..='~' => out.push(character),
        other => {
            // Writing to a string cannot fail.
            let _ = match u32::from(other) {
                code @ ..=0xff => write!(out, "\\x{code:02x}"),
                code @ ..=0xffff => write!(out, "\\u{code:04x}"),
                code => write!(out, "\\U{code:08x}"),
            };
        }
    });
    SecretText::join(&["\"", inner.expose(), "\""])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::Form;
    use crate::form::tests::one;

    #[test]
    fn values_are_escaped_as_yaml_is() {
        assert_eq!(
            quoted("a\"b\\\n\t\u{85}ü€😀").expose(),
            r#""a\"b\\\x0a\x09\x85\xfc\u20ac\U0001f600""#
        );
    }

    #[test]
    fn a_manifest_quotes_what_a_reader_could_take_for_a_number() {
        let name = "1234".parse().unwrap();
        assert_eq!(
            one(&Form::Kubernetes(name), "KAFKA_API_KEY", "K7Q2").unwrap(),
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: \"1234\"\ntype: Opaque\ndata:\n  \
             KAFKA_API_KEY: \"SzdRMg==\"\n"
        );
    }

    #[test]
    fn springs_own_names_are_a_level_above_those_of_kafka() {
        let mut fields = Fields::default();
        fields.add_public("spring.kafka.bootstrap-servers", "pkc:9092");
        fields.add_public("spring.kafka.security.protocol", "SASL_SSL");
        fields.add_public("spring.kafka.properties.sasl.mechanism", "PLAIN");
        let expected = "\
spring:
  kafka:
    bootstrap-servers: \"pkc:9092\"
    security.protocol: \"SASL_SSL\"
    properties:
      sasl.mechanism: \"PLAIN\"
";
        assert_eq!(spring(&fields).unwrap().expose(), expected);
    }

    #[test]
    fn spring_takes_its_own_names_only() {
        let refusal = one(&Form::SpringYaml, "sasl.password", "x").unwrap_err();
        assert!(
            refusal.ends_with("use output profile `spring`"),
            "{refusal}"
        );
    }
}
