//! API keys and their life cycle.

use confluent_cloud::ApiSecret;
use confluent_cloud::ids::{ApiKeyId, OwnerId};
use jiff::Timestamp;

use super::{Resource, World};
use crate::Refusal;

/// A key, as the control plane remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id.
    pub id: ApiKeyId,
    /// Its secret, which only the answer to its creation contains.
    pub(crate) secret: ApiSecret,
    /// The service account or user.
    pub owner: OwnerId,
    /// What it is for.
    pub resource: Resource,
    /// Its name.
    pub display_name: String,
    /// Human-readable description.
    pub description: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its name or description changed last.
    pub updated_at: Timestamp,
    /// From when on it is accepted.
    pub usable_at: Timestamp,
    /// When it was last accepted.
    pub last_used_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// How often it was shown while only some places knew it.
    pub(super) tries: u32,
}

/// A key to be made. Ids are texts, for they may be wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewKey {
    /// Its name.
    pub display_name: String,
    /// Human-readable description.
    pub description: String,
    /// Id of its owner.
    pub owner: String,
    /// Id of what it is for; absent means the control plane.
    pub resource: Option<String>,
    /// The environment of the resource, where it is given.
    pub environment: Option<String>,
}

/// A key that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedKey {
    /// The key.
    pub key: Key,
    /// Its secret.
    pub secret: ApiSecret,
}

/// What may be changed in a key; absent members stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyChange {
    /// A new name.
    pub display_name: Option<String>,
    /// A new description.
    pub description: Option<String>,
}

impl World {
    /// Makes a key.
    ///
    /// # Errors
    /// By [`UnknownTarget`](crate::UnknownTarget) when owner or resource do not
    /// exist or do not fit each other; 402 when a quota is reached.
    pub fn create_key(&mut self, now: Timestamp, new: &NewKey) -> Result<CreatedKey, Refusal> {
        let owner = self
            .owner(&new.owner)
            .ok_or_else(|| Refusal::invalid_account(self.unknown_target))?;
        let resource_id = new.resource.as_deref().unwrap_or("cloud");
        let resource = self
            .resource(resource_id, new.environment.as_deref())
            .ok_or_else(|| {
                Refusal::unknown(
                    self.unknown_target,
                    "/spec/resource",
                    format!("resource {resource_id} is not valid"),
                )
            })?;
        self.may_have_key(&owner, &resource)?;
        let key = Key {
            id: self.new_id()?,
            secret: self.random.keys.secret(self.switches.old_secrets),
            owner,
            usable_at: self.propagation.of_key(now, &resource),
            resource,
            display_name: new.display_name.clone(),
            description: new.description.clone(),
            created_at: now,
            updated_at: now,
            last_used_at: None,
            deleted_at: None,
            tries: 0,
        };
        self.has_room_for(&key)?;
        self.add_key(key.clone());
        Ok(CreatedKey {
            secret: key.secret.clone(),
            key,
        })
    }

    /// Reads a key.
    ///
    /// # Errors
    /// 403 for a key that is gone or never was, 404 for a global one.
    pub fn read_key(&self, id: &str) -> Result<&Key, Refusal> {
        match self.key_place(id).and_then(|place| self.keys.get(place)) {
            Some(key) if key.deleted_at.is_none() => Ok(key),
            Some(key) if key.resource == Resource::Global => {
                let refusal = Refusal::key_not_found(id);
                Err(if self.switches.statuses_differ {
                    refusal.with_http_status(403)
                } else {
                    refusal
                })
            }
            _ => Err(Refusal::forbidden()),
        }
    }

    /// Lists the keys that exist, in the order in which they were made, of an
    /// owner and for a resource where these are given.
    pub fn list_keys<'a>(
        &'a self,
        owner: Option<&'a str>,
        resource: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Key> {
        self.keys
            .iter()
            .filter(move |key| key.deleted_at.is_none() && key.belongs(owner, resource))
    }

    /// Lists keys as [`World::list_keys`] would have done at an earlier time.
    pub(crate) fn list_keys_as_of<'a>(
        &'a self,
        at: Timestamp,
        owner: Option<&'a str>,
        resource: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Key> {
        self.keys.iter().filter(move |key| {
            key.created_at <= at
                && key.deleted_at.is_none_or(|gone| gone > at)
                && key.belongs(owner, resource)
        })
    }

