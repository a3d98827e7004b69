//! Routes a path to its mount.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::Mount;

/// All mounts by path, built-in ones included. No path is a prefix of another.
#[derive(Default)]
pub(crate) struct Router {
    mounts: RwLock<BTreeMap<String, Arc<Mount>>>,
}

impl Router {
    /// The mount that serves a path, and the path relative to it. The path of a
    /// mount matches with and without its trailing slash.
    pub(crate) fn route(&self, path: &str) -> Option<(Arc<Mount>, String)> {
        let mounts = self.read();
        let ends = path
            .match_indices('/')
            .map(|(slash, _)| slash + 1)
            .chain([path.len()]);
        for end in ends {
            let head = &path[..end];
            let found = if head.ends_with('/') {
                mounts.get(head)
            } else {
                mounts.get(&format!("{head}/"))
            };
            if let Some(mount) = found {
                return Some((Arc::clone(mount), path[end..].to_owned()));
            }
        }
        None
    }

    /// The mount at exactly this path.
    pub(crate) fn get(&self, path: &str) -> Option<Arc<Mount>> {
        self.read().get(path).cloned()
    }

    /// All mounts, by path.
    pub(crate) fn all(&self) -> Vec<Arc<Mount>> {
        self.read().values().cloned().collect()
    }

    pub(crate) fn insert(&self, path: String, mount: Arc<Mount>) {
        self.write().insert(path, mount);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.write().remove(path);
    }

    /// Removes all mounts. Built-in backends hold the router, so it would never
    /// be dropped otherwise.
    pub(crate) fn clear(&self) {
        self.write().clear();
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Arc<Mount>>> {
        self.mounts.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<String, Arc<Mount>>> {
        self.mounts.write().unwrap_or_else(PoisonError::into_inner)
    }
}
