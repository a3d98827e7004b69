//! The world of the tests: everything that the engine is handed, with time
//! that passes only when all wait.

mod cloud;
mod data_plane;
mod limit;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use engine::EngineFactory;
use engine::control_plane::ControlPlane;
use jiff::{SignedDuration, Timestamp};
use logical::effects::Replication;
use logical::{
    Backend, BackendContext, Clock, Entropy, Error, Factory, Metrics, Object, Operation, Request,
    Response, Secret, Storage, SystemView, Tasks, Write,
};
use runtime::TokioTasks;
use serde_json::Value;
use store::MemoryStorage;
use virtual_world::Measurements;
use zeroize::Zeroizing;

pub(crate) use self::cloud::{
    ADMIN_KEY, ADMIN_SECRET, Cloud, Fault, NEXT_ADMIN_KEY, ORGANIZATION, OTHER_ADMIN_KEY,
    OTHER_ORGANIZATION,
};
pub(crate) use self::limit::Limit;

/// The host's stable id of the mount.
pub(crate) const MOUNT_ID: &str = "mount-1";

/// Wall time that moves with tokio's virtual time.
struct VirtualClock {
    start: tokio::time::Instant,
}

fn virtual_now() -> Timestamp {
    EPOCH.with(|start| {
        let start = *start.borrow();
        let elapsed = start.map_or(Duration::ZERO, |start: tokio::time::Instant| {
            start.elapsed()
        });
        let right = Timestamp::from_second(1_800_000_000).unwrap() + elapsed;
        right + SET_OFF.get()
    })
}

thread_local! {
    /// By how much the wall clock is wrong.
    static SET_OFF: std::cell::Cell<SignedDuration> = const { std::cell::Cell::new(SignedDuration::ZERO) };
    static EPOCH: std::cell::RefCell<Option<tokio::time::Instant>> =
        const { std::cell::RefCell::new(None) };
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        virtual_now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
            byte.copy_from_slice(&next[..byte.len()]);
        }
    }
}

/// The host's side: what it tells, and whether its storage fails.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) tainted: AtomicBool,
    pub(crate) replication: AtomicU32,
    /// How many questions it was asked.
    pub(crate) asked: AtomicU64,
    /// How long it takes to tell the longest life of a lease, and whether it is
    /// active.
    pub(crate) answer_delay: Mutex<Duration>,
    /// The longest life of a lease, if it is not a day.
    pub(crate) longest: Mutex<Option<Duration>>,
}

impl Host {
    async fn think(&self) {
        let delay = *self.answer_delay.lock().unwrap();
        tokio::time::sleep(delay).await;
    }

    fn answer<T>(&self, answer: T) -> T {
        self.asked.fetch_add(1, Ordering::SeqCst);
        answer
    }
}

#[async_trait]
impl SystemView for Host {
    async fn default_lease_ttl(&self) -> Result<Duration, Error> {
        Ok(self.answer(Duration::from_hours(1)))
    }

    async fn max_lease_ttl(&self) -> Result<Duration, Error> {
        self.think().await;
        let longest = *self.longest.lock().unwrap();
        Ok(self.answer(longest.unwrap_or(Duration::from_hours(24))))
    }

    async fn tainted(&self) -> Result<bool, Error> {
        Ok(self.answer(self.tainted.load(Ordering::SeqCst)))
    }

    async fn replication(&self) -> Result<Replication, Error> {
        self.think().await;
        Ok(self.answer(Replication(self.replication.load(Ordering::SeqCst))))
    }

    async fn local_mount(&self) -> Result<bool, Error> {
        Ok(self.answer(false))
    }
}

