//! The pace of requests to an organization. Pure: the time is passed in, and
//! nothing waits here.
//!
//! A request enters the queue with a [`Ticket`] and is granted a [`Permit`] when
//! four limits allow it: the [`rate`] learned so far, through a token [`bucket`];
//! the [`window`] of requests in flight; the rate limit that answers reported for
//! the [`group`] of paths; and its turn in the queue ([`lanes`], [`queue`]). A
//! request that cannot be granted in time is held back at once, instead of waiting
//! in vain.

mod bucket;
mod class;
mod group;
mod lanes;
mod queue;
mod rate;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::effects::fraction;

use class::Part;
pub use class::{Class, Flow, RemovalBy};
pub(crate) use group::LimitHeaders;
pub use lanes::Waiting;
pub(crate) use queue::{QueueEnd, Ticket};
pub use rate::Rate;

use bucket::{Bucket, count, seconds};
use class::Name;
use group::Groups;
use lanes::{Lanes, Path};
use rate::{LONGEST_CLOSURE, LearnedRate};
use window::Window;

/// The shortest wait that is reported.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// The shortest pause after a 429.
const SHORTEST_CLOSURE: Duration = Duration::from_secs(1);

/// A request to be sent.
#[derive(Debug, Clone)]
pub(crate) struct TurnRequest<'a> {
    pub(crate) class: Class,
    pub(crate) flow: &'a Flow,
    /// The path, such as `/iam/v2/api-keys`.
    pub(crate) path: &'a str,
    /// The latest time to send it.
    pub(crate) until: Instant,
    pub(crate) end: QueueEnd,
}

/// Permission to send one request, which is returned with [`Pace::finish`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permit {
    number: u64,
    group: Name,
}

/// The result of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// An answer that says nothing about the service's load.
    Answered,
    /// 429, with the wait that the service asks for.
    Limited(Option<Duration>),
    /// The service failed (5xx) or timed out.
    Failed,
    /// Unknown, or nothing was sent.
    Unknown,
}

/// The decisions of [`Pace::advance`].
#[derive(Debug, Default)]
pub(crate) struct Decided {
    /// The requests that may be sent now.
    pub(crate) granted: Vec<(Ticket, Permit)>,
    /// The requests that cannot be granted in time, with the wait they would need.
    pub(crate) held_back: Vec<(Ticket, Duration)>,
    /// When to advance again, unless something else happens first.
    pub(crate) next: Option<Instant>,
}

/// The state of a pace, for monitoring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaceStatus {
    /// The rate limit learned so far, in requests a second; absent if there is
    /// none.
    pub requests_per_second: Option<f64>,
    /// How many requests are in flight.
    pub in_flight: usize,
    /// How many requests wait.
    pub waiting: Waiting,
    /// How long the oldest of them has waited.
    pub oldest: Option<Duration>,
}

/// The pace of an organization.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: LearnedRate,
    bucket: Bucket,
    window: Window,
    groups: Groups,
    closed_until: Option<Instant>,
    lanes: Lanes,
    waiting: BTreeMap<Ticket, Entered>,
    deadlines: BTreeSet<(Instant, Ticket)>,
    tickets: u64,
    permits: u64,
    /// Permits with smaller numbers belong to a volley that was counted already.
    limited_before: u64,
    failed_before: u64,
    /// Whether waiting requests may take longer than estimated.
    is_slower: bool,
}

#[derive(Debug)]
struct Entered {
    class: Class,
    path: Path,
    until: Instant,
    since: Instant,
}

impl Pace {
    /// A pace that starts with a rate, or without a limit.
    pub(crate) fn new(start: Option<Rate>, now: Instant) -> Self {
        let rate = LearnedRate::new(start, now);
        let unused = bucket::Fill {
            per_second: 0.0,
            burst: 0.0,
        };
        Self {
            bucket: Bucket::full(rate.fill().unwrap_or(unused), now),
            rate,
            window: Window::default(),
            groups: Groups::default(),
            closed_until: None,
            lanes: Lanes::default(),
            waiting: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            tickets: 0,
            permits: 0,
            limited_before: 0,
            failed_before: 0,
            is_slower: false,
        }
    }

    /// Enters a request into the queue.
    ///
    /// # Errors
    /// The estimated wait, if the request cannot be sent in time.
    pub(crate) fn enter(
        &mut self,
        now: Instant,
        wanted: &TurnRequest<'_>,
    ) -> Result<Ticket, Duration> {
        self.tick(now);
        let [name, caller] = wanted.class.path(wanted.flow);
        let path = [group_of(wanted.path), name, caller];
        let ahead = match wanted.end {
            QueueEnd::Back => self.lanes.ahead(wanted.class, &path),
            QueueEnd::Front => 0,
        };
        let wait = self.estimate(now, wanted.class, &path[0], ahead);
        if now + wait > wanted.until {
            return Err(wait.max(SHORTEST_WAIT));
        }
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.lanes.push(wanted.class, &path, ticket, wanted.end);
        self.deadlines.insert((wanted.until, ticket));
        let entered = Entered {
            class: wanted.class,
            path,
            until: wanted.until,
            since: now,
        };
        self.waiting.insert(ticket, entered);
        Ok(ticket)
    }

