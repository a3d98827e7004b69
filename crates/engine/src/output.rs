//! The fields of an answer that has a key: one or several profiles of
//! `credential-formats`.

use credential_formats::{Credential, Fields, Kind, Profile, Refusal, fields};
use logical::{Error, Object};
use readiness::Place;
use serde::{Deserialize, Serialize};

use crate::SecretText;
use crate::control_plane::Target;
use crate::ids::{EnvironmentId, KeyId};

/// The profiles of a role: `output`. Stored as their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Output(Vec<Profile>);

impl Default for Output {
    fn default() -> Self {
        Self(vec![Profile::Compat])
    }
}

impl TryFrom<Vec<String>> for Output {
    type Error = Refusal;

    fn try_from(names: Vec<String>) -> Result<Self, Refusal> {
        let profiles = names.iter().map(|name| name.trim().parse());
        let profiles = profiles.collect::<Result<Vec<Profile>, Refusal>>()?;
        Ok(if profiles.is_empty() {
            Self::default()
        } else {
            Self(profiles)
        })
    }
}

impl From<Output> for Vec<String> {
    fn from(output: Output) -> Self {
        output.names().map(str::to_owned).collect()
    }
}

impl Output {
    /// The names of the profiles.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|profile| profile.name())
    }

    /// Whether it is what roles have that say nothing.
    pub(crate) fn is_default(&self) -> bool {
        self.0 == [Profile::Compat]
    }

    /// Whether fields of it are addresses.
    pub(crate) fn needs_address(&self) -> bool {
        let bare = [Profile::Compat, Profile::Minimal, Profile::AwsManaged];
        self.0.iter().any(|profile| !bare.contains(profile))
    }

    /// Refuses profiles that keys of a target do not have.
    pub(crate) fn check(&self, target: &Target) -> Result<(), Refusal> {
        let kind = kind_of(target);
        self.0.iter().try_for_each(|profile| profile.check(kind))
    }

    /// Refuses profiles that cannot hold a key.
    pub(crate) fn carries(
        &self,
        key: &KeyId,
        secret: &SecretText,
        target: &Target,
    ) -> Result<(), Refusal> {
        self.fields(key, secret, target, None).map(|_| ())
    }

    /// The fields for a client. An address that is not known yet is left out.
    ///
    /// # Errors
    /// When a profile cannot hold a value.
    pub(crate) fn data(
        &self,
        key: &KeyId,
        secret: &SecretText,
        target: &Target,
        place: Option<&Place>,
    ) -> Result<Object, Refusal> {
        let fields = self.fields(key, secret, target, place)?;
        let mut data = Object::new();
        for (name, value) in fields.iter() {
            data.insert(name.to_owned(), value.into());
        }
        Ok(data)
    }

    fn fields(
        &self,
        key: &KeyId,
        secret: &SecretText,
        target: &Target,
        place: Option<&Place>,
    ) -> Result<Fields, Refusal> {
        let secret = credential_formats::SecretText::new(secret.expose());
        let mut credential = Credential::new(kind_of(target), key.as_str(), secret);
        credential.owner = Some(target.owner.as_str().to_owned());
        credential.resource = Some(target.resource.as_str().to_owned());
        let environment = target.environment.as_ref().map(EnvironmentId::as_str);
        credential.environment = environment
            .map(str::to_owned)
            .or_else(|| place.and_then(|place| place.environment.clone()));
        if let Some(place) = place {
            match credential.kind {
                Kind::Kafka => credential
                    .bootstrap_servers
                    .clone_from(&place.bootstrap_server),
                Kind::SchemaRegistry => {
                    credential
                        .schema_registry_url
                        .clone_from(&place.http_endpoint);
                }
                _ => {}
            }
        }
        fields(&self.0, &credential)
    }
}

/// What a role says cannot be answered for a key.
pub(crate) fn unanswerable(refusal: &Refusal) -> Error {
    Error::internal(format!("`output` cannot be answered: {refusal}"))
}

/// Targets are parsed when they are written, so that each has a kind.
fn kind_of(target: &Target) -> Kind {
    Kind::of_resource(target.resource.as_str()).unwrap_or(Kind::Cloud)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{OwnerId, ResourceId};

    fn data(profiles: &[&str], resource: &str, secret: &str) -> Object {
        let names: Vec<String> = profiles.iter().map(|name| (*name).to_owned()).collect();
        let output = Output::try_from(names).unwrap();
        let target = Target {
            owner: OwnerId::new("sa-1"),
            resource: ResourceId::new(resource),
            environment: None,
        };
        let key = KeyId::new("K7Q2M4ZB6RXN3TWD");
        output
            .data(&key, &SecretText::new(secret), &target, None)
            .unwrap()
    }

    #[test]
    fn the_jaas_line_of_confluents_own_characters_is_the_go_plugins() {
        let data = data(&[], "lkc-1", "cflt+/abc");
        assert_eq!(
            data["sasl.jaas.config"],
            "org.apache.kafka.common.security.plain.PlainLoginModule required \
             username='K7Q2M4ZB6RXN3TWD' password='cflt+/abc';"
        );
    }

    #[test]
    fn quotes_and_backslashes_are_escaped_in_the_jaas_line() {
        let data = data(&["compat"], "lkc-1", "a'b\\c\nd");
        let line = data["sasl.jaas.config"].as_str().unwrap();
        assert!(line.ends_with(r"password='a\'b\\c\nd';"), "{line}");
    }

    #[test]
    fn only_kafka_keys_have_a_jaas_line() {
        assert!(data(&[], "lkc-1", "S").contains_key("sasl.jaas.config"));
        let registry = data(&[], "lsrc-1", "S");
        assert_eq!(registry.keys().collect::<Vec<_>>(), ["key_id", "secret"]);
    }

    #[test]
    fn several_profiles_have_the_fields_of_each() {
        let data = data(&["minimal", "librdkafka"], "lkc-1", "S");
        assert_eq!(data["key_id"], "K7Q2M4ZB6RXN3TWD");
        assert_eq!(data["sasl.password"], "S");
        assert!(!data.contains_key("sasl.jaas.config"));
    }
}
