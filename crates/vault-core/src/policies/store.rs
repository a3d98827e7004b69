//! Policies in storage, and what was compiled of them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use logical::{Clock, Error, NamedLocks, Storage};
use serde::{Deserialize, Serialize};

use super::builtin::{DEFAULT_TEXT, RESPONSE_WRAPPING_TEXT};
use super::parse::parse;
use super::{Acl, DEFAULT, Policy, RESPONSE_WRAPPING, ROOT};
use crate::identity::Entity;
use crate::storage::{Version, View};

/// How many sets of policies are kept compiled; all are dropped when it is
/// reached.
const CAPACITY: usize = 4096;

/// A policy, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    #[serde(default)]
    version: Version<1>,
    text: String,
    modified: Timestamp,
}

/// All policies.
pub(crate) struct PolicyStore {
    storage: View,
    clock: Arc<dyn Clock>,
    cache: Mutex<Cache>,
    /// Held by name while a policy is changed.
    changing: NamedLocks,
}

/// Rules whose templates are filled in, and the entity that they were filled with.
type Filled = (Arc<Entity>, Arc<Acl>);

#[derive(Default)]
struct Cache {
    acls: HashMap<Vec<String>, Arc<Acl>>,
    /// By policies and id of the entity, with the entity as it was.
    filled: HashMap<(Vec<String>, String), Filled>,
    /// Incremented at the beginning and the end of each change: what was read
    /// before is not kept.
    epoch: u64,
}

