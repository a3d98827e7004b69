//! The old secret ids are destroyed.

use jiff::Timestamp;

use super::Rotation;
use crate::approle::error::{Error, Result};
use crate::approle::record::add;
use crate::approle::server::IdEntry;
use crate::approle::stage::Order;

impl Rotation<'_> {
    /// Destroys what lived when the rotation began, and what this rotation made
    /// in earlier attempts. What somebody else made meanwhile has a user that
    /// nobody here knows of.
    pub(super) async fn destroy_old(&mut self) -> Result<()> {
        if self.record.options.order == Order::Overlap {
            self.check_targets().await?;
            let new = self.new_accessor()?;
            if self.parts.server.look_up(new).await?.is_none() {
                return Err(Error::Canary(format!(
                    "the server does not know its accessor {new} any more: somebody destroyed it, \
                     or it has expired; no old one was destroyed at this stage"
                )));
            }
        }
        let mut doomed = Vec::new();
        for accessor in self.parts.server.accessors().await? {
            if Some(&accessor) == self.record.new.as_ref() {
                continue;
            }
            match self.parts.server.look_up(&accessor).await? {
                None => add(&mut self.record.dead, &accessor),
                Some(entry) if self.is_old(&entry) => doomed.push(entry),
                Some(_) => add(&mut self.record.left, &accessor),
            }
        }
        let doomed = self.without_kept(doomed);
        for entry in &doomed {
            add(&mut self.record.destroyed, &entry.accessor);
        }
        // What is about to be destroyed is on record before the first one is.
        self.save().await?;
        for entry in &doomed {
            self.parts.server.destroy(&entry.accessor).await?;
            self.done(format!("destroyed accessor {}", entry.accessor));
        }
        if !self.record.left.is_empty() {
            self.warn(format!(
                "left alone, since somebody else made them after this rotation began: accessors \
                 {}",
                self.record.left.join(", ")
            ));
        }
        self.tidy().await;
        Ok(())
    }

    fn is_old(&self, entry: &IdEntry) -> bool {
        self.record.old.contains(&entry.accessor) || self.record.made(&entry.restrictions.metadata)
    }

    /// Without the newest ones of those that were there, as many as are kept.
    fn without_kept(&mut self, mut doomed: Vec<IdEntry>) -> Vec<IdEntry> {
        // What an earlier attempt of this rotation made is never kept.
        let (ours, mut old): (Vec<_>, Vec<_>) = doomed
            .drain(..)
            .partition(|entry| self.record.made(&entry.restrictions.metadata));
        old.sort_by_key(|entry| entry.created.unwrap_or(Timestamp::UNIX_EPOCH));
        // A resumed rotation keeps those that it had chosen before it destroyed
        // any.
        if self.record.kept.is_empty() && self.record.destroyed.is_empty() {
            let first = old.len().saturating_sub(self.record.options.keep);
            for entry in &old[first..] {
                add(&mut self.record.kept, &entry.accessor);
            }
        }
        old.retain(|entry| !self.record.kept.contains(&entry.accessor));
        old.extend(ours);
        old
    }

    /// Dead accessors are no danger, so that they cannot be tidied is no reason to
    /// stop.
    async fn tidy(&mut self) {
        if self.record.dead.is_empty() {
            return;
        }
        let dead = self.record.dead.join(", ");
        match self.parts.server.tidy().await {
            Ok(()) => self.warn(format!(
                "accessors without a secret id, which the server was asked to tidy: {dead}"
            )),
            Err(error) => self.warn(format!(
                "accessors without a secret id, which could not be tidied ({error}): {dead}"
            )),
        }
    }
}
