//! Roles and secret ids in storage.
//!
//! | place | what |
//! |---|---|
//! | `role/<name>` | a role |
//! | `role-id/<hash>` | the name of the role with this id |
//! | `secret-id/<hash of the role's name>/<hash>` | a secret id |
//! | `accessor/<hash>` | the secret id with this accessor |

use std::sync::Arc;

use logical::effects::NamedGuard;
use logical::{Condition, Entropy, Error, NamedLocks, Storage, Write};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::hashes::{self, Hashes, KEY_LENGTH, Purpose};
use crate::role::{Role, RoleKey};
use crate::secret_id::SecretId;

const ROLES: &str = "role/";
const ROLE_IDS: &str = "role-id/";
const SECRET_IDS: &str = "secret-id/";
const ACCESSORS: &str = "accessor/";
/// Number of secret ids that are removed together.
const BATCH: usize = 128;

/// The storage of one mount.
pub(crate) struct Store {
    storage: Arc<dyn Storage>,
    pub(crate) entropy: Arc<dyn Entropy>,
    hashes: OnceCell<Hashes>,
    /// Held by name while a role or its secret ids are changed.
    changing: NamedLocks,
}

/// Which role has an id.
#[derive(Serialize, Deserialize)]
struct RoleId {
    name: String,
}

/// Which secret id has an accessor.
#[derive(Serialize, Deserialize)]
pub(crate) struct AccessorEntry {
    /// Its place in storage.
    secret_id: String,
}

/// A secret id with its place, and the bytes that were read there.
pub(crate) struct Found {
    pub(crate) key: String,
    pub(crate) entry: SecretId,
    bytes: Zeroizing<Vec<u8>>,
}

impl Found {
    /// The condition that nobody changed it since.
    pub(crate) fn unchanged(&self) -> Condition {
        Condition::unchanged(self.key.clone(), self.bytes.clone())
    }
}

