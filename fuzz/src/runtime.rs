//! Runtimes of targets that wait.

use tokio::runtime::{Builder, Runtime};

/// Runs a future on a paused clock. Tasks that it leaves behind are dropped.
pub(crate) fn paused<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime can be built").block_on(future)
}

/// A runtime for sockets, which keep real time.
pub(crate) fn real() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be built")
}
