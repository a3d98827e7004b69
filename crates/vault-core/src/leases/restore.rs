//! Restores leases after a start, page by page in the background: a server with
//! a million leases serves requests at once, and reads a requested lease from
//! storage even if its page was not restored yet.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use logical::Error;

use super::Leases;
use super::expiry::REQUEUE_AFTER;
use super::store::Stored;

/// Number of names listed at a time.
const PAGE: usize = 512;
/// Number of leases read concurrently.
const READS: usize = 32;
/// Pause after storage failed.
const PAUSE: Duration = Duration::from_secs(5);

/// How far the folders of leases were listed.
struct Walk {
    folders: Vec<String>,
    /// A folder that was listed in part, and the last name of it.
    rest: Option<(String, String)>,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            folders: vec![String::new()],
            rest: None,
        }
    }
}

impl Leases {
    /// Queues all leases, revokes those whose token is gone, and removes
    /// leftovers of incomplete deletions and creations. Single-flight: a call
    /// returns at once while another one is in progress.
    ///
    /// # Errors
    /// When storage fails; the remaining leases were not checked.
    pub(crate) async fn tidy(&self) -> Result<(), Error> {
        self.restored().await;
        let Ok(_tidying) = self.tidying.try_lock() else {
            tracing::info!("leases are already being tidied");
            return Ok(());
        };
        self.restore().await?;
        for token in self.store.tokens().await? {
            for id in self.store.of_token(&token).await? {
                self.remove_if_dangling(&id, &token).await?;
            }
        }
        Ok(())
    }

    /// Removes the entry of a lease in the index by token, if the lease does
    /// not exist.
    pub(super) async fn remove_if_dangling(&self, id: &str, salted: &str) -> Result<(), Error> {
        let _held = self.locks.lock(id).await;
        if self.store.load(id).await?.is_some() {
            return Ok(());
        }
        self.store.remove_from_token(id, salted).await
    }

    /// Waits until all leases in storage have been restored after the start.
    pub(crate) async fn restored(&self) {
        let mut restored = self.restored.subscribe();
        // The sender lives as long as `self`.
        let _ = restored.wait_for(|done| *done).await;
    }

    pub(super) async fn restore_in_background(&self) {
        while let Err(error) = self.restore().await {
            tracing::warn!(%error, "the leases in storage cannot be read; retrying");
            self.tasks.sleep(PAUSE).await;
        }
        self.counts.all_listed();
        self.restored.send_replace(true);
        loop {
            self.tasks.sleep(REQUEUE_AFTER).await;
            let again = std::mem::take(&mut *self.unrestored());
            self.restore_page(again).await;
        }
    }

    /// Leases that could not be restored because they, or their token, could
    /// not be read.
    fn unrestored(&self) -> MutexGuard<'_, Vec<String>> {
        self.unrestored
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn restore(&self) -> Result<(), Error> {
        let mut walk = Walk::default();
        while let Some(ids) = self.next_ids(&mut walk).await? {
            self.counts.add_listed(ids.iter().map(String::as_str));
            self.restore_page(ids).await;
        }
        Ok(())
    }

    /// Counts the leases in storage for the first quota.
    ///
    /// # Errors
    /// When storage fails; some may not be counted.
    pub(crate) async fn count_stored(&self) -> Result<(), Error> {
        let mut walk = Walk::default();
        while let Some(ids) = self.next_ids(&mut walk).await? {
            self.counts.add_listed(ids.iter().map(String::as_str));
        }
        Ok(())
    }

    /// The next page of ids, or `None` after the last.
    async fn next_ids(&self, walk: &mut Walk) -> Result<Option<Vec<String>>, Error> {
        let next = walk.rest.take();
        let Some((folder, after)) =
            next.or_else(|| walk.folders.pop().map(|folder| (folder, String::new())))
        else {
            return Ok(None);
        };
        let names = self.store.list_page(&folder, &after, PAGE).await?;
        if names.len() == PAGE
            && let Some(last) = names.last()
        {
            walk.rest = Some((folder.clone(), last.clone()));
        }
        let (below, ids): (Vec<_>, Vec<_>) = names
            .into_iter()
            .map(|name| format!("{folder}{name}"))
            .partition(|path| path.ends_with('/'));
        walk.folders.extend(below);
        Ok(Some(ids))
    }

    async fn restore_page(&self, ids: Vec<String>) {
        let tokens = tokio::sync::Mutex::new(HashMap::new());
        stream::iter(ids.into_iter().map(|id| {
            let tokens = &tokens;
            async move {
                // One unreadable lease must not stop the others.
                if let Err(error) = self.restore_one(&id, tokens).await {
                    tracing::warn!(lease = id, %error, "a lease cannot be restored");
                    self.unrestored().push(id);
                }
            }
        }))
        .buffer_unordered(READS)
        .collect::<()>()
        .await;
    }

    /// Holds the lease's lock, so that a lease which is being deleted is not
    /// cached as irrevocable again.
    async fn restore_one(
        &self,
        id: &str,
        tokens: &tokio::sync::Mutex<HashMap<String, bool>>,
    ) -> Result<(), Error> {
        let due = {
            let _held = self.locks.lock(id).await;
            let mut record = match self.store.load_any(id).await? {
                Some(Stored::Secret(record)) => record,
                Some(Stored::Token(salted)) => return self.restore_token(id, &salted).await,
                None => return Ok(()),
            };
            if record.limit_to(self.clock.now()) {
                self.store.update(&record).await?;
            }
            self.store.cache_if_irrevocable(&record);
            let Some(due) = record.due() else {
                return Ok(());
            };
            let mut tokens = tokens.lock().await;
            let alive = match tokens.get(&record.token) {
                Some(alive) => *alive,
                // Leases of a batch token without a parent hang on no token.
                None if record.token.is_empty() => true,
                None => self.tokens.lookup_salted(&record.token).await?.is_some(),
            };
            tokens.insert(std::mem::take(&mut record.token), alive);
            alive.then_some(due)
        };
        match due {
            Some(due) => self.due_queue.insert(id, due),
            // The revocation of the token was interrupted.
            None => self.expire_now(id).await.map(drop)?,
        }
        Ok(())
    }
}
