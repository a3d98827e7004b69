//! The production effects of a core: the system's clocks, the operating
//! system's randomness, and tasks on tokio.

use std::sync::Arc;

use logical::{NoMetrics, Storage};
use runtime::{SystemClock, SystemEntropy, TokioTasks};
use vault_core::Effects;

/// The effects for a core on this storage. Needs a running tokio runtime.
pub fn effects(storage: Arc<dyn Storage>) -> Effects {
    Effects {
        storage,
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        task_groups: Arc::new(|| Arc::new(TokioTasks::new())),
        metrics: Arc::new(NoMetrics),
    }
}
