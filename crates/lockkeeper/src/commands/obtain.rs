//! A credential for a command that hands it on: read from a server, recognized,
//! given back if it does not get to where it was to go.

use std::time::Duration;

use credential_formats::{Credential, Fields, Kind, Profile, Recognized, fields, recognize};
use serde_json::Value;
use vault_client::{Client, Object, Secret};

use super::absence::{absent_or_failed, nothing_at};
use super::client::{local, settings, trimmed};
use super::signals::{Signals, code_of};
use crate::arguments::{Connection, Known};
use crate::failure::Failure;
use crate::output;

/// The lease of a credential.
pub(super) struct Lease {
    pub(super) id: String,
    pub(super) duration: Duration,
    pub(super) renewable: bool,
}

/// A credential, and the lease that it is under, if any.
pub(super) struct Obtained {
    recognized: Recognized,
    pub(super) lease: Option<Lease>,
}

/// A client for answers that are used here, and so must not be wrapped.
///
/// # Errors
/// When a flag or variable cannot be understood, or asks for wrapping.
pub(super) fn connect_unwrapped(connection: Connection) -> Result<Client, Failure> {
    let settings = settings(connection)?;
    if settings.wrap_ttl.is_some() {
        return Err(Failure::local(
            "the credential is used here, so the server cannot wrap it: unset VAULT_WRAP_TTL and \
             BAO_WRAP_TTL",
        ));
    }
    Client::new(settings).map_err(local)
}

/// Reads a credential. A signal meanwhile ends the command only when the answer
/// is there and its lease is revoked: otherwise nobody would know of the lease.
///
/// # Errors
/// When there is none, or a signal came.
pub(super) async fn obtain(
    client: &Client,
    path: &str,
    signals: &mut Signals,
) -> Result<Obtained, Failure> {
    let path = trimmed(path);
    let doing = format!("reading {path}");
    let answer = signals.hold(&doing, client.read(path, &[])).await?;
    let answer = answer.map_err(|error| absent_or_failed("reading", path, &error))?;
    let secret = answer.ok_or_else(|| nothing_at(path))?;
    output::warn(&secret);
    let lease = lease_of(&secret);
    let recognized = match signals.ended_by() {
        Some(kind) => Err(
            Failure::local("ended by a signal before anything was written")
                .with_code(code_of(kind.as_raw_value())),
        ),
        None => recognized(&secret)
            .map_err(|refusal| Failure::local(format!("{path} cannot be used: {refusal}"))),
    };
    match recognized {
        Ok(recognized) => Ok(Obtained { recognized, lease }),
        Err(failure) => {
            give_back(client, lease.as_ref(), signals).await;
            Err(failure)
        }
    }
}

/// Revokes the lease, and waits until it is revoked. What fails is told, with
/// what the user can do.
pub(super) async fn give_back(client: &Client, lease: Option<&Lease>, signals: &mut Signals) {
    let Some(lease) = lease else {
        return;
    };
    let id = &lease.id;
    let doing = format!("revoking lease {id}");
    let revoked = signals.hold(&doing, client.revoke_lease(id, true)).await;
    let problem = match revoked {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(given_up) => given_up.to_string(),
    };
    crate::output::tell(&format!(
        "lockkeeper: lease {id} may not be revoked: {}\nIt ends by itself, or with `lockkeeper lease revoke {id}`.",
        problem.trim_end()
    ));
}

impl Obtained {
    /// The fields in some profiles. `usual` says which, when none were asked for.
    ///
    /// # Errors
    /// When the kind of key is not known, or a profile cannot hold it.
    pub(super) fn fields(
        self,
        known: &Known,
        profiles: &[Profile],
        usual: impl Fn(Kind) -> Profile,
    ) -> Result<Fields, Failure> {
        let kind = known
            .kind
            .or(self.recognized.kind)
            .or_else(|| implied(profiles, &usual))
            .ok_or_else(|| {
                Failure::local(
                    "the answer does not tell what the key is for: give it with -kind, such as \
                     `-kind=schema-registry`",
                )
            })?;
        let mut credential: Credential = self.recognized.into_credential(kind);
        if known.bootstrap_servers.is_some() {
            credential
                .bootstrap_servers
                .clone_from(&known.bootstrap_servers);
        }
        if known.schema_registry_url.is_some() {
            credential
                .schema_registry_url
                .clone_from(&known.schema_registry_url);
        }
        let usual = [usual(kind)];
        let profiles = if profiles.is_empty() {
            &usual
        } else {
            profiles
        };
        fields(profiles, &credential).map_err(|refusal| Failure::local(refusal.to_string()))
    }
}

