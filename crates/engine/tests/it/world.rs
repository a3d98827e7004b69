//! The world of the tests: everything that the engine is handed, with time
//! that passes only when all wait.

mod cloud;
mod data_plane;
mod limit;

use std::sync::Arc;
use std::time::Duration;

use engine::EngineFactory;
use engine::control_plane::ControlPlane;
use jiff::{SignedDuration, Timestamp};
use logical::{
    Backend, BackendContext, Clock as _, Error, Factory, Metrics, Object, Operation, Request,
    Response, Secret, Storage as _, Tasks,
};
use serde_json::Value;
use virtual_world::{
    CountingEntropy, Measurements, Process, VirtualClock, VirtualHost, VirtualStorage, VirtualTasks,
};

pub(crate) use self::cloud::{
    ADMIN_KEY, ADMIN_SECRET, Cloud, Fault, NEXT_ADMIN_KEY, ORGANIZATION, OTHER_ADMIN_KEY,
    OTHER_ORGANIZATION,
};
pub(crate) use self::limit::Limit;

/// The host's stable id of the mount.
pub(crate) const MOUNT_ID: &str = "mount-1";

thread_local! {
    /// The clock of the world that this thread's test made last.
    static CLOCK: std::cell::RefCell<Option<Arc<VirtualClock>>> =
        const { std::cell::RefCell::new(None) };
}

/// The wall time of this thread's world.
fn virtual_now() -> Timestamp {
    CLOCK.with_borrow(|clock| clock.as_ref().unwrap().now())
}

/// An engine with everything around it.
pub(crate) struct World {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) host: Arc<VirtualHost>,
    pub(crate) storage: Arc<VirtualStorage>,
    pub(crate) engine: Arc<dyn Backend>,
    /// What it reported.
    pub(crate) taken: Arc<Measurements>,
    entropy: Arc<CountingEntropy>,
    clock: Arc<VirtualClock>,
    process: Arc<Process>,
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
        let clock = Arc::new(VirtualClock::new());
        CLOCK.set(Some(Arc::clone(&clock)));
        let process = Arc::new(Process::new());
        let cloud = Arc::new(Cloud::default());
        let host = Arc::new(VirtualHost::new());
        let storage = Arc::new(VirtualStorage::new(&process));
        let entropy = Arc::new(CountingEntropy::new());
        let taken = Arc::new(Measurements::default());
        let tasks = Arc::new(VirtualTasks::new(&process));
        let engine = mount(&cloud, &host, &storage, &entropy, &taken, &clock, tasks);
        Self {
            cloud,
            host,
            storage,
            engine,
            taken,
            entropy,
            clock,
            process,
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
        self.storage.disk().delete(&record).await.unwrap();
        self.restart();
    }

    /// Another process on the same storage, with these tasks.
    pub(crate) fn process_with(&self, tasks: Arc<dyn Tasks>) -> Arc<dyn Backend> {
        mount(
            &self.cloud,
            &self.host,
            &self.storage,
            &self.entropy,
            &self.taken,
            &self.clock,
            tasks,
        )
    }

    /// Another process on the same storage. Whatever the first one has under way goes
    /// on beside it.
    pub(crate) fn another_process(&self) -> Arc<dyn Backend> {
        self.process_with(Arc::new(VirtualTasks::new(&self.process)))
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
        self.clock.correct();
        self.clock.jump(by);
    }

    /// The wall time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
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
    host: &Arc<VirtualHost>,
    storage: &Arc<VirtualStorage>,
    entropy: &Arc<CountingEntropy>,
    taken: &Arc<Measurements>,
    clock: &VirtualClock,
    tasks: Arc<dyn Tasks>,
) -> Arc<dyn Backend> {
    let factory = EngineFactory::new(Arc::clone(cloud) as Arc<dyn ControlPlane>);
    let context = BackendContext::new(
        Arc::clone(storage) as _,
        Arc::clone(host) as _,
        Arc::new(clock.restarted()),
        Arc::clone(entropy) as _,
        tasks,
    )
    .with_metrics(Arc::clone(taken) as Arc<dyn Metrics>)
    .with_uuid(MOUNT_ID);
    factory.create(context).unwrap()
}
