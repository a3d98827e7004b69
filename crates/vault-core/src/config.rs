//! What a program decides about its server before it starts.

use std::collections::BTreeMap;
use std::sync::Arc;

use logical::Factory;

use crate::audit::AuditConfig;
use crate::lockout::UserLockout;
use crate::routing::LeaseTtls;
use crate::server_info::ServerInfo;

/// Configuration of a core.
#[derive(Clone)]
pub struct CoreConfig {
    /// What the server reports about itself.
    pub server_info: ServerInfo,
    /// The available engines by type.
    pub factories: BTreeMap<String, Arc<dyn Factory>>,
    /// TTLs that mounts inherit.
    pub lease_ttls: LeaseTtls,
    /// When wrong logins lock a user out.
    pub user_lockout: UserLockout,
    /// Where requests are logged.
    pub audit: AuditConfig,
}

impl CoreConfig {
    /// A configuration with Vault's settings where nothing else is said.
    pub fn new(server_info: ServerInfo, factories: BTreeMap<String, Arc<dyn Factory>>) -> Self {
        Self {
            server_info,
            factories,
            lease_ttls: LeaseTtls::default(),
            user_lockout: UserLockout::default(),
            audit: AuditConfig::default(),
        }
    }
}
