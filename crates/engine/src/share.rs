//! Sharing: all readers of a role get one key, and first readers that come
//! together cause one creation.

use std::sync::Arc;

use futures_util::FutureExt;
use logical::Error;
use tokio::sync::oneshot;

use crate::ids::Generation;
use crate::issue::{Issued, Requester, cut_off};
use crate::ledger::{Credential, Entry, Event, Failure, IssuedKey, Sharing, State};
use crate::role::Role;
use crate::slots::{Coming, Slot};
use crate::spares::Readying;
use crate::state::{Engine, LeaseTimes};

/// How often a reader looks for another key when the one it found retires
/// before it can hold it.
const ATTEMPTS: usize = 4;

/// What a reader found.
enum Found {
    /// A key that others may hold.
    Entry(Arc<Entry>),
    /// A key that was made for this reader, which holds it already.
    Made(Issued),
}

/// The turn of the reader who looks up or makes what all wait for. However it
/// ends, the slot is free for the next.
struct Turn {
    engine: Arc<Engine>,
    generation: Generation,
    coming: Coming,
    tell_others: Option<oneshot::Sender<Result<Arc<Entry>, Error>>>,
}

impl Turn {
    /// Ends the turn with what came of it.
    fn end(mut self, found: Result<Arc<Entry>, Error>) {
        self.leave(found.as_ref().ok().map(Arc::clone));
        if let Some(others) = self.tell_others.take() {
            let _ = others.send(found);
        }
    }

    /// Leaves the slot to a key or to the next reader, unless it was forgotten.
    fn leave(&self, entry: Option<Arc<Entry>>) {
        self.engine.slots.with(|slots| {
            let Some(Slot::Coming(coming)) = slots.get(&self.generation) else {
                return;
            };
            if !coming.ptr_eq(&self.coming) {
                return;
            }
            match entry {
                Some(entry) => slots.insert(self.generation.clone(), Slot::Current(entry)),
                None => slots.remove(&self.generation),
            };
        });
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.tell_others.is_some() {
            self.leave(None);
        }
    }
}

impl Engine {
    /// A holder on the role's shared key, which is made when there is none. A
    /// reader that hangs up cuts nothing off; its holder lapses.
    pub(crate) async fn share(
        self: &Arc<Self>,
        role: Arc<Role>,
        requester: Requester,
    ) -> Result<Issued, Error> {
        let engine = Arc::clone(self);
        self.to_its_end(async move { engine.hold_shared(&role, &requester).await })
            .await
    }

    async fn hold_shared(
        self: &Arc<Self>,
        role: &Arc<Role>,
        requester: &Requester,
    ) -> Result<Issued, Error> {
        let since = self.clock.monotonic();
        for _ in 0..ATTEMPTS {
            let entry = match self.find_shared(role, requester).await? {
                Found::Made(issued) => return Ok(issued),
                Found::Entry(entry) => entry,
            };
            if entry.look(|known| is_shared_by(known, role)) == Some(false) {
                // A static role took it over.
                self.slots.forget_entry(&role.generation, &entry);
                continue;
            }
            let readying = self.ready_for_readers(role, &entry, since).await?;
            if readying == Readying::Ended {
                self.slots.forget_entry(&role.generation, &entry);
                continue;
            }
            match self.ledger.confirm(&entry).await {
                Ok(()) | Err(Failure::Refused(_) | Failure::Unknown) => {}
                Err(Failure::Failed(error)) => {
                    return Err(error.context("looking whether the shared key still exists"));
                }
            }
            match self.attach(Arc::clone(&entry), role, requester).await {
                Ok(issued) => return Ok(issued.working(readying)),
                Err(Failure::Refused(_) | Failure::Unknown) => {
                    self.slots.forget_entry(&role.generation, &entry);
                }
                Err(Failure::Failed(error)) => {
                    return Err(error.context("noting who holds the shared key"));
                }
            }
        }
        Err(Error::upstream(format!(
            "the shared key of role `{}` was deleted again and again while it was read: try again",
            role.name
        )))
    }

