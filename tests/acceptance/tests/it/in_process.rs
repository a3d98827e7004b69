//! Our server in the test's own process, on a storage and with clocks that the test
//! chooses.

use std::future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use logical::{Clock, Storage, TaskGroup, Tasks};
use runtime::TokioTasks;
use serde_json::Value;
use store::MemoryStorage;
use testkit::Http;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use vault_core::{ClientToken, CoreConfig, Effects, MountRequest, ServerInfo, Vault};

use crate::cloud::Cloud;
use crate::hosts::ENGINE;

/// Where the test keeps the key of the store.
const UNSEAL_KEY: &str = "test/unseal-key";

/// A server with the engine at `team/` and the root token `root`.
pub(crate) struct Server {
    runtime: Runtime,
    pub(crate) http: Http,
}

impl Server {
    /// Starts one on a storage that outlives it.
    pub(crate) fn start(storage: &Arc<MemoryStorage>) -> Self {
        Self::start_with(storage, |effects| effects)
    }

    /// Starts one with the account of `cloud` for which every second of the machine
    /// is so many seconds: its clocks run and its tasks wait accordingly.
    pub(crate) fn start_fast(cloud: &Cloud, speed: u32) -> Self {
        let storage = Arc::new(MemoryStorage::new());
        let server = Self::start_with(&storage, |effects| Effects {
            clock: Arc::new(FastClock {
                begun: Instant::now(),
                wall: Timestamp::now(),
                speed,
            }),
            task_groups: Arc::new(move || {
                let tasks = TokioTasks::new();
                Arc::new(FastTasks { tasks, speed })
            }),
            ..effects
        });
        server.write("team/config", &cloud.account());
        server
    }

    fn start_with(storage: &Arc<MemoryStorage>, change: impl FnOnce(Effects) -> Effects) -> Self {
        let runtime = Runtime::new().unwrap();
        let address = runtime.block_on(async {
            let factory: Arc<dyn logical::Factory> = Arc::new(confluent_backend::factory());
            let config = CoreConfig::new(
                ServerInfo {
                    version: server::VAULT_VERSION.to_owned(),
                    lockkeeper_version: "test".to_owned(),
                    storage_type: "inmem".to_owned(),
                },
                [(ENGINE.to_owned(), factory)].into(),
            );
            let effects = server::effects(Arc::clone(storage) as Arc<dyn Storage>);
            let vault = Vault::load(config, change(effects)).await.unwrap();
            // Beside what the server stores, so that a successor can unseal.
            if let Some(share) = storage.get(UNSEAL_KEY).await.unwrap() {
                vault.unseal(share).await.unwrap();
            } else {
                let token = Some(ClientToken::new("root".to_owned()));
                let (core, made) = vault.develop(token).await.unwrap();
                storage.put(UNSEAL_KEY, &made.shares[0]).await.unwrap();
                let mount = MountRequest {
                    path: "team".to_owned(),
                    kind: ENGINE.to_owned(),
                    ..MountRequest::default()
                };
                core.mount(mount).await.unwrap();
            }
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(server::serve(
                vault,
                [server::Listener::new(listener)],
                future::pending(),
            ));
            address
        });
        let http = Http::new(&format!("http://{address}")).with_token("root");
        Self { runtime, http }
    }

    /// Ends it as a crash would: every task stops where it waits.
    pub(crate) fn kill(self) {
        self.runtime.shutdown_timeout(Duration::from_secs(5));
    }

    /// Writes something that must be accepted.
    pub(crate) fn write(&self, path: &str, body: &Value) {
        let (status, answer) = self.http.request("POST", path, Some(body));
        assert!(status < 300, "{path}: {status} {answer}");
    }
}

/// Clocks that run faster than the machine's.
struct FastClock {
    begun: Instant,
    wall: Timestamp,
    speed: u32,
}

impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        self.wall + SignedDuration::try_from(self.monotonic()).unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.begun.elapsed() * self.speed
    }
}

/// Tasks that wait by such clocks.
struct FastTasks {
    tasks: TokioTasks,
    speed: u32,
}

impl Tasks for FastTasks {
    fn spawn(&self, task: futures_util::future::BoxFuture<'static, ()>) {
        self.tasks.spawn(task);
    }

    fn sleep(&self, duration: Duration) -> futures_util::future::BoxFuture<'static, ()> {
        self.tasks.sleep(duration / self.speed)
    }
}

#[async_trait]
impl TaskGroup for FastTasks {
    async fn shut_down(&self, grace: Duration) {
        self.tasks.shut_down(grace).await;
    }
}