impl Store {
    pub(crate) fn new(storage: Arc<dyn Storage>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            storage,
            entropy,
            hashes: OnceCell::new(),
            changing: NamedLocks::default(),
        }
    }

    async fn hash(&self, purpose: Purpose, text: &str) -> Result<String, Error> {
        let open = || Hashes::open(self.storage.as_ref(), self.entropy.as_ref());
        let hashes = self.hashes.get_or_try_init(open).await?;
        Ok(hashes.hash(purpose, text))
    }

    /// Excludes other changes of a role and its secret ids.
    pub(crate) async fn lock(&self, role: &str) -> NamedGuard<'_> {
        self.changing.lock(role).await
    }

    /// A new key for a role.
    pub(crate) fn role_key(&self) -> RoleKey {
        let mut key = Zeroizing::new(vec![0; KEY_LENGTH]);
        self.entropy.fill(&mut key);
        RoleKey::new(key)
    }

    pub(crate) async fn role(&self, name: &str) -> Result<Option<Role>, Error> {
        Ok(self.read(&role_key(name)).await?.map(|(role, _)| role))
    }

    /// A role with the condition that nobody changed it since.
    pub(crate) async fn role_for_login(
        &self,
        name: &str,
    ) -> Result<Option<(Role, Condition)>, Error> {
        let key = role_key(name);
        let found = self.read(&key).await?;
        Ok(found.map(|(role, bytes)| (role, Condition::unchanged(key, bytes))))
    }

    pub(crate) async fn roles(&self) -> Result<Vec<String>, Error> {
        self.storage.list(ROLES).await
    }

    /// The name of the role with an id.
    pub(crate) async fn role_by_id(&self, id: &str) -> Result<Option<String>, Error> {
        let key = self.role_id_key(id).await?;
        let found = self.read::<RoleId>(&key).await?;
        Ok(found.map(|(role, _)| role.name))
    }

    /// Stores a role whose lock is held. `old` is what is stored of it.
    ///
    /// # Errors
    /// A bad request if another role has its id.
    pub(crate) async fn put_role(&self, role: &Role, old: Option<&Role>) -> Result<(), Error> {
        let id_key = self.role_id_key(&role.role_id).await?;
        let mut conditions = Vec::new();
        let mut batch = Vec::new();
        if old.is_none_or(|old| old.role_id != role.role_id) {
            conditions.push(Condition::absent(id_key.clone()));
            let name = role.name.clone();
            batch.push(put(id_key, &RoleId { name })?);
            if let Some(old) = old {
                batch.push(Write::delete(self.role_id_key(&old.role_id).await?));
            }
        }
        batch.push(put(role_key(&role.name), role)?);
        if self.storage.apply_if(conditions, batch).await? {
            return Ok(());
        }
        Err(Error::bad_request("role_id already in use"))
    }

    /// Deletes a role whose lock is held, with all its secret ids. They go
    /// first, so that what a cut leaves is deleted by the next attempt.
    pub(crate) async fn delete_role(&self, role: &Role) -> Result<(), Error> {
        let folder = self.folder(role).await?;
        let names = self.storage.list(&folder).await?;
        for names in names.chunks(BATCH) {
            let mut batch = Vec::new();
            for name in names {
                let key = format!("{folder}{name}");
                if let Some(found) = self.found(key).await? {
                    batch.extend(self.removals(&found).await?);
                }
            }
            self.storage.apply(batch).await?;
        }
        let batch = vec![
            Write::delete(role_key(&role.name)),
            Write::delete(self.role_id_key(&role.role_id).await?),
        ];
        self.storage.apply(batch).await
    }

    /// Stores a new secret id.
    ///
    /// # Errors
    /// A bad request if the role has it already.
    pub(crate) async fn put_secret_id(
        &self,
        role: &Role,
        text: &str,
        entry: &SecretId,
    ) -> Result<(), Error> {
        let key = self.secret_id_key(role, text).await?;
        let accessor = AccessorEntry {
            secret_id: key.clone(),
        };
        let batch = vec![
            put(self.accessor_key(&entry.accessor).await?, &accessor)?,
            put(key.clone(), entry)?,
        ];
        if self
            .storage
            .apply_if(vec![Condition::absent(key)], batch)
            .await?
        {
            return Ok(());
        }
        Err(Error::bad_request(
            "failed to store secret_id: SecretID is already registered",
        ))
    }

    /// A secret id of a role.
    pub(crate) async fn secret_id(&self, role: &Role, text: &str) -> Result<Option<Found>, Error> {
        let key = self.secret_id_key(role, text).await?;
        self.found(key).await
    }

    /// The secret id with an accessor, if it belongs to this role.
    pub(crate) async fn by_accessor(
        &self,
        role: &Role,
        accessor: &str,
    ) -> Result<Option<Found>, Error> {
        let key = self.accessor_key(accessor).await?;
        let Some((entry, _)) = self.read::<AccessorEntry>(&key).await? else {
            return Ok(None);
        };
        if !entry.secret_id.starts_with(&self.folder(role).await?) {
            return Ok(None);
        }
        self.found(entry.secret_id).await
    }

    /// The accessors of a role's secret ids.
    pub(crate) async fn accessors(&self, role: &Role) -> Result<Vec<String>, Error> {
        let folder = self.folder(role).await?;
        let mut accessors = Vec::new();
        for name in self.storage.list(&folder).await? {
            if let Some(found) = self.found(format!("{folder}{name}")).await? {
                accessors.push(found.entry.accessor);
            }
        }
        Ok(accessors)
    }

    /// The places of all secret ids.
    pub(crate) async fn all_secret_ids(&self) -> Result<Vec<String>, Error> {
        let mut keys = Vec::new();
        for folder in self.storage.list(SECRET_IDS).await? {
            let folder = format!("{SECRET_IDS}{folder}");
            let names = self.storage.list(&folder).await?;
            keys.extend(names.into_iter().map(|name| format!("{folder}{name}")));
        }
        Ok(keys)
    }

    /// The secret id at a place.
    pub(crate) async fn found(&self, key: String) -> Result<Option<Found>, Error> {
        let found = self.read::<SecretId>(&key).await?;
        Ok(found.map(|(entry, bytes)| Found { key, entry, bytes }))
    }

    /// Removes a secret id, unless it was changed since it was read. Returns
    /// whether it is gone.
    pub(crate) async fn remove(&self, found: &Found) -> Result<bool, Error> {
        let removals = self.removals(found).await?;
        self.storage
            .apply_if(vec![found.unchanged()], removals)
            .await
    }

    /// The changes that remove a secret id.
    pub(crate) async fn removals(&self, found: &Found) -> Result<Vec<Write>, Error> {
        Ok(vec![
            Write::delete(self.accessor_key(&found.entry.accessor).await?),
            Write::delete(found.key.clone()),
        ])
    }

    async fn read<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<(T, Zeroizing<Vec<u8>>)>, Error> {
        let Some(bytes) = self.storage.get(key).await? else {
            return Ok(None);
        };
        let record = serde_json::from_slice(&bytes).map_err(|error| {
            // The text of the error may quote the value: only its place is told.
            Error::internal(format!(
                "storage entry `{key}` cannot be read (line {}, column {}): restore it from a backup",
                error.line(),
                error.column()
            ))
        })?;
        Ok(Some((record, bytes)))
    }

    async fn role_id_key(&self, id: &str) -> Result<String, Error> {
        let hash = self.hash(Purpose::RoleId, id).await?;
        Ok(format!("{ROLE_IDS}{hash}"))
    }

    async fn accessor_key(&self, accessor: &str) -> Result<String, Error> {
        let hash = self.hash(Purpose::Accessor, accessor).await?;
        Ok(format!("{ACCESSORS}{hash}"))
    }

    async fn folder(&self, role: &Role) -> Result<String, Error> {
        let hash = self.hash(Purpose::RoleName, &role.name).await?;
        Ok(format!("{SECRET_IDS}{hash}/"))
    }

    async fn secret_id_key(&self, role: &Role, text: &str) -> Result<String, Error> {
        let folder = self.folder(role).await?;
        Ok(format!(
            "{folder}{}",
            hashes::secret_id(role.key.bytes(), text)
        ))
    }
}

fn role_key(name: &str) -> String {
    format!("{ROLES}{name}")
}

/// A change that stores a record.
///
/// # Errors
/// An internal error if it cannot be encoded.
pub(crate) fn put<T: Serialize>(key: impl Into<String>, record: &T) -> Result<Write, Error> {
    let bytes = serde_json::to_vec(record)
        .map(Zeroizing::new)
        .map_err(|error| Error::internal(format!("a record cannot be encoded: {error}")))?;
    Ok(Write::put(key, bytes))
}