/// The kind of key that is meant where only one can be, or any will do.
fn implied(profiles: &[Profile], usual: impl Fn(Kind) -> Profile) -> Option<Kind> {
    let by_form = [usual(Kind::Kafka)];
    let form_decides = Kind::ALL.iter().all(|kind| usual(*kind) == by_form[0]);
    let profiles = match profiles {
        [] if form_decides => &by_form,
        profiles => profiles,
    };
    let told = profiles.iter().find_map(|profile| profile.kind());
    // Their names are the same for every kind.
    let names_no_kind =
        |profile: &Profile| matches!(profile, Profile::Minimal | Profile::AwsManaged);
    let indifferent = !profiles.is_empty() && profiles.iter().all(names_no_kind);
    told.or(indifferent.then_some(Kind::Cloud))
}

fn lease_of(secret: &Secret) -> Option<Lease> {
    if secret.lease_id.is_empty() {
        return None;
    }
    Some(Lease {
        id: secret.lease_id.clone(),
        duration: Duration::from_secs(u64::try_from(secret.lease_duration).unwrap_or_default()),
        renewable: secret.renewable,
    })
}

fn recognized(secret: &Secret) -> Result<Recognized, credential_formats::Refusal> {
    let empty = Object::new();
    let data = inner(secret.data.as_ref().unwrap_or(&empty));
    recognize(|name| data.get(name).and_then(Value::as_str))
}

/// The secret itself in the answer of a KV engine of version 2.
fn inner(data: &Object) -> &Object {
    let has_metadata = data.get("metadata").is_some_and(Value::is_object);
    let inner = data.get("data").filter(|_| has_metadata);
    inner.and_then(Value::as_object).unwrap_or(data)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOTHING: Known = Known {
        kind: None,
        bootstrap_servers: None,
        schema_registry_url: None,
    };

    fn obtained(data: &Value) -> Obtained {
        let data = data.as_object().unwrap().clone();
        let secret = Secret {
            data: Some(data),
            ..Secret::default()
        };
        Obtained {
            recognized: recognized(&secret).unwrap(),
            lease: lease_of(&secret),
        }
    }

    fn names(
        data: &Value,
        known: &Known,
        profiles: &[Profile],
        usual: Profile,
    ) -> Result<Vec<&'static str>, String> {
        let fields = obtained(data).fields(known, profiles, |_| usual);
        fields
            .map(|fields| fields.iter().map(|(name, _)| name).collect())
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_secret_of_a_kv_engine_is_used_as_one_that_is_read_plainly() {
        let plain = json!({"key_id": "K", "secret": "S", "sasl.jaas.config": "x"});
        let versioned = json!({"data": plain, "metadata": {"version": 7}});
        for data in [&plain, &versioned] {
            let names = names(data, &NOTHING, &[], Profile::Env).unwrap();
            assert_eq!(names, ["KAFKA_API_KEY", "KAFKA_API_SECRET"]);
        }
    }

    #[test]
    fn a_kind_that_nothing_tells_is_asked_for_only_where_it_counts() {
        let data = json!({"key_id": "K", "secret": "S"});
        let error = names(&data, &NOTHING, &[], Profile::Env).unwrap_err();
        assert!(error.contains("-kind=schema-registry"), "{error}");
        let known = Known {
            kind: Some(Kind::Flink),
            ..NOTHING
        };
        let by_kind = obtained(&data).fields(&NOTHING, &[], |kind| {
            credential_formats::Form::Properties.usual_profile(kind)
        });
        assert!(
            by_kind.is_err(),
            "a key of another kind would pass for one of Kafka"
        );
        for (known, profiles, usual, first) in [
            (&known, &[][..], Profile::Env, "FLINK_API_KEY"),
            (&NOTHING, &[], Profile::Librdkafka, "security.protocol"),
            (&NOTHING, &[Profile::Minimal], Profile::Env, "key_id"),
            (
                &NOTHING,
                &[Profile::SchemaRegistry],
                Profile::Env,
                "basic.auth.credentials.source",
            ),
        ] {
            assert_eq!(names(&data, known, profiles, usual).unwrap()[0], first);
        }
    }

    #[test]
    fn addresses_that_are_given_come_before_those_of_the_answer() {
        let data = json!({
            "sasl.username": "K", "sasl.password": "S", "bootstrap.servers": "old:9092",
        });
        let known = Known {
            bootstrap_servers: Some("new:9092".to_owned()),
            ..NOTHING
        };
        for (known, servers) in [(&NOTHING, "old:9092"), (&known, "new:9092")] {
            let fields = obtained(&data).fields(known, &[Profile::KafkaJava], |_| Profile::Env);
            assert_eq!(fields.unwrap().get("bootstrap.servers"), Some(servers));
        }
    }
}
