//! API keys: who may do what with them, and what they are.

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
    /// Its secret, which is told once.
    pub(crate) secret: ApiSecret,
    /// The service account or user.
    pub owner: OwnerId,
    /// What it is for.
    pub resource: Resource,
    /// Its name.
    pub display_name: String,
    /// Words for people.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its name or description changed last.
    pub updated_at: Timestamp,
    /// From when on it is accepted.
    pub usable_at: Timestamp,
    /// When it was last accepted.
    pub last_used_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// A key to be made. Ids are texts, for they may be wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewKey {
    /// Its name.
    pub display_name: String,
    /// Words for people.
    pub description: String,
    /// Id of its owner.
    pub owner: String,
    /// Id of what it is for; absent means the control plane.
    pub resource: Option<String>,
    /// The environment of that, where it is told.
    pub environment: Option<String>,
}

/// A key that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedKey {
    /// The key.
    pub key: Key,
    /// Its secret, told this once.
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

/// Who asks, once its key was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    owner: OwnerId,
    admin: bool,
}

impl Caller {
    /// Whether it may make keys for `owner`, and read, change and delete them:
    /// an `OrganizationAdmin` all keys, a user its own, a service account
    /// without a role none.
    pub fn may_manage(&self, owner: &str) -> bool {
        self.admin || (self.owner.as_str() == owner && owner.starts_with("u-"))
    }
}

impl World {
    /// Accepts a key of the control plane and notes its use.
    ///
    /// # Errors
    /// 401 in one of two wordings.
    pub fn authenticate(
        &mut self,
        now: Timestamp,
        id: &str,
        secret: &str,
    ) -> Result<Caller, Refusal> {
        let key = self
            .live_key_mut(id)
            .filter(|key| key.usable_at <= now)
            .ok_or_else(Refusal::unauthorized)?;
        let for_control_plane = matches!(key.resource, Resource::Cloud | Resource::Global);
        if key.secret.expose() != secret || !for_control_plane {
            return Err(Refusal::wrong_key());
        }
        key.last_used_at = Some(now);
        let owner = key.owner.clone();
        let admin = self.admins.contains(&owner);
        Ok(Caller { owner, admin })
    }

    /// Makes a key.
    ///
    /// # Errors
    /// By [`UnknownTarget`](crate::UnknownTarget) when owner or resource do not
    /// exist.
    pub fn create_key(&mut self, now: Timestamp, new: &NewKey) -> Result<CreatedKey, Refusal> {
        let unknown = |pointer, what: &str, id: &str| {
            Refusal::unknown(self.unknown_target, pointer, what, id)
        };
        let owner = self
            .owner(&new.owner)
            .ok_or_else(|| unknown("/spec/owner", "owner", &new.owner))?;
        let resource_id = new.resource.as_deref().unwrap_or("cloud");
        let resource = self
            .resource(resource_id, new.environment.as_deref())
            .ok_or_else(|| unknown("/spec/resource", "resource", resource_id))?;
        let key = Key {
            id: self.new_id()?,
            secret: self.random.secret(),
            owner,
            resource,
            display_name: new.display_name.clone(),
            description: new.description.clone(),
            created_at: now,
            updated_at: now,
            usable_at: now,
            last_used_at: None,
            deleted_at: None,
        };
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
            Some(key) if key.resource == Resource::Global => Err(Refusal::key_not_found(id)),
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
        self.keys.iter().filter(move |key| {
            key.deleted_at.is_none()
                && owner.is_none_or(|owner| key.owner.as_str() == owner)
                && resource.is_none_or(|resource| key.resource.id().eq_ignore_ascii_case(resource))
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
        self.read_key(id)?;
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
        self.read_key(id)?;
        let key = self.live_key_mut(id).ok_or_else(Refusal::forbidden)?;
        key.deleted_at = Some(now);
        Ok(())
    }

    /// The position of a key among all that were ever made; of a listing it
    /// tells where the next page begins.
    pub(crate) fn key_place(&self, id: &str) -> Option<usize> {
        let id = ApiKeyId::new(id).ok()?;
        self.key_places.get(&id).copied()
    }

    pub(super) fn add_key(&mut self, key: Key) {
        self.key_places.insert(key.id.clone(), self.keys.len());
        self.keys.push(key);
    }

    fn owner(&self, id: &str) -> Option<OwnerId> {
        let accounts = self.service_accounts.iter().map(|account| &account.id);
        let users = self.users.iter().map(|user| &user.id);
        accounts
            .chain(users)
            .find(|known| known.as_str() == id)
            .cloned()
    }

    fn live_key_mut(&mut self, id: &str) -> Option<&mut Key> {
        let place = self.key_place(id)?;
        let key = self.keys.get_mut(place)?;
        key.deleted_at.is_none().then_some(key)
    }

    fn new_id(&mut self) -> Result<ApiKeyId, Refusal> {
        loop {
            let id = ApiKeyId::new(self.random.key_id()).map_err(|_| Refusal::not_found())?;
            if !self.key_places.contains_key(&id) {
                return Ok(id);
            }
        }
    }
}
