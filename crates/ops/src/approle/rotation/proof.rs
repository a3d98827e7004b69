//! It is proven that the new secret id logs in and an old one does not.

use super::Rotation;
use crate::approle::error::{Error, Result};
use crate::approle::secret_id::SecretId;
use crate::approle::server::{LoginAnswer, NewId};

/// The attempt that marks a witness.
const WITNESS: &str = "witness";

impl Rotation<'_> {
    /// The old one first: a login that succeeds sets the server's count of
    /// failures back, after which it would lock the role's users out.
    pub(super) async fn prove(&mut self) -> Result<()> {
        self.destroy_strays().await?;
        let old = self.before.iter().flatten().next().cloned();
        let kept = match &old {
            Some(id) => self.parts.server.find(id).await?.is_some(),
            None => true,
        };
        match old {
            Some(id) if !kept => self.prove_refused("the old secret id", &id).await?,
            _ => self.prove_with_witness().await?,
        }
        for accessor in self.record.destroyed.clone() {
            if self.parts.server.look_up(&accessor).await?.is_some() {
                return Err(Error::Unproven(format!(
                    "the server still knows accessor {accessor}, which was destroyed: resume the \
                     rotation, and see whether somebody else restores a backup"
                )));
            }
        }
        let count = self.record.destroyed.len();
        self.prove_that(
            "the accessors of the old secret ids",
            format!("the server knows none of the {count} any more"),
        );
        self.try_new_id("the new secret id, once the old ones are destroyed")
            .await
    }

    /// Destroys what this rotation made and nobody was given: the witness of a
    /// proof that was cut off, and secret ids whose making was never answered.
    async fn destroy_strays(&mut self) -> Result<()> {
        for accessor in self.parts.server.accessors().await? {
            if Some(&accessor) == self.record.new.as_ref() {
                continue;
            }
            let entry = self.parts.server.look_up(&accessor).await?;
            if entry.is_some_and(|entry| self.record.made(&entry.restrictions.metadata)) {
                self.parts.server.destroy(&accessor).await?;
            }
        }
        Ok(())
    }

    /// Where no old secret id is known, one that is made and destroyed for this
    /// stands for them.
    async fn prove_with_witness(&mut self) -> Result<()> {
        let made = self
            .parts
            .server
            .make(&NewId {
                metadata: self.record.marked(WITNESS),
                restrictions: self.record.restrictions.clone(),
            })
            .await?;
        self.parts.server.destroy(&made.accessor).await?;
        if self.parts.server.look_up(&made.accessor).await?.is_some() {
            return Err(Error::Unproven(format!(
                "the server still knows accessor {}, which was destroyed",
                made.accessor
            )));
        }
        self.prove_refused(
            "a secret id that was made and destroyed like the old ones",
            &made.id,
        )
        .await
    }

    async fn prove_refused(&mut self, which: &str, id: &SecretId) -> Result<()> {
        match self.parts.server.log_in(&self.role.role_id, id).await? {
            LoginAnswer::UnknownId { text } => {
                self.prove_that(which, format!("the login was answered {text}"));
                Ok(())
            }
            LoginAnswer::Refused { text } => Err(Error::Unproven(format!(
                "{which} was refused, but for another reason than being unknown: {text}"
            ))),
            LoginAnswer::Token(login) => {
                self.end(&login).await;
                Err(Error::Unproven(format!(
                    "{which} still logs in although it was destroyed; treat role `{}` as \
                     compromised, and destroy its secret ids with `-emergency`",
                    self.record.place.role
                )))
            }
        }
    }
}
