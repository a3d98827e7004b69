//! The parts of the control plane: one trait for each kind of question, and
//! [`ControlPlane`], the object that has them.
//!
//! Only [`Keys`] is needed to issue and revoke. What another part would tell is
//! taken to be unknown where an object does not have it.

use async_trait::async_trait;
use readiness::{Places, Probe};

use super::{
    Access, CloudError, CreatedKey, HeldRole, KeyList, KnownKey, NewKey, Pace, Presence, Target,
};
use crate::ids::{EnvironmentId, KeyId, OrganizationId, OwnerId, ResourceId};

/// Makes, reads, lists and deletes API keys.
#[async_trait]
pub trait Keys: Send + Sync {
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

    /// Deletes a key.
    async fn delete_key(&self, access: &Access, id: &KeyId) -> Result<(), CloudError>;
}

/// Reads what owners of keys may do.
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

/// Looks up what keys are made for.
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
    /// The pace of the organization, once it was asked for something. Asks
    /// nobody.
    fn pace(&self, access: &Access) -> Option<Pace>;
}

/// Confluent Cloud's control plane: keys, and the other parts where the object
/// has them.
pub trait ControlPlane: Keys {
    /// Reads what owners may do, where that can be done.
    fn rights(&self) -> Option<&dyn Rights> {
        None
    }

    /// Looks up owners and resources, where that can be done.
    fn lookup(&self) -> Option<&dyn Lookup> {
        None
    }

    /// Tells the pace, where one is kept.
    fn paced(&self) -> Option<&dyn Paced> {
        None
    }

    /// Tries whether keys work, where that can be done.
    fn prober(&self) -> Option<&dyn Probe<Access>> {
        None
    }

    /// Finds where keys can be tried, where that can be done.
    fn places(&self) -> Option<&dyn Places<Access>> {
        None
    }
}
