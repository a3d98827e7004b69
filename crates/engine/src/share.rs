//! Sharing: readers of a role get one key, all of them or those of one scope,
//! and first readers that come together cause one creation.
//!
//! A key with a `max_age` is replaced: in its last tenth a reader has the next
//! one made in the background, from `max_age` on new readers get that, and the
//! leases on the old one run out. No key is made for nobody: where no reader
//! comes in the last tenth, the next reader after it has one made and waits.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::Error;
use tokio::sync::oneshot;

use crate::control_plane::{Caller, Class};
use crate::credential::{Credential, Proving, later, reserved_holder};
use crate::cut_off::cut_off;
use crate::ids::CredentialId;
use crate::issue::{Issued, MARGIN, Requester};
use crate::ledger::{Entry, Event, Failure, Holder, Sharing, State};
use crate::making::Order;
use crate::role::Role;
use crate::role::sharing::SharedBy;
use crate::scope::{ScopeId, ScopeOf, SlotId};
use crate::slots::{Claim, SharedKey, Turn};
use crate::spares::Readying;
use crate::state::{Engine, LeaseTimes};

/// How often a reader looks for another key when the one it found retires
/// before it can hold it.
const ATTEMPTS: usize = 4;

/// What a reader found.
enum Found {
    /// A key that others may hold.
    Key(SharedKey),
    /// A key that was made for this reader, which holds it already.
    Made(Issued),
}

/// Whom a shared key is made for.
enum For {
    /// A reader, who holds it at once.
    Reader,
    /// Readers to come after so long, for whom it is held.
    Later(Duration),
}

impl Engine {
    /// A holder on the key that the role's readers share, which is made when
    /// there is none. A reader that hangs up cuts nothing off; its holder lapses.
    pub(crate) async fn share(
        self: &Arc<Self>,
        role: Arc<Role>,
        requester: Requester,
    ) -> Result<Issued, Error> {
        let engine = Arc::clone(self);
        self.run_to_completion(async move { engine.hold_shared(&role, &requester).await })
            .await
    }