    /// Changes the name or description of a key.
    ///
    /// # Errors
    /// As [`World::read_key`].
    pub fn update_key(
        &mut self,
        now: Timestamp,
        id: &str,
        change: KeyChange,
    ) -> Result<&Key, Refusal> {
        self.key_to_change(id)?;
        let key = self.live_key_mut(id).ok_or_else(Refusal::forbidden)?;
        if let Some(name) = change.display_name {
            key.display_name = name;
        }
        if let Some(description) = change.description {
            key.description = description;
        }
        key.updated_at = now;
        Ok(key)
    }

    /// Deletes a key; it stays in the list of all that ever were.
    ///
    /// # Errors
    /// As [`World::read_key`].
    pub fn delete_key(&mut self, now: Timestamp, id: &str) -> Result<(), Refusal> {
        self.key_to_change(id)?;
        let place = self.key_place(id);
        if let Some(key) = place.and_then(|place| self.keys.get_mut(place)) {
            key.deleted_at = Some(now);
            self.quotas.deleted(key);
        }
        Ok(())
    }

    /// Deletes all keys that fit, because what they belong to is gone.
    pub(super) fn delete_keys(&mut self, now: Timestamp, fits: impl Fn(&Key) -> bool) {
        for key in &mut self.keys {
            if key.deleted_at.is_none() && fits(key) {
                key.deleted_at = Some(now);
                self.quotas.deleted(key);
            }
        }
    }

    /// The cluster of the audit log accepts keys of one service account only, and
    /// no more than two.
    fn may_have_key(&self, owner: &OwnerId, resource: &Resource) -> Result<(), Refusal> {
        const MAX_KEYS: u64 = 2;
        let id = resource.id();
        let mut clusters = self.kafka_clusters.iter();
        let cluster = clusters.find(|cluster| cluster.id.as_str() == id);
        let Some(only) = cluster.and_then(|cluster| cluster.audit_log_account.as_ref()) else {
            return Ok(());
        };
        if owner != only {
            return Err(Refusal::invalid_account(self.unknown_target));
        }
        let keys = self.list_keys(None, Some(id)).zip(0..MAX_KEYS).count();
        if u64::try_from(keys).is_ok_and(|keys| keys < MAX_KEYS) {
            return Ok(());
        }
        let bad_request = self.switches.quota_is_bad_request;
        Err(Refusal::quota(id, MAX_KEYS, "API keys", bad_request))
    }

    /// A key that is to be changed or deleted.
    ///
    /// # Errors
    /// As [`World::read_key`], or 404 where the switch says so.
    pub(crate) fn key_to_change(&self, id: &str) -> Result<&Key, Refusal> {
        self.read_key(id).map_err(|refusal| {
            if self.switches.gone_key_is_not_found {
                Refusal::key_not_found(id)
            } else {
                refusal
            }
        })
    }

    /// The index of a key among all that were ever created. Page tokens of key
    /// lists contain it.
    pub(crate) fn key_place(&self, id: &str) -> Option<usize> {
        let id = ApiKeyId::new(id).ok()?;
        self.key_places.get(&id).copied()
    }

    pub(super) fn add_key(&mut self, key: Key) {
        if key.deleted_at.is_none() {
            self.quotas.added(&key);
        }
        self.key_places.insert(key.id.clone(), self.keys.len());
        self.keys.push(key);
    }

    fn live_key_mut(&mut self, id: &str) -> Option<&mut Key> {
        let place = self.key_place(id)?;
        let key = self.keys.get_mut(place)?;
        key.deleted_at.is_none().then_some(key)
    }

    fn new_id(&mut self) -> Result<ApiKeyId, Refusal> {
        loop {
            let id = ApiKeyId::new(self.random.keys.key_id()).map_err(|_| Refusal::not_found())?;
            if !self.key_places.contains_key(&id) {
                return Ok(id);
            }
        }
    }
}

impl Key {
    fn belongs(&self, owner: Option<&str>, resource: Option<&str>) -> bool {
        owner.is_none_or(|owner| self.owner.as_str() == owner)
            && resource.is_none_or(|resource| self.resource.id().eq_ignore_ascii_case(resource))
    }
}
