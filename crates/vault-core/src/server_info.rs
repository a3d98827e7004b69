//! What a server tells of itself.

/// The versions of a server, and what it stores in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// The version of Vault's API that is spoken; clients choose by it what
    /// they ask for.
    pub version: String,
    /// Our own version.
    pub lockkeeper_version: String,
    /// The kind of store, as `sys/seal-status` names it.
    pub storage_type: String,
}
