//! Parses the settings of a mount: the members of `config` when mounting, and
//! the fields of `tune`.
//!
//! A setting is stored or refused, never ignored. Settings of Vault that this
//! server does not support are refused by name, unless their value is empty.

use std::collections::BTreeMap;

use logical::{Error, Object};
use serde_json::Value;

use crate::mounts::Tuning;
use crate::routing::{ListingVisibility, LockoutTuning, MountTokenType, read_ttl};

/// The setting of auth methods that is stored.
pub(super) const TOKEN_TYPE: &str = "token_type";
/// When wrong logins lock a user out.
const LOCKOUT: &str = "user_lockout_config";
/// Settings of auth methods.
const OF_AUTH: [&str; 2] = [TOKEN_TYPE, LOCKOUT];
/// Settings of Vault that this server does not support.
pub(super) const UNSUPPORTED: [&str; 5] = [
    "allowed_managed_keys",
    "delegated_auth_accessors",
    "identity_token_key",
    "plugin_name",
    "trim_request_trailing_slashes",
];

/// Whether settings are of a secrets engine or of an auth method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Secrets,
    Auth,
}

/// Parses settings. Unknown members are left to the caller.
///
/// # Errors
/// A bad request that names the field.
pub(super) fn read(class: Class, given: &Object) -> Result<Tuning, Error> {
    let mut tuning = Tuning::default();
    for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        match name.as_str() {
            "default_lease_ttl" => tuning.default_lease_ttl = Some(read_ttl(name, value)?),
            "max_lease_ttl" => tuning.max_lease_ttl = Some(read_ttl(name, value)?),
            "description" => tuning.description = Some(text(name, value)?),
            "options" => tuning.options = options(name, value)?,
            "force_no_cache" => tuning.force_no_cache = Some(flag(name, value)?),
            "listing_visibility" => {
                let visibility = ListingVisibility::of_text(&text(name, value)?)?;
                tuning.listing_visibility = Some(visibility);
            }
            "audit_non_hmac_request_keys" => {
                tuning.audit_non_hmac_request_keys = Some(list(name, value)?);
            }
            "audit_non_hmac_response_keys" => {
                tuning.audit_non_hmac_response_keys = Some(list(name, value)?);
            }
            "passthrough_request_headers" => {
                tuning.passthrough_request_headers = Some(list(name, value)?);
            }
            "allowed_response_headers" => {
                tuning.allowed_response_headers = Some(list(name, value)?);
            }
            "plugin_version" => tuning.plugin_version = Some(text(name, value)?),
            TOKEN_TYPE if class == Class::Auth => {
                tuning.token_type = Some(MountTokenType::of_text(&text(name, value)?)?);
            }
            LOCKOUT if class == Class::Auth => tuning.user_lockout = Some(lockout(name, value)?),
            known if OF_AUTH.contains(&known) && !asks_for_nothing(value) => {
                return Err(Error::bad_request(format!(
                    "`{name}` can only be modified on auth mounts"
                )));
            }
            known if UNSUPPORTED.contains(&known) => refuse_unsupported(name, value)?,
            _ => {}
        }
    }
    Ok(tuning)
}

/// Parses the `config` of a new mount.
///
/// # Errors
/// As [`read`], and a bad request for unknown members.
pub(super) fn read_config(class: Class, config: &Object) -> Result<Tuning, Error> {
    let tuning = read(class, config)?;
    let unknown = config.iter().find(|(name, value)| {
        let name = name.as_str();
        let known = KEPT.contains(&name) || OF_AUTH.contains(&name) || UNSUPPORTED.contains(&name);
        !known && !asks_for_nothing(value)
    });
    match unknown {
        Some((name, _)) => Err(Error::bad_request(format!(
            "unknown field `config.{name}`: the fields are `{}`",
            KEPT.join("`, `")
        ))),
        None => Ok(tuning),
    }
}

/// Settings that are stored.
const KEPT: [&str; 11] = [
    "default_lease_ttl",
    "max_lease_ttl",
    "description",
    "options",
    "force_no_cache",
    "listing_visibility",
    "audit_non_hmac_request_keys",
    "audit_non_hmac_response_keys",
    "passthrough_request_headers",
    "allowed_response_headers",
    "plugin_version",
];

/// Refuses an unsupported field, unless its value is empty.
///
/// # Errors
/// A bad request that names the field.
pub(super) fn refuse_unsupported(name: &str, value: &Value) -> Result<(), Error> {
    if asks_for_nothing(value) {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "this server does not support `{name}`: leave it out"
    )))
}

fn asks_for_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty() || text == "false",
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.values().all(asks_for_nothing),
    }
}

