//! Root tokens from shares: `sys/generate-root-token` of OpenBao and of our server,
//! `sys/generate-root` of Vault.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::key_rotation::Share;
use crate::{Client, Error, Result};

/// Which of the two families of paths a server is asked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenerationPaths {
    /// OpenBao's, which need a token.
    GenerateRootToken,
    /// Vault's.
    GenerateRoot,
}

/// How far a generation is, and what came of it. `Debug` shows neither password nor
/// token.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct RootGeneration {
    /// The id of the generation.
    pub nonce: String,
    /// Whether there is one.
    pub started: bool,
    /// How many shares were given.
    pub progress: i64,
    /// How many are needed.
    pub required: i64,
    /// Whether the token was made.
    pub complete: bool,
    /// The token, hidden by the password.
    pub encoded_token: Share,
    /// The same.
    pub encoded_root_token: Share,
    /// The key that the token is encrypted with.
    pub pgp_fingerprint: String,
    /// The password, if the server made it and this is the answer that tells it.
    pub otp: Share,
    /// How long a password is.
    pub otp_length: i64,
}

impl GenerationPaths {
    fn path(self, end: &str) -> String {
        match self {
            Self::GenerateRootToken => format!("sys/generate-root-token/{end}"),
            Self::GenerateRoot => format!("sys/generate-root/{end}"),
        }
    }
}

impl Client {
    /// The family of paths of this server, and how far a generation is. Without a
    /// token that is Vault's, which may need none.
    ///
    /// # Errors
    ///
    /// As [`Client::read`].
    pub async fn root_generation(&self) -> Result<(GenerationPaths, RootGeneration)> {
        let (new, old) = (
            GenerationPaths::GenerateRootToken,
            GenerationPaths::GenerateRoot,
        );
        if self.has_token() {
            match self
                .generation_step(Method::GET, new, "attempt", None)
                .await
            {
                Err(Error::Api { status: 404, .. }) => {}
                answer => return answer.map(|status| (new, status)),
            }
        }
        let status = self
            .generation_step(Method::GET, old, "attempt", None)
            .await;
        status.map(|status| (old, status))
    }

    /// Begins a generation, whose token will be hidden by this password, or by one
    /// that the server makes.
    ///
    /// # Errors
    ///
    /// As [`Client::write`].
    pub async fn begin_root_generation(
        &self,
        paths: GenerationPaths,
        otp: Option<&str>,
    ) -> Result<RootGeneration> {
        let body = json!({ "otp": otp.unwrap_or_default() });
        self.generation_step(Method::PUT, paths, "attempt", Some(&body))
            .await
    }

    /// Ends a generation that is not complete.
    ///
    /// # Errors
    ///
    /// As [`Client::delete`].
    pub async fn cancel_root_generation(&self, paths: GenerationPaths) -> Result<()> {
        self.delete(&paths.path("attempt"), &[]).await.map(drop)
    }

    /// Gives a share.
    ///
    /// # Errors
    ///
    /// As [`Client::write`].
    pub async fn generate_root_with(
        &self,
        paths: GenerationPaths,
        share: &str,
        nonce: &str,
    ) -> Result<RootGeneration> {
        let body = json!({"key": share, "nonce": nonce});
        self.generation_step(Method::PUT, paths, "update", Some(&body))
            .await
    }

    async fn generation_step(
        &self,
        method: Method,
        paths: GenerationPaths,
        end: &str,
        body: Option<&Value>,
    ) -> Result<RootGeneration> {
        self.step(method, &paths.path(end), body).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_password_nor_token_is_shown() {
        let answer = json!({"nonce": "n", "otp": "canary", "encoded_token": "canary"});
        let read: RootGeneration = serde_json::from_value(answer).unwrap();
        assert_eq!((read.otp.expose(), read.nonce.as_str()), ("canary", "n"));
        assert!(!format!("{read:?}").contains("canary"));
    }
}
