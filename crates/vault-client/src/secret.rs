//! The envelope of responses of Vault's API.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use zeroize::Zeroize;

use crate::{Object, Token};

/// Members that only an envelope has; an answer with none of them is bare, as
/// that of `sys/health` is.
const ENVELOPE: &[&str] = &[
    "request_id",
    "lease_id",
    "renewable",
    "lease_duration",
    "data",
    "warnings",
    "auth",
    "wrap_info",
];

/// An answer: data, and the lease that it is under.
///
/// Serialized, it is what Vault's command line prints with `-format=json`, in
/// that order. `Debug` shows the names of the data but no value.
#[derive(Clone, PartialEq, Deserialize, Serialize, Default)]
#[serde(default)]
pub struct Secret {
    /// The server's id of the request.
    pub request_id: String,
    /// The lease; empty if the data is under none.
    pub lease_id: String,
    /// The duration of the lease, or of the validity of the data, in seconds.
    pub lease_duration: i64,
    /// Whether the lease can be renewed.
    #[serde(deserialize_with = "null_is_default")]
    pub renewable: bool,
    /// The requested data; none if the response has only the other members.
    pub data: Option<Object>,
    /// Warnings of the server.
    pub warnings: Option<Vec<String>>,
    /// The new token, after a login or the making of a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// The wrapping token, if the response was wrapped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrap_info: Option<WrapInfo>,
}

/// A token that was made.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Auth {
    /// The token.
    #[serde(deserialize_with = "token", serialize_with = "exposed")]
    pub client_token: Option<Token>,
    /// Identifies the token, but cannot be used in its place.
    #[serde(default)]
    pub accessor: String,
    /// All policies of the token.
    #[serde(default, deserialize_with = "null_is_default")]
    pub policies: Vec<String>,
    /// Those that come from the token itself.
    #[serde(default, deserialize_with = "null_is_default")]
    pub token_policies: Vec<String>,
    /// Those that come from the entity behind the token.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        serialize_with = "null_if_empty"
    )]
    pub identity_policies: Vec<String>,
    /// Metadata of the auth method about the login.
    #[serde(default)]
    pub metadata: Option<Object>,
    /// Whether the token lives on without its parent.
    #[serde(default)]
    pub orphan: bool,
    /// The entity behind the token; empty if there is none.
    #[serde(default)]
    pub entity_id: String,
    /// The time to live of the token, in seconds.
    #[serde(default)]
    pub lease_duration: i64,
    /// Whether the token can be renewed.
    #[serde(default)]
    pub renewable: bool,
    /// The factors that the login waits for, if any.
    #[serde(default)]
    pub mfa_requirement: Option<Value>,
}

/// The token of a wrapped response.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct WrapInfo {
    /// Unwraps the answer, once.
    #[serde(deserialize_with = "token", serialize_with = "exposed")]
    pub token: Option<Token>,
    /// Identifies that token, but cannot be used in its place.
    #[serde(default)]
    pub accessor: String,
    /// How long the response is kept, in seconds.
    #[serde(default)]
    pub ttl: i64,
    /// When it was wrapped, RFC 3339.
    #[serde(default)]
    pub creation_time: String,
    /// The path of the request.
    #[serde(default)]
    pub creation_path: String,
    /// The accessor of the token inside, if one is.
    #[serde(default)]
    pub wrapped_accessor: String,
}

impl Secret {
    /// Reads an answer; a bare one becomes the data of an envelope.
    ///
    /// None for a response with `errors` alone, which means absence.
    pub(crate) fn from_answer(answer: Value) -> serde_json::Result<Option<Self>> {
        let Value::Object(object) = answer else {
            return Self::deserialize(answer).map(Some);
        };
        if ENVELOPE.iter().any(|member| object.contains_key(*member)) {
            return Self::deserialize(Value::Object(object)).map(Some);
        }
        if object.keys().all(|member| member == "errors") {
            return Ok(None);
        }
        Ok(Some(Self {
            data: Some(object),
            ..Self::default()
        }))
    }

    /// Whether it holds what a wrapped answer would hide.
    pub(crate) fn is_exposed(&self) -> bool {
        self.wrap_info.is_none() && (self.data.is_some() || self.auth.is_some())
    }

