//! What each profile has in its fields, and what it refuses.

use super::*;

fn credential(kind: Kind) -> Credential {
    let secret = SecretText::new("cflt+/=");
    Credential {
        owner: Some("sa-1".to_owned()),
        resource: Some("lkc-1".to_owned()),
        environment: Some("env-1".to_owned()),
        bootstrap_servers: Some("pkc-1.example:9092".to_owned()),
        schema_registry_url: Some("https://psrc-1.example".to_owned()),
        ..Credential::new(kind, "K7Q2", secret)
    }
}

#[track_caller]
fn check(profile: Profile, kind: Kind, expected: &[(&str, &str)]) {
    let fields = fields(&[profile], &credential(kind)).unwrap();
    let own: Vec<_> = fields.iter().collect();
    assert_eq!(own, expected, "{profile} of {kind}");
}

const DOUBLE: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"K7Q2\" password=\"cflt+/=\";";
const SINGLE: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required username='K7Q2' password='cflt+/=';";
const SERVERS: &str = "pkc-1.example:9092";
const URL: &str = "https://psrc-1.example";

#[test]
fn compat_is_what_the_go_plugin_answers() {
    let pair = [("key_id", "K7Q2"), ("secret", "cflt+/=")];
    let [key, secret] = pair;
    check(
        Profile::Compat,
        Kind::Kafka,
        &[key, secret, ("sasl.jaas.config", SINGLE)],
    );
    check(Profile::Compat, Kind::SchemaRegistry, &pair);
    check(Profile::Minimal, Kind::Kafka, &pair);
}

#[test]
fn names_for_templates_have_no_dots() {
    let pair = [("username", "K7Q2"), ("password", "cflt+/=")];
    let [key, secret] = pair;
    let rest = [("sasl_jaas_config", DOUBLE), ("bootstrap_servers", SERVERS)];
    check(
        Profile::Template,
        Kind::Kafka,
        &[key, secret, rest[0], rest[1]],
    );
    check(Profile::Template, Kind::Cloud, &pair);
}

#[test]
fn clients_of_kafka_get_their_own_names() {
    check(
        Profile::KafkaJava,
        Kind::Kafka,
        &[
            ("bootstrap.servers", SERVERS),
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.jaas.config", DOUBLE),
        ],
    );
    check(
        Profile::Librdkafka,
        Kind::Kafka,
        &[
            ("bootstrap.servers", SERVERS),
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanisms", "PLAIN"),
            ("sasl.username", "K7Q2"),
            ("sasl.password", "cflt+/="),
        ],
    );
    check(
        Profile::Spring,
        Kind::Kafka,
        &[
            ("spring.kafka.bootstrap-servers", SERVERS),
            ("spring.kafka.security.protocol", "SASL_SSL"),
            ("spring.kafka.properties.sasl.mechanism", "PLAIN"),
            ("spring.kafka.properties.sasl.jaas.config", DOUBLE),
        ],
    );
}

#[test]
fn clients_of_a_schema_registry_get_their_own_names() {
    check(
        Profile::SchemaRegistry,
        Kind::SchemaRegistry,
        &[
            ("schema.registry.url", URL),
            ("basic.auth.credentials.source", "USER_INFO"),
            ("basic.auth.user.info", "K7Q2:cflt+/="),
        ],
    );
    check(
        Profile::Spring,
        Kind::SchemaRegistry,
        &[
            ("spring.kafka.properties.schema.registry.url", URL),
            (
                "spring.kafka.properties.basic.auth.credentials.source",
                "USER_INFO",
            ),
            (
                "spring.kafka.properties.basic.auth.user.info",
                "K7Q2:cflt+/=",
            ),
        ],
    );
}

#[test]
fn variables_are_named_after_the_kind_of_key() {
    for (kind, key, secret) in [
        (Kind::Ksqldb, "KSQLDB_API_KEY", "KSQLDB_API_SECRET"),
        (Kind::Flink, "FLINK_API_KEY", "FLINK_API_SECRET"),
        (Kind::Tableflow, "TABLEFLOW_API_KEY", "TABLEFLOW_API_SECRET"),
        (
            Kind::Cloud,
            "CONFLUENT_CLOUD_API_KEY",
            "CONFLUENT_CLOUD_API_SECRET",
        ),
    ] {
        check(Profile::Env, kind, &[(key, "K7Q2"), (secret, "cflt+/=")]);
    }
    check(
        Profile::Env,
        Kind::Kafka,
        &[
            ("KAFKA_API_KEY", "K7Q2"),
            ("KAFKA_API_SECRET", "cflt+/="),
            ("KAFKA_BOOTSTRAP_SERVERS", SERVERS),
        ],
    );
    check(
        Profile::Env,
        Kind::SchemaRegistry,
        &[
            ("SCHEMA_REGISTRY_API_KEY", "K7Q2"),
            ("SCHEMA_REGISTRY_API_SECRET", "cflt+/="),
            ("SCHEMA_REGISTRY_REST_ENDPOINT", URL),
        ],
    );
}

