//! Work that is done to its end by whoever awaits it, or else by a task.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::effects::TaskGroup;

type Untaken<T> = Box<dyn FnOnce(T) -> BoxFuture<'static, ()> + Send>;

/// Work that must not stop in the middle. It runs where it is awaited, which
/// costs no task; when that is given up, the rest of it goes on as a task, and
/// what came of it goes to `untaken`.
pub(crate) struct Carried<T: 'static> {
    tasks: Arc<dyn TaskGroup>,
    /// None while the work is polled, and when it is over.
    rest: Option<(BoxFuture<'static, T>, Untaken<T>)>,
}

impl<T> Carried<T> {
    pub(crate) fn new<F>(
        tasks: Arc<dyn TaskGroup>,
        work: impl Future<Output = T> + Send + 'static,
        untaken: impl FnOnce(T) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let untaken: Untaken<T> = Box::new(|output| Box::pin(untaken(output)));
        Self {
            tasks,
            rest: Some((Box::pin(work), untaken)),
        }
    }
}

impl<T> Future for Carried<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // Work that panics is not carried on.
        let Some((mut work, untaken)) = self.rest.take() else {
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.rest = Some((work, untaken));
        }
        polled
    }
}

impl<T> Drop for Carried<T> {
    fn drop(&mut self) {
        if let Some((work, untaken)) = self.rest.take() {
            self.tasks.spawn(Box::pin(work.then(untaken)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::tests::World;

    const MOMENT: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn work_that_is_given_up_goes_on_and_what_came_of_it_is_not_lost() {
        let tasks = (World::new().effects().task_groups)();
        let left = Arc::new(Mutex::new(Vec::new()));
        let carried = |number: u32| {
            let left = Arc::clone(&left);
            let work = async move {
                tokio::time::sleep(MOMENT).await;
                number
            };
            Carried::new(Arc::clone(&tasks), work, move |untaken| async move {
                left.lock().unwrap().push(untaken);
            })
        };
        assert_eq!(carried(1).await, 1);
        let given_up = tokio::time::timeout(MOMENT / 2, carried(2)).await;
        assert!(given_up.is_err());
        drop(carried(3));
        assert!(left.lock().unwrap().is_empty());
        tokio::time::sleep(2 * MOMENT).await;
        let mut left = left.lock().unwrap().clone();
        left.sort_unstable();
        assert_eq!(left, [2, 3], "what was taken is not given away again");
    }
}