/// Storage that can be told to fail its next writes, after having done them,
/// and to take long for all. It counts what is asked of it.
pub(crate) struct FaultyStorage {
    pub(crate) inner: Arc<MemoryStorage>,
    /// Reads and lists.
    pub(crate) reads: AtomicU64,
    /// Changes, each of a batch.
    pub(crate) writes: AtomicU64,
    /// How many bytes were written.
    pub(crate) bytes: AtomicU64,
    /// Reads of batches of records.
    pub(crate) reads_of_records: AtomicU64,
    fail_next: AtomicU32,
    pub(crate) write_delay: Mutex<Duration>,
    pub(crate) read_delay: Mutex<Duration>,
    /// Whether a write is carried out when its time is over, even if whoever
    /// wrote is gone by then, as a write that was sent to a host is.
    pub(crate) lands_late: AtomicBool,
    /// Whether writes of batches of records are lost.
    pub(crate) loses_records: AtomicBool,
    /// Called after every change. The changes of a batch are then made one by one.
    pub(crate) changed: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl FaultyStorage {
    pub(crate) fn fail_next_writes(&self, count: u32) {
        self.fail_next.store(count, Ordering::SeqCst);
    }

    fn tell(&self) {
        if let Some(changed) = self.changed.get() {
            changed();
        }
    }

    async fn outcome(&self, changes: usize) -> Result<(), Error> {
        self.writes.fetch_add(changes as u64, Ordering::SeqCst);
        let delay = *self.write_delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        let failing = self
            .fail_next
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        failing.map_or(Ok(()), |_| Err(Error::internal("disk full")))
    }
}

#[async_trait]
impl Storage for FaultyStorage {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let delay = *self.read_delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        if key.starts_with("lockkeeper/records/") {
            self.reads_of_records.fetch_add(1, Ordering::SeqCst);
        }
        self.inner.get(key).await
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        if self.lands_late.load(Ordering::SeqCst) {
            let inner = Arc::clone(&self.inner);
            let delay = *self.write_delay.lock().unwrap();
            let (key, value) = (key.to_owned(), value.to_vec());
            let landing = tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                inner.put(&key, &value).await
            });
            return landing.await.unwrap();
        }
        let loses_records = self.loses_records.load(Ordering::SeqCst);
        if loses_records && key.starts_with("lockkeeper/records/") {
            return Err(Error::internal("disk full"));
        }
        self.bytes.fetch_add(value.len() as u64, Ordering::SeqCst);
        self.inner.put(key, value).await?;
        self.tell();
        self.outcome(1).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.inner.delete(key).await?;
        self.tell();
        self.outcome(1).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.list(prefix).await
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        let changes = batch.len();
        for write in &batch {
            if let Write::Put { value, .. } = write {
                self.bytes.fetch_add(value.len() as u64, Ordering::SeqCst);
            }
        }
        if self.changed.get().is_none() {
            self.inner.apply(batch).await?;
            return self.outcome(changes).await;
        }
        for write in batch {
            self.inner.apply(vec![write]).await?;
            self.tell();
        }
        self.outcome(changes).await
    }
}

/// An engine with everything around it.
pub(crate) struct World {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) host: Arc<Host>,
    pub(crate) storage: Arc<FaultyStorage>,
    pub(crate) engine: Arc<dyn Backend>,
    /// What it reported.
    pub(crate) taken: Arc<Measurements>,
    entropy: Arc<Counter>,
}

/// A lease as the host keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) data: Object,
    pub(crate) secret: Secret,
}

impl Lease {
    pub(crate) fn key(&self) -> &str {
        self.data["key_id"].as_str().unwrap()
    }
}

impl World {
    /// An engine without an account.
    pub(crate) fn empty() -> Self {
        EPOCH.with(|start| *start.borrow_mut() = Some(tokio::time::Instant::now()));
        SET_OFF.set(SignedDuration::ZERO);
        let cloud = Arc::new(Cloud::default());
        let host = Arc::new(Host::default());
        let storage = Arc::new(FaultyStorage {
            inner: Arc::new(MemoryStorage::new()),
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            reads_of_records: AtomicU64::new(0),
            fail_next: AtomicU32::new(0),
            write_delay: Mutex::default(),
            read_delay: Mutex::default(),
            lands_late: AtomicBool::new(false),
            loses_records: AtomicBool::new(false),
            changed: OnceLock::new(),
        });
        let entropy = Arc::new(Counter(AtomicU64::new(1)));
        let taken = Arc::new(Measurements::default());
        let engine = mount(&cloud, &host, &storage, &entropy, &taken);
        Self {
            cloud,
            host,
            storage,
            engine,
            taken,
            entropy,
        }
    }