#[test]
fn a_managed_secret_of_aws_names_its_owner() {
    check(
        Profile::AwsManaged,
        Kind::Kafka,
        &[
            ("apiKey", "K7Q2"),
            ("apiSecret", "cflt+/="),
            ("serviceAccountId", "sa-1"),
            ("resourceId", "lkc-1"),
            ("environmentId", "env-1"),
        ],
    );
    let unowned = Credential::new(Kind::Kafka, "K", SecretText::new("S"));
    assert_eq!(
        fields(&[Profile::AwsManaged], &unowned)
            .unwrap_err()
            .to_string(),
        "output profile `aws-managed` needs `serviceAccountId`, which is not known"
    );
}

#[test]
fn several_profiles_are_merged_and_the_first_wins() {
    let both = [Profile::Compat, Profile::KafkaJava];
    let merged = fields(&both, &credential(Kind::Kafka)).unwrap();
    assert_eq!(merged.len(), 6);
    assert_eq!(merged.get("sasl.jaas.config"), Some(SINGLE));
}

#[test]
fn what_is_not_known_is_left_out() {
    let bare = Credential::new(Kind::Kafka, "K", SecretText::new("S"));
    for profile in Profile::ALL {
        if profile == Profile::AwsManaged || profile.check(Kind::Kafka).is_err() {
            continue;
        }
        let fields = fields(&[profile], &bare).unwrap();
        assert!(
            fields
                .iter()
                .all(|(name, value)| !value.is_empty() && !name.contains("ootstrap")),
            "{profile}: {fields:?}"
        );
    }
}

#[test]
fn a_profile_for_another_kind_is_refused_with_one_that_suits() {
    for (profile, kind, text) in [
        (
            Profile::SchemaRegistry,
            Kind::Kafka,
            "output profile `schema-registry` is not for keys of kind `kafka`: use `kafka-java`",
        ),
        (
            Profile::Librdkafka,
            Kind::SchemaRegistry,
            "output profile `librdkafka` is not for keys of kind `schema-registry`: use \
             `schema-registry`",
        ),
        (
            Profile::Spring,
            Kind::Cloud,
            "output profile `spring` is not for keys of kind `cloud`: use `minimal`",
        ),
    ] {
        assert_eq!(profile.check(kind).unwrap_err().to_string(), text);
        assert!(fields(&[profile], &credential(kind)).is_err());
    }
}

#[test]
fn what_a_profile_cannot_hold_is_refused_with_the_character() {
    let of = |profile, kind, key: &str, secret: &str| {
        let credential = Credential::new(kind, key, SecretText::new(secret));
        fields(&[profile], &credential).map_err(|refusal| refusal.to_string())
    };
    for (profile, kind, key, secret, text) in [
        (
            Profile::Spring,
            Kind::Kafka,
            "K",
            "a${b",
            "`spring.kafka.properties.sasl.jaas.config` has `${` in it, which output profile \
             `spring` cannot hold: choose another form",
        ),
        (
            Profile::SchemaRegistry,
            Kind::SchemaRegistry,
            "K:1",
            "a",
            "`key_id` has `:` in it, which output profile `schema-registry` cannot hold: \
             choose another form",
        ),
        (
            Profile::Librdkafka,
            Kind::Kafka,
            "K",
            "a\0b",
            "`secret` has a NUL (U+0000) in it, which output profile `librdkafka` cannot \
             hold: choose another form",
        ),
        (
            Profile::Env,
            Kind::Cloud,
            "K",
            "\0",
            "`CONFLUENT_CLOUD_API_SECRET` has a NUL (U+0000) in it, which an environment \
             variable cannot hold: choose another form",
        ),
        (
            Profile::KafkaJava,
            Kind::Kafka,
            "K",
            "",
            "`secret` is empty",
        ),
    ] {
        assert_eq!(of(profile, kind, key, secret), Err(text.to_owned()));
    }
    assert!(of(Profile::Spring, Kind::Kafka, "K", "a$b{c}").is_ok());
    assert!(of(Profile::Compat, Kind::Kafka, "", "\0").is_ok());
}

#[test]
fn every_profile_reads_back_from_its_name() {
    for profile in Profile::ALL {
        assert_eq!(profile.name().parse(), Ok(profile));
    }
    let refusal = "java".parse::<Profile>().unwrap_err().to_string();
    assert!(refusal.starts_with("`java` is no output profile: use `compat`, "));
}
