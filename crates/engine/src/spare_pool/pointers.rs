//! The pointers to spares in storage. A pointer says no more than that a key is one:
//! the key's own entry counts. It is written before the key's intent, and goes
//! before the key does or after somebody took it (`lifecycle.md`, 32).

use std::sync::Arc;

use async_trait::async_trait;
use logical::{Error, Storage};
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::credential::Purpose;
use crate::ids::{CredentialId, Generation, RoleName};
use crate::ledger::Pins;

const SPARES: &str = "lockkeeper/spare/";

/// The pointers of a mount's storage, in a folder for each generation of a role.
pub(crate) struct SparePointers {
    storage: Arc<dyn Storage>,
}

#[derive(Serialize, Deserialize)]
struct Pointer {
    role: RoleName,
}

impl SparePointers {
    pub(crate) fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage }
    }

    /// Notes that a key is a spare of a role.
    pub(crate) async fn put(
        &self,
        generation: &Generation,
        id: &CredentialId,
        role: &RoleName,
    ) -> Result<(), Error> {
        let pointer = codec::encode(&Pointer { role: role.clone() })?;
        self.storage.put(&place(generation, id), &pointer).await
    }

    /// A key is a spare no more.
    pub(crate) async fn delete(
        &self,
        generation: &Generation,
        id: &CredentialId,
    ) -> Result<(), Error> {
        self.storage.delete(&place(generation, id)).await
    }

    /// Whether a key is a spare.
    pub(crate) async fn names(
        &self,
        generation: &Generation,
        id: &CredentialId,
    ) -> Result<bool, Error> {
        let found = self.storage.get(&place(generation, id)).await?;
        Ok(found.is_some())
    }

    /// The spares of a generation.
    pub(crate) async fn of(&self, generation: &Generation) -> Result<Vec<CredentialId>, Error> {
        let names = self.storage.list(&folder(generation)).await?;
        Ok(names
            .iter()
            .filter_map(|name| CredentialId::parse(name))
            .collect())
    }

    /// All generations that have spares, with the role of each.
    pub(crate) async fn generations(&self) -> Result<Vec<(Generation, RoleName)>, Error> {
        let mut found = Vec::new();
        for name in self.storage.list(SPARES).await? {
            let Some(generation) = Generation::parse(name.trim_end_matches('/')) else {
                continue;
            };
            let Some(id) = self.of(&generation).await?.into_iter().next() else {
                continue;
            };
            let pointer: Option<Pointer> =
                codec::read(&*self.storage, &place(&generation, &id)).await?;
            found.extend(pointer.map(|pointer| (generation, pointer.role)));
        }
        Ok(found)
    }
}

fn folder(generation: &Generation) -> String {
    format!("{SPARES}{generation}/")
}

fn place(generation: &Generation, id: &CredentialId) -> String {
    format!("{}{id}", folder(generation))
}

/// The records that keep keys: those of static roles, and the pointers to spares.
pub(crate) struct AllPins {
    pub(crate) static_roles: Arc<dyn Pins>,
    pub(crate) spares: Arc<SparePointers>,
}

#[async_trait]
impl Pins for AllPins {
    async fn names(&self, purpose: &Purpose, id: &CredentialId) -> Result<bool, Error> {
        if let Purpose::Role { generation, .. } = purpose
            && self.spares.names(generation, id).await?
        {
            return Ok(true);
        }
        // It may have taken over a key that was a role's.
        self.static_roles.names(purpose, id).await
    }
}
