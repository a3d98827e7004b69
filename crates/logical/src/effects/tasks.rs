//! Background tasks, and work that runs to completion.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Either, select};

/// Background tasks. A host stops all tasks of a backend after its clean-up.
pub trait Tasks: Send + Sync {
    /// Runs a future as a background task.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Sleeps.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The background tasks of one owner, which are shut down together.
#[async_trait]
pub trait TaskGroup: Tasks {
    /// Waits up to `grace` for running tasks, then drops those that still run.
    /// Tasks that are spawned later are dropped at once.
    async fn shut_down(&self, grace: Duration);
}

/// Awaits a future for up to `limit`. Returns `None` and drops the future when
/// it takes longer.
pub async fn within<F: Future>(tasks: &dyn Tasks, limit: Duration, future: F) -> Option<F::Output> {
    let sleep = tasks.sleep(limit);
    match select(pin!(future), sleep).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(((), _)) => None,
    }
}

type Abandoned<T> = Box<dyn FnOnce(T) -> BoxFuture<'static, ()> + Send>;

/// Work that runs to completion even if its caller is dropped.
///
/// Hosts drop a request when its client hangs up. Work that changes two places,
/// such as memory and storage, must not stop between them. It is polled where
/// it is awaited, without a task; if that future is dropped, the rest of the
/// work becomes a task. Work that panicked is not resumed.
pub struct RunToCompletion<T: Send + 'static> {
    /// `None` while the work is being polled, and after its end.
    work: Option<BoxFuture<'static, T>>,
    abandoned: Option<Abandoned<T>>,
    tasks: Arc<dyn Tasks>,
}

impl<T: Send + 'static> RunToCompletion<T> {
    /// Work whose result is dropped if nobody awaits it.
    pub fn new(tasks: Arc<dyn Tasks>, work: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            work: Some(Box::pin(work)),
            abandoned: None,
            tasks,
        }
    }

    /// Handles the result if the caller was dropped, for example by revoking
    /// the lease that the caller would have taken.
    #[must_use]
    pub fn or_abandoned<F>(mut self, abandoned: impl FnOnce(T) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.abandoned = Some(Box::new(|output| Box::pin(abandoned(output))));
        self
    }
}

impl<T: Send + 'static> Future for RunToCompletion<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(mut work) = self.work.take() else {
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.work = Some(work);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for RunToCompletion<T> {
    fn drop(&mut self) {
        let Some(work) = self.work.take() else {
            return;
        };
        match self.abandoned.take() {
            Some(abandoned) => self.tasks.spawn(Box::pin(work.then(abandoned))),
            None => self.tasks.spawn(Box::pin(work.map(drop))),
        }
    }
}

/// The error of a call that panicked. The panic itself is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panicked;

/// Awaits a future and catches a panic, for callers that must put something
/// back afterwards, such as an entry of a queue.
///
/// # Errors
/// When the future panicked.
pub async fn catch_panic<F: Future>(future: F) -> Result<F::Output, Panicked> {
    std::panic::AssertUnwindSafe(future)
        .catch_unwind()
        .await
        .map_err(|_| Panicked)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::{sleep, timeout};

    use super::*;

    struct Spawning;

    impl Tasks for Spawning {
        fn spawn(&self, task: BoxFuture<'static, ()>) {
            tokio::spawn(task);
        }

        fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
            Box::pin(sleep(duration))
        }
    }

    fn counting(steps: &Arc<AtomicUsize>) -> RunToCompletion<usize> {
        let steps = Arc::clone(steps);
        RunToCompletion::new(Arc::new(Spawning), async move {
            for _ in 0..3 {
                steps.fetch_add(1, Ordering::SeqCst);
                sleep(Duration::from_secs(1)).await;
            }
            steps.load(Ordering::SeqCst)
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_waits_gets_the_result() {
        assert_eq!(counting(&Arc::default()).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn work_goes_on_when_its_caller_is_dropped() {
        let steps = Arc::default();
        let waited = timeout(Duration::from_millis(500), counting(&steps)).await;
        assert!(waited.is_err());
        assert_eq!(steps.load(Ordering::SeqCst), 1);
        sleep(Duration::from_secs(3)).await;
        assert_eq!(steps.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_result_without_a_caller_is_abandoned() {
        let left = Arc::new(Mutex::new(Vec::new()));
        let numbered = |number: u32| {
            let left = Arc::clone(&left);
            let work = async move {
                sleep(Duration::from_secs(1)).await;
                number
            };
            RunToCompletion::new(Arc::new(Spawning), work).or_abandoned(
                move |abandoned| async move {
                    left.lock().unwrap().push(abandoned);
                },
            )
        };
        assert_eq!(numbered(1).await, 1);
        let dropped = timeout(Duration::from_millis(500), numbered(2)).await;
        assert!(dropped.is_err());
        drop(numbered(3));
        sleep(Duration::from_secs(2)).await;
        let mut left = left.lock().unwrap().clone();
        left.sort_unstable();
        assert_eq!(left, [2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_panicked_is_not_resumed() {
        let polls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&polls);
        let work = RunToCompletion::new(Arc::new(Spawning), async move {
            counter.fetch_add(1, Ordering::SeqCst);
            assert_eq!(counter.load(Ordering::SeqCst), 0, "a fault in the work");
        });
        assert_eq!(catch_panic(work).await, Err(Panicked));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(polls.load(Ordering::SeqCst), 1);
    }
}
