//! The answer of `creds/`: the Go plugin's three keys.

use logical::Object;

use crate::SecretText;
use crate::ids::{KeyId, ResourceId};

/// The data for a client. `sasl.jaas.config` is there for Kafka keys only.
pub(crate) fn data(key: &KeyId, secret: &SecretText, resource: &ResourceId) -> Object {
    let mut data = Object::new();
    data.insert("key_id".into(), key.as_str().into());
    data.insert("secret".into(), secret.expose().into());
    if resource.as_str().starts_with("lkc-") {
        data.insert("sasl.jaas.config".into(), jaas(key, secret).into());
    }
    data
}

/// A JAAS line for Kafka's PLAIN login. For the characters that Confluent uses
/// in keys it is what the Go plugin answers; others are escaped, so that it
/// parses for every secret.
fn jaas(key: &KeyId, secret: &SecretText) -> String {
    format!(
        "org.apache.kafka.common.security.plain.PlainLoginModule required username='{}' password='{}';",
        quoted(key.as_str()),
        quoted(secret.expose())
    )
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '\'' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jaas_of(key: &str, secret: &str) -> String {
        jaas(&KeyId::new(key), &SecretText::new(secret))
    }

    #[test]
    fn the_jaas_line_of_confluents_own_characters_is_the_go_plugins() {
        assert_eq!(
            jaas_of("K7Q2M4ZB6RXN3TWD", "cflt+/abc"),
            "org.apache.kafka.common.security.plain.PlainLoginModule required \
             username='K7Q2M4ZB6RXN3TWD' password='cflt+/abc';"
        );
    }

    #[test]
    fn quotes_and_backslashes_are_escaped_in_the_jaas_line() {
        assert!(jaas_of("K", "a'b\\c\nd").ends_with(r"password='a\'b\\c\nd';"));
    }

    #[test]
    fn only_kafka_keys_have_a_jaas_line() {
        let (key, secret) = (KeyId::new("K"), SecretText::new("S"));
        let kafka = data(&key, &secret, &ResourceId::new("lkc-1"));
        assert!(kafka.contains_key("sasl.jaas.config"));
        let registry = data(&key, &secret, &ResourceId::new("lsrc-1"));
        assert_eq!(registry.keys().collect::<Vec<_>>(), ["key_id", "secret"]);
    }
}