    /// An engine with an account, a single-use role `single` and a shared role
    /// `shared`, both with leases of ten minutes and at most an hour.
    pub(crate) async fn ready() -> Self {
        let world = Self::empty();
        world.write("config", &account()).await.unwrap();
        for (name, multi_use) in [("single", false), ("shared", true)] {
            let role = serde_json::json!({
                "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1",
                "ttl": 600, "max_ttl": 3600, "multi_use_key": multi_use,
            });
            world.write(&format!("role/{name}"), &role).await.unwrap();
        }
        world
    }

    /// A new process on the same storage; the old one is gone.
    pub(crate) fn restart(&mut self) {
        self.engine = self.another_process();
    }

    /// As [`World::restart`], when the power went before the record of a static
    /// role was written.
    pub(crate) async fn restart_without_static_role(&mut self, name: &str) {
        let record = format!("lockkeeper/static/{name}");
        self.storage.inner.delete(&record).await.unwrap();
        self.restart();
    }

    /// Another process on the same storage, with these tasks.
    pub(crate) fn process_with(&self, tasks: Arc<dyn Tasks>) -> Arc<dyn Backend> {
        mount_with(
            &self.cloud,
            &self.host,
            &self.storage,
            &self.entropy,
            &self.taken,
            tasks,
        )
    }

    /// Another process on the same storage.
    pub(crate) fn another_process(&self) -> Arc<dyn Backend> {
        mount(
            &self.cloud,
            &self.host,
            &self.storage,
            &self.entropy,
            &self.taken,
        )
    }

    pub(crate) async fn read(&self, path: &str) -> Result<Option<Response>, Error> {
        self.engine
            .handle(Request::new(Operation::Read, path))
            .await
    }

    /// What is read at a path; it must be there.
    pub(crate) async fn data_of(&self, path: &str) -> Object {
        self.read(path).await.unwrap().unwrap().data.unwrap()
    }

    /// The key that the static role `orders` serves.
    pub(crate) async fn served_key(&self) -> String {
        let data = self.data_of("static-creds/orders").await;
        data["key_id"].as_str().unwrap().to_owned()
    }

    /// The status of the static role `orders`.
    pub(crate) async fn static_status(&self) -> Object {
        self.data_of("static-role/orders/status").await
    }

    /// Whether a key is at Confluent.
    pub(crate) fn lives(&self, key: &str) -> bool {
        self.cloud.live().iter().any(|live| live == key)
    }