    /// Removes a request from the queue.
    pub(crate) fn leave(&mut self, ticket: Ticket) {
        if let Some(entered) = self.forget(ticket) {
            self.lanes.remove(entered.class, &entered.path, ticket);
        }
    }

    /// Grants the requests that may be sent now, and holds back those that cannot
    /// be sent in time.
    pub(crate) fn advance(&mut self, now: Instant) -> Decided {
        self.tick(now);
        let mut decided = Decided::default();
        if std::mem::take(&mut self.is_slower) {
            self.hold_back_late(now, &mut decided);
        }
        while let Some(ticket) = self.grant(now) {
            let Some(entered) = self.forget(ticket) else {
                continue;
            };
            let [group, ..] = entered.path;
            self.rate.sends(now);
            self.window.sends();
            self.groups.sends(now, &group);
            let number = self.permits;
            self.permits += 1;
            decided.granted.push((ticket, Permit { number, group }));
        }
        let full = self.window.is_full() && self.closed_until.is_none();
        self.window.is_short(now, full && !self.waiting.is_empty());
        self.hold_back_expired(now, &mut decided);
        decided.next = self.next(now);
        decided
    }

    /// Ends a request, and learns from its result.
    pub(crate) fn finish(
        &mut self,
        now: Instant,
        permit: &Permit,
        outcome: Outcome,
        limit_headers: Option<LimitHeaders>,
        random: u64,
    ) {
        self.tick(now);
        self.window.ends();
        if let Some(limit_headers) = limit_headers {
            self.groups.update(now, &permit.group, limit_headers);
        }
        match outcome {
            Outcome::Answered => self.window.grow(),
            Outcome::Limited(told) => self.limited(now, permit, told, random),
            Outcome::Failed if permit.number >= self.failed_before => {
                self.window.shrink(0.7);
                self.failed_before = self.permits;
            }
            Outcome::Failed | Outcome::Unknown => {}
        }
    }

    pub(crate) fn status(&self, now: Instant) -> PaceStatus {
        let oldest = self.waiting.values().next();
        PaceStatus {
            requests_per_second: self.rate.per_second(),
            in_flight: self.window.in_flight(),
            waiting: self.lanes.waiting(),
            oldest: oldest.map(|entered| now.saturating_duration_since(entered.since)),
        }
    }

