//! The new secret id is written to the targets, and read back.

use super::Rotation;
use crate::approle::error::{Error, Result};
use crate::approle::secret_id::SecretId;
use crate::approle::server::IdEntry;
use crate::approle::stage::Stage;
use crate::approle::target::Target;

/// What a target holds.
pub(super) enum Held {
    /// A secret id that this rotation made.
    Ours(SecretId, IdEntry),
    /// Another secret id that the server knows.
    Old(SecretId, IdEntry),
    /// Something that the server does not know for a secret id of this role.
    Unknown,
    /// Nothing.
    Nothing,
    /// It cannot be read back.
    Unreadable,
}

impl Rotation<'_> {
    pub(super) async fn held(&self, target: &dyn Target) -> Result<Held> {
        if !target.is_readable() {
            return Ok(Held::Unreadable);
        }
        let Some(id) = target.read().await? else {
            return Ok(Held::Nothing);
        };
        Ok(match self.parts.server.find(&id).await? {
            None => Held::Unknown,
            Some(entry) if self.record.made(&entry.restrictions.metadata) => Held::Ours(id, entry),
            Some(entry) => Held::Old(id, entry),
        })
    }

    pub(super) async fn deliver(&mut self) -> Result<()> {
        if self.wraps().is_some() {
            let wrapped = self.wrapped.take().ok_or_else(|| {
                Error::input("the wrapping token is not known any more: resume the rotation")
            })?;
            return (self.parts.hand_over)(&wrapped).map_err(|problem| {
                Error::target(
                    "wrapped",
                    format!(
                        "the wrapping token cannot be printed: {problem}; the old secret ids are \
                         untouched, and `lockkeeper approle resume` makes another"
                    ),
                )
            });
        }
        let id = self.new.clone().ok_or_else(|| {
            Error::input("the new secret id is not known any more: resume the rotation")
        })?;
        for target in self.parts.targets {
            if let Held::Ours(_, entry) = self.held(target.as_ref()).await?
                && Some(&entry.accessor) == self.record.new.as_ref()
            {
                continue;
            }
            target.deliver(&id).await?;
            self.done(format!("delivered to {}", target.name()));
        }
        for target in self.parts.targets {
            target.clean().await;
        }
        Ok(())
    }

    /// Refuses to go on where a target holds another secret id: its users would
    /// be left with one that is about to be destroyed.
    pub(super) async fn check_targets(&self) -> Result<()> {
        for target in self.parts.targets {
            let problem = match self.held(target.as_ref()).await? {
                Held::Ours(_, entry) if Some(&entry.accessor) == self.record.new.as_ref() => {
                    continue;
                }
                // The agent has taken it, and removed the file.
                Held::Nothing | Held::Unreadable => continue,
                Held::Ours(_, entry) | Held::Old(_, entry) => {
                    format!("it holds another secret id, {}", entry.accessor)
                }
                Held::Unknown => "it holds something else".to_owned(),
            };
            return Err(Error::target(
                target.name(),
                format!(
                    "{problem}, and not the new one: somebody else changed it; nothing was \
                     destroyed at this stage, and `lockkeeper approle resume` delivers anew"
                ),
            ));
        }
        Ok(())
    }

    /// Gives the targets back what they held, where that is known, after a new
    /// secret id that does not work. Whether it was known of all.
    pub(super) async fn put_back(&mut self) -> Result<bool> {
        let mut everywhere = true;
        for (target, before) in self.parts.targets.iter().zip(&self.before) {
            match before {
                Some(id) => target.deliver(id).await?,
                None => everywhere = false,
            }
        }
        if everywhere {
            self.record.forget_attempt();
            self.new = None;
            self.enter(Stage::Make).await?;
        }
        Ok(everywhere)
    }
}
