//! Leases: registered before their secret is answered, renewed, revoked, and
//! expired. Storage holds their state; memory holds only when each is due.

mod backoff;
mod clock;
mod due;
mod expiry;
mod fair;
mod record;
mod renew;
mod restore;
mod revoke;
mod store;
#[cfg(test)]
mod tests;
mod tokens;

use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use async_trait::async_trait;

use jiff::Timestamp;
use logical::effects::{Panicked, catch_panic, within};
use logical::lease::{TtlRequest, calculate_ttl};
use logical::{
    Entropy, Error, ErrorClass, LeaseOptions, NamedLocks, Object, Operation, Response,
    RunToCompletion, Secret, Tasks,
};
use tokio::sync::watch;

use self::clock::LeaseClock;
use self::due::DueQueue;
use self::fair::FairQueue;
use self::record::{LeaseRecord, Revocation};
use self::store::{LeaseStore, Stored};
use crate::effects::Effects;
use crate::random;
use crate::routing::{LeaseTtls, Mount, Router};
use crate::storage::Version;
use crate::tokens::{TokenStore, later};

pub(crate) use self::revoke::Mode;
pub(crate) use self::store::Irrevocable;

/// Length of the random suffix of a lease id.
const RANDOM_LETTERS: usize = 24;

/// Ends tokens whose lease is over.
#[async_trait]
pub(crate) trait EndsTokens: Send + Sync {
    /// Revokes the token with this salted hash, with all that it made. A token
    /// that does not exist is not an error.
    ///
    /// # Errors
    /// When the revocation cannot be recorded.
    async fn revoke(&self, salted: &str) -> Result<(), Error>;
}

/// All leases.
pub(crate) struct Leases {
    store: LeaseStore,
    due_queue: DueQueue,
    worker_queues: FairQueue,
    restored: watch::Sender<bool>,
    unrestored: Mutex<Vec<String>>,
    /// Held during a tidy.
    tidying: tokio::sync::Mutex<()>,
    locks: NamedLocks,
    router: Arc<Router>,
    tokens: Arc<TokenStore>,
    /// Set once, before the expiration runs.
    token_end: OnceLock<Weak<dyn EndsTokens>>,
    clock: LeaseClock,
    entropy: Arc<dyn Entropy>,
    tasks: Arc<dyn Tasks>,
}

/// The terms of a lease, as the client gets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) id: String,
    /// Whole seconds.
    pub(crate) ttl: Duration,
    pub(crate) renewable: bool,
    pub(crate) warning: Option<String>,
}

/// The request that a lease originates from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// Path including the mount.
    pub(crate) path: &'a str,
    /// Salted hash of the token; empty if it hangs on none.
    pub(crate) token: &'a str,
    /// When the lease ends at the latest, whatever its mount allows.
    pub(crate) until: Option<Timestamp>,
}

/// What became of a secret whose lease could not be registered.
struct Unregistered {
    /// Why, with the outcome.
    error: Error,
    is_revoked: bool,
}

/// Start and end of a new lease.
#[derive(Clone, Copy)]
struct Times {
    issued: Timestamp,
    expires: Timestamp,
    ttl: Duration,
}

impl Leases {
    pub(crate) fn new(
        effects: &Effects,
        router: Arc<Router>,
        tokens: Arc<TokenStore>,
        tasks: Arc<dyn Tasks>,
    ) -> Self {
        Self {
            store: LeaseStore::new(Arc::clone(&effects.storage)),
            due_queue: DueQueue::default(),
            worker_queues: FairQueue::default(),
            restored: watch::Sender::new(false),
            unrestored: Mutex::default(),
            tidying: tokio::sync::Mutex::default(),
            locks: NamedLocks::default(),
            router,
            tokens,
            token_end: OnceLock::new(),
            clock: LeaseClock::new(Arc::clone(&effects.clock)),
            entropy: Arc::clone(&effects.entropy),
            tasks,
        }
    }

