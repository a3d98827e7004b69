//! The host: what it tells the engine, and the leases that it keeps. It grants
//! and ends leases as Vault does (`vault/expiration.go`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use logical::effects::Replication;
use logical::{Clock as _, Error, Object, Operation, Request, Response, Secret, SystemView};
use virtual_world::VirtualClock;

use super::cloud::Holders;

pub(crate) const DEFAULT_TTL: Duration = Duration::from_mins(30);
pub(crate) const MAX_TTL: Duration = Duration::from_hours(2);

/// After so many failures a lease is given up.
const ATTEMPTS: u32 = 6;

/// How far a lease is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its client relies on it.
    Held,
    /// Its end has begun; the next try is at this time.
    Ending { attempts: u32, next: Duration },
    /// Ended, lost, or given up.
    Over,
}

/// A lease as the host keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) number: usize,
    pub(crate) role: &'static str,
    pub(crate) key: String,
    pub(crate) stage: Stage,
    data: Object,
    secret: Secret,
    issued: Duration,
    issue_time: Timestamp,
    expires: Duration,
}

/// All leases, and the mount's state.
pub(crate) struct Host {
    time: Arc<VirtualClock>,
    leases: Mutex<Vec<Lease>>,
    /// Readers of static roles: the key that each got, and until when it must
    /// work.
    readers: Mutex<Vec<(String, Duration)>>,
    pub(crate) tainted: AtomicBool,
}

impl Host {
    pub(crate) fn new(time: Arc<VirtualClock>) -> Self {
        Self {
            time,
            leases: Mutex::default(),
            readers: Mutex::default(),
            tainted: AtomicBool::new(false),
        }
    }

    /// Keeps the lease of an answer.
    pub(crate) fn register(&self, role: &'static str, response: Response) {
        let secret = response.secret.unwrap();
        let data = response.data.unwrap();
        let now = self.time.monotonic();
        let max = limit(secret.lease.max_ttl);
        let ttl = wish(secret.lease.ttl).min(max);
        let mut leases = self.leases.lock().unwrap();
        let number = leases.len();
        leases.push(Lease {
            number,
            role,
            key: data["key_id"].as_str().unwrap().to_owned(),
            stage: Stage::Held,
            data,
            secret,
            issued: now,
            issue_time: self.time.now(),
            expires: now + ttl,
        });
    }

    /// A reader of a static role got a key, and was told when to come back: it
    /// works that long and a minute more.
    pub(crate) fn told(&self, key: &str, ttl: Duration) {
        let until = self.time.monotonic() + ttl + Duration::from_mins(1);
        let mut readers = self.readers.lock().unwrap();
        readers.push((key.to_owned(), until));
    }

    /// The readers of a key know that a person ends it.
    pub(crate) fn warn_readers(&self, key: &str) {
        self.readers.lock().unwrap().retain(|(got, _)| got != key);
    }

    /// The readers of all static roles know that a person ends their keys.
    pub(crate) fn forget_readers(&self) {
        self.readers.lock().unwrap().clear();
    }

    /// Keys that readers of static roles rely on now.
    pub(crate) fn read(&self) -> Vec<String> {
        let now = self.time.monotonic();
        let readers = self.readers.lock().unwrap();
        let relying = readers.iter().filter(|(_, until)| now < *until);
        relying.map(|(key, _)| key.clone()).collect()
    }

    /// Leases that clients rely on now.
    pub(crate) fn held(&self) -> Vec<Lease> {
        let now = self.time.monotonic();
        let leases = self.leases.lock().unwrap();
        let held = leases.iter().filter(|lease| lease.is_held(now));
        held.cloned().collect()
    }

    /// The host forgets a lease, as a crash before its registration does.
    pub(crate) fn lose(&self, number: usize) {
        self.change(number, |lease| lease.stage = Stage::Over);
    }

    /// The host forgets all leases, as those of a mount that was removed.
    pub(crate) fn forget_all(&self) {
        for lease in self.leases.lock().unwrap().iter_mut() {
            lease.stage = Stage::Over;
        }
        self.forget_readers();
    }

    /// Leases whose end is due, and when the next one is.
    pub(crate) fn due(&self) -> (Vec<Lease>, Option<Duration>) {
        let now = self.time.monotonic();
        let leases = self.leases.lock().unwrap();
        let times = leases.iter().filter_map(|lease| match lease.stage {
            Stage::Held => Some((lease.expires, lease)),
            Stage::Ending { next, .. } => Some((next, lease)),
            Stage::Over => None,
        });
        let (due, later): (Vec<_>, Vec<_>) = times.partition(|(time, _)| *time <= now);
        (
            due.into_iter().map(|(_, lease)| lease.clone()).collect(),
            later.into_iter().map(|(time, _)| time).min(),
        )
    }

