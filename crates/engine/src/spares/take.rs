//! Handing out the keys of roles that are tried first.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use logical::Error;
use tokio::sync::oneshot;

use super::make::Claim;
use super::prove::Readying;
use crate::control_plane::{Caller, RemovalBy};
use crate::credential::{Credential, Sharing};
use crate::cut_off::cut_off;
use crate::ids::{CredentialId, Generation, HolderId};
use crate::issue::{Issued, Requester};
use crate::ledger::{Entry, Event, Failure, Holder, Refusal};
use crate::role::Role;
use crate::scope::SlotId;
use crate::spare_pool::Stage;
use crate::state::{Engine, LeaseTimes};

/// How often a reader looks for another key when the one that it waited for ends
/// before it is taken.
const ATTEMPTS: usize = 4;

/// Where the reader of a single-use key waits for it.
type Answer = oneshot::Sender<Result<Issued, Error>>;

/// A slot's spare while its first reader takes it: whoever tends the pool leaves it
/// alone, since memory says that it is taken before storage does.
struct Taking<'a> {
    engine: &'a Engine,
    generation: &'a Generation,
    id: &'a CredentialId,
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        let pools = &self.engine.pools;
        if pools.advance(self.generation, self.id, &[Stage::Claimed], Stage::Slot) {
            pools.schedule_known(self.generation, self.engine.clock.now());
        }
    }
}

impl Issued {
    /// The same with what its reader waited for.
    pub(crate) fn working(self, readying: Readying) -> Self {
        let works_from = match readying {
            Readying::From(expected) => Some(expected),
            Readying::Ready | Readying::Ended => None,
        };
        Self { works_from, ..self }
    }
}

