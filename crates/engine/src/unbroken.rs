//! Work that goes on to its end when whoever waits for it is gone: a host drops
//! a request when its client hangs up, and memory must not stay ahead of
//! storage then.
//!
//! It runs where it is waited for, and only what is left of it becomes a task:
//! most requests are waited for, and a task for each costs more than the work.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use logical::Tasks;

/// Work that is not cut off.
pub(crate) struct Unbroken<T: Send + 'static> {
    /// Gone once it ended, or panicked.
    work: Option<BoxFuture<'static, T>>,
    tasks: Arc<dyn Tasks>,
}

impl<T: Send + 'static> Unbroken<T> {
    pub(crate) fn new(
        tasks: Arc<dyn Tasks>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Self {
        let work = Some(Box::pin(work) as BoxFuture<'static, T>);
        Self { work, tasks }
    }
}

impl<T: Send + 'static> Future for Unbroken<T> {
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

impl<T: Send + 'static> Drop for Unbroken<T> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.tasks.spawn(Box::pin(async move {
                work.await;
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use runtime::TokioTasks;
    use tokio::time::{sleep, timeout};

    use super::*;

    fn counting(steps: &Arc<AtomicUsize>) -> Unbroken<usize> {
        let steps = Arc::clone(steps);
        Unbroken::new(Arc::new(TokioTasks::new()), async move {
            for _ in 0..3 {
                steps.fetch_add(1, Ordering::SeqCst);
                sleep(Duration::from_secs(1)).await;
            }
            steps.load(Ordering::SeqCst)
        })
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_what_came_of_it() {
        assert_eq!(counting(&Arc::default()).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_when_nobody_waits_any_more() {
        let steps = Arc::default();
        let waited = timeout(Duration::from_millis(500), counting(&steps)).await;
        assert!(waited.is_err());
        assert_eq!(steps.load(Ordering::SeqCst), 1);
        sleep(Duration::from_secs(3)).await;
        assert_eq!(steps.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_panicked_is_not_gone_on_with() {
        let polls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&polls);
        let work = Unbroken::new(Arc::new(TokioTasks::new()), async move {
            counter.fetch_add(1, Ordering::SeqCst);
            assert_eq!(counter.load(Ordering::SeqCst), 0, "a fault in the work");
        });
        let work = std::panic::AssertUnwindSafe(work).catch_unwind().await;
        assert!(work.is_err());
        sleep(Duration::from_secs(1)).await;
        assert_eq!(polls.load(Ordering::SeqCst), 1);
    }
}
