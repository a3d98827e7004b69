//! What the sweep does for static roles: keys that no record names any more are
//! let go of, and roles that were deleted are forgotten.

use jiff::SignedDuration;
use logical::Error;

use super::decide::KeyState;
use crate::credential::{Credential, Proving, Purpose, State, later};
use crate::ids::{CredentialId, HolderId, KeyId};
use crate::ledger::Entry;
use crate::state::Engine;
use crate::static_role::{OnDelete, StaticRole};

/// How long a key lives on that no record names, where no role says.
const UNNAMED_GRACE: SignedDuration = SignedDuration::from_hours(24);

impl Engine {
    /// Lets go of a key whose entry says that a record names it, where none does:
    /// two processes rotated one role, or one died midway (`lifecycle.md`, 33).
    pub(crate) async fn release_unnamed(&self, entry: &Entry) -> Result<(), Error> {
        let pinned = entry.look(|known| known.pinned.then(|| known.purpose.clone()));
        let Some(Purpose::Static { static_role, .. }) = pinned.flatten() else {
            return Ok(());
        };
        let _lock = self.static_roles.lock(&static_role).await;
        let role = self.static_roles.get(&static_role).await?;
        if let Some(role) = &role {
            let previous = role.previous.as_ref().map(|key| &key.credential);
            // Who advances the role releases the previous one, with its grace.
            if role.names(entry.id()) || previous == Some(entry.id()) {
                return Ok(());
            }
        }
        // The deletion of its role may have been cut before the key was let go of.
        let left = self.static_roles.left(&static_role).await?;
        let served = |role: &&StaticRole| {
            let served = role.served.as_ref().map(|key| &key.credential);
            served == Some(entry.id())
        };
        if let Some(left) = left.as_ref().filter(served)
            && left.on_delete == OnDelete::Keep
        {
            return self.leave_alone(entry.id()).await;
        }
        let is_ours = |role: &StaticRole| role.imported.as_ref() == Some(entry.id());
        if !role.as_ref().is_some_and(is_ours)
            && !left.as_ref().is_some_and(is_ours)
            && entry.look(is_strangers) == Some(true)
        {
            return self.leave_alone_imported(entry).await;
        }
        let was_served = entry.look(|known| match &known.state {
            State::Live { key } => !matches!(key.proving, Proving::UnderWay),
            _ => false,
        });
        let from = self.timekeeper.deadlines_from();
        let until = role.map_or_else(|| later(from, UNNAMED_GRACE), |role| role.grace_until(from));
        let holder = HolderId::derived(&format!("unnamed {}", entry.id()));
        let grace = (was_served == Some(true)).then_some((holder, until));
        self.let_go(entry.id(), grace).await
    }

    /// The import of a key was cut off before a static role named it: it is as it was
    /// before, and whoever uses it goes on.
    async fn leave_alone_imported(&self, entry: &Entry) -> Result<(), Error> {
        let key = entry.look(|known| known.key_id().cloned()).flatten();
        tracing::warn!(
            key = key.as_ref().map_or("", KeyId::as_str),
            "the import of a key did not come to its end: nobody here keeps account of the key"
        );
        self.leave_alone(entry.id()).await
    }

    /// Forgets deleted static roles whose keys are gone.
    pub(crate) async fn forget_left_roles(&self) -> Result<(), Error> {
        for role in self.static_roles.all_left().await? {
            let _lock = self.static_roles.lock(&role.name).await;
            let lives = match &role.served {
                Some(served) => self.key_in_storage(&served.credential).await? == KeyState::Ready,
                None => false,
            };
            if !lives {
                self.static_roles.forget_left(&role.name).await?;
            }
        }
        self.static_roles.forget_adopted().await
    }
}

/// Whether a key was made by somebody else, and not taken over from a role here.
fn is_strangers(known: &Credential) -> bool {
    let is_imported = known
        .key_id()
        .is_some_and(|key| known.id == CredentialId::of_key(key));
    is_imported && matches!(known.purpose, Purpose::Static { adopted: None, .. })
}
