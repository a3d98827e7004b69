//! The task that ends leases when their time has come, and their return after
//! a restart.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select;
use logical::Error;
use tokio::sync::Semaphore;

use super::Leases;
use logical::TaskGroup;

/// How many leases end at a time over all mounts; the rest wait in the queue.
const ENDING_AT_A_TIME: usize = 1024;
/// The queue is looked at this often at least, since wall clocks jump.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// Reads which leases there are and starts the task that ends them, among the
/// `loops` that never end by themselves.
pub(crate) async fn restore_and_run(
    leases: &Arc<Leases>,
    loops: &dyn TaskGroup,
) -> Result<(), Error> {
    leases.restore().await?;
    let running = Arc::clone(leases);
    loops.spawn(Box::pin(async move { running.run().await }));
    Ok(())
}

impl Leases {
    /// Looks through all leases and ends those whose token is gone.
    pub(crate) async fn tidy(&self) -> Result<(), Error> {
        self.restore().await
    }

    /// Fills the queue from storage. A lease whose token is gone is due now:
    /// the token's end was cut short.
    async fn restore(&self) -> Result<(), Error> {
        let mut tokens: HashMap<String, bool> = HashMap::new();
        for id in self.store.below("").await? {
            let Some(record) = self.store.load(&id).await? else {
                continue;
            };
            self.store.note(&record);
            let alive = if let Some(alive) = tokens.get(&record.token) {
                *alive
            } else {
                let alive = self.tokens.lookup_salted(&record.token).await?.is_some();
                tokens.insert(record.token.clone(), alive);
                alive
            };
            match record.due() {
                Some(_) if !alive => self.hasten(&id).await?,
                Some(due) => self.queue.insert(&id, due),
                None => {}
            }
        }
        Ok(())
    }

    async fn run(self: Arc<Self>) {
        let slots = Arc::new(Semaphore::new(ENDING_AT_A_TIME));
        loop {
            while let Some(id) = self.queue.pop_due(self.clock.now()) {
                let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
                    return;
                };
                let leases = Arc::clone(&self);
                self.tasks.spawn(Box::pin(async move {
                    leases.end_if_due(&id).await;
                    drop(slot);
                }));
            }
            let sleep = self.tasks.sleep(self.until_next());
            select(sleep, pin!(self.queue.sooner())).await;
        }
    }

    fn until_next(&self) -> Duration {
        let now = self.clock.now();
        let until = |due: jiff::Timestamp| {
            Duration::try_from(due.duration_since(now)).unwrap_or(Duration::ZERO)
        };
        self.queue
            .next_due()
            .map_or(LONGEST_SLEEP, until)
            .min(LONGEST_SLEEP)
    }
}
