//! The real world for a core: the system's clocks, the operating system's
//! randomness, and tasks on tokio.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use logical::{Storage, Tasks};
use runtime::{SystemClock, SystemEntropy, TokioTasks};
use vault_core::{Effects, TaskGroup};

/// What a core on this storage is started with. Needs a running tokio runtime.
pub fn effects(storage: Arc<dyn Storage>) -> Effects {
    Effects {
        storage,
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        task_groups: Arc::new(|| Arc::new(Group(TokioTasks::new()))),
    }
}

struct Group(TokioTasks);

impl Tasks for Group {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(duration)
    }
}

#[async_trait]
impl TaskGroup for Group {
    async fn shut_down(&self, grace: Duration) {
        self.0.shut_down(grace).await;
    }
}
