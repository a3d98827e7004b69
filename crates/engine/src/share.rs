//! Sharing: all readers of a role get one key, and first readers that come
//! together cause one creation.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use logical::Error;
use tokio::sync::oneshot;

use crate::ids::{Generation, HolderId};
use crate::issue::{Issued, Requester, shutting_down};
use crate::ledger::{Entry, Event, Failure, IssuedKey, Sharing, State};
use crate::role::Role;
use crate::state::{Engine, LeaseTimes};

/// How often a reader looks for another key when the one it found retires
/// before it can hold it.
const ATTEMPTS: usize = 4;

/// What the readers of each generation share.
#[derive(Default)]
pub(crate) struct Slots {
    by_generation: Mutex<HashMap<Generation, Slot>>,
}

/// What one generation's readers share.
enum Slot {
    /// A key that is, or was a moment ago, in use.
    Current(Arc<Entry>),
    /// A key that is being looked up or made, for all who wait.
    Coming(Coming),
}

type Coming = Shared<BoxFuture<'static, Result<Arc<Entry>, Error>>>;

/// What a reader found.
enum Found {
    /// A key that others may hold.
    Entry(Arc<Entry>),
    /// A key that was made for this reader, which holds it already.
    Made(Issued),
}

impl Slots {
    fn with<T>(&self, change: impl FnOnce(&mut HashMap<Generation, Slot>) -> T) -> T {
        let mut slots = self
            .by_generation
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        change(&mut slots)
    }

    /// Forgets a generation whose role is gone or has another target.
    pub(crate) fn forget(&self, generation: &Generation) {
        self.with(|slots| slots.remove(generation));
    }

    /// Forgets a key that can no longer be held, unless another took its place.
    fn forget_entry(&self, generation: &Generation, stale: &Arc<Entry>) {
        self.with(|slots| {
            if let Some(Slot::Current(current)) = slots.get(generation)
                && Arc::ptr_eq(current, stale)
            {
                slots.remove(generation);
            }
        });
    }
}

impl Engine {
    /// A holder on the role's shared key, which is made when there is none.
    pub(crate) async fn share(
        self: &Arc<Self>,
        role: &Arc<Role>,
        times: LeaseTimes,
        requester: &Requester,
    ) -> Result<Issued, Error> {
        for _ in 0..ATTEMPTS {
            let entry = match self.find_shared(role, times, requester).await? {
                Found::Made(issued) => return Ok(issued),
                Found::Entry(entry) => entry,
            };
            match self.ledger.confirm(&entry).await {
                Ok(()) | Err(Failure::Refused(_) | Failure::Unknown) => {}
                Err(Failure::Failed(error)) => {
                    return Err(error.context("looking whether the shared key still exists"));
                }
            }
            let (holder, times) = self.new_holder(times);
            let attach = Event::Attach {
                holder: (holder.clone(), times),
            };
            match self.ledger.happen(&entry, attach).await {
                Ok(()) => return handed_out(entry, holder),
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

    /// The slot's key. The first reader starts a task that looks it up or
    /// makes it; all others wait for that task, even when the first is gone.
    async fn find_shared(
        self: &Arc<Self>,
        role: &Arc<Role>,
        times: LeaseTimes,
        requester: &Requester,
    ) -> Result<Found, Error> {
        enum Turn {
            Current(Arc<Entry>),
            Wait(Coming),
            Start(oneshot::Sender<Result<Arc<Entry>, Error>>),
        }
        let turn = self.slots.with(|slots| match slots.get(&role.generation) {
            Some(Slot::Current(entry)) => Turn::Current(Arc::clone(entry)),
            Some(Slot::Coming(coming)) => Turn::Wait(coming.clone()),
            None => {
                let (sender, receiver) = oneshot::channel();
                let coming = receiver
                    .map(|received| received.unwrap_or_else(|_| Err(shutting_down())))
                    .boxed()
                    .shared();
                slots.insert(role.generation.clone(), Slot::Coming(coming));
                Turn::Start(sender)
            }
        });
        let tell_others = match turn {
            Turn::Current(entry) => return Ok(Found::Entry(entry)),
            Turn::Wait(coming) => return coming.await.map(Found::Entry),
            Turn::Start(sender) => sender,
        };
        let (sender, receiver) = oneshot::channel();
        let (engine, role) = (Arc::clone(self), Arc::clone(role));
        let requester = requester.clone();
        self.tasks.spawn(Box::pin(async move {
            let generation = role.generation.clone();
            let found = engine.look_up_or_make(role, times, requester).await;
            let entry = match &found {
                Ok(Found::Entry(entry)) => Ok(Arc::clone(entry)),
                Ok(Found::Made(issued)) => Ok(Arc::clone(&issued.entry)),
                Err(error) => Err(error.clone()),
            };
            engine.slots.with(|slots| match &entry {
                Ok(entry) => {
                    slots.insert(generation, Slot::Current(Arc::clone(entry)));
                }
                Err(_) => {
                    slots.remove(&generation);
                }
            });
            let _ = tell_others.send(entry);
            // A first reader that is gone leaves its holder: the key then waits
            // one time to live for others, on record, and goes by itself.
            let _ = sender.send(found);
        }));
        receiver.await.unwrap_or_else(|_| Err(shutting_down()))
    }

    async fn look_up_or_make(
        self: &Arc<Self>,
        role: Arc<Role>,
        times: LeaseTimes,
        requester: Requester,
    ) -> Result<Found, Error> {
        if let Some(id) = self.ledger.store.shared(&role.generation).await? {
            let entry = self.ledger.entry(&id);
            match self.ledger.load(&entry).await {
                Ok(()) if shared_key(&entry).is_some() => return Ok(Found::Entry(entry)),
                Ok(()) | Err(Failure::Unknown | Failure::Refused(_)) => {}
                Err(Failure::Failed(error)) => return Err(error),
            }
        }
        self.make(role, Sharing::Shared, times, requester)
            .await
            .map(Found::Made)
    }
}

/// The key of an entry that can be handed out.
fn shared_key(entry: &Entry) -> Option<IssuedKey> {
    entry
        .look(|credential| match &credential.state {
            State::Live { key } if key.secret.is_some() => Some(key.clone()),
            _ => None,
        })
        .flatten()
}

fn handed_out(entry: Arc<Entry>, holder: HolderId) -> Result<Issued, Error> {
    let key = shared_key(&entry).ok_or_else(|| {
        // Deleted by hand between the note and now; the holder lapses.
        Error::upstream("the shared key was deleted while it was read: try again")
    })?;
    Ok(Issued { entry, key, holder })
}
