//! What the engine needs of Confluent Cloud, as small traits on one object:
//! [`ControlPlane`], of which a caller takes the part that it needs.
//!
//! The real client implements it through a small adapter, and tests implement
//! it with a world of their own. Implementations retry nothing that could
//! happen twice, and never put a secret in an error.

mod caller;
mod parts;

use std::time::Duration;

pub use caller::{Caller, Class, Pace, RemovalBy, Waiting};
pub use parts::{ControlPlane, Keys, Lookup, Paced, Rights};

use jiff::Timestamp;
use logical::Error;

use crate::SecretText;
use crate::ids::{EnvironmentId, KeyId, OrganizationId, OwnerId, ResourceId};

/// How to reach an organization: the admin credential, where it is valid, and
/// who uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Base address of the API.
    pub url: String,
    /// Id of the Cloud API key.
    pub key_id: KeyId,
    /// Its secret.
    pub secret: SecretText,
    /// Further trusted roots, PEM; empty for none.
    pub ca_cert: String,
    /// On whose behalf the call is made.
    pub caller: Caller,
}

/// For whom and for what a key is made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Target {
    /// The service account or user.
    pub owner: OwnerId,
    /// What the key gives access to.
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
    /// Words for people.
    pub description: String,
    /// For whom and for what.
    pub target: Target,
}

/// A key that was just made: the only time that its secret is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedKey {
    /// What is known of it.
    pub key: KnownKey,
    /// The secret.
    pub secret: SecretText,
}

/// What Confluent tells of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// Its id.
    pub id: KeyId,
    /// Its display name.
    pub display_name: String,
    /// When it was made, where told.
    pub created_at: Option<Timestamp>,
    /// The organization, where told.
    pub organization: Option<OrganizationId>,
    /// The service account or user that it belongs to, where told.
    pub owner: Option<OwnerId>,
}

/// A role that a service account or user holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRole {
    /// Its name, such as `OrganizationAdmin`.
    pub name: String,
    /// Where it holds: a resource name that begins with `crn://`.
    pub pattern: String,
}

/// Keys of one owner for one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyList {
    /// The keys.
    pub keys: Vec<KnownKey>,
    /// Whether these are all. Only then does absence mean anything.
    pub complete: bool,
}

/// Why Confluent did not do what was asked.
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
    /// Our own pace left no room for the call in time. Nothing was sent, and
    /// Confluent knows nothing of it.
    HeldBack {
        /// How long the call would have had to wait.
        wait: Duration,
    },
    /// The request is wrong in another way (400, 409, 422).
    Rejected,
    /// Not reachable, not answering, or failing (5xx).
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

/// A failed call: what went wrong, in words that name request and remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudError {
    /// What kind of failure.
    pub failure: Failure,
    /// A sentence for the user, without any secret.
    pub message: String,
    /// Whether the request may have been carried out all the same.
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

/// Whether something is there, as far as an account is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    Present,
    /// It is not, or the account may not see it.
    Absent,
    /// There is no way to ask.
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
