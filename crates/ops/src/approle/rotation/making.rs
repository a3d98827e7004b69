//! A new secret id is made.

use std::time::Duration;

use super::Rotation;
use crate::approle::error::{Error, Result};
use crate::approle::restrictions::ATTEMPT;
use crate::approle::server::NewId;

impl Rotation<'_> {
    /// The attempt is on record, so one that was made and whose answer was lost
    /// is found by its mark when the old ones are destroyed.
    pub(super) async fn make(&mut self) -> Result<()> {
        let new = NewId {
            metadata: self.record.marked(&self.record.attempt.to_string()),
            restrictions: self.record.restrictions.clone(),
        };
        let accessor = if let Some(ttl) = self.wraps() {
            self.wrapped = Some(self.parts.server.make_wrapped(&new, ttl).await?);
            self.accessor_of_attempt().await?
        } else {
            let made = self.parts.server.make(&new).await?;
            self.new = Some(made.id);
            made.accessor
        };
        self.done(format!("made the secret id with accessor {accessor}"));
        self.record.new = Some(accessor);
        Ok(())
    }

    /// For how long the secret id is wrapped, if it is.
    pub(super) fn wraps(&self) -> Option<Duration> {
        self.parts.targets.iter().find_map(|target| target.wraps())
    }

    /// The accessor of the secret id that this attempt made, by its mark.
    async fn accessor_of_attempt(&self) -> Result<String> {
        let attempt = self.record.attempt.to_string();
        for accessor in self.parts.server.accessors().await? {
            let Some(entry) = self.parts.server.look_up(&accessor).await? else {
                continue;
            };
            let metadata = &entry.restrictions.metadata;
            if self.record.made(metadata) && metadata.get(ATTEMPT) == Some(&attempt) {
                return Ok(accessor);
            }
        }
        Err(Error::Canary(
            "the server does not list the accessor of the wrapped secret id".to_owned(),
        ))
    }
}
