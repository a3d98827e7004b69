//! The replacement of the root key and its shares: `sys/rotate/root` of OpenBao,
//! `sys/rekey` of Vault.

use std::fmt;

use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{Client, Result};

/// Which of the two families of paths a server is asked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationPaths {
    /// OpenBao's.
    RotateRoot,
    /// Vault's.
    Rekey,
}

/// What is wanted of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationRequest {
    /// How many shares there will be.
    pub shares: u64,
    /// How many of them will unseal the server.
    pub threshold: u64,
    /// Whether the new shares must be given back before they count.
    pub verify: bool,
}

/// How far a rotation is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RotationStatus {
    /// The id of the rotation.
    pub nonce: String,
    /// Whether there is one.
    pub started: bool,
    /// How many of the new shares will unseal the server.
    pub t: i64,
    /// How many new shares there will be.
    pub n: i64,
    /// How many of the present shares were given.
    pub progress: i64,
    /// How many are needed.
    pub required: i64,
    /// The keys that new shares are encrypted with.
    #[serde(default)]
    pub pgp_fingerprints: Option<Vec<String>>,
    /// Whether the server keeps a copy of the encrypted shares.
    #[serde(default)]
    pub backup: bool,
    /// Whether the new shares must be given back before they count.
    pub verification_required: bool,
    /// The id of the verification, once there are new shares.
    pub verification_nonce: String,
}

/// What a share came to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum RotationStep {
    /// The new shares.
    Done(NewShares),
    /// More are needed.
    More(RotationStatus),
}

/// New shares. `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct NewShares {
    /// The id of the rotation.
    pub nonce: String,
    /// Always true.
    pub complete: bool,
    /// The shares in hexadecimal.
    pub keys: Vec<Share>,
    /// The same in base64.
    pub keys_base64: Vec<Share>,
    /// Whether they must be given back before they count.
    #[serde(default)]
    pub verification_required: bool,
    /// The id of the verification.
    #[serde(default)]
    pub verification_nonce: String,
}

/// A share as text, wiped when dropped and shown only when written.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Share(Zeroizing<String>);

impl Share {
    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Share(..)")
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl fmt::Debug for NewShares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewShares")
            .field("shares", &self.keys.len())
            .finish_non_exhaustive()
    }
}

/// How far a verification is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct VerificationStatus {
    /// The id of the verification.
    pub nonce: String,
    /// Whether all new shares that are needed were given back, so that they count.
    pub complete: bool,
    /// Whether there is one.
    pub started: bool,
    /// How many of the new shares are needed.
    pub t: i64,
    /// How many there are.
    pub n: i64,
    /// How many were given back.
    pub progress: i64,
}

impl RotationPaths {
    fn path(self, end: &str) -> String {
        match self {
            Self::RotateRoot => format!("sys/rotate/root/{end}"),
            Self::Rekey => format!("sys/rekey/{end}"),
        }
    }
}

/// An answer with or without the envelope.
#[derive(Deserialize)]
#[serde(untagged)]
enum Maybe<T> {
    Enveloped { data: T },
    Bare(T),
}

impl Client {
    /// Has the server encrypt with a new key from now on.
    ///
    /// # Errors
    ///
    /// As [`Client::write`].
    pub async fn rotate(&self) -> Result<()> {
        let client = self.without_wrapping();
        client
            .write("sys/rotate", &crate::Object::new())
            .await
            .map(drop)
    }

    /// Begins a rotation.
    ///
    /// # Errors
    ///
    /// As [`Client::write`].
    pub async fn begin_rotation(
        &self,
        paths: RotationPaths,
        wanted: RotationRequest,
    ) -> Result<RotationStatus> {
        let body = json!({
            "secret_shares": wanted.shares,
            "secret_threshold": wanted.threshold,
            "require_verification": wanted.verify,
        });
        self.step(Method::PUT, &paths.path("init"), Some(&body))
            .await
    }

    /// How far a rotation is.
    ///
    /// # Errors
    ///
    /// As [`Client::read`].
    pub async fn rotation_status(&self, paths: RotationPaths) -> Result<RotationStatus> {
        self.step(Method::GET, &paths.path("init"), None).await
    }

    /// Ends a rotation that is not complete.
    ///
    /// # Errors
    ///
    /// As [`Client::delete`].
    pub async fn cancel_rotation(&self, paths: RotationPaths) -> Result<()> {
        self.delete(&paths.path("init"), &[]).await.map(drop)
    }

    /// Gives one of the present shares.
    ///
    /// # Errors
    ///
    /// As [`Client::write`].
    pub async fn rotate_with(
        &self,
        paths: RotationPaths,
        share: &str,
        nonce: &str,
    ) -> Result<RotationStep> {
        let body = json!({"key": share, "nonce": nonce});
        self.step(Method::PUT, &paths.path("update"), Some(&body))
            .await
    }

    /// How far the verification of new shares is.
    ///
    /// # Errors
    ///
    /// As [`Client::read`].
    pub async fn verification_status(&self, paths: RotationPaths) -> Result<VerificationStatus> {
        self.step(Method::GET, &paths.path("verify"), None).await
    }

    /// Forgets the new shares that were given back.
    ///
    /// # Errors
    ///
    /// As [`Client::delete`].
    pub async fn restart_verification(&self, paths: RotationPaths) -> Result<()> {
        self.delete(&paths.path("verify"), &[]).await.map(drop)
    }

    /// Gives one of the new shares back.
    ///
    /// # Errors
    ///
    /// As [`Client::write`].
    pub async fn verify_with(
        &self,
        paths: RotationPaths,
        share: &str,
        nonce: &str,
    ) -> Result<VerificationStatus> {
        let body = json!({"key": share, "nonce": nonce});
        self.step(Method::PUT, &paths.path("verify"), Some(&body))
            .await
    }

    pub(crate) async fn step<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T> {
        let client = self.without_wrapping();
        let answer = client.request(method, path, &[], body).await?;
        Ok(match answer.bare()? {
            Maybe::Enveloped { data } | Maybe::Bare(data) => data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: DeserializeOwned>(value: Value) -> T {
        match serde_json::from_value(value).unwrap() {
            Maybe::Enveloped { data } | Maybe::Bare(data) => data,
        }
    }

    #[test]
    fn an_answer_is_read_with_and_without_the_envelope() {
        let status = json!({"nonce": "n", "started": true, "t": 2, "n": 3, "required": 1});
        let expected = RotationStatus {
            nonce: "n".into(),
            started: true,
            t: 2,
            n: 3,
            required: 1,
            ..RotationStatus::default()
        };
        let enveloped = json!({"request_id": "r", "data": status, "warnings": null});
        assert_eq!(read::<RotationStatus>(status.clone()), expected);
        assert_eq!(read::<RotationStatus>(enveloped), expected);
        assert_eq!(read::<RotationStep>(status), RotationStep::More(expected));
    }

    #[test]
    fn new_shares_are_read_and_not_shown() {
        let done = json!({
            "nonce": "n", "complete": true, "keys": ["canary"], "keys_base64": ["canary"],
        });
        let RotationStep::Done(done) = read(done) else {
            panic!("more shares are wanted");
        };
        assert_eq!(done.keys_base64[0].expose(), "canary");
        assert!(!format!("{done:?} {:?}", done.keys[0]).contains("canary"));
    }
}
