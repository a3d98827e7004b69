//! The audit devices of the configuration.

use logical::Error;

use super::vault::Vault;
use crate::audit::AuditDevice;

impl Vault {
    /// Makes the devices of the configuration those of the server, at once or
    /// when it is unsealed, and opens all files and connections again.
    ///
    /// # Errors
    /// Of the first device that is not in use; the others are.
    pub async fn reload_audit(&self, declared: Vec<AuditDevice>) -> Result<(), Error> {
        self.config.audit.declare(declared);
        match self.core() {
            Some(core) => core.reload_audit().await,
            None => Ok(()),
        }
    }
}
