//! What the engine needs of Confluent Cloud, as a trait.
//!
//! The real client implements it through a small adapter, and tests implement
//! it with a world of their own. Implementations retry nothing that could
//! happen twice, and never put a secret in an error.

mod caller;

use std::time::Duration;

pub use caller::{Caller, Class, Pace, RemovalBy, Waiting};

use async_trait::async_trait;
use jiff::Timestamp;
use logical::Error;
use readiness::{Places, Probe};

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

/// Confluent Cloud's control plane.
#[async_trait]
pub trait ControlPlane: Send + Sync {
    /// Checks what can be told without asking: the form of the address, the
    /// checksum of the secret, the roots. Gives warnings.
    ///
    /// # Errors
    /// A sentence that names the field and what to do.
    fn check_access(&self, access: &Access) -> Result<Vec<String>, String>;

    /// Makes a key. Not idempotent: a lost answer may have made one.
    async fn create_key(&self, access: &Access, key: &NewKey) -> Result<CreatedKey, CloudError>;

    /// Reads a key.
    async fn read_key(&self, access: &Access, id: &KeyId) -> Result<KnownKey, CloudError>;

    /// Lists the keys of one owner for one resource.
    async fn list_keys(&self, access: &Access, target: &Target) -> Result<KeyList, CloudError>;

    /// Lists the roles that a service account or user holds anywhere in the
    /// organization.
    async fn list_roles(
        &self,
        access: &Access,
        organization: &OrganizationId,
        owner: &OwnerId,
    ) -> Result<Vec<HeldRole>, CloudError>;

    /// Deletes a key.
    async fn delete_key(&self, access: &Access, id: &KeyId) -> Result<(), CloudError>;

    /// Tries whether keys work, where that can be done.
    fn prober(&self) -> Option<&dyn Probe<Access>> {
        None
    }

    /// Finds where keys can be tried, where that can be done.
    fn places(&self) -> Option<&dyn Places<Access>> {
        None
    }

    /// The pace of the organization, where one is kept. Asks nobody.
    fn pace(&self, _: &Access) -> Option<Pace> {
        None
    }

    /// Whether a service account or user exists.
    async fn find_owner(&self, access: &Access, owner: &OwnerId) -> Result<Presence, CloudError> {
        let _ = (access, owner);
        Ok(Presence::Unknown)
    }

    /// Whether a resource exists, in its environment where that is given.
    async fn find_resource(
        &self,
        access: &Access,
        resource: &ResourceId,
        environment: Option<&EnvironmentId>,
    ) -> Result<Presence, CloudError> {
        let _ = (access, resource, environment);
        Ok(Presence::Unknown)
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
