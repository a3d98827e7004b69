//! What a server that unseals itself does with new shares.

use logical::Error;

use super::Share;

/// Keeps new shares where the next start of the server finds them, for a
/// development server. Any other hands them out and forgets them.
pub trait KeepsShares: Send + Sync {
    /// Keeps all shares of a key beside those of the present one. Until the keys were
    /// replaced, and for ever if that fails, the present ones are those that count.
    ///
    /// # Errors
    /// When they cannot be kept; then nothing is replaced.
    fn keep(&self, shares: &[Share]) -> Result<(), Error>;
}
