//! The parts of the control plane: one trait for each kind of request, and
//! [`ControlPlane`], the object that provides them.
//!
//! Only [`Keys`] is required. What an optional part would answer counts as unknown
//! where it is missing.

use async_trait::async_trait;
use readiness::{Places, Probe};

use super::{
    Access, CloudError, CreatedKey, HeldRole, KeyList, KnownKey, NewKey, Pace, Presence, Target,
};
use crate::SecretText;
use crate::ids::{EnvironmentId, KeyId, OrganizationId, OwnerId, ResourceId};

/// Makes, reads, lists and deletes API keys.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Validates an access offline: the form of the address, the checksum of the
    /// secret, the roots. Returns warnings.
    ///
    /// # Errors
    /// A message that names the field and a remedy.
    fn check_access(&self, access: &Access) -> Result<Vec<String>, String>;

    /// Validates the secret of a key offline, by its checksum.
    ///
    /// # Errors
    /// Why it cannot be right, and a remedy, without the secret.
    fn check_secret(&self, secret: &SecretText) -> Result<(), String>;

    /// Makes a key. Not idempotent: a lost answer may have made one.
    async fn create_key(&self, access: &Access, key: &NewKey) -> Result<CreatedKey, CloudError>;

    /// Reads a key.
    async fn read_key(&self, access: &Access, id: &KeyId) -> Result<KnownKey, CloudError>;

    /// Lists the keys of one owner for one resource.
    async fn list_keys(&self, access: &Access, target: &Target) -> Result<KeyList, CloudError>;

    /// Deletes a key.
    async fn delete_key(&self, access: &Access, id: &KeyId) -> Result<(), CloudError>;
}

/// Reads the roles of owners.
#[async_trait]
pub trait Rights: Send + Sync {
    /// Lists the roles that a service account or user holds anywhere in the
    /// organization.
    async fn list_roles(
        &self,
        access: &Access,
        organization: &OrganizationId,
        owner: &OwnerId,
    ) -> Result<Vec<HeldRole>, CloudError>;
}

/// Looks up owners and resources.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// Whether a service account or user exists.
    async fn find_owner(&self, access: &Access, owner: &OwnerId) -> Result<Presence, CloudError>;

    /// Whether a resource exists, in its environment where that is given.
    async fn find_resource(
        &self,
        access: &Access,
        resource: &ResourceId,
        environment: Option<&EnvironmentId>,
    ) -> Result<Presence, CloudError>;
}

/// Keeps the pace of an organization.
pub trait Paced: Send + Sync {
    /// The pace of the organization, once a request was sent to it. Sends none
    /// itself.
    fn pace(&self, access: &Access) -> Option<Pace>;
}

/// Confluent Cloud's control plane: keys, and optional parts.
pub trait ControlPlane: Keys {
    /// Reads the roles of owners, where available.
    fn rights(&self) -> Option<&dyn Rights> {
        None
    }

    /// Looks up owners and resources, where available.
    fn lookup(&self) -> Option<&dyn Lookup> {
        None
    }

    /// Reports the pace, where there is one.
    fn paced(&self) -> Option<&dyn Paced> {
        None
    }

    /// Probes keys, where available.
    fn prober(&self) -> Option<&dyn Probe<Access>> {
        None
    }

    /// Looks up the addresses of resources, where available.
    fn places(&self) -> Option<&dyn Places<Access>> {
        None
    }
}
