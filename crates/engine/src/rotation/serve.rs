//! What readers of a static role get. A read makes nothing and asks nobody
//! outside: it reads the record once, and the key that the record names.

use std::sync::Arc;

use jiff::Timestamp;
use logical::Error;
use rotation_schedule::{told_period, ttl};

use super::Outputs;
use crate::control_plane::Target;
use crate::credential::{Credential, State};
use crate::ids::{CredentialId, RoleName};
use crate::ledger::{Failure, IssuedKey};
use crate::proving::until;
use crate::state::Engine;
use crate::static_role::StaticRole;

/// A key as a reader gets it. What it says comes from one reading of the record.
pub(crate) struct Served {
    /// With its secret.
    pub(crate) key: IssuedKey,
    /// What it is for: the target of the role when it was made.
    pub(crate) target: Target,
    /// In which fields readers get it.
    pub(crate) outputs: Outputs,
    /// How many keys were served, this one included.
    pub(crate) version: u64,
    /// Since when it is served.
    pub(crate) since: Timestamp,
    /// Seconds until the reader should come back.
    pub(crate) ttl: u64,
    /// Seconds from one rotation to the next.
    pub(crate) period: u64,
}

impl Engine {
    /// The key of a static role.
    ///
    /// # Errors
    /// 400 where there is no such role, 503 until its first key is ready, and the
    /// read-only error where this node is none that may tell.
    pub(crate) async fn serve(
        self: &Arc<Self>,
        name: &RoleName,
        mount: &str,
    ) -> Result<Served, Error> {
        let is_active = self.is_active().await?;
        let role = if is_active {
            self.static_roles.for_reader(name).await?
        } else {
            self.static_roles.get(name).await?.map(Arc::new)
        };
        let role = role.ok_or_else(|| {
            Error::bad_request(format!(
                "static role `{name}` does not exist: check its name, or ask whoever runs mount \
                 `{mount}` for it"
            ))
        })?;
        let now = self.clock.now();
        if !is_active && role.next_rotation.is_some_and(|next| next <= now) {
            // The active node rotates: it knows better.
            return Err(Error::read_only());
        }
        let Some(served) = &role.served else {
            return Err(self.first_key_is_coming(&role, now));
        };
        let key = if is_active {
            self.served_key(&role, &served.credential).await?
        } else {
            self.stored_key(&served.credential).await?
        };
        let Some((key, target)) = key else {
            if is_active {
                self.rotations.schedule(name, now);
            }
            return Err(Error::upstream(format!(
                "the key of static role `{name}` was deleted, and another is being made: try again \
                 in a minute, or look at `static-role/{name}/status`"
            )));
        };
        let (refresh, next) = (role.overlap.refresh(), role.next_rotation);
        let since = served.since;
        Ok(Served {
            key,
            target,
            since,
            ttl: ttl(next, refresh, now),
            period: told_period(&role.timing, since, next, refresh),
            outputs: Outputs::of(&role, served.output.as_ref()),
            version: role.version,
        })
    }

    /// The key that a role serves, as memory knows it.
    async fn served_key(
        &self,
        role: &StaticRole,
        id: &CredentialId,
    ) -> Result<Option<(IssuedKey, Target)>, Error> {
        let entry = match self.rotations.served(&role.name, id) {
            Some(entry) => entry,
            None => self.ledger.entry(id),
        };
        let key = match self.ledger.look(&entry, live_key).await {
            Ok(key) => key,
            Err(Failure::Failed(error)) => return Err(error),
            Err(Failure::Unknown | Failure::Refused(_)) => None,
        };
        if key.is_some() {
            self.rotations.keep_served(&role.name, &entry);
        }
        Ok(key)
    }

    /// The key that a role serves, as storage has it: a standby's memory is not
    /// kept up to date.
    async fn stored_key(&self, id: &CredentialId) -> Result<Option<(IssuedKey, Target)>, Error> {
        let stored = self.ledger.store.load(id).await?;
        Ok(stored.and_then(|credential| match credential.state {
            State::Live { key } if key.secret.is_some() => Some((key, credential.target)),
            _ => None,
        }))
    }

    fn first_key_is_coming(&self, role: &StaticRole, now: Timestamp) -> Error {
        let name = &role.name;
        let rotation = role.rotation.as_ref();
        if let Some(failed) = rotation.and_then(|rotation| rotation.failure.as_ref()) {
            return Error::upstream(format!(
                "the first key of static role `{name}` could not be made and is tried again in about \
                 {} s: {}",
                until(now, failed.retry_at).as_secs(),
                failed.error
            ));
        }
        let wanted = (&role.target, &role.readiness);
        let wait = rotation.map(|rotation| {
            // The wall clock may have been ahead of intents when it began.
            let made = rotation.begun.min(self.timekeeper.intents_from());
            let expected = self.expected_at(&rotation.next, made, wanted);
            until(now, expected).as_secs().max(1)
        });
        Error::upstream(format!(
            "the first key of static role `{name}` is being proven: about {} s more",
            wait.unwrap_or(1)
        ))
    }
}

/// The key of a credential that can be served.
fn live_key(known: &Credential) -> Option<(IssuedKey, Target)> {
    match &known.state {
        State::Live { key } if key.secret.is_some() => Some((key.clone(), known.target.clone())),
        _ => None,
    }
}
