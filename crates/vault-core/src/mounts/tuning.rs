//! Changes of a mount's settings.

use std::collections::BTreeMap;

use crate::routing::{ListingVisibility, LockoutTuning, MountTokenType, MountTuning};

/// Changes of a mount's settings; `None` leaves a setting as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tuning {
    pub(crate) default_lease_ttl: Option<u64>,
    pub(crate) max_lease_ttl: Option<u64>,
    pub(crate) description: Option<String>,
    /// Merged into the existing options.
    pub(crate) options: BTreeMap<String, String>,
    pub(crate) force_no_cache: Option<bool>,
    pub(crate) listing_visibility: Option<ListingVisibility>,
    pub(crate) audit_non_hmac_request_keys: Option<Vec<String>>,
    pub(crate) audit_non_hmac_response_keys: Option<Vec<String>>,
    pub(crate) passthrough_request_headers: Option<Vec<String>>,
    pub(crate) allowed_response_headers: Option<Vec<String>>,
    pub(crate) plugin_version: Option<String>,
    /// For auth methods only.
    pub(crate) token_type: Option<MountTokenType>,
    /// For auth methods only. What it does not say stays as it is.
    pub(crate) user_lockout: Option<LockoutTuning>,
}

impl Tuning {
    /// Applies all changes except those of the TTLs.
    pub(crate) fn apply_to(&self, tuning: &mut MountTuning) {
        fn set<T: Clone>(to: &mut T, given: Option<&T>) {
            if let Some(given) = given {
                to.clone_from(given);
            }
        }
        set(&mut tuning.force_no_cache, self.force_no_cache.as_ref());
        set(
            &mut tuning.listing_visibility,
            self.listing_visibility.as_ref(),
        );
        set(
            &mut tuning.audit_non_hmac_request_keys,
            self.audit_non_hmac_request_keys.as_ref(),
        );
        set(
            &mut tuning.audit_non_hmac_response_keys,
            self.audit_non_hmac_response_keys.as_ref(),
        );
        set(
            &mut tuning.passthrough_request_headers,
            self.passthrough_request_headers.as_ref(),
        );
        set(
            &mut tuning.allowed_response_headers,
            self.allowed_response_headers.as_ref(),
        );
        set(&mut tuning.plugin_version, self.plugin_version.as_ref());
        set(&mut tuning.token_type, self.token_type.as_ref());
        if let Some(lockout) = self.user_lockout {
            let before = tuning.user_lockout.unwrap_or_default();
            tuning.user_lockout = Some(lockout.or(before));
        }
    }
}
