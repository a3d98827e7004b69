//! Does for the keys that were replaced and wait for silence what
//! [`wish`](super::quiet::wish) says.
//!
//! The grace holder of such a key lasts until its latest end. It is released early
//! when the key is quiet, so that no failure of ours, nor of whoever reads the audit
//! log, ends a key before that.

use jiff::Timestamp;
use logical::Error;

use super::keys::in_grace;
use super::quiet::{Covered, Ending, Seen, WaitingFacts};
use crate::credential::{Credential, State};
use crate::ids::{CredentialId, KeyId, RoleName};
use crate::ledger::{Event, Failure};
use crate::state::Engine;
use crate::static_role::{EndedInUse, StaticRole, WaitingKey, grace_holder};

impl Engine {
    /// What is known of the keys of a role that wait.
    pub(super) async fn waiting_facts(
        &self,
        role: &StaticRole,
    ) -> Result<Vec<WaitingFacts>, Error> {
        let waits = !role.waiting.is_empty();
        self.rotations
            .note_waiting(&role.name, waits, role.problem());
        if role.waiting.is_empty() {
            return Ok(Vec::new());
        }
        // Before the logins: each is stored before the watermark that covers it.
        let evidence = self.usage.evidence().await?;
        let covered = evidence.map(|evidence| Covered {
            since: evidence.since,
            watermark: evidence.watermark,
        });
        let mut newer = match &role.served {
            Some(served) => self.login_of(&served.credential).await?,
            None => None,
        };
        let mut facts = Vec::new();
        for key in role.waiting.iter().rev() {
            let last = self.login_of(&key.credential).await?;
            facts.push(WaitingFacts {
                is_held: self.is_held(role, key).await?,
                seen: Seen {
                    covered,
                    last,
                    newer,
                },
            });
            newer = newer.max(last);
        }
        facts.reverse();
        Ok(facts)
    }

    async fn login_of(&self, id: &CredentialId) -> Result<Option<Timestamp>, Error> {
        let entry = self.ledger.entry(id);
        match self
            .ledger
            .look(&entry, |known| known.key_id().cloned())
            .await
        {
            Ok(Some(key)) => self.usage.last_login(&key).await,
            Err(Failure::Failed(error)) => Err(error),
            Ok(None) | Err(Failure::Unknown | Failure::Refused(_)) => Ok(None),
        }
    }

    async fn is_held(&self, role: &StaticRole, key: &WaitingKey) -> Result<bool, Error> {
        let holder = grace_holder(&role.name, key.version);
        let entry = self.ledger.entry(&key.credential);
        let is_held = |known: &Credential| {
            matches!(known.state, State::Live { .. }) && known.holders.contains_key(&holder)
        };
        match self.ledger.look(&entry, is_held).await {
            Ok(is_held) => Ok(is_held),
            Err(Failure::Failed(error)) => Err(error),
            Err(Failure::Unknown | Failure::Refused(_)) => Ok(false),
        }
    }

    /// The holder of a key that waits lasts longer: first it, then the record.
    pub(super) async fn hold_waiting(
        &self,
        mut role: StaticRole,
        index: usize,
        until: Timestamp,
    ) -> Result<(), Error> {
        let Some(key) = role.waiting.get_mut(index) else {
            return Ok(());
        };
        let entry = self.ledger.entry(&key.credential);
        let holder = grace_holder(&role.name, key.version);
        let from = self.timekeeper.deadlines_from();
        let renewed = Event::Renew {
            holder: (holder, in_grace(from, until)),
        };
        match self.ledger.apply(&entry, renewed).await {
            Ok(()) | Err(Failure::Refused(_) | Failure::Unknown) => {}
            Err(Failure::Failed(error)) => return Err(error),
        }
        key.held_until = until;
        let credential = key.credential.clone();
        if let Some(previous) = &mut role.previous
            && previous.credential == credential
        {
            previous.until = until;
        }
        self.static_roles.put(&role).await
    }

    /// The holder of a key that waits goes, and the key with it where nothing else
    /// keeps it. A deletion that fails is the sweep's.
    pub(super) async fn release_waiting(
        &self,
        name: &RoleName,
        key: &WaitingKey,
    ) -> Result<(), Error> {
        let holder = grace_holder(name, key.version);
        let entry = self.ledger.entry(&key.credential);
        let released = Event::Release {
            holder: holder.clone(),
        };
        match self.ledger.apply(&entry, released).await {
            Ok(()) | Err(Failure::Unknown | Failure::Refused(_)) => Ok(()),
            Err(Failure::Failed(error)) => {
                let keeps = entry.look(|known| known.holders.contains_key(&holder));
                if keeps == Some(false) {
                    Ok(())
                } else {
                    Err(error)
                }
            }
        }
    }

    /// The record forgets a key that waited. One that something may use is an alarm.
    pub(super) async fn forget_waiting(
        &self,
        mut role: StaticRole,
        index: usize,
        ending: Ending,
    ) -> Result<(), Error> {
        let key = role.waiting.remove(index);
        let previous = role.previous.as_ref().map(|key| &key.credential);
        if previous == Some(&key.credential) {
            role.previous = None;
        }
        let stored = self.ledger.store.load(&key.credential).await?;
        let id = stored.and_then(|known| known.key_id().cloned());
        match ending {
            Ending::Quiet => role.ended_in_use = None,
            Ending::InUse(busy) => {
                role.ended_in_use = Some(EndedInUse {
                    key: id.clone(),
                    at: self.clock.now(),
                    cause: busy.to_string(),
                });
            }
            Ending::Otherwise => {}
        }
        self.static_roles.put(&role).await?;
        self.measurements.old_key_ended(ending.word());
        let key = id.as_ref().map_or("", KeyId::as_str);
        if let Ending::InUse(busy) = ending {
            tracing::error!(
                static_role = role.name.as_str(),
                key,
                cause = %busy,
                "an old key reached `max_overlap` and ended although something may use it"
            );
        } else {
            tracing::info!(
                static_role = role.name.as_str(),
                key,
                ended = ending.word(),
                "an old key waits no more"
            );
        }
        Ok(())
    }
}
