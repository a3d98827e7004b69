//! Entities in storage: by id, and an index by mount and alias.

use std::sync::Arc;

use logical::{Alias, Changes, Clock, Condition, Entropy, Error, Storage, Write};
use zeroize::Zeroizing;

use super::Entity;
use super::entity::EntityAlias;
use crate::cache::{InvalidationGuard, RecordCache};
use crate::random;
use crate::salted_names::Salt;
use crate::storage::{Version, View, encode};

const SALT: &str = "salt";
const ENTITIES: &str = "entity/";
/// Below it a folder for each mount, with its aliases.
const ALIASES: &str = "alias/";
/// Number of aliases that the end of a mount removes at a time.
const PAGE: usize = 256;

/// All entities.
pub(crate) struct Entities {
    storage: View,
    cache: RecordCache<Entity>,
    /// Hides the names of aliases, which may be secrets of their method.
    salt: Salt,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// The entity of a login.
pub(crate) struct LoginEntity {
    pub(crate) id: String,
    /// What must be stored with the login, with the keys of the whole server.
    pub(crate) changes: Changes,
}

impl Entities {
    /// Opens the store; its salt is generated at the first start.
    ///
    /// # Errors
    /// An error of storage.
    pub(crate) async fn open(
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Error> {
        let storage = View::new(storage, "sys/identity/");
        let salt = Salt::open(&storage, entropy.as_ref(), SALT).await?;
        Ok(Self {
            storage,
            cache: RecordCache::default(),
            salt,
            clock,
            entropy,
        })
    }

    /// An entity, or `None` if there is none with this id.
    ///
    /// # Errors
    /// An error of storage, or a record that cannot be read.
    pub(crate) async fn get(&self, id: &str) -> Result<Option<Arc<Entity>>, Error> {
        let epoch = match self.cache.get(id) {
            Ok(known) => return Ok(Some(known)),
            Err(epoch) => epoch,
        };
        let stored: Option<Entity> = self.storage.read(&entity_key(id)).await?;
        let entity = stored.map(Arc::new);
        if let Some(entity) = &entity {
            self.cache.insert(id, entity, epoch);
        }
        Ok(entity)
    }

    /// The entity of an alias of a mount, which may be a new one. Nothing is stored
    /// yet: if the changes cannot be made, somebody else was faster.
    ///
    /// # Errors
    /// An error of storage, or a record that cannot be read.
    pub(crate) async fn of_login(
        &self,
        mount_accessor: &str,
        alias: &Alias,
    ) -> Result<LoginEntity, Error> {
        let alias_key = self.alias_key(mount_accessor, &alias.name);
        let stored = self.storage.get(&alias_key).await?;
        let known = match &stored {
            Some(id) => self.get(&text(&alias_key, id)?).await?,
            None => None,
        };
        let unchanged = match stored {
            None => Condition::absent(&*alias_key),
            Some(id) => Condition::unchanged(&*alias_key, id),
        };
        if let Some(known) = known {
            return self.known(&known, alias, unchanged);
        }
        let entropy = self.entropy.as_ref();
        let entity = Entity {
            version: Version,
            id: random::uuid(entropy),
            name: format!("entity_{}", random::hex8(entropy)),
            creation_time: self.clock.now(),
            alias: EntityAlias {
                id: random::uuid(entropy),
                mount_accessor: mount_accessor.to_owned(),
                name: alias.name.clone(),
                metadata: alias.metadata.clone(),
            },
        };
        // An alias that is stored has lost its entity.
        let mut changes = Changes::under(self.storage.conditions(vec![unchanged]));
        changes.writes = self.storage.writes(vec![
            Write::put(entity_key(&entity.id), encode(&entity)?),
            Write::put(alias_key, entity.id.clone().into_bytes()),
        ]);
        Ok(LoginEntity {
            id: entity.id,
            changes,
        })
    }

    /// An entity whose alias says perhaps something new. It is stored only while the
    /// alias is there: its mount may end meanwhile.
    fn known(
        &self,
        known: &Entity,
        alias: &Alias,
        unchanged: Condition,
    ) -> Result<LoginEntity, Error> {
        let mut changes = Changes::default();
        if known.alias.metadata != alias.metadata {
            let mut entity = known.clone();
            entity.alias.metadata.clone_from(&alias.metadata);
            let write = Write::put(entity_key(&entity.id), encode(&entity)?);
            changes = Changes::under(self.storage.conditions(vec![unchanged]));
            changes.writes = self.storage.writes(vec![write]);
        }
        Ok(LoginEntity {
            id: known.id.clone(),
            changes,
        })
    }

    /// Held while the changes of a login are made.
    pub(crate) fn changing<'a>(&'a self, id: &'a str) -> InvalidationGuard<'a, Entity> {
        self.cache.invalidate(id)
    }

    /// Removes the aliases of a mount, and their entities.
    ///
    /// # Errors
    /// An error of storage.
    pub(crate) async fn end_mount(&self, mount_accessor: &str) -> Result<(), Error> {
        let folder = format!("{ALIASES}{mount_accessor}/");
        loop {
            let names = self.storage.list_page(&folder, "", PAGE).await?;
            if names.is_empty() {
                return Ok(());
            }
            let mut ids = Vec::with_capacity(names.len());
            let mut batch = Vec::with_capacity(2 * names.len());
            for name in names {
                let alias_key = format!("{folder}{name}");
                if let Some(id) = self.storage.get(&alias_key).await? {
                    let id = text(&alias_key, &id)?;
                    batch.push(Write::delete(entity_key(&id)));
                    ids.push(id);
                }
                batch.push(Write::delete(alias_key));
            }
            let _changing: Vec<_> = ids.iter().map(|id| self.changing(id)).collect();
            self.storage.apply(batch).await?;
        }
    }

    fn alias_key(&self, mount_accessor: &str, name: &str) -> String {
        let hidden = self.salt.hash(name.as_bytes());
        format!("{ALIASES}{mount_accessor}/{hidden}")
    }
}

fn entity_key(id: &str) -> String {
    format!("{ENTITIES}{id}")
}

fn text(key: &str, bytes: &Zeroizing<Vec<u8>>) -> Result<String, Error> {
    let text = std::str::from_utf8(bytes);
    text.map(str::to_owned)
        .map_err(|_| Error::internal(format!("storage entry `{key}` is not the id of an entity")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::World;

    async fn entities(world: &World) -> Entities {
        let effects = world.effects();
        Entities::open(effects.storage, effects.clock, effects.entropy)
            .await
            .unwrap()
    }

    /// Makes the changes of a login; whether they could be made.
    async fn log_in(world: &World, entities: &Entities, login: &LoginEntity) -> bool {
        let _changing = entities.changing(&login.id);
        let changes = &login.changes;
        let (conditions, writes) = (changes.conditions.clone(), changes.writes.clone());
        world.storage.apply_if(conditions, writes).await.unwrap()
    }

    #[tokio::test]
    async fn an_alias_has_one_entity_whoever_logs_in_first() {
        let world = World::new();
        let entities = entities(&world).await;
        let alias = Alias::new("app");
        let one = entities.of_login("auth_a", &alias).await.unwrap();
        let other = entities.of_login("auth_a", &alias).await.unwrap();
        assert!(entities.get(&one.id).await.unwrap().is_none(), "not stored");
        assert!(log_in(&world, &entities, &one).await);
        assert!(!log_in(&world, &entities, &other).await, "one is faster");
        let again = entities.of_login("auth_a", &alias).await.unwrap();
        assert_eq!(again.id, one.id);
        assert!(again.changes.is_empty(), "nothing is new");
        let elsewhere = entities.of_login("auth_b", &alias).await.unwrap();
        assert_ne!(elsewhere.id, one.id, "of another mount");
    }

    #[tokio::test]
    async fn an_alias_says_what_its_last_login_said() {
        let world = World::new();
        let entities = entities(&world).await;
        let said = |team: &str| Alias::new("app").with_metadata([("team", team)]);
        let first = entities.of_login("auth_a", &said("blue")).await.unwrap();
        assert!(log_in(&world, &entities, &first).await);
        let known = entities.get(&first.id).await.unwrap().unwrap();
        assert_eq!(known.alias.metadata["team"], "blue");
        let second = entities.of_login("auth_a", &said("red")).await.unwrap();
        assert!(log_in(&world, &entities, &second).await);
        let known = entities.get(&first.id).await.unwrap().unwrap();
        assert_eq!(known.alias.metadata["team"], "red");
        assert_eq!(known.alias.name, "app");
    }

    #[tokio::test]
    async fn a_login_that_ends_after_its_mount_leaves_no_entity() {
        let world = World::new();
        let entities = entities(&world).await;
        let said = |team: &str| Alias::new("app").with_metadata([("team", team)]);
        let first = entities.of_login("auth_a", &said("blue")).await.unwrap();
        assert!(log_in(&world, &entities, &first).await);
        let second = entities.of_login("auth_a", &said("red")).await.unwrap();
        entities.end_mount("auth_a").await.unwrap();
        assert!(!log_in(&world, &entities, &second).await);
        assert!(entities.get(&second.id).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn an_alias_whose_entity_is_lost_gets_another() {
        let world = World::new();
        let entities = entities(&world).await;
        let alias = Alias::new("app");
        let first = entities.of_login("auth_a", &alias).await.unwrap();
        assert!(log_in(&world, &entities, &first).await);
        let key = entity_key(&first.id);
        entities.storage.delete(&key).await.unwrap();
        let second = entities.of_login("auth_a", &alias).await.unwrap();
        assert_ne!(second.id, first.id);
        assert!(log_in(&world, &entities, &second).await);
        let again = entities.of_login("auth_a", &alias).await.unwrap();
        assert_eq!(again.id, second.id);
    }

    #[tokio::test]
    async fn entities_end_with_their_mount_and_no_key_shows_an_alias() {
        let world = World::new();
        let entities = entities(&world).await;
        let mut ids = Vec::new();
        for number in 0..=PAGE {
            let alias = Alias::new(format!("canary{number}"));
            let login = entities.of_login("auth_a", &alias).await.unwrap();
            assert!(log_in(&world, &entities, &login).await);
            ids.push(login.id);
        }
        let other = entities.of_login("auth_b", &Alias::new("canary")).await;
        let other = other.unwrap();
        assert!(log_in(&world, &entities, &other).await);
        assert!(entities.get(&ids[0]).await.unwrap().is_some());
        let keys = world.storage.keys();
        assert!(keys.iter().all(|key| !key.contains("canary")), "{keys:?}");
        entities.end_mount("auth_a").await.unwrap();
        for id in &ids {
            assert!(entities.get(id).await.unwrap().is_none());
        }
        assert!(entities.get(&other.id).await.unwrap().is_some());
        let left = world.storage.keys();
        assert_eq!(left.len(), 3, "salt, entity and alias: {left:?}");
    }
}
