//! Making a key: intent, creation, entry. In this order, whatever happens to
//! the request that asked for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::SignedDuration;
use logical::Error;
use logical::effects::within;
use tokio::sync::oneshot;

use crate::account::{Account, AskError};
use crate::control_plane::{Access, Caller, CreatedKey, NewKey};
use crate::credential::later;
use crate::ids::{CredentialId, HolderId, OrganizationId};
use crate::ledger::{
    Credential, Entry, Event, Failure, Holder, IssuedKey, RequestedBy, Sharing, State,
};
use crate::role::Role;
use crate::state::{Engine, LeaseTimes};

/// A creation is not sent for an intent older than this.
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// How long a creation may take.
const CREATE_LIMIT: Duration = Duration::from_secs(30);

/// An entry that is not durable this long after its intent is given up.
const DURABLE_WITHIN: Duration = Duration::from_secs(45);

/// When a key whose answer was lost is looked for, after the loss.
const SEARCH_AFTER: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_mins(1),
];

/// What a deadline has beyond the lease, for the time that an answer needs to
/// reach the host and a revocation to come back.
const MARGIN: SignedDuration = SignedDuration::from_mins(1);

/// Who asked, for the key's description.
#[derive(Debug, Clone)]
pub(crate) struct Requester {
    /// Path of the mount.
    pub(crate) mount: String,
    /// The host's name for the requester.
    pub(crate) name: String,
    /// Id of its entity, or empty.
    pub(crate) entity: String,
    /// Accessor of its token, or empty.
    pub(crate) accessor: String,
}

impl Requester {
    /// What is kept of it with the key.
    fn on_record(&self) -> Option<Box<RequestedBy>> {
        let known = [&self.name, &self.entity, &self.accessor];
        known.iter().any(|text| !text.is_empty()).then(|| {
            Box::new(RequestedBy {
                name: self.name.clone(),
                entity: self.entity.clone(),
                accessor_hash: accessor_hash(&self.accessor),
            })
        })
    }
}

fn accessor_hash(accessor: &str) -> String {
    if accessor.is_empty() {
        return String::new();
    }
    let hash = digest(&SHA256, accessor.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_ref()[..8]);
    format!("{:016x}", u64::from_be_bytes(first))
}

/// A key with a holder. What is handed out is here and not read again from
/// memory, which a write of somebody else may have put in doubt since.
pub(crate) struct Issued {
    pub(crate) entry: Arc<Entry>,
    pub(crate) key: IssuedKey,
    /// The organization that it was made in, where known.
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) holder: HolderId,
    pub(crate) times: LeaseTimes,
}

