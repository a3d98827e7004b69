//! A new secret id is made.

use super::Rotation;
use crate::approle::error::Result;
use crate::approle::server::NewId;

impl Rotation<'_> {
    /// The attempt is on record, so one that was made and whose answer was lost
    /// is found by its mark when the old ones are destroyed.
    pub(super) async fn make(&mut self) -> Result<()> {
        let made = self
            .parts
            .server
            .make(&NewId {
                metadata: self.record.marked(&self.record.attempt.to_string()),
                restrictions: self.record.restrictions.clone(),
            })
            .await?;
        self.done(format!(
            "made the secret id with accessor {}",
            made.accessor
        ));
        self.record.new = Some(made.accessor);
        self.new = Some(made.id);
        Ok(())
    }
}
