//! Versions of an engine, such as those of `kv`: the engine of a mount is
//! replaced by one of a newer version.

use std::sync::Arc;
use std::time::Duration;

use logical::Error;
use logical::effects::within;

use super::{Mounts, Tuning, VERSION, no_version_of};
use crate::routing::{Mount, MountEntry};

/// How long the change of an engine's version waits for requests to leave.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

impl Mounts {
    /// Whether the option `version` asks for a newer version of the engine.
    ///
    /// # Errors
    /// A bad request for an older one, or for an engine without versions.
    pub(super) fn new_version(&self, entry: &MountEntry, tuning: &Tuning) -> Result<bool, Error> {
        let Some(wanted) = tuning.options.get(VERSION) else {
            return Ok(false);
        };
        let factory = self.factories.get(&entry.kind);
        if !factory.is_some_and(|factory| factory.has_versions()) {
            return Err(no_version_of(&entry.kind));
        }
        let present = entry
            .options
            .as_ref()
            .and_then(|options| options.get(VERSION));
        let number = |text: Option<&String>| match text.map(String::as_str) {
            None | Some("" | "1") => Some(1),
            Some("2") => Some(2),
            Some(_) => None,
        };
        match (number(present), number(Some(wanted))) {
            (_, None) => Err(Error::bad_request(format!(
                "option `version` is {wanted:?}: the engine has version 1 or 2"
            ))),
            (Some(present), Some(wanted)) if wanted < present => Err(Error::bad_request(format!(
                "cannot downgrade mount from version {present}"
            ))),
            (present, wanted) => Ok(present != wanted),
        }
    }

    /// Replaces the engine of a mount by one with the options of this entry.
    ///
    /// From the beginning, requests are refused with the text of Vault's own
    /// upgrade. The entry is stored once no request is inside: then the old
    /// engine never runs again, and an attempt that fails is continued by the
    /// next one or by a restart.
    pub(super) async fn replace(&self, old: &Arc<Mount>, entry: MountEntry) -> Result<(), Error> {
        let may_go_on = !old.is_stopped();
        old.set_replaced(true);
        let recorded = self.record_version(old, &entry).await;
        // Held until the router has the new engine.
        let _alone = recorded.inspect_err(|_| old.set_replaced(!may_go_on))?;
        if may_go_on {
            self.stop(old).await;
        }
        self.close(&entry.uuid).await?;
        let path = entry.path.clone();
        let mount = self.start(entry).await?;
        self.router.insert(path, mount);
        Ok(())
    }

    /// Waits for all requests to leave a mount, keeps others out until the
    /// guard is dropped, and stores the entry of its new engine.
    async fn record_version(
        &self,
        old: &Mount,
        entry: &MountEntry,
    ) -> Result<tokio::sync::OwnedRwLockWriteGuard<()>, Error> {
        let drained = within(self.tasks.as_ref(), DRAIN_LIMIT, old.drain()).await;
        let alone = drained.ok_or_else(|| {
            Error::internal(format!(
                "requests are still inside the mount after {} s: try again",
                DRAIN_LIMIT.as_secs()
            ))
        })?;
        self.table.put(entry.clone()).await?;
        old.settings.replace(entry.clone());
        Ok(alone)
    }
}
