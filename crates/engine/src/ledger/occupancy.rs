//! How many leases each role has, and each of its requesters, for limits.
//!
//! The truth is in storage: every lease is a holder there. Here is a cache of
//! their numbers, which is begun when a role with a limit is read for the first
//! time, filled from storage once, and kept up by everything that happens to a
//! credential since. Before that it costs nothing.
//!
//! A reader gets a seat before it gets a key, so that readers who race for the
//! last one cannot all have it. A seat counts until its holder does.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::step::Event;
use crate::credential::{Credential, Purpose, State, reserved_holder};
use crate::ids::{CredentialId, HolderId, RoleName};
use crate::scope::RequesterId;

/// The most leases that there may be at once; zero for any number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Of a role.
    pub(crate) of_role: u64,
    /// Of one requester of it.
    pub(crate) of_requester: u64,
}

impl Limit {
    fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// Why there is no seat: how many leases there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    Role(u64),
    Requester(u64),
}

/// Which holders of a credential an event changes.
#[derive(Debug, Clone)]
pub(super) enum Touched {
    Put(HolderId),
    Gone(HolderId),
    Any,
}

impl Touched {
    fn of(event: &Event) -> Self {
        match event {
            Event::Attach { holder } | Event::Renew { holder } => Self::Put(holder.0.clone()),
            Event::Release { holder } => Self::Gone(holder.clone()),
            _ => Self::Any,
        }
    }
}

/// The leases of all roles.
#[derive(Default)]
pub(crate) struct Occupancy {
    watching: AtomicBool,
    counts: Mutex<Counts>,
    /// Held while leases are counted in storage.
    pub(super) counting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Counts {
    /// Whether all credentials in storage are among these.
    complete: bool,
    roles: HashMap<RoleName, Count>,
}

/// The leases of one role.
#[derive(Default)]
struct Count {
    keys: HashMap<CredentialId, BTreeMap<HolderId, Option<RequesterId>>>,
    active: u64,
    by_requester: HashMap<RequesterId, u64>,
    /// Seats of readers who have no lease yet, or got it a moment ago.
    seats: HashMap<HolderId, Seated>,
    limit: Limit,
}

struct Seated {
    requester: Option<RequesterId>,
    /// Whether its holder counts.
    noted: bool,
}

/// A place among the leases of a role, until its holder counts or it is dropped.
pub(crate) struct Seat {
    occupancy: Arc<Occupancy>,
    role: RoleName,
    holder: HolderId,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.occupancy.counts();
        if let Some(count) = counts.roles.get_mut(&self.role) {
            count.seats.remove(&self.holder);
        }
    }
}

impl Occupancy {
    /// What an event will have touched, if anybody counts.
    pub(super) fn touched(&self, event: &Event) -> Option<Touched> {
        let watching = self.watching.load(Ordering::Relaxed);
        watching.then(|| Touched::of(event))
    }

    /// Something happened to a credential, or it was read again.
    pub(super) fn note(&self, credential: &Credential, touched: Option<Touched>) {
        let Some(touched) = touched else { return };
        let mut counts = self.counts();
        let complete = counts.complete;
        counts.note(credential, &touched, complete);
    }

    /// The credential was read again, or is new here.
    pub(super) fn note_all(&self, credential: &Credential) {
        let watching = self.watching.load(Ordering::Relaxed);
        self.note(credential, watching.then_some(Touched::Any));
    }

