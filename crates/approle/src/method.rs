//! A mount of the method: what its paths share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use logical::{Clock, Error, RunToCompletion, SystemView, Tasks};

use crate::store::Store;

/// A mount of the method.
pub(crate) struct AppRole {
    pub(crate) store: Store,
    pub(crate) system: Arc<dyn SystemView>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tasks: Arc<dyn Tasks>,
    pub(crate) tidying: Tidying,
}

impl AppRole {
    /// Runs a change to completion, even if the client hangs up.
    pub(crate) async fn complete<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        RunToCompletion::new(Arc::clone(&self.tasks), change).await
    }
}

/// Whether secret ids are being tidied, and when that last began.
#[derive(Debug, Default)]
pub(crate) struct Tidying {
    pub(crate) is_running: AtomicBool,
    /// Seconds of the monotonic clock.
    pub(crate) last: AtomicU64,
}
