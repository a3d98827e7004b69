//! Ending keys whoever holds them: one by its id, all of a role, and all of a
//! mount that is removed.

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use jiff::SignedDuration;
use logical::Error;
use logical::effects::within;

use crate::account::AskError;
use crate::control_plane::{Access, Failure as CloudFailure};
use crate::credential::later;
use crate::drain::AT_MOST;
use crate::ids::{CredentialId, KeyId, Marker, StorageId};
use crate::ledger::{Credential, Event, Failure, Purpose, State};
use crate::state::Engine;

/// How long a mount that is removed waits for keys that are being made.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// How long after its intent a key can still be made: the 10 s in which a
/// creation is sent, and its 30 s, with a margin.
const INTENT_LATE: SignedDuration = SignedDuration::from_secs(46);

/// How long the end of a mount that is removed may take in all: hosts wait for
/// a minute.
const STOP_LIMIT: Duration = Duration::from_secs(55);

/// How long its keys are ended in rounds: less, so that those which stay are
/// named.
const ROUNDS_LIMIT: Duration = Duration::from_secs(48);

/// Between two rounds.
const ROUND_PAUSE: Duration = Duration::from_secs(1);

/// What became of keys that were to end.
#[derive(Default)]
pub(crate) struct Ended {
    /// Keys that went.
    pub(crate) keys: Vec<KeyId>,
    /// Keys that stay, and why. The sweep goes on with them.
    pub(crate) stay: Vec<(String, Error)>,
}

/// Which keys without a record may be ended.
pub(crate) enum Consent {
    /// Those of this mount's storage.
    Own,
    /// Those of this storage as well.
    Storage(StorageId),
    /// Those of any mount.
    Any,
}

impl Engine {
    /// Ends a key on record.
    pub(crate) async fn end(&self, id: &CredentialId) -> Result<(), Error> {
        let entry = self.ledger.entry(id);
        let ended = self.ledger.apply(&entry, Event::Kill).await;
        let purpose = entry.look(|credential| credential.purpose.clone());
        // Its readers need another.
        let now = self.clock.now();
        match purpose {
            Some(Purpose::Static { static_role, .. }) => self.rotations.schedule(&static_role, now),
            Some(Purpose::Role { generation, .. }) => self.pools.schedule_known(&generation, now),
            None => {}
        }
        match ended {
            Ok(()) | Err(Failure::Refused(_) | Failure::Unknown) => Ok(()),
            // It waits for its turn, and the sweep owns it.
            Err(Failure::Failed(_))
                if self.ledger.owns_deletion(&entry).await && !self.is_tainted().await? =>
            {
                Ok(())
            }
            Err(Failure::Failed(error)) => Err(error),
        }
    }

    /// Ends several keys on record.
    pub(crate) async fn end_all(&self, records: Vec<Credential>) -> Ended {
        let ends: Vec<_> = records
            .iter()
            .map(|credential| self.end(&credential.id))
            .collect();
        // In the order of the records. So many that the pace holds back all that
        // would take long.
        let ends: Vec<Result<(), Error>> = stream::iter(ends).buffered(AT_MOST).collect().await;
        let mut ended = Ended::default();
        for (credential, end) in records.into_iter().zip(ends) {
            let key = credential.key_id().cloned();
            match (key, end) {
                (Some(key), Ok(())) => ended.keys.push(key),
                (None, Ok(())) => {}
                (key, Err(error)) => {
                    let name = key.map_or_else(
                        || format!("the key that is being made for {}", credential.purpose),
                        |key| format!("key `{key}`"),
                    );
                    ended.stay.push((name, error));
                }
            }
        }
        ended
    }

    /// Ends a key that carries a marker and whose id is not on record. A key without a
    /// marker is nobody's business here: else whoever may write this path could
    /// have any key of the organization deleted.
    pub(crate) async fn end_stranger(&self, key: &KeyId, consent: &Consent) -> Result<(), Error> {
        let account = self.accounts.required().await?;
        let read = |access: Access| async move { self.control.read_key(&access, key).await };
        let known = match self.accounts.ask_as(&account.id, read).await {
            Ok(known) => known,
            Err(AskError::Cloud(error))
                if matches!(
                    error.failure,
                    CloudFailure::NotFound | CloudFailure::Forbidden
                ) =>
            {
                return Err(Error::bad_request(format!(
                    "key `{key}` is not on record here, and Confluent Cloud does not show it: check \
                     the id. If it is right, the account may lack rights: read `config/check`"
                )));
            }
            Err(error) => return Err(error.into()),
        };
        let Some((storage, id)) = Marker::read(&known.display_name) else {
            return Err(Error::bad_request(format!(
                "key `{key}` is not on record here and its name does not begin with the marker of a \
                 mount: delete it in Confluent Cloud if nobody needs it"
            )));
        };
        let is_own = self.ledger.storage_ids().await?.contains(&storage);
        let consented = match consent {
            Consent::Own => is_own,
            Consent::Storage(named) => is_own || *named == storage,
            Consent::Any => true,
        };
        if !consented {
            return Err(Error::bad_request(format!(
                "key `{key}` carries the marker of another mount, which may use it: delete it there, or \
                 give `storage_id={storage}` or `force=true` if that mount is gone"
            )));
        }
        // A key that is being made is on record under its marker alone.
        if is_own && self.is_on_record(&id, &known).await? {
            return self.end(&id).await;
        }
        let delete = |access: Access| async move { self.control.delete_key(&access, key).await };
        self.accounts
            .ask_as(&account.id, delete)
            .await
            .map_err(Error::from)
    }

