//! The backends that this process serves, one for each mount.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use jiff::Timestamp;
use logical::{Backend, BackendContext, Clock, Error, Factory};
use runtime::{SystemClock, SystemEntropy, TokioTasks};
use tonic::transport::Channel;

use super::host::Host;
use super::storage::HostStorage;
use super::system_view::HostSystemView;
use crate::pb::backend::SetupArgs;

/// How long the tasks of a backend may go on after its clean-up. A host waits
/// two seconds for the whole process.
const GRACE: Duration = Duration::from_millis(500);

/// Backends by the id that the host gives each mount's connection.
#[derive(Default)]
pub(crate) struct Instances {
    by_id: RwLock<HashMap<String, Arc<Instance>>>,
}

impl Instances {
    pub(super) fn get(&self, id: &str) -> Option<Arc<Instance>> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        by_id.get(id).cloned()
    }

    /// Adds an instance. An earlier instance with the same id is stopped.
    pub(super) async fn add(&self, id: String, instance: Instance) {
        let before = {
            let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
            by_id.insert(id, Arc::new(instance))
        };
        if let Some(before) = before {
            before.stop().await;
        }
    }

    /// Stops an instance, unless it was stopped before.
    pub(super) async fn stop(&self, id: &str) {
        let instance = {
            let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
            by_id.remove(id)
        };
        if let Some(instance) = instance {
            instance.stop().await;
        }
    }

    /// Stops all instances that the host left running.
    pub(crate) async fn stop_all(&self) {
        let all: Vec<_> = {
            let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
            by_id.drain().map(|(_, instance)| instance).collect()
        };
        join_all(all.iter().map(|instance| instance.stop())).await;
    }
}

/// The backend of one mount, with what was handed to it.
pub(super) struct Instance {
    backend: Arc<dyn Backend>,
    host: Arc<Host>,
    tasks: TokioTasks,
    clock: SystemClock,
}

impl Instance {
    /// Builds a backend on a connection to its host. Nothing is asked of the
    /// host: it has no storage to offer when it only registers the plugin.
    pub(super) fn build(
        factory: &dyn Factory,
        channel: Channel,
        arguments: SetupArgs,
    ) -> Result<Self, Error> {
        let host = Arc::new(Host::new(channel));
        let tasks = TokioTasks::new();
        let clock = SystemClock::new();
        let context = BackendContext::new(
            Arc::new(HostStorage::new(Arc::clone(&host))),
            Arc::new(HostSystemView::new(Arc::clone(&host))),
            Arc::new(clock),
            Arc::new(SystemEntropy),
            Arc::new(tasks.clone()),
        )
        .with_options(arguments.config.into_iter().collect())
        .with_uuid(arguments.backend_uuid);
        let created = std::panic::catch_unwind(AssertUnwindSafe(|| factory.create(context)));
        Ok(Self {
            backend: created.unwrap_or_else(|_| Err(panicked()))?,
            host,
            tasks,
            clock,
        })
    }

    /// Calls the backend; a panic becomes an error.
    pub(super) async fn call<'a, T, F>(
        &'a self,
        call: impl FnOnce(&'a dyn Backend) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let called = AssertUnwindSafe(async { call(self.backend.as_ref()).await });
        called
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(panicked()))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn stop(&self) {
        let cleaned = self
            .call(async |backend| {
                backend.cleanup().await;
                Ok(())
            })
            .await;
        if let Err(error) = cleaned {
            tracing::error!(%error, "cannot clean up a mount");
        }
        self.tasks.shut_down(GRACE).await;
        self.host.close();
    }
}

/// The panic itself is in the log.
fn panicked() -> Error {
    Error::internal("the plugin failed in a way that it should not; the server's log says how")
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use logical::{ErrorClass, Existence, Operation, Request, Response};
    use tonic::transport::Endpoint;

    use super::*;

    /// Fails in the way that a backend must not.
    struct Faulty {
        on_create: bool,
    }

    impl Factory for Faulty {
        fn create(&self, _: BackendContext) -> Result<Arc<dyn Backend>, Error> {
            assert!(!self.on_create, "a fault in the factory");
            Ok(Arc::new(Self { on_create: false }))
        }

        fn version(&self) -> &'static str {
            "v0.0.1"
        }
    }

    #[async_trait]
    impl Backend for Faulty {
        async fn handle(&self, _: Request) -> Result<Option<Response>, Error> {
            panic!("a fault in a request");
        }

        async fn exists(&self, _: Request) -> Result<Existence, Error> {
            Ok(Existence::Unchecked)
        }

        async fn cleanup(&self) {
            panic!("a fault in the clean-up");
        }
    }

    fn build(on_create: bool) -> Result<Instance, Error> {
        // Nothing listens there, and building an instance does not mind.
        let channel = Endpoint::from_static("http://localhost:1").connect_lazy();
        Instance::build(&Faulty { on_create }, channel, SetupArgs::default())
    }

    #[tokio::test]
    async fn a_panic_in_a_request_is_an_internal_error() {
        let instance = build(false).unwrap();
        let request = Request::new(Operation::Read, "any");
        let answer = instance.call(|backend| backend.handle(request)).await;
        assert_eq!(answer.unwrap_err().class(), ErrorClass::Internal);
    }

    #[tokio::test]
    async fn a_panic_in_the_factory_fails_the_mount() {
        let error = build(true).err().unwrap();
        assert_eq!(error.class(), ErrorClass::Internal);
    }

    #[tokio::test]
    async fn a_panic_in_the_clean_up_still_closes_the_connection() {
        let instances = Instances::default();
        instances.add("id".into(), build(false).unwrap()).await;
        let instance = instances.get("id").unwrap();
        instances.stop("id").await;
        assert!(instance.host.storage().is_err());
        assert!(instances.get("id").is_none());
    }

    #[tokio::test]
    async fn a_second_set_up_under_one_id_stops_the_first() {
        let instances = Instances::default();
        instances.add("id".into(), build(false).unwrap()).await;
        let first = instances.get("id").unwrap();
        instances.add("id".into(), build(false).unwrap()).await;
        assert!(first.host.storage().is_err());
        assert!(instances.get("id").unwrap().host.storage().is_ok());
        instances.stop_all().await;
        assert!(instances.get("id").is_none());
    }
}
