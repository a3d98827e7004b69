//! The rights of a token: the rules of its policies, filled in for its entity.

use std::sync::Arc;

use logical::Error;

use crate::identity::{Entities, Entity};
use crate::policies::{Acl, PolicyStore};
use crate::tokens::TokenEntry;

/// Decides what tokens may do.
pub(crate) struct Rights {
    policies: Arc<PolicyStore>,
    entities: Arc<Entities>,
}

impl Rights {
    /// The rights by these policies and entities.
    pub(crate) fn new(policies: &Arc<PolicyStore>, entities: &Arc<Entities>) -> Self {
        Self {
            policies: Arc::clone(policies),
            entities: Arc::clone(entities),
        }
    }

    /// The entity of a token, if it belongs to one.
    ///
    /// # Errors
    /// Permission denied if the entity is gone; otherwise an error of storage.
    pub(crate) async fn entity(&self, token: &TokenEntry) -> Result<Option<Arc<Entity>>, Error> {
        if token.entity_id.is_empty() {
            return Ok(None);
        }
        let entity = self.entities.get(&token.entity_id).await?;
        entity.ok_or_else(Error::permission_denied).map(Some)
    }

    /// What a token may do.
    ///
    /// # Errors
    /// A bad request if a value of its entity must not be filled in, permission
    /// denied if its entity is gone, otherwise an error of storage. Then nothing is
    /// allowed.
    pub(crate) async fn of(&self, token: &TokenEntry) -> Result<Arc<Acl>, Error> {
        let entity = self.entity(token).await?;
        self.of_entity(token, entity.as_ref()).await
    }

    /// The same, with the entity that the token is known to belong to.
    ///
    /// # Errors
    /// As [`Rights::of`].
    pub(crate) async fn of_entity(
        &self,
        token: &TokenEntry,
        entity: Option<&Arc<Entity>>,
    ) -> Result<Arc<Acl>, Error> {
        let acl = self.policies.acl(&token.policies).await?;
        match entity {
            Some(entity) if acl.has_templates() => {
                self.policies.filled(&token.policies, &acl, entity)
            }
            _ => Ok(acl),
        }
    }
}
