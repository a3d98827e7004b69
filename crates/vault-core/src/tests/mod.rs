//! The world of the tests: memory, time that passes only when all wait, and a
//! backend that does as it is told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use approle::AppRoleFactory;
use async_trait::async_trait;
use kv::KvFactory;
use logical::{Entropy, Error, Factory, Metrics, NoMetrics, Operation, Storage, Write};
use runtime::TokioTasks;
use serde_json::Value;
use store::MemoryStorage;
use zeroize::Zeroizing;

mod builtin;
mod crash;
mod entities;
mod lease_ttls;
mod puppet;
mod reported;
mod stored;

use virtual_world::VirtualClock;

use self::puppet::PuppetFactory;
pub(crate) use self::puppet::{Does, Puppet};
use crate::effects::Effects;
use crate::{ClientRequest, ClientToken, Core, CoreConfig, MountRequest, ServerInfo};

/// Bytes that count up, so that no two names are the same.
#[derive(Default)]
pub(crate) struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::SeqCst);
            let mixed = next.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17);
            chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Storage whose writes take as long as they are told to, and are stored
/// before they answer.
pub(crate) struct SlowStorage {
    inner: Arc<MemoryStorage>,
    pub(crate) writes_take: Mutex<Duration>,
}

impl SlowStorage {
    async fn write(&self, batch: Vec<Write>) -> Result<(), Error> {
        let time = *self.writes_take.lock().unwrap();
        self.inner.apply(batch).await?;
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
        Ok(())
    }
}

#[async_trait]
impl Storage for SlowStorage {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.inner.get(key).await
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.write(vec![Write::put(key, value.to_vec())]).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.write(vec![Write::delete(key)]).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.inner.list(prefix).await
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        self.write(batch).await
    }
}

/// Everything that a core is handed.
pub(crate) struct World {
    pub(crate) storage: Arc<MemoryStorage>,
    pub(crate) slow: Arc<SlowStorage>,
    entropy: Arc<CountingEntropy>,
    clock: Arc<VirtualClock>,
    pub(crate) puppet: Arc<Puppet>,
    pub(crate) metrics: Arc<dyn Metrics>,
}

impl World {
    pub(crate) fn new() -> Self {
        let storage = Arc::new(MemoryStorage::new());
        Self {
            slow: Arc::new(SlowStorage {
                inner: Arc::clone(&storage),
                writes_take: Mutex::new(Duration::ZERO),
            }),
            storage,
            entropy: Arc::default(),
            clock: Arc::new(VirtualClock::new()),
            puppet: Arc::default(),
            metrics: Arc::new(NoMetrics),
        }
    }

    pub(crate) fn effects(&self) -> Effects {
        Effects {
            storage: Arc::clone(&self.slow) as _,
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::clone(&self.entropy) as _,
            task_groups: Arc::new(|| Arc::new(TokioTasks::new())),
            metrics: Arc::clone(&self.metrics),
        }
    }

    /// The same with storage that fails and takes time on demand, and a wall
    /// clock that can jump.
    pub(crate) fn effects_of(&self, machine: &virtual_world::World) -> Effects {
        Effects {
            storage: Arc::clone(&machine.storage) as _,
            clock: Arc::clone(&machine.clock) as _,
            ..self.effects()
        }
    }

    /// A core on the world's storage, with the token `root`.
    pub(crate) async fn start(&self) -> Arc<Core> {
        self.start_with(self.effects()).await.unwrap()
    }

    /// As [`World::start`], with other effects.
    pub(crate) async fn start_with(&self, effects: Effects) -> Result<Arc<Core>, Error> {
        let core = Core::start(self.config(), effects).await?;
        let root = Some(ClientToken::new("root"));
        core.create_root_token(root).await?;
        Ok(core)
    }

    /// What can be mounted, and what the server says about itself.
    pub(crate) fn config(&self) -> CoreConfig {
        let puppet: Arc<dyn Factory> = Arc::new(PuppetFactory(Arc::clone(&self.puppet)));
        CoreConfig::new(
            ServerInfo {
                version: "1.18.3".into(),
                lockkeeper_version: "0.1.0".into(),
                storage_type: "inmem".into(),
            },
            BTreeMap::from([
                ("puppet".to_owned(), puppet),
                (
                    "approle".to_owned(),
                    Arc::new(AppRoleFactory::new("v1")) as _,
                ),
                ("kv".to_owned(), Arc::new(KvFactory::new("v1")) as _),
            ]),
        )
    }

    /// As [`World::start`], with the puppet at `puppet/`.
    pub(crate) async fn mounted(&self) -> Arc<Core> {
        self.mounted_with(self.effects()).await
    }

    /// As [`World::mounted`], with other effects.
    pub(crate) async fn mounted_with(&self, effects: Effects) -> Arc<Core> {
        let core = self.start_with(effects).await.unwrap();
        let request = MountRequest {
            path: "puppet".into(),
            kind: "puppet".into(),
            ..MountRequest::default()
        };
        core.mount(request).await.unwrap();
        core
    }
}

/// What a request came to, as a client sees it.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Seen {
    pub(crate) fn error(&self) -> &str {
        self.body["errors"][0].as_str().unwrap_or_default()
    }
}

/// Asks as the token `root`.
pub(crate) async fn ask(core: &Core, operation: Operation, path: &str, body: Value) -> Seen {
    ask_as(core, Some("root"), operation, path, body).await
}

pub(crate) async fn ask_as(
    core: &Core,
    token: Option<&str>,
    operation: Operation,
    path: &str,
    body: Value,
) -> Seen {
    handle(core, request_as(token, operation, path, &body)).await
}

/// Asks for a wrapped answer.
pub(crate) async fn ask_wrapped(
    core: &Core,
    token: &str,
    operation: Operation,
    path: &str,
    body: Value,
    ttl: Duration,
) -> Seen {
    let mut request = request_as(Some(token), operation, path, &body);
    request.wrap_ttl = Some(ttl);
    handle(core, request).await
}

fn request_as(
    token: Option<&str>,
    operation: Operation,
    path: &str,
    body: &Value,
) -> ClientRequest {
    ClientRequest::new(operation, path)
        .with_data(body.as_object().cloned().unwrap_or_default())
        .with_token(token.map(ClientToken::new))
}

async fn handle(core: &Core, request: ClientRequest) -> Seen {
    let answer = core.handle(request).await;
    let body = answer.body();
    Seen {
        status: answer.status(),
        body: body.map_or(Value::Null, |body| serde_json::from_slice(&body).unwrap()),
    }
}
