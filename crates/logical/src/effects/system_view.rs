//! A backend's view of its host and of its own mount.

use std::time::Duration;

use async_trait::async_trait;

use crate::Error;

/// The role of this node in its cluster, as a set of bits
/// (`sdk/helper/consts/replication.go`, equal in Vault and OpenBao).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replication(pub u32);

impl Replication {
    const PERFORMANCE_SECONDARY: u32 = 64;
    const DISASTER_RECOVERY_SECONDARY: u32 = 512;
    const PERFORMANCE_STANDBY: u32 = 16384;

    /// Whether this node serves reads for an active node elsewhere.
    pub fn is_standby(self) -> bool {
        self.0 & Self::PERFORMANCE_STANDBY != 0
    }

    /// Whether this cluster copies another one and must forward writes to it.
    pub fn is_secondary(self) -> bool {
        self.0 & (Self::PERFORMANCE_SECONDARY | Self::DISASTER_RECOVERY_SECONDARY) != 0
    }
}

/// A backend's view of its host (`sdk/logical/system_view.go` in Vault).
#[async_trait]
pub trait SystemView: Send + Sync {
    /// TTL of a lease for which none was requested.
    async fn default_lease_ttl(&self) -> Result<Duration, Error>;

    /// Maximum TTL of a lease of this mount.
    async fn max_lease_ttl(&self) -> Result<Duration, Error>;

    /// Whether the mount is being removed, so that nothing new may be issued.
    async fn tainted(&self) -> Result<bool, Error>;

    /// The role of this node in its cluster.
    async fn replication(&self) -> Result<Replication, Error>;

    /// Whether the mount is local to this cluster.
    async fn local_mount(&self) -> Result<bool, Error>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_node_is_neither_standby_nor_secondary() {
        let single = Replication(12288);
        assert!(!single.is_standby());
        assert!(!single.is_secondary());
    }

    #[test]
    fn the_standby_bit_is_seen_beside_others() {
        assert!(Replication(12288 + 16384).is_standby());
    }
}
