//! The engine's interface to Confluent Cloud: small traits on one object,
//! [`ControlPlane`].
//!
//! The real client implements it through a small adapter, and tests with a
//! simulated cloud. Implementations do not retry requests that could take effect
//! twice, and never put a secret in an error.

mod caller;
mod parts;

use std::time::Duration;

pub use caller::{Caller, Class, Pace, RemovalBy, Waiting};
pub use parts::{ControlPlane, Keys, Lookup, Paced, Rights};

use jiff::Timestamp;
use logical::Error;

use crate::SecretText;
use crate::ids::{EnvironmentId, KeyId, OrganizationId, OwnerId, ResourceId};

/// Access to an organization: the admin credential, the API that it is for, and the
/// caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Base address of the API.
    pub url: String,
    /// Id of the Cloud API key.
    pub key_id: KeyId,
    /// Its secret.
    pub secret: SecretText,
    /// Additional trusted roots, PEM; empty for none.
    pub ca_cert: String,
    /// On whose behalf the call is made.
    pub caller: Caller,
}

/// The owner and resource of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Target {
    /// The service account or user.
    pub owner: OwnerId,
    /// The resource that the key gives access to.
    pub resource: ResourceId,
    /// The environment of the resource, where its kind needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentId>,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Begins with the marker.
    pub display_name: String,
    /// Human-readable description.
    pub description: String,
    /// Its owner and resource.
    pub target: Target,
}

/// A new key. Confluent returns its secret only here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedKey {
    /// The key.
    pub key: KnownKey,
    /// The secret.
    pub secret: SecretText,
}

/// A key as Confluent describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// Its id.
    pub id: KeyId,
    /// Its display name.
    pub display_name: String,
    /// When it was made, if known.
    pub created_at: Option<Timestamp>,
    /// The organization, if known.
    pub organization: Option<OrganizationId>,
    /// The service account or user that it belongs to, if known.
    pub owner: Option<OwnerId>,
}

/// A role that a service account or user holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRole {
    /// Its name, such as `OrganizationAdmin`.
    pub name: String,
    /// Its scope: a resource name that begins with `crn://`.
    pub pattern: String,
}

/// Keys of one owner for one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyList {
    /// The keys.
    pub keys: Vec<KnownKey>,
    /// Whether the list is complete. Only then is absence meaningful.
    pub complete: bool,
}

/// The kinds of failure of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The admin credential is not valid (401).
    Unauthorized,
    /// The admin credential may not do this, or the object is gone (403).
    Forbidden,
    /// The object does not exist (404).
    NotFound,
    /// A quota is used up (402).
    QuotaReached,
    /// Too many requests (429).
    RateLimited,
    /// The request could not be sent in time at our own pace. Nothing was sent.
    HeldBack {
        /// How long the call would have had to wait.
        wait: Duration,
    },
    /// The request is wrong in another way (400, 409, 422).
    Rejected,
    /// Unreachable, timed out, or failing (5xx).
    Unavailable,
}

impl Failure {
    /// As a label of measurements.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::QuotaReached => "quota_reached",
            Self::RateLimited => "rate_limited",
            Self::HeldBack { .. } => "held_back",
            Self::Rejected => "rejected",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A failed request, with a message that names the request and a remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudError {
    /// The kind of failure.
    pub failure: Failure,
    /// A sentence for the user, without any secret.
    pub message: String,
    /// Whether the request may still have taken effect.
    pub outcome_unknown: bool,
}

impl From<CloudError> for Error {
    fn from(error: CloudError) -> Self {
        match error.failure {
            Failure::RateLimited | Failure::HeldBack { .. } => Self::rate_limited(error.message),
            Failure::Unavailable => Self::upstream(error.message),
            Failure::Unauthorized
            | Failure::Forbidden
            | Failure::NotFound
            | Failure::QuotaReached
            | Failure::Rejected => Self::bad_request(error.message),
        }
    }
}

/// Whether something exists, as far as the account can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It exists.
    Present,
    /// It does not exist, or the account may not see it.
    Absent,
    /// It cannot be determined.
    Unknown,
}

#[cfg(test)]
mod tests {
    use logical::ErrorClass;

    use super::*;

    #[test]
    fn a_call_that_was_held_back_is_told_to_come_back_in_its_own_words() {
        let words = "Lockkeeper keeps the pace of organization `o`: about 12s more; try again then";
        let error = Error::from(CloudError {
            failure: Failure::HeldBack {
                wait: Duration::from_secs(12),
            },
            message: words.into(),
            outcome_unknown: false,
        });
        assert_eq!(error.class(), ErrorClass::UpstreamRateLimited);
        assert_eq!(error.message(), words);
    }
}
