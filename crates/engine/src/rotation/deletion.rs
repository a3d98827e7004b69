//! The end of a static role.

use std::sync::Arc;

use jiff::Timestamp;
use logical::Error;

use crate::ids::{CredentialId, RoleName};
use crate::ledger::{Event, Failure};
use crate::state::Engine;
use crate::static_role::{OnDelete, StaticRole, grace_holder};

impl Engine {
    /// Deletes a static role. Its key lives on for its grace, so that nobody's
    /// application stops with it.
    pub(crate) async fn delete_static_role(self: &Arc<Self>, name: &RoleName) -> Result<(), Error> {
        let _advancing = self.rotations.advance(name).await;
        let _lock = self.static_roles.lock(name).await;
        let Some(role) = self.static_roles.get(name).await? else {
            return Ok(());
        };
        // What fails from here on is finished by whoever looks.
        self.rotations.schedule(name, self.clock.now());
        self.static_roles.leave(&role).await?;
        self.static_roles.delete(name).await?;
        self.let_keys_go(&role).await?;
        self.rotations.forget(name);
        Ok(())
    }

    /// Lets go of what a deleted role kept, where that was cut off. Doing it twice is
    /// as doing it once. The caller holds the lock of the record, which is not there.
    pub(super) async fn finish_deletion(&self, name: &RoleName) -> Result<(), Error> {
        match self.static_roles.left(name).await? {
            Some(left) => self.let_keys_go(&left).await,
            None => Ok(()),
        }
    }

    /// No record names the keys of a role any more.
    async fn let_keys_go(&self, role: &StaticRole) -> Result<(), Error> {
        if let Some(rotation) = &role.rotation {
            self.let_go(&rotation.next, None).await?;
        }
        if let Some(previous) = &role.previous {
            let holder = grace_holder(&role.name, role.version.saturating_sub(1));
            self.let_go(&previous.credential, Some((holder, previous.until)))
                .await?;
        }
        let until: Timestamp = role.grace_until(self.timekeeper.deadlines_from());
        match (&role.served, role.on_delete) {
            (Some(served), OnDelete::Retire) => {
                let grace = (role.grace_holder(), until);
                self.let_go(&served.credential, Some(grace)).await
            }
            (Some(served), OnDelete::Keep) => self.leave_alone(&served.credential).await,
            (None, _) => Ok(()),
        }
    }

    /// The key lives on, and nobody here keeps account of it any more.
    pub(super) async fn leave_alone(&self, id: &CredentialId) -> Result<(), Error> {
        let entry = self.ledger.entry(id);
        match self.ledger.apply(&entry, Event::Leave).await {
            Ok(()) | Err(Failure::Refused(_) | Failure::Unknown) => Ok(()),
            Err(Failure::Failed(error)) => Err(error),
        }
    }
}