    /// The mount stops. One that is removed takes all its keys along, also
    /// those whose leases the host lost; what stays is named in the log
    /// (`lifecycle.md`, 28).
    pub(crate) async fn stop(&self) {
        self.end_licence();
        match self.system.tainted().await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                // So does every host that is stopped together with its plugins.
                tracing::debug!(
                    error = error.message(),
                    "the host does not tell whether the mount is removed; its keys stay"
                );
                return;
            }
        }
        match within(&*self.tasks, STOP_LIMIT, self.drain_and_end()).await {
            Some(Ok(ended)) => {
                for (name, error) in ended.stay {
                    tracing::error!(
                        key = name,
                        error = error.message(),
                        "a key outlives its mount: delete it in Confluent Cloud"
                    );
                }
            }
            Some(Err(error)) => tracing::error!(
                error = error.message(),
                "the keys of the mount that is removed could not be read"
            ),
            None => tracing::error!(
                "not all keys could be deleted before the mount was removed: look in Confluent \
                 Cloud for keys that carry its marker"
            ),
        }
    }

    async fn drain_and_end(&self) -> Result<Ended, Error> {
        // Held to the end, so that no creation which waited begins meanwhile.
        let drained = within(&*self.tasks, DRAIN_LIMIT, self.making.write()).await;
        if drained.is_none() {
            tracing::error!("a key was still being made when the mount was removed");
        }
        let ended = self.end_everything().await;
        self.name_keys_that_stay().await?;
        ended
    }

    /// Ends every key on record, in rounds until none stays or the time is over.
    /// A key that a process which died was making may still come, so it is
    /// looked for again when it can no longer.
    async fn end_everything(&self) -> Result<Ended, Error> {
        let until = self.clock.monotonic() + ROUNDS_LIMIT;
        let mut keys = Vec::new();
        loop {
            let begun = self.clock.now();
            let ended = self.end_all(self.ending_with_mount().await?).await;
            keys.extend(ended.keys);
            let known = self.ending_with_mount().await?;
            let intents = known
                .iter()
                .filter(|credential| credential.state == State::Intended);
            let latest = intents.map(|intent| intent.intended_at).max();
            let quiet = latest.map(|latest| later(latest, INTENT_LATE).duration_since(begun));
            let quiet = quiet.and_then(|quiet| Duration::try_from(quiet).ok());
            let pause = match (ended.stay.is_empty(), quiet) {
                (true, None | Some(Duration::ZERO)) => None,
                (true, Some(quiet)) => Some(quiet),
                (false, _) => Some(ROUND_PAUSE),
            };
            let now = self.clock.monotonic();
            let Some(pause) = pause.filter(|_| now < until) else {
                let stay = ended.stay;
                return Ok(Ended { keys, stay });
            };
            self.tasks.sleep(pause.min(until.saturating_sub(now))).await;
        }
    }

    /// The records of the keys that end with the mount. Those that static roles
    /// serve stay: moving a mount looks the same, and would stop every application
    /// (`lifecycle.md`, 46).
    async fn ending_with_mount(&self) -> Result<Vec<Credential>, Error> {
        let mut records = self.unsettled().await?;
        records.retain(|credential| {
            let stays = matches!(credential.purpose, Purpose::Static { .. })
                && matches!(credential.state, State::Live { .. });
            !stays
        });
        Ok(records)
    }

    /// Names the keys that stay when the mount is removed.
    async fn name_keys_that_stay(&self) -> Result<(), Error> {
        for credential in self.unsettled().await? {
            if let (Purpose::Static { static_role, .. }, State::Live { key }) =
                (&credential.purpose, &credential.state)
            {
                tracing::warn!(
                    key = key.id.as_str(),
                    static_role = static_role.as_str(),
                    "the key of a static role outlives its mount: delete it in Confluent Cloud when \
                     nothing uses it any more"
                );
            }
        }
        Ok(())
    }

    /// The records of all keys that are not certainly gone.
    pub(crate) async fn unsettled(&self) -> Result<Vec<Credential>, Error> {
        let known = self.ledger.store.all().await?;
        let records = known.into_values();
        Ok(records.filter(|known| !known.is_settled()).collect())
    }
}
