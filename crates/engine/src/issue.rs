//! Issuing a key under a lease: what is made for whom, and the holder that the
//! lease is.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::{SignedDuration, Timestamp};
use logical::Error;
use tokio::sync::oneshot;

use crate::account_ref::AccountRef;
use crate::control_plane::Caller;
use crate::credential::{Proving, later};
use crate::cut_off::cut_off;
use crate::ids::{CredentialId, HolderId};
use crate::ledger::{Entry, Event, Holder, IssuedKey, RequestedBy, Seat, Sharing};
use crate::making::Order;
use crate::role::Role;
use crate::scope::RequesterId;
use crate::state::{Engine, LeaseTimes};

/// What a deadline has beyond the lease, for the time that an answer needs to
/// reach the host and a revocation to come back.
pub(crate) const MARGIN: SignedDuration = SignedDuration::from_mins(1);

/// Who asked, for the key's description.
#[derive(Clone)]
pub(crate) struct Requester {
    /// Path of the mount.
    pub(crate) mount: String,
    /// The host's name for the requester.
    pub(crate) name: String,
    /// Id of its entity, or empty.
    pub(crate) entity: String,
    /// Accessor of its token, or empty.
    pub(crate) accessor: String,
    /// Its salted token, or empty: batch tokens have no accessor.
    pub(crate) token: String,
    /// The holder that its lease will be.
    pub(crate) holder: HolderId,
    /// As whom it is counted, where the leases of each requester are.
    pub(crate) counted_as: Option<RequesterId>,
    /// The place of its lease among those of a role with a limit, as long as the
    /// request is worked on.
    pub(crate) seat: Option<Arc<Seat>>,
}

impl Requester {
    /// What is kept of it with the key.
    pub(crate) fn on_record(&self) -> Option<Box<RequestedBy>> {
        let known = [&self.name, &self.entity, &self.accessor];
        known.iter().any(|text| !text.is_empty()).then(|| {
            Box::new(RequestedBy {
                name: self.name.clone(),
                entity: self.entity.clone(),
                accessor_hash: accessor_hash(&self.accessor),
            })
        })
    }

    /// The description of a key that is made for it.
    pub(crate) fn description(&self, role: &Role) -> String {
        if role.key_description.is_empty() {
            format!(
                "Made by Lockkeeper: mount {} role {} for {}",
                self.mount, role.name, self.name
            )
        } else {
            role.key_description.clone()
        }
    }

    /// On whose behalf Confluent is asked for a key that it waits for.
    pub(crate) fn caller(&self, role: &Role) -> Caller {
        Caller::reader(&self.mount, role.name.as_str(), &self.name)
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
    /// The account that it was made with.
    pub(crate) account: AccountRef,
    pub(crate) holder: HolderId,
    pub(crate) times: LeaseTimes,
    /// From about when on it works, where it does not yet.
    pub(crate) works_from: Option<Timestamp>,
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
            let issued = engine.make(role, requester).await;
            if let Err(Ok(untaken)) = sender.send(issued) {
                let released = Event::Release {
                    holder: untaken.holder,
                };
                let _ = engine.ledger.apply(&untaken.entry, released).await;
            }
            // What fails is left to the sweep.
            let _ = engine.ledger.store.clear_intents().await;
        }));
        receiver.await.unwrap_or_else(|_| Err(cut_off()))
    }

    /// Makes a key for one lease and its holder. Must run in a task of its own.
    pub(crate) async fn make(
        self: &Arc<Self>,
        role: Arc<Role>,
        requester: Requester,
    ) -> Result<Issued, Error> {
        let order = Order {
            id: CredentialId::random(&*self.entropy),
            purpose: role.purpose(),
            target: role.target.clone(),
            sharing: Sharing::SingleUse,
            pinned: false,
            proving: Proving::NotAsked,
            description: requester.description(&role),
            requester: requester.on_record(),
            caller: requester.caller(&role),
        };
        let first = requester.holder.clone();
        let holds = |times: &LeaseTimes| Some(self.holder_of(&requester, *times));
        let (made, times) = self.create(order, self.allowed_times(&role), holds).await?;
        Ok(Issued {
            entry: made.entry,
            key: made.key,
            account: made.account,
            holder: first,
            times,
            works_from: None,
        })
    }

    /// The times of a lease on a key that may be made: not for a mount that is
    /// being removed.
    pub(crate) async fn allowed_times(&self, role: &Role) -> Result<LeaseTimes, Error> {
        let (tainted, times) = futures_util::join!(self.is_tainted(), self.lease_times(role));
        if tainted? {
            return Err(being_removed());
        }
        times
    }

    /// The holder of a requester's lease, which starts now.
    pub(crate) fn holder_of(&self, requester: &Requester, times: LeaseTimes) -> (HolderId, Holder) {
        let now = self.timekeeper.deadlines_from();
        let holder = Holder::new(now, deadline(now, times.ttl, now, times.max_ttl));
        let counted_as = requester.counted_as.clone();
        (requester.holder.clone(), holder.of(counted_as))
    }
}

/// The latest time that a lease can live to, with a margin: what is asked for
/// from now, but not past its longest life.
pub(crate) fn deadline(
    now: Timestamp,
    ttl: Duration,
    issued_at: Timestamp,
    max_ttl: Duration,
) -> Timestamp {
    let span = |duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    let end = later(now, span(ttl)).min(later(issued_at, span(max_ttl)));
    later(end, MARGIN)
}

/// Nothing is made for a mount that is being removed.
pub(crate) fn being_removed() -> Error {
    Error::bad_request("the mount is being removed, so no key is made")
}

#[cfg(test)]
mod tests {
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