    pub(crate) async fn write(&self, path: &str, body: &Value) -> Result<Option<Response>, Error> {
        let data = body.as_object().cloned().unwrap();
        let request = Request::new(Operation::Update, path).with_data(data);
        self.engine.handle(request).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Option<Response>, Error> {
        self.engine
            .handle(Request::new(Operation::Delete, path))
            .await
    }

    pub(crate) async fn delete_with(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<Option<Response>, Error> {
        let data = body.as_object().cloned().unwrap();
        let request = Request::new(Operation::Delete, path).with_data(data);
        self.engine.handle(request).await
    }

    pub(crate) async fn list(&self, path: &str) -> Result<Option<Response>, Error> {
        self.engine
            .handle(Request::new(Operation::List, path))
            .await
    }

    /// Reads `creds/` as the host does: the lease gets its issue time.
    pub(crate) async fn lease(&self, role: &str) -> Result<Lease, Error> {
        leased(&self.engine, role).await
    }

    /// As [`World::lease`], with a token.
    pub(crate) async fn lease_to(&self, role: &str, reader: Reader<'_>) -> Result<Lease, Error> {
        leased_to(&self.engine, role, reader).await
    }

    pub(crate) async fn renew(&self, lease: &Lease, increment: u64) -> Result<Response, Error> {
        let mut secret = lease.secret.clone();
        secret.lease.increment = Duration::from_secs(increment);
        let request = Request::new(Operation::Renew, "creds/any").with_secret(secret);
        Ok(self.engine.handle(request).await?.unwrap())
    }

    pub(crate) async fn revoke(&self, lease: &Lease) -> Result<(), Error> {
        let request =
            Request::new(Operation::Revoke, "creds/any").with_secret(lease.secret.clone());
        self.engine.handle(request).await.map(|_| ())
    }

    /// Sets the wall clock later, or earlier, than it is.
    pub(crate) fn set_clock(&self, by: SignedDuration) {
        let _ = self;
        SET_OFF.set(by);
    }

    /// The wall time.
    pub(crate) fn now(&self) -> Timestamp {
        let _ = self;
        virtual_now()
    }

    /// Time passes, with the host's periodic call every minute.
    pub(crate) async fn pass(&self, time: Duration) {
        let minute = Duration::from_mins(1);
        let mut left = time;
        while !left.is_zero() {
            let nap = left.min(minute);
            tokio::time::sleep(nap).await;
            left -= nap;
            self.engine.periodic().await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// With which token somebody reads.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reader<'a> {
    /// Its entity, or empty.
    pub(crate) entity: &'a str,
    /// The accessor of its token; a batch token has none.
    pub(crate) accessor: &'a str,
    /// Its salted token.
    pub(crate) token: &'a str,
}

pub(crate) async fn leased(engine: &Arc<dyn Backend>, role: &str) -> Result<Lease, Error> {
    leased_to(engine, role, Reader::default()).await
}

pub(crate) async fn leased_to(
    engine: &Arc<dyn Backend>,
    role: &str,
    reader: Reader<'_>,
) -> Result<Lease, Error> {
    let mut request = Request::new(Operation::Read, format!("creds/{role}"));
    request.entity_id = reader.entity.to_owned();
    request.client_token_accessor = reader.accessor.to_owned();
    request.client_token = reader.token.to_owned();
    let response = engine.handle(request).await?.unwrap();
    let mut secret = response.secret.unwrap();
    secret.lease.issue_time = Some(virtual_now());
    Ok(Lease {
        data: response.data.unwrap(),
        secret,
    })
}

pub(crate) fn account() -> Value {
    serde_json::json!({
        "ccloud_api_key_id": ADMIN_KEY,
        "ccloud_api_key_secret": ADMIN_SECRET,
    })
}

fn mount(
    cloud: &Arc<Cloud>,
    host: &Arc<Host>,
    storage: &Arc<FaultyStorage>,
    entropy: &Arc<Counter>,
    taken: &Arc<Measurements>,
) -> Arc<dyn Backend> {
    let tasks = Arc::new(TokioTasks::new());
    mount_with(cloud, host, storage, entropy, taken, tasks)
}

fn mount_with(
    cloud: &Arc<Cloud>,
    host: &Arc<Host>,
    storage: &Arc<FaultyStorage>,
    entropy: &Arc<Counter>,
    taken: &Arc<Measurements>,
    tasks: Arc<dyn Tasks>,
) -> Arc<dyn Backend> {
    let factory = EngineFactory::new(Arc::clone(cloud) as Arc<dyn ControlPlane>);
    let clock = VirtualClock {
        start: tokio::time::Instant::now(),
    };
    let context = BackendContext::new(
        Arc::clone(storage) as Arc<dyn Storage>,
        Arc::clone(host) as Arc<dyn SystemView>,
        Arc::new(clock),
        Arc::clone(entropy) as Arc<dyn Entropy>,
        tasks,
    )
    .with_metrics(Arc::clone(taken) as Arc<dyn Metrics>)
    .with_uuid(MOUNT_ID);
    factory.create(context).unwrap()
}