    /// The end of a lease begins: nobody relies on it from now on.
    pub(crate) fn begin_end(&self, number: usize) {
        let now = self.time.monotonic();
        self.change(number, |lease| {
            if lease.stage == Stage::Held {
                lease.stage = Stage::Ending {
                    attempts: 0,
                    next: now,
                };
            }
        });
    }

    /// A try to end a lease is over.
    pub(crate) fn tried(&self, number: usize, succeeded: bool) {
        let now = self.time.monotonic();
        self.change(number, |lease| {
            let attempts = match lease.stage {
                Stage::Ending { attempts, .. } => attempts + 1,
                Stage::Held => 1,
                Stage::Over => return,
            };
            lease.stage = if succeeded || attempts >= ATTEMPTS {
                Stage::Over
            } else {
                let next = now + Duration::from_secs(10) * 2_u32.pow(attempts - 1);
                Stage::Ending { attempts, next }
            };
        });
    }

    /// The engine extended a lease.
    pub(crate) fn renewed(&self, number: usize, increment: Duration, response: Response) {
        let now = self.time.monotonic();
        let secret = response.secret.unwrap();
        self.change(number, |lease| {
            let asked = if increment.is_zero() {
                secret.lease.ttl
            } else {
                increment
            };
            let end = lease.issued + limit(secret.lease.max_ttl);
            if end > now && lease.stage == Stage::Held {
                lease.expires = (now + wish(asked)).min(end);
            }
        });
    }

    fn change(&self, number: usize, change: impl FnOnce(&mut Lease)) {
        change(&mut self.leases.lock().unwrap()[number]);
    }
}

fn limit(max: Duration) -> Duration {
    if max.is_zero() {
        MAX_TTL
    } else {
        max.min(MAX_TTL)
    }
}

fn wish(ttl: Duration) -> Duration {
    if ttl.is_zero() { DEFAULT_TTL } else { ttl }
}

impl Lease {
    fn is_held(&self, now: Duration) -> bool {
        self.stage == Stage::Held && now < self.expires
    }

    /// The host's request to renew it.
    pub(crate) fn renewal(&self, increment: Duration) -> Request {
        let mut secret = self.secret.clone();
        secret.lease.increment = increment;
        secret.lease.issue_time = Some(self.issue_time);
        Request::new(Operation::Renew, format!("creds/{}", self.role))
            .with_data(self.data.clone())
            .with_secret(secret)
    }

    /// The host's request to revoke it. A host that could not register the
    /// lease sends no id.
    pub(crate) fn revocation(&self, with_id: bool) -> Request {
        let mut secret = self.secret.clone();
        secret.lease.issue_time = Some(self.issue_time);
        if with_id {
            secret.lease_id = format!("mount/creds/{}/{}", self.role, self.number);
        }
        Request::new(Operation::Revoke, format!("creds/{}", self.role))
            .with_data(self.data.clone())
            .with_secret(secret)
    }

    /// The engine's id of the credential.
    pub(crate) fn credential(&self) -> &str {
        self.secret.internal_data["credential"].as_str().unwrap()
    }

    /// The engine's id of the holder.
    pub(crate) fn holder(&self) -> &str {
        self.secret.internal_data["holder"].as_str().unwrap()
    }
}

impl Holders for Host {
    fn holder_of(&self, key: &str) -> Option<String> {
        if self.read().iter().any(|read| read == key) {
            return Some("a reader of a static role".to_owned());
        }
        let held = self.held();
        let lease = held.iter().find(|lease| lease.key == key)?;
        Some(format!("lease {} of role `{}`", lease.number, lease.role))
    }
}

#[async_trait]
impl SystemView for Host {
    async fn default_lease_ttl(&self) -> Result<Duration, Error> {
        Ok(DEFAULT_TTL)
    }

    async fn max_lease_ttl(&self) -> Result<Duration, Error> {
        Ok(MAX_TTL)
    }

    async fn tainted(&self) -> Result<bool, Error> {
        Ok(self.tainted.load(Ordering::SeqCst))
    }

    async fn replication(&self) -> Result<Replication, Error> {
        Ok(Replication::default())
    }

    async fn local_mount(&self) -> Result<bool, Error> {
        Ok(false)
    }
}
