//! Removal of a mount: revoke its leases, stop its backend, wipe its storage,
//! and delete its entry.
//!
//! Removal is a durable job: the entry is marked `removing` before anything
//! else happens. An interrupted or failed removal is retried automatically
//! every few minutes, at the next start, or when a client repeats the request.
//!
//! From the beginning, the mount issues no leases and refuses requests. If a
//! lease cannot be revoked, requests are let in again, still without leases:
//! often the account that the engine uses is gone, and only a new configuration
//! can fix that.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use logical::Error;
use logical::effects::within;
use tokio::sync::oneshot;

use super::{Mounts, PERIODIC_LIMIT, names, normalize};
use crate::leases::Mode;
use crate::routing::{Mount, MountEntry, State};

/// How long a request waits for a removal. Clients of Vault time out after a
/// minute.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long a removal waits for requests to leave the mount. Servers cancel
/// requests after 90 seconds.
const DRAIN_LIMIT: Duration = Duration::from_mins(2);

/// Progress of a removal when its request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removed {
    /// The mount is removed.
    Done,
    /// The removal continues in the background.
    Continues,
}

impl Mounts {
    /// Removes a mount. A mount that does not exist is not an error.
    ///
    /// # Errors
    /// The error of the first lease that cannot be revoked, or of storage. The
    /// removal is retried automatically.
    pub(crate) async fn disable(self: &Arc<Self>, path: &str) -> Result<Removed, Error> {
        let path = normalize(path)?;
        names::refuse_reserved(&path, "unmount")?;
        let mounts = Arc::clone(self);
        let (sender, on_record) = oneshot::channel();
        let removal = self.run(async move {
            let Some(entry) = mounts.taint(&path).await? else {
                return Ok(());
            };
            // Fails only if the client is gone.
            let _ = sender.send(());
            let _removing = mounts.removing.lock(&path).await;
            mounts.remove(&entry).await
        });
        let removed = match select(removal, on_record).await {
            Either::Left((removed, _)) => Some(removed),
            // Only now may the client be told that the removal continues: a
            // restart resumes it once it is recorded. The rest of the work
            // becomes a task.
            Either::Right((_, removal)) => {
                within(self.tasks.as_ref(), ANSWER_WITHIN, removal).await
            }
        };
        match removed {
            Some(Ok(())) => Ok(Removed::Done),
            Some(Err(error)) => Err(Error::new(
                error.class(),
                format!(
                    "{}; the removal will be retried: until then the mount issues no new leases but \
                     can be configured",
                    error.message()
                ),
            )),
            None => Ok(Removed::Continues),
        }
    }

    /// Resumes unfinished removals and failed mounts, each in its own task.
    pub(super) fn resume(self: &Arc<Self>) {
        for entry in self.table.engines() {
            let mounts = Arc::clone(self);
            match entry.state() {
                State::Active => {}
                State::Enabling => self.tasks.spawn(Box::pin(async move {
                    let Some(_changing) = mounts.changing.try_lock(&entry.path) else {
                        return;
                    };
                    if mounts.table.get(&entry.path).as_ref() == Some(&entry) {
                        mounts.undo(&entry).await;
                    }
                })),
                State::Removing | State::Wiping => self.tasks.spawn(Box::pin(async move {
                    let Some(_removing) = mounts.removing.try_lock(&entry.path) else {
                        return;
                    };
                    let now = mounts.effects.clock.monotonic();
                    let is_due = |mount: Arc<Mount>| mount.removal_is_due(now);
                    if mounts.router.get(&entry.path).is_some_and(is_due)
                        && let Err(error) = mounts.remove(&entry).await
                    {
                        tracing::warn!(mount = entry.path, %error, "a mount cannot be removed yet");
                    }
                })),
            }
        }
    }

    /// Records that a mount is being removed, and closes it to requests.
    async fn taint(&self, path: &str) -> Result<Option<MountEntry>, Error> {
        let _changing = self.changing.lock(path).await;
        let Some(entry) = self.table.get(path) else {
            return Ok(None);
        };
        let Some(mount) = self.router.get(path) else {
            if entry.state() != State::Enabling {
                return Err(Error::internal(format!(
                    "mount `{path}` is not running, so that its leases cannot be revoked: try again"
                )));
            }
            // The mount was never enabled, and undoing it failed before.
            return self.discard(&entry).await.map(|()| None);
        };
        let entry = entry.in_state(State::Removing);
        if !mount.is_tainted() {
            self.table.put(entry.clone()).await?;
            mount.settings.replace(entry.clone());
        }
        Ok(Some(entry))
    }

    /// Removes a tainted mount, unless it is gone already.
    async fn remove(&self, entry: &MountEntry) -> Result<(), Error> {
        let known = |mount: &Arc<Mount>| mount.settings.read(|known| known.uuid == entry.uuid);
        let Some(mount) = self.router.get(&entry.path).filter(known) else {
            return Ok(());
        };
        let removed = self.remove_mount(&mount, entry).await;
        if removed.is_err() {
            mount.removal_failed(self.effects.clock.monotonic());
        }
        removed
    }

    async fn remove_mount(&self, mount: &Mount, entry: &MountEntry) -> Result<(), Error> {
        // A mount that was stopped with the whole core still has its leases.
        if !mount.leases_ended() {
            self.end_leases(mount, &entry.path).await?;
            mount.note_leases_ended();
            self.stop(mount).await;
        }
        self.note_wiping(entry).await?;
        self.wipe(entry).await?;
        // The path stays reserved until the router has removed the mount.
        let _changing = self.changing.lock(&entry.path).await;
        self.table.remove(&entry.path).await?;
        self.router.remove(&entry.path);
        Ok(())
    }

    /// Records that the backend of a mount must not be started again.
    async fn note_wiping(&self, entry: &MountEntry) -> Result<(), Error> {
        let _changing = self.changing.lock(&entry.path).await;
        self.table.put(entry.in_state(State::Wiping)).await
    }

    /// Revokes all leases of a mount and keeps requests out of it.
    async fn end_leases(&self, mount: &Mount, path: &str) -> Result<(), Error> {
        if mount.is_stuck() {
            // Requests may be inside: revoke the leases before closing the
            // mount.
            self.leases.revoke_prefix(path, Mode::Sync).await?;
            mount.set_stuck(false);
        }
        let drained = within(self.tasks.as_ref(), DRAIN_LIMIT, mount.drain()).await;
        let Some(_alone) = drained else {
            return Err(Error::internal(format!(
                "requests are still inside the mount after {} s",
                DRAIN_LIMIT.as_secs()
            )));
        };
        mount.tick(self.tasks.as_ref(), PERIODIC_LIMIT).await;
        let ended = self.leases.revoke_prefix(path, Mode::Sync).await;
        if ended.is_err() {
            mount.set_stuck(true);
        }
        ended
    }
}
