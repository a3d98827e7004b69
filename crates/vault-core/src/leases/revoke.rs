//! Revocation of leases: now, in the background, or by force.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use logical::{Error, ErrorClass, Operation};

use super::Leases;
use super::backoff::{self, Next};
use super::record::{LeaseRecord, Revocation};
use super::store::Stored;
use crate::tokens::later;

/// Limit for one call of an engine about a lease.
pub(super) const LIMIT: Duration = Duration::from_secs(90);
/// Maximum length of the error that is stored with an irrevocable lease.
const ERROR_LENGTH: usize = 240;

/// Number of leases of a prefix that are revoked concurrently.
const AT_A_TIME: usize = 16;

/// Who attempts a revocation. Only the worker's failures count towards giving
/// up: clients that retry during an outage must not use up the attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Worker,
    Client,
}

/// When a revocation is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Before the answer.
    Sync,
    /// In the background, even after a restart.
    Async,
}

impl Leases {
    /// Revokes one lease. A lease that does not exist is not an error.
    ///
    /// # Errors
    /// The error of the engine. The revocation is retried automatically.
    pub(crate) async fn revoke(self: &Arc<Self>, id: &str, mode: Mode) -> Result<(), Error> {
        let id = id.to_owned();
        self.complete(move |leases| async move {
            match mode {
                Mode::Sync => leases.revoke_sync(&id, false).await,
                Mode::Async => leases.expire_now(&id).await.map(drop),
            }
        })
        .await
    }

    /// Revokes every lease below a prefix, even if the caller is dropped
    /// meanwhile.
    ///
    /// # Errors
    /// The first error, after all leases were attempted.
    pub(crate) async fn revoke_prefix(
        self: &Arc<Self>,
        prefix: &str,
        mode: Mode,
    ) -> Result<(), Error> {
        let prefix = prefix.to_owned();
        self.complete(move |leases| async move {
            let ids = leases.matching(&prefix).await?;
            match mode {
                Mode::Sync => leases.revoke_all(ids, false).await,
                Mode::Async => leases.expire_all_now(ids).await,
            }
        })
        .await
    }

    /// Deletes every lease below a prefix, even if the engine fails to revoke
    /// it.
    ///
    /// # Errors
    /// The first error of storage, after all leases were attempted.
    pub(crate) async fn force_prefix(self: &Arc<Self>, prefix: &str) -> Result<(), Error> {
        let prefix = prefix.to_owned();
        self.complete(move |leases| async move {
            let ids = leases.matching(&prefix).await?;
            leases.revoke_all(ids, true).await
        })
        .await
    }

    /// Makes every lease of a token due now; the revocation happens in the
    /// background.
    ///
    /// # Errors
    /// When storage fails; some leases may then not be due yet.
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

    async fn revoke_all(&self, ids: Vec<String>, force: bool) -> Result<(), Error> {
        let ends = ids.into_iter().map(|id| async move {
            let ended = self.revoke_sync(&id, force).await;
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

    /// Revokes a lease from the due queue, if it is really due.
    pub(super) async fn expire_if_due(&self, id: &str) {
        let held = self.locks.lock(id).await;
        let record = match self.store.load_any(id).await {
            Ok(Some(Stored::Secret(record))) => *record,
            Ok(Some(Stored::Token(salted))) => {
                if let Err(error) = self.expire_token_if_due(id, &salted).await {
                    tracing::warn!(lease = id, %error, "an expired token was not revoked");
                    self.requeue(id);
                }
                return;
            }
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(lease = id, %error, "a due lease cannot be read");
                return self.requeue(id);
            }
        };
        match record.due() {
            Some(due) if due <= self.clock.now() => {
                if let Err(error) = self.revoke_locked(record, false, Attempt::Worker).await {
                    // A recorded failure is in the due queue already.
                    tracing::debug!(lease = id, %error, "a due lease was not revoked");
                    self.requeue(id);
                }
            }
            Some(due) => self.due_queue.insert(id, due),
            None => {}
        }
        drop(held);
    }

    async fn revoke_sync(&self, id: &str, force: bool) -> Result<(), Error> {
        let _held = self.locks.lock(id).await;
        match self.store.load_any(id).await? {
            Some(Stored::Secret(record)) => {
                self.revoke_locked(*record, force, Attempt::Client).await
            }
            Some(Stored::Token(salted)) => self.revoke_token(&salted).await,
            None => Ok(()),
        }
    }

    /// Revokes a lease whose lock is held.
    async fn revoke_locked(
        &self,
        record: LeaseRecord,
        force: bool,
        by: Attempt,
    ) -> Result<(), Error> {
        match self.ask_to_revoke(&record).await {
            Ok(()) => self.delete(&record).await,
            Err(error) if force => {
                tracing::warn!(lease = record.id, %error, "a lease was deleted by force");
                self.delete(&record).await
            }
            Err(error) => {
                tracing::warn!(lease = record.id, %error, "a revocation failed");
                if by == Attempt::Worker || record.revocation == Revocation::Open {
                    self.record_failure(record, &error).await?;
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
        self.call_engine(&mount, request).await.map(|_| ())
    }

    pub(super) async fn delete(&self, record: &LeaseRecord) -> Result<(), Error> {
        if let Err(error) = self.store.delete(record).await {
            // The engine will get the revocation again, which must be
            // idempotent.
            self.requeue(&record.id);
            return Err(error);
        }
        if let Some(due) = record.due() {
            self.due_queue.remove(&record.id, due);
        }
        Ok(())
    }

    /// Records a failed revocation and schedules its retry. For its client the
    /// lease has expired.
    async fn record_failure(&self, mut record: LeaseRecord, error: &Error) -> Result<(), Error> {
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
                next: later(now, pause)?,
            },
            Next::GiveUp => Revocation::Irrevocable {
                error: truncate(error.message()),
            },
        };
        let due = record.due();
        if let Some(due) = due {
            self.due_queue.insert(&record.id, due);
        }
        self.store.update(&record).await?;
        if let Some(old) = old.filter(|old| Some(*old) != due) {
            self.due_queue.remove(&record.id, old);
        }
        Ok(())
    }

    /// Makes a lease due now, durably, and leaves its revocation to the due
    /// queue. Returns whether the lease exists.
    pub(super) async fn expire_now(&self, id: &str) -> Result<bool, Error> {
        let _held = self.locks.lock(id).await;
        let mut record = match self.store.load_any(id).await? {
            Some(Stored::Secret(record)) => *record,
            Some(Stored::Token(salted)) => return self.revoke_token(&salted).await.map(|()| true),
            None => return Ok(false),
        };
        let now = self.clock.now();
        let old = record.due();
        match record.revocation {
            Revocation::Open => record.expire_time = record.expire_time.min(now),
            // A retry is scheduled already.
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
        self.due_queue.insert(id, due);
        self.store.update(&record).await?;
        if let Some(old) = old.filter(|old| *old != due) {
            self.due_queue.remove(id, old);
        }
        Ok(true)
    }

    /// The leases below a prefix. A prefix without a trailing slash may also be
    /// the id of one lease.
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
        if self.store.load_any(prefix).await?.is_some() {
            return Ok(vec![prefix.to_owned()]);
        }
        self.store.below(&format!("{prefix}/")).await
    }
}

/// The first error of many results, after awaiting all of them.
async fn first_error(results: impl stream::Stream<Item = Result<(), Error>>) -> Result<(), Error> {
    results
        .fold(Ok(()), |first: Result<(), Error>, next| async move {
            first.and(next)
        })
        .await
}

fn truncate(text: &str) -> String {
    text.chars().take(ERROR_LENGTH).collect()
}
