//! Moving a mount to another path.
//!
//! The leases of the mount are revoked first, as in Vault, because their ids
//! begin with its path. Then one write to the table moves the mount: what is
//! interrupted before has moved nothing, and is repeated by the client.

use std::sync::Arc;

use logical::Error;
use logical::effects::within;

use super::{DRAIN_LIMIT, Mounts, names, normalize, still_inside};
use crate::leases::Mode;
use crate::routing::{AUTH, Closed, Mount, MountEntry};

impl Mounts {
    /// Moves a mount to another path. Secrets engines stay outside `auth/`, and
    /// auth methods below it.
    ///
    /// # Errors
    /// A bad request if there is no such mount, or the new path is taken or not
    /// valid; the error of the first lease that cannot be revoked, or of
    /// storage. The mount then stays where it is.
    pub(crate) async fn remount(self: &Arc<Self>, from: &str, to: &str) -> Result<(), Error> {
        let (from, to) = (normalize(from)?, normalize(to)?);
        names::refuse_reserved(&from, "mount").map_err(|_| cannot_remount(&from))?;
        let changes_class = from.starts_with(AUTH) != to.starts_with(AUTH);
        if changes_class || names::refuse_reserved(&to, "mount").is_err() {
            return Err(Error::bad_request(format!(
                "cannot remount to destination {to}"
            )));
        }
        let mounts = Arc::clone(self);
        self.run(async move { mounts.move_mount(&from, &to).await })
            .await
    }

    async fn move_mount(&self, from: &str, to: &str) -> Result<(), Error> {
        let _changing = self.changing.lock(from).await;
        let found = self.router.get(from).zip(self.table.get(from));
        let (mount, entry) = found.ok_or_else(|| no_mount(from))?;
        if entry.is_tainted() || mount.is_stopped() {
            return Err(Error::bad_request(format!(
                "mount `{from}` is being removed or changed"
            )));
        }
        self.table.check_free(to)?;
        mount.close(Some(Closed::Moving));
        let moved = self.move_closed(&mount, entry, to).await;
        if moved.is_err() {
            mount.close(None);
        }
        moved
    }

    /// Moves a mount that takes no new requests. The mount at the old path stays
    /// closed: a request that found it before would register its lease there.
    async fn move_closed(
        &self,
        mount: &Mount,
        mut entry: MountEntry,
        to: &str,
    ) -> Result<(), Error> {
        let drained = within(self.tasks.as_ref(), DRAIN_LIMIT, mount.drain()).await;
        let _alone = drained.ok_or_else(still_inside)?;
        let from = std::mem::replace(&mut entry.path, to.to_owned());
        self.leases.revoke_prefix(&from, Mode::Sync).await?;
        self.table.rename(&from, entry.clone()).await?;
        mount.settings.replace(entry);
        self.router
            .insert(to.to_owned(), Arc::new(mount.reopened()));
        self.router.remove(&from);
        Ok(())
    }
}

fn cannot_remount(path: &str) -> Error {
    Error::bad_request(format!("cannot remount \"{path}\""))
}

fn no_mount(path: &str) -> Error {
    Error::bad_request(format!("no matching mount at \"{path}\""))
}
