//! An API key and what is known about it.

use std::fmt;
use std::str::FromStr;

use crate::{Refusal, SecretText};

/// An API key with its secret, and what is known of its use.
///
/// What is not known is left out of the output, unless a profile cannot do
/// without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// What the key is for.
    pub kind: Kind,
    /// The id of the key.
    pub key_id: String,
    /// Its secret.
    pub secret: SecretText,
    /// Its owner, `sa-…` or `u-…`.
    pub owner: Option<String>,
    /// The resource it is for, such as `lkc-…`.
    pub resource: Option<String>,
    /// The environment of the resource, `env-…`.
    pub environment: Option<String>,
    /// Addresses of the Kafka cluster, `host:port` with commas between them.
    pub bootstrap_servers: Option<String>,
    /// Address of the Schema Registry.
    pub schema_registry_url: Option<String>,
}

impl Credential {
    /// A key of which nothing else is known.
    pub fn new(kind: Kind, key_id: impl Into<String>, secret: SecretText) -> Self {
        Self {
            kind,
            key_id: key_id.into(),
            secret,
            owner: None,
            resource: None,
            environment: None,
            bootstrap_servers: None,
            schema_registry_url: None,
        }
    }
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A Kafka cluster, `lkc-…`.
    Kafka,
    /// A Schema Registry, `lsrc-…`.
    SchemaRegistry,
    /// A ksqlDB cluster, `lksqlc-…`.
    Ksqldb,
    /// A Flink region, such as `aws.us-east-1`.
    Flink,
    /// Tableflow.
    Tableflow,
    /// Confluent Cloud's own API.
    Cloud,
    /// Management and data planes of the whole organization.
    Global,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Kafka,
        Self::SchemaRegistry,
        Self::Ksqldb,
        Self::Flink,
        Self::Tableflow,
        Self::Cloud,
        Self::Global,
    ];

    /// The name, as in options and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::SchemaRegistry => "schema-registry",
            Self::Ksqldb => "ksqldb",
            Self::Flink => "flink",
            Self::Tableflow => "tableflow",
            Self::Cloud => "cloud",
            Self::Global => "global",
        }
    }

    /// The kind that the id of a resource tells by its form, if it does.
    pub fn of_resource(id: &str) -> Option<Self> {
        let lower = id.to_ascii_lowercase();
        match lower.as_str() {
            "cloud" => return Some(Self::Cloud),
            "global" => return Some(Self::Global),
            "tableflow" => return Some(Self::Tableflow),
            _ => {}
        }
        let prefixed = [
            ("lkc-", Self::Kafka),
            ("lsrc-", Self::SchemaRegistry),
            ("lksqlc-", Self::Ksqldb),
        ];
        let by_prefix = prefixed
            .into_iter()
            .find(|(prefix, _)| lower.starts_with(prefix));
        let is_region = || {
            let clouds = ["aws.", "gcp.", "azure."];
            clouds.iter().any(|cloud| lower.contains(cloud))
        };
        by_prefix
            .map(|(_, kind)| kind)
            .or_else(|| is_region().then_some(Self::Flink))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.name() == text)
            .ok_or_else(|| Refusal::unknown("kind of key", text, &Self::ALL.map(Self::name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_resource_tells_the_kind() {
        for (id, kind) in [
            ("lkc-abc123", Some(Kind::Kafka)),
            ("lsrc-abc123", Some(Kind::SchemaRegistry)),
            ("lksqlc-abc123", Some(Kind::Ksqldb)),
            ("aws.us-east-1", Some(Kind::Flink)),
            ("env-1.gcp.us-east1", Some(Kind::Flink)),
            ("Cloud", Some(Kind::Cloud)),
            ("global", Some(Kind::Global)),
            ("tableflow", Some(Kind::Tableflow)),
            ("sa-abc123", None),
            ("", None),
        ] {
            assert_eq!(Kind::of_resource(id), kind, "{id}");
        }
    }

    #[test]
    fn every_kind_reads_back_from_its_name() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert_eq!(
            "topic".parse::<Kind>().unwrap_err().to_string(),
            "`topic` is no kind of key: use `kafka`, `schema-registry`, `ksqldb`, `flink`, \
             `tableflow`, `cloud` or `global`"
        );
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let credential = Credential::new(Kind::Kafka, "K7", SecretText::new("canary"));
        assert!(!format!("{credential:?}").contains("canary"));
    }
}