impl Engine {
    /// Makes a key for one lease. The work goes on when the reader hangs up;
    /// the key is then deleted at once.
    pub(crate) async fn issue_single_use(
        self: &Arc<Self>,
        role: Arc<Role>,
        requester: Requester,
    ) -> Result<Issued, Error> {
        let (sender, receiver) = oneshot::channel();
        let engine = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            let issued = engine.make(role, Sharing::SingleUse, requester).await;
            if let Err(Ok(untaken)) = sender.send(issued) {
                let released = Event::Release {
                    holder: untaken.holder,
                    now: engine.clock.now(),
                };
                let _ = engine.ledger.apply(&untaken.entry, released).await;
            }
            // What fails is left to the sweep.
            let _ = engine.ledger.store.clear_intents().await;
        }));
        receiver.await.unwrap_or_else(|_| Err(cut_off()))
    }

    /// Makes a key and its first holder. Must run in a task of its own.
    pub(crate) async fn make(
        self: &Arc<Self>,
        role: Arc<Role>,
        sharing: Sharing,
        requester: Requester,
    ) -> Result<Issued, Error> {
        let _making = self.making.read().await;
        let account = self.accounts.required().await?;
        let id = CredentialId::random(&*self.entropy);
        let marker = self.ledger.marker(&id).await?;
        let key = NewKey {
            display_name: marker.display_name(role.name.as_str()),
            description: description(&role, &requester),
            target: role.target.clone(),
        };
        let started = self.clock.monotonic();
        let elapsed = || self.clock.monotonic().saturating_sub(started);
        let intent = Credential {
            id,
            purpose: role.purpose(),
            organization: account.organization.clone(),
            target: role.target.clone(),
            sharing,
            requester: requester.on_record(),
            intended_at: self.timekeeper.intents_from(),
            state: State::Intended,
            holders: BTreeMap::new(),
            pinned: false,
        };
        // Each is a call to the host, and none needs another's answer.
        let (entry, allowed) =
            futures_util::join!(self.ledger.intend(intent), self.allowed_times(&role));
        let entry = entry?;
        let times = match allowed {
            Ok(times) => times,
            Err(error) => {
                let _ = self.ledger.apply(&entry, Event::Refused).await;
                return Err(error);
            }
        };
        if elapsed() > SEND_WITHIN {
            let _ = self.ledger.apply(&entry, Event::Refused).await;
            return Err(Error::upstream(
                "storage took too long to note the new key, so it was not made: try again",
            ));
        }
        let (organization, key) = (account.organization.as_ref(), &key);
        let caller = &Caller::reader(&requester.mount, role.name.as_str(), &requester.name);
        let create = |access: Access| async move {
            let access = access.on_behalf_of(caller.clone());
            self.control.create_key(&access, key).await
        };
        let creation = self.ledger.ask(organization, create);
        let created = match within(&*self.tasks, CREATE_LIMIT, creation).await {
            Some(Ok(created)) if marker.marks(&created.key.display_name) => created,
            Some(Ok(unmarked)) => return Err(self.disown(&entry, unmarked).await),
            Some(Err(AskError::Cloud(lost))) if lost.outcome_unknown => {
                self.search_later(Arc::clone(&entry));
                return Err(creation_error(&role, lost));
            }
            Some(Err(refused)) => {
                let _ = self.ledger.apply(&entry, Event::Refused).await;
                return Err(creation_error(&role, refused));
            }
            None => {
                self.search_later(Arc::clone(&entry));
                return Err(Error::upstream(format!(
                    "Confluent Cloud did not answer the creation of a key for role `{}` within {} \
                     seconds; whatever it made is deleted: try again",
                    role.name,
                    CREATE_LIMIT.as_secs()
                )));
            }
        };
        if elapsed() > DURABLE_WITHIN {
            return Err(self.disown(&entry, created).await);
        }
        if let (None, Some(told)) = (&account.organization, &created.key.organization) {
            self.learn_later(Arc::clone(&account), told.clone());
        }
        let known = account.organization.clone();
        let issued = self.enter(entry, created, known, sharing, times).await?;
        if elapsed() > DURABLE_WITHIN {
            return Err(self.give_up(issued).await);
        }
        Ok(issued)
    }

    /// The times of a lease on a key that may be made: not for a mount that is
    /// being removed.
    async fn allowed_times(&self, role: &Role) -> Result<LeaseTimes, Error> {
        let (tainted, times) = futures_util::join!(self.is_tainted(), self.lease_times(role));
        if tainted? {
            return Err(being_removed());
        }
        times
    }

    /// Enters a created key with its first holder.
    async fn enter(
        self: &Arc<Self>,
        entry: Arc<Entry>,
        created: CreatedKey,
        known: Option<OrganizationId>,
        sharing: Sharing,
        times: LeaseTimes,
    ) -> Result<Issued, Error> {
        let (holder, first) = self.new_holder(times);
        let issued = IssuedKey {
            id: created.key.id,
            secret: Some(created.secret),
        };
        let stored = IssuedKey {
            id: issued.id.clone(),
            secret: issued.secret.clone().filter(|_| sharing == Sharing::Shared),
        };
        let organization = known.or_else(|| created.key.organization.clone());
        let made = Event::Made {
            key: stored,
            holder: Some((holder.clone(), first)),
            organization: created.key.organization,
        };
        match self.ledger.apply(&entry, made).await {
            Ok(()) => {
                self.ledger.confirm_new(&entry);
                Ok(Issued {
                    entry,
                    key: issued,
                    organization,
                    holder,
                    times,
                })
            }
            // The write may have happened; the sweep reads storage and decides.
            Err(Failure::Failed(error)) => Err(error.context("storing the new key")),
            Err(Failure::Refused(_) | Failure::Unknown) => {
                self.search_later(entry);
                Err(Error::internal(
                    "the new key was given up while it was made: try again",
                ))
            }
        }
    }

    /// A holder of a lease that starts now.
    pub(crate) fn new_holder(&self, times: LeaseTimes) -> (HolderId, Holder) {
        let now = self.timekeeper.deadlines_from();
        let holder = Holder::new(now, deadline(now, times.ttl, now, times.max_ttl));
        (HolderId::random(&*self.entropy), holder)
    }

    /// Deletes a key that was made but must not be handed out.
    async fn disown(self: &Arc<Self>, entry: &Arc<Entry>, created: CreatedKey) -> Error {
        let found = Event::Found {
            key: created.key.id.clone(),
            now: self.clock.now(),
        };
        let _ = self.ledger.apply(entry, found).await;
        Error::upstream(format!(
            "Confluent Cloud made key `{}` too late or without the name it was given, so it is \
             deleted again: try again",
            created.key.id
        ))
    }

    /// Ends a key whose record became durable too late: another process may
    /// have taken its intent for abandoned.
    async fn give_up(&self, issued: Issued) -> Error {
        let released = Event::Release {
            holder: issued.holder,
            now: self.clock.now(),
        };
        let _ = self.ledger.apply(&issued.entry, released).await;
        Error::upstream(format!(
            "storage took too long to note key `{}`, so it is deleted again: try again",
            issued.key.id
        ))
    }

    /// The answer to a creation told the organization of an account. It is noted
    /// beside the creation, since who writes accounts may wait for that.
    fn learn_later(self: &Arc<Self>, account: Arc<Account>, organization: OrganizationId) {
        let engine = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            let learned = engine.learn_organization(&account, organization).await;
            if let Err(error) = learned {
                tracing::warn!(
                    error = error.message(),
                    "the organization of the account could not be noted"
                );
            }
        }));
    }

    /// Looks for a key whose answer was lost, now and a few times later. The
    /// sweep goes on after that.
    fn search_later(self: &Arc<Self>, entry: Arc<Entry>) {
        let engine = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            for wait in SEARCH_AFTER {
                engine.tasks.sleep(wait).await;
                let now = engine.clock.now();
                let _ = engine.ledger.apply(&entry, Event::Lapse { now }).await;
                if entry.look(|known| known.state != State::Intended) == Some(true) {
                    return;
                }
            }
        }));
    }
}

