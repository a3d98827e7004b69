//! One organization's budget of requests: its [`Pace`], and the tasks that wait
//! for their turn.
//!
//! One waiting task is the leader: it sleeps until the pace can grant something,
//! and wakes the tasks whose requests are granted. The others sleep until they are
//! woken. A leader that is decided about or dropped wakes a successor, and so does
//! every task that leaves while there is no leader.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::Effects;
use crate::pace::{
    Decided, LimitHeaders, Outcome, Pace, PaceStatus, Permit, Rate, Ticket, TurnRequest,
};

const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// An organization's budget of requests.
#[derive(Debug)]
pub(crate) struct Budget(Mutex<State>);

#[derive(Debug)]
struct State {
    pace: Pace,
    waiters: BTreeMap<Ticket, Waiter>,
    leader: Option<Ticket>,
    /// When the leader wakes up by itself.
    wakes_at: Option<Instant>,
}

#[derive(Debug)]
struct Waiter {
    verdict: Option<Result<Permit, Duration>>,
    wake: Arc<Notify>,
}

/// Permission to send one request, which counts as in flight until it is finished
/// or dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    budget: Arc<Budget>,
    effects: Arc<dyn Effects>,
    permit: Option<Permit>,
}

impl Budget {
    pub(crate) fn new(start: Option<Rate>, now: Instant) -> Self {
        Self(Mutex::new(State {
            pace: Pace::new(start, now),
            waiters: BTreeMap::new(),
            leader: None,
            wakes_at: None,
        }))
    }

    /// Waits for permission to send one request.
    ///
    /// # Errors
    /// The estimated wait, if the request cannot be sent in time.
    pub(crate) async fn turn(
        self: Arc<Self>,
        effects: &Arc<dyn Effects>,
        wanted: &TurnRequest<'_>,
    ) -> Result<Turn, Duration> {
        let entry = self.enter(effects, wanted)?;
        loop {
            let sleep = match self.poll_verdict(effects.now(), &entry) {
                Step::Decided(verdict) => {
                    return verdict.map(|permit| Turn {
                        budget: Arc::clone(&self),
                        effects: Arc::clone(effects),
                        permit: Some(permit),
                    });
                }
                Step::Lead(time) => Some(effects.sleep(time)),
                Step::Follow => None,
            };
            let mut sleep = sleep;
            let mut woken = pin!(entry.wake.notified());
            poll_fn(|context| {
                let slept = sleep
                    .as_mut()
                    .is_some_and(|sleep| sleep.as_mut().poll(context).is_ready());
                if slept || woken.as_mut().poll(context).is_ready() {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
    }

    pub(crate) fn status(&self, now: Instant) -> PaceStatus {
        self.lock().pace.status(now)
    }

    /// Merges the state of another budget of the same organization.
    pub(crate) fn merge(&self, now: Instant, other: &Self) {
        self.lock().pace.merge(now, &mut other.lock().pace);
    }

    /// Whether it can be replaced by a new one.
    pub(crate) fn is_untouched(&self, now: Instant) -> bool {
        self.lock().pace.is_untouched(now)
    }

    fn enter(
        self: &Arc<Self>,
        effects: &Arc<dyn Effects>,
        wanted: &TurnRequest<'_>,
    ) -> Result<QueueEntry, Duration> {
        let now = effects.now();
        let mut state = self.lock();
        let ticket = state.pace.enter(now, wanted)?;
        let wake = Arc::new(Notify::new());
        let waiter = Waiter {
            verdict: None,
            wake: Arc::clone(&wake),
        };
        state.waiters.insert(ticket, waiter);
        Ok(QueueEntry {
            budget: Arc::clone(self),
            effects: Arc::clone(effects),
            ticket,
            wake,
        })
    }

    /// Returns the verdict for an entry, or how to wait for it.
    fn poll_verdict(&self, now: Instant, entry: &QueueEntry) -> Step {
        let mut state = self.lock();
        let next = state.advance(now);
        let waiter = state.waiters.get_mut(&entry.ticket);
        if let Some(verdict) = waiter.and_then(|waiter| waiter.verdict.take()) {
            return Step::Decided(verdict);
        }
        let leads = *state.leader.get_or_insert(entry.ticket) == entry.ticket;
        if leads {
            state.wakes_at = next;
            let time = next.map(|next| next.saturating_duration_since(now));
            // Every entry has a deadline, so that there always is a next time.
            return Step::Lead(time.unwrap_or(LONGEST_SLEEP));
        }
        Step::Follow
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next step of a waiting task.
enum Step {
    Decided(Result<Permit, Duration>),
    /// Sleep for so long as the leader.
    Lead(Duration),
    /// Sleep until woken.
    Follow,
}

impl State {
    /// Advances the pace, wakes the tasks it decided about, and returns the next
    /// time to advance.
    fn advance(&mut self, now: Instant) -> Option<Instant> {
        let Decided {
            granted,
            held_back,
            next,
        } = self.pace.advance(now);
        let granted = granted
            .into_iter()
            .map(|(ticket, permit)| (ticket, Ok(permit)));
        let held_back = held_back
            .into_iter()
            .map(|(ticket, wait)| (ticket, Err(wait)));
        for (ticket, verdict) in granted.chain(held_back) {
            if let Some(waiter) = self.waiters.get_mut(&ticket) {
                waiter.verdict = Some(verdict);
                waiter.wake.notify_one();
            }
        }
        let sooner = next.is_some_and(|next| self.wakes_at.is_some_and(|at| next < at));
        if sooner && let Some(leader) = self.leader.and_then(|leader| self.waiters.get(&leader)) {
            leader.wake.notify_one();
        }
        next
    }

    /// Removes a task.
    fn leave(&mut self, now: Instant, ticket: Ticket) {
        let waiter = self.waiters.remove(&ticket);
        self.pace.leave(ticket);
        if let Some(Ok(permit)) = waiter.and_then(|waiter| waiter.verdict) {
            // The granted turn is not used.
            self.pace.finish(now, &permit, Outcome::Unknown, None, 0);
            self.advance(now);
        }
        if self.leader == Some(ticket) {
            self.leader = None;
            self.wakes_at = None;
        }
        if self.leader.is_none() {
            self.wake_successor();
        }
    }

    /// Wakes a task that becomes the leader when it looks. One that is decided
    /// about before that leaves, and wakes another.
    fn wake_successor(&self) {
        let mut undecided = self.waiters.values();
        if let Some(successor) = undecided.find(|waiter| waiter.verdict.is_none()) {
            successor.wake.notify_one();
        }
    }
}

/// An entry in the queue, which is removed when the task is dropped.
struct QueueEntry {
    budget: Arc<Budget>,
    effects: Arc<dyn Effects>,
    ticket: Ticket,
    wake: Arc<Notify>,
}

impl Drop for QueueEntry {
    fn drop(&mut self) {
        let now = self.effects.now();
        self.budget.lock().leave(now, self.ticket);
    }
}

impl Turn {
    /// Ends the request.
    pub(crate) fn finish(mut self, outcome: Outcome, limit_headers: Option<LimitHeaders>) {
        self.end(outcome, limit_headers);
    }

    fn end(&mut self, outcome: Outcome, limit_headers: Option<LimitHeaders>) {
        let Some(permit) = self.permit.take() else {
            return;
        };
        let (now, random) = (self.effects.now(), self.effects.random());
        let mut state = self.budget.lock();
        state
            .pace
            .finish(now, &permit, outcome, limit_headers, random);
        state.advance(now);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.end(Outcome::Unknown, None);
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
