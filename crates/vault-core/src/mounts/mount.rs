//! A mount that runs: its backend, its settings, and who is inside.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use logical::effects::Replication;
use logical::{Backend, Error, SystemView, TaskGroup, Tasks};

use super::MountEntry;

/// A backend that is mounted.
pub(crate) struct Mount {
    pub(crate) settings: Arc<Settings>,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) version: String,
    pub(crate) tasks: Arc<dyn TaskGroup>,
    /// Requests hold it shared; removing the mount takes it alone, which
    /// waits for them.
    pub(crate) gate: Arc<tokio::sync::RwLock<()>>,
    periodic: AtomicBool,
}

impl Mount {
    pub(crate) fn new(
        settings: Arc<Settings>,
        backend: Arc<dyn Backend>,
        version: String,
        tasks: Arc<dyn TaskGroup>,
    ) -> Self {
        Self {
            settings,
            backend,
            version,
            tasks,
            gate: Arc::default(),
            periodic: AtomicBool::new(false),
        }
    }

    /// The path, with a slash at its end.
    pub(crate) fn path(&self) -> String {
        self.settings.read(|entry| entry.path.clone())
    }

    /// Whether its removal has begun.
    pub(crate) fn is_tainted(&self) -> bool {
        self.settings.read(|entry| entry.tainted)
    }

    /// One periodic call, unless the last one still runs. A backend without
    /// periodic work says so, which is no fault.
    pub(crate) async fn tick(&self, tasks: &dyn Tasks, limit: Duration) {
        if self.periodic.swap(true, Ordering::AcqRel) {
            return;
        }
        let call = self.backend.periodic();
        match logical::effects::within(tasks, limit, call).await {
            Some(Err(error)) if error.class() != logical::ErrorClass::UnsupportedOperation => {
                tracing::warn!(mount = self.path(), %error, "periodic work failed");
            }
            None => tracing::warn!(mount = self.path(), "periodic work took too long"),
            Some(_) => {}
        }
        self.periodic.store(false, Ordering::Release);
    }
}

/// The entry of a mount, shared with the backend's view of its host.
pub(crate) struct Settings(RwLock<MountEntry>);

impl Settings {
    pub(crate) fn new(entry: MountEntry) -> Self {
        Self(RwLock::new(entry))
    }

    /// Looks at the entry.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&MountEntry) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the entry.
    pub(crate) fn replace(&self, entry: MountEntry) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = entry;
    }
}

#[async_trait]
impl SystemView for Settings {
    async fn default_lease_ttl(&self) -> Result<Duration, Error> {
        Ok(self.read(MountEntry::default_lease_ttl))
    }

    async fn max_lease_ttl(&self) -> Result<Duration, Error> {
        Ok(self.read(MountEntry::max_lease_ttl))
    }

    async fn tainted(&self) -> Result<bool, Error> {
        Ok(self.read(|entry| entry.tainted))
    }

    async fn replication(&self) -> Result<Replication, Error> {
        Ok(Replication::default())
    }

    async fn local_mount(&self) -> Result<bool, Error> {
        Ok(self.read(|entry| entry.local))
    }
}
