//! `-login=approle`: the token of a test's requests, which is renewed in time and
//! revoked at the end.

use std::path::Path;
use std::time::Duration;

use ops::load::targets::{CurrentToken, Target};
use serde_json::json;
use tokio::task::JoinHandle;
use vault_client::{Auth, Client, Settings, Token, Trust};
use zeroize::Zeroizing;

use super::super::client::{local, lookup, trimmed};
use crate::arguments::{Load, LoadLogin};
use crate::failure::Failure;
use crate::output;

/// The pause before a renewal, and after a failed login, at least.
const SHORTEST: Duration = Duration::from_millis(500);

/// How a test logs in.
pub(super) struct Login {
    client: Client,
    path: String,
    role_id: String,
    secret_id: Zeroizing<String>,
}

/// A token that is kept alive.
pub(super) struct Session {
    client: Client,
    current: CurrentToken,
    task: JoinHandle<()>,
}

impl Login {
    /// As the flags say, if they want a login.
    ///
    /// # Errors
    /// When something is missing, or the secret id cannot be read.
    pub(super) fn of(load: &Load) -> Result<Option<Self>, Failure> {
        let Some(LoadLogin::Approle) = load.login else {
            return Ok(None);
        };
        let given = load.secret_id.as_deref().unwrap_or_default();
        let file = given.strip_prefix('@').ok_or_else(|| {
            Failure::local(
                "-secret-id: write `@FILE`: arguments are seen by every process of this machine",
            )
        })?;
        let text = std::fs::read_to_string(Path::new(file));
        let text = text
            .map(Zeroizing::new)
            .map_err(|error| Failure::local(format!("-secret-id: `{file}`: {error}")))?;
        let mut settings = Settings::from_environment(lookup).map_err(local)?;
        if load.insecure {
            settings.trust = Trust::SkipVerification;
        }
        let client = Client::new(settings).map_err(local)?;
        Ok(Some(Self::at(
            &client,
            format!("auth/{}/login", trimmed(&load.mount)),
            load.role_id.clone().unwrap_or_default(),
            Zeroizing::new(text.trim().to_owned()),
        )))
    }

    /// With these ids, at this path.
    pub(super) fn at(
        client: &Client,
        path: String,
        role_id: String,
        secret_id: Zeroizing<String>,
    ) -> Self {
        Self {
            client: client.without_wrapping().without_token(),
            path,
            role_id,
            secret_id,
        }
    }

    /// Logs in, has these targets send the token, and keeps it alive.
    ///
    /// # Errors
    /// When the server refuses the login, or does not answer.
    pub(super) async fn begin<'t>(
        self,
        targets: impl IntoIterator<Item = &'t mut Target>,
    ) -> Result<Session, Failure> {
        let auth = self.log_in().await?;
        let current = CurrentToken::default();
        for target in targets {
            target.send(&current);
        }
        let client = self.client.clone();
        if let Some(token) = &auth.client_token {
            current.set(token.expose());
        }
        let task = tokio::spawn(self.keep(auth, current.clone()));
        Ok(Session {
            client,
            current,
            task,
        })
    }

    async fn log_in(&self) -> Result<Auth, Failure> {
        let body = json!({ "role_id": self.role_id, "secret_id": self.secret_id.as_str() });
        let body = body.as_object().cloned().unwrap_or_default();
        let answer = self.client.write(&self.path, &body).await;
        let answer = answer.map_err(|error| Failure::asking("logging in", &error))?;
        let auth = answer.and_then(|answer| answer.auth);
        auth.filter(|auth| auth.client_token.is_some())
            .ok_or_else(|| Failure::server("the login was answered without a token"))
    }

    /// Renews the token when half of its time is over, and logs in anew when it
    /// cannot be renewed for as long as before.
    async fn keep(self, mut auth: Auth, current: CurrentToken) {
        let mut usual = lease(&auth);
        // One without a lease does not end.
        while !usual.is_zero() {
            tokio::time::sleep((lease(&auth) / 2).max(SHORTEST)).await;
            if let Some(renewed) = self.renewed(&auth).await
                && lease(&renewed) * 4 > usual * 3
            {
                auth = renewed;
                continue;
            }
            match self.log_in().await {
                Ok(new) => {
                    usual = lease(&new);
                    if let Some(token) = &new.client_token {
                        current.set(token.expose());
                    }
                    auth = new;
                }
                Err(failure) => output::tell(&format!("lockkeeper load: {failure}")),
            }
        }
    }

    async fn renewed(&self, auth: &Auth) -> Option<Auth> {
        let token = auth.client_token.clone().filter(|_| auth.renewable)?;
        let client = self.client.with_token(token);
        let nothing = serde_json::Map::new();
        let answer = client.write("auth/token/renew-self", &nothing).await;
        answer.ok()??.auth
    }
}

fn lease(auth: &Auth) -> Duration {
    Duration::from_secs(auth.lease_duration.try_into().unwrap_or_default())
}

impl Session {
    /// Revokes the token. One that cannot be revoked ends by itself.
    pub(super) async fn end(self) {
        self.task.abort();
        let token = self.current.get().map(|token| Token::new(token.as_str()));
        if let Some(Ok(token)) = token {
            let client = self.client.with_token(token);
            let nothing = serde_json::Map::new();
            let _ = client.write("auth/token/revoke-self", &nothing).await;
        }
    }
}
