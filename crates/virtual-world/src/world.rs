//! One machine with a process on it, and what a host hands to a backend there.

use std::sync::Arc;

use logical::BackendContext;

use crate::{Process, SeededEntropy, VirtualClock, VirtualHost, VirtualStorage, VirtualTasks};

/// Everything that a backend is handed, for the test to hold on to.
#[derive(Debug)]
pub struct World {
    /// Cuts, kills and freezes the process.
    pub process: Arc<Process>,
    /// The clocks of the process.
    pub clock: Arc<VirtualClock>,
    /// One stream for all processes: ids never repeat.
    pub entropy: Arc<SeededEntropy>,
    /// The disk as the process sees it.
    pub storage: Arc<VirtualStorage>,
    /// What the host answers, the same for all processes.
    pub host: Arc<VirtualHost>,
    /// The background tasks of the process.
    pub tasks: VirtualTasks,
}

impl World {
    /// A world of the seed 1.
    pub fn new() -> Self {
        Self::with_seed(1)
    }

    /// A world whose random bytes come from this seed.
    pub fn with_seed(seed: u64) -> Self {
        let process = Arc::new(Process::new());
        Self {
            clock: Arc::new(VirtualClock::new()),
            entropy: Arc::new(SeededEntropy::new(seed)),
            storage: Arc::new(VirtualStorage::new(&process)),
            host: Arc::new(VirtualHost::new()),
            tasks: VirtualTasks::new(&process),
            process,
        }
    }

    /// What a host hands to a backend that it mounts in this process.
    pub fn context(&self) -> BackendContext {
        BackendContext::new(
            Arc::clone(&self.storage) as _,
            Arc::clone(&self.host) as _,
            Arc::clone(&self.clock) as _,
            Arc::clone(&self.entropy) as _,
            Arc::new(self.tasks.clone()),
        )
    }

    /// Another process on the same machine and disk, beside this one.
    #[must_use]
    pub fn successor(&self) -> Self {
        let process = Arc::new(Process::new());
        Self {
            clock: Arc::new(self.clock.restarted()),
            entropy: Arc::clone(&self.entropy),
            storage: Arc::new(self.storage.of_process(&process)),
            host: Arc::clone(&self.host),
            tasks: VirtualTasks::new(&process),
            process,
        }
    }

    /// Kills the process and starts the next one. Futures of the old one never
    /// end; the test drops them.
    pub fn restart(&mut self) {
        self.process.kill();
        *self = self.successor();
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}
