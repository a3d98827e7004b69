//! Trying the keys of roles until each works or is given up, and waiting for one.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use jiff::Timestamp;
use logical::Error;

use crate::credential::{Credential, State};
use crate::ids::CredentialId;
use crate::ledger::{Entry, Event, Failure};
use crate::proving::{Tried, until};
use crate::role::Role;
use crate::state::Engine;

/// A key is tried so long for a reader who asked, whatever the licence says.
const FOR_A_READER: Duration = Duration::from_mins(1);

/// Between two tries: not less, should the clock jump.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// A wait is never longer, since the clock may be set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// After a failure of our own, such as of storage.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// How a key is when a reader is done waiting for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readying {
    /// It works.
    Ready,
    /// It works from about this time on.
    From(Timestamp),
    /// It ended meanwhile.
    Ended,
}

/// A key that is tried, until this is dropped.
struct Trying {
    engine: Arc<Engine>,
    id: CredentialId,
}

impl Drop for Trying {
    fn drop(&mut self) {
        self.engine.pools.end_trying(&self.id);
    }
}

impl Engine {
    /// Tries a key in the background until it works or is given up, unless somebody
    /// does already.
    pub(super) fn keep_trying(self: &Arc<Self>, role: &Role, entry: &Arc<Entry>) {
        let id = entry.id().clone();
        if !self.pools.begin_to_try(&id, self.clock.monotonic()) {
            return;
        }
        let trying = Trying {
            engine: Arc::clone(self),
            id,
        };
        let (engine, role, entry) = (Arc::clone(self), role.clone(), Arc::clone(entry));
        self.tasks.spawn(Box::pin(async move {
            engine.try_to_the_end(&role, &entry).await;
            drop(trying);
        }));
    }

    async fn try_to_the_end(&self, role: &Role, entry: &Arc<Entry>) {
        let wanted = (&role.target, &role.readiness);
        let id = entry.id();
        loop {
            let wait = match self.try_key(id, wanted).await {
                Ok(Tried::Works) => {
                    self.pools.refilled(&role.generation, None);
                    // What is not released now is released by the sweep.
                    let _ = self.release_unnamed_spare(entry).await;
                    return;
                }
                Ok(Tried::Over) => return,
                Ok(Tried::Later(due)) => until(self.clock.now(), due),
                Ok(Tried::NotReady(error)) => return self.give_up_on(entry, error).await,
                Err(error) => {
                    tracing::warn!(
                        credential = %id,
                        error = error.message(),
                        "a new key could not be tried and is tried again"
                    );
                    AFTER_FAILURE
                }
            };
            let wait = wait.clamp(SHORTEST_WAIT, LONGEST_WAIT);
            self.tasks.sleep(wait).await;
            let asked = self.pools.asked_at(id).unwrap_or_default();
            if !self.is_licensed() && self.clock.monotonic() > asked + FOR_A_READER {
                return;
            }
        }
    }

    /// Waits until a key works, but not beyond a moment of monotonic time.
    pub(super) async fn wait_until_ready(
        self: &Arc<Self>,
        role: &Role,
        entry: &Arc<Entry>,
        until: Duration,
    ) -> Result<Readying, Error> {
        loop {
            let changed = self.pools.changed.notified();
            let readying = self.readying(role, entry).await?;
            let Readying::From(_) = readying else {
                return Ok(readying);
            };
            self.keep_trying(role, entry);
            let left = until.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return Ok(readying);
            }
            let changed = std::pin::pin!(changed);
            match select(self.tasks.sleep(left), changed).await {
                Either::Left(_) | Either::Right(_) => {}
            }
        }
    }

    async fn readying(&self, role: &Role, entry: &Entry) -> Result<Readying, Error> {
        let made = |known: &Credential| match &known.state {
            State::Live { key } if key.secret.is_none() => Err(Readying::Ended),
            State::Live { key } if key.proving.is_over() => Err(Readying::Ready),
            State::Live { .. } => Ok(known.intended_at),
            _ => Err(Readying::Ended),
        };
        Ok(match self.ledger.look(entry, made).await {
            Ok(Ok(made)) => {
                let wanted = (&role.target, &role.readiness);
                Readying::From(self.expected_at(entry.id(), made, wanted))
            }
            Ok(Err(readying)) => readying,
            Err(Failure::Failed(error)) => return Err(error),
            Err(Failure::Unknown | Failure::Refused(_)) => Readying::Ended,
        })
    }

    /// Waits for a slot's key as long as readers of its role do; not at all where the
    /// role does not ask whether keys work.
    pub(crate) async fn ready_for_readers(
        self: &Arc<Self>,
        role: &Role,
        entry: &Arc<Entry>,
        since: Duration,
    ) -> Result<Readying, Error> {
        if !role.asks_readiness() {
            return Ok(Readying::Ready);
        }
        let until = since + role.readiness.wait_ready();
        let readying = self.wait_until_ready(role, entry, until).await?;
        self.refused(role, readying)
    }

    /// What a reader gets whose wait is over: 503 where the role refuses keys that do
    /// not work yet.
    pub(super) fn refused(&self, role: &Role, readying: Readying) -> Result<Readying, Error> {
        let Readying::From(expected) = readying else {
            return Ok(readying);
        };
        if role.readiness.not_ready() == readiness::NotReady::Warn {
            return Ok(readying);
        }
        let more = until(self.clock.now(), expected).as_secs().max(1);
        Err(Error::upstream(format!(
            "a new key of role `{}` is being proven: about {more} s more; it is kept for the next \
             read, so try again then",
            role.name
        )))
    }

    /// A key did not work in time: nobody gets it any more. One that was handed out
    /// with a warning is left to its leases.
    async fn give_up_on(&self, entry: &Arc<Entry>, error: Error) {
        let known = entry.look(|known| (known.purpose.clone(), known.pinned));
        let Some((purpose, pinned)) = known else {
            return;
        };
        let Some(slot) = purpose.slot() else {
            return;
        };
        let (role, generation) = (purpose.name(), &slot.generation);
        tracing::warn!(
            role = role.as_str(),
            error = error.message(),
            "a new key never worked, so it is given up"
        );
        self.slots.forget_entry(&slot, entry);
        let given_up = if pinned {
            self.note_refill(generation, &error);
            self.let_go_spare(generation, entry).await
        } else {
            self.withdraw(entry).await
        };
        if let Err(error) = given_up {
            tracing::warn!(
                role = role.as_str(),
                error = error.message(),
                "a key that never worked could not be let go of yet"
            );
        }
        self.pools.schedule_known(generation, self.clock.now());
    }

    /// New readers get another key; the leases on this one run out.
    async fn withdraw(&self, entry: &Entry) -> Result<(), Error> {
        match self.ledger.apply(entry, Event::Withdraw).await {
            Ok(()) | Err(Failure::Refused(_) | Failure::Unknown) => Ok(()),
            Err(Failure::Failed(error)) => Err(error),
        }
    }
}
