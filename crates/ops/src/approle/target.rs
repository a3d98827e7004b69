//! Where a new secret id goes.

use std::time::Duration;

use async_trait::async_trait;

use super::error::Result;
use super::secret_id::SecretId;

/// A place that the users of a role take their secret id from.
#[async_trait]
pub trait Target: Send + Sync {
    /// As it was given, such as `file:/run/app/secret-id`.
    fn name(&self) -> &str;

    /// Whether it could be written. Asked before anything is made.
    ///
    /// # Errors
    /// When it could not.
    async fn check(&self) -> Result<()>;

    /// What it holds; none if it is empty, or cannot be read back.
    ///
    /// # Errors
    /// When that cannot be told.
    async fn read(&self) -> Result<Option<SecretId>>;

    /// Puts a secret id there. It arrives whole or not at all.
    ///
    /// # Errors
    /// When the target may hold what it held before.
    async fn deliver(&self, id: &SecretId) -> Result<()>;

    /// For how long the answer with the secret id is wrapped, where it is handed
    /// over as a wrapping token and not delivered.
    fn wraps(&self) -> Option<Duration> {
        None
    }

    /// Removes what a delivery that was killed left behind.
    async fn clean(&self) {}

    /// Whether [`Target::read`] tells what was delivered.
    fn is_readable(&self) -> bool {
        true
    }
}
