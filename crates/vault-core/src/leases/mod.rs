//! Leases: registered before a secret leaves, renewed, revoked, and ended by
//! themselves. The state is in storage; memory knows what is due when.

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

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::effects::{Panicked, catch_panic, within};
use logical::lease::{TtlRequest, calculate_ttl};
use logical::{
    Entropy, Error, ErrorClass, LeaseOptions, Object, Operation, Response, RunToCompletion, Secret,
    Tasks,
};
use tokio::sync::watch;

use self::clock::LeaseClock;
use self::due::DueQueue;
use self::fair::FairQueue;
use self::record::{LeaseRecord, Revocation};
use self::store::LeaseStore;
use crate::effects::Effects;
use crate::locks::NamedLocks;
use crate::random;
use crate::routing::{Mount, MountEntry, Router};
use crate::storage::Version;
use crate::tokens::TokenStore;

pub(crate) use self::revoke::Mode;
pub(crate) use self::store::Irrevocable;

/// Random letters at the end of a lease's id.
const RANDOM_LETTERS: usize = 24;

/// All leases.
pub(crate) struct Leases {
    store: LeaseStore,
    queue: DueQueue,
    due: FairQueue,
    restored: watch::Sender<bool>,
    unrestored: Mutex<Vec<String>>,
    /// Held while leases are tidied.
    tidying: tokio::sync::Mutex<()>,
    locks: NamedLocks,
    router: Arc<Router>,
    tokens: Arc<TokenStore>,
    clock: LeaseClock,
    entropy: Arc<dyn Entropy>,
    tasks: Arc<dyn Tasks>,
}

/// A lease as it is told to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) id: String,
    /// Whole seconds.
    pub(crate) ttl: Duration,
    pub(crate) renewable: bool,
    pub(crate) warning: Option<String>,
}

/// A request whose answer is under a lease.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The path with the mount.
    pub(crate) path: &'a str,
    /// Salted hash of the token.
    pub(crate) token: &'a str,
}

/// When a new lease begins and ends.
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
            queue: DueQueue::default(),
            due: FairQueue::default(),
            restored: watch::Sender::new(false),
            unrestored: Mutex::default(),
            tidying: tokio::sync::Mutex::default(),
            locks: NamedLocks::default(),
            router,
            tokens,
            clock: LeaseClock::new(Arc::clone(&effects.clock)),
            entropy: Arc::clone(&effects.entropy),
            tasks,
        }
    }

    /// Registers the lease of a response and gives the response back without
    /// it. Durable when it returns.
    ///
    /// # Errors
    /// What kept the lease from being stored. The secret has been revoked
    /// then, as far as its engine would.
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
        let accepted = accept(mount, &response).and_then(|()| self.times(mount, &secret));
        let (times, warning) = match accepted {
            Ok(times) => times,
            Err(error) => {
                return Err(self
                    .revoke_unregistered(mount, origin, secret, data, error)
                    .await);
            }
        };
        let lease = secret.lease;
        let record = self.propose(origin, times, &lease, secret.internal_data, data);
        if let Err(error) = self.store_new(&record).await {
            let secret = Secret::from_parts(lease, record.internal_data, "");
            return Err(self
                .revoke_unregistered(mount, origin, secret, record.data, error)
                .await);
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

    /// What is known of a lease.
    ///
    /// # Errors
    /// A bad request when there is no such lease.
    pub(crate) async fn lookup(&self, id: &str) -> Result<Object, Error> {
        let record = self.store.load(id).await?;
        record
            .map(|record| record.info(self.clock.now()))
            .ok_or_else(|| Error::bad_request("invalid lease"))
    }

    /// The names directly below a prefix of lease ids.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.store.list(prefix).await
    }

    /// The leases that were given up, by id. Right after a start it waits until
    /// all leases were looked at.
    pub(crate) async fn irrevocable(&self) -> Vec<Irrevocable> {
        self.restored().await;
        self.store.irrevocable()
    }

    /// Does work on leases that goes on when the caller is gone.
    async fn complete<T, F>(self: &Arc<Self>, work: impl FnOnce(Arc<Self>) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let tasks = Arc::clone(&self.tasks);
        RunToCompletion::new(tasks, work(Arc::clone(self))).await
    }

    /// How long the lease of a secret lives from now, with a warning when that
    /// is not what its engine asked for.
    fn times(&self, mount: &Mount, secret: &Secret) -> Result<(Times, Option<String>), Error> {
        let now = self.clock.now();
        let (default, max) = limits(mount);
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
            revocation: Revocation::Open,
        }
    }

    async fn store_new(&self, record: &LeaseRecord) -> Result<(), Error> {
        // Tidying removes the way from a token to a lease that is not there.
        let _held = self.locks.lock(&record.id).await;
        // Due even if the write fails: it may have happened all the same.
        self.queue.insert(&record.id, record.expire_time);
        self.store.create(record).await?;
        // The token may have been revoked while the engine worked; its leases
        // were looked for before this one was there.
        if self.tokens.lookup_salted(&record.token).await?.is_none() {
            self.store.delete(record).await?;
            return Err(Error::permission_denied());
        }
        Ok(())
    }

    /// Asks an engine to revoke what it just made, since no lease holds it;
    /// gives the error with what became of the secret.
    async fn revoke_unregistered(
        &self,
        mount: &Mount,
        origin: Origin<'_>,
        secret: Secret,
        data: Option<Object>,
        error: Error,
    ) -> Error {
        let inside = origin.path.strip_prefix(&mount.path()).unwrap_or_default();
        let mut request = logical::Request::new(Operation::Revoke, inside)
            .with_data(data.unwrap_or_default())
            .with_secret(Secret::from_parts(secret.lease, secret.internal_data, ""));
        request.mount_point = mount.path();
        match self.ask(mount, request).await {
            Ok(_) => error.context("the lease cannot be registered and the secret was revoked"),
            Err(failure) => {
                tracing::warn!(path = origin.path, error = %failure, "a secret without a lease was not revoked");
                error.context("neither can the lease be registered nor the secret be revoked now")
            }
        }
    }

    /// Sends a request about a lease to its engine, within the limit of time.
    async fn ask(
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

/// Whether a response of this mount may have a lease now.
fn accept(mount: &Mount, response: &Response) -> Result<(), Error> {
    if response.auth.is_some() {
        return Err(login_of_engine(&mount.path()));
    }
    if mount.is_tainted() {
        return Err(Error::not_found("the mount is being removed"));
    }
    Ok(())
}

/// A secrets engine answered as only an auth method may.
pub(crate) fn login_of_engine(mount: &str) -> Error {
    Error::internal(format!(
        "the engine at `{mount}` answered with a login, which only auth methods may"
    ))
}

/// Default and longest time to live of a mount's leases.
fn limits(mount: &Mount) -> (Duration, Duration) {
    mount
        .settings
        .read(|entry: &MountEntry| (entry.default_lease_ttl(), entry.max_lease_ttl()))
}

fn later(now: Timestamp, ttl: Duration) -> Result<Timestamp, Error> {
    SignedDuration::try_from(ttl)
        .ok()
        .and_then(|ttl| now.checked_add(ttl).ok())
        .ok_or_else(|| Error::bad_request("the time to live ends beyond the calendar"))
}
