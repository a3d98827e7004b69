//! An engine on the real client and a simulated Confluent Cloud, mounted in the
//! test's own process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use confluent_backend::{ConfluentCloud, ConfluentFactory};
use confluent_cloud::RetryPolicy;
use confluent_simulator::{Options, Running, Simulator, parse_world};
use engine::ledger::store::LedgerStore;
use logical::effects::Replication;
use logical::{
    Backend, BackendContext, Error, Factory, Metrics, NoMetrics, Operation, Request, Response,
    Storage, SystemView, Write,
};
use runtime::{SystemClock, SystemEntropy, TokioTasks};
use serde_json::{Value, json};
use store::MemoryStorage;
use zeroize::Zeroizing;

/// A world in which one service account may have two keys for clusters.
const WORLD: &str = r#"{
    "organization": "0f0f0f0f-1111-2222-3333-444444444444",
    "environments": [{"id": "env-1"}],
    "kafka_clusters": [{"id": "lkc-1", "environment": "env-1"}],
    "schema_registries": [{"id": "lsrc-1", "environment": "env-1"}],
    "ksqldb_clusters": [{"id": "lksqlc-1", "environment": "env-1", "kafka_cluster": "lkc-1", "credential_identity": "sa-1"}],
    "service_accounts": [{"id": "sa-1", "display_name": "orders"}],
    "users": [{"id": "u-1", "email": "user@example.com"}],
    "quotas": {"iam.max_cluster_api_keys.per_service_account": 2}
}"#;

/// A host without limits of its own.
struct Host;

#[async_trait]
impl SystemView for Host {
    async fn default_lease_ttl(&self) -> Result<Duration, Error> {
        Ok(Duration::from_hours(1))
    }

    async fn max_lease_ttl(&self) -> Result<Duration, Error> {
        Ok(Duration::from_hours(24))
    }

    async fn tainted(&self) -> Result<bool, Error> {
        Ok(false)
    }

    async fn replication(&self) -> Result<Replication, Error> {
        Ok(Replication::default())
    }

    async fn local_mount(&self) -> Result<bool, Error> {
        Ok(false)
    }
}

/// Storage that can be full.
#[derive(Default)]
pub(crate) struct Disk {
    inner: MemoryStorage,
    pub(crate) full: AtomicBool,
}

impl Disk {
    fn room(&self) -> Result<(), Error> {
        if self.full.load(Ordering::SeqCst) {
            return Err(Error::internal("no space left on device"));
        }
        Ok(())
    }
}

#[async_trait]
impl Storage for Disk {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.inner.get(key).await
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.room()?;
        self.inner.put(key, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.inner.delete(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.inner.list(prefix).await
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        self.room()?;
        self.inner.apply(batch).await
    }
}

/// The mount.
pub(crate) struct Mount {
    pub(crate) simulator: Simulator,
    pub(crate) disk: Arc<Disk>,
    running: Running,
    engine: Arc<dyn Backend>,
}

impl Mount {
    /// With an account.
    pub(crate) async fn new() -> Self {
        Self::measured_by(Arc::new(NoMetrics)).await
    }

    /// With an account, on a host that takes measurements.
    pub(crate) async fn measured_by(metrics: Arc<dyn Metrics>) -> Self {
        let options = Options {
            world: Some(parse_world(WORLD).unwrap()),
            ..Options::default()
        };
        let simulator = Simulator::new(&options).unwrap();
        let running = simulator.spawn().await.unwrap();
        let disk = Arc::new(Disk::default());
        let cloud = ConfluentCloud::default().with_retries(RetryPolicy::never());
        let context = BackendContext::new(
            Arc::clone(&disk) as Arc<dyn Storage>,
            Arc::new(Host),
            Arc::new(SystemClock::new()),
            Arc::new(SystemEntropy),
            Arc::new(TokioTasks::new()),
        )
        .with_metrics(metrics);
        let factory = ConfluentFactory::new(cloud);
        let mount = Self {
            engine: factory.create(context).unwrap(),
            simulator,
            disk,
            running,
        };
        let secret = mount.simulator.admin_key().secret.expose().to_owned();
        mount.configure(&secret).await.unwrap();
        mount
    }

    /// Writes the account with this secret.
    pub(crate) async fn configure(&self, secret: &str) -> Result<Option<Response>, Error> {
        let body = json!({
            "ccloud_api_key_id": self.simulator.admin_key().id.as_str(),
            "ccloud_api_key_secret": secret,
            "url": self.running.url(),
        });
        self.write("config", &body).await
    }

    pub(crate) async fn write(&self, path: &str, body: &Value) -> Result<Option<Response>, Error> {
        let body = body.as_object().cloned().unwrap();
        let request = Request::new(Operation::Update, path).with_data(body);
        self.engine.handle(request).await
    }

    pub(crate) async fn read(&self, path: &str) -> Result<Option<Response>, Error> {
        self.engine
            .handle(Request::new(Operation::Read, path))
            .await
    }

    /// Writes a role `app` and reads its credentials.
    pub(crate) async fn creds(&self, role: &Value) -> Result<Response, Error> {
        self.write("role/app", role).await.unwrap();
        Ok(self.read("creds/app").await?.unwrap())
    }

    pub(crate) async fn revoke(&self, response: &Response) -> Result<(), Error> {
        let secret = response.secret.clone().unwrap();
        let request = Request::new(Operation::Revoke, "creds/app").with_secret(secret);
        self.engine.handle(request).await.map(|_| ())
    }

    pub(crate) async fn renew(&self, response: &Response) -> Result<(), Error> {
        let secret = response.secret.clone().unwrap();
        let request = Request::new(Operation::Renew, "creds/app").with_secret(secret);
        self.engine.handle(request).await.map(|_| ())
    }

    /// The keys that live at the simulator, but for the admin's.
    pub(crate) fn live(&self) -> Vec<String> {
        let admin = self.simulator.admin_key().id.to_string();
        let keys = self.simulator.state().api_keys.into_iter();
        keys.filter(|key| key.deleted_at.is_none() && key.id != admin)
            .map(|key| key.id)
            .collect()
    }

    /// How many keys the engine says are not gone, with those whose fate is
    /// still open.
    pub(crate) async fn on_record(&self) -> usize {
        let ledger = LedgerStore::new(Arc::clone(&self.disk) as Arc<dyn Storage>);
        let known = ledger.all().await.unwrap();
        known.values().filter(|known| !known.is_settled()).count()
    }
}
