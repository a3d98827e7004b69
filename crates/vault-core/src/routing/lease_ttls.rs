//! How long leases and tokens live where nothing else is said.

use std::time::Duration;

/// TTLs of leases and tokens: those of the server, which mounts inherit, or those
/// of one mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTtls {
    /// TTL when the engine or the auth method sets none.
    pub default: Duration,
    /// Maximum TTL.
    pub max: Duration,
}

impl Default for LeaseTtls {
    /// Vault's: 768 hours.
    fn default() -> Self {
        let month = Duration::from_hours(768);
        Self {
            default: month,
            max: month,
        }
    }
}
