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
use tokio_util::task::TaskTracker;
use tonic::transport::Channel;

use super::host::Host;
use super::storage::HostStorage;
use super::system_view::HostSystemView;
use crate::pb::backend::SetupArgs;

/// How long the tasks of a backend may go on after its clean-up. A host waits
/// two seconds for the whole process.
const GRACE: Duration = Duration::from_millis(500);

/// Limit for the clean-up of a backend. One that does not end must neither keep
/// the tasks of a removed mount running nor its connection open.
const CLEAN_UP_LIMIT: Duration = Duration::from_mins(1);

/// Backends by the id that the host gives each mount's connection.
#[derive(Default)]
pub(crate) struct Instances {
    by_id: RwLock<HashMap<String, Arc<Instance>>>,
    /// Stops in progress. They run to completion even if the host stops
    /// waiting, because it does not ask again.
    stopping: TaskTracker,
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
            self.run_stop(before).await;
        }
    }

    /// Stops an instance, unless it was stopped before.
    pub(super) async fn stop(&self, id: &str) {
        let instance = {
            let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
            by_id.remove(id)
        };
        if let Some(instance) = instance {
            self.run_stop(instance).await;
        }
    }

    /// Stops all instances that the host left running, and waits for stops in
    /// progress.
    pub(crate) async fn stop_all(&self) {
        let all: Vec<_> = {
            let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
            by_id.drain().map(|(_, instance)| instance).collect()
        };
        join_all(all.into_iter().map(|instance| self.run_stop(instance))).await;
        self.stopping.close();
        self.stopping.wait().await;
    }

    async fn run_stop(&self, instance: Arc<Instance>) {
        let stop = self.stopping.spawn(async move { instance.stop().await });
        if let Err(error) = stop.await {
            tracing::error!(%error, "cannot clean up a mount");
        }
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
        let clean_up = self.call(async |backend| {
            backend.cleanup().await;
            Ok(())
        });
        match tokio::time::timeout(CLEAN_UP_LIMIT, clean_up).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "cannot clean up a mount"),
            Err(_) => tracing::error!(
                "the clean-up of a mount did not end within {} s",
                CLEAN_UP_LIMIT.as_secs()
            ),
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

    /// Cleans up for a while, or for ever.
    struct Slow(Duration);

    impl Factory for Slow {
        fn create(&self, context: BackendContext) -> Result<Arc<dyn Backend>, Error> {
            let sleep = context.tasks.sleep(Duration::from_hours(1));
            context.tasks.spawn(sleep);
            Ok(Arc::new(Self(self.0)))
        }

        fn version(&self) -> &'static str {
            "v0.0.1"
        }
    }

    #[async_trait]
    impl Backend for Slow {
        async fn handle(&self, _: Request) -> Result<Option<Response>, Error> {
            Ok(None)
        }

        async fn exists(&self, _: Request) -> Result<Existence, Error> {
            Ok(Existence::Unchecked)
        }

        async fn cleanup(&self) {
            tokio::time::sleep(self.0).await;
        }
    }

    async fn slow(clean_up: Duration) -> (Instances, Arc<Instance>) {
        let channel = Endpoint::from_static("http://localhost:1").connect_lazy();
        let instance = Instance::build(&Slow(clean_up), channel, SetupArgs::default());
        let instances = Instances::default();
        instances.add("id".into(), instance.unwrap()).await;
        let instance = instances.get("id").unwrap();
        (instances, instance)
    }

    fn running_tasks() -> usize {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    }

    #[tokio::test(start_paused = true)]
    async fn a_clean_up_that_hangs_leaves_no_task_and_no_connection() {
        let (instances, instance) = slow(Duration::from_hours(1000)).await;
        let stopped = tokio::time::timeout(Duration::from_mins(2), instances.stop("id")).await;
        assert!(stopped.is_ok());
        assert!(instance.host.storage().is_err());
        tokio::task::yield_now().await;
        assert_eq!(running_tasks(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_is_stopped_although_the_set_up_that_replaces_it_is_cancelled() {
        let (instances, first) = slow(Duration::from_secs(10)).await;
        let second = instances.add("id".into(), build(false).unwrap());
        let cancelled = tokio::time::timeout(Duration::from_secs(1), second).await;
        assert!(cancelled.is_err());
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert!(first.host.storage().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_process_waits_for_a_clean_up_that_its_host_gave_up() {
        let (instances, instance) = slow(Duration::from_secs(10)).await;
        let given_up = tokio::time::timeout(Duration::from_secs(1), instances.stop("id")).await;
        assert!(given_up.is_err());
        instances.stop_all().await;
        assert!(instance.host.storage().is_err());
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