    /// Whether it has data or warnings.
    pub(crate) fn has_content(&self) -> bool {
        let data = self.data.as_ref().is_some_and(|data| !data.is_empty());
        let warnings = self.warnings.as_ref();
        data || warnings.is_some_and(|warnings| !warnings.is_empty())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self
            .data
            .as_ref()
            .map(|data| data.keys().collect::<Vec<_>>());
        f.debug_struct("Secret")
            .field("request_id", &self.request_id)
            .field("lease_id", &self.lease_id)
            .field("lease_duration", &self.lease_duration)
            .field("renewable", &self.renewable)
            .field("data", &names)
            .field("warnings", &self.warnings)
            .field("auth", &self.auth)
            .field("wrap_info", &self.wrap_info)
            .finish()
    }
}

/// Accepts an absent member, null and a value.
fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Vault's command line prints null where there are none.
fn null_if_empty<S: Serializer>(names: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    Some(names)
        .filter(|names| !names.is_empty())
        .serialize(serializer)
}

fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Token>, D::Error> {
    let mut text = String::deserialize(deserializer)?;
    let token = Token::new(text.as_str());
    text.zeroize();
    // An empty token means that the server does not show it.
    Ok(token.ok())
}

#[expect(clippy::ref_option, reason = "serde hands in a reference to the field")]
fn exposed<S: Serializer>(token: &Option<Token>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.as_ref().map_or("", Token::expose))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(answer: Value) -> Option<Secret> {
        Secret::from_answer(answer).unwrap()
    }

    #[test]
    fn an_envelope_is_read_with_its_numbers_as_they_are() {
        let secret = read(json!({
            "request_id": "r", "lease_id": "confluent/creds/app/x", "renewable": true,
            "lease_duration": 3600, "data": {"ttl": 12_345_678_901_234_567_890_u64},
            "wrap_info": null, "warnings": ["slow"], "auth": null, "mount_type": "x",
        }))
        .unwrap();
        assert_eq!(secret.lease_id, "confluent/creds/app/x");
        assert_eq!((secret.renewable, secret.lease_duration), (true, 3600));
        assert_eq!(
            secret.data.unwrap()["ttl"].to_string(),
            "12345678901234567890"
        );
        assert_eq!(secret.warnings.unwrap(), ["slow"]);
    }

    #[test]
    fn a_bare_answer_becomes_data() {
        let secret = read(json!({"sealed": false, "t": 1})).unwrap();
        assert_eq!(secret.data.unwrap()["sealed"], json!(false));
    }

    #[test]
    fn an_answer_of_errors_alone_is_absence() {
        assert_eq!(read(json!({"errors": []})), None);
    }

    #[test]
    fn it_is_printed_in_the_order_of_vaults_command_line() {
        let secret = read(json!({"data": {"b": 1, "a": "x"}, "request_id": "r"})).unwrap();
        assert_eq!(
            serde_json::to_string(&secret).unwrap(),
            r#"{"request_id":"r","lease_id":"","lease_duration":0,"renewable":false,"data":{"a":"x","b":1},"warnings":null}"#
        );
    }

    #[test]
    fn a_login_gives_a_token_that_debug_does_not_show() {
        let secret = read(json!({"auth": {
            "client_token": "hvs.secret", "accessor": "acc", "policies": ["default"],
            "token_policies": null, "metadata": null, "lease_duration": 60, "renewable": true,
        }}))
        .unwrap();
        let debug = format!("{secret:?}");
        assert!(!debug.contains("hvs.secret"), "{debug}");
        let auth = secret.auth.as_ref().unwrap();
        assert_eq!(auth.client_token.as_ref().unwrap().expose(), "hvs.secret");
        assert!(
            serde_json::to_string(&secret)
                .unwrap()
                .contains("hvs.secret")
        );
    }

    #[test]
    fn debug_shows_the_names_of_the_data_only() {
        let secret = read(json!({"data": {"secret": "cfltXYZ"}})).unwrap();
        let debug = format!("{secret:?}");
        assert!(
            debug.contains("\"secret\"") && !debug.contains("cfltXYZ"),
            "{debug}"
        );
    }
}
