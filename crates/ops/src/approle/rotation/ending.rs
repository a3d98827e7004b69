//! The end: evidence, or a rotation that is given up.

use std::path::Path;

use super::beginning::unfinished;
use super::delivery::Held;
use super::{Aborted, Parts, Rotation};
use crate::approle::error::{Error, Result};
use crate::approle::evidence::Evidence;
use crate::approle::stage::Stage;

impl<'a> Rotation<'a> {
    /// Gives up the rotation in the journal. The old secret ids stay, and so does
    /// a new one that a target holds.
    ///
    /// # Errors
    /// When there is none, or old secret ids may be destroyed already.
    pub async fn abort(parts: Parts<'a>) -> Result<Aborted> {
        let record = unfinished(parts).await?;
        if record.options.order.is_past_return(record.stage) {
            return Err(Error::input(
                "old secret ids may be destroyed already, so there is no way back: go on with \
                 `lockkeeper approle resume`",
            ));
        }
        let role = parts.server.role().await?.ok_or_else(|| {
            Error::input(format!("there is no role `{}` any more", record.place.role))
        })?;
        let mut rotation = Self::with(parts, record, role);
        let aborted = rotation.destroy_undelivered().await?;
        rotation.enter(Stage::Aborted).await?;
        rotation.write_evidence()?;
        Ok(aborted)
    }

    async fn destroy_undelivered(&mut self) -> Result<Aborted> {
        let mut held = Vec::new();
        let mut may_hold_all = false;
        for target in self.parts.targets {
            target.clean().await;
            match self.held(target.as_ref()).await? {
                Held::Ours(_, entry) => held.push(entry.accessor),
                // It may have been taken from there.
                Held::Nothing | Held::Unreadable => {
                    may_hold_all |= self.record.stage != Stage::Make || self.record.attempt > 1;
                }
                Held::Old(..) | Held::Unknown => {}
            }
        }
        let mut aborted = Aborted {
            destroyed: Vec::new(),
            left: Vec::new(),
        };
        for accessor in self.parts.server.accessors().await? {
            let entry = self.parts.server.look_up(&accessor).await?;
            if !entry.is_some_and(|entry| self.record.made(&entry.restrictions.metadata)) {
                continue;
            }
            if may_hold_all || held.contains(&accessor) {
                aborted.left.push(accessor);
            } else {
                self.parts.server.destroy(&accessor).await?;
                aborted.destroyed.push(accessor);
            }
        }
        Ok(aborted)
    }

    pub(super) fn write_evidence(&self) -> Result<()> {
        let Some(file) = &self.record.options.evidence else {
            return Ok(());
        };
        Evidence::of(&self.record).write(Path::new(file))
    }
}
