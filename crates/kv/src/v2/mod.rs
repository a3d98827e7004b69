//! Version 2: every write of a secret makes a new version, and earlier ones can
//! be read, deleted, restored and destroyed.
//!
//! A secret is a metadata record, which lists its versions, and one entry for
//! the data of each. Changes of one secret take its lock, are written in one
//! batch, and run to completion whoever hangs up.

mod cas;
mod config;
mod custom_metadata;
mod data;
mod metadata;
mod metadata_paths;
mod other_paths;
mod secret;
mod subkeys;
#[cfg(test)]
mod tests;
mod upgrade;
mod versions;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use logical::effects::NamedLocks;
use logical::framework::{Call, Definition, Handler, Hooks, answer};
use logical::{BackendContext, Clock, Error, Response, RunToCompletion, Tasks};

use self::config::Configuration;
use crate::store::Store;

/// A mount of version 2.
pub(crate) struct Versioned {
    store: Store,
    clock: Arc<dyn Clock>,
    tasks: Arc<dyn Tasks>,
    configuration: Configuration,
    /// Held by path while a secret is changed.
    changing: NamedLocks,
    /// Whether secrets of version 1 are still being moved.
    upgrading: AtomicBool,
}

/// The engine of a mount.
pub(crate) fn engine(context: BackendContext) -> (Arc<Versioned>, Definition<Versioned>) {
    let state = Versioned {
        store: Store::new(context.storage, context.entropy),
        clock: context.clock,
        tasks: context.tasks,
        configuration: Configuration::default(),
        changing: NamedLocks::default(),
        upgrading: AtomicBool::new(false),
    };
    let mut paths = vec![config::path(), data::path(), subkeys::path()];
    paths.extend(versions::paths());
    paths.extend(metadata_paths::paths());
    paths.extend(other_paths::paths());
    let definition = Definition::new(
        "Keeps secrets under paths, with their history: each write makes a new version, and \
               earlier ones can be read, deleted, restored and destroyed.",
    )
    .paths(paths);
    (Arc::new(state), definition)
}

#[async_trait]
impl Hooks for Versioned {
    async fn initialize(self: Arc<Self>) -> Result<(), Error> {
        upgrade::begin(&self).await
    }

    async fn invalidate(self: Arc<Self>, key: &str) {
        self.configuration.invalidate(key);
    }
}

impl Versioned {
    /// Runs a change to completion, even if the client hangs up.
    async fn complete<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        RunToCompletion::new(Arc::clone(&self.tasks), change).await
    }

    fn is_upgrading(&self) -> bool {
        self.upgrading.load(Ordering::SeqCst)
    }
}

/// A handler that is refused while the mount is being upgraded.
fn handler<F, R>(function: F) -> Handler<Versioned>
where
    F: Fn(Arc<Versioned>, Call) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Option<Response>, Error>> + Send + 'static,
{
    answer(move |engine: Arc<Versioned>, call| {
        let function = function.clone();
        async move {
            if engine.is_upgrading() {
                return Err(upgrade::unavailable());
            }
            function(engine, call).await
        }
    })
}
