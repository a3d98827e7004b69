//! Files: fields as text, escaped as the readers of each form unescape.

mod dotenv;
mod json;
mod librdkafka;
mod properties;
mod shell;
mod text;
mod yaml;

use std::fmt;
use std::str::FromStr;

use crate::{Fields, Kind, Profile, Refusal, SecretText};

/// A form of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Java properties, as Kafka's own tools and Java clients load them.
    Properties,
    /// `name=value` lines as `kcat -F` reads them.
    Librdkafka,
    /// `application.yml` of Spring Boot.
    SpringYaml,
    /// A script for `.` in a POSIX shell, which exports variables.
    Env,
    /// A `.env` that python-dotenv and dotenv for Node.js read the same way.
    Dotenv,
    /// The manifest of a Kubernetes Secret of this name.
    Kubernetes(SecretName),
    /// A JSON object.
    Json,
}

impl Form {
    /// The file with these fields.
    ///
    /// # Errors
    /// When the form cannot hold a name or a value.
    pub fn write(&self, fields: &Fields) -> Result<SecretText, Refusal> {
        match self {
            Self::Properties => Ok(properties::write(fields)),
            Self::Librdkafka => librdkafka::write(fields),
            Self::SpringYaml => yaml::spring(fields),
            Self::Env => shell::write(fields),
            Self::Dotenv => dotenv::write(fields),
            Self::Kubernetes(name) => Ok(yaml::kubernetes(name.as_str(), fields)),
            Self::Json => Ok(json::write(fields)),
        }
    }

    /// The profile that the form is mostly read with, for a kind of key.
    pub fn usual_profile(&self, kind: Kind) -> Profile {
        match (self, kind) {
            (Self::Properties, Kind::Kafka | Kind::Global) => Profile::KafkaJava,
            (Self::Properties | Self::Json, Kind::SchemaRegistry) => Profile::SchemaRegistry,
            (Self::Json, Kind::Kafka | Kind::Global) | (Self::Librdkafka, _) => Profile::Librdkafka,
            (Self::Properties | Self::Json, _) => Profile::Minimal,
            (Self::SpringYaml, _) => Profile::Spring,
            (Self::Env | Self::Dotenv | Self::Kubernetes(_), _) => Profile::Env,
        }
    }
}

/// The name of a Kubernetes Secret: a DNS subdomain (RFC 1123).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretName(String);

impl SecretName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SecretName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let is_end = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_label = |label: &str| {
            let bytes = label.as_bytes();
            bytes.iter().all(|byte| is_end(byte) || *byte == b'-')
                && bytes.first().is_some_and(is_end)
                && bytes.last().is_some_and(is_end)
        };
        if text.len() <= 253 && text.split('.').all(is_label) {
            return Ok(Self(text.to_owned()));
        }
        Err(Refusal::NotASecretName {
            name: text.to_owned(),
        })
    }
}

/// One line for each field: `before`, its name, `=`, its value, a line end.
fn lines<'a>(
    before: &str,
    fields: &'a Fields,
    mut value: impl FnMut(&'static str, &'a str) -> Result<SecretText, Refusal>,
) -> Result<SecretText, Refusal> {
    let values: Vec<(&str, SecretText)> = fields
        .iter()
        .map(|(name, text)| Ok((name, value(name, text)?)))
        .collect::<Result<_, Refusal>>()?;
    let parts: Vec<&str> = values
        .iter()
        .flat_map(|(name, value)| [before, name, "=", value.expose(), "\n"])
        .collect();
    Ok(SecretText::join(&parts))
}

/// Refuses a name that no shell takes for a variable.
fn check_variable(name: &'static str, reader: &'static str) -> Result<(), Refusal> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.bytes().all(is_part) && !name.starts_with(|first: char| first.is_ascii_digit()) {
        return Ok(());
    }
    Err(Refusal::WrongName {
        field: name,
        reader,
        instead: Profile::Env.name(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of one field, and with an error its text.
    pub(super) fn one(form: &Form, name: &'static str, value: &str) -> Result<String, String> {
        let mut fields = Fields::default();
        fields.add_public(name, value);
        form.write(&fields)
            .map(|text| text.expose().to_owned())
            .map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn every_kind_of_key_has_a_usual_profile_that_suits_or_an_error_that_names_one() {
        let name: SecretName = "orders".parse().unwrap();
        for form in [
            Form::Properties,
            Form::SpringYaml,
            Form::Env,
            Form::Dotenv,
            Form::Kubernetes(name),
            Form::Json,
        ] {
            for kind in Kind::ALL {
                let profile = form.usual_profile(kind);
                let suits = profile.check(kind).is_ok();
                assert!(suits || profile == Profile::Spring, "{form:?} of {kind}");
            }
        }
    }

    #[test]
    fn names_of_secrets_are_those_of_kubernetes() {
        let longest = "a".repeat(253);
        for name in ["a", "orders-kafka", "a.b-1.c", "0", longest.as_str()] {
            assert!(name.parse::<SecretName>().is_ok(), "{name}");
        }
        let too_long = "a".repeat(254);
        for name in [
            "", "Orders", "a_b", "-a", "a-", "a..b", ".a", "a/b", "ä", "a\n", &too_long,
        ] {
            assert!(name.parse::<SecretName>().is_err(), "{name}");
        }
    }

    #[test]
    fn a_name_with_a_dot_is_no_variable() {
        for form in [Form::Env, Form::Dotenv] {
            let refusal = one(&form, "sasl.password", "x").unwrap_err();
            assert!(
                refusal.starts_with("`sasl.password` is not a name for a")
                    && refusal.ends_with("use output profile `env`"),
                "{refusal}"
            );
        }
    }
}