impl Engine {
    /// A key for one lease that is tried first. The work goes on when the reader
    /// hangs up: the key is then the next reader's.
    pub(crate) async fn issue_tried(
        self: &Arc<Self>,
        role: Arc<Role>,
        requester: Requester,
    ) -> Result<Issued, Error> {
        let since = self.clock.monotonic();
        let (mut sender, receiver) = oneshot::channel();
        let engine = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            let issued = engine.wait_and_take(&role, &requester, since, &mut sender);
            let issued = issued.await;
            if let Err(Ok(untaken)) = sender.send(issued) {
                engine.release_untaken(&untaken).await;
            }
            let _ = engine.ledger.store.clear_intents().await;
        }));
        receiver.await.unwrap_or_else(|_| Err(cut_off()))
    }

    async fn wait_and_take(
        self: &Arc<Self>,
        role: &Arc<Role>,
        requester: &Requester,
        since: Duration,
        answer: &mut Answer,
    ) -> Result<Issued, Error> {
        let until = since + role.readiness.wait_ready();
        for _ in 0..ATTEMPTS {
            let Some(claim) = self.claim_for(role, requester).await? else {
                let issued = self.make(Arc::clone(role), requester.clone());
                return issued.await.map(|issued| self.warned(role, issued));
            };
            let readying = {
                let waiting = std::pin::pin!(self.wait_until_ready(role, &claim.entry, until));
                let hung_up = std::pin::pin!(answer.closed());
                match select(waiting, hung_up).await {
                    Either::Left((readying, _)) => self.refused(role, readying?)?,
                    Either::Right(((), _)) => return Err(cut_off()),
                }
            };
            if readying == Readying::Ended {
                self.forget_claimed(role, &claim);
                continue;
            }
            match self.ledger.confirm_once(&claim.entry).await {
                // Taking it tells what became of it.
                Ok(()) | Err(Failure::Refused(_) | Failure::Unknown) => {}
                Err(Failure::Failed(error)) => {
                    return Err(error.context("looking whether the new key still exists"));
                }
            }
            let times = self.allowed_times(role).await?;
            match self.take_spare(role, &claim.entry, times, requester).await {
                Ok(issued) => return Ok(issued.working(readying)),
                Err(Failure::Refused(_) | Failure::Unknown) => self.forget_claimed(role, &claim),
                Err(Failure::Failed(error)) => {
                    return Err(error.context("noting who holds the new key"));
                }
            }
        }
        Err(Error::upstream(format!(
            "the new key of role `{}` ended again and again before it was handed out: try again",
            role.name
        )))
    }

    /// A spare for this reader, or a new key that waits for it. None where the reader
    /// gets a new key at once, whether it works or not.
    async fn claim_for(
        self: &Arc<Self>,
        role: &Role,
        requester: &Requester,
    ) -> Result<Option<Claim>, Error> {
        let waits = !role.readiness.wait_ready().is_zero();
        let refuses = role.readiness.not_ready() == readiness::NotReady::Refuse;
        if waits || refuses {
            let caller = Caller::reader(&requester.mount, role.name.as_str(), &requester.name);
            let claim = self.claim_or_make(role, role.purpose(), caller);
            return claim.await.map(Some);
        }
        self.claim(role, &role.purpose()).await
    }

    /// A key that was made for a reader who gets it at once.
    fn warned(&self, role: &Role, mut issued: Issued) -> Issued {
        let id: &CredentialId = issued.entry.id();
        let made = issued.entry.look(|known| known.intended_at);
        let wanted = (&role.target, &role.readiness);
        let made = made.unwrap_or_else(|| self.timekeeper.intents_from());
        issued.works_from = Some(self.expected_at(id, made, wanted));
        self.rotations.forget_key(id);
        issued
    }

    /// A claimed key that cannot be handed out: whoever tends the pool looks at it.
    fn forget_claimed(&self, role: &Role, claim: &Claim) {
        let id = claim.entry.id();
        let pools = &self.pools;
        pools.advance(&role.generation, id, &[Stage::Claimed], Stage::Leaving);
        pools.schedule_known(&role.generation, self.clock.now());
    }

    async fn release_untaken(&self, untaken: &Issued) {
        let released = Event::Release {
            holder: untaken.holder.clone(),
        };
        // What fails is left to the sweep.
        let _ = self.ledger.apply(&untaken.entry, released).await;
    }

    /// The key that all readers of a slot wait for: a spare, or a new key.
    pub(crate) async fn spare_for_slot(
        self: &Arc<Self>,
        role: &Role,
        slot: &SlotId,
        caller: Caller,
    ) -> Result<Arc<Entry>, Error> {
        let purpose = role.purpose_of(slot);
        let claim = self.claim_or_make(role, purpose, caller).await?;
        Ok(claim.leave_to_slot())
    }

    /// A slot's spare that its readers will not find is anybody's again.
    pub(crate) fn leave_slot(&self, role: &Role, entry: &Entry) {
        let (pools, id) = (&self.pools, entry.id());
        pools.advance(&role.generation, id, &[Stage::Slot], Stage::Free);
        pools.schedule_known(&role.generation, self.clock.now());
    }

    /// The first reader of a slot's spare takes it, and the others wait for that: the
    /// key may turn out to be another process's. Then it is one that they hold. None
    /// where the key is no spare.
    pub(crate) async fn take_from_slot(
        &self,
        role: &Role,
        entry: &Arc<Entry>,
        times: LeaseTimes,
        requester: &Requester,
    ) -> Result<Option<Issued>, Failure> {
        let (generation, id) = (&role.generation, entry.id());
        let _alone = self.pools.take(id).await;
        if !self.ledger.look(entry, Credential::is_spare).await? {
            return Ok(None);
        }
        let is_first = self
            .pools
            .advance(generation, id, &[Stage::Slot], Stage::Claimed);
        let _taking = is_first.then(|| Taking {
            engine: self,
            generation,
            id,
        });
        match self.take_spare(role, entry, times, requester).await {
            Ok(issued) => Ok(Some(issued)),
            Err(Failure::Refused(Refusal::NotSpare)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// A reader takes a spare. Durable when it returns.
    async fn take_spare(
        &self,
        role: &Role,
        entry: &Arc<Entry>,
        times: LeaseTimes,
        requester: &Requester,
    ) -> Result<Issued, Failure> {
        let (generation, id) = (&role.generation, entry.id());
        let (holder, lease) = self.holder_of(requester, times);
        let on_record = requester.on_record();
        let taken = self
            .ledger
            .take(entry, (holder.clone(), lease), on_record)
            .await?;
        match self.has_taken(generation, entry, &holder).await {
            Ok(true) => self.pools.remove(generation, id),
            Ok(false) => {
                self.leave_to_other(entry, self.holder_of(requester, times))
                    .await?;
                self.pools.remove(generation, id);
                self.pools.schedule_known(generation, self.clock.now());
                return Err(Failure::Refused(Refusal::NotLive));
            }
            // It is not known whether another process has it, so that it is not handed
            // out: whoever tends the pool strikes the pointer, and the holder lapses.
            Err(error) => return Err(Failure::Failed(error)),
        }
        self.pools.schedule_known(generation, self.clock.now());
        Ok(Issued {
            entry: Arc::clone(entry),
            key: taken.key,
            account: taken.account,
            holder,
            times,
            works_from: None,
        })
    }

    /// Whether a spare is a reader's, whose holder was just written.
    ///
    /// Storage compares nothing when it writes, and another process may have taken the
    /// spare, or let go of it, at the same moment. Each writes the entry, looks whether
    /// the pointer is there, deletes it, and reads the entry. Of two whose entries both
    /// were there at the end, the one that wrote later found no pointer: the other one
    /// had read its own entry before, and deleted the pointer before that.
    async fn has_taken(
        &self,
        generation: &Generation,
        entry: &Entry,
        holder: &HolderId,
    ) -> Result<bool, Error> {
        let pointers = &self.pools.pointers;
        if !pointers.names(generation, entry.id()).await? {
            return Ok(false);
        }
        pointers.delete(generation, entry.id()).await?;
        let stored = self.ledger.in_storage(entry).await?;
        Ok(stored.is_some_and(|stored| is_held(&stored, holder)))
    }

    /// Another process took a spare, or let go of it. Where our entry replaced the one
    /// of that process's reader, our holder stays until that reader's time is over.
    ///
    /// The holders of a shared key have entries of their own, so that ours goes. The
    /// key ends with it where it has no other, even though its entry says that it is
    /// in use: that is ours, and the other process may be deleting the key.
    async fn leave_to_other(
        &self,
        entry: &Entry,
        holder: (HolderId, Holder),
    ) -> Result<(), Failure> {
        self.ledger.refresh(entry).await?;
        let sharing = self.ledger.look(entry, |known| known.sharing).await?;
        if sharing == Sharing::Shared {
            return self.leave_shared_to_other(entry, holder.0).await;
        }
        let is_ours = |known: &Credential| is_held(known, &holder.0);
        if self.ledger.look(entry, is_ours).await? {
            let renew = Event::Renew { holder };
            self.ledger.apply(entry, renew).await?;
        }
        Ok(())
    }

    async fn leave_shared_to_other(&self, entry: &Entry, holder: HolderId) -> Result<(), Failure> {
        let released = Event::Release { holder };
        let by = RemovalBy::Sweep;
        match self.ledger.apply_for(by, entry, released).await {
            // A deletion that failed is the sweep's.
            Err(Failure::Failed(error)) => match entry.look(|known| known.live_key().is_some()) {
                Some(false) => Ok(()),
                _ => Err(Failure::Failed(error)),
            },
            released => released,
        }
    }
}

/// Whether a key that was a spare is a reader's.
fn is_held(known: &Credential, holder: &HolderId) -> bool {
    known.live_key().is_some() && !known.pinned && known.holders.contains_key(holder)
}
