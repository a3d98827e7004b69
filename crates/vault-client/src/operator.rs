//! Requests of operators: initializing, unsealing and sealing a server.

use std::fmt;

use reqwest::Method;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{Client, Object, SealStatus};

/// How the key of a new server is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InitRequest {
    /// How many shares there are.
    pub shares: u64,
    /// How many of them unseal the server.
    pub threshold: u64,
}

/// What a server hands out once. `Debug` shows none of it.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Initialized {
    /// The shares of the key, in hexadecimal.
    #[serde(deserialize_with = "all_wiped")]
    pub keys: Vec<Zeroizing<String>>,
    /// The same shares in base64.
    #[serde(deserialize_with = "all_wiped")]
    pub keys_base64: Vec<Zeroizing<String>>,
    /// Shares for recovery, from servers that unseal themselves.
    #[serde(deserialize_with = "all_wiped")]
    pub recovery_keys: Vec<Zeroizing<String>>,
    /// The same in base64.
    #[serde(deserialize_with = "all_wiped")]
    pub recovery_keys_base64: Vec<Zeroizing<String>>,
    /// A token that may do everything.
    #[serde(deserialize_with = "wiped")]
    pub root_token: Zeroizing<String>,
}

impl fmt::Debug for Initialized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Initialized")
            .field("shares", &self.keys.len())
            .finish_non_exhaustive()
    }
}

/// A text that is wiped when dropped.
fn wiped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

/// Texts that are wiped when dropped; null is none.
fn all_wiped<'de, D>(deserializer: D) -> Result<Vec<Zeroizing<String>>, D::Error>
where
    D: Deserializer<'de>,
{
    let texts: Option<Vec<String>> = Option::deserialize(deserializer)?;
    Ok(texts
        .unwrap_or_default()
        .into_iter()
        .map(Zeroizing::new)
        .collect())
}

/// The answer of `sys/init` to a read.
#[derive(Deserialize)]
struct InitStatus {
    initialized: bool,
}

impl Client {
    /// Whether the server has been initialized.
    ///
    /// # Errors
    ///
    /// As [`Client::request`].
    pub async fn is_initialized(&self) -> crate::Result<bool> {
        let status: InitStatus = self.get_bare("sys/init", &[]).await?;
        Ok(status.initialized)
    }

    /// Initializes an empty server.
    ///
    /// # Errors
    ///
    /// As [`Client::write`]; a server that is initialized refuses with 400.
    pub async fn initialize(&self, wanted: InitRequest) -> crate::Result<Initialized> {
        let body = json!({
            "secret_shares": wanted.shares,
            "secret_threshold": wanted.threshold,
        });
        self.put_bare("sys/init", &body).await
    }

    /// Gives the server a share of its key.
    ///
    /// # Errors
    ///
    /// As [`Client::write`]; what is no share, and shares that do not fit
    /// together, are refused with 400.
    pub async fn unseal(&self, share: &str) -> crate::Result<SealStatus> {
        self.put_bare("sys/unseal", &json!({ "key": share })).await
    }

    /// Has the server forget the shares that it was given.
    ///
    /// # Errors
    ///
    /// As [`Client::write`]; a server that is unsealed refuses with 400.
    pub async fn reset_unseal(&self) -> crate::Result<SealStatus> {
        self.put_bare("sys/unseal", &json!({ "reset": true })).await
    }

    /// Seals the server.
    ///
    /// # Errors
    ///
    /// As [`Client::write`].
    pub async fn seal(&self) -> crate::Result<()> {
        let client = self.without_wrapping();
        client.write("sys/seal", &Object::new()).await.map(drop)
    }

    async fn put_bare<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> crate::Result<T> {
        let client = self.without_wrapping();
        let answer = client.request(Method::PUT, path, &[], Some(body)).await?;
        answer.bare()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_share_and_no_token() {
        let made: Initialized = serde_json::from_value(json!({
            "keys": ["canary"], "keys_base64": ["canary"], "root_token": "canary",
        }))
        .unwrap();
        assert!(!format!("{made:?}").contains("canary"));
    }
}
