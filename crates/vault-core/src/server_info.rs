//! What a server reports about itself.

/// The versions of a server and its type of storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// The version of Vault whose API is implemented; clients choose features
    /// by it.
    pub version: String,
    /// The version of Lockkeeper.
    pub lockkeeper_version: String,
    /// The type of storage, as shown in `sys/seal-status`.
    pub storage_type: String,
}