    /// Registers the lease of a response, and returns the response without it.
    /// Durable on return. What happens only if it fails is boxed, which keeps the
    /// future of every registration small.
    ///
    /// # Errors
    /// The error that prevented the registration. The engine was asked to
    /// revoke the secret.
    pub(crate) async fn register(
        &self,
        mount: &Mount,
        origin: Origin<'_>,
        mut response: Response,
    ) -> Result<(Granted, Response), Error> {
        let secret = response
            .secret
            .take()
            .ok_or_else(|| Error::internal("a response without a secret needs no lease"))?;
        let data = response.data.take();
        let accepted =
            accept(mount, &response).and_then(|()| self.times(mount, &secret, origin.until));
        let (times, warning) = match accepted {
            Ok(times) => times,
            Err(error) => {
                let undoing = self.revoke_unregistered(mount, origin, secret, data, error);
                return Err(Box::pin(undoing).await.error);
            }
        };
        let lease = secret.lease;
        let mut record = self.propose(origin, times, &lease, secret.internal_data, data);
        if let Err(error) = self.store_new(&record).await {
            let internal_data = std::mem::take(&mut record.internal_data);
            let secret = Secret::from_parts(lease, internal_data, "");
            let data = record.data.take();
            let undoing = self.revoke_unregistered(mount, origin, secret, data, error);
            let undone = Box::pin(undoing).await;
            if undone.is_revoked {
                // It may be stored all the same. One that cannot be deleted either
                // ends at its time.
                let _held = self.locks.lock(&record.id).await;
                let _ = self.delete(&record).await;
            }
            return Err(undone.error);
        }
        response.data = record.data;
        let granted = Granted {
            ttl: Duration::from_secs(record.ttl),
            renewable: record.renewable,
            id: record.id,
            warning,
        };
        Ok((granted, response))
    }

    /// The details of a lease.
    ///
    /// # Errors
    /// A bad request if there is no such lease.
    pub(crate) async fn lookup(&self, id: &str) -> Result<Object, Error> {
        let now = self.clock.now();
        let info = match self.store.load_any(id).await? {
            Some(Stored::Secret(record)) => Some(record.info(now)),
            Some(Stored::Token(salted)) => {
                let entry = self.tokens.lookup_salted(&salted).await?;
                entry.and_then(|entry| tokens::info(id, &entry, now))
            }
            None => None,
        };
        info.ok_or_else(|| Error::bad_request("invalid lease"))
    }

