//! The production effects: the system's clocks, random bytes of aws-lc, and
//! background tasks on tokio.
//!
//! Hosts and programs hand these to backends. Nothing here knows an engine,
//! and pure crates do not know this crate.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use logical::{Clock, Entropy, TaskGroup, Tasks};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// The system's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Random bytes of aws-lc, seeded by the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// Fills the buffer.
    ///
    /// # Panics
    /// When the operating system provides no randomness: no key made without it
    /// would be safe.
    fn fill(&self, buffer: &mut [u8]) {
        #[expect(clippy::expect_used, reason = "without randomness no key is safe")]
        aws_lc_rs::rand::fill(buffer).expect("the operating system gives randomness");
    }
}

/// A group of background tasks on tokio that are shut down together.
#[derive(Debug, Clone, Default)]
pub struct TokioTasks {
    tracker: TaskTracker,
    cancelled: CancellationToken,
}

impl TokioTasks {
    /// An empty group. Spawning needs a running tokio runtime.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits up to `grace` for running tasks to finish, then drops the rest. Tasks
    /// spawned later are dropped at once.
    pub async fn shut_down(&self, grace: Duration) {
        self.tracker.close();
        if tokio::time::timeout(grace, self.tracker.wait())
            .await
            .is_err()
        {
            self.cancelled.cancel();
            self.tracker.wait().await;
        }
        self.cancelled.cancel();
    }
}

impl Tasks for TokioTasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        // A request that is dropped with the runtime may still try to spawn the
        // rest of its work.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let cancelled = self.cancelled.clone();
        let task = async move {
            let _ = cancelled.run_until_cancelled(task).await;
        };
        // The log lines of a task name the request that it was spawned for.
        let task = task.in_current_span();
        self.tracker.spawn_on(task, &runtime);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[async_trait]
impl TaskGroup for TokioTasks {
    async fn shut_down(&self, grace: Duration) {
        Self::shut_down(self, grace).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn random_bytes_differ_from_call_to_call() {
        let (mut first, mut second) = ([0_u8; 32], [0_u8; 32]);
        SystemEntropy.fill(&mut first);
        SystemEntropy.fill(&mut second);
        assert_ne!(first, second);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_logs_within_the_span_that_it_was_spawned_in() {
        let _installed = tracing::subscriber::set_default(tracing_subscriber::registry());
        let tasks = TokioTasks::new();
        let seen = Arc::new(Mutex::new(None));
        let task = {
            let seen = Arc::clone(&seen);
            Box::pin(async move {
                let name = tracing::Span::current()
                    .metadata()
                    .map(tracing::Metadata::name);
                *seen.lock().unwrap() = name;
            })
        };
        tracing::info_span!("request").in_scope(|| tasks.spawn(task));
        tasks.shut_down(Duration::from_secs(1)).await;
        assert_eq!(*seen.lock().unwrap(), Some("request"));
    }

    #[tokio::test(start_paused = true)]
    async fn shutting_down_waits_for_tasks_that_end_within_the_grace() {
        let tasks = TokioTasks::new();
        let ended = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&ended);
        let sleep = tasks.sleep(Duration::from_secs(1));
        tasks.spawn(Box::pin(async move {
            sleep.await;
            counter.fetch_add(1, Ordering::SeqCst);
        }));
        tasks.shut_down(Duration::from_secs(2)).await;
        assert_eq!(ended.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn shutting_down_drops_tasks_that_outlast_the_grace() {
        let tasks = TokioTasks::new();
        let ended = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&ended);
        let sleep = tasks.sleep(Duration::from_mins(1));
        tasks.spawn(Box::pin(async move {
            sleep.await;
            counter.fetch_add(1, Ordering::SeqCst);
        }));
        tasks.shut_down(Duration::from_secs(2)).await;
        tokio::time::sleep(Duration::from_mins(2)).await;
        assert_eq!(ended.load(Ordering::SeqCst), 0);
    }
}
