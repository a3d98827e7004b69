//! The removal of a mount: its leases end, its backend stops, its storage is
//! wiped, and at last its entry goes.
//!
//! It is a job on record: the entry says `removing` before anything else
//! happens, and whatever interrupts the job, it is tried again, by itself every
//! few minutes, at the next start, or by a client that asks once more.
//!
//! From the beginning the mount makes no leases and refuses requests. When a
//! lease cannot be revoked, requests are let in again, still without leases:
//! often the account that the engine works with is gone, and only its
//! configuration can mend that.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use logical::Error;
use logical::effects::within;
use tokio::sync::oneshot;

use super::{Mounts, PERIODIC_LIMIT, names, normalize};
use crate::leases::Mode;
use crate::routing::{Mount, MountEntry, State};

/// How long a request waits for a removal. Clients of Vault give up after a
/// minute.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long a removal waits for requests to leave the mount. Servers give up a
/// request after 90 seconds.
const DRAIN_LIMIT: Duration = Duration::from_mins(2);

/// How far a removal is when its request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removed {
    /// The mount is gone.
    Done,
    /// It goes on in the background.
    Continues,
}

impl Mounts {
    /// Removes a mount. One that does not exist is no error.
    ///
    /// # Errors
    /// What the first lease that cannot be revoked says. The removal is then
    /// tried again by itself.
    pub(crate) async fn disable(self: &Arc<Self>, path: &str) -> Result<Removed, Error> {
        let path = normalize(path)?;
        names::refuse_reserved(&path, "unmount")?;
        let mounts = Arc::clone(self);
        let (sender, on_record) = oneshot::channel();
        let removal = self.run(async move {
            let Some(entry) = mounts.taint(&path).await? else {
                return Ok(());
            };
            // The client may be gone.
            let _ = sender.send(());
            let _removing = mounts.removing.lock(&path).await;
            mounts.remove(&entry).await
        });
        let removed = match select(removal, on_record).await {
            Either::Left((removed, _)) => Some(removed),
            // Only now: "continues" is a promise that a restart keeps once the
            // removal is on record. What takes longer goes on as a task.
            Either::Right((_, removal)) => {
                within(self.tasks.as_ref(), ANSWER_WITHIN, removal).await
            }
        };
        match removed {
            Some(Ok(())) => Ok(Removed::Done),
            Some(Err(error)) => Err(Error::new(
                error.class(),
                format!(
                    "{}; until it is removed the mount makes no new leases but can be configured, \
                     and its removal is tried again",
                    error.message()
                ),
            )),
            None => Ok(Removed::Continues),
        }
    }

    /// Tries to finish removals and failed mounts that did not end, each in a
    /// task of its own.
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
                        mounts.forget_reserved(&entry).await;
                    }
                })),
                State::Removing => self.tasks.spawn(Box::pin(async move {
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

    /// Puts on record that a mount is being removed, and closes it.
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
            // It never came to be, and undoing it failed.
            return self.discard(&entry).await.map(|()| None);
        };
        let entry = entry.in_state(State::Removing);
        if !mount.is_tainted() {
            self.table.put(entry.clone()).await?;
            mount.settings.replace(entry.clone());
        }
        Ok(Some(entry))
    }

    /// Removes a tainted mount, unless that has been done already.
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
        // A mount that was stopped with the whole core has its leases still.
        if !mount.leases_ended() {
            self.end_leases(mount, &entry.path).await?;
            mount.note_leases_ended();
            self.stop(mount).await;
        }
        self.wipe(&entry.uuid).await?;
        // Until the router knows it too, nothing else is mounted there.
        let _changing = self.changing.lock(&entry.path).await;
        self.table.remove(&entry.path).await?;
        self.router.remove(&entry.path);
        Ok(())
    }

    /// Ends all leases of a mount and keeps requests out of it.
    async fn end_leases(&self, mount: &Mount, path: &str) -> Result<(), Error> {
        if mount.is_stuck() {
            // Requests are inside: the leases first, then the door.
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
