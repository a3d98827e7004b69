//! How many leases a role may have at once.

use serde::{Deserialize, Serialize};

/// The most leases at once; zero for any number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// Of the role.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_active: u64,
    /// Of one requester of it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_active_per_requester: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Caps {
    /// Whether any number is allowed.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}
