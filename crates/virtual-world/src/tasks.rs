//! Background tasks that end with their process, and whose panics are counted.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use logical::Tasks;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Process;

/// A group of tasks of one process.
#[derive(Debug, Clone)]
pub struct VirtualTasks {
    process: Arc<Process>,
    tracker: TaskTracker,
    cancelled: CancellationToken,
    panics: Arc<AtomicU64>,
}

impl VirtualTasks {
    /// A group without tasks. They end when `process` does.
    pub fn new(process: &Arc<Process>) -> Self {
        Self {
            process: Arc::clone(process),
            tracker: TaskTracker::new(),
            cancelled: CancellationToken::new(),
            panics: Arc::default(),
        }
    }

    /// How many tasks run.
    pub fn running(&self) -> usize {
        self.tracker.len()
    }

    /// How many tasks panicked. A test that expects none asserts so, since a
    /// panic in a task reaches nobody else.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::SeqCst)
    }

    /// Waits for all tasks that run, and for those that they start.
    pub async fn finish(&self) {
        while !self.tracker.is_empty() {
            // The shortest time that tokio's timer knows: it lets everything
            // else run first, and moves the paused clock when all wait.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Lets running tasks end by themselves for as long as `grace`, then drops
    /// those that still run. New tasks are dropped at once.
    pub async fn shut_down(&self, grace: Duration) {
        self.tracker.close();
        let ended = tokio::time::timeout(grace, self.tracker.wait()).await;
        self.cancelled.cancel();
        if ended.is_err() {
            self.tracker.wait().await;
        }
    }
}

impl Tasks for VirtualTasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        // A request that is dropped with its runtime may still spawn.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let process = Arc::clone(&self.process);
        let cancelled = self.cancelled.clone();
        let panics = Arc::clone(&self.panics);
        let task = async move {
            let end = async {
                tokio::select! {
                    biased;
                    () = process.death() => {}
                    () = cancelled.cancelled() => {}
                    () = task => {}
                }
            };
            if AssertUnwindSafe(end).catch_unwind().await.is_err() {
                panics.fetch_add(1, Ordering::SeqCst);
            }
        };
        self.tracker.spawn_on(task, &runtime);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    fn group() -> (Arc<Process>, VirtualTasks, Arc<AtomicU64>) {
        let process = Arc::new(Process::new());
        let tasks = VirtualTasks::new(&process);
        (process, tasks, Arc::default())
    }

    fn count_after(tasks: &VirtualTasks, time: Duration, count: &Arc<AtomicU64>) {
        let sleep = tasks.sleep(time);
        let count = Arc::clone(count);
        tasks.spawn(Box::pin(async move {
            sleep.await;
            count.fetch_add(1, Ordering::SeqCst);
        }));
    }

    #[tokio::test(start_paused = true)]
    async fn shutting_down_waits_for_as_long_as_the_grace() {
        let (_process, tasks, count) = group();
        count_after(&tasks, Duration::from_secs(1), &count);
        count_after(&tasks, Duration::from_mins(1), &count);
        tasks.shut_down(Duration::from_secs(2)).await;
        assert_eq!(tasks.running(), 0);
        count_after(&tasks, Duration::ZERO, &count);
        sleep(Duration::from_mins(2)).await;
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_tasks_of_a_process_end_with_it() {
        let (process, tasks, count) = group();
        count_after(&tasks, Duration::from_secs(5), &count);
        sleep(Duration::from_secs(1)).await;
        process.kill();
        sleep(Duration::from_mins(1)).await;
        assert_eq!(count.load(Ordering::SeqCst), 0);
        assert_eq!(tasks.running(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_in_a_task_is_counted() {
        let (_process, tasks, _) = group();
        tasks.spawn(Box::pin(async { panic!("on purpose") }));
        tasks.finish().await;
        assert_eq!((tasks.running(), tasks.panics()), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn finishing_waits_for_tasks_that_tasks_start() {
        let (_process, tasks, count) = group();
        let start = Instant::now();
        let (group, counter) = (tasks.clone(), Arc::clone(&count));
        tasks.spawn(Box::pin(async move {
            group.sleep(Duration::from_secs(3)).await;
            count_after(&group, Duration::from_secs(4), &counter);
        }));
        tasks.finish().await;
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(start.elapsed() >= Duration::from_secs(7));
    }
}
