//! The end of a lease: now, later, or by force.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use logical::{Error, ErrorClass, Operation};

use super::Leases;
use super::backoff::{self, Next};
use super::record::{LeaseRecord, Revocation};

/// How long an engine may take for one lease.
pub(super) const LIMIT: Duration = Duration::from_secs(90);
/// How much of an error is kept with a lease that was given up.
const ERROR_LENGTH: usize = 240;

/// How many leases of a prefix end at a time.
const AT_A_TIME: usize = 16;

/// Who tries to end a lease. Only the worker's failures count towards giving a
/// lease up: clients that try again during an outage must not use them up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Worker,
    Client,
}

/// Whether a revocation is over before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Before the answer.
    Sync,
    /// In the background; it survives a restart.
    Async,
}

impl Leases {
    /// Revokes one lease. One that does not exist is no error.
    ///
    /// # Errors
    /// What the engine says. The lease is then tried again by itself.
    pub(crate) async fn revoke(self: &Arc<Self>, id: &str, mode: Mode) -> Result<(), Error> {
        let id = id.to_owned();
        self.complete(move |leases| async move {
            match mode {
                Mode::Sync => leases.end(&id, false).await,
                Mode::Async => leases.expire_now(&id).await.map(drop),
            }
        })
        .await
    }

    /// Revokes every lease below a prefix. It goes on when the caller is gone.
    ///
    /// # Errors
    /// The first error, after every lease was tried.
    pub(crate) async fn revoke_prefix(
        self: &Arc<Self>,
        prefix: &str,
        mode: Mode,
    ) -> Result<(), Error> {
        let prefix = prefix.to_owned();
        self.complete(move |leases| async move {
            let ids = leases.matching(&prefix).await?;
            match mode {
                Mode::Sync => leases.end_all(ids, false).await,
                Mode::Async => leases.expire_all_now(ids).await,
            }
        })
        .await
    }

    /// Forgets every lease below a prefix, whatever the engine says.
    ///
    /// # Errors
    /// The first error of storage, after every lease was tried.
    pub(crate) async fn force_prefix(self: &Arc<Self>, prefix: &str) -> Result<(), Error> {
        let prefix = prefix.to_owned();
        self.complete(move |leases| async move {
            let ids = leases.matching(&prefix).await?;
            leases.end_all(ids, true).await
        })
        .await
    }

    /// Lets every lease of a token end in the background.
    ///
    /// # Errors
    /// When storage fails; the rest is then still open.
    pub(crate) async fn expire_token_now(self: &Arc<Self>, salted: &str) -> Result<(), Error> {
        let salted = salted.to_owned();
        self.complete(move |leases| async move {
            let ids = leases.store.of_token(&salted).await?;
            let (leases, salted) = (&leases, salted.as_str());
            let marks = ids.into_iter().map(|id| async move {
                if leases.expire_now(&id).await? {
                    return Ok(());
                }
                leases.remove_if_dangling(&id, salted).await
            });
            first_error(stream::iter(marks).buffer_unordered(AT_A_TIME)).await
        })
        .await
    }

    async fn end_all(&self, ids: Vec<String>, force: bool) -> Result<(), Error> {
        let ends = ids.into_iter().map(|id| async move {
            let ended = self.end(&id, force).await;
            ended.map_err(|error| error.context(format_args!("lease `{id}` cannot be revoked")))
        });
        first_error(stream::iter(ends).buffer_unordered(AT_A_TIME)).await
    }

    async fn expire_all_now(&self, ids: Vec<String>) -> Result<(), Error> {
        let marks = ids
            .into_iter()
            .map(|id| async move { self.expire_now(&id).await.map(drop) });
        first_error(stream::iter(marks).buffer_unordered(AT_A_TIME)).await
    }

