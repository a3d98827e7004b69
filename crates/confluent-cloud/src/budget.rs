//! The pace at which a process asks Confluent Cloud: one budget for each
//! organization, which all clients share.
//!
//! Confluent limits requests by user and by organization and publishes no
//! numbers, so that the rate is an assumption and what a 429 says overrides it.
//! How the tokens are counted is [`bucket`](crate::bucket)'s part.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::bucket::{Bucket, Ticket};
use crate::client::Account;
use crate::{Effects, Endpoint};

/// Far more organizations than a process has; beyond it those are forgotten
/// that nobody asked for a while.
const MOST: usize = 256;

/// What requests are for, which decides what part of the budget they may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Making something. May not use the parts kept for removal and rotation.
    Create,
    /// Deleting, and proving that something is gone. A fifth of the budget is
    /// kept for it.
    Removal,
    /// Replacing what is in use. A tenth of the budget is kept for it.
    Rotation,
    /// Anything else, with the same part as [`Purpose::Create`].
    #[default]
    Other,
}

/// How many requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    per_second: u32,
    burst: u32,
}

impl Rate {
    /// So many requests a second (at least 1), and so many at once after a
    /// while without any (at least 10, so that every purpose has a part).
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: per_second.max(1),
            burst: burst.max(10),
        }
    }

    pub(crate) fn per_second(self) -> u32 {
        self.per_second
    }

    pub(crate) fn burst(self) -> u32 {
        self.burst
    }
}

impl Default for Rate {
    /// Ten a second and fifty at once: an assumption, since Confluent publishes
    /// no numbers.
    fn default() -> Self {
        Self::new(10, 50)
    }
}

/// The budgets of all organizations that a process asks. Clones are the same
/// budgets: hand one to every client.
///
/// The default is the default [`Rate`] for each organization, and no limit on
/// loopback, where there is none to be kept.
#[derive(Clone, Default)]
pub struct Budgets(Arc<Inner>);

#[derive(Default)]
struct Inner {
    rate: Option<Rate>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The organization of an account, once it is told.
    organizations: HashMap<Name, Name>,
    buckets: HashMap<Name, Arc<Mutex<Bucket>>>,
}

/// An endpoint, and an organization or, as long as that is unknown, an account.
type Name = String;

impl Budgets {
    /// Budgets of this rate for every endpoint, those on loopback too.
    pub fn with_rate(rate: Rate) -> Self {
        Self(Arc::new(Inner {
            rate: Some(rate),
            known: Mutex::default(),
        }))
    }

    /// Notes that an account is of an organization. What the account used so
    /// far counts for the organization.
    pub(crate) fn unite(&self, now: Instant, account: &Account) {
        let (of_account, Some(of_organization)) = (account_name(account), shared_name(account))
        else {
            return;
        };
        let mut known = lock(&self.0.known);
        if let Some(bucket) = known.buckets.remove(&of_account) {
            match known.buckets.get(&of_organization) {
                Some(shared) => lock(shared).unite(now, &mut lock(&bucket)),
                None => {
                    known.buckets.insert(of_organization.clone(), bucket);
                }
            }
        }
        known.organizations.insert(of_account, of_organization);
    }

    /// Waits for leave to send one request.
    ///
    /// # Errors
    /// How long the wait would be, when it does not end before `ends`.
    pub(crate) async fn turn(
        &self,
        account: &Account,
        purpose: Purpose,
        effects: &dyn Effects,
        ends: Instant,
    ) -> Result<(), Duration> {
        let place = Place::new(self.bucket(account, effects.now()), purpose);
        loop {
            let now = effects.now();
            let Err(wait) = lock(&place.bucket).take(now, purpose, place.ticket) else {
                return Ok(());
            };
            if wait >= ends.saturating_duration_since(now) {
                return Err(wait);
            }
            effects.sleep(wait).await;
        }
    }

    /// The service wants to be left alone by the whole organization.
    pub(crate) fn close(&self, account: &Account, now: Instant, time: Duration) {
        lock(&self.bucket(account, now)).close(now, time);
    }

    fn bucket(&self, account: &Account, now: Instant) -> Arc<Mutex<Bucket>> {
        let mut known = lock(&self.0.known);
        let name = shared_name(account).unwrap_or_else(|| {
            let name = account_name(account);
            known.organizations.get(&name).cloned().unwrap_or(name)
        });
        if let Some(bucket) = known.buckets.get(&name) {
            return Arc::clone(bucket);
        }
        if known.buckets.len() >= MOST {
            known.forget_unused(now);
        }
        let rate = self.rate(&account.endpoint);
        let bucket = Arc::new(Mutex::new(Bucket::new(rate, now)));
        known.buckets.insert(name, Arc::clone(&bucket));
        bucket
    }

    fn rate(&self, endpoint: &Endpoint) -> Option<Rate> {
        match self.0.rate {
            None if endpoint.is_loopback() => None,
            rate => Some(rate.unwrap_or_default()),
        }
    }
}

impl Known {
    fn forget_unused(&mut self, now: Instant) {
        self.buckets
            .retain(|_, bucket| Arc::strong_count(bucket) > 1 || !lock(bucket).is_untouched(now));
        let buckets = &self.buckets;
        self.organizations
            .retain(|_, organization| buckets.contains_key(organization));
    }
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budgets")
            .field("rate", &self.0.rate)
            .finish_non_exhaustive()
    }
}

/// A place in a queue, which is given up when the caller goes away.
struct Place {
    bucket: Arc<Mutex<Bucket>>,
    purpose: Purpose,
    ticket: Ticket,
}

impl Place {
    fn new(bucket: Arc<Mutex<Bucket>>, purpose: Purpose) -> Self {
        let ticket = lock(&bucket).enter(purpose);
        Self {
            bucket,
            purpose,
            ticket,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.bucket).leave(self.purpose, self.ticket);
    }
}

fn account_name(account: &Account) -> Name {
    format!("{} {}", account.endpoint, account.credentials.name())
}

fn shared_name(account: &Account) -> Option<Name> {
    let organization = account.organization.get()?;
    Some(format!("{} organization {organization}", account.endpoint))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