    async fn hold_shared(
        self: &Arc<Self>,
        role: &Arc<Role>,
        requester: &Requester,
    ) -> Result<Issued, Error> {
        let since = self.clock.monotonic();
        let slot = self.slot_of(role, requester).await?;
        for _ in 0..ATTEMPTS {
            let key = match self.find_shared(role, &slot, requester).await? {
                Found::Made(issued) => return Ok(issued),
                Found::Key(key) => key,
            };
            if key
                .entry
                .look(|known| known.purpose.slot().as_ref() == Some(&slot))
                == Some(false)
            {
                // A static role took it over.
                self.slots.forget_entry(&slot, &key.entry);
                continue;
            }
            let readying = self.ready_for_readers(role, &key.entry, since).await?;
            if readying == Readying::Ended {
                self.slots.forget_entry(&slot, &key.entry);
                continue;
            }
            match self.ledger.confirm(&key.entry).await {
                Ok(()) | Err(Failure::Refused(_) | Failure::Unknown) => {}
                Err(Failure::Failed(error)) => {
                    return Err(error.context("looking whether the shared key still exists"));
                }
            }
            match self.attach(&key, role, requester).await {
                Ok(issued) => {
                    if key.reserved && self.slots.take_reserved(&slot, &key.entry) {
                        self.release_reserved(&key.entry);
                    }
                    return Ok(issued.working(readying));
                }
                Err(Failure::Refused(_) | Failure::Unknown) => {
                    self.slots.forget_entry(&slot, &key.entry);
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

    /// The slot of a reader.
    async fn slot_of(&self, role: &Role, requester: &Requester) -> Result<SlotId, Error> {
        let of = match role.sharing.by {
            SharedBy::Lease | SharedBy::Role => None,
            SharedBy::Entity => Some(entity(role, requester)?),
            SharedBy::Token => Some(token(role, requester)?),
        };
        let scope = match of {
            Some(of) => Some(ScopeId::new(&self.ledger.storage_id().await?, of)),
            None => None,
        };
        Ok(SlotId {
            generation: role.generation.clone(),
            scope,
        })
    }

    /// Notes a new holder, and asks the host meanwhile how long its lease may
    /// live. Its answer is most often that of last time.
    async fn attach(
        &self,
        key: &SharedKey,
        role: &Role,
        requester: &Requester,
    ) -> Result<Issued, Failure> {
        let entry = &key.entry;
        let left = role.sharing.max_age().and_then(|_| {
            let age = key.age(self.clock.monotonic());
            role.sharing.lease_left(age)
        });
        // Memory has it that a spare is taken before that is certain.
        if entry.look(Credential::is_spare) != Some(false)
            || (role.asks_readiness() && self.pools.has(&role.generation, entry.id()))
        {
            let times = self.allowed_times(role).await?.within(left);
            let taken = self.take_from_slot(role, entry, times, requester);
            if let Some(taken) = taken.await? {
                return Ok(taken);
            }
        }
        let Some(likely) = self.likely_times(role) else {
            let times = self.lease_times(role).await?.within(left);
            return self.note_holder(entry, times, requester).await;
        };
        let likely = likely.within(left);
        let note = self.note_holder(entry, likely, requester);
        let (times, issued) = futures_util::join!(self.lease_times(role), note);
        let (times, mut issued) = (times?.within(left), issued?);
        if times != likely {
            let renew = Event::Renew {
                holder: self.holder_of(requester, times),
            };
            Box::pin(self.ledger.apply(entry, renew)).await?;
            issued.times = times;
        }
        Ok(issued)
    }

    /// A spare, or a new key, that all readers of a slot wait for until it works.
    async fn spare_to_share(
        self: &Arc<Self>,
        role: &Role,
        slot: &SlotId,
        caller: Caller,
    ) -> Result<SharedKey, Error> {
        let entry = self.spare_for_slot(role, slot, caller).await?;
        let made = entry.look(|known| known.intended_at);
        let now = self.timekeeper.intents_from();
        let age = made.map_or(Duration::ZERO, |made| elapsed(made, now));
        Ok(SharedKey::aged(entry, self.clock.monotonic(), age, false))
    }

    async fn note_holder(
        &self,
        entry: &Arc<Entry>,
        times: LeaseTimes,
        requester: &Requester,
    ) -> Result<Issued, Failure> {
        let (holder, deadline) = self.holder_of(requester, times);
        let held = self
            .ledger
            .attach(entry, (holder.clone(), deadline))
            .await?;
        Ok(Issued {
            entry: Arc::clone(entry),
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
        slot: &SlotId,
        requester: &Requester,
    ) -> Result<Found, Error> {
        let max_age = role.sharing.max_age();
        let turn = match self.slots.claim(slot, max_age, || self.is_licensed()) {
            Claim::Key(key, turn) => {
                if let (Some(turn), Some(max_age)) = (turn, max_age) {
                    let left = max_age.saturating_sub(key.age(self.clock.monotonic()));
                    self.prepare_next(role, slot, requester, left, turn);
                }
                return Ok(Found::Key(key));
            }
            Claim::Wait(coming) => return coming.await.map(Found::Key),
            Claim::Turn(turn) => turn,
        };
        let (sender, receiver) = oneshot::channel();
        let (engine, role, slot) = (Arc::clone(self), Arc::clone(role), slot.clone());
        let requester = requester.clone();
        self.tasks.spawn(Box::pin(async move {
            let found = match engine.look_up_shared(&role, &slot).await {
                Ok(Some((key, next))) => {
                    turn.end(Ok((key.clone(), next)));
                    Ok(Found::Key(key))
                }
                Ok(None) if role.asks_readiness() => {
                    let key = engine
                        .spare_to_share(&role, &slot, requester.caller(&role))
                        .await;
                    turn.end(key.clone().map(|key| (key, None)));
                    key.map(Found::Key)
                }
                Ok(None) => {
                    let made = engine.make_shared(role, slot, requester, For::Reader).await;
                    turn.end(match &made {
                        Ok((_, key)) => Ok((key.clone(), None)),
                        Err(error) => Err(error.clone()),
                    });
                    made.map(|(issued, _)| Found::Made(issued))
                }
                Err(error) => {
                    turn.end(Err(error.clone()));
                    Err(error)
                }
            };
            // A first reader that is gone leaves its holder: the key then waits
            // one time to live for others, on record, and goes by itself.
            let _ = sender.send(found);
        }));
        receiver.await.unwrap_or_else(|_| Err(cut_off()))
    }

    /// Has the next key made, while readers get the present one. They are not
    /// told of a failure as long as that is young enough.
    fn prepare_next(
        self: &Arc<Self>,
        role: &Arc<Role>,
        slot: &SlotId,
        requester: &Requester,
        left: Duration,
        turn: Turn,
    ) {
        let (engine, role, slot) = (Arc::clone(self), Arc::clone(role), slot.clone());
        // No lease of this requester waits for it.
        let requester = Requester {
            seat: None,
            ..requester.clone()
        };
        self.tasks.spawn(Box::pin(async move {
            match engine.make_next(&role, slot, requester, left).await {
                Ok(key) => {
                    let entry = Arc::clone(&key.entry);
                    if !turn.end(Ok((key, None))) {
                        engine.give_up_next(&role, &entry);
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        role = role.name.as_str(),
                        error = error.message(),
                        "the next shared key could not be made; it is tried again, and readers get \
                         the present one until it is `max_age` old"
                    );
                    turn.end(Err(error));
                }
            }
        }));
    }

    async fn make_next(
        self: &Arc<Self>,
        role: &Arc<Role>,
        slot: SlotId,
        requester: Requester,
        left: Duration,
    ) -> Result<SharedKey, Error> {
        if role.asks_readiness() {
            let caller = next_key(role, &requester);
            return self.spare_to_share(role, &slot, caller).await;
        }
        let made = self
            .make_shared(Arc::clone(role), slot, requester, For::Later(left))
            .await;
        made.map(|(_, key)| key)
    }

    /// The role was changed while its next key was made.
    fn give_up_next(self: &Arc<Self>, role: &Role, entry: &Arc<Entry>) {
        if role.asks_readiness() {
            self.leave_slot(role, entry);
        } else {
            self.release_reserved(entry);
        }
    }

    /// The key of a slot by storage, and the next one: the oldest that is young
    /// enough, and the one after it.
    pub(crate) async fn look_up_shared(
        &self,
        role: &Role,
        slot: &SlotId,
    ) -> Result<Option<(SharedKey, Option<SharedKey>)>, Error> {
        let (purpose, max_age) = (role.purpose_of(slot), role.sharing.max_age());
        let mut young = Vec::new();
        for id in self.ledger.store.shared(slot).await? {
            let entry = self.ledger.entry(&id);
            let found = |known: &Credential| {
                let is_live = matches!(&known.state, State::Live { key } if key.secret.is_some());
                let age = elapsed(known.intended_at, self.timekeeper.intents_from());
                let reserved = known.holders.contains_key(&reserved_holder(&known.id));
                (is_live && known.purpose == purpose).then_some((age, reserved))
            };
            let found = match self.ledger.look(&entry, found).await {
                Ok(found) => found,
                Err(Failure::Unknown | Failure::Refused(_)) => continue,
                Err(Failure::Failed(error)) => return Err(error),
            };
            if let Some((age, reserved)) = found
                && max_age.is_none_or(|max_age| age < max_age)
            {
                let key = SharedKey::aged(entry, self.clock.monotonic(), age, reserved);
                young.push((age, key));
            }
        }
        young.sort_by_key(|(age, _)| std::cmp::Reverse(*age));
        let mut young = young.into_iter().map(|(_, key)| key);
        Ok(young.next().map(|key| (key, young.next())))
    }

    /// Makes a key for the readers of a slot. Must run in a task of its own.
    async fn make_shared(
        self: &Arc<Self>,
        role: Arc<Role>,
        slot: SlotId,
        requester: Requester,
        made_for: For,
    ) -> Result<(Issued, SharedKey), Error> {
        let id = CredentialId::random(&*self.entropy);
        let begun = self.clock.monotonic();
        let (holder, caller, reserved) = match made_for {
            For::Reader => {
                let caller = requester.caller(&role);
                (requester.holder.clone(), caller, false)
            }
            For::Later(_) => {
                let caller = next_key(&role, &requester);
                (reserved_holder(&id), caller, true)
            }
        };
        let order = Order {
            id,
            purpose: role.purpose_of(&slot),
            target: role.target.clone(),
            sharing: Sharing::Shared,
            pinned: false,
            proving: Proving::NotAsked,
            description: requester.description(&role),
            requester: requester.on_record(),
            caller,
        };
        let first = holder.clone();
        let max_age = role.sharing.max_age();
        let holds = |times: &LeaseTimes| {
            let lasts = match made_for {
                For::Reader => self.holder_of(&requester, *times).1,
                For::Later(left) => self.reservation(left, *times, max_age),
            };
            Some((first, lasts))
        };
        let (made, times) = self.create(order, self.allowed_times(&role), holds).await?;
        let now = self.clock.monotonic();
        let age = now.saturating_sub(begun);
        let key = SharedKey::aged(Arc::clone(&made.entry), now, age, reserved);
        let issued = Issued {
            entry: made.entry,
            key: made.key,
            account: made.account,
            holder,
            times,
            works_from: None,
        };
        Ok((issued, key))
    }

    /// A key that was made before anybody asked for it waits until the old one is
    /// too old, and one time to live more, as any key that nobody took (`lifecycle.md`,
    /// 9), but not longer than it would be handed out.
    fn reservation(&self, left: Duration, times: LeaseTimes, max_age: Option<Duration>) -> Holder {
        let wait = left.saturating_add(times.ttl);
        let wait = wait.min(max_age.unwrap_or(wait));
        let now = self.timekeeper.deadlines_from();
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        Holder::new(now, later(later(now, wait), MARGIN))
    }

    /// Lets go of a key that was held for readers to come. What fails is left to
    /// the sweep.
    fn release_reserved(self: &Arc<Self>, entry: &Arc<Entry>) {
        let (engine, entry) = (Arc::clone(self), Arc::clone(entry));
        self.tasks.spawn(Box::pin(async move {
            let release = Event::Release {
                holder: reserved_holder(entry.id()),
            };
            let _ = engine.ledger.apply(&entry, release).await;
        }));
    }
}

/// On whose behalf Confluent is asked for the next key of a role.
fn next_key(role: &Role, requester: &Requester) -> Caller {
    let flow = format!("{}{}", requester.mount, role.name);
    Caller::of(Class::Spare, &flow)
}

/// How long ago something was; nothing if the clock was set back.
fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

fn entity<'a>(role: &Role, requester: &'a Requester) -> Result<ScopeOf<'a>, Error> {
    if requester.entity.is_empty() {
        return Err(Error::bad_request(format!(
            "role `{}` has a key for each entity (`sharing=entity`), and this token belongs to none: \
             log in with an auth method, or write the role with `sharing=token`",
            role.name
        )));
    }
    Ok(ScopeOf::Entity(&requester.entity))
}

fn token<'a>(role: &Role, requester: &'a Requester) -> Result<ScopeOf<'a>, Error> {
    let (accessor, token) = (&requester.accessor, &requester.token);
    if !accessor.is_empty() {
        Ok(ScopeOf::Accessor(accessor))
    } else if !token.is_empty() {
        Ok(ScopeOf::Token(token))
    } else {
        Err(Error::bad_request(format!(
            "role `{}` has a key for each token (`sharing=token`), and the host did not say with which \
             token it is read: read it with one, or write the role with `sharing=role`",
            role.name
        )))
    }
}