/// The latest time that a lease can live to, with a margin: what is asked for
/// from now, but not past its longest life.
pub(crate) fn deadline(
    now: jiff::Timestamp,
    ttl: Duration,
    issued_at: jiff::Timestamp,
    max_ttl: Duration,
) -> jiff::Timestamp {
    let span = |duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    let end = later(now, span(ttl)).min(later(issued_at, span(max_ttl)));
    later(end, MARGIN)
}

/// Nothing is made for a mount that is being removed.
pub(crate) fn being_removed() -> Error {
    Error::bad_request("the mount is being removed, so no key is made")
}

/// A task was dropped before its end: the mount stops, or the task failed.
pub(crate) fn cut_off() -> Error {
    Error::upstream("the work was cut off before its end: try again")
}

fn description(role: &Role, requester: &Requester) -> String {
    if role.key_description.is_empty() {
        format!(
            "Made by Lockkeeper: mount {} role {} for {}",
            requester.mount, role.name, requester.name
        )
    } else {
        role.key_description.clone()
    }
}

fn creation_error(role: &Role, error: impl Into<Error>) -> Error {
    error.into().context(format_args!(
        "making a key of `{}` for `{}` (role `{}`)",
        role.target.owner, role.target.resource, role.name
    ))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_deadline_is_the_leases_end_and_a_minute() {
        let second = |second| Timestamp::from_second(second).unwrap();
        let seconds = Duration::from_secs;
        let end = |now, ttl, max| deadline(second(now), seconds(ttl), second(1000), seconds(max));
        assert_eq!(end(1000, 10, 100), second(1070));
        assert_eq!(end(1095, 10, 100), second(1160));
    }
}
