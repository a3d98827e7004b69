//! The new secret id is tried.

use super::Rotation;
use crate::approle::error::{Error, Result};
use crate::approle::secret_id::SecretId;
use crate::approle::server::{Login, LoginAnswer};
use crate::approle::stage::Order;

impl Rotation<'_> {
    pub(super) async fn canary(&mut self) -> Result<()> {
        self.check_targets().await?;
        let Err(error) = self.try_new_id("the new secret id, once delivered").await else {
            return Ok(());
        };
        let Error::Canary(problem) = error else {
            return Err(error);
        };
        if self.record.options.order == Order::Overlap && self.put_back().await? {
            return Err(Error::Canary(format!(
                "{problem}; the targets hold the old one again, which is still valid: when the \
                 cause is gone, `lockkeeper approle resume` tries another"
            )));
        }
        let old = match self.record.options.order {
            Order::Overlap => "the old ones are still valid",
            Order::Emergency => "the old ones are destroyed",
        };
        Err(Error::Canary(format!(
            "{problem}; {old}, and targets whose old one is not known have the new one: when the \
             cause is gone, go on with `lockkeeper approle resume`"
        )))
    }

    /// Tries the new secret id, with a login where that costs none of its uses.
    pub(super) async fn try_new_id(&mut self, tried: &str) -> Result<()> {
        let accessor = self.new_accessor()?.to_owned();
        let entry = self.parts.server.look_up(&accessor).await?;
        let entry = entry.ok_or_else(|| {
            Error::Canary(format!("the server does not know its accessor {accessor}"))
        })?;
        let Some(id) = self.new.clone() else {
            let found = format!(
                "the server knows accessor {accessor}; no login was tried, as no target holds \
                 the secret id any more"
            );
            self.prove_that(tried, found);
            return Ok(());
        };
        if let Some(command) = self.record.options.canary_command.clone() {
            let ran = self.parts.shell.run(&command, Some(&id)).await;
            ran.map_err(|problem| Error::Canary(format!("-canary-command: {problem}")))?;
            let found = format!("-canary-command succeeded with accessor {accessor}");
            self.prove_that(tried, found);
            return Ok(());
        }
        if entry.uses > 0 {
            let found = format!(
                "the server knows accessor {accessor}; no login was tried, as each costs one of \
                 its {} uses",
                entry.uses
            );
            self.prove_that(tried, found);
            return Ok(());
        }
        self.record.open_trials += 1;
        self.save().await?;
        let trial = match self.log_in_with(&id).await {
            // Whether there is a token now is not known.
            Err(error @ Error::Server { .. }) => return Err(error),
            Err(error) => Err(error),
            Ok(login) => {
                let can_read = self.can_read_all(&login).await;
                self.end(&login).await;
                can_read
            }
        };
        self.record.open_trials -= 1;
        trial?;
        self.prove_that(tried, format!("accessor {accessor} logged in"));
        Ok(())
    }

    async fn log_in_with(&self, id: &SecretId) -> Result<Login> {
        match self.parts.server.log_in(&self.role.role_id, id).await? {
            LoginAnswer::Token(login) => Ok(*login),
            LoginAnswer::Refused { text } if text.contains("source address") => {
                Err(Error::Canary(format!(
                    "the server answered {text}: logins are bound to networks that this machine \
                     is not in; `-canary-command` tries it from another one"
                )))
            }
            LoginAnswer::UnknownId { text } | LoginAnswer::Refused { text } => {
                Err(Error::Canary(format!("the server answered {text}")))
            }
        }
    }

    async fn can_read_all(&self, login: &Login) -> Result<()> {
        for path in &self.record.options.canary_read {
            if !self.parts.server.can_read(&login.token, path).await? {
                return Err(Error::Canary(format!(
                    "its token may not read `{path}`: the policies of role `{}` do not allow it",
                    self.record.place.role
                )));
            }
        }
        Ok(())
    }

    /// Ends the token of a trial. A token that lives on is told, and is no reason
    /// to stop a rotation.
    pub(super) async fn end(&mut self, login: &Login) {
        if login.accessor.is_empty() {
            self.warn(format!(
                "the role's tokens are batch tokens, which nobody can revoke: those got with old \
                 secret ids end by themselves, each within {} s of its login",
                login.ttl
            ));
            return;
        }
        if let Err(error) = self.parts.server.end(login).await {
            self.warn(format!(
                "the token of a trial, accessor {}, could not be revoked and lives for up to \
                 {} s: {error}",
                login.accessor, login.ttl
            ));
        }
    }
}