fn text(name: &str, value: &Value) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(Error::bad_request(format!("`{name}` must be a string"))),
    }
}

fn flag(name: &str, value: &Value) -> Result<bool, Error> {
    let flag = match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
            _ => None,
        },
        Value::Number(number) => match number.as_u64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        _ => None,
    };
    flag.ok_or_else(|| Error::bad_request(format!("`{name}` must be `true` or `false`")))
}

/// A list of strings, or one string with commas.
fn list(name: &str, value: &Value) -> Result<Vec<String>, Error> {
    let refused = || Error::bad_request(format!("`{name}` must be a list of strings"));
    let all: Vec<&str> = match value {
        Value::String(text) => text.split(',').map(str::trim).collect(),
        Value::Array(list) => {
            let texts = list.iter().map(|value| value.as_str().ok_or_else(refused));
            texts.collect::<Result<_, _>>()?
        }
        _ => return Err(refused()),
    };
    let texts = all.into_iter().filter(|text| !text.is_empty());
    Ok(texts.map(str::to_owned).collect())
}

/// `user_lockout_config`.
fn lockout(name: &str, value: &Value) -> Result<LockoutTuning, Error> {
    let refused = || Error::bad_request(format!("`{name}` must be an object"));
    let mut lockout = LockoutTuning::default();
    for (name, value) in value.as_object().ok_or_else(refused)? {
        match name.as_str() {
            _ if value.is_null() => {}
            "lockout_threshold" => {
                let number = match value {
                    Value::String(text) => text.parse().ok(),
                    other => other.as_u64(),
                };
                let number = number.ok_or_else(|| {
                    Error::bad_request(format!("`{name}` must be a number that is not negative"))
                });
                lockout.threshold = Some(number?);
            }
            "lockout_duration" => lockout.duration = Some(read_ttl(name, value)?),
            "lockout_counter_reset_duration" => {
                lockout.counter_reset = Some(read_ttl(name, value)?);
            }
            "lockout_disable" => lockout.disable = Some(flag(name, value)?),
            _ => {
                return Err(Error::bad_request(format!(
                    "unknown field `user_lockout_config.{name}`: the fields are \
                     `lockout_threshold`, `lockout_duration`, `lockout_counter_reset_duration` and \
                     `lockout_disable`"
                )));
            }
        }
    }
    Ok(lockout)
}

fn options(name: &str, value: &Value) -> Result<BTreeMap<String, String>, Error> {
    let refused = || Error::bad_request(format!("`{name}` must be an object of strings"));
    let members = value.as_object().ok_or_else(refused)?;
    let options = members.iter().map(|(key, value)| match value {
        Value::String(text) => Ok((key.clone(), text.clone())),
        Value::Number(_) | Value::Bool(_) => Ok((key.clone(), value.to_string())),
        _ => Err(refused()),
    });
    options.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(config: &Value) -> String {
        let read = read_config(Class::Secrets, config.as_object().unwrap());
        read.map_or_else(|error| error.message().to_owned(), |_| String::new())
    }

    #[test]
    fn what_this_server_does_not_have_is_refused_by_name() {
        for name in OF_AUTH.iter().chain(&UNSUPPORTED) {
            let said = refused(&json!({ *name: "something" }));
            assert!(said.contains(&format!("`{name}`")), "{said}");
        }
        let said = refused(&json!({"max_ttl": "1h"}));
        assert!(said.contains("`config.max_ttl`"), "{said}");
        let said = refused(&json!({"listing_visibility": "everybody"}));
        assert!(said.contains("`listing_visibility`"), "{said}");
    }

    #[test]
    fn what_asks_for_nothing_is_no_fault() {
        let config = json!({
            "token_type": "",
            "user_lockout_config": {"lockout_disable": false},
            "allowed_managed_keys": [],
            "trim_request_trailing_slashes": false,
            "anything": null,
        });
        assert_eq!(refused(&config), "");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_by_name() {
        for (name, value) in [
            ("force_no_cache", json!("maybe")),
            ("description", json!([])),
            ("options", json!("text")),
            ("options", json!({"a": {}})),
            ("audit_non_hmac_request_keys", json!([1])),
            ("allowed_response_headers", json!(7)),
            ("max_lease_ttl", json!([])),
        ] {
            let said = refused(&json!({ name: value }));
            assert!(said.contains(&format!("`{name}`")), "{said}");
        }
    }

    #[test]
    fn a_list_may_be_written_with_commas() {
        let given = json!({"audit_non_hmac_request_keys": "a, b,"});
        let tuning = read(Class::Secrets, given.as_object().unwrap()).unwrap();
        let keys = tuning.audit_non_hmac_request_keys.unwrap();
        assert_eq!(keys, ["a", "b"]);
    }
}
