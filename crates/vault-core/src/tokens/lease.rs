//! The lease of a token: an entry among the leases that names it. When the
//! token ends is written with the token alone.

use serde::{Deserialize, Serialize};

use super::entry::{TokenEntry, TokenKind};

/// Where leases are stored, below `sys/`.
pub(crate) const LEASES: &str = "expire/id/";

/// The stored form. No other entry has its member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenLease {
    /// Salted hash of the token.
    pub(crate) token_lease_of: String,
}

/// The id of a token's lease, or `None` for a token that never expires or is
/// not stored.
pub(crate) fn lease_id(entry: &TokenEntry, salted: &str) -> Option<String> {
    entry.lifetime.as_ref()?;
    if entry.kind == TokenKind::Batch {
        return None;
    }
    Some(format!("{}/{salted}", entry.path.trim_end_matches('/')))
}