impl PolicyStore {
    /// The policies below `sys/policy/`.
    pub(crate) fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        Self {
            storage: View::new(storage, "sys/policy/"),
            clock,
            cache: Mutex::default(),
            changing: NamedLocks::default(),
        }
    }

    /// The combined rules of policies. Those that do not exist grant nothing.
    ///
    /// # Errors
    /// When a policy cannot be read: then nothing is allowed.
    pub(crate) async fn acl(&self, names: &[String]) -> Result<Arc<Acl>, Error> {
        let epoch = {
            let cache = self.lock();
            if let Some(acl) = cache.acls.get(names)
                && !acl.is_outdated(self.clock.now())
            {
                return Ok(Arc::clone(acl));
            }
            cache.epoch
        };
        let acl = if names.iter().any(|name| name == ROOT) {
            Acl::root()
        } else {
            let mut policies = Vec::with_capacity(names.len());
            for name in names {
                let policy = self.policy(name).await?;
                policies.extend(policy.map(|policy| (name.as_str(), policy)));
            }
            let policies = policies.iter().map(|(name, policy)| (*name, policy));
            Acl::new(policies, self.clock.now())
        };
        let acl = Arc::new(acl);
        let mut cache = self.lock();
        if cache.epoch == epoch {
            if cache.acls.len() >= CAPACITY {
                cache.acls.clear();
            }
            cache.acls.insert(names.to_vec(), Arc::clone(&acl));
        }
        Ok(acl)
    }

    /// The rules of these policies, filled in for an entity.
    ///
    /// # Errors
    /// A bad request if a value of the entity would widen a rule: then nothing is
    /// allowed.
    pub(crate) fn filled(
        &self,
        names: &[String],
        acl: &Arc<Acl>,
        entity: &Arc<Entity>,
    ) -> Result<Arc<Acl>, Error> {
        let key = (names.to_vec(), entity.id.clone());
        let epoch = {
            let cache = self.lock();
            let known = cache.filled.get(&key);
            if let Some((of, filled)) = known
                && (Arc::ptr_eq(of, entity) || of == entity)
                && !filled.is_outdated(self.clock.now())
            {
                return Ok(Arc::clone(filled));
            }
            cache.epoch
        };
        let filled = Arc::new(acl.filled(entity)?);
        let mut cache = self.lock();
        // The rules may be from before a change.
        let is_current = cache
            .acls
            .get(names)
            .is_some_and(|now| Arc::ptr_eq(now, acl));
        if cache.epoch == epoch && is_current {
            if cache.filled.len() >= CAPACITY {
                cache.filled.clear();
            }
            let kept = (Arc::clone(entity), Arc::clone(&filled));
            cache.filled.insert(key, kept);
        }
        Ok(filled)
    }

    async fn policy(&self, name: &str) -> Result<Option<Policy>, Error> {
        let Some(text) = self.text(name).await? else {
            return Ok(None);
        };
        let policy = parse(&text).map_err(|error| {
            Error::internal(format!("policy `{name}` in storage: {}", error.message()))
        })?;
        Ok(Some(policy))
    }

    /// The text of a policy; empty for `root`.
    pub(crate) async fn text(&self, name: &str) -> Result<Option<String>, Error> {
        let name = name.to_lowercase();
        let builtin = match name.as_str() {
            ROOT => return Ok(Some(String::new())),
            RESPONSE_WRAPPING => return Ok(Some(RESPONSE_WRAPPING_TEXT.to_owned())),
            DEFAULT => Some(DEFAULT_TEXT.to_owned()),
            _ => None,
        };
        let stored: Option<Stored> = self.storage.read(&name).await?;
        Ok(stored.map(|stored| stored.text).or(builtin))
    }

    /// Whether a policy exists.
    pub(crate) async fn exists(&self, name: &str) -> Result<bool, Error> {
        Ok(self.text(name).await?.is_some())
    }

    /// The names of all policies that can be assigned.
    pub(crate) async fn names(&self) -> Result<Vec<String>, Error> {
        let stored = self.storage.walk("").await?.into_iter();
        let names: BTreeSet<String> = stored.chain([DEFAULT.to_owned()]).collect();
        let mut names: Vec<String> = names.into_iter().collect();
        names.push(ROOT.to_owned());
        Ok(names)
    }

    /// Stores a policy under its name in lower case.
    ///
    /// # Errors
    /// A bad request for a text that cannot be parsed, or for a policy that
    /// cannot be changed.
    pub(crate) async fn put(&self, name: &str, text: String) -> Result<(), Error> {
        let name = name.to_lowercase();
        if [ROOT, RESPONSE_WRAPPING].contains(&name.as_str()) {
            return Err(Error::bad_request(format!("cannot update {name:?} policy")));
        }
        parse(&text)?;
        let stored = Stored {
            version: Version,
            text,
            modified: self.clock.now(),
        };
        let _changing = self.changing.lock(&name).await;
        let _forgotten = self.forget();
        self.storage.write(&name, &stored).await
    }

    /// Deletes a policy. Tokens that have it lose its rights at once.
    ///
    /// # Errors
    /// A bad request for a policy that cannot be deleted.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), Error> {
        let name = name.to_lowercase();
        match name.as_str() {
            DEFAULT => return Err(Error::bad_request("cannot delete default policy")),
            ROOT | RESPONSE_WRAPPING => {
                return Err(Error::bad_request(format!("cannot delete {name:?} policy")));
            }
            _ => {}
        }
        let _changing = self.changing.lock(&name).await;
        let _forgotten = self.forget();
        self.storage.delete(&name).await
    }

    /// Drops everything that was compiled, now and when the guard is dropped.
    fn forget(&self) -> Forgotten<'_> {
        self.lock().forget();
        Forgotten(self)
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn forget(&mut self) {
        self.acls.clear();
        self.filled.clear();
        self.epoch = self.epoch.wrapping_add(1);
    }
}

/// A change of a policy in progress.
struct Forgotten<'a>(&'a PolicyStore);