    /// Notes a new holder, and asks the host meanwhile how long its lease may
    /// live. Its answer is most often that of last time.
    async fn attach(
        &self,
        entry: Arc<Entry>,
        role: &Role,
        requester: &Requester,
    ) -> Result<Issued, Failure> {
        if entry.look(Credential::is_spare) == Some(true) {
            let times = self.allowed_times(role).await?;
            if let Some(taken) = self.take_from_slot(role, &entry, times, requester).await {
                return taken;
            }
        }
        let Some(likely) = self.likely_times(role) else {
            let times = self.lease_times(role).await?;
            return self.note_holder(entry, times).await;
        };
        let note = self.note_holder(Arc::clone(&entry), likely);
        let (times, issued) = futures_util::join!(self.lease_times(role), note);
        let (times, mut issued) = (times?, issued?);
        if times != likely {
            let (_, renewed) = self.new_holder(times);
            let renew = Event::Renew {
                holder: (issued.holder.clone(), renewed),
            };
            Box::pin(self.ledger.apply(&entry, renew)).await?;
            issued.times = times;
        }
        Ok(issued)
    }

    async fn note_holder(&self, entry: Arc<Entry>, times: LeaseTimes) -> Result<Issued, Failure> {
        let (holder, deadline) = self.new_holder(times);
        let held = self
            .ledger
            .attach(&entry, (holder.clone(), deadline))
            .await?;
        Ok(Issued {
            entry,
            key: held.key,
            account: held.account,
            holder,
            times,
            works_from: None,
        })
    }

    /// The slot's key. The first reader starts a task that looks it up or
    /// makes it; all others wait for that task, even when the first is gone.
    async fn find_shared(
        self: &Arc<Self>,
        role: &Arc<Role>,
        requester: &Requester,
    ) -> Result<Found, Error> {
        let turn = match self.take_turn(&role.generation) {
            Ok(turn) => turn,
            Err(Slot::Current(entry)) => return Ok(Found::Entry(entry)),
            Err(Slot::Coming(coming)) => return coming.await.map(Found::Entry),
        };
        let (sender, receiver) = oneshot::channel();
        let (engine, role) = (Arc::clone(self), Arc::clone(role));
        let requester = requester.clone();
        self.tasks.spawn(Box::pin(async move {
            let found = engine.look_up_or_make(role, requester).await;
            turn.end(match &found {
                Ok(Found::Entry(entry)) => Ok(Arc::clone(entry)),
                Ok(Found::Made(issued)) => Ok(Arc::clone(&issued.entry)),
                Err(error) => Err(error.clone()),
            });
            // A first reader that is gone leaves its holder: the key then waits
            // one time to live for others, on record, and goes by itself.
            let _ = sender.send(found);
        }));
        receiver.await.unwrap_or_else(|_| Err(cut_off()))
    }

    /// A generation's turn for the first reader; for others, what is there.
    fn take_turn(self: &Arc<Self>, generation: &Generation) -> Result<Turn, Slot> {
        self.slots.with(|slots| {
            if let Some(slot) = slots.get(generation) {
                return Err(slot.clone());
            }
            let (sender, receiver) = oneshot::channel();
            let coming = receiver
                .map(|received| received.unwrap_or_else(|_| Err(cut_off())))
                .boxed()
                .shared();
            slots.insert(generation.clone(), Slot::Coming(coming.clone()));
            Ok(Turn {
                engine: Arc::clone(self),
                generation: generation.clone(),
                coming,
                tell_others: Some(sender),
            })
        })
    }

    async fn look_up_or_make(
        self: &Arc<Self>,
        role: Arc<Role>,
        requester: Requester,
    ) -> Result<Found, Error> {
        if let Some(id) = self.ledger.store.shared(&role.generation).await? {
            let entry = self.ledger.entry(&id);
            match self.ledger.load(&entry).await {
                Ok(()) if shared_key(&entry, &role).is_some() => return Ok(Found::Entry(entry)),
                Ok(()) | Err(Failure::Unknown | Failure::Refused(_)) => {}
                Err(Failure::Failed(error)) => return Err(error),
            }
        }
        if role.asks_readiness() {
            let spare = self.spare_for_slot(&role, &requester).await;
            return spare.map(Found::Entry);
        }
        self.make(role, Sharing::Shared, requester)
            .await
            .map(Found::Made)
    }
}

fn is_shared_by(known: &Credential, role: &Role) -> bool {
    known.purpose.shared_by() == Some(&role.generation)
}

/// The key of an entry that can be handed out to readers of a role.
fn shared_key(entry: &Entry, role: &Role) -> Option<IssuedKey> {
    entry
        .look(|credential| match &credential.state {
            State::Live { key } if key.secret.is_some() && is_shared_by(credential, role) => {
                Some(key.clone())
            }
            _ => None,
        })
        .flatten()
}