    /// The names directly below a prefix of lease ids.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.store.list(prefix).await
    }

    /// The irrevocable leases by id. After a start, waits until all leases have
    /// been restored.
    pub(crate) async fn irrevocable(&self) -> Vec<Irrevocable> {
        self.restored().await;
        self.store.irrevocable()
    }

    /// Runs work on leases to completion, even if the caller is dropped.
    async fn complete<T, F>(self: &Arc<Self>, work: impl FnOnce(Arc<Self>) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let tasks = Arc::clone(&self.tasks);
        RunToCompletion::new(tasks, work(Arc::clone(self))).await
    }

    /// The start and end of a secret's lease, with a warning if the TTL that
    /// its engine asked for was reduced.
    fn times(
        &self,
        mount: &Mount,
        secret: &Secret,
        until: Option<Timestamp>,
    ) -> Result<(Times, Option<String>), Error> {
        let now = self.clock.now();
        let (default, max) = limits(mount, now, until);
        let granted = calculate_ttl(&TtlRequest {
            increment: Duration::ZERO,
            backend_ttl: secret.lease.ttl,
            backend_max_ttl: secret.lease.max_ttl,
            mount_default_ttl: default,
            mount_max_ttl: max,
            issue_time: now,
            now,
        })?;
        let times = Times {
            issued: now,
            expires: later(now, granted.ttl)?,
            ttl: granted.ttl,
        };
        Ok((times, granted.warning))
    }

    fn propose(
        &self,
        origin: Origin<'_>,
        times: Times,
        lease: &LeaseOptions,
        internal_data: Object,
        data: Option<Object>,
    ) -> LeaseRecord {
        let letters = random::base62(self.entropy.as_ref(), RANDOM_LETTERS);
        let path = origin.path.trim_end_matches('/');
        LeaseRecord {
            version: Version,
            id: format!("{path}/{}", letters.as_str()),
            path: origin.path.to_owned(),
            token: origin.token.to_owned(),
            data,
            internal_data,
            ttl: times.ttl.as_secs(),
            max_ttl: lease.max_ttl.as_secs(),
            renewable: lease.renewable,
            issue_time: times.issued,
            expire_time: times.expires,
            last_renewal: None,
            until: origin.until,
            revocation: Revocation::Open,
        }
    }

    async fn store_new(&self, record: &LeaseRecord) -> Result<(), Error> {
        // Keeps a concurrent tidy from removing the index entry before the
        // lease is stored.
        let _held = self.locks.lock(&record.id).await;
        // Queued even if the write fails, because it may have happened all the
        // same.
        self.due_queue.insert(&record.id, record.expire_time);
        self.store.create(record).await?;
        // The token may have been revoked while the engine worked, before this
        // lease could be found by its revocation.
        let is_bound = !record.token.is_empty();
        if is_bound && self.tokens.lookup_salted(&record.token).await?.is_none() {
            self.store.delete(record).await?;
            return Err(Error::permission_denied());
        }
        Ok(())
    }

    /// Revokes a secret that could not be registered. Returns the error with
    /// the outcome.
    async fn revoke_unregistered(
        &self,
        mount: &Mount,
        origin: Origin<'_>,
        secret: Secret,
        data: Option<Object>,
        error: Error,
    ) -> Unregistered {
        let inside = origin.path.strip_prefix(&mount.path()).unwrap_or_default();
        let mut request = logical::Request::new(Operation::Revoke, inside)
            .with_data(data.unwrap_or_default())
            .with_secret(Secret::from_parts(secret.lease, secret.internal_data, ""));
        request.mount_point = mount.path();
        match self.call_engine(mount, request).await {
            Ok(_) => Unregistered {
                error: error.context("the lease cannot be registered and the secret was revoked"),
                is_revoked: true,
            },
            Err(failure) => {
                tracing::warn!(path = origin.path, error = %failure, "a secret that has no lease was not revoked");
                Unregistered {
                    error: error
                        .context("the lease cannot be registered and the secret was not revoked"),
                    is_revoked: false,
                }
            }
        }
    }

    /// Sends a request about a lease to its engine, with a time limit.
    async fn call_engine(
        &self,
        mount: &Mount,
        request: logical::Request,
    ) -> Result<Option<Response>, Error> {
        let call = catch_panic(mount.backend.handle(request));
        match within(self.tasks.as_ref(), revoke::LIMIT, call).await {
            Some(Ok(answer)) => answer,
            Some(Err(Panicked)) => Err(Error::internal(
                "the engine panicked; the server's log says where",
            )),
            None => Err(Error::new(
                ErrorClass::UpstreamFailed,
                format!(
                    "the engine did not answer within {} s",
                    revoke::LIMIT.as_secs()
                ),
            )),
        }
    }
}

/// Checks that a response of this mount may be leased.
fn accept(mount: &Mount, response: &Response) -> Result<(), Error> {
    if response.auth.is_some() {
        return Err(login_of_engine(&mount.path()));
    }
    if mount.is_tainted() {
        return Err(Error::not_found("the mount is being removed"));
    }
    Ok(())
}

/// The error for a login in the response of a secrets engine.
pub(crate) fn login_of_engine(mount: &str) -> Error {
    Error::internal(format!(
        "the engine at `{mount}` answered with a login, which only auth methods may"
    ))
}

/// Default and maximum TTL of a mount's leases, counted from `issue_time`. None
/// lives longer than `until`.
fn limits(mount: &Mount, issue_time: Timestamp, until: Option<Timestamp>) -> (Duration, Duration) {
    let LeaseTtls { default, max } = mount.settings.lease_ttls();
    let until = until.map(|until| {
        Duration::try_from(until.duration_since(issue_time)).unwrap_or(Duration::ZERO)
    });
    (default, until.map_or(max, |until| max.min(until)))
}
