//! Roles: for whom and for what keys are made, and for how long.

use std::sync::Arc;
use std::time::Duration;

use logical::{Clock, Error, Storage};
use serde::{Deserialize, Serialize};

use crate::control_plane::Target;
use crate::ids::{EnvironmentId, Generation, RoleName};
use crate::ledger::codec;
use crate::remembered::Remembered;

const PREFIX: &str = "lockkeeper/role/";

/// A role, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: RoleName,
    /// For whom and for what.
    pub target: Target,
    /// The owner's environment, kept for the Go plugin's users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_environment: Option<EnvironmentId>,
    /// Time to live of a lease; zero for the mount's.
    pub ttl_seconds: u64,
    /// Longest life of a lease; zero for the mount's.
    pub max_ttl_seconds: u64,
    /// Words for the key's description; empty for our own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key_description: String,
    /// Whether all readers get one key.
    pub multi_use_key: bool,
    /// Which shared key the readers get.
    pub generation: Generation,
}

impl Role {
    /// Time to live of a lease; zero for the mount's.
    pub fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl_seconds)
    }

    /// Longest life of a lease; zero for the mount's.
    pub fn max_ttl(&self) -> Duration {
        Duration::from_secs(self.max_ttl_seconds)
    }
}

/// The roles in a mount's storage.
pub(crate) struct Roles {
    storage: Arc<dyn Storage>,
    remembered: Remembered<Role>,
}

impl Roles {
    pub(crate) fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        let remembered = Remembered::new(Arc::clone(&storage), clock);
        Self {
            storage,
            remembered,
        }
    }

    /// A role, for a lease: from memory where it was read a moment ago.
    pub(crate) async fn for_lease(&self, name: &RoleName) -> Result<Option<Arc<Role>>, Error> {
        self.remembered.get(&place(name)).await
    }

    /// A role, as it is stored.
    pub(crate) async fn get(&self, name: &RoleName) -> Result<Option<Role>, Error> {
        self.remembered.read(&place(name)).await
    }

    pub(crate) async fn put(&self, role: &Role) -> Result<(), Error> {
        let key = place(&role.name);
        let _changing = self.remembered.changing();
        self.storage.put(&key, &codec::encode(role)?).await
    }

    pub(crate) async fn delete(&self, name: &RoleName) -> Result<(), Error> {
        let key = place(name);
        let _changing = self.remembered.changing();
        self.storage.delete(&key).await
    }

    /// Reads all roles anew the next time.
    pub(crate) fn invalidate(&self) {
        self.remembered.forget();
    }

    pub(crate) async fn all(&self) -> Result<Vec<Role>, Error> {
        let mut roles = Vec::new();
        for name in self.list().await? {
            roles.extend(self.get(&RoleName::new(name)).await?);
        }
        Ok(roles)
    }

    pub(crate) async fn list(&self) -> Result<Vec<String>, Error> {
        self.storage.list(PREFIX).await
    }
}

fn place(name: &RoleName) -> String {
    format!("{PREFIX}{name}")
}
