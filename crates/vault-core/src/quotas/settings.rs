//! Settings of all quotas.

use serde::{Deserialize, Serialize};

use crate::storage::Version;

/// Paths that no quota limits, unless others are configured: those by which a
/// server is watched and opened.
const EXEMPT: [&str; 7] = [
    "sys/generate-recovery-token/attempt",
    "sys/generate-recovery-token/update",
    "sys/generate-root/attempt",
    "sys/generate-root/update",
    "sys/health",
    "sys/seal-status",
    "sys/unseal",
];

/// As stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    #[serde(default)]
    version: Version<1>,
    /// Whether answers tell what is left.
    pub(crate) response_headers: bool,
    /// Whether requests that a quota refuses are in the audit log.
    #[serde(default)]
    pub(crate) audit_logging: bool,
    /// Paths that no quota limits; a final `*` stands for any ending.
    pub(crate) exempt_paths: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: Version,
            response_headers: false,
            audit_logging: false,
            exempt_paths: EXEMPT.map(str::to_owned).to_vec(),
        }
    }
}

impl Settings {
    /// Whether no quota limits a path.
    pub(crate) fn is_exempt(&self, path: &str) -> bool {
        let mut exempt = self.exempt_paths.iter();
        exempt.any(|exempt| match exempt.strip_suffix('*') {
            Some(beginning) => path.starts_with(beginning),
            None => path == exempt,
        })
    }
}