    /// How many requests are in flight.
    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.window.in_flight()
    }

    /// Merges the state of another pace of the same organization.
    pub(crate) fn merge(&mut self, now: Instant, other: &mut Self) {
        self.tick(now);
        other.tick(now);
        self.bucket.lower_to(&other.bucket);
        self.rate.lower_to(&other.rate);
        self.window.lower_to(&other.window);
        if let Some(until) = other.closed_until {
            self.close(until);
        }
    }

    /// Whether it can be replaced by a new one.
    pub(crate) fn is_untouched(&mut self, now: Instant) -> bool {
        self.tick(now);
        self.waiting.is_empty()
            && self.window.in_flight() == 0
            && self.closed_until.is_none()
            && self.rate.is_new(now)
            && self
                .rate
                .fill()
                .is_none_or(|fill| self.bucket.is_full(fill))
    }

    /// Updates everything that changes with time.
    fn tick(&mut self, now: Instant) {
        if let Some(fill) = self.rate.fill() {
            self.bucket.refill(fill, now);
        }
        self.rate.step(now);
        self.closed_until = self.closed_until.filter(|until| *until > now);
    }

    /// Takes the next ticket that may be granted, and its token.
    fn grant(&mut self, now: Instant) -> Option<Ticket> {
        if self.waiting.is_empty() || self.closed_until.is_some() || self.window.is_full() {
            return None;
        }
        let groups = &self.groups;
        let open = |group: &Name| groups.opens_at(now, group).is_none();
        if !self.lanes.groups().any(open) {
            return None;
        }
        let unlimited = self.rate.per_second().is_none();
        let bucket = &self.bucket;
        if self.lanes.has_operator(&open) {
            let source = Part::ALL.into_iter().find(|part| bucket.has(*part));
            if unlimited || source.is_some() {
                self.bucket.take(source);
                return self.lanes.pop_operator(&open);
            }
            self.rate.is_short();
            return None;
        }
        // The tokens of the general part are free for others while it is idle.
        let lends = !self.lanes.has(Part::General, &open) && bucket.has(Part::General);
        let source = |part: Part| {
            let own = bucket.has(part).then_some(part);
            own.or(lends.then_some(Part::General))
        };
        let waiting = Part::ALL
            .into_iter()
            .filter(|part| self.lanes.has(*part, &open));
        let ready = waiting.filter(|part| unlimited || source(*part).is_some());
        let Some(part) = self.lanes.least_served(ready) else {
            self.rate.is_short();
            return None;
        };
        let source = source(part);
        self.bucket.take(source);
        self.lanes.pop(part, &open)
    }

    /// The next time at which something changes by itself.
    fn next(&self, now: Instant) -> Option<Instant> {
        let (deadline, _) = self.deadlines.first()?;
        let opens = match self.closed_until {
            Some(until) => Some(until),
            None if self.window.is_full() => None,
            None => self.next_token(now),
        };
        let next = opens.map_or(*deadline, |opens| opens.min(*deadline));
        Some(next.max(now + SHORTEST_WAIT))
    }

    fn next_token(&self, now: Instant) -> Option<Instant> {
        let open = |group: &Name| self.groups.opens_at(now, group).is_none();
        let blocked = self.lanes.groups();
        let blocked = blocked.filter_map(|group| self.groups.opens_at(now, group));
        let parts = Part::ALL
            .into_iter()
            .filter(|part| self.lanes.has(*part, &open))
            .map(|part| (part, self.borrows(part)));
        let operator = self.lanes.has_operator(&open);
        let parts = parts.chain(
            Part::ALL
                .into_iter()
                .filter(|_| operator)
                .map(|part| (part, false)),
        );
        let tokens = self.rate.fill().into_iter().flat_map(|fill| {
            let parts = parts.clone();
            parts.map(move |(part, borrows)| now + self.bucket.wait(fill, part, 1, borrows))
        });
        blocked.chain(tokens).min()
    }

    /// Whether a part may use the tokens of the general part.
    fn borrows(&self, part: Part) -> bool {
        let any = |_: &Name| true;
        part != Part::General
            && !self.lanes.has_operator(&any)
            && !self.lanes.has(Part::General, &any)
    }

    /// Estimates the wait of a request with so many ahead of it.
    fn estimate(&self, now: Instant, class: Class, group: &Name, ahead: usize) -> Duration {
        let closed = self
            .closed_until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let tokens = self.rate.fill().map_or(Duration::ZERO, |fill| {
            let part = class.part();
            if class == Class::Operator
                && (closed.is_zero() && Part::ALL.into_iter().any(|part| self.bucket.has(part)))
            {
                return Duration::ZERO;
            }
            self.bucket.wait(fill, part, ahead + 1, self.borrows(part))
        });
        let group = self
            .groups
            .opens_at(now, group)
            .map_or(Duration::ZERO, |opens| {
                let behind = u32::try_from(ahead).unwrap_or(u32::MAX);
                let behind = self.groups.spacing(now, group).saturating_mul(behind);
                opens.saturating_duration_since(now).saturating_add(behind)
            });
        let sent = self.rate.recent(now);
        let window = if self.window.is_the_limit(now) && sent > 0.0 {
            seconds(count(ahead + 1) / sent)
        } else {
            Duration::ZERO
        };
        closed.saturating_add(tokens).max(group).max(window)
    }

    /// Handles a 429.
    fn limited(&mut self, now: Instant, permit: &Permit, told: Option<Duration>, random: u64) {
        let wait = told
            .unwrap_or_default()
            .clamp(SHORTEST_CLOSURE, LONGEST_CLOSURE);
        // Jitter: several processes should not resume at once.
        let wait = wait + fraction(wait / 10, random);
        self.close(now + wait);
        if permit.number >= self.limited_before {
            self.limited_before = self.permits;
            self.window.shrink(0.5);
            self.rate.cut(now);
        }
    }

    /// Grants nothing until then, and resumes with an empty bucket: the service
    /// counted more than the bucket did.
    fn close(&mut self, until: Instant) {
        if self.closed_until.is_none_or(|known| known < until) {
            self.closed_until = Some(until);
            self.bucket.empty(until);
            self.is_slower = true;
        }
    }

    /// Holds back all requests that cannot be sent in time any more.
    fn hold_back_late(&mut self, now: Instant, decided: &mut Decided) {
        for (ticket, ahead) in self.lanes.positions() {
            let Some(entered) = self.waiting.get(&ticket) else {
                continue;
            };
            let wait = self.estimate(now, entered.class, &entered.path[0], ahead);
            if now + wait > entered.until {
                self.leave(ticket);
                decided.held_back.push((ticket, wait.max(SHORTEST_WAIT)));
            }
        }
    }

    fn hold_back_expired(&mut self, now: Instant, decided: &mut Decided) {
        while let Some((until, ticket)) = self.deadlines.first().copied()
            && until <= now
        {
            if let Some(entered) = self.waiting.get(&ticket) {
                let ahead = self.lanes.ahead(entered.class, &entered.path);
                let wait = self.estimate(now, entered.class, &entered.path[0], ahead);
                decided.held_back.push((ticket, wait.max(SHORTEST_WAIT)));
            }
            self.leave(ticket);
            self.deadlines.remove(&(until, ticket));
        }
    }

    fn forget(&mut self, ticket: Ticket) -> Option<Entered> {
        let entered = self.waiting.remove(&ticket)?;
        self.deadlines.remove(&(entered.until, ticket));
        Some(entered)
    }
}

/// The group of paths that Confluent limits together: the first two segments.
fn group_of(path: &str) -> Name {
    let end = path
        .match_indices('/')
        .nth(2)
        .map_or(path.len(), |(at, _)| at);
    path[..end].into()
}

#[cfg(test)]
mod tests;
