//! The world of the tests: memory, time that passes only when all wait, and a
//! backend that does as it is told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use logical::{
    Backend, BackendContext, Clock, Entropy, Error, Existence, Factory, LeaseOptions, Object,
    Operation, Request, Response, Secret, Storage, Write,
};
use runtime::TokioTasks;
use serde_json::{Value, json};
use store::MemoryStorage;
use zeroize::Zeroizing;

use crate::core::Identity;
use crate::effects::Effects;
use crate::mounts::MountRequest;
use crate::{ClientRequest, ClientToken, Core, CoreConfig};

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

/// Wall time that moves with tokio's virtual time.
struct VirtualClock {
    start: tokio::time::Instant,
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.monotonic()).unwrap();
        Timestamp::from_second(1_800_000_000).unwrap() + elapsed
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Storage whose batches take as long as they are told to.
pub(crate) struct SlowStorage {
    inner: Arc<MemoryStorage>,
    pub(crate) batches_take: Mutex<Duration>,
}

#[async_trait]
impl Storage for SlowStorage {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.inner.get(key).await
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.inner.put(key, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.inner.delete(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.inner.list(prefix).await
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        let time = *self.batches_take.lock().unwrap();
        tokio::time::sleep(time).await;
        self.inner.apply(batch).await
    }
}

/// Everything that a core is handed.
pub(crate) struct World {
    pub(crate) storage: Arc<MemoryStorage>,
    pub(crate) slow: Arc<SlowStorage>,
    entropy: Arc<CountingEntropy>,
    clock: Arc<VirtualClock>,
    pub(crate) puppet: Arc<Puppet>,
}

impl World {
    pub(crate) fn new() -> Self {
        let storage = Arc::new(MemoryStorage::new());
        Self {
            slow: Arc::new(SlowStorage {
                inner: Arc::clone(&storage),
                batches_take: Mutex::new(Duration::ZERO),
            }),
            storage,
            entropy: Arc::default(),
            clock: Arc::new(VirtualClock {
                start: tokio::time::Instant::now(),
            }),
            puppet: Arc::default(),
        }
    }

    pub(crate) fn effects(&self) -> Effects {
        Effects {
            storage: Arc::clone(&self.slow) as _,
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::clone(&self.entropy) as _,
            task_groups: Arc::new(|| Arc::new(TokioTasks::new())),
        }
    }

    /// A core on the world's storage, with the token `root`.
    pub(crate) async fn start(&self) -> Arc<Core> {
        let puppet: Arc<dyn Factory> = Arc::new(PuppetFactory(Arc::clone(&self.puppet)));
        let config = CoreConfig {
            identity: Identity {
                version: "1.18.3".into(),
                lockkeeper_version: "0.1.0".into(),
                storage_type: "inmem".into(),
            },
            factories: BTreeMap::from([("puppet".to_owned(), puppet)]),
        };
        let core = Core::start(config, self.effects()).await.unwrap();
        let root = Some(ClientToken::new("root"));
        core.create_root_token(root).await.unwrap();
        core
    }

    /// As [`World::start`], with the puppet at `puppet/`.
    pub(crate) async fn mounted(&self) -> Arc<Core> {
        let core = self.start().await;
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
    let request = ClientRequest {
        operation,
        path: path.into(),
        data: body.as_object().cloned().unwrap_or_default(),
        token: token.map(ClientToken::new),
    };
    let answer = core.handle(request).await;
    let body = answer.body();
    Seen {
        status: answer.status(),
        body: body.map_or(Value::Null, |body| serde_json::from_slice(&body).unwrap()),
    }
}

/// A backend that answers everything under a lease of ten seconds, at most
/// thirty, and notes which were revoked.
#[derive(Default)]
pub(crate) struct Puppet {
    pub(crate) failing: AtomicBool,
    pub(crate) ticks: AtomicU64,
    answered: AtomicU64,
    revoked: Mutex<Vec<u64>>,
    storage: Mutex<Option<Arc<dyn Storage>>>,
}

impl Puppet {
    /// The numbers of the answers that were revoked.
    pub(crate) fn revoked(&self) -> Vec<u64> {
        let revoked = self.revoked.lock();
        revoked.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lease() -> LeaseOptions {
        LeaseOptions::renewable(Duration::from_secs(10), Duration::from_secs(30))
    }
}

struct PuppetFactory(Arc<Puppet>);

impl Factory for PuppetFactory {
    fn create(&self, context: BackendContext) -> Result<Arc<dyn Backend>, Error> {
        *self.0.storage.lock().unwrap() = Some(context.storage);
        Ok(Arc::clone(&self.0) as _)
    }

    fn version(&self) -> &'static str {
        "v0.0.1"
    }
}

#[async_trait]
impl Backend for Puppet {
    async fn handle(&self, request: Request) -> Result<Option<Response>, Error> {
        match request.operation {
            Operation::Read if request.path == "lease" => {
                let number = self.answered.fetch_add(1, Ordering::SeqCst);
                let mut data = Object::new();
                data.insert("number".into(), number.into());
                let mut internal_data = Object::new();
                internal_data.insert("number".into(), number.into());
                let lease = Secret::from_parts(Self::lease(), internal_data, "");
                Ok(Some(Response::with_data(data).under(lease)))
            }
            Operation::Read if request.path == "asker" => {
                let data = json!({
                    "name": request.display_name,
                    "token": request.client_token,
                    "mount": request.mount_point,
                });
                Ok(data.as_object().cloned().map(Response::with_data))
            }
            Operation::Update | Operation::Create => {
                let storage = self.storage.lock().unwrap().clone().unwrap();
                storage.put(&request.path, b"{}").await?;
                let mut data = Object::new();
                data.insert("operation".into(), request.operation.as_str().into());
                Ok(Some(Response::with_data(data)))
            }
            Operation::Renew => Ok(request.secret.map(|mut secret| {
                secret.lease = Self::lease();
                Response::renewed(secret)
            })),
            Operation::Revoke if self.failing.load(Ordering::SeqCst) => {
                Err(Error::upstream("the puppet fails"))
            }
            Operation::Revoke => {
                let secret = request.secret.unwrap();
                let number = secret.internal_data["number"].as_u64().unwrap();
                self.revoked.lock().unwrap().push(number);
                Ok(None)
            }
            _ => Err(Error::unsupported_path()),
        }
    }

    async fn exists(&self, request: Request) -> Result<Existence, Error> {
        let storage = self.storage.lock().unwrap().clone().unwrap();
        Ok(match storage.get(&request.path).await? {
            Some(_) => Existence::Present,
            None => Existence::Absent,
        })
    }

    async fn periodic(&self) -> Result<(), Error> {
        self.ticks.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}
