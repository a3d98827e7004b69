//! A control plane that makes, lists and deletes keys in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use engine::SecretText;
use engine::control_plane::{
    Access, CloudError, ControlPlane, CreatedKey, Failure, HeldRole, KeyList, Keys, KnownKey,
    NewKey, Rights, Target,
};
use engine::ids::{KeyId, OrganizationId, OwnerId};

/// The one organization.
const ORGANIZATION: &str = "0f0f0f0f-1111-2222-3333-444444444444";

/// Keys by their ids.
#[derive(Default)]
pub(crate) struct Cloud(Mutex<BTreeMap<String, NewKey>>);

impl Cloud {
    fn keys(&self) -> MutexGuard<'_, BTreeMap<String, NewKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn known(id: &str, name: &str, owner: OwnerId) -> KnownKey {
    KnownKey {
        id: KeyId::new(id),
        display_name: name.to_owned(),
        created_at: None,
        organization: Some(OrganizationId::new(ORGANIZATION)),
        owner: Some(owner),
    }
}

fn gone() -> CloudError {
    CloudError {
        failure: Failure::Forbidden,
        message: "forbidden".into(),
        outcome_unknown: false,
    }
}

#[async_trait]
impl Keys for Cloud {
    fn check_access(&self, _: &Access) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }

    fn check_secret(&self, _: &SecretText) -> Result<(), String> {
        Ok(())
    }

    async fn create_key(&self, _: &Access, key: &NewKey) -> Result<CreatedKey, CloudError> {
        let mut keys = self.keys();
        let id = format!("KEY{:04}", keys.len());
        keys.insert(id.clone(), key.clone());
        Ok(CreatedKey {
            key: known(&id, &key.display_name, key.target.owner.clone()),
            secret: SecretText::new(format!("secret-of-{id}")),
        })
    }

    async fn read_key(&self, access: &Access, id: &KeyId) -> Result<KnownKey, CloudError> {
        if *id == access.key_id {
            return Ok(known(id.as_str(), "admin", OwnerId::new("sa-admin")));
        }
        let keys = self.keys();
        let key = keys.get(id.as_str()).ok_or_else(gone)?;
        Ok(known(
            id.as_str(),
            &key.display_name,
            key.target.owner.clone(),
        ))
    }

    async fn list_keys(&self, _: &Access, target: &Target) -> Result<KeyList, CloudError> {
        let keys = self.keys();
        let listed = keys.iter().filter(|(_, key)| key.target == *target);
        Ok(KeyList {
            keys: listed
                .map(|(id, key)| known(id, &key.display_name, key.target.owner.clone()))
                .collect(),
            complete: true,
        })
    }

    async fn delete_key(&self, _: &Access, id: &KeyId) -> Result<(), CloudError> {
        self.keys().remove(id.as_str()).map(|_| ()).ok_or_else(gone)
    }
}

#[async_trait]
impl Rights for Cloud {
    async fn list_roles(
        &self,
        _: &Access,
        _: &OrganizationId,
        _: &OwnerId,
    ) -> Result<Vec<HeldRole>, CloudError> {
        Ok(vec![HeldRole {
            name: "OrganizationAdmin".into(),
            pattern: format!("crn://confluent.cloud/organization={ORGANIZATION}"),
        }])
    }
}

impl ControlPlane for Cloud {
    fn rights(&self) -> Option<&dyn Rights> {
        Some(self)
    }
}
