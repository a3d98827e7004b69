//! What a program decides about its server before it starts.

use std::collections::BTreeMap;
use std::sync::Arc;

use logical::Factory;

use crate::audit::AuditConfig;
use crate::lockout::UserLockout;
use crate::routing::LeaseTtls;
use crate::server_info::ServerInfo;
use crate::unseal_keys::KeepsShares;

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
    /// Which paths of the keys need no token.
    pub without_token: WithoutToken,
    /// Keeps new shares of a server that unseals itself.
    pub share_keeper: Option<Arc<dyn KeepsShares>>,
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
            without_token: WithoutToken::default(),
            share_keeper: None,
        }
    }
}

/// Paths that Vault serves without a token, and whose callers cannot be told apart:
/// anybody may begin or cancel what they do, and only shares complete it. By default
/// they need a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WithoutToken {
    /// `sys/rekey/init`, `update` and `verify`.
    pub rekey: bool,
    /// `sys/generate-root/attempt` and `update`.
    pub generate_root: bool,
}
