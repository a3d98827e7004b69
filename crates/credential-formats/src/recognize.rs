//! From the fields of an answer back to the credential, whatever profile made
//! them.

use crate::jaas;
use crate::{Credential, Kind, Refusal, SecretText};

/// A credential that was found in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognized {
    /// What the fields tell of the kind of key; with `key_id` and `secret` alone,
    /// that is nothing.
    pub kind: Option<Kind>,
    /// The id of the key.
    pub key_id: String,
    /// Its secret.
    pub secret: SecretText,
    owner: Option<String>,
    resource: Option<String>,
    environment: Option<String>,
    bootstrap_servers: Option<String>,
    schema_registry_url: Option<String>,
}

impl Recognized {
    /// The credential, as a key of this kind.
    pub fn into_credential(self, kind: Kind) -> Credential {
        Credential {
            kind,
            key_id: self.key_id,
            secret: self.secret,
            owner: self.owner,
            resource: self.resource,
            environment: self.environment,
            bootstrap_servers: self.bootstrap_servers,
            schema_registry_url: self.schema_registry_url,
        }
    }
}

/// Where profiles have id and secret, and the kind that the names tell. Those
/// that tell the kind come first.
const PAIRS: [(&str, &str, Option<Kind>); 10] = [
    ("KAFKA_API_KEY", "KAFKA_API_SECRET", Some(Kind::Kafka)),
    (
        "SCHEMA_REGISTRY_API_KEY",
        "SCHEMA_REGISTRY_API_SECRET",
        Some(Kind::SchemaRegistry),
    ),
    ("KSQLDB_API_KEY", "KSQLDB_API_SECRET", Some(Kind::Ksqldb)),
    ("FLINK_API_KEY", "FLINK_API_SECRET", Some(Kind::Flink)),
    (
        "TABLEFLOW_API_KEY",
        "TABLEFLOW_API_SECRET",
        Some(Kind::Tableflow),
    ),
    (
        "CONFLUENT_CLOUD_API_KEY",
        "CONFLUENT_CLOUD_API_SECRET",
        Some(Kind::Cloud),
    ),
    ("sasl.username", "sasl.password", Some(Kind::Kafka)),
    ("apiKey", "apiSecret", None),
    ("key_id", "secret", None),
    ("username", "password", None),
];

/// Lines for Kafka's login, which hold both.
const LINES: [&str; 3] = [
    "sasl.jaas.config",
    "sasl_jaas_config",
    "spring.kafka.properties.sasl.jaas.config",
];

/// Texts `id:secret` for a Schema Registry.
const USER_INFO: [&str; 2] = [
    "basic.auth.user.info",
    "spring.kafka.properties.basic.auth.user.info",
];

const SERVERS: [&str; 4] = [
    "bootstrap.servers",
    "bootstrap_servers",
    "spring.kafka.bootstrap-servers",
    "KAFKA_BOOTSTRAP_SERVERS",
];

const REGISTRY: [&str; 4] = [
    "schema.registry.url",
    "schema_registry_url",
    "spring.kafka.properties.schema.registry.url",
    "SCHEMA_REGISTRY_REST_ENDPOINT",
];

/// Finds the credential in fields; `field` gives the text of one.
///
/// # Errors
/// When there is none, with the names that were looked for.
pub fn recognize<'a>(
    field: impl Fn(&'static str) -> Option<&'a str>,
) -> Result<Recognized, Refusal> {
    let first = |names: &[&'static str]| names.iter().find_map(|name| field(name));
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let from_pair = PAIRS.iter().find_map(|(key, secret, kind)| {
        let (key, secret) = field(key).zip(field(secret))?;
        Some((key.to_owned(), SecretText::new(secret), *kind))
    });
    let from_line = || {
        let (key, secret) = first(&LINES).and_then(jaas::parse)?;
        Some((key, secret, Some(Kind::Kafka)))
    };
    let from_user_info = || {
        let (key, secret) = first(&USER_INFO)?.split_once(':')?;
        let secret = SecretText::new(secret);
        Some((key.to_owned(), secret, Some(Kind::SchemaRegistry)))
    };
    let found = from_pair.or_else(from_line).or_else(from_user_info);
    let (key_id, secret, told) = found.ok_or(Refusal::NotRecognized)?;
    let resource = field("resourceId");
    let of_resource = || resource.and_then(Kind::of_resource);
    let of_line = || first(&LINES).map(|_| Kind::Kafka);
    Ok(Recognized {
        kind: told.or_else(of_resource).or_else(of_line),
        key_id,
        secret,
        owner: owned(field("serviceAccountId")),
        resource: owned(resource),
        environment: owned(field("environmentId")),
        bootstrap_servers: owned(first(&SERVERS)),
        schema_registry_url: owned(first(&REGISTRY)),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Profile, fields};

    fn read_back(credential: &Credential, profile: Profile) -> Result<Recognized, Refusal> {
        let fields = fields(&[profile], credential)?;
        recognize(|name| fields.get(name))
    }

    proptest! {
        #[test]
        fn a_credential_is_found_in_the_fields_of_every_profile(
            key in "[!-#%-9;-~]{1,20}",
            secret in "[ -#%-~]{1,80}",
            kind in proptest::sample::select(Kind::ALL.to_vec()),
        ) {
            let credential = Credential {
                owner: Some("sa-1".to_owned()),
                bootstrap_servers: Some("pkc-1:9092".to_owned()),
                schema_registry_url: Some("https://psrc-1".to_owned()),
                ..Credential::new(kind, key.clone(), SecretText::new(secret.clone()))
            };
            for profile in Profile::ALL {
                if profile.check(kind).is_err() {
                    continue;
                }
                let found = read_back(&credential, profile).unwrap();
                prop_assert_eq!(&found.key_id, &key);
                prop_assert_eq!(found.secret.expose(), secret.as_str());
                let told = found.kind;
                // A key for everything looks like one for the plane it is used at.
                prop_assert!(told.is_none() || told == Some(kind) || kind == Kind::Global);
                let own = fields(&[profile], &credential).unwrap();
                let again = fields(&[profile], &found.into_credential(kind)).unwrap();
                prop_assert_eq!(again, own);
            }
        }
    }

    #[test]
    fn the_kind_is_told_by_names_by_the_resource_or_not_at_all() {
        let kind = |pairs: &[(&'static str, &'static str)]| {
            let field = |name| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1);
            recognize(field).unwrap().kind
        };
        let pair = [("key_id", "K"), ("secret", "S")];
        let [key, secret] = pair;
        assert_eq!(kind(&pair), None);
        assert_eq!(
            kind(&[key, secret, ("sasl.jaas.config", "…")]),
            Some(Kind::Kafka)
        );
        let managed = [
            ("apiKey", "K"),
            ("apiSecret", "S"),
            ("resourceId", "lsrc-1"),
        ];
        assert_eq!(kind(&managed), Some(Kind::SchemaRegistry));
        assert_eq!(
            kind(&[("FLINK_API_KEY", "K"), ("FLINK_API_SECRET", "S")]),
            Some(Kind::Flink)
        );
    }

    #[test]
    fn what_holds_no_credential_is_refused() {
        let refusal = recognize(|name| (name == "key_id").then_some("K")).unwrap_err();
        assert!(
            refusal.to_string().contains("`key_id` and `secret`"),
            "{refusal}"
        );
    }
}
