//! A static role takes over the key that the readers of a role share.
//!
//! The leases on it go on: their holders stay, and they are renewed and revoked as
//! before. The role gives its next reader another key, so that nothing which the role
//! decides ends a key that a static role serves.

use std::sync::Arc;

use logical::Error;

use super::change::has_a_key;
use super::login::Given;
use crate::credential::{Credential, Purpose};
use crate::ids::{EnvironmentId, RoleName};
use crate::ledger::{Entry, Event, Failure, IssuedKey};
use crate::role::Role;
use crate::role::sharing::SharedBy;
use crate::scope::SlotId;
use crate::state::Engine;
use crate::static_role::StaticRole;

impl Engine {
    /// Stores a new static role with the shared key of a role. It must log in, and
    /// is not rotated before its time.
    pub(super) async fn adopt_first(
        self: &Arc<Self>,
        role: StaticRole,
        from: &RoleName,
    ) -> Result<StaticRole, Error> {
        let source = self.roles.get(from).await?.ok_or_else(|| {
            Error::bad_request(format!(
                "`adopt_role`: role `{from}` does not exist: check its name, or LIST `role/`"
            ))
        })?;
        must_match(&role, &source)?;
        let (entry, key) = self.key_to_adopt(&role, &source).await?;
        let proving = self.must_log_in(&role, &key, Given::Adopted).await?;
        let _advancing = self.rotations.advance(&role.name).await;
        let _lock = self.static_roles.lock(&role.name).await;
        if self.static_roles.get(&role.name).await?.is_some() {
            return Err(has_a_key("adopt_role", &role.name));
        }
        self.finish_deletion(&role.name).await?;
        // A process that took the key for the role's before this asks here whether
        // it may end it.
        self.static_roles
            .note_adopted(entry.id(), &role.name)
            .await?;
        let taken = Event::TakeOver {
            by: role.name.clone(),
            proving,
        };
        // The entry first, then the record: a cut in between leaves the key to its
        // leases, and whoever adopts it again goes on.
        match self.ledger.apply(&entry, taken).await {
            Ok(()) => {}
            Err(Failure::Failed(error)) => return Err(error),
            Err(Failure::Refused(_) | Failure::Unknown) => return Err(no_key(from)),
        }
        self.serve_first(role, entry.id().clone()).await
    }

    /// The key that the readers of a role share, or that an earlier attempt took over
    /// for this static role.
    async fn key_to_adopt(
        &self,
        role: &StaticRole,
        source: &Role,
    ) -> Result<(Arc<Entry>, IssuedKey), Error> {
        let slot = SlotId {
            generation: source.generation.clone(),
            scope: None,
        };
        let taken = self.taken_over_before(role, &slot).await?;
        let entry = match taken {
            Some(entry) => entry,
            None => match self.look_up_shared(source, &slot).await? {
                Some((shared, _)) => shared.entry,
                None => return Err(no_key(&source.name)),
            },
        };
        match self.ledger.confirm(&entry).await {
            Ok(()) | Err(Failure::Refused(_) | Failure::Unknown) => {}
            Err(Failure::Failed(error)) => {
                return Err(error.context("looking whether the shared key still exists"));
            }
        }
        let key = entry.look(|known| {
            let key = known.live_key().filter(|key| key.secret.is_some());
            key.cloned()
        });
        let key = key.flatten().ok_or_else(|| no_key(&source.name))?;
        Ok((entry, key))
    }

    /// The key that an earlier attempt took over for this static role.
    async fn taken_over_before(
        &self,
        role: &StaticRole,
        slot: &SlotId,
    ) -> Result<Option<Arc<Entry>>, Error> {
        for id in self.ledger.store.shared(slot).await? {
            let entry = self.ledger.entry(&id);
            let is_its = |known: &Credential| matches!(&known.purpose, Purpose::Static { static_role, .. } if *static_role == role.name);
            let lives = |known: &Credential| is_its(known) && known.live_key().is_some();
            match self.ledger.look(&entry, lives).await {
                Ok(true) => return Ok(Some(entry)),
                Ok(false) | Err(Failure::Unknown | Failure::Refused(_)) => {}
                Err(Failure::Failed(error)) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// The static role must be for what the role is for, and the role must share.
fn must_match(role: &StaticRole, source: &Role) -> Result<(), Error> {
    let from = &source.name;
    if source.sharing.by != SharedBy::Role {
        return Err(Error::bad_request(format!(
            "`adopt_role`: role `{from}` has no key that all its readers share: only a role with \
             `sharing=role` has a key to take over"
        )));
    }
    let environment = |environment: &Option<EnvironmentId>| {
        environment
            .as_ref()
            .map_or("", EnvironmentId::as_str)
            .to_owned()
    };
    let (wanted, has) = (&role.target, &source.target);
    for (field, wanted, has) in [
        ("owner", wanted.owner.to_string(), has.owner.to_string()),
        (
            "resource",
            wanted.resource.to_string(),
            has.resource.to_string(),
        ),
        (
            "resource_env",
            environment(&wanted.environment),
            environment(&has.environment),
        ),
    ] {
        if wanted != has {
            return Err(Error::bad_request(format!(
                "`{field}` is {wanted:?} and `adopt_role` names role `{from}`, whose `{field}` is \
                 {has:?}: give the same"
            )));
        }
    }
    Ok(())
}

fn no_key(from: &RoleName) -> Error {
    Error::bad_request(format!(
        "`adopt_role`: role `{from}` has no key that lives: read `creds/{from}` first, or leave \
         `adopt_role` out"
    ))
}
