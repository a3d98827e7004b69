//! The engine as a backend: the table of paths with the engine's state.

use std::sync::Arc;

use async_trait::async_trait;
use logical::framework::{Definition, Framework, Hooks};
use logical::{Backend, BackendContext, Error, Factory, SpecialPaths};

use crate::control_plane::ControlPlane;
use crate::ledger::store::SEAL_WRAPPED;
use crate::paths;
use crate::state::Engine;

/// Mounts engines on one control plane.
pub struct EngineFactory {
    control: Arc<dyn ControlPlane>,
}

impl EngineFactory {
    /// Engines that reach Confluent Cloud through this.
    pub fn new(control: Arc<dyn ControlPlane>) -> Self {
        Self { control }
    }
}

impl Factory for EngineFactory {
    fn create(&self, context: BackendContext) -> Result<Arc<dyn Backend>, Error> {
        let engine = Arc::new(Engine::new(context, Arc::clone(&self.control)));
        Ok(Arc::new(Framework::new(engine, definition())?))
    }

    fn version(&self) -> &str {
        crate::VERSION
    }
}

fn definition() -> Definition<Engine> {
    Definition::new(paths::HELP)
        .paths(paths::all())
        .secret(paths::creds::secret_type())
        .special_paths(SpecialPaths::new().seal_wrap_storage(SEAL_WRAPPED))
}

#[async_trait]
impl Hooks for Engine {
    async fn initialize(self: Arc<Self>) -> Result<(), Error> {
        self.take_over_at_start().await;
        Ok(())
    }

    async fn periodic(self: Arc<Self>) -> Result<(), Error> {
        self.license_sweep();
        self.license_scheduler();
        Ok(())
    }

    async fn invalidate(self: Arc<Self>, _key: &str) {
        // The caches are small and invalidations rare, so that all are dropped.
        self.roles.invalidate();
        self.static_roles.invalidate();
        self.accounts.invalidate();
        self.settings.invalidate();
        self.ledger.store.invalidate();
    }

    async fn cleanup(self: Arc<Self>) {
        self.stop().await;
    }
}