    /// Ends a lease that came up in the queue, if it is really due.
    pub(super) async fn end_if_due(&self, id: &str) {
        let held = self.locks.lock(id).await;
        let record = match self.store.load(id).await {
            Ok(Some(record)) => record,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(lease = id, %error, "a lease that is due cannot be read");
                return self.look_again(id);
            }
        };
        match record.due() {
            Some(due) if due <= self.clock.now() => {
                if let Err(error) = self.end_held(record, false, Attempt::Worker).await {
                    // A failure that was stored is due again already.
                    tracing::debug!(lease = id, %error, "a lease that is due did not end");
                    self.look_again(id);
                }
            }
            Some(due) => self.queue.insert(id, due),
            None => {}
        }
        drop(held);
    }

    async fn end(&self, id: &str, force: bool) -> Result<(), Error> {
        let _held = self.locks.lock(id).await;
        match self.store.load(id).await? {
            Some(record) => self.end_held(record, force, Attempt::Client).await,
            None => Ok(()),
        }
    }

    /// Ends a lease whose lock is held.
    async fn end_held(&self, record: LeaseRecord, force: bool, by: Attempt) -> Result<(), Error> {
        match self.ask_to_revoke(&record).await {
            Ok(()) => self.forget(&record).await,
            Err(error) if force => {
                tracing::warn!(lease = record.id, %error, "a lease was dropped by force");
                self.forget(&record).await
            }
            Err(error) => {
                tracing::warn!(lease = record.id, %error, "a revocation failed");
                if by == Attempt::Worker || record.revocation == Revocation::Open {
                    self.note_failure(record, &error).await?;
                }
                Err(error)
            }
        }
    }

    async fn ask_to_revoke(&self, record: &LeaseRecord) -> Result<(), Error> {
        let (mount, inside) = self
            .router
            .route(&record.path)
            .ok_or_else(Error::unsupported_path)?;
        let mut request = record.request(Operation::Revoke, inside, Duration::ZERO);
        request.mount_point = mount.path();
        self.ask(&mount, request).await.map(|_| ())
    }

    async fn forget(&self, record: &LeaseRecord) -> Result<(), Error> {
        if let Err(error) = self.store.delete(record).await {
            // Its engine will be asked again, which must do no harm.
            self.look_again(&record.id);
            return Err(error);
        }
        if let Some(due) = record.due() {
            self.queue.remove(&record.id, due);
        }
        Ok(())
    }

    /// Stores that a lease's end failed, and when it is tried again. A lease
    /// whose end has begun is over for its client.
    async fn note_failure(&self, mut record: LeaseRecord, error: &Error) -> Result<(), Error> {
        let attempts = match record.revocation {
            Revocation::Open => 1,
            Revocation::Failed { attempts, .. } => attempts.saturating_add(1),
            Revocation::Irrevocable { .. } => return Ok(()),
        };
        let old = record.due();
        let now = self.clock.now();
        record.expire_time = record.expire_time.min(now);
        record.revocation = match backoff::after(attempts, error, self.entropy.as_ref()) {
            Next::TryAfter(pause) => Revocation::Failed {
                attempts,
                next: super::later(now, pause)?,
            },
            Next::GiveUp => Revocation::Irrevocable {
                error: cut(error.message()),
            },
        };
        let due = record.due();
        if let Some(due) = due {
            self.queue.insert(&record.id, due);
        }
        self.store.update(&record).await?;
        if let Some(old) = old.filter(|old| Some(*old) != due) {
            self.queue.remove(&record.id, old);
        }
        Ok(())
    }

    /// Makes a lease due now, on record, and leaves the rest to the queue.
    /// Returns whether there is such a lease.
    pub(super) async fn expire_now(&self, id: &str) -> Result<bool, Error> {
        let _held = self.locks.lock(id).await;
        let Some(mut record) = self.store.load(id).await? else {
            return Ok(false);
        };
        let now = self.clock.now();
        let old = record.due();
        match record.revocation {
            Revocation::Open => record.expire_time = record.expire_time.min(now),
            // It is tried again by itself, in the pause that it has earned.
            Revocation::Failed { .. } => return Ok(true),
            Revocation::Irrevocable { .. } => {
                record.revocation = Revocation::Failed {
                    attempts: 0,
                    next: now,
                };
            }
        }
        let Some(due) = record.due() else {
            return Ok(true);
        };
        self.queue.insert(id, due);
        self.store.update(&record).await?;
        if let Some(old) = old.filter(|old| *old != due) {
            self.queue.remove(id, old);
        }
        Ok(true)
    }

    /// The leases below a prefix. A prefix without a slash at its end that is
    /// a lease's id means that lease.
    async fn matching(&self, prefix: &str) -> Result<Vec<String>, Error> {
        if prefix.is_empty() {
            return Err(Error::new(
                ErrorClass::BadRequest,
                "prefix must be specified",
            ));
        }
        if prefix.ends_with('/') {
            return self.store.below(prefix).await;
        }
        if self.store.load(prefix).await?.is_some() {
            return Ok(vec![prefix.to_owned()]);
        }
        self.store.below(&format!("{prefix}/")).await
    }
}

/// The first error of many results, after all of them.
async fn first_error(results: impl stream::Stream<Item = Result<(), Error>>) -> Result<(), Error> {
    results
        .fold(Ok(()), |first: Result<(), Error>, next| async move {
            first.and(next)
        })
        .await
}

fn cut(text: &str) -> String {
    text.chars().take(ERROR_LENGTH).collect()
}