    /// From now on what happens is noted.
    pub(super) fn watch(&self) {
        self.watching.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_complete(&self) -> bool {
        self.counts().complete
    }

    /// All credentials in storage. Of one that was noted since the watch began
    /// more is known.
    pub(super) fn complete(&self, stored: impl IntoIterator<Item = Credential>) {
        let mut counts = self.counts();
        for credential in stored {
            if !counts.knows(&credential) {
                counts.note(&credential, &Touched::Any, true);
            }
        }
        for count in counts.roles.values_mut() {
            count.keys.retain(|_, holders| !holders.is_empty());
        }
        counts.complete = true;
    }

    /// The roles with limits that were read since this process started, by name,
    /// with how many leases each has.
    pub(crate) fn limited(&self) -> Vec<(RoleName, u64, Limit)> {
        let counts = self.counts();
        let limited = counts
            .roles
            .iter()
            .filter(|(_, count)| !count.limit.is_none());
        let mut limited: Vec<_> = limited
            .map(|(role, count)| (role.clone(), count.taken(), count.limit))
            .collect();
        limited.sort_by(|(one, ..), (other, ..)| one.as_str().cmp(other.as_str()));
        limited
    }

    /// A role was written with another limit, or deleted.
    pub(crate) fn change_limit(&self, role: &RoleName, limit: Limit) {
        if let Some(count) = self.counts().roles.get_mut(role) {
            count.limit = limit;
        }
    }

    /// A seat for a lease to come.
    pub(super) fn seat(
        self: &Arc<Self>,
        role: &RoleName,
        holder: &HolderId,
        requester: Option<RequesterId>,
        limit: Limit,
    ) -> Result<Seat, Full> {
        let mut counts = self.counts();
        let count = counts.roles.entry(role.clone()).or_default();
        count.limit = limit;
        let taken = count.taken();
        if limit.of_role > 0 && taken >= limit.of_role {
            return Err(Full::Role(taken));
        }
        if let Some(requester) = &requester {
            let taken = count.taken_by(requester);
            if limit.of_requester > 0 && taken >= limit.of_requester {
                return Err(Full::Requester(taken));
            }
        }
        let seated = Seated {
            requester,
            noted: false,
        };
        count.seats.insert(holder.clone(), seated);
        Ok(Seat {
            occupancy: Arc::clone(self),
            role: role.clone(),
            holder: holder.clone(),
        })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn knows(&self, credential: &Credential) -> bool {
        let count = lessor(&credential.purpose).and_then(|role| self.roles.get(role));
        count.is_some_and(|count| count.keys.contains_key(&credential.id))
    }

    fn note(&mut self, credential: &Credential, touched: &Touched, complete: bool) {
        let Some(role) = lessor(&credential.purpose) else {
            return;
        };
        if !self.roles.contains_key(role) {
            self.roles.insert(role.clone(), Count::default());
        }
        if let Some(count) = self.roles.get_mut(role) {
            count.note(credential, touched, complete);
        }
    }
}

/// The role whose leases hold keys of a purpose, also where a static role took the
/// key over.
fn lessor(purpose: &Purpose) -> Option<&RoleName> {
    match purpose {
        Purpose::Role { role, .. } => Some(role),
        Purpose::Static { adopted, .. } => adopted.as_ref().map(|from| &from.role),
    }
}

impl Count {
    fn taken(&self) -> u64 {
        let coming = self.seats.values().filter(|seat| !seat.noted).count();
        self.active + coming as u64
    }

    fn taken_by(&self, requester: &RequesterId) -> u64 {
        let is_coming = |seat: &&Seated| !seat.noted && seat.requester.as_ref() == Some(requester);
        let coming = self.seats.values().filter(is_coming).count();
        let active = self.by_requester.get(requester).copied();
        active.unwrap_or_default() + coming as u64
    }

    fn note(&mut self, credential: &Credential, touched: &Touched, complete: bool) {
        let is_live = matches!(credential.state, State::Live { .. });
        let mut holders = self.keys.remove(&credential.id);
        match (&mut holders, touched) {
            (Some(known), Touched::Put(id)) if is_live => {
                let holder = credential.holders.get(id);
                let requester = holder.and_then(|holder| holder.requester().cloned());
                if let std::collections::btree_map::Entry::Vacant(vacant) = known.entry(id.clone())
                {
                    vacant.insert(requester.clone());
                    self.add(id, requester);
                }
            }
            (Some(known), Touched::Gone(id)) if is_live => {
                if let Some(requester) = known.remove(id) {
                    self.remove(id, requester.as_ref());
                }
            }
            _ => {
                for (id, requester) in holders.take().unwrap_or_default() {
                    self.remove(&id, requester.as_ref());
                }
                let reserved = reserved_holder(&credential.id);
                let leases = credential.holders.iter().filter(|_| is_live);
                let leases = leases.filter(|(id, _)| **id != reserved);
                let leases: BTreeMap<_, _> = leases
                    .map(|(id, holder)| (id.clone(), holder.requester().cloned()))
                    .collect();
                for (id, requester) in &leases {
                    self.add(id, requester.clone());
                }
                holders = Some(leases);
            }
        }
        // Until all is counted an empty one tells that more is known than what
        // was read.
        if let Some(holders) = holders.filter(|holders| !complete || !holders.is_empty()) {
            self.keys.insert(credential.id.clone(), holders);
        }
    }

    fn add(&mut self, id: &HolderId, requester: Option<RequesterId>) {
        self.active += 1;
        if let Some(requester) = requester {
            *self.by_requester.entry(requester).or_default() += 1;
        }
        if let Some(seat) = self.seats.get_mut(id) {
            seat.noted = true;
        }
    }

    fn remove(&mut self, id: &HolderId, requester: Option<&RequesterId>) {
        self.active = self.active.saturating_sub(1);
        if let Some(requester) = requester
            && let Some(count) = self.by_requester.get_mut(requester)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_requester.remove(requester);
            }
        }
        if let Some(seat) = self.seats.get_mut(id) {
            seat.noted = false;
        }
    }
}

#[cfg(test)]
mod tests;
