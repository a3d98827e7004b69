//! Settings of a mount other than the TTLs of its leases.

use logical::{Error, Object};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::LockoutTuning;

/// Who can see a mount in `sys/internal/ui/mounts`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListingVisibility {
    /// Not set: callers whose policies reach the mount.
    #[default]
    Default,
    /// Callers whose policies reach the mount.
    Hidden,
    /// Everybody, even without a token.
    Unauth,
}

impl ListingVisibility {
    /// The value as clients write it; empty when not set.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Default => "",
            Self::Hidden => "hidden",
            Self::Unauth => "unauth",
        }
    }

    /// Parses the value that clients write.
    ///
    /// # Errors
    /// A bad request that names the field and the accepted values.
    pub(crate) fn of_text(text: &str) -> Result<Self, Error> {
        let all = [Self::Default, Self::Hidden, Self::Unauth];
        let found = all.into_iter().find(|known| known.as_str() == text);
        found.ok_or_else(|| {
            Error::bad_request(format!(
                "`listing_visibility` is {text:?}: use `unauth`, `hidden`, or nothing"
            ))
        })
    }
}

/// Settings of a mount, with Vault's names and meanings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MountTuning {
    /// Reads are answered from storage, never from a cache.
    pub force_no_cache: bool,
    /// Who can see the mount before being authorized.
    pub listing_visibility: ListingVisibility,
    /// Request fields that audit devices log in plain text.
    pub audit_non_hmac_request_keys: Vec<String>,
    /// Response fields that audit devices log in plain text.
    pub audit_non_hmac_response_keys: Vec<String>,
    /// Request headers that are passed to the engine.
    pub passthrough_request_headers: Vec<String>,
    /// Headers that the engine may add to responses.
    pub allowed_response_headers: Vec<String>,
    /// The requested version of the engine, or empty.
    pub plugin_version: String,
    /// Type of the tokens of an auth method.
    pub token_type: MountTokenType,
    /// When wrong logins lock a user of an auth method out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_lockout: Option<LockoutTuning>,
}

/// Type of the tokens of an auth method, unless a role of it says another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountTokenType {
    /// Stored tokens, unless a role says another type.
    #[default]
    DefaultService,
    /// Self-contained tokens, unless a role says another type.
    DefaultBatch,
    /// Stored tokens.
    Service,
    /// Self-contained tokens.
    Batch,
}

impl MountTokenType {
    /// The value as clients write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::DefaultService => "default-service",
            Self::DefaultBatch => "default-batch",
            Self::Service => "service",
            Self::Batch => "batch",
        }
    }

    /// Parses the value that clients write; an empty one is the default.
    ///
    /// # Errors
    /// A bad request with Vault's text.
    pub(crate) fn of_text(text: &str) -> Result<Self, Error> {
        let all = [
            Self::DefaultService,
            Self::DefaultBatch,
            Self::Service,
            Self::Batch,
        ];
        if text.is_empty() {
            return Ok(Self::default());
        }
        let found = all.into_iter().find(|known| known.as_str() == text);
        found.ok_or_else(|| Error::bad_request("invalid value for 'token_type'"))
    }
}

impl MountTuning {
    /// The members of `config` in `sys/mounts` and of `tune`. What is not set is
    /// left out, as in Vault (`mountInfo` in `vault/logical_system.go`).
    pub(crate) fn insert_into(&self, config: &mut Object) {
        config.insert("force_no_cache".into(), self.force_no_cache.into());
        let visibility = self.listing_visibility.as_str();
        if !visibility.is_empty() {
            config.insert("listing_visibility".into(), visibility.into());
        }
        for (name, list) in [
            (
                "audit_non_hmac_request_keys",
                &self.audit_non_hmac_request_keys,
            ),
            (
                "audit_non_hmac_response_keys",
                &self.audit_non_hmac_response_keys,
            ),
            (
                "passthrough_request_headers",
                &self.passthrough_request_headers,
            ),
            ("allowed_response_headers", &self.allowed_response_headers),
        ] {
            if !list.is_empty() {
                config.insert(name.into(), Value::from(list.as_slice()));
            }
        }
    }
}
