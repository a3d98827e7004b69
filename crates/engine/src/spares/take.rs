//! Handing out the keys of roles that are tried first.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use logical::Error;
use tokio::sync::oneshot;

use super::make::Claim;
use super::prove::Readying;
use crate::control_plane::Caller;
use crate::credential::Credential;
use crate::cut_off::cut_off;
use crate::ids::CredentialId;
use crate::issue::{Issued, Requester};
use crate::ledger::{Entry, Event, Failure, Refusal};
use crate::role::Role;
use crate::spare_pool::Stage;
use crate::state::{Engine, LeaseTimes};

/// How often a reader looks for another key when the one that it waited for ends
/// before it is taken.
const ATTEMPTS: usize = 4;

/// Where the reader of a single-use key waits for it.
type Answer = oneshot::Sender<Result<Issued, Error>>;

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
            return self.claim_or_make(role, caller).await.map(Some);
        }
        self.claim(role).await
    }

    /// A key that was made for a reader who gets it at once.
    fn warned(&self, role: &Role, mut issued: Issued) -> Issued {
        let id: &CredentialId = issued.entry.id();
        let made = issued.entry.look(|known| known.intended_at);
        let wanted = (&role.target, &role.readiness);
        let made = made.unwrap_or_else(|| self.clock.now());
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
            now: self.clock.now(),
        };
        // What fails is left to the sweep.
        let _ = self.ledger.apply(&untaken.entry, released).await;
    }

    /// The key that all readers of a slot wait for: a spare, or a new key.
    pub(crate) async fn spare_for_slot(
        self: &Arc<Self>,
        role: &Role,
        caller: Caller,
    ) -> Result<Arc<Entry>, Error> {
        let claim = self.claim_or_make(role, caller).await?;
        Ok(claim.leave_to_slot())
    }

    /// A slot's spare that its readers will not find is anybody's again.
    pub(crate) fn leave_slot(&self, role: &Role, entry: &Entry) {
        let (pools, id) = (&self.pools, entry.id());
        pools.advance(&role.generation, id, &[Stage::Slot], Stage::Free);
        pools.schedule_known(&role.generation, self.clock.now());
    }

    /// The first reader of a slot's spare takes it; for the others it is a key that
    /// they hold. None where the key is no spare.
    pub(crate) async fn take_from_slot(
        &self,
        role: &Role,
        entry: &Arc<Entry>,
        times: LeaseTimes,
        requester: &Requester,
    ) -> Option<Result<Issued, Failure>> {
        if entry.look(Credential::is_spare) != Some(true) {
            return None;
        }
        match self.take_spare(role, entry, times, requester).await {
            Err(Failure::Refused(Refusal::NotSpare)) => None,
            taken => Some(taken),
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
        if !self.pools.pointers.names(generation, id).await? {
            // Another process took it, or let go of it, between our look and our
            // write, which may have replaced the holder of that process's reader.
            // Ours stays until that reader's time is over.
            let renew = Event::Renew {
                holder: self.holder_of(requester, times),
            };
            self.ledger.apply(entry, renew).await?;
            self.pools.remove(generation, id);
            return Err(Failure::Refused(Refusal::NotLive));
        }
        if self.pools.pointers.delete(generation, id).await.is_ok() {
            self.pools.remove(generation, id);
        } else {
            // Whoever tends the pool strikes the pointer.
            let any = [Stage::Free, Stage::Claimed, Stage::Slot];
            self.pools.advance(generation, id, &any, Stage::Leaving);
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
}