impl Drop for Forgotten<'_> {
    fn drop(&mut self) {
        self.0.lock().forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use virtual_world::World;

    use crate::identity::tests::entity;

    fn store(world: &World) -> PolicyStore {
        PolicyStore::new(
            Arc::clone(&world.storage) as _,
            Arc::clone(&world.clock) as _,
        )
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    const READ_A: &str = r#"path "a" { capabilities = ["read"] }"#;

    #[tokio::test(start_paused = true)]
    async fn a_change_counts_at_once_and_unknown_policies_grant_nothing() {
        let world = World::new();
        let store = store(&world);
        let of = names(&["App", "default", "none"]);
        let of: Vec<String> = of.iter().map(|name| name.to_lowercase()).collect();
        let capabilities = async || store.acl(&of).await.unwrap().capabilities("a");
        assert_eq!(capabilities().await, ["deny"]);
        store.put("App", READ_A.into()).await.unwrap();
        assert_eq!(capabilities().await, ["read"]);
        let first = store.acl(&of).await.unwrap();
        assert!(
            Arc::ptr_eq(&first, &store.acl(&of).await.unwrap()),
            "compiled once"
        );
        store
            .put("app", READ_A.replace("read", "list"))
            .await
            .unwrap();
        assert_eq!(capabilities().await, ["list"]);
        store.delete("APP").await.unwrap();
        assert_eq!(capabilities().await, ["deny"]);
        assert_eq!(store.names().await.unwrap(), ["default", "root"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_changed_is_refused() {
        let world = World::new();
        let store = store(&world);
        for name in ["root", "Response-Wrapping"] {
            let error = store.put(name, READ_A.into()).await.unwrap_err();
            let lower = name.to_lowercase();
            assert_eq!(error.message(), format!("cannot update {lower:?} policy"));
            assert!(store.delete(name).await.is_err());
        }
        let error = store.delete("default").await.unwrap_err();
        assert_eq!(error.message(), "cannot delete default policy");
        assert!(store.put("a", "path".into()).await.is_err());
        store.put("default", READ_A.into()).await.unwrap();
        assert_eq!(
            store.text("default").await.unwrap().as_deref(),
            Some(READ_A)
        );
        assert!(store.acl(&names(&["root"])).await.unwrap().is_root());
    }

    #[tokio::test(start_paused = true)]
    async fn a_policy_that_was_read_before_a_change_is_not_kept() {
        let world = World::new();
        let store = Arc::new(store(&world));
        store.put("a", READ_A.into()).await.unwrap();
        world
            .storage
            .set_read_delay(std::time::Duration::from_secs(2));
        let reading = {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.acl(&names(&["a"])).await })
        };
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        store.delete("a").await.unwrap();
        reading.await.unwrap().unwrap();
        let acl = store.acl(&names(&["a"])).await.unwrap();
        assert_eq!(acl.capabilities("a"), ["deny"]);
    }

    #[tokio::test(start_paused = true)]
    async fn rules_are_filled_in_once_until_a_policy_or_the_entity_changes() {
        let world = World::new();
        let store = store(&world);
        let text = |capability: &str| {
            let path = "kv/{{identity.entity.aliases.auth_a.metadata.team}}";
            format!("path \"{path}\" {{ capabilities = [\"{capability}\"] }}")
        };
        let of = names(&["a"]);
        let filled = async |team: &str| {
            let acl = store.acl(&of).await.unwrap();
            let entity = Arc::new(entity("app", &[("team", team)]));
            store.filled(&of, &acl, &entity).unwrap()
        };
        store.put("a", text("read")).await.unwrap();
        let first = filled("blue").await;
        assert_eq!(first.capabilities("kv/blue"), ["read"]);
        assert!(Arc::ptr_eq(&first, &filled("blue").await), "filled in once");
        assert_eq!(filled("red").await.capabilities("kv/blue"), ["deny"]);
        store.put("a", text("list")).await.unwrap();
        assert_eq!(filled("red").await.capabilities("kv/red"), ["list"]);
    }

    #[tokio::test(start_paused = true)]
    async fn both_built_in_texts_are_policies() {
        assert!(!parse(DEFAULT_TEXT).unwrap().rules.is_empty());
        assert!(!parse(RESPONSE_WRAPPING_TEXT).unwrap().rules.is_empty());
    }
}
